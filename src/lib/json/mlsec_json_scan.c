/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The scanner, byte by byte.  This is the definition of what is accepted,
 * and where each error lies; it can stop after any byte.
 * mlsec_json_fast.c runs ahead of it over text that is beyond doubt, and
 * gives way to it at the edges of chunks and wherever something is odd.
 */


#include <lib/json/mlsec_json_scan.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>


/* fewer bytes than this are not worth the fast half's preparations */

#define MLSEC_JSON_FAST_MIN  16

/* after so many bytes, the fast half is given another try */

#define MLSEC_JSON_RETRY     2048


/* what a step says of its byte, besides an error */

#define MLSEC_STEP_DONE   0
#define MLSEC_STEP_AGAIN  1            /* the token ended before this byte */


static int mlsec_json_step(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_token(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_value(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_open(mlsec_json_scan_t *s, unsigned object);
static int mlsec_json_close(mlsec_json_scan_t *s);
static unsigned mlsec_json_after_value(const mlsec_json_scan_t *s);
static int mlsec_json_step_string(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_escape(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_hex(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_utf8(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_number(mlsec_json_scan_t *s, unsigned char c);
static int mlsec_json_step_literal(mlsec_json_scan_t *s, unsigned char c);


const unsigned char  mlsec_json_class[256] = {
    ['\t'] = MLSEC_CLASS_SPACE, ['\n'] = MLSEC_CLASS_SPACE,
    ['\r'] = MLSEC_CLASS_SPACE, [' '] = MLSEC_CLASS_SPACE,
    ['"'] = MLSEC_CLASS_QUOTE,
    ['{'] = MLSEC_CLASS_OPEN_OBJECT, ['}'] = MLSEC_CLASS_CLOSE_OBJECT,
    ['['] = MLSEC_CLASS_OPEN_ARRAY, [']'] = MLSEC_CLASS_CLOSE_ARRAY,
    [':'] = MLSEC_CLASS_COLON, [','] = MLSEC_CLASS_COMMA
};


void
mlsec_json_scan_init(mlsec_json_scan_t *s, unsigned max_depth)
{
    if (max_depth == 0) {
        max_depth = MLSEC_JSON_DEFAULT_DEPTH;

    } else if (max_depth > MLSEC_JSON_MAX_DEPTH) {
        max_depth = MLSEC_JSON_MAX_DEPTH;
    }

    memset(s, 0, sizeof(mlsec_json_scan_t));

    s->max_depth = max_depth;
}


int
mlsec_json_scan_feed(mlsec_json_scan_t *s, const unsigned char *p, size_t len)
{
    int                   rc;
    size_t                n;
    const unsigned char  *end, *retry;

    if (s->error != MLSEC_OK || len == 0) {
        return s->error;
    }

    end = p + len;
    retry = p;

    while (p != end) {

        if (p >= retry && s->lex <= MLSEC_LEX_STRING
            && end - p >= MLSEC_JSON_FAST_MIN)
        {
            p += mlsec_json_scan_fast(s, p, (size_t) (end - p));

            if (p == end) {
                break;
            }

            n = (size_t) (end - p);
            retry = p + (n < MLSEC_JSON_RETRY ? n : MLSEC_JSON_RETRY);
        }

        do {
            rc = mlsec_json_step(s, *p);
        } while (rc == MLSEC_STEP_AGAIN);

        if (mlsec_unlikely(rc != MLSEC_STEP_DONE)) {
            s->error = rc;
            return rc;
        }

        s->offset++;
        p++;
    }

    return MLSEC_OK;
}


int
mlsec_json_scan_finish(mlsec_json_scan_t *s)
{
    if (s->error != MLSEC_OK) {
        return s->error;
    }

    if (s->type == MLSEC_JSON_NONE) {
        return MLSEC_EMPTY;
    }

    if (s->expect == MLSEC_EXPECT_NOTHING) {

        switch (s->lex) {

        case MLSEC_LEX_NONE:
        case MLSEC_LEX_ZERO:
        case MLSEC_LEX_INT:
        case MLSEC_LEX_FRAC:
        case MLSEC_LEX_EXP:
            return MLSEC_OK;

        default:
            break;
        }
    }

    s->error = MLSEC_JSON_TRUNCATED;

    return s->error;
}


int
mlsec_json_scan(mlsec_str_t text, unsigned max_depth, mlsec_json_type_e *type,
    size_t *offset)
{
    int                rc;
    mlsec_json_scan_t  s;

    mlsec_json_scan_init(&s, max_depth);

    rc = mlsec_json_scan_feed(&s, text.data, text.len);

    if (rc == MLSEC_OK) {
        rc = mlsec_json_scan_finish(&s);
    }

    if (type != NULL) {
        *type = (mlsec_json_type_e) s.type;
    }

    if (offset != NULL) {
        *offset = (size_t) s.offset;
    }

    return rc;
}


const char *
mlsec_json_strerror(int rc)
{
    switch (rc) {

    case MLSEC_OK:
        return "no error";

    case MLSEC_DECLINED:
        return "not found";

    case MLSEC_NOMEM:
        return "out of memory";

    case MLSEC_BADTYPE:
        return "wrong type";

    case MLSEC_EMPTY:
        return "empty";

    case MLSEC_INVALID:
        return "invalid";

    case MLSEC_JSON_UNEXPECTED:
        return "unexpected byte";

    case MLSEC_JSON_TRUNCATED:
        return "truncated";

    case MLSEC_JSON_CONTROL:
        return "control character in a string";

    case MLSEC_JSON_ESCAPE:
        return "invalid escape";

    case MLSEC_JSON_SURROGATE:
        return "lone surrogate";

    case MLSEC_JSON_UTF8:
        return "invalid UTF-8";

    case MLSEC_JSON_NUMBER:
        return "invalid number";

    case MLSEC_JSON_LITERAL:
        return "invalid literal";

    case MLSEC_JSON_DEPTH:
        return "too deep";

    case MLSEC_JSON_SECOND:
        return "second document";
    }

    return "unknown error";
}


static int
mlsec_json_step(mlsec_json_scan_t *s, unsigned char c)
{
    switch (s->lex) {

    case MLSEC_LEX_NONE:
        return mlsec_json_step_token(s, c);

    case MLSEC_LEX_STRING:
        return mlsec_json_step_string(s, c);

    case MLSEC_LEX_ESCAPE:
    case MLSEC_LEX_PAIR_ESCAPE:
    case MLSEC_LEX_PAIR_U:
        return mlsec_json_step_escape(s, c);

    case MLSEC_LEX_HEX1:
    case MLSEC_LEX_HEX2:
    case MLSEC_LEX_HEX3:
    case MLSEC_LEX_HEX4:
        return mlsec_json_step_hex(s, c);

    case MLSEC_LEX_TRUE:
    case MLSEC_LEX_FALSE:
    case MLSEC_LEX_NULL:
        return mlsec_json_step_literal(s, c);

    default:
        return s->lex < MLSEC_LEX_MINUS ? mlsec_json_step_utf8(s, c)
                                        : mlsec_json_step_number(s, c);
    }
}


static int
mlsec_json_step_token(mlsec_json_scan_t *s, unsigned char c)
{
    if (mlsec_json_is_space(c)) {
        return MLSEC_STEP_DONE;
    }

    switch (s->expect) {

    case MLSEC_EXPECT_FIRST_ELEMENT:
        if (c == ']') {
            return mlsec_json_close(s);
        }

        return mlsec_json_step_value(s, c);

    case MLSEC_EXPECT_FIRST_KEY:
        if (c == '}') {
            return mlsec_json_close(s);
        }

        /* fall through */

    case MLSEC_EXPECT_KEY:
        if (c == '"') {
            s->lex = MLSEC_LEX_STRING;
            s->expect = MLSEC_EXPECT_COLON;
            return MLSEC_STEP_DONE;
        }

        return MLSEC_JSON_UNEXPECTED;

    case MLSEC_EXPECT_COLON:
        s->expect = MLSEC_EXPECT_MEMBER;
        return c == ':' ? MLSEC_STEP_DONE : MLSEC_JSON_UNEXPECTED;

    case MLSEC_EXPECT_ARRAY_COMMA:
        if (c == ']') {
            return mlsec_json_close(s);
        }

        s->expect = MLSEC_EXPECT_ELEMENT;
        return c == ',' ? MLSEC_STEP_DONE : MLSEC_JSON_UNEXPECTED;

    case MLSEC_EXPECT_OBJECT_COMMA:
        if (c == '}') {
            return mlsec_json_close(s);
        }

        s->expect = MLSEC_EXPECT_KEY;
        return c == ',' ? MLSEC_STEP_DONE : MLSEC_JSON_UNEXPECTED;

    case MLSEC_EXPECT_NOTHING:
        return MLSEC_JSON_SECOND;

    default: /* VALUE, ELEMENT, MEMBER */
        return mlsec_json_step_value(s, c);
    }
}


static int
mlsec_json_step_value(mlsec_json_scan_t *s, unsigned char c)
{
    unsigned  lex, type;

    switch (c) {

    case '{':
        return mlsec_json_open(s, 1);

    case '[':
        return mlsec_json_open(s, 0);

    case '"':
        lex = MLSEC_LEX_STRING;
        type = MLSEC_JSON_STRING;
        break;

    case 't':
        lex = MLSEC_LEX_TRUE;
        type = MLSEC_JSON_TRUE;
        break;

    case 'f':
        lex = MLSEC_LEX_FALSE;
        type = MLSEC_JSON_FALSE;
        break;

    case 'n':
        lex = MLSEC_LEX_NULL;
        type = MLSEC_JSON_NULL;
        break;

    default:

        if (c != '-' && !mlsec_json_is_digit(c)) {
            return MLSEC_JSON_UNEXPECTED;
        }

        lex = c == '-' ? MLSEC_LEX_MINUS
                       : c == '0' ? MLSEC_LEX_ZERO : MLSEC_LEX_INT;
        type = MLSEC_JSON_NUMBER_VALUE;
        break;
    }

    if (s->expect == MLSEC_EXPECT_VALUE) {
        s->type = (uint8_t) type;
    }

    s->lex = (uint8_t) lex;
    s->literal = 1;
    s->expect = (uint8_t) mlsec_json_after_value(s);

    return MLSEC_STEP_DONE;
}


static int
mlsec_json_open(mlsec_json_scan_t *s, unsigned object)
{
    uint64_t  bit, *word;

    if (s->depth == s->max_depth) {
        return MLSEC_JSON_DEPTH;
    }

    if (s->expect == MLSEC_EXPECT_VALUE) {
        s->type = object ? MLSEC_JSON_OBJECT : MLSEC_JSON_ARRAY;
    }

    word = &s->stack[s->depth / 64];
    bit = (uint64_t) 1 << s->depth % 64;
    *word = object ? *word | bit : *word & ~bit;

    s->depth++;
    s->expect = object ? MLSEC_EXPECT_FIRST_KEY : MLSEC_EXPECT_FIRST_ELEMENT;

    return MLSEC_STEP_DONE;
}


/* Only called where "expect" says that the bracket fits. */

static int
mlsec_json_close(mlsec_json_scan_t *s)
{
    s->depth--;
    s->expect = (uint8_t) mlsec_json_after_value(s);

    return MLSEC_STEP_DONE;
}


static unsigned
mlsec_json_after_value(const mlsec_json_scan_t *s)
{
    uint32_t  top;

    if (s->depth == 0) {
        return MLSEC_EXPECT_NOTHING;
    }

    top = s->depth - 1;

    return s->stack[top / 64] >> top % 64 & 1 ? MLSEC_EXPECT_OBJECT_COMMA
                                              : MLSEC_EXPECT_ARRAY_COMMA;
}


static int
mlsec_json_step_string(mlsec_json_scan_t *s, unsigned char c)
{
    if (c == '"') {
        s->lex = MLSEC_LEX_NONE;

    } else if (c == '\\') {
        s->lex = MLSEC_LEX_ESCAPE;

    } else if (c < 0x20) {
        return MLSEC_JSON_CONTROL;

    } else if (c < 0x80) {
        return MLSEC_STEP_DONE;

    } else if (c < 0xc2 || c > 0xf4) {
        return MLSEC_JSON_UTF8;

    } else if (c < 0xe0) {
        s->lex = MLSEC_LEX_TAIL1;

    } else if (c < 0xf0) {
        s->lex = c == 0xe0 ? MLSEC_LEX_AFTER_E0
                           : c == 0xed ? MLSEC_LEX_AFTER_ED
                                       : MLSEC_LEX_TAIL2;

    } else {
        s->lex = c == 0xf0 ? MLSEC_LEX_AFTER_F0
                           : c == 0xf4 ? MLSEC_LEX_AFTER_F4
                                       : MLSEC_LEX_TAIL3;
    }

    return MLSEC_STEP_DONE;
}


static int
mlsec_json_step_escape(mlsec_json_scan_t *s, unsigned char c)
{
    switch (s->lex) {

    case MLSEC_LEX_PAIR_ESCAPE:
        s->lex = MLSEC_LEX_PAIR_U;
        return c == '\\' ? MLSEC_STEP_DONE : MLSEC_JSON_SURROGATE;

    case MLSEC_LEX_PAIR_U:
        s->lex = MLSEC_LEX_HEX1;
        return c == 'u' ? MLSEC_STEP_DONE : MLSEC_JSON_SURROGATE;

    default: /* MLSEC_LEX_ESCAPE */
        break;
    }

    switch (c) {

    case '"': case '\\': case '/':
    case 'b': case 'f': case 'n': case 'r': case 't':
        s->lex = MLSEC_LEX_STRING;
        return MLSEC_STEP_DONE;

    case 'u':
        s->lex = MLSEC_LEX_HEX1;
        s->code = 0;
        return MLSEC_STEP_DONE;

    default:
        return MLSEC_JSON_ESCAPE;
    }
}


/*
 * "code" holds the digits so far in its low 16 bits; above them, after a
 * high surrogate, a 1 that asks for the low one.
 */

static int
mlsec_json_step_hex(mlsec_json_scan_t *s, unsigned char c)
{
    int       digit;
    uint32_t  pair;

    digit = mlsec_json_hex(c);

    if (digit < 0) {
        return MLSEC_JSON_ESCAPE;
    }

    pair = s->code & 0x10000;
    s->code = pair | (s->code << 4 & 0xfff0) | (uint32_t) digit;

    if (s->lex != MLSEC_LEX_HEX4) {
        s->lex++;
        return MLSEC_STEP_DONE;
    }

    if (pair) {
        s->lex = MLSEC_LEX_STRING;
        return (s->code & 0xfc00) == 0xdc00 ? MLSEC_STEP_DONE
                                            : MLSEC_JSON_SURROGATE;
    }

    switch (s->code & 0xfc00) {

    case 0xd800:
        s->lex = MLSEC_LEX_PAIR_ESCAPE;
        s->code = 0x10000;
        return MLSEC_STEP_DONE;

    case 0xdc00:
        return MLSEC_JSON_SURROGATE;

    default:
        s->lex = MLSEC_LEX_STRING;
        return MLSEC_STEP_DONE;
    }
}


static int
mlsec_json_step_utf8(mlsec_json_scan_t *s, unsigned char c)
{
    unsigned char  low, high;

    low = 0x80;
    high = 0xbf;

    switch (s->lex) {

    case MLSEC_LEX_TAIL1:
        s->lex = MLSEC_LEX_STRING;
        break;

    case MLSEC_LEX_TAIL3:
        s->lex = MLSEC_LEX_TAIL2;
        break;

    case MLSEC_LEX_AFTER_E0:
        low = 0xa0;
        s->lex = MLSEC_LEX_TAIL1;
        break;

    case MLSEC_LEX_AFTER_ED:
        high = 0x9f;
        s->lex = MLSEC_LEX_TAIL1;
        break;

    case MLSEC_LEX_AFTER_F0:
        low = 0x90;
        s->lex = MLSEC_LEX_TAIL2;
        break;

    case MLSEC_LEX_AFTER_F4:
        high = 0x8f;
        s->lex = MLSEC_LEX_TAIL2;
        break;

    default: /* MLSEC_LEX_TAIL2 */
        s->lex = MLSEC_LEX_TAIL1;
        break;
    }

    return c >= low && c <= high ? MLSEC_STEP_DONE : MLSEC_JSON_UTF8;
}


static int
mlsec_json_step_number(mlsec_json_scan_t *s, unsigned char c)
{
    unsigned  digit;

    digit = (unsigned) mlsec_json_is_digit(c);

    switch (s->lex) {

    case MLSEC_LEX_MINUS:
        s->lex = c == '0' ? MLSEC_LEX_ZERO : MLSEC_LEX_INT;
        return digit ? MLSEC_STEP_DONE : MLSEC_JSON_NUMBER;

    case MLSEC_LEX_DOT:
        s->lex = MLSEC_LEX_FRAC;
        return digit ? MLSEC_STEP_DONE : MLSEC_JSON_NUMBER;

    case MLSEC_LEX_E:
        if (c == '+' || c == '-') {
            s->lex = MLSEC_LEX_ESIGN;
            return MLSEC_STEP_DONE;
        }

        /* fall through */

    case MLSEC_LEX_ESIGN:
        s->lex = MLSEC_LEX_EXP;
        return digit ? MLSEC_STEP_DONE : MLSEC_JSON_NUMBER;

    default: /* ZERO, INT, FRAC, EXP: the number may end here */
        break;
    }

    if (digit) {
        return s->lex == MLSEC_LEX_ZERO ? MLSEC_JSON_NUMBER
                                        : MLSEC_STEP_DONE;
    }

    if (c == '.' && s->lex < MLSEC_LEX_DOT) {
        s->lex = MLSEC_LEX_DOT;
        return MLSEC_STEP_DONE;
    }

    if ((c | 0x20) == 'e' && s->lex != MLSEC_LEX_EXP) {
        s->lex = MLSEC_LEX_E;
        return MLSEC_STEP_DONE;
    }

    s->lex = MLSEC_LEX_NONE;

    return MLSEC_STEP_AGAIN;
}


static int
mlsec_json_step_literal(mlsec_json_scan_t *s, unsigned char c)
{
    const char  *word;

    word = s->lex == MLSEC_LEX_TRUE ? "true"
                                    : s->lex == MLSEC_LEX_FALSE ? "false"
                                                                : "null";

    if (c != (unsigned char) word[s->literal]) {
        return MLSEC_JSON_LITERAL;
    }

    s->literal++;

    if (word[s->literal] == '\0') {
        s->lex = MLSEC_LEX_NONE;
    }

    return MLSEC_STEP_DONE;
}
