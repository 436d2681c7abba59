/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The tape: one pass over the tokens that mlsec_json_index() lists.  It
 * checks the grammar on the way, so that a text is read once.  Depth costs
 * nothing but tape: an open container holds the place of the one around it
 * until it is closed.
 */


#include <lib/filter/mlsec_filter_tape.h>
#include <lib/mlsec_json.h>
#include <lib/mlsec_json_index.h>
#include <lib/mlsec_json_inline.h>


#define MLSEC_TAPE_NONE  0x0fffffff


typedef enum {
    MLSEC_TAPE_VALUE = 0,              /* a value must come */
    MLSEC_TAPE_FIRST,                  /* a value or ']' */
    MLSEC_TAPE_FIRST_KEY,              /* a key or '}' */
    MLSEC_TAPE_KEY,
    MLSEC_TAPE_COLON,
    MLSEC_TAPE_COMMA,                  /* ',' or the closing bracket */
    MLSEC_TAPE_DONE
} mlsec_tape_state_e;

typedef struct {
    mlsec_fx_t                     *fx;
    const unsigned char            *text;
    const unsigned char            *end;
    mlsec_fv_tape_t                *tape;
    uint32_t                        n;
    uint32_t                        room;
    uint32_t                        open;      /* the innermost container, or
                                                  MLSEC_TAPE_NONE */
    uint32_t                        last;      /* a scalar or key whose end is
                                                  not known yet, or NONE */
    int                             state;
    unsigned                        escapes;   /* 1: there are backslashes */
} mlsec_tape_t;


static int mlsec_tape_window(mlsec_tape_t *t, mlsec_json_index_t *ix);
static int mlsec_tape_token(mlsec_tape_t *t, const unsigned char *p);
static int mlsec_tape_open(mlsec_tape_t *t, const unsigned char *p);
static int mlsec_tape_close(mlsec_tape_t *t, const unsigned char *p);
static int mlsec_tape_scalar(mlsec_tape_t *t, const unsigned char *p);
static int mlsec_tape_finish(mlsec_tape_t *t, const unsigned char *p);
static int mlsec_tape_grow(mlsec_tape_t *t);


int
mlsec_tape_build(mlsec_fx_t *fx, mlsec_str_t text, mlsec_filter_doc_t **doc)
{
    int                 rc;
    mlsec_tape_t        t;
    mlsec_json_index_t  ix;

    if (text.len == 0 || text.len > MLSEC_FILTER_MAX_TEXT) {
        return MLSEC_DECLINED;
    }

    t.fx = fx;
    t.text = text.data;
    t.end = text.data + text.len;
    t.tape = NULL;
    t.n = 0;
    t.room = (uint32_t) (text.len / 8);
    t.open = MLSEC_TAPE_NONE;
    t.last = MLSEC_TAPE_NONE;
    t.state = MLSEC_TAPE_VALUE;
    t.escapes = memchr(text.data, '\\', text.len) != NULL;

    ix.start = t.text;
    ix.limit = t.end;
    ix.in_string = 0;

    if (mlsec_tape_grow(&t) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (ix.start != t.end) {
        rc = mlsec_tape_window(&t, &ix);

        if (rc != MLSEC_OK) {
            return rc;
        }

        ix.start += ix.consumed;
    }

    if (ix.in_string || t.open != MLSEC_TAPE_NONE
        || t.state != MLSEC_TAPE_DONE
        || mlsec_tape_finish(&t, t.end) != MLSEC_OK)
    {
        return MLSEC_DECLINED;
    }

    *doc = mlsec_fx_alloc(fx, sizeof(mlsec_filter_doc_t));
    if (*doc == NULL) {
        return MLSEC_FX_FATAL;
    }

    (*doc)->text = t.text;
    (*doc)->tape = t.tape;
    (*doc)->n = t.n;
    (*doc)->escapes = t.escapes;

    return MLSEC_OK;
}


static int
mlsec_tape_window(mlsec_tape_t *t, mlsec_json_index_t *ix)
{
    size_t                i;
    const unsigned char  *p;

    if (mlsec_json_index(ix) != MLSEC_OK) {
        return MLSEC_DECLINED;
    }

    /* room for all of the window, so that no token need ask */

    if (t->room - t->n < 2 * MLSEC_JSON_WINDOW + 64
        && mlsec_tape_grow(t) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < ix->ntokens; i++) {
        if (mlsec_tape_token(t, ix->start + ix->tokens[i]) != MLSEC_OK) {
            return MLSEC_DECLINED;
        }
    }

    if (ix->consumed != 0) {
        return MLSEC_OK;
    }

    /* a number or literal up to the end, or longer than a window */

    if (ix->in_string || mlsec_tape_token(t, ix->start) != MLSEC_OK) {
        return MLSEC_DECLINED;
    }

    for (p = ix->start;
         p != t->end && mlsec_json_class[*p] == MLSEC_CLASS_SCALAR;
         p++)
    {
        /* void */
    }

    ix->consumed = (size_t) (p - ix->start);

    return ix->consumed == 0 ? MLSEC_DECLINED : MLSEC_OK;
}


static int
mlsec_tape_grow(mlsec_tape_t *t)
{
    size_t            room;
    mlsec_fv_tape_t  *tape;

    room = (t->tape == NULL ? t->room : 2 * (size_t) t->room)
           + 2 * MLSEC_JSON_WINDOW + 128;

    /* a text has at most so many entries */

    if (room > 2 * (size_t) (t->end - t->text) + 2 * MLSEC_JSON_WINDOW + 128) {
        room = 2 * (size_t) (t->end - t->text) + 2 * MLSEC_JSON_WINDOW + 128;
    }

    tape = mlsec_fx_alloc(t->fx, room * sizeof(mlsec_fv_tape_t));
    if (tape == NULL) {
        return MLSEC_FX_FATAL;
    }

    if (t->n != 0) {
        memcpy(tape, t->tape, t->n * sizeof(mlsec_fv_tape_t));
    }

    t->tape = tape;
    t->room = (uint32_t) room;

    return MLSEC_OK;
}


/* The token at "p"; it also ends the scalar before it. */

static int
mlsec_tape_token(mlsec_tape_t *t, const unsigned char *p)
{
    unsigned char  c;

    if (t->last != MLSEC_TAPE_NONE && mlsec_tape_finish(t, p) != MLSEC_OK) {
        return MLSEC_DECLINED;
    }

    c = *p;

    switch (mlsec_json_class[c]) {

    case MLSEC_CLASS_COMMA:

        if (t->state != MLSEC_TAPE_COMMA) {
            return MLSEC_DECLINED;
        }

        t->state = mlsec_tape_tag(t->tape[t->open]) == MLSEC_TAPE_OBJECT
                   ? MLSEC_TAPE_KEY : MLSEC_TAPE_VALUE;
        return MLSEC_OK;

    case MLSEC_CLASS_COLON:

        if (t->state != MLSEC_TAPE_COLON) {
            return MLSEC_DECLINED;
        }

        t->state = MLSEC_TAPE_VALUE;
        return MLSEC_OK;

    case MLSEC_CLASS_OPEN_OBJECT:
    case MLSEC_CLASS_OPEN_ARRAY:
        return mlsec_tape_open(t, p);

    case MLSEC_CLASS_CLOSE_OBJECT:
    case MLSEC_CLASS_CLOSE_ARRAY:
        return mlsec_tape_close(t, p);

    default:
        return mlsec_tape_scalar(t, p);
    }
}


static int
mlsec_tape_open(mlsec_tape_t *t, const unsigned char *p)
{
    uint32_t  tag;

    if (t->state > MLSEC_TAPE_FIRST) {
        return MLSEC_DECLINED;
    }

    if (t->open != MLSEC_TAPE_NONE) {

        /* a member was counted with its key */

        t->tape[t->open + 1].pos +=
            mlsec_tape_tag(t->tape[t->open]) == MLSEC_TAPE_ARRAY;
    }

    tag = *p == '{' ? MLSEC_TAPE_OBJECT : MLSEC_TAPE_ARRAY;

    t->tape[t->n].pos = (uint32_t) (p - t->text);
    t->tape[t->n].val = tag << 28 | t->open;
    t->tape[t->n + 1].pos = 0;

    t->open = t->n;
    t->n += 2;
    t->state = tag == MLSEC_TAPE_OBJECT ? MLSEC_TAPE_FIRST_KEY
                                        : MLSEC_TAPE_FIRST;

    return MLSEC_OK;
}


static int
mlsec_tape_close(mlsec_tape_t *t, const unsigned char *p)
{
    uint32_t          tag, outer;
    mlsec_fv_tape_t  *e;

    tag = *p == '}' ? MLSEC_TAPE_OBJECT : MLSEC_TAPE_ARRAY;

    if (t->open == MLSEC_TAPE_NONE
        || mlsec_tape_tag(t->tape[t->open]) != tag
        || (t->state != MLSEC_TAPE_COMMA
            && t->state != (tag == MLSEC_TAPE_OBJECT ? MLSEC_TAPE_FIRST_KEY
                                                     : MLSEC_TAPE_FIRST)))
    {
        return MLSEC_DECLINED;
    }

    e = &t->tape[t->open];
    outer = mlsec_tape_val(*e);

    e[0].val = tag << 28 | t->n;
    e[1].val = (uint32_t) (p + 1 - t->text) - e[0].pos;

    t->open = outer;
    t->state = outer == MLSEC_TAPE_NONE ? MLSEC_TAPE_DONE : MLSEC_TAPE_COMMA;

    return MLSEC_OK;
}


/* A string, number or literal begins. */

static int
mlsec_tape_scalar(mlsec_tape_t *t, const unsigned char *p)
{
    t->tape[t->n].pos = (uint32_t) (p - t->text);
    t->last = t->n++;

    if (t->state <= MLSEC_TAPE_FIRST) {

        if (t->open == MLSEC_TAPE_NONE) {
            t->state = MLSEC_TAPE_DONE;
            return MLSEC_OK;
        }

        t->tape[t->open + 1].pos +=
            mlsec_tape_tag(t->tape[t->open]) == MLSEC_TAPE_ARRAY;
        t->state = MLSEC_TAPE_COMMA;

        return MLSEC_OK;
    }

    if (*p != '"' || t->state > MLSEC_TAPE_KEY) {
        return MLSEC_DECLINED;
    }

    t->tape[t->open + 1].pos++;
    t->state = MLSEC_TAPE_COLON;

    return MLSEC_OK;
}


/*
 * Ends the last scalar before "p", the next token or the end of the text.
 * Between them is white space at most.
 */

static int
mlsec_tape_finish(mlsec_tape_t *t, const unsigned char *p)
{
    uint32_t              tag;
    mlsec_fv_tape_t      *e;
    const unsigned char  *start, *end;

    if (t->last == MLSEC_TAPE_NONE) {
        return MLSEC_OK;
    }

    e = &t->tape[t->last];
    t->last = MLSEC_TAPE_NONE;
    start = t->text + e->pos;

    while (p[-1] <= ' ') {
        p--;
    }

    if (*start == '"') {
        end = p - 1;
        tag = t->escapes && memchr(start + 1, '\\', (size_t) (end - start - 1))
              ? MLSEC_TAPE_ESCAPED : MLSEC_TAPE_STRING;
        e->val = tag << 28 | (uint32_t) (end - start - 1);
        return MLSEC_OK;
    }

    e->val = (uint32_t) (p - start);

    switch (*start) {

    case 'n':
        tag = MLSEC_TAPE_NULL;
        return p - start == 4 && memcmp(start, "null", 4) == 0
               ? MLSEC_OK : MLSEC_DECLINED;

    case 'f':
        e->val |= (uint32_t) MLSEC_TAPE_FALSE << 28;
        return p - start == 5 && memcmp(start, "false", 5) == 0
               ? MLSEC_OK : MLSEC_DECLINED;

    case 't':
        e->val |= (uint32_t) MLSEC_TAPE_TRUE << 28;
        return p - start == 4 && memcmp(start, "true", 4) == 0
               ? MLSEC_OK : MLSEC_DECLINED;

    default:
        e->val |= (uint32_t) MLSEC_TAPE_NUMBER << 28;
        return mlsec_json_number(start, p) == p ? MLSEC_OK : MLSEC_DECLINED;
    }
}


mlsec_fv_t
mlsec_fv_tape(const mlsec_filter_doc_t *doc, uint32_t i)
{
    mlsec_fv_t       v;
    mlsec_fv_tape_t  e;

    static const uint8_t  types[] = {
        MLSEC_FV_NULL, MLSEC_FV_FALSE, MLSEC_FV_TRUE, MLSEC_FV_NUMTEXT,
        MLSEC_FV_STRING, MLSEC_FV_STRTEXT, MLSEC_FV_RAWARRAY,
        MLSEC_FV_RAWOBJECT
    };

    e = doc->tape[i];

    v = mlsec_fv_null();
    v.type = types[mlsec_tape_tag(e)];

    switch (v.type) {

    case MLSEC_FV_NUMTEXT:
        v.n = mlsec_tape_val(e);
        v.u.str = doc->text + e.pos;
        break;

    case MLSEC_FV_STRING:
    case MLSEC_FV_STRTEXT:
        v.n = mlsec_tape_val(e);
        v.u.str = doc->text + e.pos + 1;
        break;

    case MLSEC_FV_RAWARRAY:
    case MLSEC_FV_RAWOBJECT:
        v.n = i;
        v.u.doc = doc;
        break;
    }

    return v;
}


void
mlsec_fv_iter(mlsec_fv_iter_t *it, mlsec_fv_t v)
{
    it->of = v;
    it->pos = 0;

    if (v.type == MLSEC_FV_OBJECT) {
        it->left = v.u.object->count;

    } else {
        it->left = mlsec_fv_count(v);

        if (v.type != MLSEC_FV_ARRAY) {
            it->pos = v.n + 2;
        }
    }
}


int
mlsec_fv_next(mlsec_fv_iter_t *it, mlsec_fv_t *key, mlsec_fv_t *value)
{
    if (it->left == 0) {
        return 0;
    }

    it->left--;

    switch (it->of.type) {

    case MLSEC_FV_ARRAY:
        *value = it->of.u.array->items[it->pos++];
        mlsec_fv_share(*value);
        break;

    case MLSEC_FV_OBJECT:
        *key = it->of.u.object->members[it->pos].key;
        *value = it->of.u.object->members[it->pos++].value;
        mlsec_fv_share(*value);
        break;

    case MLSEC_FV_RAWOBJECT:
        *key = mlsec_fv_tape(it->of.u.doc, it->pos++);

        /* fall through */

    default:
        *value = mlsec_fv_tape(it->of.u.doc, it->pos);
        it->pos = mlsec_tape_next(it->of.u.doc->tape, it->pos);
    }

    return 1;
}
