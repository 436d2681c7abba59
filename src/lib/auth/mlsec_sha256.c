/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_sha256.h>

#include <openssl/evp.h>


int
mlsec_sha256(mlsec_str_t text, unsigned char *digest)
{
    static EVP_MD  *md;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    return md != NULL
           && EVP_Digest(text.data, text.len, digest, NULL, md, NULL) == 1
           ? MLSEC_OK : MLSEC_DECLINED;
}
