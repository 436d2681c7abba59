/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* When keys are fetched, by whom, and what stays when that fails. */


#include "../tap.h"
#include <lib/auth/mlsec_key_store.h>


static uint32_t  dead;


static int
alive(void *ctx, uint32_t pid)
{
    return ctx == NULL && pid != dead;
}


static const mlsec_process_t   us = { alive, NULL, 1000 };
static const mlsec_process_t   them = { alive, NULL, 2000 };
static const mlsec_key_rule_t  rule = { 3600000, 30000, 5000, 86400000 };

static mlsec_key_store_t       store;


static mlsec_keys_change_e
good(uint64_t now, const char *text, uint64_t stamp, int64_t max_age)
{
    return mlsec_key_store_end(&store, &us, &rule, now, tap_str(text), stamp,
                               max_age, 0);
}


static int
begin(const mlsec_process_t *process, uint64_t now, int missed)
{
    return mlsec_key_store_begin(&store, process, &rule, now, missed);
}


static uint64_t
next(uint64_t now)
{
    return mlsec_key_store_next(&store, &rule, now);
}


static int
has(const char *want)
{
    uint64_t     stamp, generation;
    mlsec_str_t  text;

    return mlsec_key_store_text(&store, &text, &stamp, &generation)
           == MLSEC_OK
           && text.len == strlen(want)
           && memcmp(text.data, want, text.len) == 0;
}


static void
test_first(void)
{
    uint64_t     stamp, generation;
    mlsec_str_t  text;

    mlsec_key_store_init(&store);

    tap_is(mlsec_key_store_check(&store), 1, "a store");
    tap_is(mlsec_key_store_text(&store, &text, &stamp, &generation),
           MLSEC_EMPTY, "no text");
    tap_is(mlsec_key_store_generation(&store, &rule, 100000), 0,
           "no generation");
    tap_is(mlsec_key_store_patience(&store, &rule, 100000), 0, "at once");

    tap_is(begin(&us, 100000, 0), 1, "the first fetches");
    tap_is(begin(&them, 100000, 1), 0, "and nobody else");
    tap_is(begin(&us, 100001, 1), 0, "nor the same one twice");
    tap_is(mlsec_key_store_busy(&store, &them, 100001), 1, "busy");

    tap_is(good(100010, "one", 1, -1), MLSEC_KEYS_NEW, "the first text");
    tap_ok(has("one"), "it is there");
    tap_is(mlsec_key_store_busy(&store, &them, 100011), 0, "not busy");
    tap_is(mlsec_key_store_generation(&store, &rule, 100011), 1,
           "generation 1");
    tap_is(next(100010), 3600000, "the next one in an hour");
    tap_is(begin(&them, 100011, 0), 0, "not before");
}


static void
test_missed(void)
{
    tap_is(begin(&them, 129999, 1), 0, "missed, and a fetch was just now");
    tap_is(mlsec_key_store_patience(&store, &rule, 129000), 1000,
           "a second to wait");
    tap_is(begin(&them, 130000, 1), 1, "missed, and it is long ago");
    tap_is(mlsec_key_store_end(&store, &them, &rule, 130010, tap_str("two"),
                               2, -1, 99),
           MLSEC_KEYS_NEW, "another text");
    tap_ok(has("two"), "it is there");
    tap_is(next(130010), 3600000 - 356400, "sooner by chance");
    tap_is(begin(&us, 159999, 1), 0, "however many are missed");
    tap_is(begin(&us, 160000, 1), 1, "again");
    tap_is(good(160010, "two", 2, -1), MLSEC_KEYS_SAME, "the same text");
    tap_is(mlsec_key_store_generation(&store, &rule, 160010), 2,
           "the same generation");
}


static void
test_max_age(void)
{
    size_t  i;

    static const struct {
        int64_t   max_age;
        uint64_t  next;
    } cases[] = {
        { 0, 30000 }, { 29999, 30000 }, { 30001, 30001 }, { 600000, 600000 },
        { 3600001, 3600000 }, { INT64_MAX, 3600000 }, { -1, 3600000 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mlsec_key_store_init(&store);
        (void) begin(&us, 1000, 0);
        (void) good(1000, "one", 1, cases[i].max_age);
        tap_is(next(1000), (long long) cases[i].next,
               "max-age");
    }
}


static void
test_failures(void)
{
    int       i;
    uint64_t  now;

    static const uint64_t  waits[] = {
        1000, 2000, 4000, 8000, 16000, 30000, 30000
    };

    mlsec_key_store_init(&store);
    now = 1000;

    for (i = 0; i < 7; i++) {
        tap_is(begin(&us, now, 0), 1, "failures: a try");
        tap_is(mlsec_key_store_failed(&store, &us, &rule, now),
               i ? MLSEC_KEYS_FAILED : MLSEC_KEYS_FAILING, "said once");
        tap_is(next(now), (long long) waits[i], "and then");
        tap_is(mlsec_key_store_patience(&store, &rule, now),
               (long long) waits[i], "nobody waits for longer");
        now += waits[i];
    }

    tap_is(mlsec_key_store_generation(&store, &rule, now), 0, "still none");
    (void) begin(&us, now, 0);
    tap_is(good(now, "one", 1, -1), MLSEC_KEYS_NEW, "the first text");

    now += 3600000;
    (void) begin(&us, now, 0);
    (void) mlsec_key_store_failed(&store, &us, &rule, now);
    tap_ok(has("one"), "it stays when the next fetch fails");
    tap_is(next(now), 1000, "which is made again soon");

    now += 1000;
    (void) begin(&us, now, 0);
    tap_is(good(now, "one", 1, -1), MLSEC_KEYS_BACK, "and is good again");

    tap_is(mlsec_key_store_generation(&store, &rule, now + 86399999), 1,
           "a day later");
    tap_is(mlsec_key_store_generation(&store, &rule, now + 86400000), 0,
           "too old");
}


/* Killed while it fetches, and while it writes. */

static void
test_death(void)
{
    mlsec_key_store_init(&store);

    (void) begin(&us, 1000, 0);
    (void) good(1000, "one", 1, -1);

    tap_is(begin(&them, 31000, 1), 1, "death: a fetch for a missing key");
    dead = them.self;
    tap_is(begin(&us, 31999, 0), 0, "not at once");
    tap_is(begin(&us, 32000, 0), 1, "and then in its place");
    dead = 0;

    memcpy(store.room[0].text, "half", 4);
    store.room[0].len = 100000;
    tap_ok(has("one"), "half of a text is none");
    tap_is(good(32000, "two", 2, -1), MLSEC_KEYS_NEW, "another one");
    tap_ok(has("two"), "is whole");

    tap_is(begin(&us, 62000, 1), 1, "one that is late");
    tap_is(begin(&them, 67999, 1), 0, "has some time");
    tap_is(begin(&them, 68000, 1), 1, "and then another one does it");
    mlsec_key_store_cancel(&store, &them);
    tap_is(begin(&us, 68000, 0), 1, "who breaks off is followed at once");
}


/* A reload with shorter times; memory of another version. */

static void
test_reload(void)
{
    mlsec_key_rule_t  shorter;

    mlsec_key_store_init(&store);
    shorter = rule;
    shorter.interval = 60000;

    (void) begin(&us, 1000, 0);
    (void) good(1000, "one", 1, -1);

    tap_is(mlsec_key_store_next(&store, &shorter, 1000), 66000,
           "reload: a shorter interval counts");
    tap_is(mlsec_key_store_begin(&store, &us, &shorter, 67000, 0), 1,
           "and it is time");

    store.size--;
    tap_is(mlsec_key_store_check(&store), 0, "another layout");
}


int
main(void)
{
    test_first();
    test_missed();
    test_max_age();
    test_failures();
    test_death();
    test_reload();

    return tap_done();
}
