/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_sha256.h>

#include <openssl/evp.h>


static const EVP_MD *mlsec_sha256_md(void);


int
mlsec_sha256(mlsec_str_t text, unsigned char *digest)
{
    const EVP_MD  *md;

    md = mlsec_sha256_md();

    return md != NULL
           && EVP_Digest(text.data, text.len, digest, NULL, md, NULL) == 1
           ? MLSEC_OK : MLSEC_DECLINED;
}


int
mlsec_sha256_of(const mlsec_str_t *parts, size_t n, unsigned char *digest)
{
    size_t              i;
    const EVP_MD       *md;
    static EVP_MD_CTX  *ctx;

    md = mlsec_sha256_md();

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


static const EVP_MD *
mlsec_sha256_md(void)
{
    static EVP_MD  *md;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    return md;
}
