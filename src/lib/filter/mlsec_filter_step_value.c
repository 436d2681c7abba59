/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Instructions: making values. */


#include <lib/filter/mlsec_filter_machine.h>
#include <lib/filter/mlsec_filter_ast.h>
#include <math.h>


const mlsec_fi_t *
mlsec_fm_step_copy(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  v;

    v = mlsec_fm_value(m, i->b);
    mlsec_fv_share(v);
    m->regs[i->a] = v;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_move(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->regs[i->a] = m->regs[i->b];

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_take(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->regs[i->a] = m->regs[i->b];
    m->regs[i->b] = mlsec_fv_null();

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_array(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    return mlsec_fv_new_array(&m->fx, 4, &m->regs[i->a]) == MLSEC_OK
           ? i + 1 : mlsec_fm_fail(m, MLSEC_FX_FATAL);
}


const mlsec_fi_t *
mlsec_fm_step_append(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  v;

    v = mlsec_fm_value(m, i->b);
    mlsec_fv_share(v);

    return mlsec_fv_append(&m->fx, &m->regs[i->a], v) == MLSEC_OK
           ? i + 1 : mlsec_fm_fail(m, MLSEC_FX_FATAL);
}


const mlsec_fi_t *
mlsec_fm_step_list(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    uint32_t         k;
    mlsec_fv_t       array;
    const uint16_t  *list;

    if (mlsec_fv_new_array(&m->fx, i->c, &array) != MLSEC_OK) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    list = m->f->lists + i->x;

    for (k = 0; k < i->c; k++) {
        array.u.array->items[k] = mlsec_fm_value(m, list[k]);
        mlsec_fv_share(array.u.array->items[k]);
    }

    array.n = i->c;
    array.u.array->used = i->c;
    m->regs[i->a] = array;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_object(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int              rc;
    uint32_t         k;
    mlsec_fv_t       object, key, value;
    const uint16_t  *list;

    if (mlsec_fv_new_object(&m->fx, i->c, &object) != MLSEC_OK) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    list = m->f->lists + i->x;

    for (k = 0; k < i->c; k++, list += 2) {
        key = mlsec_fm_value(m, list[0]);
        value = mlsec_fm_value(m, list[1]);
        mlsec_fv_share(value);

        if (!mlsec_fv_is_string(key)) {
            rc = mlsec_fx_raise(&m->fx, "Cannot use %T (%V) as object key",
                                &key, &key);
            return mlsec_fm_fail(m, rc);
        }

        if (mlsec_fv_put(&m->fx, object, key, value) != MLSEC_OK) {
            return mlsec_fm_fail(m, MLSEC_FX_FATAL);
        }
    }

    m->regs[i->a] = object;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_string(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int               rc;
    uint32_t          k;
    mlsec_fv_t        v;
    mlsec_fx_text_t   text;
    const uint16_t   *list;

    memset(&text, 0, sizeof(text));
    list = m->f->lists + i->x;

    for (k = 0; k < i->c; k++) {
        v = mlsec_fm_value(m, list[k]);

        if (k & 1) {
            rc = mlsec_fn_format(&m->fx, i->b, v, &v);

            if (rc != MLSEC_OK) {
                return mlsec_fm_fail(m, rc);
            }
        }

        if (mlsec_fx_put(&m->fx, &text, v.u.str, v.n) != MLSEC_OK) {
            return mlsec_fm_fail(m, MLSEC_FX_FATAL);
        }
    }

    m->regs[i->a] = text.len == 0 ? mlsec_fv_literal("")
                                  : mlsec_fv_string(text.data, text.len);

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_format(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v;

    rc = mlsec_fn_format(&m->fx, i->c, mlsec_fm_value(m, i->b), &v);

    if (rc != MLSEC_OK) {
        return mlsec_fm_fail(m, rc);
    }

    m->regs[i->a] = v;

    return i + 1;
}


/* A number that a double does not hold keeps its digits. */

static const mlsec_fi_t *
mlsec_fm_negate_text(mlsec_fm_t *m, const mlsec_fi_t *i, mlsec_fv_t v)
{
    unsigned char  *p;

    if (*v.u.str == '-') {
        v.u.str++;
        v.n--;

    } else {
        p = mlsec_fx_alloc(&m->fx, (size_t) v.n + 1);
        if (p == NULL) {
            return mlsec_fm_fail(m, MLSEC_FX_FATAL);
        }

        p[0] = '-';
        memcpy(p + 1, v.u.str, v.n);
        v.u.str = p;
        v.n++;
    }

    m->regs[i->a] = v;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_negate(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v;

    v = mlsec_fm_value(m, i->b);

    if (!mlsec_fv_is_number(v)) {
        rc = mlsec_fx_raise(&m->fx, "%T (%V) cannot be negated", &v, &v);
        return mlsec_fm_fail(m, rc);
    }

    if (v.type == MLSEC_FV_NUMTEXT && mlsec_fv_double(v) != 0
        && (v.n > 15 || isinf(mlsec_fv_double(v))))
    {
        return mlsec_fm_negate_text(m, i, v);
    }

    m->regs[i->a] = mlsec_fv_number(-mlsec_fv_double(v));

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_not(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->regs[i->a] = mlsec_fv_bool(!mlsec_fv_truth(mlsec_fm_value(m, i->b)));

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_bool(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->regs[i->a] = mlsec_fv_bool(mlsec_fv_truth(mlsec_fm_value(m, i->b)));

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_math(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  a, b, v;

    a = mlsec_fm_value(m, i->b);
    b = mlsec_fm_value(m, i->c);

    if (i->op == MLSEC_FI_ADD && a.type == MLSEC_FV_NUMBER
        && b.type == MLSEC_FV_NUMBER)
    {
        m->regs[i->a] = mlsec_fv_number(a.u.number + b.u.number);
        return i + 1;
    }

    rc = mlsec_fv_math(&m->fx, i->op - MLSEC_FI_ADD, a, b, &v);

    if (rc != MLSEC_OK) {
        return mlsec_fm_fail(m, rc);
    }

    m->regs[i->a] = v;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_equal(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         order;
    mlsec_fv_t  a, b;

    a = mlsec_fm_value(m, i->b);
    b = mlsec_fm_value(m, i->c);

    if (a.type == MLSEC_FV_STRING && b.type == MLSEC_FV_STRING) {
        order = a.n != b.n || !mlsec_fv_same_bytes(a.u.str, b.u.str, a.n);

    } else if (mlsec_fv_compare(&m->fx, a, b, &order) != MLSEC_OK) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    m->regs[i->a] = mlsec_fv_bool((order == 0) == (i->op == MLSEC_FI_EQ));

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_order(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int  order, yes;

    if (mlsec_fv_compare(&m->fx, mlsec_fm_value(m, i->b),
                         mlsec_fm_value(m, i->c), &order) != MLSEC_OK)
    {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    switch (i->op) {

    case MLSEC_FI_LT:
        yes = order < 0;
        break;

    case MLSEC_FI_LE:
        yes = order <= 0;
        break;

    case MLSEC_FI_GT:
        yes = order > 0;
        break;

    default:
        yes = order >= 0;
    }

    m->regs[i->a] = mlsec_fv_bool(yes);

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_native(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int                rc;
    unsigned           k;
    mlsec_fv_t         args[8], v;
    const uint16_t    *list;
    const mlsec_fn_t  *fn;

    fn = mlsec_fn_get(i->c);
    list = m->f->lists + i->x;
    args[0] = mlsec_fm_value(m, i->b);

    for (k = 0; k < fn->nargs; k++) {
        args[1 + k] = mlsec_fm_value(m, list[k]);
    }

    rc = fn->call(&m->fx, args, &v);

    if (rc != MLSEC_OK) {
        return mlsec_fm_fail(m, rc);
    }

    mlsec_fv_share(v);
    m->regs[i->a] = v;

    return i + 1;
}
