/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Instructions: taking values apart, and paths. */


#include <lib/filter/mlsec_filter_machine.h>


#define MLSEC_FM_KEYS  16


const mlsec_fi_t *
mlsec_fm_step_index(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v, key;

    v = mlsec_fm_value(m, i->b);
    key = mlsec_fm_value(m, i->c);

    if (key.type == MLSEC_FV_STRING && mlsec_fv_is_object(v)) {
        (void) mlsec_fv_get(&m->fx, v, key, &m->regs[i->a]);
        return i + 1;
    }

    rc = mlsec_fv_at(&m->fx, v, key, &m->regs[i->a]);

    if (rc == MLSEC_OK) {
        return i + 1;
    }

    return i->x == 1 && rc == MLSEC_FX_ERROR ? mlsec_fm_back(m)
                                             : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_index_path(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v, key;

    v = mlsec_fm_value(m, i->b);
    key = mlsec_fm_value(m, i->c);

    if (m->regs[i->d].type == MLSEC_FV_BADPATH) {
        rc = mlsec_fx_raise(&m->fx, "Invalid path expression near attempt to "
                            "access element %V of %V", &key, &v);

    } else {
        rc = mlsec_fv_at(&m->fx, v, key, &m->regs[i->a]);
    }

    if (rc == MLSEC_OK) {
        rc = mlsec_fv_path_add(&m->fx, m->regs[i->d], key, &m->regs[i->e]);
    }

    if (rc == MLSEC_OK) {
        return i + 1;
    }

    return i->x == 1 && rc == MLSEC_FX_ERROR ? mlsec_fm_back(m)
                                             : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_slice(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  key;

    if (mlsec_fv_new_object(&m->fx, 2, &key) != MLSEC_OK
        || mlsec_fv_put(&m->fx, key, mlsec_fv_literal("start"),
                        mlsec_fm_value(m, i->b)) != MLSEC_OK
        || mlsec_fv_put(&m->fx, key, mlsec_fv_literal("end"),
                        mlsec_fm_value(m, i->c)) != MLSEC_OK)
    {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    mlsec_fv_share(key);
    m->regs[i->a] = key;

    return i + 1;
}


/*
 * The position of a walk is two registers: the container, and in front of it
 * an iterator without it.
 */

const mlsec_fi_t *
mlsec_fm_step_each(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int               rc;
    mlsec_fv_t        v, pos;
    mlsec_fv_iter_t   it;

    v = mlsec_fm_value(m, i->b);

    if (!mlsec_fv_is_array(v) && !mlsec_fv_is_object(v)) {

        if (i->x == 1) {
            return mlsec_fm_back(m);
        }

        if (v.type == MLSEC_FV_NULL) {
            rc = mlsec_fx_raise(&m->fx, "Cannot iterate over null (null)");

        } else {
            rc = mlsec_fx_raise(&m->fx, "Cannot iterate over %T (%V)", &v,
                                &v);
        }

        return mlsec_fm_fail(m, rc);
    }

    if (mlsec_fv_load(&m->fx, &v) != MLSEC_OK) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    mlsec_fv_iter(&it, v);

    pos = mlsec_fv_null();
    pos.n = 0;
    pos.u.mark.fork = it.pos;
    pos.u.mark.top = it.left;

    m->regs[i->c] = pos;
    m->regs[i->c + 1] = v;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_each_next(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t       unused, *pos;
    mlsec_fv_iter_t  it;

    pos = &m->regs[i->c];

    it.of = pos[1];
    it.pos = pos->u.mark.fork;
    it.left = pos->u.mark.top;

    if (it.left == 0) {
        return mlsec_fm_back(m);
    }

    (void) mlsec_fv_next(&it, &unused, &m->regs[i->a]);

    pos->u.mark.fork = it.pos;
    pos->u.mark.top = it.left;

    if (it.left != 0
        && mlsec_fm_push(m, MLSEC_FM_FORK, (uint32_t) (i - m->f->code))
           == NULL)
    {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_each_next_path(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int              rc;
    mlsec_fv_t       key, *pos;
    mlsec_fv_iter_t  it;

    pos = &m->regs[i->c];

    it.of = pos[1];
    it.pos = pos->u.mark.fork;
    it.left = pos->u.mark.top;

    if (m->regs[i->d].type == MLSEC_FV_BADPATH) {

        if (i->x == 1) {
            return mlsec_fm_back(m);
        }

        rc = mlsec_fx_raise(&m->fx, "Invalid path expression near attempt to "
                            "iterate through %V", &it.of);
        return mlsec_fm_fail(m, rc);
    }

    if (it.left == 0) {
        return mlsec_fm_back(m);
    }

    key = mlsec_fv_number(pos->n);
    (void) mlsec_fv_next(&it, &key, &m->regs[i->a]);

    pos->n++;
    pos->u.mark.fork = it.pos;
    pos->u.mark.top = it.left;

    if (mlsec_fv_path_add(&m->fx, m->regs[i->d], key, &m->regs[i->e])
        != MLSEC_OK)
    {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    if (it.left != 0
        && mlsec_fm_push(m, MLSEC_FM_FORK, (uint32_t) (i - m->f->code))
           == NULL)
    {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_range(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  from, to, by;

    from = mlsec_fm_value(m, i->b);
    to = mlsec_fm_value(m, i->c);
    by = mlsec_fm_value(m, i->d);

    if (!mlsec_fv_is_number(from) || !mlsec_fv_is_number(to)
        || !mlsec_fv_is_number(by))
    {
        rc = mlsec_fx_raise(&m->fx, "Range bounds must be numeric");
        return mlsec_fm_fail(m, rc);
    }

    m->regs[i->e] = mlsec_fv_number(mlsec_fv_double(from));

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_range_next(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    double  at, to, by;

    at = m->regs[i->e].u.number;
    to = mlsec_fv_double(mlsec_fm_value(m, i->c));
    by = mlsec_fv_double(mlsec_fm_value(m, i->d));

    if (!(by > 0 ? at < to : by < 0 && at > to)) {
        return mlsec_fm_back(m);
    }

    m->regs[i->a] = mlsec_fv_number(at);
    at += by;
    m->regs[i->e].u.number = at;

    if ((by > 0 ? at < to : at > to)
        && mlsec_fm_push(m, MLSEC_FM_FORK, (uint32_t) (i - m->f->code))
           == NULL)
    {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_root(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  v;

    v = mlsec_fv_null();
    v.type = MLSEC_FV_PATH;
    m->regs[i->a] = v;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_no_path(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->regs[i->a] = mlsec_fv_null();
    m->regs[i->a].type = MLSEC_FV_NOPATH;

    return i + 1;
}


/* null stays where it was: jq cannot tell it from the one that was there */

const mlsec_fi_t *
mlsec_fm_step_bad_path(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  old, new, path;

    new = mlsec_fm_value(m, i->b);
    old = mlsec_fm_value(m, i->c);
    path = m->regs[i->d];

    if (path.type == MLSEC_FV_PATH
        && (new.type != old.type || new.type > MLSEC_FV_TRUE))
    {
        path.type = MLSEC_FV_BADPATH;
    }

    m->regs[i->e] = path;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_path(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v;

    if (m->regs[i->c].type == MLSEC_FV_BADPATH) {
        v = mlsec_fm_value(m, i->b);
        rc = mlsec_fx_raise(&m->fx, "Invalid path expression with result %V",
                            &v);

    } else {
        rc = mlsec_fv_path_array(&m->fx, m->regs[i->c], &m->regs[i->a]);
    }

    return rc == MLSEC_OK ? i + 1 : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_get(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v;

    rc = mlsec_fv_get_path(&m->fx, mlsec_fm_value(m, i->b),
                           mlsec_fm_value(m, i->c), &v);

    if (rc != MLSEC_OK) {
        return mlsec_fm_fail(m, rc);
    }

    m->regs[i->a] = v;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_get_path(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int              rc;
    mlsec_fv_t       v, keys, path, key, unused;
    mlsec_fv_iter_t  it;

    v = mlsec_fm_value(m, i->b);
    keys = mlsec_fm_value(m, i->c);
    path = m->regs[i->d];

    if (path.type == MLSEC_FV_BADPATH) {
        rc = mlsec_fx_raise(&m->fx, "Invalid path expression near attempt to "
                            "access element %V of %V", &keys, &v);
        return mlsec_fm_fail(m, rc);
    }

    rc = mlsec_fv_get_path(&m->fx, v, keys, &m->regs[i->a]);

    if (rc != MLSEC_OK) {
        return mlsec_fm_fail(m, rc);
    }

    mlsec_fv_iter(&it, keys);

    while (mlsec_fv_next(&it, &unused, &key)) {
        if (mlsec_fv_path_add(&m->fx, path, key, &path) != MLSEC_OK) {
            return mlsec_fm_fail(m, MLSEC_FX_FATAL);
        }
    }

    m->regs[i->e] = path;

    return i + 1;
}


/* A path as an array, in "keys" if it is not too long. */

static int
mlsec_fm_keys(mlsec_fm_t *m, const mlsec_fv_t *value, mlsec_fv_t path,
    mlsec_fv_array_t *keys, mlsec_fv_t *out)
{
    uint32_t                n;
    const mlsec_fv_path_t  *p;

    if (path.type == MLSEC_FV_BADPATH) {
        return mlsec_fx_raise(&m->fx, "Invalid path expression with result "
                              "%V", value);
    }

    p = path.u.path;
    n = p == NULL ? 0 : p->depth;

    if (n > MLSEC_FM_KEYS) {
        return mlsec_fv_path_array(&m->fx, path, out);
    }

    *out = mlsec_fv_null();
    out->type = MLSEC_FV_ARRAY;
    out->n = n;
    out->u.array = keys;

    keys->used = n;
    keys->room = n;
    keys->shared = 1;

    for ( /* void */ ; p != NULL; p = p->parent) {
        keys->items[--n] = p->key;
    }

    return MLSEC_OK;
}


const mlsec_fi_t *
mlsec_fm_step_peek(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int               rc;
    mlsec_fv_t        v, path, items[MLSEC_FM_KEYS];
    mlsec_fv_array_t  keys;

    keys.items = items;
    v = mlsec_fm_value(m, i->b);

    rc = mlsec_fm_keys(m, &m->regs[i->d], m->regs[i->c], &keys, &path);

    if (rc == MLSEC_OK) {
        rc = mlsec_fv_get_path(&m->fx, v, path, &m->regs[i->a]);
    }

    return rc == MLSEC_OK ? i + 1 : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_set(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int               rc;
    mlsec_fv_t        v, value, path, items[MLSEC_FM_KEYS];
    mlsec_fv_array_t  keys;

    keys.items = items;
    v = mlsec_fm_value(m, i->b);
    value = mlsec_fm_value(m, i->d);

    rc = mlsec_fm_keys(m, &m->regs[i->e], m->regs[i->c], &keys, &path);

    if (rc == MLSEC_OK) {
        rc = mlsec_fv_set_path(&m->fx, v, path, value, (int) i->x, &v);
        m->regs[i->a] = v;
    }

    return rc == MLSEC_OK ? i + 1 : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_delete(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v;

    rc = mlsec_fv_delete_paths(&m->fx, mlsec_fm_value(m, i->b),
                               mlsec_fm_value(m, i->c), &v);
    m->regs[i->a] = v;

    return rc == MLSEC_OK ? i + 1 : mlsec_fm_fail(m, rc);
}
