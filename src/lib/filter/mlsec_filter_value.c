/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Strings and arrays of the filter language. */


#include <lib/filter/mlsec_filter_value.h>
#include <lib/json/mlsec_json.h>


#define MLSEC_FV_MAX_ITEMS  (1 << 27)


const char *
mlsec_fv_type_name(mlsec_fv_t v)
{
    static const char *const  names[] = {
        "null", "boolean", "boolean", "number", "number", "string", "string",
        "array", "array", "object", "object"
    };

    return v.type < sizeof(names) / sizeof(names[0]) ? names[v.type] : "?";
}


int
mlsec_fv_copy_string(mlsec_fx_t *fx, const unsigned char *data, size_t len,
    mlsec_fv_t *out)
{
    unsigned char  *p;

    if (len == 0) {
        *out = mlsec_fv_literal("");
        return MLSEC_OK;
    }

    p = mlsec_fx_alloc(fx, len);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    memcpy(p, data, len);
    *out = mlsec_fv_string(p, len);

    return MLSEC_OK;
}


int
mlsec_fv_decode(mlsec_fx_t *fx, mlsec_fv_t *v)
{
    mlsec_str_t     raw;
    unsigned char  *p;

    if (v->type != MLSEC_FV_STRTEXT) {
        return MLSEC_OK;
    }

    p = mlsec_fx_alloc(fx, v->n);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    raw.data = v->u.str;
    raw.len = v->n;

    *v = mlsec_fv_string(p, mlsec_json_decode(p, raw));

    return MLSEC_OK;
}


/*
 * Nobody else can see the bytes behind a string, so a string that ends where
 * the arena's last joined one ends may grow there: a loop that appends costs
 * what it appends.
 */

int
mlsec_fv_concat(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b, mlsec_fv_t *out)
{
    size_t          room;
    unsigned char  *p;

    if (mlsec_fv_decode(fx, &a) != MLSEC_OK
        || mlsec_fv_decode(fx, &b) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    if (a.n == 0 || b.n == 0) {
        *out = a.n == 0 ? b : a;
        return MLSEC_OK;
    }

    if (b.n > MLSEC_FILTER_MAX_TEXT - a.n) {
        fx->rc = MLSEC_FILTER_MEMORY;
        return MLSEC_FX_FATAL;
    }

    if (a.u.str + a.n == fx->tail
        && b.n <= (size_t) (fx->tail_end - fx->tail))
    {
        memcpy((unsigned char *) fx->tail, b.u.str, b.n);
        fx->tail += b.n;
        *out = mlsec_fv_string(a.u.str, (size_t) a.n + b.n);
        return MLSEC_OK;
    }

    room = (size_t) a.n + b.n + (a.u.str + a.n == fx->tail ? a.n : a.n / 4);

    p = mlsec_fx_alloc(fx, room);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    memcpy(p, a.u.str, a.n);
    memcpy(p + a.n, b.u.str, b.n);

    fx->tail = p + a.n + b.n;
    fx->tail_end = p + room;

    *out = mlsec_fv_string(p, (size_t) a.n + b.n);

    return MLSEC_OK;
}


int
mlsec_fv_new_array(mlsec_fx_t *fx, size_t room, mlsec_fv_t *out)
{
    mlsec_fv_array_t  *a;

    if (room > MLSEC_FV_MAX_ITEMS) {
        fx->rc = MLSEC_FILTER_MEMORY;
        return MLSEC_FX_FATAL;
    }

    a = mlsec_fx_alloc(fx, sizeof(mlsec_fv_array_t)
                           + room * sizeof(mlsec_fv_t));
    if (a == NULL) {
        return MLSEC_FX_FATAL;
    }

    a->used = 0;
    a->room = (uint32_t) room;
    a->shared = 0;
    a->items = (mlsec_fv_t *) (void *) (a + 1);

    *out = mlsec_fv_null();
    out->type = MLSEC_FV_ARRAY;
    out->u.array = a;

    return MLSEC_OK;
}


int
mlsec_fv_append(mlsec_fx_t *fx, mlsec_fv_t *array, mlsec_fv_t item)
{
    mlsec_fv_t         longer;
    mlsec_fv_array_t  *a;

    a = array->u.array;

    if (array->n != a->used || a->used == a->room) {

        if (mlsec_fv_new_array(fx, 2 * (size_t) array->n + 4, &longer)
            != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        if (array->n != 0) {
            memcpy(longer.u.array->items, a->items,
                   array->n * sizeof(mlsec_fv_t));
        }

        /* the elements may be seen from the shorter one as well */

        longer.u.array->shared = a->shared | (array->n != a->used);
        longer.u.array->used = array->n;
        longer.n = array->n;

        *array = longer;
        a = longer.u.array;
    }

    a->items[a->used++] = item;
    array->n++;

    return MLSEC_OK;
}


uint32_t
mlsec_fv_count(mlsec_fv_t array)
{
    if (array.type == MLSEC_FV_ARRAY) {
        return array.n;
    }

    return array.u.doc->tape[array.n + 1].pos;
}


mlsec_fv_t
mlsec_fv_item(mlsec_fv_t array, uint32_t i)
{
    uint32_t                at;
    mlsec_fv_t              v;
    const mlsec_fv_tape_t  *tape;

    if (array.type == MLSEC_FV_ARRAY) {
        v = array.u.array->items[i];
        mlsec_fv_share(v);
        return v;
    }

    tape = array.u.doc->tape;

    /* without containers in it the place can be computed */

    if (mlsec_tape_val(tape[array.n]) - array.n - 2 == tape[array.n + 1].pos)
    {
        return mlsec_fv_tape(array.u.doc, array.n + 2 + i);
    }

    for (at = array.n + 2; i != 0; i--) {
        at = mlsec_tape_next(tape, at);
    }

    return mlsec_fv_tape(array.u.doc, at);
}


int
mlsec_fv_items(mlsec_fx_t *fx, mlsec_fv_t array, const mlsec_fv_t **items,
    uint32_t *n)
{
    uint32_t         i;
    mlsec_fv_t      *list, key;
    mlsec_fv_iter_t  it;

    *n = mlsec_fv_count(array);
    *items = NULL;

    if (array.type == MLSEC_FV_ARRAY) {
        *items = array.u.array->items;

        for (i = 0; i < *n; i++) {
            mlsec_fv_share((*items)[i]);
        }

        return MLSEC_OK;
    }

    if (*n == 0) {
        return MLSEC_OK;
    }

    list = mlsec_fx_alloc(fx, *n * sizeof(mlsec_fv_t));
    if (list == NULL) {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_iter(&it, array);

    for (i = 0; mlsec_fv_next(&it, &key, &list[i]); i++) { /* void */ }

    *items = list;

    return MLSEC_OK;
}


int
mlsec_fv_own(mlsec_fx_t *fx, mlsec_fv_t *v, int own)
{
    uint32_t           i, n;
    mlsec_fv_t         copy;
    const mlsec_fv_t  *items;

    if (mlsec_fv_is_array(*v)) {

        if (own && v->type == MLSEC_FV_ARRAY && !v->u.array->shared
            && v->n == v->u.array->used)
        {
            return MLSEC_OK;
        }

        if (mlsec_fv_items(fx, *v, &items, &n) != MLSEC_OK
            || mlsec_fv_new_array(fx, n, &copy) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        if (n != 0) {
            memcpy(copy.u.array->items, items, n * sizeof(mlsec_fv_t));
        }

        copy.u.array->used = n;
        copy.n = n;
        *v = copy;

        return MLSEC_OK;
    }

    if (v->type == MLSEC_FV_RAWOBJECT) {
        return mlsec_fv_load(fx, v);
    }

    if (own && !v->u.object->shared) {
        return MLSEC_OK;
    }

    n = v->u.object->count;

    if (mlsec_fv_new_object(fx, n, &copy) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < n; i++) {
        mlsec_fv_share(v->u.object->members[i].value);

        if (mlsec_fv_put(fx, copy, v->u.object->members[i].key,
                         v->u.object->members[i].value) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }
    }

    *v = copy;

    return MLSEC_OK;
}
