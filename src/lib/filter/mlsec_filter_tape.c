/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The tape: one pass over the text, which checks it on the way, so that a
 * text is read once.  Services send short strings and numbers without blanks
 * between them; for those a pass of its own that looks for tokens, as
 * mlsec_json_scan.c has it, costs more than it saves.
 *
 * Depth costs nothing but tape: an open container holds the place of the one
 * around it until it is closed.
 */


#include <lib/filter/mlsec_filter_tape.h>
#include <lib/json/mlsec_json_inline.h>


#define MLSEC_TAPE_NONE   0x0fffffff

#define MLSEC_TAPE_SPARE  6            /* entries of a value and two keys */


/*
 * The state of the pass.  It is copied into the function that works on it,
 * and copied back: no other function holds its address meanwhile, so that
 * the compiler may keep it in registers.
 */

typedef struct {
    const unsigned char  *text;
    const unsigned char  *p;
    const unsigned char  *end;         /* text[.. end) is trimmed */
    mlsec_fv_tape_t      *tape;
    mlsec_fv_tape_t      *e;           /* next entry */
    mlsec_fv_tape_t      *limit;       /* with SPARE behind it */
    uint32_t              open;        /* entry of the innermost container, or
                                          NONE */
    uint32_t              tag;         /* its tag */
    unsigned              escapes;     /* 1: a string has some */
    int                   lenient;
} mlsec_tape_t;


static int mlsec_tape_parse(mlsec_fx_t *fx, mlsec_tape_t *state);
static int mlsec_tape_grow(mlsec_fx_t *fx, mlsec_tape_t *t);


int
mlsec_tape_build(mlsec_fx_t *fx, mlsec_str_t text, int lenient,
    mlsec_filter_doc_t **doc)
{
    int           rc;
    mlsec_tape_t  t;

    if (text.len == 0 || text.len > MLSEC_FILTER_MAX_TEXT) {
        return MLSEC_DECLINED;
    }

    memset(&t, 0, sizeof(t));

    t.text = text.data;
    t.end = text.data + text.len;
    t.p = mlsec_json_skip_space(t.text, t.end);
    t.open = MLSEC_TAPE_NONE;
    t.lenient = lenient;

    while (t.end != t.p && mlsec_json_is_space(t.end[-1])) {
        t.end--;
    }

    if (t.p == t.end) {
        return MLSEC_DECLINED;
    }

    rc = mlsec_tape_grow(fx, &t);

    if (rc == MLSEC_OK) {
        rc = mlsec_tape_parse(fx, &t);
    }

    if (rc != MLSEC_OK) {
        return rc;
    }

    *doc = mlsec_fx_alloc(fx, sizeof(mlsec_filter_doc_t));
    if (*doc == NULL) {
        return MLSEC_FX_FATAL;
    }

    (*doc)->text = t.text;
    (*doc)->tape = t.tape;
    (*doc)->n = (uint32_t) (t.e - t.tape);
    (*doc)->escapes = t.escapes;

    return MLSEC_OK;
}


/* A text of usual density has an entry for every seven bytes. */

static int
mlsec_tape_grow(mlsec_fx_t *fx, mlsec_tape_t *t)
{
    size_t            n, room;
    mlsec_fv_tape_t  *tape;

    n = (size_t) (t->e - t->tape);
    room = t->tape == NULL ? (size_t) (t->end - t->text) / 6
                           : 2 * (size_t) (t->limit - t->tape);
    room += 2 * MLSEC_TAPE_SPARE;

    tape = mlsec_fx_alloc(fx, room * sizeof(mlsec_fv_tape_t));
    if (tape == NULL) {
        return MLSEC_FX_FATAL;
    }

    if (n != 0) {
        memcpy(tape, t->tape, n * sizeof(mlsec_fv_tape_t));
    }

    t->tape = tape;
    t->e = tape + n;
    t->limit = tape + room - MLSEC_TAPE_SPARE;

    return MLSEC_OK;
}


/* Returns the byte behind the escape at "p", or NULL. */

static const unsigned char *
mlsec_tape_escape(const unsigned char *p, const unsigned char *end)
{
    int  code;

    if (end - p < 2) {
        return NULL;
    }

    switch (p[1]) {

    case '"': case '\\': case '/':
    case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;

    case 'u':
        break;

    default:
        return NULL;
    }

    code = end - p < 6 ? -1 : mlsec_json_hex4(p + 2);

    if (code < 0xd800 || code > 0xdfff) {
        return code < 0 ? NULL : p + 6;
    }

    if (code > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u') {
        return NULL;
    }

    code = mlsec_json_hex4(p + 8);

    return code >= 0xdc00 && code <= 0xdfff ? p + 12 : NULL;
}


/* From a character of a string that is not plain: behind it, or NULL. */

static const unsigned char *
mlsec_tape_special(const unsigned char *p, const unsigned char *end)
{
    size_t  n;

    if (*p == '\\') {
        return mlsec_tape_escape(p, end);
    }

    n = *p < 0x20 ? 0 : mlsec_json_utf8(p, end);

    return n == 0 ? NULL : p + n;
}


/*
 * The functions below go on from t->p, and return 1, or 0 if the text is
 * wrong.  That the last byte is a bracket, if there is any, saves most
 * questions about the end: what is not the last byte of its container has a
 * byte behind it.
 */


/* A string; t->p is at its opening quote. */

static mlsec_always_inline int
mlsec_tape_string(mlsec_tape_t *t)
{
    uint32_t              tag;
    const unsigned char  *p, *start;

    start = t->p + 1;
    tag = MLSEC_TAPE_STRING;

    for (p = start; /* void */ ; /* void */ ) {
        p = mlsec_json_string_plain(p, t->end);

        if (mlsec_unlikely(p == t->end)) {
            return 0;
        }

        if (mlsec_likely(*p == '"')) {
            break;
        }

        if (*p == '\\') {
            tag = MLSEC_TAPE_ESCAPED;
            t->escapes = 1;
        }

        p = mlsec_tape_special(p, t->end);

        if (p == NULL) {
            return 0;
        }
    }

    t->e->pos = (uint32_t) (start - 1 - t->text);
    t->e->val = tag << 28 | (uint32_t) (p - start);
    t->e++;
    t->p = p + 1;

    return 1;
}


/* Numbers that JSON does not have.  Returns the byte behind, or NULL. */

static const unsigned char *
mlsec_tape_odd(const unsigned char *p, const unsigned char *end)
{
    size_t  i, len;

    static const char *const  words[] = {
        "nan", "NaN", "Infinity", "infinity"
    };

    p += *p == '-' && end - p > 1;

    for (i = 0; i < 4; i++) {
        len = strlen(words[i]);

        if ((size_t) (end - p) >= len && memcmp(p, words[i], len) == 0) {
            return p + len;
        }
    }

    return NULL;
}


/* A number or literal; what follows it is checked later. */

static mlsec_always_inline int
mlsec_tape_scalar(mlsec_tape_t *t)
{
    size_t                left;
    uint32_t              tag;
    const unsigned char  *p;

    p = t->p;
    left = (size_t) (t->end - p);

    switch (*p) {

    case 'n':
        tag = MLSEC_TAPE_NULL;
        p = left >= 4 && memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
        break;

    case 'f':
        tag = MLSEC_TAPE_FALSE;
        p = left >= 5 && memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
        break;

    case 't':
        tag = MLSEC_TAPE_TRUE;
        p = left >= 4 && memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
        break;

    default:
        tag = MLSEC_TAPE_NUMBER;
        p = mlsec_json_number(p, t->end);
    }

    if (mlsec_unlikely(p == NULL)) {
        tag = MLSEC_TAPE_NUMBER;
        p = t->lenient ? mlsec_tape_odd(t->p, t->end) : NULL;

        if (p == NULL) {
            return 0;
        }
    }

    t->e->pos = (uint32_t) (t->p - t->text);
    t->e->val = tag << 28 | (uint32_t) (p - t->p);
    t->e++;
    t->p = p;

    return 1;
}


static mlsec_always_inline void
mlsec_tape_space(mlsec_tape_t *t)
{
    if (mlsec_unlikely(*t->p <= ' ')) {
        t->p = mlsec_json_skip_space(t->p, t->end);
    }
}


/* A key and its colon, up to the value. */

static mlsec_always_inline int
mlsec_tape_key(mlsec_tape_t *t)
{
    if (mlsec_unlikely(*t->p != '"') || !mlsec_tape_string(t)) {
        return 0;
    }

    if (mlsec_unlikely(t->p == t->end)) {
        return 0;
    }

    mlsec_tape_space(t);

    if (mlsec_unlikely(*t->p != ':') || ++t->p == t->end) {
        return 0;
    }

    mlsec_tape_space(t);

    return 1;
}


/* A bracket, up to the first value or the closing one. */

static mlsec_always_inline int
mlsec_tape_open(mlsec_tape_t *t, uint32_t tag)
{
    t->e[0].pos = (uint32_t) (t->p - t->text);
    t->e[0].val = tag << 28 | t->open;
    t->e[1].pos = 0;

    t->open = (uint32_t) (t->e - t->tape);
    t->tag = tag;
    t->e += 2;

    if (++t->p == t->end) {
        return 0;
    }

    mlsec_tape_space(t);

    return 1;
}


/* Closing brackets, up to a comma and the next value, or the end. */

static mlsec_always_inline int
mlsec_tape_close(mlsec_tape_t *t)
{
    uint32_t          outer;
    mlsec_fv_tape_t  *c;

    for ( ;; ) {

        if (t->open == MLSEC_TAPE_NONE) {
            return t->p == t->end;
        }

        if (mlsec_unlikely(t->p == t->end)) {
            return 0;
        }

        mlsec_tape_space(t);

        c = &t->tape[t->open];

        if (*t->p == ',') {
            break;
        }

        if (*t->p != (t->tag == MLSEC_TAPE_OBJECT ? '}' : ']')) {
            return 0;
        }

        t->p++;
        outer = mlsec_tape_val(*c);
        c[0].val = t->tag << 28 | (uint32_t) (t->e - t->tape);
        c[1].val = (uint32_t) (t->p - t->text) - c[0].pos;
        t->open = outer;

        if (outer != MLSEC_TAPE_NONE) {
            t->tag = mlsec_tape_tag(t->tape[outer]);
        }
    }

    c[1].pos++;

    if (++t->p == t->end) {
        return 0;
    }

    mlsec_tape_space(t);

    return t->tag == MLSEC_TAPE_OBJECT ? mlsec_tape_key(t) : 1;
}


static int
mlsec_tape_parse(mlsec_fx_t *fx, mlsec_tape_t *state)
{
    int           good;
    mlsec_tape_t  t;

    t = *state;

    do {

        if (mlsec_unlikely(t.e >= t.limit)) {
            *state = t;

            if (mlsec_tape_grow(fx, state) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            t = *state;
        }

        if (*t.p == '"') {
            good = mlsec_tape_string(&t);

        } else if (*t.p == '{') {
            good = mlsec_tape_open(&t, MLSEC_TAPE_OBJECT);

            if (good && *t.p != '}') {
                t.tape[t.open + 1].pos = 1;
                good = mlsec_tape_key(&t);
                continue;
            }

        } else if (*t.p == '[') {
            good = mlsec_tape_open(&t, MLSEC_TAPE_ARRAY);

            if (good && *t.p != ']') {
                t.tape[t.open + 1].pos = 1;
                continue;
            }

        } else {
            good = mlsec_tape_scalar(&t);
        }

        good = good && mlsec_tape_close(&t);

    } while (good && t.p != t.end);

    *state = t;

    return good && t.open == MLSEC_TAPE_NONE ? MLSEC_OK : MLSEC_DECLINED;
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
