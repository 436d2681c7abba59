/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The primitives under everything that reads JSON here, inline because a
 * document is made of them.  All take [p, end) and never read at "end" or
 * behind it.  SSE2 where the compiler has it, plain C with the same results
 * where not.
 */


#ifndef _MLSEC_JSON_INLINE_H_INCLUDED_
#define _MLSEC_JSON_INLINE_H_INCLUDED_


#include <lib/mlsec_types.h>
#include <string.h>


/*
 * 2: all there is, 1: not what must be asked for at run time, 0: plain C.
 * Tests run all three.
 */

#if !defined(MLSEC_SIMD)
#define MLSEC_SIMD  2
#endif

#if defined(__SSE2__) && MLSEC_SIMD >= 1
#include <emmintrin.h>
#define MLSEC_SSE2  1
#endif


#define mlsec_likely(x)    __builtin_expect(!!(x), 1)
#define mlsec_unlikely(x)  __builtin_expect(!!(x), 0)

#define mlsec_always_inline  inline __attribute__((always_inline))


/*
 * Class of a byte outside of strings.  "Scalar" is every byte that is
 * neither white space, nor one of {}[]:, nor the quote: the bytes of
 * numbers and literals, and those that stand nowhere.
 */

typedef enum {
    MLSEC_CLASS_SCALAR = 0,
    MLSEC_CLASS_SPACE,
    MLSEC_CLASS_QUOTE,
    MLSEC_CLASS_OPEN_OBJECT,
    MLSEC_CLASS_CLOSE_OBJECT,
    MLSEC_CLASS_OPEN_ARRAY,
    MLSEC_CLASS_CLOSE_ARRAY,
    MLSEC_CLASS_COLON,
    MLSEC_CLASS_COMMA
} mlsec_json_class_e;

extern const unsigned char  mlsec_json_class[256];


/* Returns 1 for the four bytes that RFC 8259, 2, calls white space; else 0. */
static inline int
mlsec_json_is_space(unsigned char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/* Returns 1 for a decimal digit, else 0. */
static inline int
mlsec_json_is_digit(unsigned char c)
{
    return (unsigned char) (c - '0') <= 9;
}


/* Returns the first byte that is not white space, or "end". */
static inline const unsigned char *
mlsec_json_skip_space(const unsigned char *p, const unsigned char *end)
{
    if (p == end || *p > ' ') {
        return p;
    }

#if defined(MLSEC_SSE2)

    while (end - p >= 16) {
        __m128i   v, ws;
        unsigned  mask;

        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        ws = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                             _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))),
                _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                             _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'))));

        mask = (unsigned) _mm_movemask_epi8(ws) ^ 0xffff;

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p != end && mlsec_json_is_space(*p)) {
        p++;
    }

    return p;
}


/*
 * Returns the first byte that is a quote or a backslash, or "end".  For
 * text that the scanner accepted.
 */
static inline const unsigned char *
mlsec_json_string_special(const unsigned char *p, const unsigned char *end)
{
#if defined(MLSEC_SSE2)

    while (end - p >= 16) {
        __m128i   v;
        unsigned  mask;

        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        mask = (unsigned) _mm_movemask_epi8(
                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p != end && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/*
 * p: the first byte inside of an accepted string.
 * Returns its closing quote, or "end" if there is none.
 */
static inline const unsigned char *
mlsec_json_string_end(const unsigned char *p, const unsigned char *end)
{
    for ( ;; ) {
        p = mlsec_json_string_special(p, end);

        if (p == end || *p == '"') {
            return p;
        }

        if (end - p < 2) {
            return end;
        }

        p += 2;
    }
}


/*
 * Returns the first byte that cannot stand unchanged, and unchecked, inside
 * of a string: quote, backslash, below 0x20, above 0x7f; or "end".
 */
static inline const unsigned char *
mlsec_json_string_plain(const unsigned char *p, const unsigned char *end)
{
#if defined(MLSEC_SSE2)

    while (end - p >= 16) {
        __m128i   v, bad;
        unsigned  mask;

        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        /* signed compare: 0x80-0xff are below 0x20 as well */

        bad = _mm_or_si128(
                 _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                              _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
                 _mm_cmpgt_epi8(_mm_set1_epi8(0x20), v));

        mask = (unsigned) _mm_movemask_epi8(bad);

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p != end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80) {
        p++;
    }

    return p;
}


/* Returns the first byte that is not a decimal digit, or "end". */
static inline const unsigned char *
mlsec_json_digits(const unsigned char *p, const unsigned char *end)
{
    int  i;

    /* most numbers are short: a register of 16 bytes would come too late */

    for (i = 0; i < 4; i++, p++) {
        if (p == end || !mlsec_json_is_digit(*p)) {
            return p;
        }
    }

#if defined(MLSEC_SSE2)

    while (end - p >= 16) {
        __m128i   v, d;
        unsigned  mask;

        v = _mm_loadu_si128((const __m128i *) (const void *) p);
        d = _mm_sub_epi8(v, _mm_set1_epi8('0'));

        mask = (unsigned) _mm_movemask_epi8(
                   _mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d));
        mask ^= 0xffff;

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p != end && mlsec_json_is_digit(*p)) {
        p++;
    }

    return p;
}


/*
 * The number grammar of RFC 8259, 6.
 * p: the first byte of a number, '-' or a digit, p != end.
 * Returns the byte after the longest number that starts at "p", or NULL if
 * what starts there is none ("-", "01", "1.", "1e").  Whether that byte may
 * follow is the caller's to say; a number that ends at "end" may go on
 * behind it.
 */
static inline const unsigned char *
mlsec_json_number(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *start;

    if (*p == '-' && ++p == end) {
        return NULL;
    }

    start = p;
    p = mlsec_json_digits(p, end);

    if (p == start || (*start == '0' && p - start > 1)) {
        return NULL;
    }

    if (p != end && *p == '.') {
        start = ++p;
        p = mlsec_json_digits(p, end);

        if (p == start) {
            return NULL;
        }
    }

    if (p != end && (*p | 0x20) == 'e') {
        p++;

        if (p != end && (*p == '+' || *p == '-')) {
            p++;
        }

        start = p;
        p = mlsec_json_digits(p, end);

        if (p == start) {
            return NULL;
        }
    }

    return p;
}


/* Returns the value of a hexadecimal digit, or -1. */
static inline int
mlsec_json_hex(unsigned char c)
{
    if (mlsec_json_is_digit(c)) {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/*
 * Returns the code unit of four hexadecimal digits, or -1 if one is none.
 * Reads p[0] to p[3].
 */
static inline int
mlsec_json_hex4(const unsigned char *p)
{
    int  i, digit, code;

    code = 0;

    for (i = 0; i < 4; i++) {
        digit = mlsec_json_hex(p[i]);

        if (digit < 0) {
            return -1;
        }

        code = code << 4 | digit;
    }

    return code;
}


/*
 * The well-formed sequences of Unicode 15, table 3-7.
 * Returns the length, 1 to 4, of the one at "p", p != end, or 0 if it is
 * ill-formed or does not end before "end".
 */
static inline size_t
mlsec_json_utf8(const unsigned char *p, const unsigned char *end)
{
    unsigned char  c, low, high;

    c = *p;

    if (c < 0x80) {
        return 1;
    }

    if (c < 0xc2 || c > 0xf4 || end - p < 2) {
        return 0;
    }

    if (c < 0xe0) {
        return (p[1] & 0xc0) == 0x80 ? 2 : 0;
    }

    /* the second byte's range shuts out overlong forms and surrogates */

    low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    if (p[1] < low || p[1] > high || end - p < 3 || (p[2] & 0xc0) != 0x80) {
        return 0;
    }

    if (c < 0xf0) {
        return 3;
    }

    return end - p >= 4 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
}


/* Words in which bit i speaks of byte i of 64. */


/* Bits from i on; none if i > 63. */
static inline uint64_t
mlsec_bits_from(size_t i)
{
    return i > 63 ? 0 : ~(uint64_t) 0 << i;
}


/* Bit i of the result is the parity of bits 0 to i. */
static inline uint64_t
mlsec_bits_parity(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    x ^= x << 32;

    return x;
}


/* Returns the place of the lowest bit set; of none, anything up to 63. */
static inline uint64_t
mlsec_bits_first(uint64_t x)
{
    return (uint64_t) __builtin_ctzll(x | (uint64_t) 1 << 63);
}


/* Returns the number of bits set. */
static inline uint64_t
mlsec_bits_count(uint64_t x)
{
#if defined(__POPCNT__)

    return (uint64_t) __builtin_popcountll(x);

#else

    /* the compiler's own would be a call into its library */

    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;

    return x * 0x0101010101010101 >> 56;

#endif
}


#endif /* _MLSEC_JSON_INLINE_H_INCLUDED_ */
