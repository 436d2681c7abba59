/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_sha256.h>

#include <openssl/evp.h>


int
mlsec_sha256(mlsec_str_t text, unsigned char *digest)
{
    return mlsec_sha256_of(&text, 1, digest);
}


int
mlsec_sha256_of(const mlsec_str_t *parts, size_t n, unsigned char *digest)
{
    size_t              i;
    static EVP_MD      *md;
    static EVP_MD_CTX  *ctx;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
    }

    if (md == NULL || ctx == NULL || EVP_DigestInit_ex(ctx, md, NULL) != 1) {
        return MLSEC_DECLINED;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1) {
            return MLSEC_DECLINED;
        }
    }

    return EVP_DigestFinal_ex(ctx, digest, NULL) == 1 ? MLSEC_OK
                                                      : MLSEC_DECLINED;
}
