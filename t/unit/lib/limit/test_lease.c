/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/limit/mlsec_lease.h>
#include <lib/limit/mlsec_sync.h>
#include <pthread.h>


#define S  1000000000ull


static void
test_size(void)
{
    unsigned  i;

    static const struct {
        uint64_t    limit;
        uint64_t    share;
        uint64_t    size;
    } cases[] = {
        { 200, 1000, 20 }, { 200, 10000, 200 }, { 200, 0, 0 }, { 5, 1000, 1 },
        { 1, 1, 1 }, { 15, 1000, 1 }, { 12345, 1000, 1234 },
        { MLSEC_QUOTA_MAX, 10000, MLSEC_LEASE_MAX },
        { MLSEC_GCRA_MAX_BURST, 1, 100000 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_ok(mlsec_lease_size(cases[i].limit, cases[i].share)
               == cases[i].size,
               "size: %llu of %llu is %llu",
               (unsigned long long) cases[i].share,
               (unsigned long long) cases[i].limit,
               (unsigned long long) cases[i].size);
    }
}


static void
test_take(void)
{
    unsigned              i, n;
    mlsec_lease_t         lease = { 20, 1 };
    mlsec_atomic_t        w = { 0 };
    mlsec_lease_due_e     due, first, half;
    mlsec_lease_ticket_t  told, seen;

    for (i = 0, n = 0, first = half = MLSEC_LEASE_QUIET; i < 30; i++) {
        n += mlsec_lease_take(&w, &lease, 1, &due) == MLSEC_OK;
        first = i == 0 ? due : first;
        half = i == 9 ? due : half;
    }

    tap_is(n, 20, "take: a lease of 20, not 21");
    tap_is(first, MLSEC_LEASE_QUIET, "take: one unit is not worth a message");
    tap_is(half, MLSEC_LEASE_SHORT, "take: half of it is");
    tap_is(mlsec_lease_take(&w, &lease, 0, &due), MLSEC_OK,
           "take: a cost of 0");
    tap_is((long long) mlsec_lease_used(&w, &lease), 20, "take: 20 to tell");

    mlsec_lease_give_back(&w, &lease, 3);
    tap_is((long long) mlsec_lease_used(&w, &lease), 17, "give back: 17");
    tap_is((long long) mlsec_lease_report(&w, &lease, 100, &told), 17,
           "report: 17");
    tap_is((long long) mlsec_lease_report(&w, &lease, 100, &seen), 0,
           "report: once");

    mlsec_lease_give_back(&w, &lease, 5);
    tap_is((long long) mlsec_lease_used(&w, &lease), 0,
           "give back: what was told is gone");
    tap_is(mlsec_lease_take(&w, &lease, 7, &due), MLSEC_OK,
           "take: dearer than what is left");
    tap_is(mlsec_lease_take(&w, &lease, 1, &due), MLSEC_DECLINED,
           "take: and nothing is left then");

    mlsec_lease_grant(&w, &lease, 10, &seen);
    tap_is(mlsec_lease_take(&w, &lease, 1, &due), MLSEC_DECLINED,
           "grant: not while something is told that it does not know of");

    mlsec_lease_grant(&w, &lease, 10, &told);
    for (n = 0; mlsec_lease_take(&w, &lease, 1, &due) == MLSEC_OK; n++) {
        /* what is left */
    }

    tap_is(n, 3, "grant: less what was used since the report");

    lease.generation++;
    tap_is((long long) mlsec_lease_used(&w, &lease), 0,
           "generation: nothing is told of the one before");
    tap_is(mlsec_lease_take(&w, &lease, 1, &due), MLSEC_DECLINED,
           "generation: nothing is left of it");
    tap_is(mlsec_lease_stale(&w, &lease), 1,
           "generation: the bucket is not believed");
    tap_is(mlsec_lease_stale(&w, &lease), 1, "generation: by anybody");
    tap_is(mlsec_lease_settle(&w, &lease), 1,
           "generation: who does not ask begins anew");
    tap_is(mlsec_lease_stale(&w, &lease), 0, "generation: for all");
    tap_is(mlsec_lease_settle(&w, &lease), 0, "generation: said once");
    (void) mlsec_lease_report(&w, &lease, 100, &seen);
    mlsec_lease_grant(&w, &lease, 5, &seen);
    tap_is(mlsec_lease_take(&w, &lease, 1, &due), MLSEC_OK,
           "generation: a new lease");
    mlsec_lease_distrust(&w);
    tap_is(mlsec_lease_take(&w, &lease, 1, &due), MLSEC_DECLINED,
           "distrust: nothing is left");
    tap_is(mlsec_lease_settle(&w, &lease), 1,
           "distrust: the bucket is not believed");

    for (lease.generation = 0, n = 0; lease.generation < 600;
         lease.generation++)
    {
        mlsec_lease_distrust(&w);
        n += (unsigned) mlsec_lease_settle(&w, &lease);
        n += w.word == 0;
    }

    tap_is(n, 600, "generation: none of them is 0 or nobody's");

    w.word = 0;
    tap_is(mlsec_lease_settle(&w, &lease), 0, "new: nothing to believe yet");
    tap_is(mlsec_lease_stale(&w, &lease), 0, "new: nor to doubt");

    lease.size = 0;
    lease.generation++;
    tap_is(mlsec_lease_take(&w, &lease, 1, &due), MLSEC_DECLINED,
           "no lease: nothing to take");
    tap_is(mlsec_lease_note(&w, &lease, 2), MLSEC_LEASE_SHORT,
           "note: regardless");
    tap_is((long long) mlsec_lease_used(&w, &lease), 2, "note: 2");
    (void) mlsec_lease_note(&w, &lease, UINT64_MAX);
    tap_is((long long) mlsec_lease_used(&w, &lease), MLSEC_LEASE_MAX,
           "note: no overflow");
}


/* Units that can be taken now. */

static unsigned
left(mlsec_atomic_t *w, const mlsec_lease_t *lease)
{
    unsigned           n;
    mlsec_lease_due_e  due;

    for (n = 0; mlsec_lease_take(w, lease, 1, &due) == MLSEC_OK; n++) {
        /* what is left */
    }

    return n;
}


/* What is told, used and left is never more than a lease. */

static void
test_report(void)
{
    mlsec_lease_t         lease = { 20, 7 };
    mlsec_atomic_t        w = { 0 };
    mlsec_lease_ticket_t  a, b, before;

    (void) mlsec_lease_report(&w, &lease, 1, &before);
    (void) left(&w, &lease);
    tap_is((long long) mlsec_lease_report(&w, &lease, 1, &a), 20,
           "report: a lease is on its way");

    mlsec_lease_grant(&w, &lease, 20, &before);
    tap_is((long long) left(&w, &lease), 0,
           "report: an answer from before it begins no lease");

    (void) mlsec_lease_note(&w, &lease, 3);
    tap_is(mlsec_lease_due(&w, &lease), MLSEC_LEASE_QUIET,
           "report: what is used meanwhile is not due");
    tap_is((long long) mlsec_lease_report(&w, &lease, 1, &b), 0,
           "report: and waits");

    mlsec_lease_grant(&w, &lease, 20, &a);
    tap_is(mlsec_lease_due(&w, &lease), MLSEC_LEASE_DUE, "answer: it is due");
    tap_is((long long) left(&w, &lease), 17, "answer: a lease, less 3");

    mlsec_lease_grant(&w, &lease, 20, &before);
    tap_is((long long) left(&w, &lease), 0,
           "answer: one that is older begins no other lease");
    tap_is((long long) mlsec_lease_report(&w, &lease, 2, &a), 20,
           "answer: and then all of it is told");

    mlsec_lease_release(&w, &lease, &a);
    mlsec_lease_release(&w, &lease, &a);
    (void) mlsec_lease_report(&w, &lease, 2, &b);
    mlsec_lease_grant(&w, &lease, 4, &b);
    tap_is((long long) left(&w, &lease), 4,
           "no answer: the next one begins a lease");

    (void) mlsec_lease_report(&w, &lease, 60, &a);
    (void) mlsec_lease_note(&w, &lease, 2);
    tap_is((long long) mlsec_lease_report(&w, &lease, 60 + MLSEC_LEASE_LOST - 1,
                                          &b), 0,
           "lost: a report is waited for");
    tap_is((long long) mlsec_lease_report(&w, &lease, 60 + MLSEC_LEASE_LOST,
                                          &b), 2,
           "lost: and then given up");
    mlsec_lease_grant(&w, &lease, 20, &a);
    tap_is((long long) left(&w, &lease), 0,
           "lost: its answer is none any more");
    mlsec_lease_release(&w, &lease, &a);
    mlsec_lease_grant(&w, &lease, 5, &b);
    tap_is((long long) left(&w, &lease), 5, "lost: that of the next one is");

    (void) mlsec_lease_report(&w, &lease, 80, &a);
    (void) mlsec_lease_report(&w, &lease, 80 + MLSEC_LEASE_LOST, &b);
    mlsec_lease_grant(&w, &lease, 6, &b);
    tap_is((long long) left(&w, &lease), 6,
           "lost: even if there is nothing to tell since");
}


/* Late: what was used stays, what is left does not. */

static void
test_doubt(void)
{
    mlsec_lease_t         lease = { 20, 1 }, next = { 20, 2 };
    mlsec_atomic_t        w = { 0 };
    mlsec_lease_due_e     due;
    mlsec_lease_ticket_t  ticket;

    mlsec_lease_doubt(&w, &lease);
    tap_is(mlsec_lease_stale(&w, &lease), 1, "doubt: a new key");
    tap_is((long long) left(&w, &lease), 0, "doubt: nothing is left");

    w.word = 0;
    (void) mlsec_lease_take(&w, &lease, 3, &due);
    mlsec_lease_doubt(&w, &lease);
    tap_is(mlsec_lease_stale(&w, &lease), 1, "doubt: the bucket");
    tap_is((long long) left(&w, &lease), 0, "doubt: nothing is left then");
    (void) mlsec_lease_note(&w, &lease, 2);
    mlsec_lease_give_back(&w, &lease, 1);
    tap_is((long long) mlsec_lease_used(&w, &lease), 4,
           "doubt: what was used is to be told");
    tap_is(mlsec_lease_stale(&w, &lease), 1, "doubt: it stays");
    tap_is((long long) mlsec_lease_report(&w, &lease, 1, &ticket), 4,
           "doubt: and is told");
    tap_is(mlsec_lease_stale(&w, &lease), 1, "doubt: until the answer");
    mlsec_lease_grant(&w, &lease, 2, &ticket);
    tap_is(mlsec_lease_stale(&w, &lease), 0, "doubt: which ends it");
    tap_is((long long) left(&w, &lease), 2, "doubt: with a lease");

    mlsec_lease_doubt(&w, &next);
    tap_is((long long) mlsec_lease_used(&w, &lease), 2,
           "doubt: not of another generation, which is stale as it is");
}


static void
test_merge(void)
{
    mlsec_gcra_t          g;
    mlsec_lease_t         lease = { 20, 1 };
    mlsec_quota_t         q = { 1000, MLSEC_QUOTA_DAY };
    mlsec_atomic_t        tat = { 0 }, count = { 0 }, w = { 0 };
    mlsec_lease_due_e     due;
    mlsec_gcra_state_t    st;
    mlsec_lease_answer_t  answer = { 19 * S / 10, 50 * S, 3, { 0, 0 } };

    (void) mlsec_gcra_make(&g, 100, S, 200);
    (void) mlsec_lease_take(&w, &lease, 2, &due);

    mlsec_lease_merge(&tat, &w, &lease, &g, &answer);
    (void) mlsec_gcra_look(&tat, &g, 50 * S, 1, &st);
    tap_is((long long) st.remaining, 8,
           "merge: 10 are left for all, less the 2 that nobody knows of");
    tap_is((long long) (w.word & 0x3fffff), 2,
           "merge: a third of 10, rounded up, less 2");

    answer.owed = 5 * S;
    mlsec_lease_merge(&tat, &w, &lease, &g, &answer);
    tap_is(mlsec_gcra_look(&tat, &g, 50 * S, 1, &st), MLSEC_DECLINED,
           "merge: more is owed than there is");
    tap_is((long long) (w.word & 0x3fffff), 0, "merge: no lease");

    answer.owed = 990;
    answer.now = 86400 * 100 + 5;
    mlsec_lease_merge_quota(&count, &w, &lease, &q, &answer);
    (void) mlsec_quota_look(&count, &q, answer.now, 1, &st);
    tap_is((long long) st.remaining, 8, "merge: a quota");
    (void) mlsec_quota_look(&count, &q, answer.now + 86400, 1, &st);
    tap_is((long long) st.remaining, 1000, "merge: and the next day");

    tap_is((long long) mlsec_lease_share(&lease, 100, 3), 20,
           "share: not more than a lease");
    tap_is((long long) mlsec_lease_share(&lease, 1, 3), 1, "share: rounded up");
    tap_is((long long) mlsec_lease_share(&lease, 0, 3), 0, "share: of nothing");
    tap_is((long long) mlsec_lease_share(&lease, 5, 0), 5, "share: no nodes");
}


static void
test_local(void)
{
    mlsec_gcra_t   g, l;
    mlsec_quota_t  q = { 10, MLSEC_QUOTA_DAY }, ql;

    (void) mlsec_gcra_make(&g, 100, S, 200);
    mlsec_lease_local(&g, 4, 1, &l);
    tap_is((long long) l.interval, 40000000, "local: a quarter of the rate");
    tap_is((long long) l.burst, 50, "local: and of the burst");
    tap_is((long long) l.tolerance, (long long) g.tolerance,
           "local: the same time");

    mlsec_lease_local(&g, 4, 80, &l);
    tap_is((long long) l.burst, 80, "local: what is dear stays possible");
    mlsec_lease_local(&g, 1000, 1, &l);
    tap_is((long long) l.burst, 1, "local: one at least");
    mlsec_lease_local(&g, 0, 201, &l);
    tap_is((long long) l.burst, 200, "local: never more than the limit");

    (void) mlsec_gcra_make(&g, 1, 86400 * S, 26000);
    mlsec_lease_local(&g, UINT32_MAX, 20000, &l);
    tap_ok(l.tolerance <= MLSEC_GCRA_MAX_TIME
           && l.tolerance / l.burst == l.interval, "local: no overflow");

    mlsec_lease_local_quota(&q, 3, 1, &ql);
    tap_is((long long) ql.limit, 3, "local: a quota");
    mlsec_lease_local_quota(&q, 30, 1, &ql);
    tap_is((long long) ql.limit, 1, "local: one unit");
    mlsec_lease_local_quota(&q, 3, 12, &ql);
    tap_is((long long) ql.limit, 10, "local: not more than the quota");
}


static void
test_sync(void)
{
    mlsec_sync_t  s;

    mlsec_sync_format(&s, 7, 1000);

    tap_is(mlsec_sync_alone(&s), 0, "sync: in touch at first");
    tap_is((long long) mlsec_sync_generation(&s), 1, "sync: generation 1");
    tap_is((long long) mlsec_sync_nodes(&s, 4), 4, "sync: not known yet");
    tap_is((long long) mlsec_sync_nodes(&s, 0), 1, "sync: one at least");

    tap_is(mlsec_sync_failed(&s, 1), 0, "sync: one failure");
    tap_is(mlsec_sync_failed(&s, 1), 0, "sync: two");
    mlsec_sync_worked(&s);
    tap_is(mlsec_sync_failed(&s, 1) + mlsec_sync_failed(&s, 1), 0,
           "sync: not in a row");
    tap_is(mlsec_sync_failed(&s, 5), 1, "sync: three in a row, said once");
    tap_is(mlsec_sync_failed(&s, 6), 0, "sync: and not again");
    tap_is(mlsec_sync_alone(&s), 1, "sync: alone");
    mlsec_sync_worked(&s);
    tap_is(mlsec_sync_alone(&s), 1, "sync: a reply does not bring back");
    tap_is(mlsec_sync_beat(&s, 3, 9), 1, "sync: a heartbeat does");
    tap_is(mlsec_sync_beat(&s, 3, 9), 0, "sync: said once");
    tap_is(mlsec_sync_alone(&s), 0, "sync: in touch");
    tap_is((long long) mlsec_sync_generation(&s), 2, "sync: generation 2");
    tap_is((long long) mlsec_sync_nodes(&s, 4), 3, "sync: three nodes");

    tap_is(mlsec_sync_due(&s, 2000, 1000), 1, "beat: due");
    tap_is(mlsec_sync_due(&s, 2001, 1000), 0, "beat: for one worker only");
    tap_is(mlsec_sync_due(&s, 2999, 1000), 0, "beat: not yet");
    tap_is(mlsec_sync_due(&s, 3000, 1000), 1, "beat: due again");
    tap_is(mlsec_sync_due(&s, 5, 1000), 1, "beat: another clock");
}


/* Threads for workers: what they have taken is what is told. */

static mlsec_atomic_t  race_word;
static uint64_t        race_told;
static mlsec_lease_t   race_lease = { 1000, 1 };


static void *
race(void *taken)
{
    unsigned              i;
    uint64_t             *n = taken;
    mlsec_lease_due_e     due;
    mlsec_lease_ticket_t  ticket;

    for (i = 0; i < 200000; i++) {

        if (mlsec_lease_take(&race_word, &race_lease, 1, &due) == MLSEC_OK) {
            (*n)++;
        }

        if (i % 64 == 0) {
            __atomic_fetch_add(&race_told,
                               mlsec_lease_report(&race_word, &race_lease, i,
                                                  &ticket),
                               __ATOMIC_RELAXED);
            mlsec_lease_grant(&race_word, &race_lease, 1000, &ticket);
        }
    }

    return NULL;
}


static void
test_race(void)
{
    unsigned              i;
    uint64_t              taken[4] = { 0 }, sum = 0;
    pthread_t             threads[4];
    mlsec_lease_ticket_t  ticket;

    for (i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, race, &taken[i]);
    }

    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        sum += taken[i];
    }

    race_told += mlsec_lease_report(&race_word, &race_lease,
                                    MLSEC_LEASE_LOST, &ticket);

    tap_ok(sum > 1000, "race: %llu were taken", (unsigned long long) sum);
    tap_is((long long) race_told, (long long) sum,
           "race: each unit is told once");
}


int
main(void)
{
    test_size();
    test_take();
    test_report();
    test_doubt();
    test_merge();
    test_local();
    test_sync();
    test_race();

    return tap_done();
}
