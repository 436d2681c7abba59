/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Namespace, array and concat need no plan: their bodies go out as they
 * are.  Flat lists the members of all bodies, finds equal names with a hash
 * table (open addressing, at most half full), and sends runs of members
 * that stand side by side in a body as one slice.
 */


#include <lib/aggregate/mlsec_merge.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/mlsec_siphash.h>


#define MLSEC_MERGE_ENTRIES  32        /* first room for members */


struct mlsec_merge_entry_s {
    mlsec_str_t           name;        /* decoded key */
    mlsec_str_t           key;         /* raw, where it first occurred */
    mlsec_str_t           value;
    uint64_t              hash;
    size_t                part;        /* whose value this is */
    size_t                seq;         /* number of the member that it is,
                                          over all bodies */
    size_t                reported;    /* part of the last conflict told, + 1 */
    unsigned              moved;       /* 1: key and value are of different
                                          members */
};


typedef struct {
    mlsec_merge_t             *m;
    const mlsec_mem_t         *mem;
    const mlsec_merge_conf_t  *conf;
    mlsec_merge_entry_t       *entries;
    size_t                     nentries;
    size_t                     room;   /* for entries; a power of 2 */
    size_t                    *slots;  /* 2 * room: index of entry + 1, or 0 */
    mlsec_merge_conflict_t    *conflicts;
    size_t                     nconflicts;
    size_t                     conflicts_room;
    size_t                     seq;
} mlsec_merge_flat_t;


typedef struct {
    mlsec_merge_emit_pt   emit;
    void                 *ctx;
    int                   rc;          /* what stopped it, or 0 */
    unsigned              comma;       /* 1: one is due before the next */
} mlsec_merge_out_t;


static int mlsec_merge_flat(mlsec_merge_flat_t *f);
static int mlsec_merge_flat_part(mlsec_merge_flat_t *f, size_t part);
static int mlsec_merge_flat_member(mlsec_merge_flat_t *f, size_t part,
    mlsec_str_t key, mlsec_str_t value);
static int mlsec_merge_name(mlsec_merge_flat_t *f, mlsec_str_t key,
    mlsec_str_t *name);
static mlsec_merge_entry_t *mlsec_merge_find(const mlsec_merge_flat_t *f,
    mlsec_str_t name, uint64_t hash);
static void mlsec_merge_slot(mlsec_merge_flat_t *f,
    const mlsec_merge_entry_t *e);
static int mlsec_merge_grow(mlsec_merge_flat_t *f);
static int mlsec_merge_conflict(mlsec_merge_flat_t *f,
    mlsec_merge_entry_t *e, size_t part, mlsec_str_t key);
static void mlsec_merge_emit_members(const mlsec_merge_t *m,
    mlsec_merge_out_t *o);
static void mlsec_merge_emit_flat(const mlsec_merge_t *m,
    mlsec_merge_out_t *o);
static void mlsec_merge_emit_elements(const mlsec_merge_t *m,
    mlsec_merge_out_t *o);
static void mlsec_merge_put(mlsec_merge_out_t *o, const void *data,
    size_t len);
static void mlsec_merge_put_item(mlsec_merge_out_t *o,
    const unsigned char *start, const unsigned char *end);
static int mlsec_merge_count(void *ctx, const unsigned char *data,
    size_t len);


#define mlsec_merge_put_text(o, text)                                         \
    mlsec_merge_put(o, text, sizeof(text) - 1)


int
mlsec_merge_check(mlsec_merge_mode_e mode, mlsec_str_t body)
{
    switch (mode) {

    case MLSEC_MERGE_FLAT:
        return mlsec_json_type(body) == MLSEC_JSON_OBJECT ? MLSEC_OK
                                                          : MLSEC_BADTYPE;

    case MLSEC_MERGE_CONCAT:
        return mlsec_json_type(body) == MLSEC_JSON_ARRAY ? MLSEC_OK
                                                         : MLSEC_BADTYPE;

    default:
        return mlsec_json_type(body) == MLSEC_JSON_NONE ? MLSEC_BADTYPE
                                                        : MLSEC_OK;
    }
}


int
mlsec_merge_plan(mlsec_merge_t *m, const mlsec_mem_t *mem,
    const mlsec_merge_conf_t *conf, const mlsec_merge_part_t *parts,
    size_t nparts)
{
    size_t              i;
    mlsec_merge_flat_t  f;

    memset(m, 0, sizeof(mlsec_merge_t));

    m->mode = conf->mode;
    m->parts = parts;
    m->nparts = nparts;

    for (i = 0; i < nparts; i++) {

        if (parts[i].state == MLSEC_PART_BODY
            && mlsec_merge_check(conf->mode, parts[i].body) != MLSEC_OK)
        {
            return MLSEC_BADTYPE;
        }
    }

    if (conf->mode != MLSEC_MERGE_FLAT) {
        return MLSEC_OK;
    }

    memset(&f, 0, sizeof(mlsec_merge_flat_t));

    f.m = m;
    f.mem = mem;
    f.conf = conf;

    return mlsec_merge_flat(&f);
}


static int
mlsec_merge_flat(mlsec_merge_flat_t *f)
{
    int            rc;
    size_t         i;
    mlsec_str_t    errors;
    mlsec_merge_t *m;

    m = f->m;

    for (i = 0; i < m->nparts; i++) {

        if (m->parts[i].state != MLSEC_PART_BODY) {
            continue;
        }

        rc = mlsec_merge_flat_part(f, i);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    errors.data = (const unsigned char *) "errors";
    errors.len = sizeof("errors") - 1;

    m->entries = f->entries;
    m->nentries = f->nentries;
    m->conflicts = f->conflicts;
    m->nconflicts = f->nconflicts;
    m->has_errors = f->nentries != 0
                    && mlsec_merge_find(f, errors,
                                        mlsec_siphash(f->conf->seed, errors))
                       != NULL;

    return MLSEC_OK;
}


static int
mlsec_merge_flat_part(mlsec_merge_flat_t *f, size_t part)
{
    int                rc;
    mlsec_str_t        key, value;
    mlsec_json_iter_t  it;

    rc = mlsec_json_members(&it, f->m->parts[part].body);

    while (rc == MLSEC_OK) {

        if (mlsec_json_next_member(&it, &key, &value) != MLSEC_OK) {
            return MLSEC_OK;
        }

        rc = mlsec_merge_flat_member(f, part, key, value);
        f->seq++;
    }

    return rc;
}


static int
mlsec_merge_flat_member(mlsec_merge_flat_t *f, size_t part, mlsec_str_t key,
    mlsec_str_t value)
{
    uint64_t              hash;
    mlsec_str_t           name;
    mlsec_merge_entry_t  *e;

    if (f->nentries == f->room && mlsec_merge_grow(f) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    if (mlsec_merge_name(f, key, &name) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    hash = mlsec_siphash(f->conf->seed, name);
    e = mlsec_merge_find(f, name, hash);

    if (e != NULL) {

        if (e->part != part) {

            if (f->conf->on_conflict == MLSEC_CONFLICT_ERROR) {
                return mlsec_merge_conflict(f, e, part, key);
            }

            if (f->conf->on_conflict == MLSEC_CONFLICT_FIRST) {
                return MLSEC_OK;
            }
        }

        e->value = value;
        e->part = part;
        e->moved = 1;

        return MLSEC_OK;
    }

    e = &f->entries[f->nentries++];
    memset(e, 0, sizeof(mlsec_merge_entry_t));

    e->name = name;
    e->key = key;
    e->value = value;
    e->hash = hash;
    e->part = part;
    e->seq = f->seq;

    mlsec_merge_slot(f, e);

    return MLSEC_OK;
}


/* Decodes a key; without escapes it is its own decoded form. */

static int
mlsec_merge_name(mlsec_merge_flat_t *f, mlsec_str_t key, mlsec_str_t *name)
{
    unsigned char  *data;

    *name = key;

    if (key.len == 0 || memchr(key.data, '\\', key.len) == NULL) {
        return MLSEC_OK;
    }

    data = f->mem->alloc(f->mem->ctx, key.len);

    if (data == NULL) {
        return MLSEC_NOMEM;
    }

    name->data = data;
    name->len = mlsec_json_decode(data, key);

    return MLSEC_OK;
}


static mlsec_merge_entry_t *
mlsec_merge_find(const mlsec_merge_flat_t *f, mlsec_str_t name,
    uint64_t hash)
{
    size_t                i, mask;
    mlsec_merge_entry_t  *e;

    mask = 2 * f->room - 1;

    for (i = (size_t) hash & mask; f->slots[i] != 0; i = (i + 1) & mask) {
        e = &f->entries[f->slots[i] - 1];

        if (e->hash == hash && e->name.len == name.len
            && (name.len == 0
                || memcmp(e->name.data, name.data, name.len) == 0))
        {
            return e;
        }
    }

    return NULL;
}


static void
mlsec_merge_slot(mlsec_merge_flat_t *f, const mlsec_merge_entry_t *e)
{
    size_t  i, mask;

    mask = 2 * f->room - 1;
    i = (size_t) e->hash & mask;

    while (f->slots[i] != 0) {
        i = (i + 1) & mask;
    }

    f->slots[i] = (size_t) (e - f->entries) + 1;
}


static int
mlsec_merge_grow(mlsec_merge_flat_t *f)
{
    size_t                i, room, *slots;
    mlsec_merge_entry_t  *entries;

    room = f->room == 0 ? MLSEC_MERGE_ENTRIES : 2 * f->room;

    entries = f->mem->alloc(f->mem->ctx, room * sizeof(mlsec_merge_entry_t));
    slots = f->mem->alloc(f->mem->ctx, 2 * room * sizeof(size_t));

    if (entries == NULL || slots == NULL) {
        return MLSEC_NOMEM;
    }

    memset(slots, 0, 2 * room * sizeof(size_t));

    if (f->nentries != 0) {
        memcpy(entries, f->entries,
               f->nentries * sizeof(mlsec_merge_entry_t));
    }

    f->entries = entries;
    f->slots = slots;
    f->room = room;

    for (i = 0; i < f->nentries; i++) {
        mlsec_merge_slot(f, &entries[i]);
    }

    return MLSEC_OK;
}


/* Reports the member once, however often its body repeats it. */

static int
mlsec_merge_conflict(mlsec_merge_flat_t *f, mlsec_merge_entry_t *e,
    size_t part, mlsec_str_t key)
{
    size_t                   room;
    mlsec_merge_conflict_t  *conflicts;

    if (e->reported == part + 1) {
        return MLSEC_OK;
    }

    if (f->nconflicts == f->conflicts_room) {
        room = f->conflicts_room == 0 ? 8 : 2 * f->conflicts_room;

        conflicts = f->mem->alloc(f->mem->ctx,
                                  room * sizeof(mlsec_merge_conflict_t));

        if (conflicts == NULL) {
            return MLSEC_NOMEM;
        }

        if (f->nconflicts != 0) {
            memcpy(conflicts, f->conflicts,
                   f->nconflicts * sizeof(mlsec_merge_conflict_t));
        }

        f->conflicts = conflicts;
        f->conflicts_room = room;
    }

    e->reported = part + 1;

    f->conflicts[f->nconflicts].part = part;
    f->conflicts[f->nconflicts].key = key;
    f->nconflicts++;

    return MLSEC_OK;
}


int
mlsec_merge_emit(const mlsec_merge_t *m, mlsec_str_t errors_json,
    mlsec_merge_emit_pt emit, void *ctx)
{
    mlsec_merge_out_t  o;

    o.emit = emit;
    o.ctx = ctx;
    o.rc = MLSEC_OK;
    o.comma = 0;

    if (m->mode == MLSEC_MERGE_ARRAY || m->mode == MLSEC_MERGE_CONCAT) {
        mlsec_merge_put_text(&o, "[");
        mlsec_merge_emit_elements(m, &o);
        mlsec_merge_put_text(&o, "]");

        return o.rc;
    }

    mlsec_merge_put_text(&o, "{");

    if (m->mode == MLSEC_MERGE_FLAT) {
        mlsec_merge_emit_flat(m, &o);

    } else {
        mlsec_merge_emit_members(m, &o);
    }

    if (errors_json.len != 0 && !m->has_errors) {

        if (o.comma) {
            mlsec_merge_put_text(&o, ",");
        }

        mlsec_merge_put_text(&o, "\"errors\":");
        mlsec_merge_put(&o, errors_json.data, errors_json.len);
    }

    mlsec_merge_put_text(&o, "}");

    return o.rc;
}


static void
mlsec_merge_emit_members(const mlsec_merge_t *m, mlsec_merge_out_t *o)
{
    size_t                     i;
    mlsec_str_t                body;
    const mlsec_merge_part_t  *part;

    for (i = 0; i < m->nparts; i++) {
        part = &m->parts[i];

        if (part->state == MLSEC_PART_OMITTED) {
            continue;
        }

        if (o->comma) {
            mlsec_merge_put_text(o, ",\"");

        } else {
            mlsec_merge_put_text(o, "\"");
        }

        o->comma = 1;
        mlsec_merge_put(o, part->name.data, part->name.len);

        if (part->state == MLSEC_PART_FAILED) {
            mlsec_merge_put_text(o, "\":null");
            continue;
        }

        mlsec_merge_put_text(o, "\":");
        body = mlsec_json_trim(part->body);
        mlsec_merge_put(o, body.data, body.len);
    }
}


static void
mlsec_merge_emit_flat(const mlsec_merge_t *m, mlsec_merge_out_t *o)
{
    size_t                      i;
    const unsigned char        *start, *end;
    const mlsec_merge_entry_t  *e;

    for (i = 0; i < m->nentries; i++) {
        e = &m->entries[i];
        start = e->key.data - 1;

        if (e->moved) {
            mlsec_merge_put_item(o, start, e->key.data + e->key.len + 1);
            mlsec_merge_put_text(o, ":");
            mlsec_merge_put(o, e->value.data, e->value.len);
            continue;
        }

        /* members that stand side by side go out as they stand */

        while (i + 1 < m->nentries && !e[1].moved && e[1].part == e->part
               && e[1].seq == e->seq + 1)
        {
            e++;
            i++;
        }

        end = e->value.data + e->value.len;
        mlsec_merge_put_item(o, start, end);
    }
}


static void
mlsec_merge_emit_elements(const mlsec_merge_t *m, mlsec_merge_out_t *o)
{
    size_t                     i;
    mlsec_str_t                body;
    const mlsec_merge_part_t  *part;

    static const unsigned char  null[] = "null";

    for (i = 0; i < m->nparts; i++) {
        part = &m->parts[i];

        if (part->state == MLSEC_PART_OMITTED) {
            continue;
        }

        if (part->state == MLSEC_PART_FAILED) {

            if (m->mode == MLSEC_MERGE_ARRAY) {
                mlsec_merge_put_item(o, null, null + 4);
            }

            continue;
        }

        body = mlsec_json_trim(part->body);

        if (m->mode == MLSEC_MERGE_CONCAT) {

            /* without the brackets; they cannot be missing, see plan */

            body.data++;
            body.len -= body.len > 1 ? 2 : 1;
            body = mlsec_json_trim(body);

            if (body.len == 0) {
                continue;
            }
        }

        mlsec_merge_put_item(o, body.data, body.data + body.len);
    }
}


static void
mlsec_merge_put_item(mlsec_merge_out_t *o, const unsigned char *start,
    const unsigned char *end)
{
    if (o->comma) {
        mlsec_merge_put_text(o, ",");
    }

    o->comma = 1;
    mlsec_merge_put(o, start, (size_t) (end - start));
}


static void
mlsec_merge_put(mlsec_merge_out_t *o, const void *data, size_t len)
{
    if (len != 0 && o->rc == MLSEC_OK) {
        o->rc = o->emit(o->ctx, data, len);
    }
}


size_t
mlsec_merge_size(const mlsec_merge_t *m, mlsec_str_t errors_json)
{
    size_t  size;

    size = 0;
    (void) mlsec_merge_emit(m, errors_json, mlsec_merge_count, &size);

    return size;
}


static int
mlsec_merge_count(void *ctx, const unsigned char *data, size_t len)
{
    size_t  *size = ctx;

    (void) data;

    *size += len;

    return MLSEC_OK;
}
