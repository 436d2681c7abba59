/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Which paths may still lead to something is a bit each.  An object at depth
 * d is where the names number d of these paths are compared; arrays hand on
 * what they have.  A value that no path leads into is copied as it is, unless
 * its strings are to be looked at.
 */


#include <lib/redact/mlsec_redact.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/mlsec_text.h>
#include <lib/redact/mlsec_mask.h>


typedef struct {
    mlsec_str_t           names[MLSEC_REDACT_MAX_NAMES]; /* no data: "*" */
    unsigned              n;
} mlsec_redact_path_t;


struct mlsec_redact_s {
    mlsec_redact_path_t  *paths;
    unsigned              npaths;
    mlsec_str_t          *deep;        /* names at any depth */
    unsigned              ndeep;
    unsigned              masks;
};


typedef struct {
    uint64_t              alive;       /* paths that have led here */
    unsigned              depth;       /* names that they have used */
    uint8_t               object;      /* 1: an object, 0: an array */
    uint8_t               filled;      /* 1: something is in it already */
    uint8_t               comma;       /* 1: one was read since then */
} mlsec_redact_level_t;


typedef struct {
    const mlsec_redact_t *redact;
    const unsigned char  *end;
    unsigned char        *out;         /* where the next byte goes */
    unsigned char        *spare;       /* room for a decoded string */
    mlsec_redact_level_t  levels[MLSEC_JSON_MAX_DEPTH];
    unsigned              nlevels;
} mlsec_redact_run_t;


static int mlsec_redact_add(mlsec_redact_t *r, mlsec_str_t path);
static int mlsec_redact_names(mlsec_redact_path_t *p, mlsec_str_t path);
static int mlsec_redact_name(mlsec_str_t *name);
static const unsigned char *mlsec_redact_value(mlsec_redact_run_t *run,
    const unsigned char *p, uint64_t alive, unsigned depth);
static const unsigned char *mlsec_redact_inside(mlsec_redact_run_t *run,
    const unsigned char *p);
static const unsigned char *mlsec_redact_member(mlsec_redact_run_t *run,
    const unsigned char *p);
static int mlsec_redact_match(const mlsec_redact_run_t *run, mlsec_str_t key,
    uint64_t *alive);
static void mlsec_redact_comma(mlsec_redact_run_t *run);
static void mlsec_redact_copy(mlsec_redact_run_t *run,
    const unsigned char *p, const unsigned char *end);
static void mlsec_redact_string(mlsec_redact_run_t *run, mlsec_str_t raw);
static size_t mlsec_redact_mask(unsigned masks, unsigned char *text,
    size_t len);


int
mlsec_redact_compile(const mlsec_mem_t *mem, const mlsec_str_t *paths,
    size_t n, unsigned masks, mlsec_redact_t **redact, size_t *bad)
{
    size_t           i;
    mlsec_redact_t  *r;

    if (n > MLSEC_REDACT_MAX_PATHS) {
        *bad = MLSEC_REDACT_MAX_PATHS;
        return MLSEC_INVALID;
    }

    r = mem->alloc(mem->ctx, sizeof(mlsec_redact_t));
    if (r == NULL) {
        return MLSEC_NOMEM;
    }

    memset(r, 0, sizeof(mlsec_redact_t));
    r->masks = masks;
    *redact = r;

    if (n == 0) {
        return MLSEC_OK;
    }

    r->paths = mem->alloc(mem->ctx, n * sizeof(mlsec_redact_path_t));
    r->deep = mem->alloc(mem->ctx, n * sizeof(mlsec_str_t));

    if (r->paths == NULL || r->deep == NULL) {
        return MLSEC_NOMEM;
    }

    for (i = 0; i < n; i++) {

        if (mlsec_redact_add(r, paths[i]) != MLSEC_OK) {
            *bad = i;
            return MLSEC_INVALID;
        }
    }

    return MLSEC_OK;
}


static int
mlsec_redact_add(mlsec_redact_t *r, mlsec_str_t path)
{
    mlsec_redact_path_t  *p;

    if (path.len > 3 && memcmp(path.data, "**.", 3) == 0) {
        path.data += 3;
        path.len -= 3;

        if (memchr(path.data, '.', path.len) != NULL
            || mlsec_redact_name(&path) != MLSEC_OK || path.data == NULL)
        {
            return MLSEC_INVALID;
        }

        r->deep[r->ndeep++] = path;

        return MLSEC_OK;
    }

    p = &r->paths[r->npaths];

    if (mlsec_redact_names(p, path) != MLSEC_OK) {
        return MLSEC_INVALID;
    }

    r->npaths++;

    return MLSEC_OK;
}


static int
mlsec_redact_names(mlsec_redact_path_t *p, mlsec_str_t path)
{
    mlsec_str_t           name;
    const unsigned char  *dot;

    p->n = 0;

    if (path.len != 0 && path.data[0] == '.') {
        path.data++;
        path.len--;
    }

    for ( ;; ) {
        dot = (path.len == 0) ? NULL : memchr(path.data, '.', path.len);

        name.data = path.data;
        name.len = (dot == NULL) ? path.len : (size_t) (dot - path.data);

        if (p->n == MLSEC_REDACT_MAX_NAMES
            || mlsec_redact_name(&name) != MLSEC_OK)
        {
            return MLSEC_INVALID;
        }

        p->names[p->n++] = name;

        if (dot == NULL) {
            return MLSEC_OK;
        }

        path.len -= (size_t) (dot + 1 - path.data);
        path.data = dot + 1;
    }
}


/* Checks a name; "*" loses its data. */

static int
mlsec_redact_name(mlsec_str_t *name)
{
    if (name->len == 0) {
        return MLSEC_INVALID;
    }

    if (name->len == 1 && name->data[0] == '*') {
        name->data = NULL;
        return MLSEC_OK;
    }

    return (memchr(name->data, '*', name->len) == NULL
            && memchr(name->data, '[', name->len) == NULL)
           ? MLSEC_OK : MLSEC_INVALID;
}


int
mlsec_redact_apply(const mlsec_redact_t *redact, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out)
{
    uint64_t              all;
    unsigned char        *data;
    mlsec_redact_run_t    run;
    const unsigned char  *p;

    text = mlsec_json_trim(text);
    *out = text;

    if (text.len == 0) {
        return MLSEC_OK;
    }

    data = mem->alloc(mem->ctx, text.len);
    run.spare = (redact->masks == 0) ? data
                                     : mem->alloc(mem->ctx, text.len);

    if (data == NULL || run.spare == NULL) {
        return MLSEC_NOMEM;
    }

    run.redact = redact;
    run.end = text.data + text.len;
    run.out = data;
    run.nlevels = 0;

    all = (redact->npaths == 64) ? UINT64_MAX
                                 : ((uint64_t) 1 << redact->npaths) - 1;

    p = mlsec_redact_value(&run, text.data, all, 0);

    while (run.nlevels != 0 && p != run.end) {
        p = mlsec_redact_inside(&run, p);
    }

    out->data = data;
    out->len = (size_t) (run.out - data);

    return MLSEC_OK;
}


/*
 * p: the first byte of a value.  Writes it, or opens it if it has to be
 * looked into.  Returns the byte after what it took.
 */

static const unsigned char *
mlsec_redact_value(mlsec_redact_run_t *run, const unsigned char *p,
    uint64_t alive, unsigned depth)
{
    int                    open;
    mlsec_str_t            raw;
    mlsec_redact_level_t  *level;
    const unsigned char   *next;
    const mlsec_redact_t  *r;

    r = run->redact;
    open = *p == '{' || *p == '[';

    if (open && (alive != 0 || r->ndeep != 0 || r->masks != 0)
        && run->nlevels < MLSEC_JSON_MAX_DEPTH)
    {
        level = &run->levels[run->nlevels++];

        memset(level, 0, sizeof(mlsec_redact_level_t));
        level->alive = alive;
        level->depth = depth;
        level->object = *p == '{';

        *run->out++ = *p;

        return p + 1;
    }

    next = mlsec_json_skip(p, run->end);

    if (*p == '"' && r->masks != 0 && next - p >= 2 && next[-1] == '"') {
        raw.data = p + 1;
        raw.len = (size_t) (next - p) - 2;

        mlsec_redact_string(run, raw);

        return next;
    }

    /* no value at all, in what is no JSON: one byte, so that there is an end */

    if (next == p) {
        next++;
    }

    mlsec_redact_copy(run, p, next);

    return next;
}


/* Takes the next step inside of the innermost container. */

static const unsigned char *
mlsec_redact_inside(mlsec_redact_run_t *run, const unsigned char *p)
{
    mlsec_redact_level_t  *level;

    level = &run->levels[run->nlevels - 1];
    p = mlsec_json_skip_space(p, run->end);

    if (p == run->end) {
        return p;
    }

    switch (*p) {

    case '}':
    case ']':
        *run->out++ = *p;
        run->nlevels--;
        return p + 1;

    case ',':
        level->comma = 1;
        return p + 1;

    default:

        if (level->object) {
            return mlsec_redact_member(run, p);
        }

        mlsec_redact_comma(run);

        return mlsec_redact_value(run, p, level->alive, level->depth);
    }
}


/* p: the quote before a name. */

static const unsigned char *
mlsec_redact_member(mlsec_redact_run_t *run, const unsigned char *p)
{
    uint64_t              alive;
    mlsec_str_t           key;
    const unsigned char  *quote, *value, *end;

    end = run->end;
    key.data = p + 1;
    quote = mlsec_json_string_end(key.data, end);
    key.len = (size_t) (quote - key.data);

    if (quote == end) {
        return end;
    }

    value = mlsec_json_skip_space(quote + 1, end);

    if (value == end || *value != ':') {
        return value;
    }

    value = mlsec_json_skip_space(value + 1, end);

    if (value == end) {
        return end;
    }

    if (mlsec_redact_match(run, key, &alive)) {
        return mlsec_json_skip(value, end);
    }

    mlsec_redact_comma(run);
    mlsec_redact_copy(run, p, quote + 1);
    *run->out++ = ':';

    return mlsec_redact_value(run, value, alive,
                              run->levels[run->nlevels - 1].depth + 1);
}


/*
 * Returns 1 if the member is to be left out; otherwise 0 with the paths that
 * lead on into it.
 */

static int
mlsec_redact_match(const mlsec_redact_run_t *run, mlsec_str_t key,
    uint64_t *alive)
{
    uint64_t                     bits, bit;
    unsigned                     i, depth;
    const mlsec_str_t           *name;
    const mlsec_redact_t        *r;
    const mlsec_redact_path_t   *path;
    const mlsec_redact_level_t  *level;

    r = run->redact;
    level = &run->levels[run->nlevels - 1];
    depth = level->depth;
    *alive = 0;

    for (i = 0; i < r->ndeep; i++) {
        if (mlsec_json_key_is(key, r->deep[i])) {
            return 1;
        }
    }

    for (bits = level->alive; bits != 0; bits ^= bit) {
        bit = bits & (~bits + 1);
        path = &r->paths[__builtin_ctzll(bit)];
        name = &path->names[depth];

        if (name->data != NULL && !mlsec_json_key_is(key, *name)) {
            continue;
        }

        if (depth + 1 == path->n) {
            return 1;
        }

        *alive |= bit;
    }

    return 0;
}


/* Between two members or elements that stay, for one that stood there. */

static void
mlsec_redact_comma(mlsec_redact_run_t *run)
{
    mlsec_redact_level_t  *level;

    level = &run->levels[run->nlevels - 1];

    if (level->filled && level->comma) {
        *run->out++ = ',';
    }

    level->filled = 1;
    level->comma = 0;
}


static void
mlsec_redact_copy(mlsec_redact_run_t *run, const unsigned char *p,
    const unsigned char *end)
{
    memcpy(run->out, p, (size_t) (end - p));
    run->out += end - p;
}


/*
 * What is in a string is looked for in its decoded form, or an escape would
 * hide it.  Nothing is longer when it is written anew than it was.
 */

static void
mlsec_redact_string(mlsec_redact_run_t *run, mlsec_str_t raw)
{
    size_t        len;
    mlsec_str_t   text;

    len = mlsec_json_decode(run->spare, raw);

    text.data = run->spare;
    text.len = len;

    /* what is no UTF-8 would be longer: no scanner has seen this text */

    if (mlsec_redact_mask(run->redact->masks, run->spare, len) == 0
        || mlsec_text_escaped_len(text) > raw.len)
    {
        mlsec_redact_copy(run, raw.data - 1, raw.data + raw.len + 1);
        return;
    }

    *run->out++ = '"';
    run->out = mlsec_text_escape(run->out, text);
    *run->out++ = '"';
}


static size_t
mlsec_redact_mask(unsigned masks, unsigned char *text, size_t len)
{
    size_t  n;

    n = 0;

    if (masks & MLSEC_REDACT_EMAIL) {
        n += mlsec_mask_email(text, len);
    }

    if (masks & MLSEC_REDACT_CARD) {
        n += mlsec_mask_card(text, len);
    }

    if (masks & MLSEC_REDACT_PHONE) {
        n += mlsec_mask_phone(text, len);
    }

    return n;
}
