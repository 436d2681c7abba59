/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_shared_key.h>
#include <lib/mlsec_text.h>
#include <lib/redis/mlsec_redis.h>
#include <openssl/evp.h>
#include <string.h>


static const char  mlsec_shared_key_hex[] = "0123456789ABCDEF";


/* NULL: it does not fit. */

static unsigned char *
mlsec_shared_key_part(unsigned char *p, const unsigned char *end,
    mlsec_str_t part)
{
    size_t         len;
    unsigned char  text[3 * MLSEC_SHARED_KEY_TEXT];

    if (part.len > MLSEC_SHARED_KEY_TEXT) {
        return NULL;
    }

    len = (size_t) (mlsec_redis_key_part(text, part) - text);

    if ((size_t) (end - p) < 1 + len) {
        return NULL;
    }

    *p++ = ':';
    memcpy(p, text, len);

    return p + len;
}


/* The lengths go in too, so that no two ways of cutting are the same bytes. */

static int
mlsec_shared_key_digest(const mlsec_shared_key_t *parts,
    unsigned char digest[32])
{
    int          ok;
    uint64_t     lengths[2];
    EVP_MD_CTX  *ctx;

    lengths[0] = parts->zone.len;
    lengths[1] = parts->name.len;

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(ctx, lengths, sizeof(lengths)) == 1
         && EVP_DigestUpdate(ctx, parts->zone.data, parts->zone.len) == 1
         && EVP_DigestUpdate(ctx, parts->name.data, parts->name.len) == 1
         && EVP_DigestUpdate(ctx, parts->key.data, parts->key.len) == 1
         && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;

    EVP_MD_CTX_free(ctx);

    return ok;
}


static unsigned char *
mlsec_shared_key_hash(const mlsec_shared_key_t *parts, unsigned char *p)
{
    unsigned       i;
    unsigned char  digest[32];

    if (!mlsec_shared_key_digest(parts, digest)) {
        return NULL;
    }

    *p++ = '#';

    for (i = 0; i < sizeof(digest); i++) {
        *p++ = (unsigned char) mlsec_shared_key_hex[digest[i] >> 4];
        *p++ = (unsigned char) mlsec_shared_key_hex[digest[i] & 15];
    }

    return p;
}


size_t
mlsec_shared_key(const mlsec_shared_key_t *parts, unsigned char *dst)
{
    unsigned char  *p, *text, *end;

    if (parts->prefix.len > MLSEC_SHARED_KEY_PREFIX) {
        return 0;
    }

    p = dst;

    if (parts->prefix.len != 0) {
        memcpy(p, parts->prefix.data, parts->prefix.len);
        p += parts->prefix.len;
    }

    memcpy(p, "limit", 5);
    p += 5;

    text = p;
    end = p + MLSEC_SHARED_KEY_TEXT;

    p = mlsec_shared_key_part(p, end, parts->zone);
    p = p ? mlsec_shared_key_part(p, end, parts->name) : NULL;
    p = p ? mlsec_shared_key_part(p, end, parts->key) : NULL;

    if (p == NULL) {
        p = mlsec_shared_key_hash(parts, text);
    }

    if (p == NULL) {
        return 0;
    }

    if (parts->window != 0) {
        *p++ = ':';
        p = mlsec_text_u64(p, parts->window);
    }

    return (size_t) (p - dst);
}
