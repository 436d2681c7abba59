/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The body of a response does not depend on how the response is cut into
 * pieces, and never leaves its room.  The first byte chooses the room.
 */


#include "fuzz.h"
#include <lib/aggregate/mlsec_body.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int             rc, whole;
    size_t          i, room;
    mlsec_body_t    a, b;
    unsigned char  *one, *other;

    if (size == 0) {
        return 0;
    }

    room = data[0] + 1u;
    data++;
    size--;

    one = malloc(room);
    other = malloc(room);
    fuzz_assert(one != NULL && other != NULL);

    mlsec_body_init(&a, 200, one, room);
    mlsec_body_init(&b, 200, other, room);

    whole = mlsec_body_feed(&a, data, size);
    rc = MLSEC_EMPTY;

    for (i = 0; i < size && rc == MLSEC_EMPTY; i++) {
        rc = mlsec_body_feed(&b, data + i, 1);
    }

    fuzz_assert(rc == whole);
    fuzz_assert(a.len <= room && b.len <= room);
    fuzz_assert(rc == MLSEC_OK || rc == MLSEC_EMPTY || rc == MLSEC_NOMEM
                || rc == MLSEC_INVALID);

    if (rc == MLSEC_OK || rc == MLSEC_EMPTY) {
        fuzz_assert(a.len == b.len && memcmp(one, other, a.len) == 0);
        fuzz_assert(mlsec_body_end(&a) == mlsec_body_end(&b));
    }

    free(one);
    free(other);

    return 0;
}
