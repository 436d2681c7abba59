/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_api_key.h>

#include <stdlib.h>
#include <string.h>


static mlsec_str_t mlsec_revoked_trim(mlsec_str_t text);
static const char *mlsec_revoked_line(mlsec_str_t row, const mlsec_mem_t *mem,
    mlsec_revoked_t *revoked);
static int mlsec_revoked_number(mlsec_str_t text, int64_t *n);
static int mlsec_revoked_cmp(const void *one, const void *two);
static const mlsec_revoked_entry_t *mlsec_revoked_find(
    const mlsec_revoked_entry_t *list, size_t n, mlsec_str_t name);


int
mlsec_revoked_parse(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_revoked_t *revoked, unsigned *line, const char **why)
{
    size_t                i, lines;
    mlsec_str_t           row, line_text;
    const unsigned char  *p, *end;

    memset(revoked, 0, sizeof(mlsec_revoked_t));
    lines = 1;
    *line = 0;
    end = text.data + text.len;

    for (i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n';
    }

    *why = "it is too large";

    if (text.len > MLSEC_API_KEY_MAX_FILE) {
        return MLSEC_INVALID;
    }

    revoked->jti = mem->alloc(mem->ctx, lines * sizeof(*revoked->jti));
    revoked->sub = mem->alloc(mem->ctx, lines * sizeof(*revoked->sub));

    if (revoked->jti == NULL || revoked->sub == NULL) {
        return MLSEC_NOMEM;
    }

    for (p = text.data; p < end; p = row.data + row.len + 1) {
        row.data = p;
        p = memchr(p, '\n', (size_t) (end - p));
        row.len = (size_t) ((p == NULL ? end : p) - row.data);
        (*line)++;

        line_text = mlsec_revoked_trim(row);

        if (line_text.len == 0 || line_text.data[0] == '#') {
            continue;
        }

        *why = mlsec_revoked_line(line_text, mem, revoked);

        if (*why != NULL) {
            return MLSEC_INVALID;
        }
    }

    qsort(revoked->jti, revoked->njti, sizeof(*revoked->jti),
          mlsec_revoked_cmp);
    qsort(revoked->sub, revoked->nsub, sizeof(*revoked->sub),
          mlsec_revoked_cmp);

    return MLSEC_OK;
}


/*
 * A line may end with what an editor has left there, "\r" of another system
 * among it: as part of a name it would revoke nothing, and nobody would be
 * told.
 */

static mlsec_str_t
mlsec_revoked_trim(mlsec_str_t text)
{
    while (text.len && memchr(" \t\r", text.data[0], 3) != NULL) {
        text.data++;
        text.len--;
    }

    while (text.len && memchr(" \t\r", text.data[text.len - 1], 3) != NULL) {
        text.len--;
    }

    return text;
}


static const char *
mlsec_revoked_line(mlsec_str_t row, const mlsec_mem_t *mem,
    mlsec_revoked_t *revoked)
{
    int                     jti;
    mlsec_str_t             name, time;
    unsigned char          *copy;
    const unsigned char    *space;
    mlsec_revoked_entry_t  *entry;

    jti = row.len > 4 && memcmp(row.data, "jti ", 4) == 0;

    if (!jti && !(row.len > 4 && memcmp(row.data, "sub ", 4) == 0)) {
        return "expected \"jti ID\" or \"sub NAME SECONDS\"";
    }

    name.data = row.data + 4;
    name.len = row.len - 4;
    entry = jti ? &revoked->jti[revoked->njti]
                : &revoked->sub[revoked->nsub];
    entry->before = INT64_MAX;

    if (!jti) {
        for (space = row.data + row.len - 1;
             space > name.data && *space != ' ';
             space--)
        {
            /* void: a name may have spaces */
        }

        time.data = space + 1;
        time.len = (size_t) (row.data + row.len - time.data);

        if (space == name.data
            || !mlsec_revoked_number(time, &entry->before))
        {
            return "expected \"sub NAME SECONDS\", seconds since 1970";
        }

        name.len = (size_t) (space - name.data);
    }

    name = mlsec_revoked_trim(name);

    if (name.len == 0) {
        return "a name is missing";
    }

    copy = mem->alloc(mem->ctx, name.len);
    if (copy == NULL) {
        return "no memory";
    }

    memcpy(copy, name.data, name.len);
    entry->name.data = copy;
    entry->name.len = name.len;

    revoked->njti += jti != 0;
    revoked->nsub += jti == 0;

    return NULL;
}


static int
mlsec_revoked_number(mlsec_str_t text, int64_t *n)
{
    size_t  i;

    *n = 0;

    if (text.len == 0 || text.len > 15) {
        return 0;
    }

    for (i = 0; i < text.len; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }

        *n = 10 * *n + (text.data[i] - '0');
    }

    return 1;
}


static int
mlsec_revoked_cmp(const void *one, const void *two)
{
    int                           rc;
    size_t                        len;
    const mlsec_revoked_entry_t  *a = one;
    const mlsec_revoked_entry_t  *b = two;

    len = a->name.len < b->name.len ? a->name.len : b->name.len;
    rc = memcmp(a->name.data, b->name.data, len);

    return rc ? rc : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}


static const mlsec_revoked_entry_t *
mlsec_revoked_find(const mlsec_revoked_entry_t *list, size_t n,
    mlsec_str_t name)
{
    mlsec_revoked_entry_t  wanted;

    wanted.before = 0;
    wanted.name = name;

    return n == 0 || name.len == 0 ? NULL
           : bsearch(&wanted, list, n, sizeof(wanted), mlsec_revoked_cmp);
}


int
mlsec_revoked_has(const mlsec_revoked_t *revoked, mlsec_str_t jti,
    mlsec_str_t sub, double iat)
{
    const mlsec_revoked_entry_t  *entry, *end;

    if (mlsec_revoked_find(revoked->jti, revoked->njti, jti) != NULL) {
        return 1;
    }

    entry = mlsec_revoked_find(revoked->sub, revoked->nsub, sub);

    if (entry == NULL) {
        return 0;
    }

    /* the same name may have several lines: the first one of them, then on */

    end = revoked->sub + revoked->nsub;

    while (entry > revoked->sub && mlsec_revoked_cmp(entry - 1, entry) == 0) {
        entry--;
    }

    for ( ;; ) {

        if (iat < (double) entry->before) {
            return 1;
        }

        if (++entry == end || mlsec_revoked_cmp(entry - 1, entry) != 0) {
            return 0;
        }
    }
}
