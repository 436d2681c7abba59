/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_gate.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define SIZE       (64 * 1024)
#define PROCESSES  4
#define PLACES     2
#define ROUNDS     20000
#define PATIENCE   5000                      /* ms, for a wake that is due */
#define NOW        8000                      /* ms */


static mlsec_registry_t  *r;
static uint32_t           service;


static int
alive(void *ctx, uint32_t pid)
{
    (void) ctx;

    return pid != 0;
}


static mlsec_gate_t
gate(unsigned worker, unsigned max, unsigned queue)
{
    mlsec_gate_t  g;

    g.registry = r;
    g.service = service;
    g.cell = mlsec_registry_cell(r, worker, service);
    g.self = &r->workers[worker];
    g.max = max;
    g.queue = queue;

    return g;
}


static void
new_registry(void)
{
    mlsec_process_t        self = { alive, NULL, 1 };
    mlsec_service_slot_t  *slot;

    r = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);

    if (r == MAP_FAILED || mlsec_registry_format(r, SIZE) != MLSEC_OK
        || mlsec_registry_service(r, &self, 1, tap_str("a"), &slot)
           != MLSEC_OK)
    {
        abort();
    }

    service = mlsec_registry_index(r, slot);
    mlsec_registry_worker(r, 0, 100, 1);
    mlsec_registry_worker(r, 1, 101, 1);
}


static void
test_places(void)
{
    unsigned      i, n;
    mlsec_gate_t  a, b;

    new_registry();
    a = gate(0, 5, 0);
    b = gate(1, 5, 0);

    for (i = 0, n = 0; i < 10; i++) {
        n += mlsec_gate_enter(i % 2 ? &a : &b, MLSEC_GATE_OPTIONAL);
    }

    tap_is(n, 4, "places: four fifths for those that need not be called");

    for (i = 0, n = 0; i < 10; i++) {
        n += mlsec_gate_enter(i % 2 ? &a : &b, MLSEC_GATE_REQUIRED);
    }

    tap_is(n, 1, "places: the rest for those that have to be");
    tap_is((long long) mlsec_registry_inflight(r, service), 5,
           "places: a refusal leaves nothing behind");

    mlsec_gate_leave(&a);
    tap_is(mlsec_gate_enter(&b, MLSEC_GATE_OPTIONAL), 0, "places: one left");
    tap_is(mlsec_gate_enter(&b, MLSEC_GATE_REQUIRED), 1, "places: taken");

    /* a worker dies */

    mlsec_registry_worker(r, 1, 102, 1);
    tap_is((long long) mlsec_registry_inflight(r, service), 1,
           "places: of a worker that has died");

    a = gate(0, 1, 0);
    mlsec_gate_leave(&a);
    tap_is(mlsec_gate_enter(&a, MLSEC_GATE_OPTIONAL), 1, "places: of one");

    munmap(r, SIZE);
}


static void
test_queue(void)
{
    unsigned           worker;
    mlsec_gate_t       a, b;
    mlsec_gate_line_t  line;

    new_registry();
    a = gate(0, 1, 3);
    b = gate(1, 1, 3);

    tap_is(mlsec_gate_enter(&a, MLSEC_GATE_REQUIRED), 1, "queue: one is in");
    tap_is(mlsec_gate_ahead(&b, MLSEC_GATE_OPTIONAL, NOW), 0,
           "queue: empty");

    mlsec_gate_awake(&a, NOW);
    mlsec_gate_awake(&b, NOW + 20);

    line.n = 1;
    line.since = 5000;
    tap_is(mlsec_gate_join(&b, MLSEC_GATE_OPTIONAL, &line), 1, "queue: one");
    line.n = 2;
    tap_is(mlsec_gate_join(&b, MLSEC_GATE_OPTIONAL, &line), 1,
           "queue: half of it for those that need not be called");
    line.n = 3;
    tap_is(mlsec_gate_join(&b, MLSEC_GATE_OPTIONAL, &line), 0,
           "queue: and no more");
    tap_is(mlsec_gate_ahead(&a, MLSEC_GATE_OPTIONAL, NOW), 1,
           "queue: ahead");
    tap_is(mlsec_gate_ahead(&a, MLSEC_GATE_REQUIRED, NOW), 0,
           "queue: not of those that have to be called");

    line.n = 1;
    line.since = 6000;
    tap_is(mlsec_gate_join(&a, MLSEC_GATE_REQUIRED, &line), 1,
           "queue: the last place");
    tap_is(mlsec_gate_join(&b, MLSEC_GATE_REQUIRED, &line), 0, "queue: full");
    tap_is((long long) mlsec_gate_waiting(r, service), 3, "queue: three wait");
    tap_is(mlsec_gate_next(&a, NOW, &worker), 0, "next: no room");

    mlsec_gate_leave(&a);
    tap_ok(mlsec_gate_next(&a, NOW, &worker) && worker == 0,
           "next: the one that has to be called, though it came later");

    line.n = 0;
    mlsec_gate_tell(&a, MLSEC_GATE_REQUIRED, &line);
    line.n = 1;
    line.since = 4000;
    tap_is(mlsec_gate_join(&a, MLSEC_GATE_OPTIONAL, &line), 0,
           "queue: half of it, in all workers");
    line.n = 1;
    line.since = 5000;
    mlsec_gate_tell(&b, MLSEC_GATE_OPTIONAL, &line);
    line.since = 4000;
    tap_is(mlsec_gate_join(&a, MLSEC_GATE_OPTIONAL, &line), 1,
           "queue: one has gone");
    tap_ok(mlsec_gate_next(&b, NOW, &worker) && worker == 0,
           "next: the first of all");
    line.since = 7000;
    mlsec_gate_tell(&a, MLSEC_GATE_OPTIONAL, &line);
    tap_ok(mlsec_gate_next(&a, NOW, &worker) && worker == 1,
           "next: of the other worker");

    /* nobody waits behind a worker that hangs, but for its places */

    mlsec_gate_awake(&b, NOW - MLSEC_GATE_PATIENCE);
    tap_ok(mlsec_gate_next(&a, NOW, &worker) && worker == 1,
           "next: it is said to be awake");
    mlsec_gate_awake(&b, NOW - MLSEC_GATE_PATIENCE - 1);
    tap_ok(mlsec_gate_next(&a, NOW, &worker) && worker == 0,
           "next: it hangs");
    line.n = 0;
    mlsec_gate_tell(&a, MLSEC_GATE_OPTIONAL, &line);
    tap_is(mlsec_gate_next(&a, NOW, &worker), 0, "next: only it has a line");
    tap_is(mlsec_gate_ahead(&a, MLSEC_GATE_OPTIONAL, NOW), 0,
           "queue: it is passed");
    tap_is((long long) mlsec_gate_waiting(r, service), 1,
           "queue: who waits there counts");
    mlsec_gate_awake(&b, NOW);
    tap_ok(mlsec_gate_next(&a, NOW, &worker) && worker == 1,
           "next: it goes on");
    line.n = 1;
    mlsec_gate_tell(&a, MLSEC_GATE_OPTIONAL, &line);

    /* what waited in a worker that has died does not wait */

    mlsec_registry_worker(r, 1, 102, 1);
    tap_ok(mlsec_gate_next(&a, NOW, &worker) && worker == 0,
           "next: it has died");
    tap_is((long long) mlsec_gate_waiting(r, service), 1, "queue: it too");

    munmap(r, SIZE);
}


/*
 * Processes that take places, leave them and wait, each as a worker does; a
 * wake is a byte in a pipe.  One that waits while there is room, and is not
 * woken, was forgotten.
 */

static int              pipes[PROCESSES][2];
static mlsec_atomic_t  *shared;              /* 0: inside; 1: worst; 2: sum */


static void
wake(const mlsec_gate_t *g)
{
    unsigned  worker;

    if (mlsec_gate_next(g, NOW, &worker)
        && write(pipes[worker][1], "", 1) != 1)
    {
        _exit(3);
    }
}


static void
visit(const mlsec_gate_t *g)
{
    uint64_t  now, worst;

    mlsec_atomic_add(&shared[0], 1);
    now = mlsec_atomic_load(&shared[0]);
    worst = mlsec_atomic_load(&shared[1]);

    while (now > worst && !mlsec_atomic_cas(&shared[1], &worst, now)) {
        /* void */
    }

    mlsec_atomic_add(&shared[0], (uint64_t) -1);
    mlsec_atomic_add(&shared[2], 1);
    mlsec_gate_leave(g);
    wake(g);
}


static void
await(const mlsec_gate_t *g, unsigned self)
{
    char               byte;
    struct pollfd      in;
    mlsec_gate_line_t  line;

    in.fd = pipes[self][0];
    in.events = POLLIN;

    line.n = 1;
    line.since = 1000 + self;

    if (!mlsec_gate_join(g, MLSEC_GATE_REQUIRED, &line)) {
        _exit(1);
    }

    wake(g);

    for ( ;; ) {

        if (poll(&in, 1, PATIENCE) != 1 || read(in.fd, &byte, 1) != 1) {
            _exit(2);
        }

        if (mlsec_gate_enter(g, MLSEC_GATE_REQUIRED)) {
            break;
        }

        wake(g);
    }

    line.n = 0;
    mlsec_gate_tell(g, MLSEC_GATE_REQUIRED, &line);
    wake(g);
}


static void
worker(unsigned self)
{
    unsigned      i;
    mlsec_gate_t  g;

    g = gate(self, PLACES, PROCESSES);
    mlsec_gate_awake(&g, NOW);

    for (i = 0; i < ROUNDS; i++) {

        if (mlsec_gate_ahead(&g, MLSEC_GATE_REQUIRED, NOW)
            || !mlsec_gate_enter(&g, MLSEC_GATE_REQUIRED))
        {
            await(&g, self);
        }

        visit(&g);
    }

    _exit(0);
}


static void
test_crowd(void)
{
    int       status;
    pid_t     pids[PROCESSES];
    unsigned  i, codes[PROCESSES];

    new_registry();
    shared = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);

    for (i = 0; i < PROCESSES; i++) {
        mlsec_registry_worker(r, i, 100 + i, 1);

        if (pipe(pipes[i]) != 0) {
            abort();
        }
    }

    fflush(stdout);

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            worker(i);
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        (void) waitpid(pids[i], &status, 0);
        codes[i] = WIFEXITED(status) ? (unsigned) WEXITSTATUS(status) : 99;
    }

    for (i = 0; i < PROCESSES; i++) {
        tap_ok(codes[i] == 0, "crowd: %u is never forgotten (%u)", i,
               codes[i]);
    }

    tap_is((long long) mlsec_atomic_load(&shared[2]), PROCESSES * ROUNDS,
           "crowd: everybody has been inside each time");
    tap_ok(mlsec_atomic_load(&shared[1]) <= PLACES,
           "crowd: never more than there may be: %u",
           (unsigned) mlsec_atomic_load(&shared[1]));
    tap_is((long long) mlsec_registry_inflight(r, service), 0,
           "crowd: nobody is left inside");
    tap_is((long long) mlsec_gate_waiting(r, service), 0,
           "crowd: nobody waits");
}


int
main(void)
{
    test_places();
    test_queue();
    test_crowd();

    return tap_done();
}
