/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Arithmetic on values of all types. */


#include <lib/filter/mlsec_filter_value.h>
#include <math.h>


static int mlsec_fv_add(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out);
static int mlsec_fv_subtract(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out);
static int mlsec_fv_merge_deep(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out);
static int mlsec_fv_repeat(mlsec_fx_t *fx, mlsec_fv_t string, double times,
    mlsec_fv_t *out);


static int
mlsec_fv_remainder(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    double    x, y;
    int64_t   i;
    uint64_t  m, n;

    x = mlsec_fv_double(a);
    y = mlsec_fv_double(b);

    if (x != x || y != y) {
        *out = mlsec_fv_number(NAN);
        return MLSEC_OK;
    }

    /* jq works on integers: out of range goes to the nearest */

    x = x < -9223372036854775808.0 ? -9223372036854775808.0 : x;
    y = fabs(y);

    n = y >= 9223372036854775808.0 ? (uint64_t) INT64_MAX : (uint64_t) y;

    if (n == 0) {
        return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be divided "
                              "(remainder) because the divisor is zero",
                              &a, &a, &b, &b);
    }

    i = x >= 9223372036854775808.0 ? INT64_MAX : (int64_t) x;
    m = i < 0 ? (uint64_t) 0 - (uint64_t) i : (uint64_t) i;

    *out = mlsec_fv_number(i < 0 ? 0.0 - (double) (m % n)
                                 : (double) (m % n));

    return MLSEC_OK;
}


static int
mlsec_fv_multiply(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    if (mlsec_fv_is_string(a) && mlsec_fv_is_number(b)) {
        return mlsec_fv_repeat(fx, a, mlsec_fv_double(b), out);
    }

    if (mlsec_fv_is_string(b) && mlsec_fv_is_number(a)) {
        return mlsec_fv_repeat(fx, b, mlsec_fv_double(a), out);
    }

    if (mlsec_fv_is_object(a) && mlsec_fv_is_object(b)) {
        return mlsec_fv_merge_deep(fx, a, b, out);
    }

    return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be multiplied",
                          &a, &a, &b, &b);
}


int
mlsec_fv_math(mlsec_fx_t *fx, int op, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    double  x, y;

    if (mlsec_fv_is_number(a) && mlsec_fv_is_number(b)
        && op != MLSEC_FV_MOD)
    {
        x = mlsec_fv_double(a);
        y = mlsec_fv_double(b);

        if (op == MLSEC_FV_DIV && y == 0) {
            return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be divided "
                                  "because the divisor is zero",
                                  &a, &a, &b, &b);
        }

        *out = mlsec_fv_number(op == MLSEC_FV_ADD ? x + y
                               : op == MLSEC_FV_SUB ? x - y
                               : op == MLSEC_FV_MUL ? x * y : x / y);
        return MLSEC_OK;
    }

    switch (op) {

    case MLSEC_FV_ADD:
        return mlsec_fv_add(fx, a, b, out);

    case MLSEC_FV_SUB:

        if (mlsec_fv_is_array(a) && mlsec_fv_is_array(b)) {
            return mlsec_fv_subtract(fx, a, b, out);
        }

        return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be subtracted",
                              &a, &a, &b, &b);

    case MLSEC_FV_MUL:
        return mlsec_fv_multiply(fx, a, b, out);

    case MLSEC_FV_DIV:

        if (mlsec_fv_is_string(a) && mlsec_fv_is_string(b)) {
            return mlsec_fv_split(fx, a, b, out);
        }

        return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be divided",
                              &a, &a, &b, &b);
    }

    if (mlsec_fv_is_number(a) && mlsec_fv_is_number(b)) {
        return mlsec_fv_remainder(fx, a, b, out);
    }

    return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be divided "
                          "(remainder)", &a, &a, &b, &b);
}


static int
mlsec_fv_add_arrays(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    mlsec_fv_t       key, item;
    mlsec_fv_iter_t  it;

    if (mlsec_fv_count(b) == 0) {
        mlsec_fv_share(a);
        *out = a;
        return MLSEC_OK;
    }

    if (a.type == MLSEC_FV_RAWARRAY) {

        if (mlsec_fv_count(a) == 0) {
            mlsec_fv_share(b);
            *out = b;
            return MLSEC_OK;
        }

        if (mlsec_fv_own(fx, &a, 0) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    /* the longer array may be a second one on the store of "a" */

    a.u.array->shared = 1;

    mlsec_fv_iter(&it, b);

    if (mlsec_fx_charge(fx, it.left) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &key, &item)) {
        if (mlsec_fv_append(fx, &a, item) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    *out = a;

    return MLSEC_OK;
}


static int
mlsec_fv_add_objects(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    mlsec_fv_t       key, value;
    mlsec_fv_iter_t  it;

    if (mlsec_fv_own(fx, &a, 0) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_iter(&it, b);

    if (mlsec_fx_charge(fx, (uint64_t) it.left + a.u.object->count)
        != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &key, &value)) {
        if (mlsec_fv_put(fx, a, key, value) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    *out = a;

    return MLSEC_OK;
}


static int
mlsec_fv_add(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b, mlsec_fv_t *out)
{
    if (a.type == MLSEC_FV_NULL || b.type == MLSEC_FV_NULL) {
        *out = a.type == MLSEC_FV_NULL ? b : a;
        mlsec_fv_share(*out);
        return MLSEC_OK;
    }

    if (mlsec_fv_is_string(a) && mlsec_fv_is_string(b)) {

        if (mlsec_fx_charge(fx, b.n / 64) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        return mlsec_fv_concat(fx, a, b, out);
    }

    if (mlsec_fv_is_array(a) && mlsec_fv_is_array(b)) {
        return mlsec_fv_add_arrays(fx, a, b, out);
    }

    if (mlsec_fv_is_object(a) && mlsec_fv_is_object(b)) {
        return mlsec_fv_add_objects(fx, a, b, out);
    }

    return mlsec_fx_raise(fx, "%T (%V) and %T (%V) cannot be added",
                          &a, &a, &b, &b);
}


static int
mlsec_fv_subtract(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    int                order;
    uint32_t           i, j, na, nb;
    const mlsec_fv_t  *ia, *ib;

    if (mlsec_fv_items(fx, a, &ia, &na) != MLSEC_OK
        || mlsec_fv_items(fx, b, &ib, &nb) != MLSEC_OK
        || mlsec_fv_new_array(fx, na, out) != MLSEC_OK
        || mlsec_fx_charge(fx, (uint64_t) na * nb) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < na; i++) {

        for (j = 0; j < nb; j++) {
            if (mlsec_fv_compare(fx, ia[i], ib[j], &order) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            if (order == 0) {
                break;
            }
        }

        if (j == nb && mlsec_fv_append(fx, out, ia[i]) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


/* An object of "a" that waits for its members to be merged with "b"'s. */

typedef struct mlsec_fv_merging_s  mlsec_fv_merging_t;

struct mlsec_fv_merging_s {
    mlsec_fv_merging_t  *next;
    mlsec_fv_t           a;
    mlsec_fv_t           b;
};


/* Objects inside of both are merged in turn: a list, no recursion. */

static int
mlsec_fv_merge_deep(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out)
{
    mlsec_fv_t           key, value, *place;
    mlsec_fv_iter_t      it;
    mlsec_fv_merging_t   first, *todo, *inner;

    if (mlsec_fv_own(fx, &a, 0) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    *out = a;

    first.next = NULL;
    first.a = a;
    first.b = b;

    for (todo = &first; todo != NULL; /* void */ ) {
        a = todo->a;
        mlsec_fv_iter(&it, todo->b);
        todo = todo->next;

        if (mlsec_fx_charge(fx, it.left) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        while (mlsec_fv_next(&it, &key, &value)) {

            if (mlsec_fv_decode(fx, &key) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            place = mlsec_fv_place(fx, a, key);

            if (place == NULL || !mlsec_fv_is_object(value)
                || !mlsec_fv_is_object(*place))
            {
                if (mlsec_fv_put(fx, a, key, value) != MLSEC_OK) {
                    return MLSEC_FX_FATAL;
                }

                continue;
            }

            inner = mlsec_fx_alloc(fx, sizeof(mlsec_fv_merging_t));

            if (inner == NULL || mlsec_fv_own(fx, place, 0) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            inner->a = *place;
            inner->b = value;
            inner->next = todo;
            todo = inner;
        }
    }

    return MLSEC_OK;
}


/* Repeats by doubling; less than once is null. */

static int
mlsec_fv_repeat(mlsec_fx_t *fx, mlsec_fv_t string, double times,
    mlsec_fv_t *out)
{
    size_t          n, len, total;
    unsigned char  *p;

    if (mlsec_fv_decode(fx, &string) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    if (times != times || times < 0) {
        *out = mlsec_fv_null();
        return MLSEC_OK;
    }

    if (times < 1) {
        *out = mlsec_fv_literal("");
        return MLSEC_OK;
    }

    len = string.n;

    if (len == 0) {
        *out = string;
        return MLSEC_OK;
    }

    if (times * (double) len > MLSEC_FILTER_MAX_TEXT) {
        return mlsec_fx_raise(fx, "Repeat string result too long");
    }

    total = len * (size_t) times;

    p = mlsec_fx_alloc(fx, total);

    if (p == NULL || mlsec_fx_charge(fx, total / 64) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    memcpy(p, string.u.str, len);

    for (n = len; n < total; n += len) {
        len = n < total - n ? n : total - n;
        memcpy(p + n, p, len);
    }

    *out = mlsec_fv_string(p, total);

    return MLSEC_OK;
}
