/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/metrics/mlsec_counters.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define SIZE     (4 * 1024 * 1024)
#define ROUNDS   20000


static mlsec_str_t
text_of(const char *s)
{
    mlsec_str_t  text;

    text.data = (const unsigned char *) s;
    text.len = strlen(s);

    return text;
}


static mlsec_counters_t *
fresh(void)
{
    void  *memory;

    memory = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);

    if (memory == MAP_FAILED
        || mlsec_counters_format(memory, SIZE, 1234) != MLSEC_OK)
    {
        exit(1);
    }

    return memory;
}


static uint64_t
claim(mlsec_counters_t *c, const char *kind, const char *labels, uint64_t n)
{
    uint64_t  first;

    return mlsec_counters_claim(c, text_of(kind), text_of(labels), n, &first)
           == MLSEC_OK ? first : 0;
}


static void
test_format(void)
{
    mlsec_counters_t  *c;

    c = fresh();

    tap_ok(mlsec_counters_check(c) == MLSEC_OK, "format: can be used");
    tap_ok(c->started == 1234, "format: when it began");
    tap_ok(c->max_words * 8 * MLSEC_COUNTERS_SLOTS < SIZE
           && c->max_words * 8 * MLSEC_COUNTERS_SLOTS > SIZE / 10 * 9,
           "format: nine tenths of it are words");
    tap_ok(c->max_words % 512 == 0, "format: slots are whole pages");

    c->version++;
    tap_ok(mlsec_counters_check(c) == MLSEC_BADTYPE, "another version");

    tap_ok(mlsec_counters_format(c, 4096, 0) == MLSEC_NOMEM, "too small");
    tap_ok(mlsec_counters_format(c, 0, 0) == MLSEC_NOMEM, "nothing");
}


static void
test_claim(void)
{
    uint64_t           a;
    mlsec_counters_t  *c;

    c = fresh();

    tap_ok(mlsec_counters_begin(c) == 1, "claim: the first generation");

    a = claim(c, "k", "x", 10);
    tap_ok(a >= MLSEC_COUNTERS_MOMENTS, "claim: behind those of the moment");
    tap_ok(claim(c, "k", "x", 10) == a, "claim: found again");
    tap_ok(claim(c, "k", "y", 10) == a + 10, "claim: other labels");
    tap_ok(claim(c, "l", "x", 10) == a + 20, "claim: another kind");
    tap_ok(claim(c, "kx", "", 10) == a + 30, "claim: a kind ends");
    tap_ok(claim(c, "k", "x", 11) == a + 40, "claim: another size");
    tap_ok(claim(c, "k", "z", c->max_words) == 0, "claim: no room");
    tap_ok(mlsec_atomic_load(&c->series) == 5, "claim: five series");
}


static void
test_sums(void)
{
    uint64_t           a;
    mlsec_atomic_t    *one, *two, *far, *other;
    mlsec_counters_t  *c;

    c = fresh();
    (void) mlsec_counters_begin(c);
    a = claim(c, "k", "x", 2);

    one = mlsec_counters_worker(c, 0, 11, 1);
    two = mlsec_counters_worker(c, 5, 12, 1);
    far = mlsec_counters_worker(c, MLSEC_COUNTERS_WORKERS, 13, 1);
    other = mlsec_counters_worker(c, 1000, 14, 1);

    tap_ok(one != two && two != far, "sums: slots of their own");
    tap_ok(far == other, "sums: one for all the others");

    mlsec_atomic_add(&one[a], 1);
    mlsec_atomic_add(&two[a], 10);
    mlsec_atomic_add(&far[a], 100);
    mlsec_atomic_add(&one[a + 1], 7);

    tap_ok(mlsec_counters_sum(c, a) == 111, "sums: all slots");
    tap_ok(mlsec_counters_sum(c, a + 1) == 7, "sums: another word");
    tap_ok(mlsec_counters_alive(c) == 3, "sums: workers that live");

    mlsec_atomic_add(&one[0], 4);
    mlsec_atomic_add(&two[0], 2);
    tap_ok(mlsec_counters_moment(c, 0) == 6, "moment: sum");

    /* killed: its successor has its number */

    one = mlsec_counters_worker(c, 0, 21, 1);
    tap_ok(mlsec_counters_moment(c, 0) == 2, "moment: gone with the worker");
    tap_ok(mlsec_counters_sum(c, a) == 111, "sums: counters stay");

    mlsec_atomic_add(&one[a], 1);
    tap_ok(mlsec_counters_sum(c, a) == 112, "sums: and go on");

    mlsec_counters_worker_gone(c, 5, 99);
    tap_ok(mlsec_counters_alive(c) == 3, "gone: somebody else's pid");

    mlsec_counters_worker_gone(c, 5, 12);
    tap_ok(mlsec_counters_alive(c) == 2, "gone: its own");
    tap_ok(mlsec_counters_moment(c, 0) == 0, "gone: so is its moment");
    tap_ok(mlsec_counters_sum(c, a) == 112, "gone: counters stay");
}


/*
 * A table that is full gives away what nobody has any more, and nothing else.
 */

static void
test_reuse(void)
{
    char               name[24];
    uint64_t           a, b, i, n;
    mlsec_atomic_t    *words;
    mlsec_counters_t  *c;

    c = fresh();
    n = c->max_words / 4;

    (void) mlsec_counters_begin(c);                              /* 1 */
    a = claim(c, "k", "a", n);
    b = claim(c, "k", "b", n);
    words = mlsec_counters_worker(c, 3, 10, 1);
    mlsec_atomic_add(&words[a], 5);
    mlsec_atomic_add(&words[b], 6);

    (void) mlsec_counters_begin(c);                              /* 2 */
    (void) claim(c, "k", "b", n);
    (void) claim(c, "k", "c", n);
    tap_ok(claim(c, "k", "d", n) == 0, "reuse: not while a worker has it");

    mlsec_counters_worker_gone(c, 3, 10);
    (void) mlsec_counters_worker(c, 3, 11, 2);

    (void) mlsec_counters_begin(c);                              /* 3 */
    tap_ok(claim(c, "k", "e", n - 1) == 0, "reuse: of another size");
    tap_ok(claim(c, "k", "d", n) == a, "reuse: when the last has ended");
    tap_ok(mlsec_counters_sum(c, a) == 0, "reuse: from 0");
    tap_ok(mlsec_counters_sum(c, b) == 6, "reuse: its neighbour stays");
    tap_ok(claim(c, "k", "b", n) == b, "reuse: what is still wanted stays");
    tap_ok(claim(c, "k", "a", n) == 0, "reuse: the old one is gone");

    /* a configuration that is not loaded has still begun */

    (void) mlsec_counters_begin(c);                              /* 4 */
    (void) mlsec_counters_worker(c, 4, 12, 3);
    (void) mlsec_counters_begin(c);                              /* 5 */
    mlsec_counters_worker_gone(c, 3, 11);
    tap_ok(claim(c, "k", "f", n) == claim(c, "k", "f", n),
           "reuse: that of generation 2 is free");
    tap_ok(claim(c, "k", "g", n) == 0,
           "reuse: that of a worker's generation is not");

    c = fresh();
    (void) mlsec_counters_begin(c);

    for (i = 0; i < c->max_series; i++) {
        snprintf(name, sizeof(name), "%lu", (unsigned long) i);

        if (claim(c, "k", name, 1) == 0) {
            break;
        }
    }

    tap_ok(i == c->max_series, "series: as many as there is room for");
    tap_ok(claim(c, "k", "x", 1) == 0, "series: and no more");
}


/*
 * Four workers count at once, two of them in the slot that is shared, and are
 * killed and replaced: nothing is lost that was counted, and a reader never
 * sees a sum get smaller.
 */

static void
test_many(void)
{
    int                status, backwards;
    pid_t              pid[4];
    uint64_t           a, sum, last;
    unsigned           i, n, number;
    mlsec_atomic_t    *words;
    mlsec_counters_t  *c;

    c = fresh();
    (void) mlsec_counters_begin(c);
    a = claim(c, "k", "x", 1);

    for (i = 0; i < 4; i++) {
        number = (i < 2) ? i : 100 + i;
        pid[i] = fork();

        if (pid[i] == 0) {
            words = NULL;

            for (n = 0; n < ROUNDS; n++) {

                if (n % 1000 == 0) {
                    words = mlsec_counters_worker(c, number, 50 + n, 1);
                }

                mlsec_atomic_add(&words[a], 1);
            }

            _exit(0);
        }
    }

    last = 0;
    backwards = 0;

    for (n = 0; n < 100000 && last < 4 * ROUNDS; n++) {
        sum = mlsec_counters_sum(c, a);
        backwards |= sum < last;
        last = sum;
    }

    for (i = 0; i < 4; i++) {
        (void) waitpid(pid[i], &status, 0);
    }

    tap_ok(!backwards, "many: never backwards");
    tap_ok(mlsec_counters_sum(c, a) == 4 * ROUNDS, "many: exact");
}


int
main(void)
{
    test_format();
    test_claim();
    test_sums();
    test_reuse();
    test_many();

    return tap_done();
}
