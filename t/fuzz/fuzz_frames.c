/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * WebSocket frames: where a stream stands is the same however it is cut, and a
 * frame that is put between two others leaves it where it was.
 */


#include "fuzz.h"
#include <lib/auth/mlsec_frames.h>


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t          i;
    mlsec_str_t     rest;
    mlsec_frames_t  whole, bytes, more;

    mlsec_frames_init(&whole);
    mlsec_frames_init(&bytes);

    mlsec_frames_pass(&whole, (mlsec_str_t) { data, size });

    for (i = 0; i < size; i++) {
        more = bytes;

        if (mlsec_frames_between(&bytes)) {
            rest.data = (const unsigned char *) "\x89\x01x";
            rest.len = 3;
            mlsec_frames_pass(&more, rest);
            fuzz_assert(mlsec_frames_between(&more));
        }

        rest.data = data + i;
        rest.len = size - i;
        mlsec_frames_pass(&more, rest);
        fuzz_assert(mlsec_frames_between(&more)
                    == mlsec_frames_between(&whole));

        mlsec_frames_pass(&bytes, (mlsec_str_t) { data + i, 1 });
    }

    fuzz_assert(mlsec_frames_between(&bytes) == mlsec_frames_between(&whole)
                && bytes.payload == whole.payload
                && bytes.head == whole.head);

    return 0;
}
