/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Objects: members in the order of arrival.  Few are searched in a row;
 * from MLSEC_FV_HASHED on there is a table, keyed with the run's seed, since
 * keys come from services and clients.
 */


#include <lib/filter/mlsec_filter_value.h>
#include <lib/json/mlsec_json.h>
#include <lib/mlsec_siphash.h>


#define MLSEC_FV_HASHED  9


static uint32_t *mlsec_fv_slot(mlsec_fx_t *fx, mlsec_fv_object_t *o,
    mlsec_fv_t key);
static int mlsec_fv_rehash(mlsec_fx_t *fx, mlsec_fv_object_t *o);
static int mlsec_fv_grow(mlsec_fx_t *fx, mlsec_fv_object_t *o);


static inline int
mlsec_fv_same_key(mlsec_fv_t a, mlsec_fv_t b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.u.str, b.u.str, a.n) == 0);
}


int
mlsec_fv_new_object(mlsec_fx_t *fx, size_t room, mlsec_fv_t *out)
{
    mlsec_fv_object_t  *o;

    o = mlsec_fx_alloc(fx, sizeof(mlsec_fv_object_t)
                           + room * sizeof(mlsec_fv_member_t));
    if (o == NULL) {
        return MLSEC_FX_FATAL;
    }

    memset(o, 0, sizeof(mlsec_fv_object_t));
    o->room = (uint32_t) room;
    o->members = (mlsec_fv_member_t *) (void *) (o + 1);

    *out = mlsec_fv_null();
    out->type = MLSEC_FV_OBJECT;
    out->u.object = o;

    return MLSEC_OK;
}


/* The slot of the key: its own, or the free one where it would go. */

static uint32_t *
mlsec_fv_slot(mlsec_fx_t *fx, mlsec_fv_object_t *o, mlsec_fv_t key)
{
    uint32_t     i;
    mlsec_str_t  text;

    text.data = key.u.str;
    text.len = key.n;

    i = (uint32_t) mlsec_siphash(fx->seed, text) & o->mask;

    while (o->slots[i] != 0
           && !mlsec_fv_same_key(o->members[o->slots[i] - 1].key, key))
    {
        i = (i + 1) & o->mask;
    }

    return &o->slots[i];
}


static int
mlsec_fv_rehash(mlsec_fx_t *fx, mlsec_fv_object_t *o)
{
    uint32_t   i, size;
    uint32_t  *slots;

    size = 32;

    while (size < 2 * o->room) {
        size *= 2;
    }

    slots = o->slots;

    if (slots == NULL || size != o->mask + 1) {
        slots = mlsec_fx_alloc(fx, size * sizeof(uint32_t));
        if (slots == NULL) {
            return MLSEC_FX_FATAL;
        }
    }

    memset(slots, 0, size * sizeof(uint32_t));

    o->slots = slots;
    o->mask = size - 1;

    for (i = 0; i < o->count; i++) {
        *mlsec_fv_slot(fx, o, o->members[i].key) = i + 1;
    }

    return MLSEC_OK;
}


static int
mlsec_fv_grow(mlsec_fx_t *fx, mlsec_fv_object_t *o)
{
    size_t              room;
    mlsec_fv_member_t  *members;

    room = 2 * (size_t) o->room + 4;

    if (room > MLSEC_FILTER_MAX_TEXT / 2) {
        fx->rc = MLSEC_FILTER_MEMORY;
        return MLSEC_FX_FATAL;
    }

    members = mlsec_fx_alloc(fx, room * sizeof(mlsec_fv_member_t));
    if (members == NULL) {
        return MLSEC_FX_FATAL;
    }

    if (o->count != 0) {
        memcpy(members, o->members, o->count * sizeof(mlsec_fv_member_t));
    }

    o->members = members;
    o->room = (uint32_t) room;

    return o->slots == NULL ? MLSEC_OK : mlsec_fv_rehash(fx, o);
}


mlsec_fv_t *
mlsec_fv_place(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key)
{
    uint32_t            i;
    mlsec_fv_object_t  *o;

    o = object.u.object;

    if (o->slots != NULL) {
        i = *mlsec_fv_slot(fx, o, key);
        return i == 0 ? NULL : &o->members[i - 1].value;
    }

    for (i = 0; i < o->count; i++) {
        if (mlsec_fv_same_key(o->members[i].key, key)) {
            return &o->members[i].value;
        }
    }

    return NULL;
}


int
mlsec_fv_put(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key,
    mlsec_fv_t value)
{
    mlsec_fv_t         *place;
    mlsec_fv_object_t  *o;

    if (mlsec_fv_decode(fx, &key) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    place = mlsec_fv_place(fx, object, key);

    if (place != NULL) {
        *place = value;
        return MLSEC_OK;
    }

    o = object.u.object;

    if (o->count == o->room && mlsec_fv_grow(fx, o) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    o->members[o->count].key = key;
    o->members[o->count].value = value;
    o->count++;

    if (o->slots != NULL) {
        *mlsec_fv_slot(fx, o, key) = o->count;
        return MLSEC_OK;
    }

    return o->count < MLSEC_FV_HASHED ? MLSEC_OK : mlsec_fv_rehash(fx, o);
}


int
mlsec_fv_drop(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key)
{
    uint32_t            i;
    mlsec_fv_t         *place;
    mlsec_fv_object_t  *o;

    place = mlsec_fv_place(fx, object, key);

    if (place == NULL) {
        return MLSEC_OK;
    }

    o = object.u.object;

    for (i = 0; &o->members[i].value != place; i++) { /* void */ }

    o->count--;
    memmove(&o->members[i], &o->members[i + 1],
            (o->count - i) * sizeof(mlsec_fv_member_t));

    return o->slots == NULL ? MLSEC_OK : mlsec_fv_rehash(fx, o);
}


/* The same where a key may have escapes: it is compared decoded. */

static const mlsec_fv_tape_t *
mlsec_fv_find_escaped(const mlsec_filter_doc_t *doc, const mlsec_fv_tape_t *e,
    const mlsec_fv_tape_t *end, mlsec_fv_t key)
{
    mlsec_str_t             raw, name;
    const mlsec_fv_tape_t  *found;

    found = NULL;
    name.data = key.u.str;
    name.len = key.n;

    while (e < end) {
        raw.data = doc->text + e->pos + 1;
        raw.len = mlsec_tape_val(*e);
        e++;

        if (mlsec_json_key_is(raw, name)) {
            found = e;
        }

        e = doc->tape + mlsec_tape_next(doc->tape,
                                        (uint32_t) (e - doc->tape));
    }

    return found;
}


/*
 * Reads the tape from one end to the other: of equal keys the last one
 * counts.  The length tells most keys apart before a byte of the text is
 * looked at.
 */

static int
mlsec_fv_get_raw(mlsec_fv_t object, mlsec_fv_t key, mlsec_fv_t *out)
{
    uint32_t                   want;
    const unsigned char       *p;
    const mlsec_fv_tape_t     *e, *end, *found;
    const mlsec_filter_doc_t  *doc;

    doc = object.u.doc;
    e = doc->tape + object.n;
    end = doc->tape + mlsec_tape_val(*e);
    e += 2;
    found = NULL;

    if (doc->escapes) {
        found = mlsec_fv_find_escaped(doc, e, end, key);

    } else {
        want = (uint32_t) MLSEC_TAPE_STRING << 28 | key.n;

        while (e < end) {

            if (e->val == want) {
                p = doc->text + e->pos + 1;
                found = mlsec_fv_same_bytes(p, key.u.str, key.n) ? e + 1
                                                                 : found;
            }

            e++;
            e = e->val < (uint32_t) MLSEC_TAPE_ARRAY << 28
                ? e + 1 : doc->tape + mlsec_tape_val(*e);
        }
    }

    if (found == NULL) {
        *out = mlsec_fv_null();
        return 0;
    }

    *out = mlsec_fv_tape(doc, (uint32_t) (found - doc->tape));

    return 1;
}


int
mlsec_fv_get(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key,
    mlsec_fv_t *out)
{
    mlsec_fv_t  *place;

    if (object.type == MLSEC_FV_RAWOBJECT) {
        return mlsec_fv_get_raw(object, key, out);
    }

    place = mlsec_fv_place(fx, object, key);

    if (place == NULL) {
        *out = mlsec_fv_null();
        return 0;
    }

    mlsec_fv_share(*place);
    *out = *place;

    return 1;
}


int
mlsec_fv_load(mlsec_fx_t *fx, mlsec_fv_t *v)
{
    mlsec_fv_t       object, key, value;
    mlsec_fv_iter_t  it;

    if (v->type != MLSEC_FV_RAWOBJECT) {
        return MLSEC_OK;
    }

    mlsec_fv_iter(&it, *v);

    if (mlsec_fv_new_object(fx, it.left, &object) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &key, &value)) {
        if (mlsec_fv_put(fx, object, key, value) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    *v = object;

    return MLSEC_OK;
}


/* In place: members are few, and the order of most is nearly right. */

static void
mlsec_fv_sort_members(const mlsec_fv_member_t **list,
    const mlsec_fv_member_t **spare, uint32_t n)
{
    int                        order;
    uint32_t                   width, i, a, b, mid, end;
    mlsec_fv_t                 ka, kb;
    const mlsec_fv_member_t  **swap;

    for (width = 1; width < n; width *= 2) {

        for (i = 0; i < n; i += 2 * width) {
            mid = i + width < n ? i + width : n;
            end = i + 2 * width < n ? i + 2 * width : n;
            b = mid;

            for (a = i; a < mid || b < end; /* void */ ) {

                if (a < mid && b < end) {
                    ka = list[a]->key;
                    kb = list[b]->key;
                    order = memcmp(ka.u.str, kb.u.str,
                                   ka.n < kb.n ? ka.n : kb.n);
                    order = order != 0 ? order : (ka.n > kb.n) - (ka.n < kb.n);

                } else {
                    order = a < mid ? -1 : 1;
                }

                spare[a + b - mid] = order <= 0 ? list[a] : list[b];
                a += order <= 0;
                b += order > 0;
            }
        }

        swap = list;
        list = spare;
        spare = swap;
    }
}


int
mlsec_fv_sorted(mlsec_fx_t *fx, mlsec_fv_t object,
    const mlsec_fv_member_t ***members, uint32_t *n)
{
    uint32_t                   i, width;
    const mlsec_fv_member_t  **list;

    if (mlsec_fv_load(fx, &object) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    *n = object.u.object->count;
    *members = NULL;

    if (*n == 0) {
        return MLSEC_OK;
    }

    list = mlsec_fx_alloc(fx, 2 * *n * sizeof(mlsec_fv_member_t *));
    if (list == NULL || mlsec_fx_charge(fx, *n) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < *n; i++) {
        mlsec_fv_share(object.u.object->members[i].value);
        list[i] = &object.u.object->members[i];
    }

    mlsec_fv_sort_members(list, list + *n, *n);

    /* each pass moved the list to the other half */

    *members = list;

    for (width = 1; width < *n; width *= 2) {
        *members = *members == list ? list + *n : list;
    }

    return MLSEC_OK;
}
