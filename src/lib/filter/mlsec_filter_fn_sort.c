/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Functions that sort and search. */


#include <lib/filter/mlsec_filter_native.h>
#include <lib/filter/mlsec_filter_path.h>
#include <lib/filter/mlsec_filter_text.h>


/* An array and its keys, one each; both copied, and sorted by the keys. */

typedef struct {
    mlsec_fv_t           *items;
    mlsec_fv_t           *keys;
    uint32_t              n;
} mlsec_fn_sorted_t;


static int
mlsec_fn_sort_keyed(mlsec_fx_t *fx, mlsec_fv_t array, mlsec_fv_t by,
    mlsec_fn_sorted_t *s, const char *what)
{
    uint32_t           n;
    const mlsec_fv_t  *items, *keys;

    if (!mlsec_fv_is_array(array)) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be %s, as it is not an "
                              "array", &array, &array, what);
    }

    if (mlsec_fv_items(fx, array, &items, &s->n) != MLSEC_OK
        || mlsec_fv_items(fx, by, &keys, &n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    s->items = NULL;
    s->keys = NULL;

    if (s->n == 0) {
        return MLSEC_OK;
    }

    s->items = mlsec_fx_alloc(fx, s->n * sizeof(mlsec_fv_t));
    s->keys = mlsec_fx_alloc(fx, s->n * sizeof(mlsec_fv_t));

    if (s->items == NULL || s->keys == NULL) {
        return MLSEC_FX_FATAL;
    }

    memcpy(s->items, items, s->n * sizeof(mlsec_fv_t));
    memcpy(s->keys, keys, s->n * sizeof(mlsec_fv_t));

    if (mlsec_fv_sort(fx, s->items, s->n, keys, 1) != MLSEC_OK
        || mlsec_fv_sort(fx, s->keys, s->n, keys, 1) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    return MLSEC_OK;
}


static int
mlsec_fn_sort_to(mlsec_fx_t *fx, mlsec_fv_t array, mlsec_fv_t by,
    mlsec_fv_t *out)
{
    int                rc;
    uint32_t           i;
    mlsec_fn_sorted_t  s;

    rc = mlsec_fn_sort_keyed(fx, array, by, &s, "sorted");

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (mlsec_fv_new_array(fx, s.n, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < s.n; i++) {
        (void) mlsec_fv_append(fx, out, s.items[i]);
    }

    return MLSEC_OK;
}


int
mlsec_fn_sort(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_sort_to(fx, args[0], args[0], out);
}


int
mlsec_fn_sort_by(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_sort_to(fx, args[0], args[1], out);
}


/* Groups of equal keys: as arrays, or the first of each. */

static int
mlsec_fn_group_to(mlsec_fx_t *fx, mlsec_fv_t array, mlsec_fv_t by, int first,
    mlsec_fv_t *out)
{
    int                rc, order;
    uint32_t           i, j, k;
    mlsec_fv_t         group;
    mlsec_fn_sorted_t  s;

    rc = mlsec_fn_sort_keyed(fx, array, by, &s, "grouped");

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (mlsec_fv_new_array(fx, s.n, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < s.n; i = j) {

        for (j = i + 1; j < s.n; j++) {

            if (mlsec_fv_compare(fx, s.keys[i], s.keys[j], &order)
                != MLSEC_OK)
            {
                return MLSEC_FX_FATAL;
            }

            if (order != 0) {
                break;
            }
        }

        if (first) {
            (void) mlsec_fv_append(fx, out, s.items[i]);
            continue;
        }

        if (mlsec_fv_new_array(fx, j - i, &group) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        for (k = i; k < j; k++) {
            (void) mlsec_fv_append(fx, &group, s.items[k]);
        }

        (void) mlsec_fv_append(fx, out, group);
    }

    return MLSEC_OK;
}


int
mlsec_fn_group_by(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_group_to(fx, args[0], args[1], 0, out);
}


int
mlsec_fn_unique_by(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_group_to(fx, args[0], args[1], 1, out);
}


int
mlsec_fn_unique(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_group_to(fx, args[0], args[0], 1, out);
}


/* sign: 1 for the greatest (the last of equals), -1 for the least */

static int
mlsec_fn_extreme(mlsec_fx_t *fx, mlsec_fv_t array, mlsec_fv_t by, int sign,
    mlsec_fv_t *out)
{
    int                order;
    uint32_t           i, n, nk, best;
    const mlsec_fv_t  *items, *keys;

    if (!mlsec_fv_is_array(array)) {

        if (array.type == MLSEC_FV_NULL) {
            return mlsec_fx_raise(fx, "Cannot iterate over null (null)");
        }

        return mlsec_fx_raise(fx, "Cannot compute %s of %T (%V)",
                              sign > 0 ? "max" : "min", &array, &array);
    }

    if (mlsec_fv_items(fx, array, &items, &n) != MLSEC_OK
        || mlsec_fv_items(fx, by, &keys, &nk) != MLSEC_OK
        || mlsec_fx_charge(fx, n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_null();

    for (best = 0, i = 1; i < n; i++) {

        if (mlsec_fv_compare(fx, keys[i], keys[best], &order) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        if (sign > 0 ? order >= 0 : order < 0) {
            best = i;
        }
    }

    if (n != 0) {
        *out = items[best];
    }

    return MLSEC_OK;
}


int
mlsec_fn_min(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_extreme(fx, args[0], args[0], -1, out);
}


int
mlsec_fn_max(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_extreme(fx, args[0], args[0], 1, out);
}


int
mlsec_fn_min_by(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_extreme(fx, args[0], args[1], -1, out);
}


int
mlsec_fn_max_by(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_extreme(fx, args[0], args[1], 1, out);
}


int
mlsec_fv_indexes(mlsec_fx_t *fx, mlsec_fv_t in, mlsec_fv_t what,
    mlsec_fv_t *out)
{
    int                order;
    uint32_t           i, j, n, nw;
    const mlsec_fv_t  *items, *list;

    if (mlsec_fv_items(fx, in, &items, &n) != MLSEC_OK
        || mlsec_fv_items(fx, what, &list, &nw) != MLSEC_OK
        || mlsec_fv_new_array(fx, 4, out) != MLSEC_OK
        || mlsec_fx_charge(fx, (uint64_t) n * nw) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; nw != 0 && nw <= n && i <= n - nw; i++) {

        for (j = 0; j < nw; j++) {

            if (mlsec_fv_compare(fx, items[i + j], list[j], &order)
                != MLSEC_OK)
            {
                return MLSEC_FX_FATAL;
            }

            if (order != 0) {
                break;
            }
        }

        if (j == nw
            && mlsec_fv_append(fx, out, mlsec_fv_number(i)) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


/* In characters; places may overlap. */

static int
mlsec_fn_indices_string(mlsec_fx_t *fx, mlsec_fv_t s, mlsec_fv_t what,
    mlsec_fv_t *out)
{
    size_t    at, last;
    uint32_t  count;

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fv_decode(fx, &what) != MLSEC_OK
        || mlsec_fv_new_array(fx, 4, out) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    if (what.n == 0) {
        *out = mlsec_fv_null();
        return MLSEC_OK;
    }

    count = 0;
    last = 0;

    for (at = mlsec_ft_find(s, what, 0); at <= s.n;
         at = mlsec_ft_find(s, what, at + 1))
    {
        count += mlsec_ft_count(s.u.str + last, at - last);
        last = at;

        if (mlsec_fx_charge(fx, 1) != MLSEC_OK
            || mlsec_fv_append(fx, out, mlsec_fv_number(count)) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


int
mlsec_fn_indices(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    mlsec_fv_t  list;

    if (mlsec_fv_is_string(args[0]) && mlsec_fv_is_string(args[1])) {
        return mlsec_fn_indices_string(fx, args[0], args[1], out);
    }

    if (mlsec_fv_is_array(args[0])) {
        list = args[1];

        if (!mlsec_fv_is_array(list)) {

            if (mlsec_fv_new_array(fx, 1, &list) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            (void) mlsec_fv_append(fx, &list, args[1]);
        }

        if (mlsec_fv_count(list) == 0) {
            *out = mlsec_fv_null();
            return MLSEC_OK;
        }

        return mlsec_fv_indexes(fx, args[0], list, out);
    }

    return mlsec_fv_at(fx, args[0], args[1], out);
}


int
mlsec_fn_bsearch(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int                order;
    uint32_t           n, low, high, mid;
    const mlsec_fv_t  *items;

    if (!mlsec_fv_is_array(args[0])) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be searched from",
                              &args[0], &args[0]);
    }

    if (mlsec_fv_items(fx, args[0], &items, &n) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (low = 0, high = n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (mlsec_fv_compare(fx, items[mid], args[1], &order) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        if (order == 0) {
            *out = mlsec_fv_number(mid);
            return MLSEC_OK;
        }

        if (order < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    *out = mlsec_fv_number(-1.0 - low);

    return MLSEC_OK;
}
