/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_discovery.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>


#define SIZE   (32 * 1024)


static uint32_t  dead;           /* pid of a process that is to be dead */


static int
alive(void *ctx, uint32_t pid)
{
    (void) ctx;

    return pid != dead;
}


static const mlsec_process_t  us = { alive, NULL, 1000 };


static void *
from_heap(void *ctx, size_t size)
{
    static uint64_t  arena[512];

    (void) ctx;

    return size <= sizeof(arena) ? arena : NULL;
}


static void *
from_nothing(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static const mlsec_mem_t  heap = { from_heap, NULL };
static const mlsec_mem_t  nothing = { from_nothing, NULL };


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


static mlsec_discovery_t
scope(mlsec_registry_t *r, const char *name, unsigned places)
{
    mlsec_discovery_t  d = { r, &us, NULL, 1, 100000, places };

    (void) mlsec_registry_service(r, &us, 1, tap_str(name), &d.service);

    return d;
}


/* "a b* c:7": addresses; "*" is a backup, the digit a weight. */

static size_t
answer(const char *text, mlsec_address_t *addresses)
{
    size_t       n;
    const char  *p;

    for (n = 0, p = text; *p; n++) {
        addresses[n].name.data = (const unsigned char *) p;
        addresses[n].name.len = strcspn(p, " *:");
        addresses[n].weight = 1;
        addresses[n].backup = 0;

        p += addresses[n].name.len;

        if (*p == ':') {
            addresses[n].weight = (unsigned) (p[1] - '0');
            p += 2;
        }

        if (*p == '*') {
            addresses[n].backup = 1;
            p++;
        }

        p += (*p == ' ');
    }

    return n;
}


/* What the list says, place by place: "a b*:3 - c". */

static const char *
list(const mlsec_discovery_t *d)
{
    size_t              len;
    unsigned            i;
    static char         text[2048];
    mlsec_place_t       place;
    mlsec_peer_slot_t  *peer;

    for (i = 0, len = 0; i < 6; i++) {
        mlsec_place_view(d->service->places[i].word, &place);

        if (i) {
            text[len++] = ' ';
        }

        if (!place.used) {
            text[len++] = '-';
            continue;
        }

        peer = mlsec_registry_peer_at(d->registry, place.peer);

        memcpy(text + len, peer->slot.name, peer->slot.len);
        len += peer->slot.len;

        if (place.weight != 1) {
            len += (size_t) sprintf(text + len, ":%u", place.weight);
        }

        if (place.backup) {
            text[len++] = '*';
        }
    }

    text[len] = '\0';

    return text;
}


static mlsec_discovery_change_t
update(const mlsec_discovery_t *d, const char *text, int keep)
{
    size_t                    n;
    mlsec_address_t           addresses[80];
    mlsec_discovery_change_t  change;

    n = answer(text, addresses);
    (void) mlsec_discovery_update(d, &heap, addresses, n, keep, &change);

    return change;
}


static void
list_is(const mlsec_discovery_t *d, const char *expected, const char *name)
{
    if (!tap_ok(strcmp(list(d), expected) == 0, "%s", name)) {
        tap_diag("got \"%s\", expected \"%s\"", list(d), expected);
    }
}


static void
test_sort(void)
{
    size_t           i, n, len;
    char             text[128];
    mlsec_address_t  a[8];

    static const struct {
        const char  *in, *out;
    } table[] = {
        { "", "" },
        { "b", "b1 " },
        { "b a", "a1 b1 " },
        { "a b", "a1 b1 " },
        { "ab a aa", "a1 aa1 ab1 " },
        { "a* b", "b1 a1* " },
        { "a:2 a:3 a:1", "a3 " },
        { "a:2* a:1", "a1 " },
        { "c a b a c", "a1 b1 c1 " }
    };

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        n = mlsec_addresses_sort(a, answer(table[i].in, a));
        text[0] = '\0';

        for (len = 0; n > 0 && len < n; len++) {
            sprintf(text + strlen(text), "%.*s%u%s ", (int) a[len].name.len,
                    (const char *) a[len].name.data, a[len].weight,
                    a[len].backup ? "*" : "");
        }

        if (!tap_ok(strcmp(text, table[i].out) == 0, "sort: \"%s\"",
                    table[i].in))
        {
            tap_diag("got \"%s\"", text);
        }
    }
}


static void
test_places(void)
{
    mlsec_registry_t          *r;
    mlsec_discovery_t          d;
    mlsec_discovery_change_t   change;

    r = new_registry();
    d = scope(r, "s", 4);

    change = update(&d, "b a", 0);
    list_is(&d, "a b - - - -", "places: the order of the answer is nothing");
    tap_ok(change.added == 2 && change.removed == 0 && change.used == 2
           && change.left == 0 && change.full == 0, "places: added");

    change = update(&d, "b c", 0);
    list_is(&d, "- b c - - -", "places: who stays, stays where it is");
    tap_ok(change.added == 1 && change.removed == 1 && change.used == 2,
           "places: one for another");

    change = update(&d, "d b c", 0);
    list_is(&d, "d b c - - -", "places: the first free one");

    (void) update(&d, "b c", 0);
    (void) update(&d, "x y b c", 0);
    list_is(&d, "x b c y - -", "places: full");
    (void) update(&d, "b", 0);
    (void) update(&d, "b y", 0);
    list_is(&d, "- b - y - -", "places: back where it was");

    change = update(&d, "1 2 3 4", 0);
    list_is(&d, "1 3 2 4 - -", "places: all at once, free ones first");
    tap_ok(change.added == 4 && change.removed == 2, "places: all others");

    change = update(&d, "1 2 3 4 5 6", 0);
    list_is(&d, "1 3 2 4 - -", "places: more than there are, who is, stays");
    tap_is(change.left, 2, "places: how many are left");

    change = update(&d, "5", 1);
    list_is(&d, "1 3 2 4 - -", "places: an answer that is not complete");
    tap_ok(change.left == 1 && change.removed == 0, "places: removes nothing");

    (void) update(&d, "1:5 2* 3:2*", 0);
    list_is(&d, "1:5 3:2* 2* - - -", "places: weight, backup");
    change = update(&d, "1 2 3", 0);
    list_is(&d, "1 3 2 - - -", "places: and changed");
    tap_ok(change.added == 0 && change.removed == 0, "places: none is new");

    d.places = 2;
    (void) update(&d, "1 2 3", 0);
    list_is(&d, "1 3 - - - -", "places: fewer than there were");

    change = update(&d, "", 0);
    list_is(&d, "- - - - - -", "places: empty");
    tap_is(change.removed, 2, "places: all removed");

    munmap(r, SIZE);
}


static uint64_t
listed(const mlsec_discovery_t *d, const char *name)
{
    mlsec_peer_slot_t  *peer;

    (void) mlsec_registry_peer(d->registry, &us, 1, d->service, tap_str(name),
                               &peer);

    return peer->slot.listed.word;
}


/* The state of an address is its own, wherever its place is. */

static void
test_state(void)
{
    mlsec_registry_t   *r;
    mlsec_discovery_t   d;
    mlsec_peer_slot_t  *peer;

    r = new_registry();
    d = scope(r, "s", 4);

    (void) update(&d, "a b", 0);
    tap_is((long long) listed(&d, "a"),
           (long long) (MLSEC_SLOT_LISTED | 90000),
           "state: the first ones have started");

    (void) mlsec_registry_peer(r, &us, 1, d.service, tap_str("a"), &peer);
    peer->outlier.word = 42;
    peer->drain.word = 43;
    peer->calls[0].word = 44;

    d.now = 110000;
    (void) update(&d, "b c", 0);
    tap_is((long long) listed(&d, "a"), 110000, "state: when it left");
    tap_is((long long) listed(&d, "c"),
           (long long) (MLSEC_SLOT_LISTED | 110000), "state: when it came");

    d.now = 170000;
    (void) update(&d, "a b c", 0);
    tap_ok(peer->outlier.word == 42 && peer->drain.word == 43,
           "state: back within a minute, nothing is forgotten");
    tap_is((long long) listed(&d, "a"),
           (long long) (MLSEC_SLOT_LISTED | 170000), "state: starts anew");

    (void) update(&d, "b c", 0);
    d.now += MLSEC_DISCOVERY_FORGET + 1;
    (void) update(&d, "a b c", 0);
    tap_ok(peer->outlier.word == 0 && peer->drain.word == 0
           && peer->calls[0].word == 44, "state: back later, it is");

    munmap(r, SIZE);
}


/* Addresses that come and go do not fill the zone. */

static void
test_churn(void)
{
    char                      text[32];
    unsigned                  i, left;
    mlsec_registry_t         *r;
    mlsec_discovery_t         d, other;
    mlsec_peer_slot_t        *peer;
    mlsec_discovery_change_t  change;

    r = new_registry();
    d = scope(r, "s", 4);
    other = scope(r, "other", 4);

    (void) mlsec_registry_begin(r);
    mlsec_registry_worker(r, 0, us.self, 1);
    (void) mlsec_registry_peer(r, &us, 1, other.service, tap_str("fixed"),
                               &peer);

    for (i = 0, left = 0; i < 1000; i++) {
        d.now += 1000;
        sprintf(text, "n%u n%u", i, i + 1);
        change = update(&d, text, 0);
        left += change.left + change.full + (change.used != 2);
    }

    tap_is(left, 0, "churn: 1000 addresses, each had room");
    tap_ok(mlsec_slot_used(&peer->slot) && peer->slot.len == 5
           && memcmp(peer->slot.name, "fixed", 5) == 0,
           "churn: a server of the configuration stays");

    /* as many as there are slots are wanted at the same time */

    for (i = 0, left = 0; i < r->npeers; i++) {
        sprintf(text, "x%u", i);
        left += mlsec_registry_peer(r, &us, 1, other.service, tap_str(text),
                                    &peer)
                != MLSEC_OK;
    }

    tap_is(left, 3, "churn: two in the list and one more are not given away");
    change = update(&d, "n999 n1000 y", 0);
    tap_ok(change.full == 1 && change.left == 1 && change.used == 2,
           "churn: a full zone keeps what is there");
    change = update(&d, "p n1000", 0);
    tap_ok(change.full == 0 && change.left == 0 && change.added == 1
           && change.removed == 1 && change.used == 2,
           "churn: a full zone, one takes the room of another");
    change = update(&d, "q r", 0);
    tap_ok(change.full == 0 && change.left == 0 && change.added == 2
           && change.removed == 2 && change.used == 2,
           "churn: a full zone, all take the room of all others");
    change = update(&d, "q r s", 0);
    tap_ok(change.full == 1 && change.left == 1 && change.used == 2,
           "churn: a full zone, no room for one more");

    munmap(r, SIZE);
}


static void
test_adopt(void)
{
    mlsec_registry_t   *r;
    mlsec_discovery_t   d;
    mlsec_peer_slot_t  *peer;

    r = new_registry();
    d = scope(r, "s", 4);

    (void) update(&d, "a b", 0);
    (void) update(&d, "b", 0);

    d.generation = 7;
    mlsec_discovery_adopt(&d);

    (void) mlsec_registry_peer(r, &us, 1, d.service, tap_str("b"), &peer);
    tap_is((long long) peer->slot.generation.word, 7, "adopt: in the list");
    (void) mlsec_registry_peer(r, &us, 1, d.service, tap_str("a"), &peer);
    tap_is((long long) peer->slot.generation.word, 1, "adopt: not in it");

    /* its leader died between the place and the peer */

    peer->slot.listed.word = MLSEC_SLOT_LISTED | 5;
    d.now = 200000;
    mlsec_discovery_heal(&d);
    tap_is((long long) peer->slot.listed.word, 200000, "heal: may be given");
    (void) mlsec_registry_peer(r, &us, 1, d.service, tap_str("b"), &peer);
    tap_ok((peer->slot.listed.word & MLSEC_SLOT_LISTED) != 0, "heal: may not");

    munmap(r, SIZE);
}


static void
test_busy(void)
{
    mlsec_address_t           a[2];
    mlsec_registry_t         *r;
    mlsec_discovery_t         d;
    mlsec_discovery_change_t  change;

    r = new_registry();
    d = scope(r, "s", 4);
    (void) update(&d, "a", 0);

    r->writer.word = 2000;
    tap_is(mlsec_discovery_update(&d, &heap, a, answer("b c", a), 0, &change),
           MLSEC_DECLINED, "busy: another process claims a slot");
    list_is(&d, "a - - - - -", "busy: what is there is there");
    r->writer.word = 0;

    tap_is(mlsec_discovery_update(&d, &nothing, a, answer("b", a), 0,
                                  &change),
           MLSEC_NOMEM, "no memory");
    list_is(&d, "a - - - - -", "no memory: what is there is there");

    munmap(r, SIZE);
}


static void
test_report(void)
{
    unsigned                i;
    mlsec_atomic_t          state;
    mlsec_discovery_view_t  v;

    static const struct {
        mlsec_lookup_e  lookup;
        int             believed;
        unsigned        empties, failures;
        uint64_t        good;
    } table[] = {
        { MLSEC_LOOKUP_FAILED, 0, 0, 1, 0 },
        { MLSEC_LOOKUP_OK,     1, 0, 0, 1002 },
        { MLSEC_LOOKUP_EMPTY,  0, 1, 0, 1002 },
        { MLSEC_LOOKUP_EMPTY,  0, 2, 0, 1002 },
        { MLSEC_LOOKUP_OK,     1, 0, 0, 1005 },
        { MLSEC_LOOKUP_EMPTY,  0, 1, 0, 1005 },
        { MLSEC_LOOKUP_EMPTY,  0, 2, 0, 1005 },
        { MLSEC_LOOKUP_FAILED, 0, 2, 1, 1005 },
        { MLSEC_LOOKUP_FAILED, 0, 2, 2, 1005 },
        { MLSEC_LOOKUP_EMPTY,  1, 3, 0, 1010 },
        { MLSEC_LOOKUP_EMPTY,  1, 4, 0, 1011 },
        { MLSEC_LOOKUP_FAILED, 0, 4, 1, 1011 },
        { MLSEC_LOOKUP_OK,     1, 0, 0, 1013 }
    };

    state.word = 0;
    mlsec_discovery_view(&state, &v);
    tap_ok(v.last == MLSEC_LOOKUP_NEVER && v.good == 0, "report: nothing yet");

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tap_is(mlsec_discovery_report(&state, table[i].lookup, 62, 1001 + i),
               table[i].believed, "report: believed");

        mlsec_discovery_view(&state, &v);
        tap_ok(v.last == table[i].lookup && v.empties == table[i].empties
               && v.failures == table[i].failures && v.good == table[i].good
               && v.code == (v.last == MLSEC_LOOKUP_FAILED ? 62 : 0),
               "report: %u", i);
    }

    for (i = 0; i < 600; i++) {
        (void) mlsec_discovery_report(&state, MLSEC_LOOKUP_EMPTY, 0, 5000);
        (void) mlsec_discovery_report(&state, MLSEC_LOOKUP_FAILED, 1, 5000);
    }

    mlsec_discovery_view(&state, &v);
    tap_ok(v.empties == 255 && v.failures == 1 && v.code == 1,
           "report: counts have an end");
}


static void
test_next(void)
{
    unsigned                i;
    char                    name[64];
    mlsec_discovery_conf_t  conf;
    mlsec_discovery_view_t  v;

    static const struct {
        mlsec_lookup_e  last;
        unsigned        empties, failures;
        uint64_t        min, max, ttl, next;
    } table[] = {
        { MLSEC_LOOKUP_OK, 0, 0, 1000, 60000, 0, 1000 },
        { MLSEC_LOOKUP_OK, 0, 0, 1000, 60000, 999, 1000 },
        { MLSEC_LOOKUP_OK, 0, 0, 1000, 60000, 30000, 30000 },
        { MLSEC_LOOKUP_OK, 0, 0, 1000, 60000, 86400000, 60000 },
        { MLSEC_LOOKUP_OK, 0, 0, 500, 500, 7, 500 },
        { MLSEC_LOOKUP_EMPTY, 1, 0, 1000, 60000, 10000, 1000 },
        { MLSEC_LOOKUP_EMPTY, 3, 0, 1000, 60000, 10000, 1000 },
        { MLSEC_LOOKUP_EMPTY, 4, 0, 1000, 60000, 10000, 1000 },
        { MLSEC_LOOKUP_EMPTY, 5, 0, 1000, 60000, 10000, 2000 },
        { MLSEC_LOOKUP_EMPTY, 255, 0, 1000, 60000, 10000, 5000 },
        { MLSEC_LOOKUP_EMPTY, 255, 0, 1000, 2000, 10000, 2000 },
        { MLSEC_LOOKUP_EMPTY, 255, 0, 9000, 60000, 10000, 9000 },
        { MLSEC_LOOKUP_FAILED, 0, 1, 1000, 60000, 10000, 1000 },
        { MLSEC_LOOKUP_FAILED, 0, 2, 1000, 60000, 10000, 2000 },
        { MLSEC_LOOKUP_FAILED, 0, 3, 1000, 60000, 10000, 4000 },
        { MLSEC_LOOKUP_FAILED, 0, 255, 1000, 60000, 10000, 5000 },
        { MLSEC_LOOKUP_FAILED, 0, 255, 1, 1, 10000, 1 }
    };

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        conf.min = table[i].min;
        conf.max = table[i].max;

        memset(&v, 0, sizeof(v));
        v.last = table[i].last;
        v.empties = table[i].empties;
        v.failures = table[i].failures;

        sprintf(name, "next: %u", i);
        tap_is((long long) mlsec_discovery_next(&conf, &v, table[i].ttl),
               (long long) table[i].next, name);
    }
}


static void
test_share(void)
{
    uint64_t  at;

    at = MLSEC_SLOT_LISTED | 50000;

    tap_is(mlsec_discovery_share(at, 50000), 1, "share: at first");
    tap_is(mlsec_discovery_share(at, 50999), 1, "share: for a second");
    tap_is(mlsec_discovery_share(at, 51000), 2, "share: then more");
    tap_is(mlsec_discovery_share(at, 58999), 9, "share: and more");
    tap_is(mlsec_discovery_share(at, 59000), 10, "share: all");
    tap_is(mlsec_discovery_share(at, 1000000), 10, "share: from then on");
    tap_is(mlsec_discovery_share(at, 49999), 10, "share: of a later clock");
    tap_is(mlsec_discovery_share(50000, 50000), 10, "share: not listed");
    tap_is(mlsec_discovery_share(0, 50000), 10, "share: a server");
}


/*
 * A leader is stopped before every single instruction of an update; whoever
 * reads the copy finds addresses only that are or were right, and the next
 * leader makes the list right.
 */

static void
victim(mlsec_registry_t *r)
{
    mlsec_address_t           a[4];
    mlsec_process_t           self;
    mlsec_discovery_t         d;
    mlsec_discovery_change_t  change;

    self = us;
    self.self = (uint32_t) getpid();

    d = scope(r, "s", 3);
    d.process = &self;

    (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void) raise(SIGSTOP);

    (void) mlsec_discovery_update(&d, &heap, a, answer("b:3 c d", a), 0,
                                  &change);
    _exit(0);
}


static int
inquest(mlsec_registry_t *r)
{
    unsigned            i, bit, seen, used;
    uint32_t            n;
    mlsec_place_t       place;
    mlsec_discovery_t   d;
    mlsec_peer_slot_t  *peer;

    d = scope(r, "s", 3);
    seen = 0;
    used = 0;

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {
        mlsec_place_view(d.service->places[i].word, &place);

        if (!place.used) {
            continue;
        }

        peer = mlsec_registry_peer_at(r, place.peer);

        if (peer == NULL || !mlsec_slot_used(&peer->slot)
            || peer->slot.len != 1 || peer->slot.name[0] < 'a'
            || peer->slot.name[0] > 'd' || place.weight == 0
            || !(peer->slot.listed.word & MLSEC_SLOT_LISTED))
        {
            return 0;
        }

        bit = 1u << (peer->slot.name[0] - 'a');

        if (seen & bit) {
            return 0;
        }

        seen |= bit;
        used++;
    }

    /* never less than there were */

    if (used < 2) {
        return 0;
    }

    mlsec_discovery_heal(&d);
    (void) update(&d, "b:3 c d", 0);

    for (n = 0, seen = 0, used = 0; (peer = mlsec_registry_peer_at(r, n));
         n++)
    {
        used += mlsec_slot_used(&peer->slot);
        seen += (peer->slot.listed.word & MLSEC_SLOT_LISTED) != 0;
    }

    mlsec_place_view(d.service->places[1].word, &place);

    return used == 4 && seen == 3 && place.weight == 3
           && strspn(list(&d), "bcd:3 -") == strlen(list(&d));
}


static void
test_victim(void)
{
    int                status;
    pid_t              pid;
    unsigned           steps, failed;
    mlsec_registry_t  *r, *copy;
    mlsec_discovery_t  d;

    r = new_registry();
    copy = new_registry();

    d = scope(r, "s", 3);
    (void) update(&d, "a b", 0);

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
            tap_diag("after %u instructions: \"%s\"", steps, list(&d));
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

    dead = 0;
    munmap(r, SIZE);
    munmap(copy, SIZE);
}


int
main(void)
{
    test_sort();
    test_places();
    test_state();
    test_churn();
    test_adopt();
    test_busy();
    test_report();
    test_next();
    test_share();
    test_victim();

    return tap_done();
}
