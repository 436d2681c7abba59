/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/mlsec_siphash.h>


typedef struct {
    uint64_t              a, b, c, d;
} mlsec_siphash_t;


static inline uint64_t
mlsec_siphash_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}


static inline void
mlsec_siphash_round(mlsec_siphash_t *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = mlsec_siphash_rotate(s->b, 13) ^ s->a;
    s->d = mlsec_siphash_rotate(s->d, 16) ^ s->c;
    s->a = mlsec_siphash_rotate(s->a, 32);

    s->c += s->b;
    s->a += s->d;
    s->b = mlsec_siphash_rotate(s->b, 17) ^ s->c;
    s->d = mlsec_siphash_rotate(s->d, 21) ^ s->a;
    s->c = mlsec_siphash_rotate(s->c, 32);
}


/* Reads n bytes, 0 to 8, least significant first on any machine. */

static inline uint64_t
mlsec_siphash_word(const unsigned char *p, size_t n)
{
    size_t    i;
    uint64_t  word;

    word = 0;

    for (i = 0; i < n; i++) {
        word |= (uint64_t) p[i] << 8 * i;
    }

    return word;
}


uint64_t
mlsec_siphash(const uint64_t seed[2], mlsec_str_t text)
{
    size_t                n;
    uint64_t              word;
    mlsec_siphash_t       s;
    const unsigned char  *p;

    s.a = seed[0] ^ 0x736f6d6570736575;
    s.b = seed[1] ^ 0x646f72616e646f6d;
    s.c = seed[0] ^ 0x6c7967656e657261;
    s.d = seed[1] ^ 0x7465646279746573;

    p = text.data;

    for (n = text.len; n >= 8; n -= 8) {
        word = mlsec_siphash_word(p, 8);
        s.d ^= word;
        mlsec_siphash_round(&s);
        s.a ^= word;
        p += 8;
    }

    word = mlsec_siphash_word(p, n) | (uint64_t) text.len << 56;
    s.d ^= word;
    mlsec_siphash_round(&s);
    s.a ^= word;

    s.c ^= 0xff;
    mlsec_siphash_round(&s);
    mlsec_siphash_round(&s);
    mlsec_siphash_round(&s);

    return s.a ^ s.b ^ s.c ^ s.d;
}
