/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The scripts of limits, run by a real redis-server. */

#include "../tap.h"
#include "../redis/redis_server.h"
#include <lib/limit/mlsec_gcra.h>
#include <lib/limit/mlsec_limit_script.h>


#define S  1000000000ull


static redis_server_t         server;
static redis_reply_t          reply;
static mlsec_str_t            arguments[2048];
static unsigned char          text[65536];
static mlsec_script_args_t    a;


static void
begin(size_t nkeys)
{
    a.args = arguments;
    a.max = sizeof(arguments) / sizeof(arguments[0]);
    a.text = text;
    a.end = text + sizeof(text);

    mlsec_script_begin(&a, nkeys);
}


static void
run(const char *script)
{
    const char  *first[] = { "EVAL", script };

    tap_is(a.full, 0, "arguments have room");
    redis_server_call(&server, first, 2, a.args, a.nargs, &reply);

    if (reply.error[0]) {
        tap_diag("%s", reply.error);
    }
}


/* One key, n requests for "cost" each; how many of them were admitted. */

static unsigned
takes(const char *key, const mlsec_script_terms_t *terms, unsigned n,
    uint64_t cost, int charge)
{
    unsigned  i, admitted;

    begin(1);
    mlsec_script_text(&a, tap_str(key));
    mlsec_script_terms(&a, terms);

    for (i = 0; i < n; i++) {
        mlsec_script_take(&a, 1);
        mlsec_script_part(&a, 0, cost, charge);
    }

    run(mlsec_script_batch);
    tap_is((long long) reply.n, 1 + n, "a number for the key and each request");

    for (i = 1, admitted = 0; i < reply.n; i++) {
        admitted += reply.numbers[i] == 1;
    }

    return admitted;
}


static long long
pttl(const char *key)
{
    redis_reply_t  r;

    redis_server_command(&server, &r, "PTTL", key);

    return r.numbers[0];
}


static void
test_rate(void)
{
    mlsec_gcra_t          g;
    mlsec_script_terms_t  t = { 0 };

    (void) mlsec_gcra_make(&g, 1, 3600 * S, 50);
    t.interval = g.interval;
    t.limit = g.tolerance;

    tap_is(takes("r", &t, 51, 1, 1), 50, "rate: 51 at once, exactly 50");
    tap_is(reply.numbers[0] / 1000000, 50 * 3600, "rate: what is owed");
    tap_is(reply.numbers[51], 0, "rate: the last one is refused");
    tap_ok(pttl("r") > 3600 * 49 * 1000ll && pttl("r") < 3600 * 51 * 1000ll,
           "rate: kept until the bucket is full");
    tap_is(takes("r", &t, 1, 0, 1), 1, "rate: a cost of 0");

    t.used = -2;
    tap_is(takes("r", &t, 3, 1, 1), 2, "rate: two were given back");

    t.used = 30;
    tap_is(takes("r", &t, 0, 0, 0), 0, "rate: used is charged regardless");
    tap_is(reply.numbers[0] / 1000000, 80 * 3600 - 1, "rate: all of it");
    t.used = 100;
    tap_is(takes("r", &t, 0, 0, 0), 0, "rate: more");
    t.used = 0;
    tap_is(takes("r", &t, 0, 0, 0), 0, "rate: and looked at");
    tap_is((reply.numbers[0] + 500000) / 1000000, 100 * 3600,
           "rate: two buckets are owed at most");

    tap_is(takes("new", &t, 1, 51, 1), 0, "rate: over the burst");
    tap_is(pttl("new"), -2, "rate: a refusal writes nothing");
    tap_is(takes("new", &t, 60, 1, 0), 60, "rate: looking takes nothing");
    tap_is(pttl("new"), -2, "rate: nor writes");
    t.used = -5;
    tap_is(takes("new", &t, 51, 1, 1), 50, "rate: never more than the burst");
}


/* What is stored and read again has fractions: none of it may add up. */

static void
test_fractions(void)
{
    unsigned              i, n;
    mlsec_gcra_t          g;
    mlsec_script_terms_t  t = { 0 };

    (void) mlsec_gcra_make(&g, 7, 3600 * S, 7);
    t.interval = g.interval;
    t.limit = g.tolerance;

    for (i = 0, n = 0; i < 9; i++) {
        n += takes("f", &t, 1, 1, 1);
    }

    tap_is(n, 7, "fractions: 7 of 7, one by one");

    (void) mlsec_gcra_make(&g, 1000000, S, 1);
    t.interval = g.interval;
    t.limit = g.tolerance;

    for (i = 0, n = 0; i < 20; i++) {
        usleep(10);
        n += takes("g", &t, 1, 1, 1);
    }

    tap_is(n, 20, "fractions: a full bucket again after 1 us");
}


static void
test_quota(void)
{
    mlsec_script_terms_t  t = { 0, 10, 500, 3 };

    tap_is(takes("q", &t, 9, 1, 1), 7, "quota: 3 used, 7 of 9");
    tap_is(reply.numbers[0], 10, "quota: all taken");
    tap_ok(pttl("q") > 400000 && pttl("q") <= 500000, "quota: kept");

    t.limit = 1ull << 38;
    t.used = 1ll << 37;
    tap_is(takes("big", &t, 1, 1, 1), 1, "quota: a large one");
    tap_is(reply.numbers[0], (1ll << 37) + 1, "quota: to the unit");
    t.used = 0;
    tap_is(takes("big", &t, 1, 1, 1), 1, "quota: and read again");
    tap_is(reply.numbers[0], (1ll << 37) + 2, "quota: to the unit");
}


/* Requests that take of several keys: all or nothing, in order. */

static void
test_several(void)
{
    unsigned              i;
    mlsec_script_terms_t  one = { 3600 * S, 3 * 3600 * S, 0, 0 };
    mlsec_script_terms_t  two = { 0, 2, 100, 0 };

    begin(2);
    mlsec_script_text(&a, tap_lit("s1"));
    mlsec_script_text(&a, tap_lit("s2"));
    mlsec_script_terms(&a, &one);
    mlsec_script_terms(&a, &two);

    for (i = 0; i < 3; i++) {
        mlsec_script_take(&a, 2);
        mlsec_script_part(&a, 0, 1, 1);
        mlsec_script_part(&a, 1, 1, 1);
    }

    mlsec_script_take(&a, 1);
    mlsec_script_part(&a, 0, 1, 1);
    mlsec_script_take(&a, 0);

    run(mlsec_script_batch);
    tap_is((long long) reply.n, 7, "several: two keys, five requests");
    tap_ok(reply.numbers[2] == 1 && reply.numbers[3] == 1
           && reply.numbers[4] == 0,
           "several: the third is refused by the second key");
    tap_is(reply.numbers[5], 1, "several: it took nothing from the first");
    tap_is(reply.numbers[6], 1, "several: nothing wanted");
    tap_is(reply.numbers[1], 2, "several: the second key");
}


/* What somebody else has put there is no state of ours, and no error. */

static void
test_garbage(void)
{
    unsigned              i;
    mlsec_script_terms_t  t = { S, 5 * S, 0, 0 };

    static const char *const  values[] = {
        "", "x", "nan", "inf", "-inf", "-5", "1e400", "0x10", "1 2"
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        redis_server_command(&server, &reply, "SET", "bad", values[i]);
        tap_ok(takes("bad", &t, 6, 1, 1) <= 5 && !reply.error[0],
               "garbage: \"%s\"", values[i]);
        redis_server_command(&server, &reply, "DEL", "bad");
    }

    redis_server_command(&server, &reply, "RPUSH", "list", "x");
    tap_is(takes("list", &t, 6, 1, 1), 5, "garbage: a list");
}


static void
test_beat(void)
{
    unsigned  i;
    long long  alive[4];

    static const char *const  names[] = { "a", "b", "a", "c" };

    for (i = 0; i < 4; i++) {
        begin(1);
        mlsec_script_text(&a, tap_lit("nodes"));
        mlsec_script_text(&a, tap_str(names[i]));
        mlsec_script_number(&a, i == 3 ? 100 : 60000);

        if (i == 3) {
            usleep(200000);
        }

        run(mlsec_script_beat);
        alive[i] = reply.numbers[0];
    }

    tap_is(alive[0], 1, "beat: one");
    tap_is(alive[1], 2, "beat: two");
    tap_is(alive[2], 2, "beat: the first again");
    tap_is(alive[3], 1, "beat: the others are silent");
    tap_ok(pttl("nodes") > 0 && pttl("nodes") <= 100, "beat: kept as long");

    redis_server_command(&server, &reply, "ZADD", "nodes", "9e15", "future");
    run(mlsec_script_beat);
    tap_is(reply.numbers[0], 1, "beat: one of the future is none");
}


static void
test_room(void)
{
    mlsec_str_t           few[3];
    mlsec_script_terms_t  t = { S, S, 0, 0 };

    begin(1);
    a.args = few;
    a.max = 3;
    mlsec_script_terms(&a, &t);
    tap_is(a.full, 1, "room: for arguments");

    begin(1);
    a.end = a.text + 25;
    mlsec_script_terms(&a, &t);
    tap_is(a.full, 1, "room: for text");

    begin(1);
    a.max = 1 + MLSEC_SCRIPT_KEY_ARGS;
    a.end = a.text + MLSEC_SCRIPT_KEY_TEXT;
    t.interval = t.limit = UINT64_MAX;
    t.used = INT64_MIN;
    mlsec_script_text(&a, tap_lit("k"));
    mlsec_script_terms(&a, &t);
    tap_is(a.full, 0, "room: as much as is said of a key");
}


int
main(void)
{
    if (!redis_server_start(&server)) {
        tap_ok(0, "redis-server starts");
        return tap_done();
    }

    test_rate();
    test_fractions();
    test_quota();
    test_several();
    test_garbage();
    test_beat();
    test_room();

    redis_server_stop(&server);

    return tap_done();
}
