/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What decodes encodes to the same text, and what was encoded decodes. */


#include "fuzz.h"
#include <lib/auth/mlsec_base64url.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t          len, again;
    mlsec_str_t     text;
    unsigned char  *bytes, *back;

    text.data = data;
    text.len = size;
    bytes = malloc(mlsec_base64url_decoded(size));
    back = malloc(mlsec_base64url_encoded(size) + 1);

    if (mlsec_base64url_decode(bytes, &len, text) == MLSEC_OK) {
        fuzz_assert(mlsec_base64url_encoded(len) == size);
        again = mlsec_base64url_encode(back, (mlsec_str_t) { bytes, len });
        fuzz_assert(again == size && memcmp(back, data, size) == 0);
    }

    free(bytes);

    again = mlsec_base64url_encode(back, text);
    fuzz_assert(again == mlsec_base64url_encoded(size));

    bytes = malloc(mlsec_base64url_decoded(again));
    fuzz_assert(mlsec_base64url_decode(bytes, &len,
                                       (mlsec_str_t) { back, again })
                == MLSEC_OK);
    fuzz_assert(len == size && (size == 0 || memcmp(bytes, data, size) == 0));

    free(bytes);
    free(back);

    return 0;
}
