/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Not a test: bench_limit [KEYS] [PLACES] says what a decision of a limit
 * costs in ns, clock and hash included, in random order over KEYS keys
 * (default a million) in a table with PLACES for each (default 2), best of
 * some rounds; without and with a lease, as when gateways share it.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <lib/limit/mlsec_gcra.h>
#include <lib/limit/mlsec_lease.h>
#include <lib/limit/mlsec_limit_table.h>


#define BENCH_ROUND   100000
#define BENCH_ROUNDS  50


static uint64_t
bench_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


static uint64_t
bench_yield(void *ctx)
{
    (void) ctx;

    return bench_now();
}


static int
bench_decide(mlsec_limit_table_t *t, const mlsec_gcra_t *gcra,
    const mlsec_lease_t *lease, mlsec_str_t key)
{
    int                   rc;
    mlsec_lease_due_e     due;
    mlsec_limit_id_t      id;
    mlsec_gcra_state_t    state;
    mlsec_limit_clock_t   clock = { bench_yield, NULL, bench_now() };
    mlsec_limit_entry_t  *entry;

    id.policy = 1;
    id.kind = MLSEC_LIMIT_RATE;
    id.group = 0;
    id.hash = mlsec_limit_key(t, id.policy, key);

    do {
        entry = mlsec_limit_get(t, &id, &clock);

        if (lease != NULL && mlsec_lease_settle(&entry->lease, lease)) {
            mlsec_atomic_store(&entry->word, clock.now);
        }

        rc = mlsec_gcra_take(&entry->word, gcra, clock.now, 1, &state);

    } while (!mlsec_limit_still(entry, &id));

    if (lease != NULL && rc == MLSEC_OK) {
        rc = mlsec_lease_take(&entry->lease, lease, 1, &due);
    }

    return rc;
}


/* ns of a decision, the best round; 0: one was refused */

static uint64_t
bench_run(mlsec_limit_table_t *t, const mlsec_gcra_t *gcra,
    const mlsec_lease_t *lease, uint64_t keys)
{
    char         text[32];
    uint64_t     i, j, random, start, took, best;
    mlsec_str_t  key;

    best = UINT64_MAX;
    random = 1;

    for (i = 0; i < BENCH_ROUNDS; i++) {
        start = bench_now();

        for (j = 0; j < BENCH_ROUND; j++) {
            random = random * 6364136223846793005 + 1442695040888963407;
            key.len = (size_t) snprintf(text, sizeof(text), "user-%llu",
                                        (unsigned long long)
                                        ((random >> 33) % keys));
            key.data = (unsigned char *) text;

            if (bench_decide(t, gcra, lease, key) != MLSEC_OK) {
                return 0;
            }
        }

        took = bench_now() - start;
        best = took < best ? took : best;
    }

    return best / BENCH_ROUND;
}


int
main(int argc, char **argv)
{
    void           *memory;
    size_t          size;
    uint64_t        keys, places, alone, leased;
    mlsec_gcra_t    gcra;
    mlsec_lease_t   lease = { 100000, 1 };

    static const uint64_t  seed[2] = { 1, 2 };

    keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    places = argc > 2 ? strtoull(argv[2], NULL, 10) : 2;
    size = (size_t) (keys * places) / MLSEC_LIMIT_WAYS * 256 + 1024 * 1024;

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);

    if (memory == MAP_FAILED
        || mlsec_limit_format(memory, size, seed) != MLSEC_OK
        || mlsec_gcra_make(&gcra, 1000, 1000000000, 1000000) != MLSEC_OK)
    {
        return 1;
    }

    alone = bench_run(memory, &gcra, NULL, keys);
    leased = bench_run(memory, &gcra, &lease, keys);

    printf("%llu keys, %zu MB: %llu ns a decision, with a lease %llu ns, with "
           "making its key\n", (unsigned long long) keys, size / 1024 / 1024,
           (unsigned long long) alone, (unsigned long long) leased);

    return alone == 0 || leased == 0;
}
