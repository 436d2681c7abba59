/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/limit/mlsec_gcra.h>
#include <lib/limit/mlsec_limit_table.h>
#include <lib/limit/mlsec_quota.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>


#define S        1000000000ull
#define SMALL    (8 * 1024)
#define LARGE    (1024 * 1024)


static const uint64_t  seed[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
static mlsec_gcra_t    gcra;             /* 100 units a second, 200 at once */
static uint64_t        fake;             /* ns, of a clock that is ours */
static int             real;             /* 1: where processes run at once */


static uint64_t
yield(void *ctx)
{
    struct timespec  ts;

    (void) ctx;

    if (!real) {
        return fake += 1000000;
    }

    (void) sched_yield();
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * S + (uint64_t) ts.tv_nsec;
}


static mlsec_limit_clock_t
at(uint64_t now)
{
    fake = now;

    return (mlsec_limit_clock_t) { yield, NULL, real ? yield(NULL) : now };
}


static mlsec_limit_table_t *
new_table(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED || mlsec_limit_format(p, size, seed) != MLSEC_OK) {
        abort();
    }

    return p;
}


static mlsec_limit_id_t
id_of(mlsec_limit_table_t *t, mlsec_limit_kind_e kind, const char *prefix,
    uint64_t n)
{
    char              text[64];
    mlsec_limit_id_t  id;

    (void) snprintf(text, sizeof(text), "%s%llu", prefix,
                    (unsigned long long) n);

    id.policy = mlsec_limit_policy(tap_str("p"));
    id.hash = mlsec_limit_key(t, id.policy, tap_str(text));
    id.kind = kind;
    id.group = 0;

    return id;
}


/* One request of a key, as a caller makes it. */

static int
take(mlsec_limit_table_t *t, const mlsec_limit_id_t *id, uint64_t now,
    uint64_t cost)
{
    int                   rc;
    mlsec_gcra_state_t    st;
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *entry;

    clock = at(now);

    do {
        entry = mlsec_limit_get(t, id, &clock);

        if (entry == NULL) {
            return MLSEC_NOMEM;
        }

        rc = mlsec_gcra_take(&entry->word, &gcra, clock.now, cost, &st);

    } while (!mlsec_limit_still(entry, id));

    return rc;
}


static uint64_t
left(mlsec_limit_table_t *t, const mlsec_limit_id_t *id, uint64_t now)
{
    mlsec_gcra_state_t    st;
    mlsec_limit_entry_t  *entry;

    entry = mlsec_limit_find(t, id);

    if (entry == NULL) {
        return gcra.burst;
    }

    (void) mlsec_gcra_look(&entry->word, &gcra, now, 0, &st);

    return st.remaining;
}


static void
test_layout(void)
{
    char                     tiny[64] __attribute__((aligned(64))) = { 0 };
    uint64_t                 n;
    mlsec_limit_id_t         id, other;
    mlsec_limit_table_t     *t;
    mlsec_limit_counters_t  *c;

    tap_is(mlsec_limit_format(tiny, sizeof(tiny), seed), MLSEC_NOMEM,
           "layout: too small");
    tap_is(mlsec_limit_check(tiny, sizeof(tiny)), MLSEC_EMPTY,
           "layout: empty");

    t = new_table(LARGE);
    tap_is(mlsec_limit_check(t, LARGE), MLSEC_OK, "layout: ours");
    tap_is(mlsec_limit_check(t, LARGE - 64), MLSEC_BADTYPE,
           "layout: another size");
    t->version++;
    tap_is(mlsec_limit_check(t, LARGE), MLSEC_BADTYPE,
           "layout: another version");
    t->version--;

    for (n = 0; mlsec_limit_at(t, n) != NULL; n++) { /* void */ }

    tap_ok((unsigned char *) (mlsec_limit_at(t, n - 1) + 1)
           <= (unsigned char *) t + LARGE, "layout: all entries are inside");
    tap_ok(LARGE / n <= 40, "layout: %llu bytes a key",
           (unsigned long long) (LARGE / n));
    tap_is(sizeof(mlsec_limit_bucket_t), 256, "layout: a bucket");

    /* keys: any bytes; the policy is part of them */

    id = id_of(t, MLSEC_LIMIT_RATE, "a", 1);
    tap_ok(mlsec_limit_key(t, 1, tap_lit("a\0b"))
           != mlsec_limit_key(t, 1, tap_lit("a\0c")), "key: behind a zero");
    tap_ok(mlsec_limit_key(t, 1, tap_lit("a"))
           != mlsec_limit_key(t, 2, tap_lit("a")), "key: another policy");
    other = id;
    tap_ok(mlsec_limit_find(t, &other) == NULL, "find: none");
    tap_is(take(t, &id, S, 1), MLSEC_OK, "take: the first");
    tap_ok(mlsec_limit_find(t, &other) != NULL, "find: it is there");
    tap_is((long long) left(t, &id, S), 199, "find: with its word");

    mlsec_limit_meta(mlsec_limit_find(t, &id), &other, &n);
    tap_ok(other.hash == id.hash && other.policy == id.policy
           && other.kind == MLSEC_LIMIT_RATE && n == 0, "meta: of a new one");
    mlsec_limit_refused(mlsec_limit_find(t, &id), 5 * S + 7);
    mlsec_limit_meta(mlsec_limit_find(t, &id), &other, &n);
    tap_ok(other.policy == id.policy && other.kind == MLSEC_LIMIT_RATE
           && n == 5, "meta: refused");

    c = mlsec_limit_counters(t, 7);
    tap_ok(c != NULL && c == mlsec_limit_counters(t, 7)
           && c != mlsec_limit_counters(t, 8), "counters: a policy's own");

    for (n = 100; n < 130; n++) {
        (void) mlsec_limit_counters(t, (uint32_t) n);
    }

    tap_ok(mlsec_limit_counters(t, 99) == NULL
           && mlsec_limit_counters(t, 7) == c, "counters: too many policies");

    munmap(t, LARGE);
}


/*
 * People who are at work, and a flood of random keys a hundred times as many
 * as there is room for: nobody may lose what he has used.
 */

static void
test_flood(void)
{
    uint64_t              i, n, lost, entries, now;
    mlsec_limit_id_t      id;
    mlsec_limit_table_t  *t;

    t = new_table(LARGE);

    for (entries = 0; mlsec_limit_at(t, entries); entries++) { /* void */ }

    n = entries / 8;
    now = S;

    for (i = 0; i < n; i++) {
        id = id_of(t, MLSEC_LIMIT_RATE, "user", i);
        (void) take(t, &id, now, 150);
    }

    for (i = 0; i < 100 * entries; i++) {
        id = id_of(t, MLSEC_LIMIT_RATE, "random", tap_random(1ull << 40));
        (void) take(t, &id, now + i, 1);
        (void) (i % 2 ? take(t, &id, now + i, 1) : 0);
    }

    for (i = 0, lost = 0; i < n; i++) {
        id = id_of(t, MLSEC_LIMIT_RATE, "user", i);
        lost += left(t, &id, now) > 50;
    }

    tap_ok(lost == 0, "flood: %llu keys, %llu random ones over %llu places, "
           "%llu lost", (unsigned long long) n,
           (unsigned long long) (100 * entries), (unsigned long long) entries,
           (unsigned long long) lost);
    tap_ok(mlsec_atomic_load(&t->evicted) > entries, "flood: evicted %llu",
           (unsigned long long) mlsec_atomic_load(&t->evicted));
    tap_is((long long) mlsec_atomic_load(&t->crowded), 0,
           "flood: nobody was sent away");

    /* whose bucket is full again goes first, and is no loss */

    t->evicted.word = 0;
    now += 100 * S;

    for (i = 0; i < n; i++) {
        id = id_of(t, MLSEC_LIMIT_RATE, "later", i);
        (void) take(t, &id, now, 10);
    }

    tap_ok(mlsec_atomic_load(&t->evicted) < n / 100,
           "idle: their places are given away");

    munmap(t, LARGE);
}


static void
test_kinds(void)
{
    uint64_t              i, n, lost;
    mlsec_quota_t         quota = { 1000, MLSEC_QUOTA_DAY };
    mlsec_limit_id_t      id;
    mlsec_gcra_state_t    st;
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *e[64];
    mlsec_limit_table_t  *t;

    t = new_table(SMALL);
    clock = at(S);

    id = id_of(t, MLSEC_LIMIT_QUOTA, "quota", 0);
    e[0] = mlsec_limit_get(t, &id, &clock);
    (void) mlsec_quota_take(&e[0]->word, &quota, 1000000, 500, &st);

    for (i = 0; i < 100000; i++) {
        id = id_of(t, MLSEC_LIMIT_QUOTA, "random", i);
        e[1] = mlsec_limit_get(t, &id, &clock);
        (void) mlsec_quota_take(&e[1]->word, &quota, 1000000, 1, &st);
    }

    id = id_of(t, MLSEC_LIMIT_QUOTA, "quota", 0);
    tap_ok(mlsec_limit_find(t, &id) == e[0], "quota: what is used stays");

    /* counts stay whatever comes */

    for (i = 0; i < 16; i++) {
        id = id_of(t, MLSEC_LIMIT_COUNT, "count", i);
        (void) mlsec_limit_enter(t, &id, &clock, 1, 5, &e[i]);
    }

    for (i = 0; i < 100000; i++) {
        id = id_of(t, MLSEC_LIMIT_RATE, "random", i);
        (void) take(t, &id, S, 200);
    }

    for (i = 0, lost = 0; i < 16; i++) {
        id = id_of(t, MLSEC_LIMIT_COUNT, "count", i);
        lost += mlsec_limit_present(t, &id) != 1;
    }

    tap_is((long long) lost, 0, "count: it stays");

    for (i = 0, n = 0; i < 1000; i++) {
        id = id_of(t, MLSEC_LIMIT_COUNT, "more", i);
        n += mlsec_limit_enter(t, &id, &clock, 1, 5, &e[20]) == MLSEC_NOMEM;
    }

    tap_ok(n > 0 && mlsec_atomic_load(&t->crowded) == n,
           "count: no place is left for %llu of 1000", (unsigned long long) n);

    munmap(t, SMALL);
}


static void
test_count(void)
{
    unsigned              i, n;
    mlsec_limit_id_t      id;
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *e, *held[16];
    mlsec_limit_table_t  *t;

    t = new_table(LARGE);
    clock = at(S);
    id = id_of(t, MLSEC_LIMIT_COUNT, "c", 0);

    for (i = 0; i < 12; i++) {
        mlsec_limit_worker(t, i);
    }

    for (i = 0, n = 0; i < 12; i++) {

        if (mlsec_limit_enter(t, &id, &clock, i, 10, &held[n]) == MLSEC_OK) {
            n++;
        }
    }

    tap_is(n, 10, "count: 12 workers, at most 10");
    tap_is((long long) mlsec_limit_present(t, &id), 10, "count: are there");
    mlsec_limit_leave(held[3], 3);
    tap_is((long long) mlsec_limit_present(t, &id), 9, "count: one leaves");
    tap_is(mlsec_limit_enter(t, &id, &clock, 11, 10, &e), MLSEC_OK,
           "count: another one comes");
    tap_is(mlsec_limit_enter(t, &id, &clock, 11, 10, &e), MLSEC_DECLINED,
           "count: and no more");

    /* worker 5 is killed; 1, which has the same lane elsewhere, is not */

    mlsec_limit_worker(t, 5);
    tap_is((long long) mlsec_limit_present(t, &id), 9,
           "count: what a killed worker held is taken back");
    mlsec_limit_worker(t, 5);
    tap_is((long long) mlsec_limit_present(t, &id), 9, "count: once");
    mlsec_limit_leave(held[5], 5);
    tap_is((long long) mlsec_limit_present(t, &id), 9,
           "count: never below 0");

    id = id_of(t, MLSEC_LIMIT_COUNT, "c", 1);

    for (i = 0, n = 0; i < 70000; i++) {
        n += mlsec_limit_enter(t, &id, &clock, 2, 1000000, &e) == MLSEC_OK;
    }

    tap_is(n, 65535, "count: a lane does not flow over");
    tap_is((long long) mlsec_limit_present(t, &id), 65535, "count: no other");

    munmap(t, LARGE);
}


/* While we wait for the lock, who has it makes the entry that we want. */

static mlsec_limit_table_t  *meanwhile;


static uint64_t
yield_and_take(void *ctx)
{
    const mlsec_limit_id_t  *id = ctx;

    ((mlsec_limit_bucket_t *) (void *) (meanwhile + 1))->lock.word = 0;
    (void) take(meanwhile, id, S, 120);

    return S + 1;
}


static void
test_lock(void)
{
    mlsec_limit_id_t      id;
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *e;
    mlsec_limit_table_t  *t;

    t = new_table(sizeof(mlsec_limit_table_t) + sizeof(mlsec_limit_bucket_t));
    clock = at(S);

    id = id_of(t, MLSEC_LIMIT_RATE, "a", 0);
    e = mlsec_limit_get(t, &id, &clock);
    mlsec_limit_find(t, &id);

    ((mlsec_limit_bucket_t *) (void *) (t + 1))->lock.word = S - 1000;

    tap_ok(mlsec_limit_get(t, &id, &clock) == e && clock.now == S,
           "lock: what is there is found without it");

    id = id_of(t, MLSEC_LIMIT_RATE, "a", 1);
    tap_ok(mlsec_limit_get(t, &id, &clock) != NULL, "lock: of a dead process");
    tap_ok(clock.now > S + 19000000 && clock.now < S + 25000000,
           "lock: is taken over after 20 ms");
    tap_is((long long) ((mlsec_limit_bucket_t *) (void *) (t + 1))->lock.word,
           0, "lock: and given back");

    meanwhile = t;
    id = id_of(t, MLSEC_LIMIT_RATE, "b", 0);
    clock = (mlsec_limit_clock_t) { yield_and_take, &id, S };
    ((mlsec_limit_bucket_t *) (void *) (t + 1))->lock.word = S;
    e = mlsec_limit_get(t, &id, &clock);
    tap_ok(e != NULL && e == mlsec_limit_find(t, &id)
           && left(t, &id, S) == 80, "lock: made by another one meanwhile");

    munmap(t, sizeof(mlsec_limit_table_t) + sizeof(mlsec_limit_bucket_t));
}


#define PROCESSES  4
#define KEYS       5000

/* All of them begin with a key at the same moment. */

static void
meet(mlsec_atomic_t *arrived, uint64_t round)
{
    mlsec_atomic_add(arrived, 1);

    while (mlsec_atomic_load(arrived) < (round + 1) * PROCESSES) {
        (void) sched_yield();
    }
}


static void
child(mlsec_limit_table_t *t, mlsec_atomic_t *admitted, mlsec_atomic_t *in,
    unsigned worker)
{
    uint64_t              i, j, n;
    mlsec_limit_id_t      id;
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *e;

    for (i = 0; i < KEYS; i++) {
        id = id_of(t, MLSEC_LIMIT_RATE, "k", i);
        meet(admitted + 2, i);

        for (j = 0, n = 0; j < 3; j++) {
            n += take(t, &id, 0, 100) == MLSEC_OK;
        }

        mlsec_atomic_add(admitted, n);
    }

    id = id_of(t, MLSEC_LIMIT_COUNT, "c", 0);
    clock = at(S);

    for (i = 0; i < KEYS; i++) {

        if (mlsec_limit_enter(t, &id, &clock, worker, 2, &e) == MLSEC_OK) {
            mlsec_atomic_add(in, 1);

            if (mlsec_atomic_load(in) > 2) {
                mlsec_atomic_add(in, 1ull << 32);
            }

            mlsec_atomic_add(in, (uint64_t) -1);
            mlsec_limit_leave(e, worker);
        }
    }
}


/*
 * New keys, which four processes make at the same time: of 200 units for
 * each, 100 at once, exactly two are admitted.
 */

static void
test_crowd(void)
{
    pid_t                 pids[PROCESSES];
    unsigned              i;
    mlsec_atomic_t       *shared;
    mlsec_limit_id_t      id;
    mlsec_limit_table_t  *t, *spare;

    t = new_table(16 * LARGE);
    spare = new_table(LARGE);
    shared = (mlsec_atomic_t *) (void *) (spare + 1);

    fflush(stdout);
    real = 1;
    (void) mlsec_gcra_make(&gcra, 1, 3600 * S, 200);

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            child(t, &shared[0], &shared[1], i);
            _exit(0);
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        (void) waitpid(pids[i], NULL, 0);
    }

    tap_is((long long) shared[0].word, 2 * KEYS,
           "crowd: 4 processes, each key exactly twice");
    tap_is((long long) shared[1].word, 0, "crowd: never 3 of 2 inside");
    real = 0;
    (void) mlsec_gcra_make(&gcra, 100, S, 200);
    id = id_of(t, MLSEC_LIMIT_COUNT, "c", 0);
    tap_is((long long) mlsec_limit_present(t, &id), 0, "crowd: all have left");

    munmap(t, 16 * LARGE);
    munmap(spare, LARGE);
}


#define ONE  (sizeof(mlsec_limit_table_t) + sizeof(mlsec_limit_bucket_t))

/* Fills a bucket, evicts, takes, refuses, enters and leaves. */

static void
victim(mlsec_limit_table_t *t)
{
    uint64_t              i;
    mlsec_limit_id_t      id;
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *e;

    (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void) raise(SIGSTOP);

    clock = at(S);

    for (i = 0; i < 8; i++) {
        id.policy = 1;
        id.hash = 1000 + i;
        id.kind = MLSEC_LIMIT_RATE;
        id.group = 0;
        (void) take(t, &id, S, 20);
        (void) take(t, &id, S, 190);

        id.hash = 2000 + i / 4;
        id.kind = MLSEC_LIMIT_COUNT;

        if (mlsec_limit_enter(t, &id, &clock, 1, 3, &e) == MLSEC_OK
            && i % 2)
        {
            mlsec_limit_leave(e, 1);
        }
    }

    _exit(0);
}


/* 1: whoever comes after it finds everything in order. */

static int
inquest(mlsec_limit_table_t *t)
{
    unsigned              i, j;
    mlsec_limit_id_t      id = { 1, 1, MLSEC_LIMIT_RATE, 0 };
    mlsec_limit_clock_t   clock;
    mlsec_limit_entry_t  *e;

    /* who had used the most has lost nothing */

    if (left(t, &id, S) != 20 || take(t, &id, S, 21) != MLSEC_DECLINED
        || take(t, &id, S, 20) != MLSEC_OK)
    {
        return 0;
    }

    mlsec_limit_worker(t, 1);

    for (i = 0; i < 2; i++) {
        id = (mlsec_limit_id_t) { 2000 + i, 1, MLSEC_LIMIT_COUNT, 0 };

        if (mlsec_limit_present(t, &id) != 0) {
            return 0;
        }
    }

    /* a key has one entry, and a new one can be made */

    for (i = 0; i < MLSEC_LIMIT_WAYS; i++) {

        for (j = 0; j < i; j++) {

            if (mlsec_limit_at(t, i)->key.word != 0
                && mlsec_limit_at(t, i)->key.word
                   == mlsec_limit_at(t, j)->key.word)
            {
                return 0;
            }
        }
    }

    id = (mlsec_limit_id_t) { 3000, 1, MLSEC_LIMIT_RATE, 0 };

    if (take(t, &id, S, 150) != MLSEC_OK || left(t, &id, fake) != 50) {
        return 0;
    }

    clock = at(2 * S);
    id = (mlsec_limit_id_t) { 2000, 1, MLSEC_LIMIT_COUNT, 0 };

    return mlsec_limit_enter(t, &id, &clock, 1, 1, &e) == MLSEC_OK
           && mlsec_limit_enter(t, &id, &clock, 1, 1, &e) == MLSEC_DECLINED;
}


static void
test_victim(void)
{
    int                   status;
    pid_t                 pid;
    unsigned              steps, failed;
    mlsec_limit_id_t      id = { 1, 1, MLSEC_LIMIT_RATE, 0 };
    mlsec_limit_table_t  *t, *copy;

    t = new_table(ONE);
    copy = new_table(ONE);

    (void) take(t, &id, S, 180);

    fflush(stdout);
    pid = fork();

    if (pid == 0) {
        victim(t);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        tap_ok(1, "victim # SKIP no ptrace here");
        return;
    }

    steps = 0;
    failed = 0;

    while (WIFSTOPPED(status)) {
        memcpy(copy, t, ONE);

        if (!inquest(copy) && failed++ == 0) {
            tap_diag("after %u instructions", steps);
        }

        steps++;

        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
            || waitpid(pid, &status, 0) != pid)
        {
            break;
        }
    }

    tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
           "victim: ran to its end");
    tap_ok(steps > 1000, "victim: %u instructions", steps);
    tap_ok(failed == 0, "victim: dead before any of them, all is in order: "
           "%u are not", failed);

    munmap(t, ONE);
    munmap(copy, ONE);
}


int
main(void)
{
    (void) tap_seed();
    (void) mlsec_gcra_make(&gcra, 100, S, 200);

    test_layout();
    test_flood();
    test_kinds();
    test_count();
    test_lock();
    test_crowd();
    test_victim();

    return tap_done();
}
