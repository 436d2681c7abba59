/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/aggregate/mlsec_args.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/mlsec_siphash.h>
#include <lib/mlsec_text.h>
#include <string.h>


#define MLSEC_ARGS_NONE  ((size_t) -1)


typedef struct {
    mlsec_str_t           name;        /* decoded; then as JSON has it */
    mlsec_str_t           value;
    size_t                next;        /* same name, MLSEC_ARGS_NONE: last */
    size_t                last;        /* of a first one: the last so far */
    unsigned              repeat:1;    /* not the first of its name */
} mlsec_arg_t;


typedef struct {
    mlsec_arg_t          *args;
    size_t                nargs;
    size_t               *slots;       /* index of a first one plus 1, or 0 */
    size_t                mask;        /* number of slots less 1 */
    const uint64_t       *seed;
    unsigned char        *pos;         /* where the next text is decoded to */
} mlsec_args_t;


/* inside of a character of UTF-8: bytes to come, range of the next one */

typedef struct {
    unsigned              left;
    unsigned char         low;
    unsigned char         high;
} mlsec_args_utf8_t;


static void mlsec_args_split(mlsec_args_t *a, mlsec_str_t query);
static void mlsec_args_add(mlsec_args_t *a, mlsec_str_t piece);
static int mlsec_args_names(mlsec_args_t *a, const mlsec_mem_t *mem);
static void mlsec_args_link(mlsec_args_t *a, size_t index);
static mlsec_str_t mlsec_args_decode(mlsec_args_t *a, mlsec_str_t text);
static size_t mlsec_args_find(const mlsec_args_t *a, mlsec_str_t name);
static size_t mlsec_args_size(const mlsec_args_t *a);
static unsigned char *mlsec_args_write(const mlsec_args_t *a,
    unsigned char *p);
static unsigned char *mlsec_args_string(unsigned char *p, mlsec_str_t text);
static int mlsec_args_utf8(mlsec_args_utf8_t *u, unsigned char c);


int
mlsec_args_json(mlsec_str_t query, const mlsec_mem_t *mem,
    const uint64_t seed[2], mlsec_str_t *json)
{
    size_t          i, n, slots;
    mlsec_args_t    a;
    unsigned char  *p;

    n = 1;

    for (i = 0; i < query.len; i++) {
        n += query.data[i] == '&';
    }

    for (slots = 4; slots < 2 * n; slots *= 2) { /* void */ }

    a.args = mem->alloc(mem->ctx, n * sizeof(mlsec_arg_t));
    a.slots = mem->alloc(mem->ctx, slots * sizeof(size_t));
    a.pos = mem->alloc(mem->ctx, query.len + 1);

    if (a.args == NULL || a.slots == NULL || a.pos == NULL) {
        return MLSEC_NOMEM;
    }

    memset(a.slots, 0, slots * sizeof(size_t));

    a.nargs = 0;
    a.mask = slots - 1;
    a.seed = seed;

    mlsec_args_split(&a, query);

    if (mlsec_args_names(&a, mem) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    p = mem->alloc(mem->ctx, mlsec_args_size(&a));
    if (p == NULL) {
        return MLSEC_NOMEM;
    }

    json->data = p;
    json->len = (size_t) (mlsec_args_write(&a, p) - p);

    return MLSEC_OK;
}


static void
mlsec_args_split(mlsec_args_t *a, mlsec_str_t query)
{
    size_t       i, start;
    mlsec_str_t  piece;

    start = 0;

    for (i = 0; i <= query.len; i++) {

        if (i < query.len && query.data[i] != '&') {
            continue;
        }

        piece.data = query.data + start;
        piece.len = i - start;
        start = i + 1;

        if (piece.len != 0) {
            mlsec_args_add(a, piece);
        }
    }
}


static void
mlsec_args_add(mlsec_args_t *a, mlsec_str_t piece)
{
    mlsec_str_t           value;
    mlsec_arg_t          *arg;
    const unsigned char  *equals;

    equals = memchr(piece.data, '=', piece.len);
    value.data = NULL;
    value.len = 0;

    if (equals != NULL) {
        value.data = equals + 1;
        value.len = (size_t) (piece.data + piece.len - value.data);
        piece.len = (size_t) (equals - piece.data);
    }

    arg = &a->args[a->nargs++];
    arg->name = mlsec_args_decode(a, piece);
    arg->value = mlsec_args_decode(a, value);
}


/*
 * Names are compared as they will be written: bytes that are no UTF-8 become
 * U+FFFD, and two names may become one.
 */

static int
mlsec_args_names(mlsec_args_t *a, const mlsec_mem_t *mem)
{
    size_t          i, size;
    mlsec_str_t    *name;
    unsigned char  *p, *start;

    size = 1;

    for (i = 0; i < a->nargs; i++) {
        size += mlsec_text_escaped_len(a->args[i].name);
    }

    p = mem->alloc(mem->ctx, size);
    if (p == NULL) {
        return MLSEC_NOMEM;
    }

    for (i = 0; i < a->nargs; i++) {
        name = &a->args[i].name;
        start = p;
        p = mlsec_text_escape(p, *name);
        name->data = start;
        name->len = (size_t) (p - start);

        mlsec_args_link(a, i);
    }

    return MLSEC_OK;
}


static void
mlsec_args_link(mlsec_args_t *a, size_t index)
{
    size_t        slot, first;
    mlsec_arg_t  *arg;

    arg = &a->args[index];
    arg->next = MLSEC_ARGS_NONE;
    arg->last = index;

    slot = mlsec_args_find(a, arg->name);
    arg->repeat = a->slots[slot] != 0;

    if (!arg->repeat) {
        a->slots[slot] = index + 1;
        return;
    }

    first = a->slots[slot] - 1;
    a->args[a->args[first].last].next = index;
    a->args[first].last = index;
}


static mlsec_str_t
mlsec_args_decode(mlsec_args_t *a, mlsec_str_t text)
{
    int             high, low;
    size_t          i;
    mlsec_str_t     out;
    unsigned char   c;

    out.data = a->pos;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '+') {
            c = ' ';

        } else if (c == '%' && text.len - i > 2) {
            high = mlsec_json_hex(text.data[i + 1]);
            low = mlsec_json_hex(text.data[i + 2]);

            if (high >= 0 && low >= 0) {
                c = (unsigned char) (high << 4 | low);
                i += 2;
            }
        }

        *a->pos++ = c;
    }

    out.len = (size_t) (a->pos - out.data);

    return out;
}


/* Returns the slot of the name, a free one if it is new. */

static size_t
mlsec_args_find(const mlsec_args_t *a, mlsec_str_t name)
{
    size_t              slot;
    const mlsec_arg_t  *arg;

    slot = (size_t) mlsec_siphash(a->seed, name) & a->mask;

    while (a->slots[slot] != 0) {
        arg = &a->args[a->slots[slot] - 1];

        if (arg->name.len == name.len
            && memcmp(arg->name.data, name.data, name.len) == 0)
        {
            break;
        }

        slot = (slot + 1) & a->mask;
    }

    return slot;
}


static size_t
mlsec_args_size(const mlsec_args_t *a)
{
    size_t              i, size;
    const mlsec_arg_t  *arg;

    size = sizeof("{}") - 1;

    for (i = 0; i < a->nargs; i++) {
        arg = &a->args[i];
        size += sizeof("\"\":[\"\"],") - 1
                + arg->name.len + mlsec_text_escaped_len(arg->value);
    }

    return size;
}


static unsigned char *
mlsec_args_write(const mlsec_args_t *a, unsigned char *p)
{
    size_t              i, n;
    const mlsec_arg_t  *arg;

    *p++ = '{';

    for (i = 0; i < a->nargs; i++) {
        arg = &a->args[i];

        if (arg->repeat) {
            continue;
        }

        if (i != 0) {
            *p++ = ',';
        }

        *p++ = '"';
        memcpy(p, arg->name.data, arg->name.len);
        p += arg->name.len;
        *p++ = '"';
        *p++ = ':';

        if (arg->next == MLSEC_ARGS_NONE) {
            p = mlsec_args_string(p, arg->value);
            continue;
        }

        *p++ = '[';

        for (n = i; n != MLSEC_ARGS_NONE; n = a->args[n].next) {

            if (n != i) {
                *p++ = ',';
            }

            p = mlsec_args_string(p, a->args[n].value);
        }

        *p++ = ']';
    }

    *p++ = '}';

    return p;
}


static unsigned char *
mlsec_args_string(unsigned char *p, mlsec_str_t text)
{
    *p++ = '"';
    p = mlsec_text_escape(p, text);
    *p++ = '"';

    return p;
}


int
mlsec_args_check(mlsec_str_t query, size_t *count)
{
    int                 high, low;
    size_t              i, n;
    unsigned char       c, before;
    mlsec_args_utf8_t   u;

    n = 0;
    before = '&';
    u.left = 0;

    for (i = 0; i < query.len; i++) {
        c = query.data[i];
        n += (before == '&' && c != '&');
        before = c;

        if (c == '%') {

            if (query.len - i < 3) {
                return MLSEC_INVALID;
            }

            high = mlsec_json_hex(query.data[i + 1]);
            low = mlsec_json_hex(query.data[i + 2]);

            if (high < 0 || low < 0) {
                return MLSEC_INVALID;
            }

            c = (unsigned char) (high << 4 | low);
            i += 2;
        }

        if (c == '\0' || mlsec_args_utf8(&u, c) != MLSEC_OK) {
            return MLSEC_INVALID;
        }
    }

    if (u.left != 0) {
        return MLSEC_INVALID;
    }

    *count = n;

    return MLSEC_OK;
}


/* RFC 3629, 4: the next byte of a text, MLSEC_INVALID if it cannot be. */

static int
mlsec_args_utf8(mlsec_args_utf8_t *u, unsigned char c)
{
    if (u->left != 0) {

        if (c < u->low || c > u->high) {
            return MLSEC_INVALID;
        }

        u->left--;
        u->low = 0x80;
        u->high = 0xbf;

        return MLSEC_OK;
    }

    if (c < 0x80) {
        return MLSEC_OK;
    }

    if (c < 0xc2 || c > 0xf4) {
        return MLSEC_INVALID;
    }

    u->left = (c < 0xe0) ? 1 : (c < 0xf0) ? 2 : 3;
    u->low = (c == 0xe0) ? 0xa0 : (c == 0xf0) ? 0x90 : 0x80;
    u->high = (c == 0xed) ? 0x9f : (c == 0xf4) ? 0x8f : 0xbf;

    return MLSEC_OK;
}
