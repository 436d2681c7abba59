/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Functions on arrays and objects. */


#include <lib/filter/mlsec_filter_native.h>
#include <lib/filter/mlsec_filter_path.h>
#include <lib/filter/mlsec_filter_text.h>
#include <math.h>


int
mlsec_fn_type(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    const char  *name;

    (void) fx;

    name = mlsec_fv_type_name(args[0]);
    *out = mlsec_fv_string((const unsigned char *) name, strlen(name));

    return MLSEC_OK;
}


int
mlsec_fn_length(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    mlsec_fv_t  v;

    v = args[0];

    if (mlsec_fv_is_array(v)) {
        *out = mlsec_fv_number(mlsec_fv_count(v));
        return MLSEC_OK;
    }

    if (mlsec_fv_is_object(v)) {

        if (mlsec_fv_load(fx, &v) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        *out = mlsec_fv_number(v.u.object->count);
        return MLSEC_OK;
    }

    if (mlsec_fv_is_string(v)) {

        if (mlsec_fv_decode(fx, &v) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        *out = mlsec_fv_number(mlsec_ft_length(v));
        return MLSEC_OK;
    }

    if (mlsec_fv_is_number(v)) {
        return mlsec_fn_abs(fx, args, out);
    }

    if (v.type == MLSEC_FV_NULL) {
        *out = mlsec_fv_number(0);
        return MLSEC_OK;
    }

    return mlsec_fx_raise(fx, "%T (%V) has no length", &v, &v);
}


int
mlsec_fn_utf8bytelength(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    mlsec_fv_t  v;

    v = args[0];

    if (!mlsec_fv_is_string(v)) {
        return mlsec_fx_raise(fx, "%T (%V) only strings have UTF-8 byte "
                              "length", &v, &v);
    }

    if (mlsec_fv_decode(fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_number(v.n);

    return MLSEC_OK;
}


static int
mlsec_fn_list_keys(mlsec_fx_t *fx, mlsec_fv_t v, int sort, mlsec_fv_t *out)
{
    uint32_t                   i, n;
    const mlsec_fv_member_t  **sorted;

    if (mlsec_fv_is_array(v)) {
        n = mlsec_fv_count(v);

        if (mlsec_fv_new_array(fx, n, out) != MLSEC_OK
            || mlsec_fx_charge(fx, n) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        for (i = 0; i < n; i++) {
            (void) mlsec_fv_append(fx, out, mlsec_fv_number(i));
        }

        return MLSEC_OK;
    }

    if (!mlsec_fv_is_object(v)) {
        return mlsec_fx_raise(fx, "%T (%V) has no keys", &v, &v);
    }

    if (mlsec_fv_load(fx, &v) != MLSEC_OK
        || mlsec_fv_new_array(fx, v.u.object->count, out) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    if (sort) {

        if (mlsec_fv_sorted(fx, v, &sorted, &n) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        for (i = 0; i < n; i++) {
            (void) mlsec_fv_append(fx, out, sorted[i]->key);
        }

        return MLSEC_OK;
    }

    for (i = 0; i < v.u.object->count; i++) {
        (void) mlsec_fv_append(fx, out, v.u.object->members[i].key);
    }

    return MLSEC_OK;
}


int
mlsec_fn_keys(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_list_keys(fx, args[0], 1, out);
}


int
mlsec_fn_keys_unsorted(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    return mlsec_fn_list_keys(fx, args[0], 0, out);
}


int
mlsec_fn_has(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    double      i;
    mlsec_fv_t  key, unused;

    key = args[1];

    if (mlsec_fv_is_object(args[0]) && mlsec_fv_is_string(key)) {

        if (mlsec_fv_decode(fx, &key) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        *out = mlsec_fv_bool(mlsec_fv_get(fx, args[0], key, &unused));
        return MLSEC_OK;
    }

    if (mlsec_fv_is_array(args[0]) && mlsec_fv_is_number(key)) {
        i = mlsec_fv_double(key);
        *out = mlsec_fv_bool(i >= 0 && i < mlsec_fv_count(args[0]));
        return MLSEC_OK;
    }

    return mlsec_fx_raise(fx, "Cannot check whether %T has a %T key",
                          &args[0], &key);
}


/* The part of contains() that does not look inside of containers. */

int
mlsec_fn_contains(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int         order;
    mlsec_fv_t  a, b;

    a = args[0];
    b = args[1];

    if (mlsec_fv_is_string(a) && mlsec_fv_is_string(b)) {

        if (mlsec_fv_decode(fx, &a) != MLSEC_OK
            || mlsec_fv_decode(fx, &b) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        *out = mlsec_fv_bool(mlsec_ft_find(a, b, 0) <= a.n);
        return MLSEC_OK;
    }

    if (strcmp(mlsec_fv_type_name(a), mlsec_fv_type_name(b)) != 0) {
        return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot have their "
                              "containment checked", &a, &a, &b, &b);
    }

    if (mlsec_fv_compare(fx, a, b, &order) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_bool(order == 0);

    return MLSEC_OK;
}


int
mlsec_fn_add(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int              rc;
    mlsec_fv_t       v, key, item;
    mlsec_fv_iter_t  it;

    v = args[0];

    if (v.type == MLSEC_FV_NULL) {
        return mlsec_fx_raise(fx, "Cannot iterate over null (null)");
    }

    if (!mlsec_fv_is_array(v) && !mlsec_fv_is_object(v)) {
        return mlsec_fx_raise(fx, "Cannot iterate over %T (%V)", &v, &v);
    }

    if (mlsec_fv_load(fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_null();
    mlsec_fv_iter(&it, v);

    if (mlsec_fx_charge(fx, it.left) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &key, &item)) {
        rc = mlsec_fv_math(fx, MLSEC_FV_ADD, *out, item, out);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    return MLSEC_OK;
}


int
mlsec_fn_reverse(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    uint32_t           n;
    mlsec_fv_t         v;
    const mlsec_fv_t  *items;

    v = args[0];

    if (v.type == MLSEC_FV_NULL) {
        return mlsec_fv_new_array(fx, 0, out);
    }

    if (!mlsec_fv_is_array(v)) {

        if (mlsec_fv_is_object(v) && mlsec_fv_load(fx, &v) == MLSEC_OK
            && v.u.object->count == 0)
        {
            return mlsec_fv_new_array(fx, 0, out);
        }

        return mlsec_fx_raise(fx, "Cannot reverse %T (%V)", &v, &v);
    }

    if (mlsec_fv_items(fx, v, &items, &n) != MLSEC_OK
        || mlsec_fv_new_array(fx, n, out) != MLSEC_OK
        || mlsec_fx_charge(fx, n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    while (n != 0) {
        (void) mlsec_fv_append(fx, out, items[--n]);
    }

    return MLSEC_OK;
}


int
mlsec_fn_toarray(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    if (mlsec_fv_is_array(args[0])) {
        *out = args[0];
        return MLSEC_OK;
    }

    if (mlsec_fv_new_array(fx, 1, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_share(args[0]);

    return mlsec_fv_append(fx, out, args[0]);
}


/* An array that is being flattened, and the one around it. */

typedef struct mlsec_fn_level_s  mlsec_fn_level_t;

struct mlsec_fn_level_s {
    mlsec_fn_level_t  *outer;
    mlsec_fv_iter_t    it;
};


static int
mlsec_fn_flatten_to(mlsec_fx_t *fx, mlsec_fv_t v, double depth,
    mlsec_fv_t *out)
{
    mlsec_fv_t         key, item;
    mlsec_fn_level_t  *level, *inner;

    if (depth < 0) {
        return mlsec_fx_raise(fx, "flatten depth must not be negative");
    }

    if (!mlsec_fv_is_array(v) && !mlsec_fv_is_object(v)) {
        return mlsec_fx_raise(fx, "Cannot iterate over %T (%V)", &v, &v);
    }

    level = mlsec_fx_alloc(fx, sizeof(mlsec_fn_level_t));

    if (level == NULL || mlsec_fv_load(fx, &v) != MLSEC_OK
        || mlsec_fv_new_array(fx, 8, out) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    level->outer = NULL;
    mlsec_fv_iter(&level->it, v);

    while (level != NULL) {

        if (!mlsec_fv_next(&level->it, &key, &item)) {
            level = level->outer;
            depth++;
            continue;
        }

        if (mlsec_fx_charge(fx, 1) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        if (mlsec_fv_is_array(item) && depth >= 1) {
            inner = mlsec_fx_alloc(fx, sizeof(mlsec_fn_level_t));
            if (inner == NULL) {
                return MLSEC_FX_FATAL;
            }

            inner->outer = level;
            mlsec_fv_iter(&inner->it, item);
            level = inner;
            depth--;

        } else if (mlsec_fv_append(fx, out, item) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


int
mlsec_fn_flatten(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_flatten_to(fx, args[0], 1e9, out);
}


int
mlsec_fn_flatten1(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    if (!mlsec_fv_is_number(args[1])) {
        return mlsec_fx_raise(fx, "flatten depth must be a number");
    }

    return mlsec_fn_flatten_to(fx, args[0], mlsec_fv_double(args[1]), out);
}


int
mlsec_fn_to_entries(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    uint32_t         i;
    mlsec_fv_t       v, key, value, entry;
    mlsec_fv_iter_t  it;

    v = args[0];

    if (!mlsec_fv_is_object(v) && !mlsec_fv_is_array(v)) {
        return mlsec_fx_raise(fx, "%T (%V) has no keys", &v, &v);
    }

    if (mlsec_fv_load(fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_iter(&it, v);

    if (mlsec_fv_new_array(fx, it.left, out) != MLSEC_OK
        || mlsec_fx_charge(fx, it.left) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    /* of an array the keys are its indices */

    for (i = 0; mlsec_fv_next(&it, &key, &value); i++) {

        if (mlsec_fv_is_array(v)) {
            key = mlsec_fv_number(i);
        }

        if (mlsec_fv_new_object(fx, 2, &entry) != MLSEC_OK
            || mlsec_fv_put(fx, entry, mlsec_fv_literal("key"), key)
               != MLSEC_OK
            || mlsec_fv_put(fx, entry, mlsec_fv_literal("value"), value)
               != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        (void) mlsec_fv_append(fx, out, entry);
    }

    return MLSEC_OK;
}


/* The key of an entry by any of its names; then its value. */

static int
mlsec_fn_entry(mlsec_fx_t *fx, mlsec_fv_t entry, mlsec_fv_t *key,
    mlsec_fv_t *value)
{
    size_t      i;
    mlsec_fv_t  other;

    static const char *const  names[] = {
        "key", "k", "name", "Name", "Key", "K"
    };

    *key = mlsec_fv_null();

    for (i = 0; i < 6 && !mlsec_fv_truth(*key); i++) {
        (void) mlsec_fv_get(fx, entry,
                            mlsec_fv_string((const unsigned char *) names[i],
                                            strlen(names[i])), &other);
        if (other.type != MLSEC_FV_NULL) {
            *key = other;
        }
    }

    if (!mlsec_fv_get(fx, entry, mlsec_fv_literal("value"), value)
        && !mlsec_fv_get(fx, entry, mlsec_fv_literal("v"), value)
        && !mlsec_fv_get(fx, entry, mlsec_fv_literal("Value"), value))
    {
        (void) mlsec_fv_get(fx, entry, mlsec_fv_literal("V"), value);
    }

    if (!mlsec_fv_is_string(*key)) {
        return mlsec_fx_raise(fx, "Cannot use %T (%V) as object key", key,
                              key);
    }

    return MLSEC_OK;
}


int
mlsec_fn_from_entries(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    int              rc;
    mlsec_fv_t       v, unused, item, key, value;
    mlsec_fv_iter_t  it;

    v = args[0];

    if (!mlsec_fv_is_array(v) && !mlsec_fv_is_object(v)) {
        return mlsec_fx_raise(fx, "Cannot iterate over %T (%V)", &v, &v);
    }

    if (mlsec_fv_load(fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_iter(&it, v);

    if (mlsec_fv_new_object(fx, it.left, out) != MLSEC_OK
        || mlsec_fx_charge(fx, it.left) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &unused, &item)) {

        if (!mlsec_fv_is_object(item)) {

            if (item.type == MLSEC_FV_NULL) {
                return mlsec_fx_raise(fx, "Cannot use null (null) as object "
                                      "key");
            }

            return mlsec_fx_raise(fx, "Cannot index %T with string "
                                  "(\"key\")", &item);
        }

        rc = mlsec_fn_entry(fx, item, &key, &value);

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (mlsec_fv_put(fx, *out, key, value) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


int
mlsec_fn_setpath(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    mlsec_fv_share(args[0]);

    return mlsec_fv_set_path(fx, args[0], args[1], args[2], 0, out);
}


int
mlsec_fn_delpaths(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    mlsec_fv_share(args[0]);

    return mlsec_fv_delete_paths(fx, args[0], args[1], out);
}
