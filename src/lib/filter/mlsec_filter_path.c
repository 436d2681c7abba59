/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Paths: the machine collects one as a chain of keys that grows at its end,
 * programs see an array.  Here values are taken, set and deleted at paths,
 * by walking down with a pointer to the place at hand: length and depth of a
 * path are the program's, so there is no recursion.
 */


#include <lib/filter/mlsec_filter_path.h>
#include <lib/filter/mlsec_filter_text.h>
#include <math.h>


/* A slice that was taken out, changed, and has to be put back. */

typedef struct mlsec_fv_pending_s  mlsec_fv_pending_t;

struct mlsec_fv_pending_s {
    mlsec_fv_pending_t  *next;
    mlsec_fv_t          *place;        /* of the array */
    mlsec_fv_t           key;
    mlsec_fv_t           part;
};


static int mlsec_fv_at_slice(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key,
    mlsec_fv_t *out);
static int mlsec_fv_step_element(mlsec_fx_t *fx, mlsec_fv_t **place,
    mlsec_fv_t key);
static int mlsec_fv_no_index(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key);


int
mlsec_fv_path_add(mlsec_fx_t *fx, mlsec_fv_t path, mlsec_fv_t key,
    mlsec_fv_t *out)
{
    mlsec_fv_path_t  *p;

    if (path.type != MLSEC_FV_PATH) {
        *out = path;
        return MLSEC_OK;
    }

    p = mlsec_fx_alloc(fx, sizeof(mlsec_fv_path_t));
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_share(key);

    p->parent = path.u.path;
    p->depth = path.u.path == NULL ? 1 : path.u.path->depth + 1;
    p->key = key;

    *out = path;
    out->u.path = p;

    return MLSEC_OK;
}


int
mlsec_fv_path_array(mlsec_fx_t *fx, mlsec_fv_t path, mlsec_fv_t *out)
{
    uint32_t                n;
    const mlsec_fv_path_t  *p;

    p = path.u.path;
    n = p == NULL ? 0 : p->depth;

    if (mlsec_fv_new_array(fx, n, out) != MLSEC_OK
        || mlsec_fx_charge(fx, n / 16) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    out->n = n;
    out->u.array->used = n;

    for ( /* void */ ; p != NULL; p = p->parent) {
        out->u.array->items[--n] = p->key;
    }

    return MLSEC_OK;
}


/* As jq counts: the start is rounded down, the end up. */

int
mlsec_fv_slice_bounds(mlsec_fx_t *fx, mlsec_fv_t key, uint32_t len,
    uint32_t *start, uint32_t *end)
{
    double      s, e;
    mlsec_fv_t  from, to;

    (void) mlsec_fv_get(fx, key, mlsec_fv_literal("start"), &from);
    (void) mlsec_fv_get(fx, key, mlsec_fv_literal("end"), &to);

    if ((from.type != MLSEC_FV_NULL && !mlsec_fv_is_number(from))
        || (to.type != MLSEC_FV_NULL && !mlsec_fv_is_number(to)))
    {
        return mlsec_fx_raise(fx, "Array/string slice indices must be "
                              "integers");
    }

    s = from.type == MLSEC_FV_NULL ? 0 : mlsec_fv_double(from);
    e = to.type == MLSEC_FV_NULL ? len : mlsec_fv_double(to);

    /* nan is no bound */

    s = s != s ? 0 : s;
    e = e != e ? len : e;

    s = floor(s < 0 ? s + len : s);
    e = ceil(e < 0 ? e + len : e);

    s = s < 0 ? 0 : s > len ? len : s;
    e = e > len ? len : e < s ? s : e;

    *start = (uint32_t) s;
    *end = (uint32_t) e;

    return MLSEC_OK;
}


static int
mlsec_fv_at_slice(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key,
    mlsec_fv_t *out)
{
    int              rc;
    uint32_t         i, start, end;
    mlsec_fv_t       item, unused;
    mlsec_fv_iter_t  it;

    if (mlsec_fv_is_string(v)) {

        if (mlsec_fv_decode(fx, &v) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        rc = mlsec_fv_slice_bounds(fx, key, mlsec_ft_length(v), &start, &end);

        if (rc == MLSEC_OK) {
            *out = mlsec_ft_slice(v, start, end);
        }

        return rc;
    }

    rc = mlsec_fv_slice_bounds(fx, key, mlsec_fv_count(v), &start, &end);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (start == 0 && v.type == MLSEC_FV_ARRAY) {
        v.u.array->shared = 1;
        *out = v;
        out->n = end;
        return MLSEC_OK;
    }

    if (mlsec_fv_new_array(fx, end - start, out) != MLSEC_OK
        || mlsec_fx_charge(fx, end - start) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_iter(&it, v);

    if (v.type == MLSEC_FV_ARRAY) {
        it.pos = start;
        i = start;

    } else {
        for (i = 0; i < start; i++) {
            it.pos = mlsec_tape_next(v.u.doc->tape, it.pos);
        }
    }

    for ( /* void */ ; i < end; i++) {
        (void) mlsec_fv_next(&it, &unused, &item);
        (void) mlsec_fv_append(fx, out, item);
    }

    return MLSEC_OK;
}


static int
mlsec_fv_no_index(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key)
{
    return mlsec_fx_raise(fx, "Cannot index %T with %T (%V)", &v, &key, &key);
}


int
mlsec_fv_at(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key, mlsec_fv_t *out)
{
    double  i;

    if (mlsec_fv_is_string(key)) {

        if (mlsec_fv_is_object(v)) {

            if (mlsec_fv_decode(fx, &key) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            (void) mlsec_fv_get(fx, v, key, out);
            return MLSEC_OK;
        }

    } else if (mlsec_fv_is_number(key)) {

        if (mlsec_fv_is_array(v)) {
            i = mlsec_fv_double(key);
            i = i < 0 ? (i > -1 ? 0 : i + mlsec_fv_count(v)) : i;
            *out = mlsec_fv_null();

            if (i >= 0 && i < mlsec_fv_count(v)) {
                *out = mlsec_fv_item(v, (uint32_t) i);
            }

            return MLSEC_OK;
        }

    } else if (mlsec_fv_is_object(key)) {

        if (mlsec_fv_is_array(v) || mlsec_fv_is_string(v)) {
            return mlsec_fv_at_slice(fx, v, key, out);
        }

    } else if (mlsec_fv_is_array(key)) {

        if (mlsec_fv_is_array(v)) {
            return mlsec_fv_indexes(fx, v, key, out);
        }

        return mlsec_fv_no_index(fx, v, key);
    }

    if (v.type == MLSEC_FV_NULL
        && (mlsec_fv_is_string(key) || mlsec_fv_is_number(key)
            || mlsec_fv_is_object(key) || key.type == MLSEC_FV_NULL))
    {
        *out = v;
        return MLSEC_OK;
    }

    return mlsec_fv_no_index(fx, v, key);
}


int
mlsec_fv_get_path(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t path,
    mlsec_fv_t *out)
{
    int               rc;
    mlsec_fv_t        key, unused;
    mlsec_fv_iter_t   it;

    if (!mlsec_fv_is_array(path)) {
        return mlsec_fx_raise(fx, "Path must be specified as an array");
    }

    if (mlsec_fv_count(path) > MLSEC_FV_MAX_PATH) {
        return mlsec_fx_raise(fx, "Path too deep");
    }

    mlsec_fv_iter(&it, path);
    *out = v;

    if (mlsec_fx_charge(fx, it.left / 16) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (out->type != MLSEC_FV_NULL && mlsec_fv_next(&it, &unused, &key)) {

        rc = mlsec_fv_at(fx, *out, key, out);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    mlsec_fv_share(*out);

    return MLSEC_OK;
}


/* Moves *place to an element of the array there, which grows if need be. */

static int
mlsec_fv_step_element(mlsec_fx_t *fx, mlsec_fv_t **place, mlsec_fv_t key)
{
    double       i;
    mlsec_fv_t  *v;

    v = *place;
    i = mlsec_fv_double(key);
    i = i < 0 ? (i > -1 ? 0 : i + v->n) : i;

    if (i < 0) {
        return mlsec_fx_raise(fx, "Out of bounds negative array index");
    }

    if (i != i) {
        return mlsec_fx_raise(fx, "Cannot set array element at NaN index");
    }

    if (i > 536870911.0) {
        return mlsec_fx_raise(fx, "Array index too large");
    }

    if (i >= v->n
        && mlsec_fx_charge(fx, (uint64_t) i - v->n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    while (i >= v->n) {
        if (mlsec_fv_append(fx, v, mlsec_fv_null()) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    *place = &v->u.array->items[(uint32_t) i];

    return MLSEC_OK;
}


static int
mlsec_fv_no_update(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key)
{
    if (mlsec_fv_is_object(key)) {

        if (mlsec_fv_is_string(v)) {
            return mlsec_fx_raise(fx, "Cannot update string slices");
        }

        return mlsec_fx_raise(fx, "Cannot update field at object index of %T",
                              &v);
    }

    if (mlsec_fv_is_array(key) && mlsec_fv_is_array(v)) {
        return mlsec_fx_raise(fx, "Cannot update field at array index of "
                              "array");
    }

    return mlsec_fv_no_index(fx, v, key);
}


int
mlsec_fv_step(mlsec_fx_t *fx, mlsec_fv_t **place, mlsec_fv_t key, int own)
{
    int          rc, array;
    mlsec_fv_t  *v, *member;

    v = *place;
    array = mlsec_fv_is_number(key) || mlsec_fv_is_object(key);

    if (v->type == MLSEC_FV_NULL) {

        if (array) {
            rc = mlsec_fv_new_array(fx, 0, v);

        } else if (mlsec_fv_is_string(key)) {
            rc = mlsec_fv_new_object(fx, 1, v);

        } else {
            return mlsec_fv_no_update(fx, *v, key);
        }

    } else if (array ? mlsec_fv_is_array(*v)
                     : (mlsec_fv_is_string(key) && mlsec_fv_is_object(*v)))
    {
        rc = mlsec_fv_own(fx, v, own);

    } else {
        return mlsec_fv_no_update(fx, *v, key);
    }

    if (rc != MLSEC_OK || mlsec_fv_is_object(key)) {
        return rc;
    }

    if (array) {
        return mlsec_fv_step_element(fx, place, key);
    }

    if (mlsec_fv_decode(fx, &key) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    member = mlsec_fv_place(fx, *v, key);

    if (member == NULL) {

        if (mlsec_fv_put(fx, *v, key, mlsec_fv_null()) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        member = &v->u.object->members[v->u.object->count - 1].value;
    }

    *place = member;

    return MLSEC_OK;
}


int
mlsec_fv_splice(mlsec_fx_t *fx, mlsec_fv_t *array, mlsec_fv_t key,
    mlsec_fv_t part)
{
    int                rc;
    uint32_t           i, n, np, start, end;
    mlsec_fv_t         copy;
    const mlsec_fv_t  *items, *parts;

    if (!mlsec_fv_is_array(part)) {
        return mlsec_fx_raise(fx, "A slice of an array can only be assigned "
                              "another array");
    }

    rc = mlsec_fv_slice_bounds(fx, key, mlsec_fv_count(*array), &start, &end);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (mlsec_fv_items(fx, *array, &items, &n) != MLSEC_OK
        || mlsec_fv_items(fx, part, &parts, &np) != MLSEC_OK
        || mlsec_fv_new_array(fx, (size_t) n + np, &copy) != MLSEC_OK
        || mlsec_fx_charge(fx, (uint64_t) n + np) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < start; i++) {
        (void) mlsec_fv_append(fx, &copy, items[i]);
    }

    for (i = 0; i < np; i++) {
        (void) mlsec_fv_append(fx, &copy, parts[i]);
    }

    for (i = end; i < n; i++) {
        (void) mlsec_fv_append(fx, &copy, items[i]);
    }

    *array = copy;

    return MLSEC_OK;
}


int
mlsec_fv_set_path(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t path,
    mlsec_fv_t value, int own, mlsec_fv_t *out)
{
    int                  rc;
    mlsec_fv_t           key, unused, *place;
    mlsec_fv_iter_t      it;
    mlsec_fv_pending_t  *pending, *p;

    if (!mlsec_fv_is_array(path)) {
        return mlsec_fx_raise(fx, "Path must be specified as an array");
    }

    if (mlsec_fv_count(path) > MLSEC_FV_MAX_PATH) {
        return mlsec_fx_raise(fx, "Path too deep");
    }

    pending = NULL;
    *out = v;
    place = out;

    mlsec_fv_iter(&it, path);

    if (mlsec_fx_charge(fx, it.left / 16) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &unused, &key)) {
        rc = mlsec_fv_step(fx, &place, key, own);

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (mlsec_fv_is_object(key)) {
            p = mlsec_fx_alloc(fx, sizeof(mlsec_fv_pending_t));
            if (p == NULL) {
                return MLSEC_FX_FATAL;
            }

            p->place = place;
            p->key = key;
            p->next = pending;
            pending = p;

            rc = mlsec_fv_at(fx, *place, key, &p->part);

            if (rc != MLSEC_OK) {
                return rc;
            }

            place = &p->part;
        }

        /* below a copy everything is seen twice: it is marked as shared */
    }

    mlsec_fv_share(value);
    *place = value;

    for (p = pending; p != NULL; p = p->next) {
        rc = mlsec_fv_splice(fx, p->place, p->key, p->part);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    return MLSEC_OK;
}
