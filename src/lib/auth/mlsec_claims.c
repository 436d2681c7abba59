/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_claims.h>
#include <lib/json/mlsec_json_inline.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>


#define MLSEC_CLAIMS_NUMBER  32        /* bytes of one in text, at most */


static int mlsec_claims_within(mlsec_str_t text, size_t max_depth);
static int mlsec_claims_step(const mlsec_mem_t *mem, mlsec_str_t name,
    int pointer, char **step);
static const json_t *mlsec_claims_element(const json_t *array,
    const char *step);


json_t *
mlsec_claims_parse(mlsec_str_t text, size_t max_depth)
{
    json_t        *root;
    json_error_t   error;

    if (!mlsec_claims_within(text, max_depth)) {
        return NULL;
    }

    root = json_loadb((const char *) text.data, text.len,
                      JSON_REJECT_DUPLICATES, &error);

    if (root != NULL && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }

    return root;
}


/*
 * Brackets and commas outside of strings, whatever else is wrong with the
 * text: bounds how deep jansson recurses and how much it allocates.
 */

static int
mlsec_claims_within(mlsec_str_t text, size_t max_depth)
{
    int                   string;
    size_t                depth, values;
    const unsigned char  *p, *end;

    depth = 0;
    values = 0;
    string = 0;
    end = text.data + text.len;

    for (p = text.data; p < end; p++) {

        if (*p == '\0') {
            return 0;
        }

        if (string) {

            if (*p == '\\') {
                p++;

            } else if (*p == '"') {
                string = 0;
            }

            continue;
        }

        switch (*p) {

        case '"':
            string = 1;
            break;

        case '{':
        case '[':
            if (++depth > max_depth) {
                return 0;
            }

            values++;
            break;

        case '}':
        case ']':
            depth -= depth != 0;
            break;

        case ',':
            values++;
            break;
        }

        if (values > MLSEC_CLAIMS_VALUES) {
            return 0;
        }
    }

    return 1;
}


int
mlsec_claims_path(const mlsec_mem_t *mem, mlsec_str_t text,
    mlsec_claims_path_t *path)
{
    int                   rc, pointer;
    mlsec_str_t           name;
    const unsigned char  *p, *end;

    path->n = 0;
    pointer = text.len != 0 && text.data[0] == '/';
    p = text.data + pointer;
    end = text.data + text.len;

    for ( ;; ) {
        name.data = p;

        while (p < end && *p != (pointer ? '/' : '.')) {
            p++;
        }

        name.len = (size_t) (p - name.data);

        if (path->n == MLSEC_CLAIMS_STEPS || (name.len == 0 && !pointer)) {
            return MLSEC_INVALID;
        }

        rc = mlsec_claims_step(mem, name, pointer, &path->step[path->n++]);

        if (rc != MLSEC_OK || p == end) {
            return rc;
        }

        p++;
    }
}


static int
mlsec_claims_step(const mlsec_mem_t *mem, mlsec_str_t name, int pointer,
    char **step)
{
    char    *p;
    size_t   i;

    p = mem->alloc(mem->ctx, name.len + 1);
    if (p == NULL) {
        return MLSEC_NOMEM;
    }

    *step = p;

    for (i = 0; i < name.len; i++) {

        if (!pointer || name.data[i] != '~') {
            *p++ = (char) name.data[i];
            continue;
        }

        i++;

        if (i == name.len || (name.data[i] != '0' && name.data[i] != '1')) {
            return MLSEC_INVALID;
        }

        *p++ = name.data[i] == '0' ? '~' : '/';
    }

    *p = '\0';

    return MLSEC_OK;
}


const json_t *
mlsec_claims_find(const json_t *root, const mlsec_claims_path_t *path)
{
    size_t         i;
    const json_t  *value;

    value = root;

    for (i = 0; i < path->n && value != NULL; i++) {
        value = json_is_array(value)
                ? mlsec_claims_element(value, path->step[i])
                : json_object_get(value, path->step[i]);
    }

    return value;
}


static const json_t *
mlsec_claims_element(const json_t *array, const char *step)
{
    size_t       n;
    const char  *p;

    n = 0;

    for (p = step; *p != '\0'; p++) {

        if (*p < '0' || *p > '9' || p - step == 6) {
            return NULL;
        }

        n = 10 * n + (size_t) (*p - '0');
    }

    return p == step ? NULL : json_array_get(array, n);
}


int
mlsec_claims_string(const json_t *object, const char *name,
    mlsec_str_t *value)
{
    const json_t  *member;

    member = json_object_get(object, name);

    if (member == NULL) {
        return MLSEC_DECLINED;
    }

    if (!json_is_string(member)) {
        return MLSEC_BADTYPE;
    }

    value->data = (const unsigned char *) json_string_value(member);
    value->len = json_string_length(member);

    return MLSEC_OK;
}


int
mlsec_claims_has(const json_t *value, mlsec_str_t text)
{
    size_t         i;
    const json_t  *element;

    if (json_is_string(value)) {
        return json_string_length(value) == text.len
               && memcmp(json_string_value(value), text.data, text.len) == 0;
    }

    for (i = 0; i < json_array_size(value); i++) {
        element = json_array_get(value, i);

        if (json_is_string(element) && mlsec_claims_has(element, text)) {
            return 1;
        }
    }

    return 0;
}


int
mlsec_claims_compare(const json_t *value, mlsec_str_t text, int *order)
{
    char       buf[MLSEC_CLAIMS_NUMBER + 1], *end;
    double     a, b;
    long long  integer;

    if (!json_is_number(value) || text.len == 0
        || text.len > MLSEC_CLAIMS_NUMBER
        || !(text.data[0] == '-' || mlsec_json_is_digit(text.data[0]))
        || mlsec_json_number(text.data, text.data + text.len)
           != text.data + text.len)
    {
        return MLSEC_DECLINED;
    }

    memcpy(buf, text.data, text.len);
    buf[text.len] = '\0';

    /* above 2^53 a double is two integers at once, of two people perhaps */

    errno = 0;
    integer = strtoll(buf, &end, 10);

    if (json_is_integer(value) && *end == '\0' && errno == 0) {
        *order = (json_integer_value(value) > integer)
                 - (json_integer_value(value) < integer);
        return MLSEC_OK;
    }

    a = json_number_value(value);
    b = strtod(buf, NULL);
    *order = (a > b) - (a < b);

    return MLSEC_OK;
}
