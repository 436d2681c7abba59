/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * No text of /proc makes a parser read beyond it, and what is found is inside
 * of it.
 */


#include "fuzz.h"
#include <lib/service/mlsec_proc.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    uint64_t               value, load[3];
    mlsec_str_t            text, rest, path;
    unsigned char         *copy;
    mlsec_proc_cpu_t       cpu;
    mlsec_proc_process_t   process;

    /* in a block of its own, so that a byte too many is seen */

    copy = malloc(size + (size == 0));
    fuzz_assert(copy != NULL);

    if (size) {
        memcpy(copy, data, size);
    }

    text.data = copy;
    text.len = size;

    if (mlsec_proc_cpu(text, &cpu) == MLSEC_OK) {
        fuzz_assert(cpu.busy <= cpu.total || cpu.total < UINT64_MAX / 2);
    }

    (void) mlsec_proc_process(text, &process);
    (void) mlsec_proc_field(text, "MemTotal", &value);
    (void) mlsec_proc_load(text, load);

    if (mlsec_proc_cgroup(text, "memory", &path) == MLSEC_OK) {
        fuzz_assert(path.data >= copy && path.len <= size
                    && path.data + path.len <= copy + size);
        fuzz_assert(path.data[0] == '/');
    }

    rest = text;

    while (rest.len) {
        size = rest.len;
        (void) mlsec_proc_next(&rest, &value);
        fuzz_assert(rest.len < size);
    }

    free(copy);

    return 0;
}
