/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The result of a probe does not depend on how the response is cut into
 * pieces, and a status that is told is one.
 */


#include "fuzz.h"
#include <lib/service/mlsec_probe.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int            rc, whole;
    size_t         i;
    mlsec_probe_t  p, q;

    memset(&p, 0, sizeof(p));
    memset(&q, 0, sizeof(q));

    whole = mlsec_probe_feed(&p, data, size);
    rc = MLSEC_EMPTY;

    for (i = 0; i < size && rc == MLSEC_EMPTY; i++) {
        rc = mlsec_probe_feed(&q, data + i, 1);
    }

    fuzz_assert(rc == whole);
    fuzz_assert(rc != MLSEC_OK || p.status == q.status);
    fuzz_assert(rc != MLSEC_OK || (p.status >= 200 && p.status <= 599));
    fuzz_assert(rc == MLSEC_OK || rc == MLSEC_EMPTY || rc == MLSEC_INVALID);

    return 0;
}
