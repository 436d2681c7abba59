/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * One pass over the tokens.  Names wait on a stack until their object
 * closes; by then those of the objects inside of it are gone, so its own are
 * the top of the stack, side by side.  They are sorted by a keyed hash, and
 * equal hashes are neighbours.  So the memory is that of the names that are
 * open at a time, not of all: a list of a million small objects needs none
 * to speak of.
 */


#include <lib/json/mlsec_json_unique.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/mlsec_siphash.h>


#define MLSEC_UNIQUE_ROOM  64          /* names, at first */


typedef struct {
    uint64_t              hash;
    size_t                offset;      /* of the opening quote */
} mlsec_unique_name_t;


typedef struct {
    mlsec_str_t           text;
    const mlsec_mem_t    *mem;
    const uint64_t       *seed;
    mlsec_unique_name_t  *names;
    size_t                n;
    size_t                room;
    size_t                base[MLSEC_JSON_MAX_DEPTH];
                                       /* of each open object or array: where
                                          its names begin */
    size_t                depth;
} mlsec_unique_t;


static const unsigned char *mlsec_unique_string(mlsec_unique_t *u,
    const unsigned char *p, const unsigned char *end, int *rc);
static int mlsec_unique_push(mlsec_unique_t *u, mlsec_str_t key);
static int mlsec_unique_decode(const mlsec_unique_t *u, mlsec_str_t key,
    mlsec_str_t *name);
static int mlsec_unique_close(mlsec_unique_t *u, size_t *offset);
static void mlsec_unique_sort(mlsec_unique_name_t *names, size_t n);
static void mlsec_unique_sift(mlsec_unique_name_t *names, size_t root,
    size_t n);
static int mlsec_unique_before(const mlsec_unique_name_t *a,
    const mlsec_unique_name_t *b);
static int mlsec_unique_same(const mlsec_unique_t *u, size_t one,
    size_t other);
static mlsec_str_t mlsec_unique_key(const mlsec_unique_t *u, size_t offset);


int
mlsec_json_unique(mlsec_str_t text, const mlsec_mem_t *mem,
    const uint64_t seed[2], size_t *offset)
{
    int                   rc;
    mlsec_unique_t        u;
    const unsigned char  *p, *end;

    u.text = text;
    u.mem = mem;
    u.seed = seed;
    u.names = NULL;
    u.n = 0;
    u.room = 0;
    u.depth = 0;

    rc = MLSEC_OK;
    p = text.data;
    end = (text.len == 0) ? p : p + text.len;

    while (p != end && rc == MLSEC_OK) {

        switch (mlsec_json_class[*p]) {

        case MLSEC_CLASS_QUOTE:
            p = mlsec_unique_string(&u, p, end, &rc);
            continue;

        case MLSEC_CLASS_OPEN_OBJECT:
        case MLSEC_CLASS_OPEN_ARRAY:
            if (u.depth == MLSEC_JSON_MAX_DEPTH) {
                return MLSEC_OK;
            }

            u.base[u.depth++] = u.n;
            break;

        case MLSEC_CLASS_CLOSE_OBJECT:
        case MLSEC_CLASS_CLOSE_ARRAY:
            if (u.depth == 0) {
                return MLSEC_OK;
            }

            rc = mlsec_unique_close(&u, offset);
            break;

        default:
            break;
        }

        p++;
    }

    return rc;
}


/*
 * p: a quote.  Returns the byte after the string; one that a colon follows is
 * a name.
 */

static const unsigned char *
mlsec_unique_string(mlsec_unique_t *u, const unsigned char *p,
    const unsigned char *end, int *rc)
{
    mlsec_str_t  key;

    key.data = ++p;
    p = mlsec_json_string_end(p, end);
    key.len = (size_t) (p - key.data);

    if (p == end) {
        return end;
    }

    p = mlsec_json_skip_space(p + 1, end);

    if (p != end && *p == ':') {
        *rc = mlsec_unique_push(u, key);
    }

    return p;
}


static int
mlsec_unique_push(mlsec_unique_t *u, mlsec_str_t key)
{
    size_t                room;
    mlsec_str_t           name;
    mlsec_unique_name_t  *names;

    if (u->n == u->room) {
        room = (u->room == 0) ? MLSEC_UNIQUE_ROOM : 2 * u->room;

        names = u->mem->alloc(u->mem->ctx,
                              room * sizeof(mlsec_unique_name_t));
        if (names == NULL) {
            return MLSEC_NOMEM;
        }

        if (u->n != 0) {
            memcpy(names, u->names, u->n * sizeof(mlsec_unique_name_t));
        }

        u->names = names;
        u->room = room;
    }

    if (mlsec_unique_decode(u, key, &name) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    u->names[u->n].hash = mlsec_siphash(u->seed, name);
    u->names[u->n].offset = (size_t) (key.data - u->text.data) - 1;
    u->n++;

    return MLSEC_OK;
}


/* Without escapes a key is its own decoded form. */

static int
mlsec_unique_decode(const mlsec_unique_t *u, mlsec_str_t key,
    mlsec_str_t *name)
{
    unsigned char  *data;

    *name = key;

    if (key.len == 0 || memchr(key.data, '\\', key.len) == NULL) {
        return MLSEC_OK;
    }

    data = u->mem->alloc(u->mem->ctx, key.len);
    if (data == NULL) {
        return MLSEC_NOMEM;
    }

    name->data = data;
    name->len = mlsec_json_decode(data, key);

    return MLSEC_OK;
}


/* The object is complete: of the names that it has twice the first one. */

static int
mlsec_unique_close(mlsec_unique_t *u, size_t *offset)
{
    int                   same;
    size_t                i, base, n, found;
    mlsec_unique_name_t  *names;

    base = u->base[--u->depth];
    n = u->n - base;
    u->n = base;

    if (n < 2) {
        return MLSEC_OK;
    }

    names = u->names + base;
    found = SIZE_MAX;

    mlsec_unique_sort(names, n);

    for (i = 1; i < n; i++) {

        if (names[i].hash != names[i - 1].hash || names[i].offset >= found) {
            continue;
        }

        same = mlsec_unique_same(u, names[i - 1].offset, names[i].offset);

        if (same < 0) {
            return same;
        }

        if (same) {
            found = names[i].offset;
        }
    }

    if (found == SIZE_MAX) {
        return MLSEC_OK;
    }

    *offset = found;

    return MLSEC_DECLINED;
}


/* A heap: no memory, no recursion, and no order of names that is slow. */

static void
mlsec_unique_sort(mlsec_unique_name_t *names, size_t n)
{
    size_t               i;
    mlsec_unique_name_t  name;

    for (i = n / 2; i != 0; i--) {
        mlsec_unique_sift(names, i - 1, n);
    }

    for (i = n - 1; i != 0; i--) {
        name = names[0];
        names[0] = names[i];
        names[i] = name;

        mlsec_unique_sift(names, 0, i);
    }
}


static void
mlsec_unique_sift(mlsec_unique_name_t *names, size_t root, size_t n)
{
    size_t               child;
    mlsec_unique_name_t  name;

    name = names[root];

    for (child = 2 * root + 1; child < n; child = 2 * root + 1) {

        if (child + 1 < n
            && mlsec_unique_before(&names[child], &names[child + 1]))
        {
            child++;
        }

        if (!mlsec_unique_before(&name, &names[child])) {
            break;
        }

        names[root] = names[child];
        root = child;
    }

    names[root] = name;
}


static int
mlsec_unique_before(const mlsec_unique_name_t *a,
    const mlsec_unique_name_t *b)
{
    return a->hash < b->hash || (a->hash == b->hash && a->offset < b->offset);
}


/*
 * Whether two names with the same hash are the same, or MLSEC_NOMEM.  Two
 * that are not share a hash once in 2^64, so that neighbours are enough.
 */

static int
mlsec_unique_same(const mlsec_unique_t *u, size_t one, size_t other)
{
    mlsec_str_t  name;

    if (mlsec_unique_decode(u, mlsec_unique_key(u, one), &name) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    return mlsec_json_key_is(mlsec_unique_key(u, other), name);
}


static mlsec_str_t
mlsec_unique_key(const mlsec_unique_t *u, size_t offset)
{
    mlsec_str_t           key;
    const unsigned char  *end;

    key.data = u->text.data + offset + 1;
    end = mlsec_json_string_end(key.data, u->text.data + u->text.len);
    key.len = (size_t) (end - key.data);

    return key;
}
