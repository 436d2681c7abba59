/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The walker: it trusts the grammar, which the scanner has checked, but
 * never the length.  What it finds out of place ends the walk.
 */


#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>


#define MLSEC_BLOCK  64


typedef struct {
    uint64_t              quote;
    uint64_t              open;        /* { [ */
    uint64_t              close;       /* } ] */
    uint64_t              backslash;
} mlsec_json_nest_t;


static const unsigned char *mlsec_json_skip_nested(const unsigned char *p,
    const unsigned char *end);
static uint64_t mlsec_json_escaped(uint64_t backslash, uint64_t *carry);
static void mlsec_json_nest(mlsec_json_nest_t *n, const unsigned char *p);
static int mlsec_json_iter(mlsec_json_iter_t *it, mlsec_str_t value,
    unsigned char open);
static const unsigned char *mlsec_json_unescape(const unsigned char *p,
    const unsigned char *end, unsigned char *out, size_t *len);
static size_t mlsec_json_encode_utf8(unsigned char *out, uint32_t code);


mlsec_str_t
mlsec_json_trim(mlsec_str_t text)
{
    const unsigned char  *p, *end;

    if (text.len == 0) {
        return text;
    }

    end = text.data + text.len;
    p = mlsec_json_skip_space(text.data, end);

    while (end != p && mlsec_json_is_space(end[-1])) {
        end--;
    }

    text.data = p;
    text.len = (size_t) (end - p);

    return text;
}


mlsec_json_type_e
mlsec_json_type(mlsec_str_t value)
{
    const unsigned char  *p, *end;

    if (value.len == 0) {
        return MLSEC_JSON_NONE;
    }

    end = value.data + value.len;
    p = mlsec_json_skip_space(value.data, end);

    if (p == end) {
        return MLSEC_JSON_NONE;
    }

    switch (*p) {

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


const unsigned char *
mlsec_json_skip(const unsigned char *p, const unsigned char *end)
{
    p = mlsec_json_skip_space(p, end);

    if (p == end) {
        return end;
    }

    switch (*p) {

    case '{':
    case '[':
        return mlsec_json_skip_nested(p + 1, end);

    case '"':
        p = mlsec_json_string_end(p + 1, end);
        return p == end ? end : p + 1;

    default:

        while (p != end && mlsec_json_class[*p] == MLSEC_CLASS_SCALAR) {
            p++;
        }

        return p;
    }
}


/*
 * Skips to behind the bracket that closes the one before "p", counting
 * brackets outside of strings 64 bytes at a time.
 */

static const unsigned char *
mlsec_json_skip_nested(const unsigned char *p, const unsigned char *end)
{
    size_t                depth;
    uint64_t              inside, in_string, escape, bits, bit;
    unsigned char         pad[MLSEC_BLOCK];
    mlsec_json_nest_t     n;

    depth = 1;
    in_string = 0;
    escape = 0;

    for ( /* void */ ; p < end; p += MLSEC_BLOCK) {

        if (end - p >= MLSEC_BLOCK) {
            mlsec_json_nest(&n, p);

        } else {
            memset(pad, ' ', MLSEC_BLOCK);
            memcpy(pad, p, (size_t) (end - p));
            mlsec_json_nest(&n, pad);
        }

        if (mlsec_unlikely((n.backslash | escape) != 0)) {
            n.quote &= ~mlsec_json_escaped(n.backslash, &escape);
        }

        inside = mlsec_bits_parity(n.quote) ^ in_string;
        in_string = 0 - (inside >> 63);

        n.open &= ~inside;
        n.close &= ~inside;

        if (mlsec_bits_count(n.close) < depth) {
            depth += (uint32_t) mlsec_bits_count(n.open);
            depth -= (uint32_t) mlsec_bits_count(n.close);
            continue;
        }

        for (bits = n.open | n.close; bits != 0; bits ^= bit) {
            bit = bits & (~bits + 1);

            if (n.open & bit) {
                depth++;

            } else if (--depth == 0) {
                return p + __builtin_ctzll(bit) + 1;
            }
        }
    }

    return end;
}


/*
 * Returns the bits behind a backslash that is not itself escaped.
 * carry: 1 if the first byte is, then the same for the next block.
 */

static uint64_t
mlsec_json_escaped(uint64_t backslash, uint64_t *carry)
{
    size_t    i;
    uint64_t  escaped;

    escaped = *carry;
    backslash &= ~escaped;
    *carry = 0;

    while (backslash != 0) {
        i = (size_t) __builtin_ctzll(backslash);

        if (i == 63) {
            *carry = 1;
            break;
        }

        escaped |= (uint64_t) 2 << i;
        backslash &= mlsec_bits_from(i + 2);
    }

    return escaped;
}


#if defined(MLSEC_SSE2)

static void
mlsec_json_nest(mlsec_json_nest_t *n, const unsigned char *p)
{
    int      i;
    __m128i  v, b;

    memset(n, 0, sizeof(mlsec_json_nest_t));

    for (i = 0; i < MLSEC_BLOCK; i += 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) (p + i));

        /* '[' | 0x20 is '{', ']' | 0x20 is '}' */

        b = _mm_or_si128(v, _mm_set1_epi8(0x20));

        n->quote |= (uint64_t) (unsigned) _mm_movemask_epi8(
                        _mm_cmpeq_epi8(v, _mm_set1_epi8('"'))) << i;
        n->backslash |= (uint64_t) (unsigned) _mm_movemask_epi8(
                            _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) << i;
        n->open |= (uint64_t) (unsigned) _mm_movemask_epi8(
                       _mm_cmpeq_epi8(b, _mm_set1_epi8('{'))) << i;
        n->close |= (uint64_t) (unsigned) _mm_movemask_epi8(
                        _mm_cmpeq_epi8(b, _mm_set1_epi8('}'))) << i;
    }
}

#else

static void
mlsec_json_nest(mlsec_json_nest_t *n, const unsigned char *p)
{
    int       i;
    uint64_t  bit;

    memset(n, 0, sizeof(mlsec_json_nest_t));

    for (i = 0; i < MLSEC_BLOCK; i++) {
        bit = (uint64_t) 1 << i;

        n->quote |= p[i] == '"' ? bit : 0;
        n->backslash |= p[i] == '\\' ? bit : 0;
        n->open |= (p[i] | 0x20) == '{' ? bit : 0;
        n->close |= (p[i] | 0x20) == '}' ? bit : 0;
    }
}

#endif


int
mlsec_json_members(mlsec_json_iter_t *it, mlsec_str_t value)
{
    return mlsec_json_iter(it, value, '{');
}


int
mlsec_json_elements(mlsec_json_iter_t *it, mlsec_str_t value)
{
    return mlsec_json_iter(it, value, '[');
}


static int
mlsec_json_iter(mlsec_json_iter_t *it, mlsec_str_t value, unsigned char open)
{
    const unsigned char  *p, *end;

    if (value.len == 0) {
        return MLSEC_BADTYPE;
    }

    end = value.data + value.len;
    p = mlsec_json_skip_space(value.data, end);

    if (p == end || *p != open) {
        return MLSEC_BADTYPE;
    }

    it->pos = p + 1;
    it->end = end;

    return MLSEC_OK;
}


int
mlsec_json_next_member(mlsec_json_iter_t *it, mlsec_str_t *key,
    mlsec_str_t *value)
{
    const unsigned char  *p, *end;

    end = it->end;
    p = mlsec_json_skip_space(it->pos, end);
    it->pos = end;

    if (p == end || *p != '"') {
        return MLSEC_DECLINED;
    }

    key->data = ++p;
    p = mlsec_json_string_end(p, end);
    key->len = (size_t) (p - key->data);

    if (p == end) {
        return MLSEC_DECLINED;
    }

    p = mlsec_json_skip_space(p + 1, end);

    if (p == end || *p != ':') {
        return MLSEC_DECLINED;
    }

    value->data = mlsec_json_skip_space(p + 1, end);
    p = mlsec_json_skip(value->data, end);
    value->len = (size_t) (p - value->data);

    p = mlsec_json_skip_space(p, end);

    if (p != end && *p == ',') {
        it->pos = p + 1;
    }

    return MLSEC_OK;
}


int
mlsec_json_next_element(mlsec_json_iter_t *it, mlsec_str_t *value)
{
    const unsigned char  *p, *end;

    end = it->end;
    p = mlsec_json_skip_space(it->pos, end);
    it->pos = end;

    if (p == end || *p == ']') {
        return MLSEC_DECLINED;
    }

    value->data = p;
    p = mlsec_json_skip(p, end);
    value->len = (size_t) (p - value->data);

    p = mlsec_json_skip_space(p, end);

    if (p != end && *p == ',') {
        it->pos = p + 1;
    }

    return MLSEC_OK;
}


int
mlsec_json_find(mlsec_str_t object, mlsec_str_t name, mlsec_str_t *value)
{
    int                rc;
    mlsec_str_t        key, candidate;
    mlsec_json_iter_t  it;

    rc = mlsec_json_members(&it, object);

    if (rc != MLSEC_OK) {
        return rc;
    }

    rc = MLSEC_DECLINED;

    while (mlsec_json_next_member(&it, &key, &candidate) == MLSEC_OK) {

        if (mlsec_json_key_is(key, name)) {
            *value = candidate;
            rc = MLSEC_OK;
        }
    }

    return rc;
}


int
mlsec_json_key_is(mlsec_str_t key, mlsec_str_t name)
{
    size_t                len;
    unsigned char         out[4];
    const unsigned char  *p, *end, *n, *nend;

    if (key.len == name.len) {

        /* as long as its decoded form, so there is no escape in it */

        return key.len == 0
               || (memcmp(key.data, name.data, key.len) == 0
                   && memchr(key.data, '\\', key.len) == NULL);
    }

    if (key.len < name.len || memchr(key.data, '\\', key.len) == NULL) {
        return 0;
    }

    p = key.data;
    end = p + key.len;
    n = name.data;
    nend = n + name.len;

    while (p != end) {

        if (*p != '\\') {
            out[0] = *p++;
            len = 1;

        } else {
            p = mlsec_json_unescape(p, end, out, &len);
        }

        if ((size_t) (nend - n) < len || memcmp(n, out, len) != 0) {
            return 0;
        }

        n += len;
    }

    return n == nend;
}


size_t
mlsec_json_decode(unsigned char *dst, mlsec_str_t raw)
{
    size_t                len;
    unsigned char        *out, bytes[4];
    const unsigned char  *p, *end, *run;

    if (raw.len == 0) {
        return 0;
    }

    p = raw.data;
    end = p + raw.len;
    out = dst;

    for ( ;; ) {
        run = p;
        p = memchr(p, '\\', (size_t) (end - p));

        if (p == NULL) {
            p = end;
        }

        len = (size_t) (p - run);
        memmove(out, run, len);
        out += len;

        if (p == end) {
            return (size_t) (out - dst);
        }

        p = mlsec_json_unescape(p, end, bytes, &len);
        memcpy(out, bytes, len);
        out += len;
    }
}


int
mlsec_json_string(mlsec_str_t value, mlsec_str_t *raw)
{
    value = mlsec_json_trim(value);

    if (value.len < 2 || value.data[0] != '"') {
        return MLSEC_BADTYPE;
    }

    raw->data = value.data + 1;
    raw->len = value.len - 2;

    return MLSEC_OK;
}


/*
 * p: a backslash.
 * out: gets the *len bytes, 1 to 4, that the escape stands for.
 * Returns the byte behind the escape.  What the scanner would not have
 * accepted gives bytes without meaning, never more than it took itself.
 */

static const unsigned char *
mlsec_json_unescape(const unsigned char *p, const unsigned char *end,
    unsigned char *out, size_t *len)
{
    int  code, low;

    *len = 1;
    out[0] = '\\';

    if (end - p < 2) {
        return end;
    }

    p += 2;

    switch (p[-1]) {

    case 'b': out[0] = '\b'; return p;
    case 'f': out[0] = '\f'; return p;
    case 'n': out[0] = '\n'; return p;
    case 'r': out[0] = '\r'; return p;
    case 't': out[0] = '\t'; return p;

    case 'u':
        break;

    default: /* the quote, \ and / */
        out[0] = p[-1];
        return p;
    }

    code = end - p < 4 ? -1 : mlsec_json_hex4(p);

    if (code < 0) {
        return p;
    }

    p += 4;

    if ((code & 0xfc00) == 0xd800 && end - p >= 6) {
        low = mlsec_json_hex4(p + 2);

        if (low >= 0) {
            p += 6;
            code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
        }
    }

    *len = mlsec_json_encode_utf8(out, (uint32_t) code);

    return p;
}


/* code: at most 0x10ffff */

static size_t
mlsec_json_encode_utf8(unsigned char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (unsigned char) code;
        return 1;
    }

    if (code < 0x800) {
        out[0] = (unsigned char) (0xc0 | code >> 6);
        out[1] = (unsigned char) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        out[0] = (unsigned char) (0xe0 | code >> 12);
        out[1] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        out[2] = (unsigned char) (0x80 | (code & 0x3f));
        return 3;
    }

    out[0] = (unsigned char) (0xf0 | code >> 18);
    out[1] = (unsigned char) (0x80 | (code >> 12 & 0x3f));
    out[2] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
    out[3] = (unsigned char) (0x80 | (code & 0x3f));

    return 4;
}
