/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_gate.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>


#define SIZE   (64 * 1024)


static uint32_t  dead;           /* pid of a process that is to be dead */


static int
alive(void *ctx, uint32_t pid)
{
    (void) ctx;

    return pid != dead;
}


static const mlsec_process_t  us = { alive, NULL, 1000 };
static const mlsec_process_t  them = { alive, NULL, 2000 };


static mlsec_registry_t *
new_registry(void)
{
    void  *p;

    p = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED || mlsec_registry_format(p, SIZE) != MLSEC_OK) {
        abort();
    }

    return p;
}


static mlsec_service_slot_t *
service(mlsec_registry_t *r, uint64_t generation, const char *name)
{
    mlsec_service_slot_t  *slot;

    slot = NULL;
    (void) mlsec_registry_service(r, &us, generation, tap_str(name), &slot);

    return slot;
}


static mlsec_peer_slot_t *
peer(mlsec_registry_t *r, uint64_t generation, mlsec_service_slot_t *s,
    const char *name)
{
    mlsec_peer_slot_t  *slot;

    slot = NULL;
    (void) mlsec_registry_peer(r, &us, generation, s, tap_str(name), &slot);

    return slot;
}


static void
test_layout(void)
{
    char               small[64] __attribute__((aligned(64)));
    mlsec_registry_t  *r;

    memset(small, 0, sizeof(small));

    tap_is(mlsec_registry_format(small, sizeof(small)), MLSEC_NOMEM,
           "layout: too small");
    tap_is(mlsec_registry_check(small, sizeof(small)), MLSEC_EMPTY,
           "layout: empty, small");

    r = new_registry();

    tap_is(mlsec_registry_check(r, SIZE), MLSEC_OK, "layout: ours");
    tap_is(mlsec_registry_check(r, SIZE - 64), MLSEC_BADTYPE,
           "layout: another size");

    r->version++;
    tap_is(mlsec_registry_check(r, SIZE), MLSEC_BADTYPE,
           "layout: another version");
    r->version--;
    r->layout ^= 64;
    tap_is(mlsec_registry_check(r, SIZE), MLSEC_BADTYPE,
           "layout: another layout");
    r->layout ^= 64;
    r->magic = 0;
    tap_is(mlsec_registry_check(r, SIZE), MLSEC_EMPTY, "layout: none");

    /* the last byte of the last cell is inside */

    tap_ok((unsigned char *) mlsec_registry_cell(r, MLSEC_REGISTRY_WORKERS - 1,
                                            (uint32_t) r->nservices - 1)
           + sizeof(mlsec_cell_t) <= (unsigned char *) r + SIZE,
           "layout: everything is inside");
    tap_ok((unsigned char *) mlsec_registry_peer_at(r, r->npeers - 1)
           + sizeof(mlsec_peer_slot_t)
           <= (unsigned char *) mlsec_registry_cell(r, 0, 0),
           "layout: cells are behind the peers");
    tap_ok(mlsec_registry_service_at(r, r->nservices) == NULL
           && mlsec_registry_peer_at(r, r->npeers) == NULL,
           "layout: nothing beyond the last slot");

    munmap(r, SIZE);
}


static void
test_claim(void)
{
    char                   name[MLSEC_REGISTRY_NAME + 2];
    mlsec_registry_t      *r;
    mlsec_peer_slot_t     *p, *q;
    mlsec_service_slot_t  *a, *b;

    r = new_registry();

    tap_is((long long) mlsec_registry_begin(r), 1, "the first generation");

    a = service(r, 1, "a");
    b = service(r, 1, "b");

    tap_ok(a && b && a != b, "claim: two services");
    tap_ok(a == service(r, 1, "a"), "claim: the same name, the same slot");
    tap_ok(mlsec_slot_used(&a->slot), "claim: used");
    tap_ok(!mlsec_slot_used(&mlsec_registry_peer_at(r, 0)->slot),
           "claim: a peer's is not");

    p = peer(r, 1, a, "10.0.0.1:80");
    q = peer(r, 1, b, "10.0.0.1:80");

    tap_ok(p && q && p != q, "claim: one address in two services");
    tap_ok(p == peer(r, 1, a, "10.0.0.1:80"), "claim: a peer again");
    tap_ok(p->slot.group == a->slot.group && q->slot.group == b->slot.group
           && p->slot.group != q->slot.group, "claim: groups");

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    tap_ok(service(r, 1, name) == NULL, "claim: name too long");
    tap_ok(service(r, 1, "") == NULL, "claim: no name");
    name[MLSEC_REGISTRY_NAME] = '\0';
    tap_ok(service(r, 1, name) != NULL, "claim: the longest name");

    munmap(r, SIZE);
}


static void
test_full(void)
{
    char                   name[16];
    unsigned               i;
    mlsec_registry_t      *r;
    mlsec_service_slot_t  *slot;

    r = new_registry();

    (void) mlsec_registry_begin(r);
    mlsec_registry_worker(r, 0, 77, 1);

    for (i = 0; i < r->nservices; i++) {
        sprintf(name, "s%u", i);
        (void) service(r, 1, name);
    }

    tap_is(mlsec_registry_service(r, &us, 1, tap_str("more"), &slot),
           MLSEC_NOMEM, "full: no more of this generation");

    (void) mlsec_registry_begin(r);
    tap_ok(service(r, 2, "s0") != NULL, "full: what is there is found");
    tap_is(mlsec_registry_service(r, &us, 2, tap_str("more"), &slot),
           MLSEC_NOMEM, "full: a worker of the first generation runs");

    mlsec_registry_worker(r, 1, 78, 2);
    mlsec_registry_worker_gone(r, 0, 99);
    tap_is(mlsec_registry_service(r, &us, 2, tap_str("more"), &slot),
           MLSEC_NOMEM, "full: it was not that one that ended");

    mlsec_registry_worker_gone(r, 0, 77);
    service(r, 2, "s1")->opened.word = 5;
    tap_is(mlsec_registry_service(r, &us, 2, tap_str("more"), &slot),
           MLSEC_OK, "full: it has ended, its slots are given away");
    tap_ok(slot->opened.word == 0 && slot->slot.generation.word == 2,
           "full: zeroed");
    tap_ok(service(r, 2, "s0") != NULL && service(r, 2, "s1")->opened.word,
           "full: not those that are in use");

    munmap(r, SIZE);
}


static void
test_lock(void)
{
    mlsec_registry_t      *r;
    mlsec_service_slot_t  *slot;

    r = new_registry();
    dead = 0;

    r->writer.word = them.self;
    tap_is(mlsec_registry_service(r, &us, 1, tap_str("a"), &slot),
           MLSEC_DECLINED, "lock: held by a live process");

    dead = them.self;
    tap_is(mlsec_registry_service(r, &us, 1, tap_str("a"), &slot), MLSEC_OK,
           "lock: held by a dead one");
    tap_is((long long) r->writer.word, 0, "lock: given back");

    dead = 0;
    r->writer.word = them.self;
    tap_is(mlsec_registry_service(r, &us, 1, tap_str("a"), &slot), MLSEC_OK,
           "lock: not needed for what is there");

    munmap(r, SIZE);
}


/* A worker's words are its own, and a peer's are no other peer's. */

static void
test_counters(void)
{
    uint64_t               i, own, n;
    mlsec_registry_t      *r;
    mlsec_peer_slot_t     *x, *y, *left;
    mlsec_service_slot_t  *s;

    r = new_registry();
    s = service(r, 1, "a");
    x = peer(r, 1, s, "x");
    y = peer(r, 1, s, "y");
    left = NULL;

    tap_ok(mlsec_registry_counters(r, MLSEC_REGISTRY_COUNTERS) == NULL,
           "counters: not for every worker");
    tap_ok((unsigned char *) (mlsec_registry_counters(r,
                                           MLSEC_REGISTRY_COUNTERS - 1)
                              + r->npeers)
           <= (unsigned char *) r + SIZE, "counters: all are inside");
    tap_ok((unsigned char *) (mlsec_registry_cell(r, MLSEC_REGISTRY_WORKERS - 1,
                                           (uint32_t) r->nservices - 1) + 1)
           <= (unsigned char *) mlsec_registry_counters(r, 0),
           "counters: they are behind the cells");

    for (i = 0, own = 0; i < MLSEC_REGISTRY_COUNTERS; i++) {
        mlsec_atomic_own_add(&mlsec_registry_counters(r, (unsigned) i)
                                                          [x->index], i + 1);
        mlsec_atomic_own_add(&mlsec_registry_counters(r, (unsigned) i)
                                                          [y->index], 100);
        own += i + 1;
    }

    mlsec_atomic_add(&x->calls[MLSEC_OUTCOME_OK], 1000);
    mlsec_atomic_add(&x->calls[MLSEC_OUTCOME_STATUS], 7);

    tap_is((long long) mlsec_registry_calls(r, x, MLSEC_OUTCOME_OK),
           (long long) own + 1000, "counters: of all workers, and the slot's");
    tap_is((long long) mlsec_registry_calls(r, y, MLSEC_OUTCOME_OK),
           100 * MLSEC_REGISTRY_COUNTERS, "counters: of another peer");
    tap_is((long long) mlsec_registry_calls(r, x, MLSEC_OUTCOME_STATUS), 7,
           "counters: only of what went well");

    mlsec_registry_worker(r, 3, 100, 2);
    tap_is((long long) mlsec_registry_calls(r, y, MLSEC_OUTCOME_OK),
           100 * MLSEC_REGISTRY_COUNTERS, "counters: the next worker goes on");

    /* y is gone, and its slot given to the last peer that has room */

    mlsec_atomic_store(&y->slot.listed, 5);

    for (n = 2; n <= r->npeers; n++) {
        char  name[32];

        (void) snprintf(name, sizeof(name), "p%u", (unsigned) n);
        left = peer(r, 1, s, name);
    }

    tap_ok(left == y, "counters: a slot is given away");
    tap_is((long long) mlsec_registry_calls(r, left, MLSEC_OUTCOME_OK), 0,
           "counters: the next peer begins with none");
    tap_is((long long) mlsec_registry_calls(r, x, MLSEC_OUTCOME_OK),
           (long long) own + 1000, "counters: others are left alone");

    munmap(r, SIZE);
}


static void
test_workers(void)
{
    uint32_t               a, b;
    mlsec_cell_t          *cell;
    mlsec_registry_t      *r;
    mlsec_budget_live_t    live;

    r = new_registry();
    a = mlsec_registry_index(r, service(r, 1, "a"));
    b = mlsec_registry_index(r, service(r, 1, "b"));

    mlsec_registry_worker(r, 0, 100, 1);
    mlsec_registry_worker(r, 1, 101, 1);

    mlsec_atomic_add(&mlsec_registry_cell(r, 0, a)->calls, 3);
    mlsec_atomic_add(&mlsec_registry_cell(r, 1, a)->calls, 4);
    mlsec_atomic_add(&mlsec_registry_cell(r, 1, b)->calls, 1);

    tap_is((long long) mlsec_registry_inflight(r, a), 7, "workers: sum");

    mlsec_registry_worker(r, 1, 102, 1);

    tap_is((long long) mlsec_registry_inflight(r, a), 3,
           "workers: what a killed one had in flight is taken back");
    tap_is((long long) mlsec_registry_inflight(r, b), 0,
           "workers: of all services");

    cell = mlsec_registry_cell(r, 0, a);
    mlsec_atomic_add(&cell->calls, MLSEC_REGISTRY_RETRY);
    mlsec_atomic_add(&cell->calls, MLSEC_REGISTRY_RETRY);
    mlsec_atomic_add(&cell->calls, (uint64_t) -1);
    mlsec_atomic_add(&cell->calls, - MLSEC_REGISTRY_RETRY);
    mlsec_registry_live(r, a, &live);
    tap_is((long long) live.calls, 2, "workers: one has ended");
    tap_is((long long) live.retries, 1, "workers: a second one runs");
    mlsec_atomic_add(&mlsec_registry_cell(r, 0, a)->calls, 1);

    /* nobody takes the place of the last one */

    dead = 102;
    mlsec_atomic_add(&mlsec_registry_cell(r, 1, a)->calls, 5);
    tap_is((long long) mlsec_registry_inflight(r, a), 8,
           "workers: one has died");
    mlsec_registry_bury(r, &us);
    tap_is((long long) mlsec_registry_inflight(r, a), 3,
           "workers: what it had in flight is not counted");

    mlsec_registry_worker(r, 1, 103, 1);
    mlsec_atomic_add(&mlsec_registry_cell(r, 1, a)->calls, 1);
    mlsec_registry_bury(r, &us);
    tap_is((long long) mlsec_registry_inflight(r, a), 4,
           "workers: the next one counts from nothing");
    dead = 0;

    munmap(r, SIZE);
}


/* Four processes count at once: nothing is lost, one of them opens. */

#define COUNTS  100000

static const mlsec_breaker_conf_t  crowd_conf = {
    10000, 5000, 5000, 0, 50, 0, 20, 1
};


/* the tallies of a worker for a service */

typedef struct {
    mlsec_tally_t            good;
    mlsec_tally_t            first;
    mlsec_breaker_tallies_t  goods;
    mlsec_tallies_t          firsts;
} tallies_t;


static void
tallies_begin(const mlsec_registry_t *r, const mlsec_service_slot_t *s,
    unsigned number, tallies_t *t)
{
    uint32_t       index;
    mlsec_cell_t  *cell;

    index = mlsec_registry_index(r, s);
    cell = mlsec_registry_cell(r, number, index);

    t->good.word = &cell->good;
    t->good.until = 0;
    t->first.word = &cell->first;
    t->first.until = 0;

    mlsec_registry_tallies(r, index, &t->goods.all, &t->firsts);
    t->goods.own = &t->good;
}


/* what the breaker of another service and a budget are told */

static void
crowd_tallies(mlsec_registry_t *r, unsigned number, uint64_t from)
{
    uint64_t                 now;
    unsigned                 i;
    tallies_t                tallies;
    mlsec_service_slot_t    *s;
    mlsec_breaker_ticket_t   ticket = { 0, 0, 0 };

    s = service(r, 1, "b");
    tallies_begin(r, s, number, &tallies);

    for (i = 0; i < COUNTS; i++) {
        now = from + i / 24;

        mlsec_budget_call(&s->budget, &tallies.first, now);

        if (!mlsec_breaker_well(&s->breaker, &crowd_conf, &tallies.good,
                                ticket, 1, now))
        {
            (void) mlsec_breaker_report(&s->breaker, &crowd_conf,
                                        &tallies.goods, ticket, MLSEC_CALL_OK,
                                        (mlsec_moment_t) { now, 0, 1 });
        }
    }
}


static void
crowd_member(mlsec_registry_t *r, mlsec_service_slot_t *s,
    mlsec_peer_slot_t *p, unsigned number)
{
    unsigned                i;
    uint64_t                wait;
    mlsec_breaker_event_e   event;
    mlsec_breaker_ticket_t  ticket;

    for (i = 0; i < COUNTS; i++) {
        mlsec_window_add(&s->breaker.slow, 10000, 5000 + i / 1000, 0, i & 1);
        mlsec_atomic_add(&p->calls[i % MLSEC_OUTCOMES], 1);

        if (mlsec_breaker_admit(&s->breaker, &crowd_conf, 5000, 0, &ticket,
                                &wait)
            != MLSEC_OK)
        {
            continue;
        }

        event = mlsec_breaker_report(&s->breaker, &crowd_conf, NULL, ticket,
                                     MLSEC_CALL_FAILED,
                                     (mlsec_moment_t) { 5000, 0, 1 });

        if (event == MLSEC_BREAKER_OPENED) {
            mlsec_atomic_add(&s->opened, 1);
        }
    }

    crowd_tallies(r, number, 5000);

    _exit(0);
}


static void
test_crowd(void)
{
    unsigned               i;
    uint64_t               calls;
    mlsec_tallies_t        good, first;
    mlsec_registry_t      *r;
    mlsec_peer_slot_t     *p;
    mlsec_window_sum_t     sum;
    mlsec_service_slot_t  *s, *b;

    r = new_registry();
    s = service(r, 1, "a");
    b = service(r, 1, "b");
    p = peer(r, 1, s, "x");

    fflush(stdout);

    for (i = 0; i < 4; i++) {
        mlsec_registry_worker(r, i, 100 + i, 1);

        if (fork() == 0) {
            crowd_member(r, s, p, i);
        }
    }

    while (wait(NULL) > 0) { /* void */ }

    mlsec_window_sum(&s->breaker.slow, NULL, 10000, 5100, 0, &sum);

    tap_is((long long) sum.total, 4 * COUNTS, "crowd: every call counted");
    tap_is((long long) sum.bad, 2 * COUNTS, "crowd: every bad one");
    tap_is((long long) s->opened.word, 1, "crowd: opened by one of them");

    for (i = 0, calls = 0; i < MLSEC_OUTCOMES; i++) {
        calls += p->calls[i].word;
    }

    tap_is((long long) calls, 4 * COUNTS, "crowd: counters");

    mlsec_registry_tallies(r, mlsec_registry_index(r, b), &good, &first);
    tap_is((long long) r->cells.word, 4, "crowd: cells");

    mlsec_window_sum(&b->breaker.failures, &good, 10000, 9166, 0, &sum);
    tap_is((long long) sum.total, 4 * COUNTS, "crowd: tallies of a breaker");
    mlsec_window_sum(&b->budget.window, &first, 10000, 9166, 0, &sum);
    tap_is((long long) sum.total, 4 * COUNTS, "crowd: tallies of a budget");

    /* the next ones of these places go on */

    for (i = 0; i < 4; i++) {
        mlsec_registry_worker(r, i, 200 + i, 2);
        crowd_tallies(r, i, 9166);
    }

    mlsec_window_sum(&b->budget.window, &first, 10000, 13332, 0, &sum);
    tap_is((long long) sum.total, 8 * COUNTS, "crowd: of their successors");

    munmap(r, SIZE);
}


/*
 * A process that does everything there is to do is stopped before every
 * single instruction; what its death there would leave behind is looked at in
 * a copy.
 */

static const mlsec_breaker_conf_t  victim_conf = {
    10000, 1000, 5000, 0, 50, 0, 2, 1
};
static const mlsec_outlier_conf_t  victim_outlier = { 1000, 5000, 2 };
static const mlsec_health_conf_t   victim_health = { 1, 1 };


static void
victim(mlsec_registry_t *r)
{
    unsigned                i;
    uint64_t                wait;
    mlsec_gate_t            gate;
    mlsec_process_t         self;
    mlsec_peer_slot_t      *p;
    mlsec_gate_line_t       line;
    tallies_t               tallies;
    mlsec_service_slot_t   *s;
    mlsec_breaker_ticket_t  ticket;

    self = us;
    self.self = (uint32_t) getpid();

    (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void) raise(SIGSTOP);

    mlsec_registry_worker(r, 3, self.self, 1);
    (void) mlsec_leader_ask(&r->leader, &self, 1000, 100000);
    (void) mlsec_registry_service(r, &self, 1, tap_str("new"), &s);
    (void) mlsec_registry_peer(r, &self, 1, s, tap_str("new:1"), &p);

    tallies_begin(r, s, 3, &tallies);

    for (i = 0; i < 4; i++) {
        mlsec_atomic_add(&mlsec_registry_cell(r, 3,
                                  mlsec_registry_index(r, s))->calls, 1);

        if (mlsec_breaker_admit(&s->breaker, &victim_conf,
                                10000 + i / 2 * 1000, 0, &ticket, &wait)
            == MLSEC_OK)
        {
            (void) mlsec_breaker_report(&s->breaker, &victim_conf,
                                        &tallies.goods, ticket,
                                        i < 3 ? MLSEC_CALL_FAILED
                                              : MLSEC_CALL_OK,
                                        (mlsec_moment_t)
                                        { 10000 + i / 2 * 1000, 20, 1 });
        }

        (void) mlsec_outlier_report(&p->outlier, &victim_outlier, 1, 10000);
        (void) mlsec_health_report(&p->health, &victim_health, i & 1, 10000);
    }

    gate.registry = r;
    gate.service = mlsec_registry_index(r, s);
    gate.cell = mlsec_registry_cell(r, 3, gate.service);
    gate.self = &r->workers[3];
    gate.max = 5;
    gate.queue = 1;

    line.n = 1;
    line.since = 10000;

    (void) mlsec_gate_enter(&gate, MLSEC_GATE_REQUIRED);
    (void) mlsec_gate_join(&gate, MLSEC_GATE_REQUIRED, &line);
    mlsec_gate_leave(&gate);

    _exit(0);
}


/* 1: whoever comes after the victim finds everything in order. */

static int
inquest(mlsec_registry_t *r)
{
    uint64_t                i, n, wait;
    mlsec_peer_slot_t      *p, *q;
    mlsec_outlier_view_t    outlier;
    mlsec_breaker_view_t    view;
    tallies_t               tallies;
    mlsec_service_slot_t   *s, *t;
    mlsec_breaker_ticket_t  ticket;

    /* what was there before */

    s = service(r, 1, "old");
    p = s ? peer(r, 1, s, "old:1") : NULL;

    if (p == NULL || s->opened.word != 42 || p->ejected.word != 43) {
        return 0;
    }

    /* what it was about to make can be made, once */

    s = service(r, 1, "new");
    p = s ? peer(r, 1, s, "new:1") : NULL;
    t = service(r, 1, "next");
    q = t ? peer(r, 1, t, "new:1") : NULL;

    if (p == NULL || q == NULL || s == t || p == q) {
        return 0;
    }

    for (i = 0, n = 0; i < r->nservices; i++) {
        n += mlsec_slot_used(&mlsec_registry_service_at(r, i)->slot);
    }

    if (n != 3) {
        return 0;
    }

    /* its state makes sense, and goes on */

    tallies_begin(r, s, 3, &tallies);

    mlsec_breaker_view(&s->breaker, &victim_conf, &tallies.goods, 12000, &view);
    mlsec_outlier_view(&p->outlier, &victim_outlier, &outlier);

    if (view.failures.bad > view.failures.total || view.failures.total > 2
        || view.state > MLSEC_BREAKER_HALF_OPEN
        || outlier.ejected != (outlier.until == 11000))
    {
        return 0;
    }

    for (i = 0; i < 3; i++) {

        if (mlsec_breaker_admit(&s->breaker, &victim_conf, 100000 + i * 10000,
                                0, &ticket, &wait)
            != MLSEC_OK)
        {
            return 0;
        }

        (void) mlsec_breaker_report(&s->breaker, &victim_conf, &tallies.goods,
                                    ticket, MLSEC_CALL_OK, (mlsec_moment_t)
                                    { 100000 + i * 10000, 0, 1 });
    }

    mlsec_breaker_view(&s->breaker, &victim_conf, &tallies.goods, 130000,
                       &view);

    if (view.state != MLSEC_BREAKER_CLOSED
        || mlsec_leader_ask(&r->leader, &us, 1000, 1000) != 1)
    {
        return 0;
    }

    /* its calls in flight, and what waited there */

    mlsec_registry_worker(r, 3, us.self, 1);

    return mlsec_registry_inflight(r, mlsec_registry_index(r, s)) == 0
           && mlsec_gate_waiting(r, mlsec_registry_index(r, s)) == 0;
}


static void
test_victim(void)
{
    int                status;
    pid_t              pid;
    unsigned           steps, failed;
    mlsec_registry_t  *r, *copy;

    r = new_registry();
    copy = new_registry();

    service(r, 1, "old")->opened.word = 42;
    peer(r, 1, service(r, 1, "old"), "old:1")->ejected.word = 43;

    fflush(stdout);
    pid = fork();

    if (pid == 0) {
        victim(r);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        tap_ok(1, "victim # SKIP no ptrace here");
        return;
    }

    dead = (uint32_t) pid;
    steps = 0;
    failed = 0;

    while (WIFSTOPPED(status)) {
        memcpy(copy, r, SIZE);

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
    tap_ok(steps > 500, "victim: %u instructions", steps);
    tap_ok(failed == 0, "victim: dead before any of them, all is in order: "
           "%u are not", failed);
    tap_ok(inquest(r), "victim: and in the end");

    dead = 0;
    munmap(r, SIZE);
    munmap(copy, SIZE);
}


int
main(void)
{
    test_layout();
    test_claim();
    test_full();
    test_lock();
    test_counters();
    test_workers();
    test_crowd();
    test_victim();

    return tap_done();
}
