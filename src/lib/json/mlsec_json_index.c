/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The idea is the well-known one of simdjson (Langdale and Lemire, "Parsing
 * gigabytes of JSON per second", 2019): compare 64 bytes at once, get a word
 * with a bit a byte for each question, and answer the rest with arithmetic
 * on words.  Whether a byte is inside of a string is the parity of the
 * unescaped quotes before it, which six shifts compute for 64 bytes.
 *
 * Bytes that need more thought (backslash, control characters, above 0x7f)
 * are rare in what services send; a single test a block sends them to
 * mlsec_json_index_special().
 *
 * Three ways to fill the words: AVX2, taken when the processor has it,
 * SSE2, and plain C.
 */


#include <lib/json/mlsec_json_index.h>
#include <lib/json/mlsec_json_inline.h>

#if defined(__x86_64__) && defined(__GNUC__) && MLSEC_SIMD >= 2
#include <immintrin.h>
#define MLSEC_JSON_AVX2  1
#define mlsec_target_avx2                                                     \
    __attribute__((target("avx2,bmi,popcnt,pclmul")))
#endif

#define MLSEC_BLOCK  64


/* Bit i of each word is byte i of the block. */

typedef struct {
    uint64_t              quote;
    uint64_t              punct;       /* {}[]:, and perhaps some < 0x20 */
    uint64_t              space;       /* \t \n \r and the blank */
    uint64_t              low;         /* < 0x20, perhaps > 0x7f */
    uint64_t              special;     /* not 0: there is a \ */
} mlsec_json_bits_t;

typedef struct {
    uint64_t              backslash;
    uint64_t              control;     /* < 0x20 */
    uint64_t              space;       /* \t \n \r */
    uint64_t              high;        /* > 0x7f */
} mlsec_json_odd_t;


/* What one block tells the next. */

typedef struct {
    uint64_t              in_string;   /* all ones or 0 */
    uint64_t              scalar;      /* 1: the last byte was one */
    const unsigned char  *escape;      /* first byte behind the last escape
                                          seen, or any earlier place */
    const unsigned char  *utf8;        /* the same, sequence */
    const unsigned char  *cut;         /* not NULL: the window ends here */
    const unsigned char  *limit;
} mlsec_json_carry_t;

typedef mlsec_json_bits_t (*mlsec_json_bits_pt)(const unsigned char *p);
typedef uint64_t (*mlsec_json_word_pt)(uint64_t x);

/* What a processor can do better than plain C. */

typedef struct {
    mlsec_json_bits_pt    bits;
    mlsec_json_word_pt    parity;      /* as mlsec_bits_parity() */
    mlsec_json_word_pt    first;       /* as mlsec_bits_first() */
    mlsec_json_word_pt    count;       /* as mlsec_bits_count() */
} mlsec_json_ops_t;


static void mlsec_json_index_end(mlsec_json_index_t *ix,
    const mlsec_json_carry_t *carry, size_t n);
static int mlsec_json_index_special(mlsec_json_carry_t *carry,
    uint64_t *quote, const unsigned char *block, const unsigned char *p);
static int mlsec_json_index_escapes(mlsec_json_carry_t *carry,
    uint64_t backslash, uint64_t *escaped, const unsigned char *p);
static size_t mlsec_json_escape_len(const unsigned char *p,
    const unsigned char *end, int *cut);
static int mlsec_json_index_utf8(mlsec_json_carry_t *carry, uint64_t high,
    const unsigned char *p);
static void mlsec_json_odd(mlsec_json_odd_t *odd, const unsigned char *p);


/*
 * Writes the places of the bits, four at a time whether there are so many
 * or not: the room behind is spare, and a misguessed branch costs more.
 */

static mlsec_always_inline uint16_t *
mlsec_json_index_write(const mlsec_json_ops_t *ops, uint16_t *out,
    uint64_t bits, size_t base)
{
    uint16_t  *p, *last;

    last = out + ops->count(bits);

    for (p = out; p < last; p += 4) {
        p[0] = (uint16_t) (base + ops->first(bits));
        bits &= bits - 1;
        p[1] = (uint16_t) (base + ops->first(bits));
        bits &= bits - 1;
        p[2] = (uint16_t) (base + ops->first(bits));
        bits &= bits - 1;
        p[3] = (uint16_t) (base + ops->first(bits));
        bits &= bits - 1;
    }

    return last;
}


/*
 * One block.
 * block: its 64 bytes, perhaps a padded copy; p: where they really are.
 */

static mlsec_always_inline int
mlsec_json_index_block(const mlsec_json_ops_t *ops,
    mlsec_json_carry_t *carry, const unsigned char *block,
    const unsigned char *p, uint64_t *tokens)
{
    uint64_t           inside, scalar, quote;
    mlsec_json_bits_t  b;

    b = ops->bits(block);

    if (mlsec_unlikely((b.special | (b.low & ~b.space)) != 0
                       || carry->escape > p))
    {
        quote = b.quote;

        if (mlsec_json_index_special(carry, &quote, block, p) != MLSEC_OK) {
            return MLSEC_DECLINED;
        }

        b.quote = quote;
        b.low = 0;
    }

    inside = ops->parity(b.quote) ^ carry->in_string;
    carry->in_string = 0 - (inside >> 63);

    if (mlsec_unlikely((b.low & inside) != 0)) {
        return MLSEC_DECLINED;
    }

    scalar = ~(b.punct | b.space | b.quote | inside);

    *tokens = (b.punct & ~inside) | (b.quote & inside)
              | (scalar & ~(scalar << 1 | carry->scalar));

    carry->scalar = scalar >> 63;

    return MLSEC_OK;
}


static mlsec_always_inline int
mlsec_json_index_window(mlsec_json_index_t *ix, const mlsec_json_ops_t *ops)
{
    size_t                i, n;
    uint16_t             *out;
    uint64_t              tokens;
    unsigned char         pad[MLSEC_BLOCK];
    mlsec_json_carry_t    carry;
    const unsigned char  *block;

    n = (size_t) (ix->limit - ix->start);

    if (n > MLSEC_JSON_WINDOW) {
        n = MLSEC_JSON_WINDOW;
    }

    carry.in_string = ix->in_string ? ~(uint64_t) 0 : 0;
    carry.scalar = 0;
    carry.escape = ix->start;
    carry.utf8 = ix->start;
    carry.cut = NULL;
    carry.limit = ix->limit;

    out = ix->tokens;

    for (i = 0; i < n; i += MLSEC_BLOCK) {
        block = ix->start + i;

        if (n - i < MLSEC_BLOCK) {
            memset(pad, ' ', MLSEC_BLOCK);
            memcpy(pad, block, n - i);
            block = pad;
        }

        if (mlsec_json_index_block(ops, &carry, block, ix->start + i, &tokens)
            != MLSEC_OK)
        {
            return MLSEC_DECLINED;
        }

        if (mlsec_unlikely(carry.cut != NULL)) {
            n = (size_t) (carry.cut - ix->start);
            tokens &= ~mlsec_bits_from(n - i);
        }

        out = mlsec_json_index_write(ops, out, tokens, i);
    }

    ix->ntokens = (size_t) (out - ix->tokens);

    mlsec_json_index_end(ix, &carry, n);

    return MLSEC_OK;
}


#if defined(MLSEC_JSON_AVX2)

/*
 * Two questions at once by a table that the low half of a byte looks up: a
 * byte is white space if it is what it finds, and one of {}[]:, if it is so
 * once bit 0x20 is set, which makes '{' of '[' and '}' of ']', and of some
 * control characters something that they are not; "low" tells those.
 * Bytes above 0x7f find 0, the rest of the table is what no byte below is.
 */

static mlsec_target_avx2 inline __m256i
mlsec_json_table(int at0, int at9, int at10, int at11, int at12, int at13)
{
    const char  no = (char) 0x80;

    return _mm256_broadcastsi128_si256(
               _mm_setr_epi8((char) at0, no, no, no, no, no, no, no, no,
                             (char) at9, (char) at10, (char) at11,
                             (char) at12, (char) at13, no, no));
}


static mlsec_target_avx2 inline uint64_t
mlsec_json_mask32(__m256i low, __m256i high)
{
    return (uint32_t) _mm256_movemask_epi8(low)
           | (uint64_t) (uint32_t) _mm256_movemask_epi8(high) << 32;
}


static mlsec_target_avx2 inline __m256i
mlsec_json_space32(__m256i v)
{
    __m256i  table;

    table = mlsec_json_table(' ', '\t', '\n', 0x80, 0x80, '\r');

    return _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(table, v));
}


static mlsec_target_avx2 inline __m256i
mlsec_json_punct32(__m256i v)
{
    __m256i  table;

    table = mlsec_json_table(0x80, 0x80, ':', '{', ',', '}');

    return _mm256_cmpeq_epi8(_mm256_or_si256(v, _mm256_set1_epi8(0x20)),
                             _mm256_shuffle_epi8(table, v));
}


static mlsec_target_avx2 inline mlsec_json_bits_t
mlsec_json_bits_avx2(const unsigned char *p)
{
    __m256i            v0, v1, c;
    mlsec_json_bits_t  b;

    v0 = _mm256_loadu_si256((const __m256i *) (const void *) p);
    v1 = _mm256_loadu_si256((const __m256i *) (const void *) (p + 32));

    c = _mm256_set1_epi8('"');
    b.quote = mlsec_json_mask32(_mm256_cmpeq_epi8(v0, c),
                                _mm256_cmpeq_epi8(v1, c));

    b.space = mlsec_json_mask32(mlsec_json_space32(v0),
                                mlsec_json_space32(v1));
    b.punct = mlsec_json_mask32(mlsec_json_punct32(v0),
                                mlsec_json_punct32(v1));

    c = _mm256_set1_epi8(0x20);
    b.low = mlsec_json_mask32(_mm256_cmpgt_epi8(c, v0),
                              _mm256_cmpgt_epi8(c, v1));

    c = _mm256_set1_epi8('\\');
    b.special = (uint32_t) _mm256_movemask_epi8(
                    _mm256_or_si256(_mm256_cmpeq_epi8(v0, c),
                                    _mm256_cmpeq_epi8(v1, c)));

    return b;
}


/* A product without carries by all ones is the parity of each prefix. */

static mlsec_target_avx2 inline uint64_t
mlsec_json_parity_clmul(uint64_t x)
{
    return (uint64_t) _mm_cvtsi128_si64(
               _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t) x),
                                    _mm_set1_epi8((char) 0xff), 0));
}


static mlsec_target_avx2 inline uint64_t
mlsec_json_first_bmi(uint64_t x)
{
    return _tzcnt_u64(x);
}


static mlsec_target_avx2 inline uint64_t
mlsec_json_count_popcnt(uint64_t x)
{
    return (uint64_t) __builtin_popcountll(x);
}


static mlsec_target_avx2 int
mlsec_json_index_avx2(mlsec_json_index_t *ix)
{
    static const mlsec_json_ops_t  ops = {
        mlsec_json_bits_avx2,
        mlsec_json_parity_clmul,
        mlsec_json_first_bmi,
        mlsec_json_count_popcnt
    };

    return mlsec_json_index_window(ix, &ops);
}

#endif


#if defined(MLSEC_SSE2)

static inline __m128i
mlsec_json_punct16(__m128i v)
{
    __m128i  brackets;

    /* '[' | 0x20 is '{', ']' | 0x20 is '}' */

    brackets = _mm_or_si128(v, _mm_set1_epi8(0x20));

    return _mm_or_si128(
             _mm_or_si128(_mm_cmpeq_epi8(brackets, _mm_set1_epi8('{')),
                          _mm_cmpeq_epi8(brackets, _mm_set1_epi8('}'))),
             _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(':')),
                          _mm_cmpeq_epi8(v, _mm_set1_epi8(','))));
}


static inline __m128i
mlsec_json_space16(__m128i v)
{
    return _mm_or_si128(
             _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                          _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))),
             _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                          _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'))));
}


static inline uint64_t
mlsec_json_mask16(__m128i v, int shift)
{
    return (uint64_t) (unsigned) _mm_movemask_epi8(v) << shift;
}


static inline mlsec_json_bits_t
mlsec_json_bits(const unsigned char *p)
{
    int                i;
    __m128i            v;
    mlsec_json_bits_t  b = { 0, 0, 0, 0, 0 };

    for (i = 0; i < MLSEC_BLOCK; i += 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) (p + i));

        b.quote |= mlsec_json_mask16(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                     i);
        b.punct |= mlsec_json_mask16(mlsec_json_punct16(v), i);
        b.space |= mlsec_json_mask16(mlsec_json_space16(v), i);
        b.low |= mlsec_json_mask16(_mm_cmpgt_epi8(_mm_set1_epi8(0x20), v), i);
        b.special |= mlsec_json_mask16(
                         _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')), i);
    }

    return b;
}

#else

static inline mlsec_json_bits_t
mlsec_json_bits(const unsigned char *p)
{
    int                i;
    unsigned           class;
    uint64_t           bit;
    mlsec_json_bits_t  b = { 0, 0, 0, 0, 0 };

    for (i = 0; i < MLSEC_BLOCK; i++) {
        bit = (uint64_t) 1 << i;
        class = mlsec_json_class[p[i]];

        b.quote |= class == MLSEC_CLASS_QUOTE ? bit : 0;
        b.punct |= class > MLSEC_CLASS_QUOTE ? bit : 0;
        b.space |= class == MLSEC_CLASS_SPACE ? bit : 0;
        b.low |= p[i] < 0x20 || p[i] > 0x7f ? bit : 0;
        b.special |= p[i] == '\\' ? bit : 0;
    }

    return b;
}

#endif


int
mlsec_json_index(mlsec_json_index_t *ix)
{
    static const mlsec_json_ops_t  ops = {
        mlsec_json_bits,
        mlsec_bits_parity,
        mlsec_bits_first,
        mlsec_bits_count
    };

#if defined(MLSEC_JSON_AVX2)

    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("pclmul"))
    {
        return mlsec_json_index_avx2(ix);
    }

#endif

    return mlsec_json_index_window(ix, &ops);
}


/* n: bytes of the window that were indexed */

static void
mlsec_json_index_end(mlsec_json_index_t *ix, const mlsec_json_carry_t *carry,
    size_t n)
{
    const unsigned char  *end;

    end = ix->start + n;
    ix->in_string = carry->in_string != 0;

    if (ix->in_string) {

        if (carry->cut == NULL) {
            end = carry->escape > end ? carry->escape : end;
            end = carry->utf8 > end ? carry->utf8 : end;
        }

    } else if (mlsec_json_class[end[-1]] == MLSEC_CLASS_SCALAR
               && (end == ix->limit
                   || mlsec_json_class[*end] == MLSEC_CLASS_SCALAR))
    {
        ix->ntokens--;
        end = ix->start + ix->tokens[ix->ntokens];
    }

    ix->consumed = (size_t) (end - ix->start);
}


/*
 * The rest of the work on a block with bytes that need it, or that begins
 * inside of an escape.  Clears the quotes that are escaped.
 */

static int
mlsec_json_index_special(mlsec_json_carry_t *carry, uint64_t *quote,
    const unsigned char *block, const unsigned char *p)
{
    uint64_t          inside, valid, escaped;
    mlsec_json_odd_t  odd;

    mlsec_json_odd(&odd, block);

    escaped = 0;

    if (carry->escape > p) {
        valid = mlsec_bits_from((size_t) (carry->escape - p));
        odd.backslash &= valid;
        *quote &= valid;
    }

    if (odd.backslash != 0
        && mlsec_json_index_escapes(carry, odd.backslash, &escaped, p)
           != MLSEC_OK)
    {
        return MLSEC_DECLINED;
    }

    if (odd.high != 0
        && mlsec_json_index_utf8(carry, odd.high, p) != MLSEC_OK)
    {
        return MLSEC_DECLINED;
    }

    valid = ~(uint64_t) 0;

    if (carry->cut != NULL) {
        valid = ~mlsec_bits_from((size_t) (carry->cut - p));
    }

    *quote &= ~escaped & valid;
    odd.control &= valid;
    odd.high &= valid;

    inside = mlsec_bits_parity(*quote) ^ carry->in_string;

    if ((odd.control & (inside | ~odd.space)) | (odd.high & ~inside)) {
        return MLSEC_DECLINED;
    }

    /* what was cut stands in a string, or the walk would be led astray */

    if (carry->cut != NULL && !(inside >> (carry->cut - p) & 1)) {
        return MLSEC_DECLINED;
    }

    return MLSEC_OK;
}


static int
mlsec_json_index_escapes(mlsec_json_carry_t *carry, uint64_t backslash,
    uint64_t *escaped, const unsigned char *p)
{
    int       cut;
    size_t    i, len;

    while (backslash != 0) {
        i = (size_t) __builtin_ctzll(backslash);
        cut = 0;
        len = mlsec_json_escape_len(p + i, carry->limit, &cut);

        if (cut) {
            carry->cut = p + i;
            return MLSEC_OK;
        }

        if (len == 0) {
            return MLSEC_DECLINED;
        }

        *escaped |= i < 63 ? (uint64_t) 2 << i : 0;
        carry->escape = p + i + len;
        backslash &= mlsec_bits_from(i + len);
    }

    return MLSEC_OK;
}


/*
 * Returns the length of the escape at "p", 12 for a surrogate pair; 0 if it
 * is wrong, or if it does not end before "end", which sets *cut.
 */

static size_t
mlsec_json_escape_len(const unsigned char *p, const unsigned char *end,
    int *cut)
{
    int     code;
    size_t  n;

    n = (size_t) (end - p);

    if (n < 2) {
        *cut = 1;
        return 0;
    }

    switch (p[1]) {

    case '"': case '\\': case '/':
    case 'b': case 'f': case 'n': case 'r': case 't':
        return 2;

    case 'u':
        break;

    default:
        return 0;
    }

    if (n < 6) {
        *cut = 1;
        return 0;
    }

    code = mlsec_json_hex4(p + 2);

    if (code < 0xd800 || code > 0xdfff) {
        return code < 0 ? 0 : 6;
    }

    if (code > 0xdbff) {
        return 0;
    }

    if (n < 12) {
        *cut = 1;
        return 0;
    }

    if (p[6] != '\\' || p[7] != 'u') {
        return 0;
    }

    code = mlsec_json_hex4(p + 8);

    return code >= 0xdc00 && code <= 0xdfff ? 12 : 0;
}


static int
mlsec_json_index_utf8(mlsec_json_carry_t *carry, uint64_t high,
    const unsigned char *p)
{
    size_t  i, len;

    if (carry->utf8 > p) {
        high &= mlsec_bits_from((size_t) (carry->utf8 - p));
    }

    if (carry->cut != NULL) {
        high &= ~mlsec_bits_from((size_t) (carry->cut - p));
    }

    while (high != 0) {
        i = (size_t) __builtin_ctzll(high);
        len = mlsec_json_utf8(p + i, carry->limit);

        if (len == 0) {

            if (carry->limit - (p + i) >= 4) {
                return MLSEC_DECLINED;
            }

            carry->cut = p + i;
            return MLSEC_OK;
        }

        carry->utf8 = p + i + len;
        high &= mlsec_bits_from(i + len);
    }

    return MLSEC_OK;
}


#if defined(MLSEC_SSE2)

static void
mlsec_json_odd(mlsec_json_odd_t *odd, const unsigned char *p)
{
    int      i;
    __m128i  v, space;

    memset(odd, 0, sizeof(mlsec_json_odd_t));

    for (i = 0; i < MLSEC_BLOCK; i += 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) (p + i));

        space = _mm_or_si128(
                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
                    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                                 _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'))));

        odd->backslash |= (uint64_t) (unsigned) _mm_movemask_epi8(
                              _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) << i;
        odd->control |= (uint64_t) (unsigned) _mm_movemask_epi8(
                            _mm_cmpeq_epi8(_mm_min_epu8(v,
                                               _mm_set1_epi8(0x1f)), v)) << i;
        odd->space |= (uint64_t) (unsigned) _mm_movemask_epi8(space) << i;
        odd->high |= (uint64_t) (unsigned) _mm_movemask_epi8(v) << i;
    }
}

#else

static void
mlsec_json_odd(mlsec_json_odd_t *odd, const unsigned char *p)
{
    int       i;
    uint64_t  bit;

    memset(odd, 0, sizeof(mlsec_json_odd_t));

    for (i = 0; i < MLSEC_BLOCK; i++) {
        bit = (uint64_t) 1 << i;

        odd->backslash |= p[i] == '\\' ? bit : 0;
        odd->control |= p[i] < 0x20 ? bit : 0;
        odd->space |= mlsec_json_is_space(p[i]) ? bit : 0;
        odd->high |= p[i] > 0x7f ? bit : 0;
    }
}

#endif
