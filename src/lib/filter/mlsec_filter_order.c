/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * jq's total order, and sorting by it.  Depth is the input's: open
 * containers wait on a stack in the arena, never on C's.
 */


#include <lib/filter/mlsec_filter_value.h>


/* A pair of containers under comparison. */

typedef struct mlsec_fv_pair_s  mlsec_fv_pair_t;

struct mlsec_fv_pair_s {
    mlsec_fv_pair_t           *outer;
    mlsec_fv_iter_t            a;
    mlsec_fv_iter_t            b;
    const mlsec_fv_member_t  **ma;     /* objects: members by key */
    const mlsec_fv_member_t  **mb;
    uint32_t                   i;
    uint32_t                   n;      /* members */
};


static const uint8_t  mlsec_fv_rank[] = { 0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6 };


static int mlsec_fv_order(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    int *result, mlsec_fv_pair_t **pairs);


static inline int
mlsec_fv_order_strings(mlsec_fv_t a, mlsec_fv_t b)
{
    int       order;
    uint32_t  n;

    n = a.n < b.n ? a.n : b.n;
    order = n == 0 ? 0 : memcmp(a.u.str, b.u.str, n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}


int
mlsec_fv_compare(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b, int *result)
{
    mlsec_fv_pair_t  *pairs, *pair;

    pairs = NULL;

    if (mlsec_fv_order(fx, a, b, result, &pairs) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (pairs != NULL && *result == 0) {
        pair = pairs;

        if (mlsec_fx_charge(fx, 1) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        if (pair->ma != NULL || pair->n != 0) {

            if (pair->i == pair->n) {
                pairs = pair->outer;
                continue;
            }

            a = pair->ma[pair->i]->value;
            b = pair->mb[pair->i]->value;
            pair->i++;

        } else {

            if (pair->a.left == 0 || pair->b.left == 0) {
                *result = (pair->a.left != 0) - (pair->b.left != 0);
                pairs = pair->outer;
                continue;
            }

            (void) mlsec_fv_next(&pair->a, &a, &a);
            (void) mlsec_fv_next(&pair->b, &b, &b);
        }

        if (mlsec_fv_order(fx, a, b, result, &pairs) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


/* Objects: their sorted keys first, as if these were arrays. */

static int
mlsec_fv_order_objects(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    int *result, mlsec_fv_pair_t **pairs)
{
    uint32_t                   i, na, nb;
    mlsec_fv_pair_t           *pair;
    const mlsec_fv_member_t  **ma, **mb;

    if (mlsec_fv_sorted(fx, a, &ma, &na) != MLSEC_OK
        || mlsec_fv_sorted(fx, b, &mb, &nb) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    *result = 0;

    for (i = 0; i < na && i < nb && *result == 0; i++) {
        *result = mlsec_fv_order_strings(ma[i]->key, mb[i]->key);
    }

    if (*result == 0) {
        *result = (na > nb) - (na < nb);
    }

    if (*result != 0 || na == 0) {
        return MLSEC_OK;
    }

    pair = mlsec_fx_alloc(fx, sizeof(mlsec_fv_pair_t));
    if (pair == NULL) {
        return MLSEC_FX_FATAL;
    }

    memset(pair, 0, sizeof(mlsec_fv_pair_t));
    pair->ma = ma;
    pair->mb = mb;
    pair->n = na;
    pair->outer = *pairs;
    *pairs = pair;

    return MLSEC_OK;
}


/*
 * Integers that are equal as doubles may still differ as they were written:
 * a 64-bit id is not equal to its neighbour.
 */

static int
mlsec_fv_order_digits(mlsec_fv_t a, mlsec_fv_t b)
{
    int       order;
    uint32_t  i;

    for (i = 0; i < a.n + b.n; i++) {
        order = i < a.n ? a.u.str[i] : b.u.str[i - a.n];

        if ((order < '0' || order > '9') && (order != '-' || i % a.n != 0)) {
            return 0;
        }
    }

    if (a.n != b.n) {
        return 0;
    }

    order = memcmp(a.u.str, b.u.str, a.n);

    return a.u.str[0] == '-' ? -order : order;
}


/* Compares, or for containers pushes the pair and says 0 so far. */

static int
mlsec_fv_order(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b, int *result,
    mlsec_fv_pair_t **pairs)
{
    double            x, y;
    mlsec_fv_pair_t  *pair;

    if (mlsec_fv_rank[a.type] != mlsec_fv_rank[b.type]) {
        *result = mlsec_fv_rank[a.type] - mlsec_fv_rank[b.type];
        return MLSEC_OK;
    }

    *result = 0;

    switch (mlsec_fv_rank[a.type]) {

    case 3:
        x = mlsec_fv_double(a);
        y = mlsec_fv_double(b);

        /* nan is less than all, itself included */

        *result = x != x || x < y ? -1 : x == y ? 0 : 1;

        if (*result == 0 && a.type == MLSEC_FV_NUMTEXT
            && b.type == MLSEC_FV_NUMTEXT && a.n > 15)
        {
            *result = mlsec_fv_order_digits(a, b);
        }

        return MLSEC_OK;

    case 4:
        if (mlsec_fv_decode(fx, &a) != MLSEC_OK
            || mlsec_fv_decode(fx, &b) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        *result = mlsec_fv_order_strings(a, b);
        return MLSEC_OK;

    case 5:
        pair = mlsec_fx_alloc(fx, sizeof(mlsec_fv_pair_t));
        if (pair == NULL) {
            return MLSEC_FX_FATAL;
        }

        memset(pair, 0, sizeof(mlsec_fv_pair_t));
        mlsec_fv_iter(&pair->a, a);
        mlsec_fv_iter(&pair->b, b);
        pair->outer = *pairs;
        *pairs = pair;
        return MLSEC_OK;

    case 6:
        return mlsec_fv_order_objects(fx, a, b, result, pairs);
    }

    return MLSEC_OK;
}


static int
mlsec_fv_order_keys(mlsec_fx_t *fx, const mlsec_fv_t *a, const mlsec_fv_t *b,
    uint32_t width, int *order)
{
    uint32_t  k;

    for (k = 0, *order = 0; k < width && *order == 0; k++) {
        if (mlsec_fv_compare(fx, a[k], b[k], order) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


/* Bottom-up merge sort of places, then one pass that moves the items. */

static int
mlsec_fv_merge(mlsec_fx_t *fx, uint32_t *list, uint32_t *spare, uint32_t n,
    const mlsec_fv_t *keys, uint32_t width)
{
    int       order;
    uint32_t  run, i, a, b, mid, end, *swap;

    for (run = 1; run < n; run *= 2) {

        for (i = 0; i < n; i += 2 * run) {
            mid = i + run < n ? i + run : n;
            end = i + 2 * run < n ? i + 2 * run : n;
            b = mid;

            for (a = i; a < mid || b < end; /* void */ ) {
                order = a < mid ? -1 : 1;

                if (a < mid && b < end
                    && mlsec_fv_order_keys(fx, keys + list[a] * width,
                                           keys + list[b] * width, width,
                                           &order) != MLSEC_OK)
                {
                    return MLSEC_FX_FATAL;
                }

                spare[a + b - mid] = order <= 0 ? list[a] : list[b];
                a += order <= 0;
                b += order > 0;
            }
        }

        if (mlsec_fx_charge(fx, n) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        swap = list;
        list = spare;
        spare = swap;
    }

    return MLSEC_OK;
}


int
mlsec_fv_sort(mlsec_fx_t *fx, mlsec_fv_t *items, uint32_t n,
    const mlsec_fv_t *keys, uint32_t width)
{
    uint32_t     i, run, *list;
    mlsec_fv_t  *copy;

    if (n < 2) {
        return MLSEC_OK;
    }

    list = mlsec_fx_alloc(fx, 2 * n * sizeof(uint32_t));
    copy = mlsec_fx_alloc(fx, n * sizeof(mlsec_fv_t));

    if (list == NULL || copy == NULL) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < n; i++) {
        list[i] = i;
    }

    if (mlsec_fv_merge(fx, list, list + n, n, keys, width) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    /* each pass moved the list to the other half */

    for (run = 1, i = 0; run < n; run *= 2) {
        i ^= 1;
    }

    list += i ? n : 0;

    memcpy(copy, items, n * sizeof(mlsec_fv_t));

    for (i = 0; i < n; i++) {
        items[i] = copy[list[i]];
    }

    return MLSEC_OK;
}
