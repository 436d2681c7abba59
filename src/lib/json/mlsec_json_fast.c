/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The scanner, a window at a time: mlsec_json_index.c lists where each token
 * of the window begins, with the insides of strings checked; here the
 * grammar walks that list, and numbers and literals are checked.  Bytes
 * between tokens are never looked at, and nothing is done byte by byte.
 *
 * All work is on copies.  The state is written back only when the whole
 * window is good; of a window with anything wrong in it nothing happened,
 * and the byte-wise half does it again to find out what and where.
 */


#include <lib/json/mlsec_json_index.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/json/mlsec_json_scan.h>


typedef struct {
    const unsigned char  *base;        /* the window */
    const unsigned char  *limit;       /* end of what may be read */
    const uint16_t       *tok;         /* next token */
    const uint16_t       *last;        /* after the last one */
    uint64_t              stack;       /* as mlsec_json_scan_t.stack[0] */
    uint32_t              depth;
    uint32_t              max_depth;
} mlsec_json_walk_t;


static int mlsec_json_walk(mlsec_json_walk_t *w, int expect);
static int mlsec_json_walk_object(mlsec_json_walk_t *w, int expect);
static int mlsec_json_walk_array(mlsec_json_walk_t *w, int expect);
static int mlsec_json_walk_document(mlsec_json_walk_t *w);
static int mlsec_json_walk_open(mlsec_json_walk_t *w, unsigned char c);
static int mlsec_json_walk_close(mlsec_json_walk_t *w);
static int mlsec_json_walk_scalar(const unsigned char *p,
    const unsigned char *end);
static uint8_t mlsec_json_first_type(unsigned char c);


size_t
mlsec_json_scan_fast(mlsec_json_scan_t *s, const unsigned char *p, size_t len)
{
    int                 expect;
    size_t              done;
    mlsec_json_walk_t   w;
    mlsec_json_index_t  ix;

    done = 0;
    ix.limit = p + len;
    ix.in_string = s->lex == MLSEC_LEX_STRING;

    while (done != len && s->depth <= 64) {
        ix.start = p + done;

        if (mlsec_json_index(&ix) != MLSEC_OK || ix.consumed == 0) {
            break;
        }

        w.base = ix.start;
        w.limit = ix.limit;
        w.tok = ix.tokens;
        w.last = ix.tokens + ix.ntokens;
        w.stack = s->stack[0];
        w.depth = s->depth;
        w.max_depth = s->max_depth < 64 ? s->max_depth : 64;

        expect = mlsec_json_walk(&w, s->expect);

        if (expect < 0) {
            break;
        }

        if (s->expect == MLSEC_EXPECT_VALUE && ix.ntokens != 0) {
            s->type = mlsec_json_first_type(ix.start[ix.tokens[0]]);
        }

        s->expect = (uint8_t) expect;
        s->lex = ix.in_string ? MLSEC_LEX_STRING : MLSEC_LEX_NONE;
        s->stack[0] = w.stack;
        s->depth = w.depth;
        s->offset += ix.consumed;

        done += ix.consumed;
    }

    return done;
}


/*
 * Walks the tokens through the grammar of RFC 8259, 2 to 5.  Within one
 * object or array the place in the code is the state, so that the usual
 * order of tokens costs predicted branches only.
 * Returns the mlsec_json_expect_e behind the last token, or -1 if the window
 * needs a closer look.
 */

static int
mlsec_json_walk(mlsec_json_walk_t *w, int expect)
{
    while (w->tok != w->last) {

        switch (expect) {

        case MLSEC_EXPECT_FIRST_KEY:
        case MLSEC_EXPECT_KEY:
        case MLSEC_EXPECT_COLON:
        case MLSEC_EXPECT_MEMBER:
        case MLSEC_EXPECT_OBJECT_COMMA:
            expect = mlsec_json_walk_object(w, expect);
            break;

        case MLSEC_EXPECT_FIRST_ELEMENT:
        case MLSEC_EXPECT_ELEMENT:
        case MLSEC_EXPECT_ARRAY_COMMA:
            expect = mlsec_json_walk_array(w, expect);
            break;

        case MLSEC_EXPECT_VALUE:
            expect = mlsec_json_walk_document(w);
            break;

        default: /* MLSEC_EXPECT_NOTHING, or -1 */
            return -1;
        }
    }

    return expect;
}


/*
 * Both walk one object or array from the state "expect" on, up to a bracket
 * or the last token, and return as mlsec_json_walk() does.
 */

#define mlsec_json_take(state)                                                \
    if (mlsec_unlikely(tok == last)) {                                        \
        w->tok = tok;                                                         \
        return state;                                                         \
    }                                                                         \
    c = base[*tok++]


static mlsec_always_inline int
mlsec_json_walk_object(mlsec_json_walk_t *w, int expect)
{
    unsigned char               c;
    const uint16_t             *tok = w->tok;
    const uint16_t *const       last = w->last;
    const unsigned char *const  base = w->base;

    switch (expect) {
    case MLSEC_EXPECT_FIRST_KEY: break;
    case MLSEC_EXPECT_KEY: goto key;
    case MLSEC_EXPECT_COLON: goto colon;
    case MLSEC_EXPECT_MEMBER: goto member;
    default: goto comma;
    }

    mlsec_json_take(MLSEC_EXPECT_FIRST_KEY);

    if (mlsec_likely(c == '"')) {
        goto colon;
    }

    w->tok = tok;

    return c == '}' ? mlsec_json_walk_close(w) : -1;

key:

    mlsec_json_take(MLSEC_EXPECT_KEY);

    if (mlsec_unlikely(c != '"')) {
        return -1;
    }

colon:

    mlsec_json_take(MLSEC_EXPECT_COLON);

    if (mlsec_unlikely(c != ':')) {
        return -1;
    }

member:

    mlsec_json_take(MLSEC_EXPECT_MEMBER);

    if (c != '"') {
        if ((c | 0x20) == '{') {
            w->tok = tok;
            return mlsec_json_walk_open(w, c);
        }

        if (!mlsec_json_walk_scalar(base + tok[-1], w->limit)) {
            return -1;
        }
    }

comma:

    mlsec_json_take(MLSEC_EXPECT_OBJECT_COMMA);

    if (mlsec_likely(c == ',')) {
        goto key;
    }

    w->tok = tok;

    return c == '}' ? mlsec_json_walk_close(w) : -1;
}


static mlsec_always_inline int
mlsec_json_walk_array(mlsec_json_walk_t *w, int expect)
{
    unsigned char               c;
    const uint16_t             *tok = w->tok;
    const uint16_t *const       last = w->last;
    const unsigned char *const  base = w->base;

    switch (expect) {
    case MLSEC_EXPECT_FIRST_ELEMENT: break;
    case MLSEC_EXPECT_ELEMENT: goto element;
    default: goto comma;
    }

    mlsec_json_take(MLSEC_EXPECT_FIRST_ELEMENT);

    if (c == ']') {
        w->tok = tok;
        return mlsec_json_walk_close(w);
    }

    goto taken;

element:

    mlsec_json_take(MLSEC_EXPECT_ELEMENT);

taken:

    if (c != '"') {
        if ((c | 0x20) == '{') {
            w->tok = tok;
            return mlsec_json_walk_open(w, c);
        }

        if (!mlsec_json_walk_scalar(base + tok[-1], w->limit)) {
            return -1;
        }
    }

comma:

    mlsec_json_take(MLSEC_EXPECT_ARRAY_COMMA);

    if (mlsec_likely(c == ',')) {
        goto element;
    }

    w->tok = tok;

    return c == ']' ? mlsec_json_walk_close(w) : -1;
}

#undef mlsec_json_take


/* The first token of the document; there is one. */

static int
mlsec_json_walk_document(mlsec_json_walk_t *w)
{
    unsigned char         c;
    const unsigned char  *p;

    p = w->base + *w->tok++;
    c = *p;

    if ((c | 0x20) == '{') {
        return mlsec_json_walk_open(w, c);
    }

    if (c != '"' && !mlsec_json_walk_scalar(p, w->limit)) {
        return -1;
    }

    return MLSEC_EXPECT_NOTHING;
}


static inline int
mlsec_json_walk_open(mlsec_json_walk_t *w, unsigned char c)
{
    uint64_t  bit;

    if (w->depth >= w->max_depth) {
        return -1;
    }

    bit = (uint64_t) 1 << w->depth;
    w->stack = c == '{' ? w->stack | bit : w->stack & ~bit;
    w->depth++;

    return c == '{' ? MLSEC_EXPECT_FIRST_KEY : MLSEC_EXPECT_FIRST_ELEMENT;
}


/* Only called where an object or array is open, and it is the right one. */

static inline int
mlsec_json_walk_close(mlsec_json_walk_t *w)
{
    w->depth--;

    if (w->depth == 0) {
        return MLSEC_EXPECT_NOTHING;
    }

    return w->stack >> (w->depth - 1) & 1 ? MLSEC_EXPECT_OBJECT_COMMA
                                          : MLSEC_EXPECT_ARRAY_COMMA;
}


/*
 * Returns 1 if a number or literal starts at "p" and a byte that may follow
 * one comes right after it, before "end".
 */

static inline int
mlsec_json_walk_scalar(const unsigned char *p, const unsigned char *end)
{
    switch (*p) {

    case 't':
        if (end - p < 5 || memcmp(p, "true", 4) != 0) {
            return 0;
        }

        p += 4;
        break;

    case 'f':
        if (end - p < 6 || memcmp(p, "false", 5) != 0) {
            return 0;
        }

        p += 5;
        break;

    case 'n':
        if (end - p < 5 || memcmp(p, "null", 4) != 0) {
            return 0;
        }

        p += 4;
        break;

    default:
        p = mlsec_json_number(p, end);

        if (p == NULL || p == end) {
            return 0;
        }
    }

    return mlsec_json_class[*p] != MLSEC_CLASS_SCALAR;
}


static uint8_t
mlsec_json_first_type(unsigned char c)
{
    switch (c) {

    case '{':
        return MLSEC_JSON_OBJECT;

    case '[':
        return MLSEC_JSON_ARRAY;

    case '"':
        return MLSEC_JSON_STRING;

    case 't':
        return MLSEC_JSON_TRUE;

    case 'f':
        return MLSEC_JSON_FALSE;

    case 'n':
        return MLSEC_JSON_NULL;

    default:
        return MLSEC_JSON_NUMBER_VALUE;
    }
}
