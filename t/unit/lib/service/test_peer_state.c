/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_peer_state.h>


/*
 * A script: "-" a failed call (probe), "+" a good one, a number: ms that pass;
 * outlier: "E" the last call has ejected, "e" ejected here, "i" not ejected
 * here, "t" its time is up and it is taken back, "T" it is not up, "c" taken
 * back at once; health: "U" "D" the last probe has changed the state, "u" "d"
 * "?" what the state is.
 */

typedef struct {
    const char  *name;
    const char  *script;
} state_case_t;


static const state_case_t  outliers[] = {
    { "nothing", "i + i" },
    { "three in a row", "--i -E e" },
    { "not in a row", "--+--i -E" },
    { "until its time is up", "---E 999 T e 1 t i" },
    { "taken back by one only", "---E 1000 t T" },
    { "calls while ejected", "---E -----e + e 1000 t --i -E" },
    { "again, for longer", "---E 1000 t ---E 1999 T 1 t ---E 2999 T 1 t" },
    { "again, not beyond the maximum",
      "---E 1000 t ---E 2000 t ---E 3000 t ---E 2999 T 1 t" },
    { "well for as long as it was out", "---E 1000 t 1000 ---E 999 T 1 t" },
    { "not well for as long", "---E 1000 t 999 ---E 1999 T 1 t" },
    { "at once", "---E 10 c i T --i -E" },
    { "at once, nothing to do", "-- T" }
};


static const state_case_t  healths[] = {
    { "from the start", "?" },
    { "one probe says nothing", "- ? + ?" },
    { "down after three", "--? -D d" },
    { "not in a row", "--+--? -D" },
    { "up after two", "+? +U u" },
    { "up again", "---D +d +U u - u" },
    { "not up again", "---D +-+d +U" },
    { "once only", "---D ---d" },
    { "passes that do not count any more", "++U+ n p u ---D + n + d +U" },
    { "many", "-------------------- d ++U" }
};


static const mlsec_outlier_conf_t  outlier_conf = { 1000, 3000, 3 };
static const mlsec_health_conf_t   health_conf = { 3, 2 };


static int
outlier_step(char c, mlsec_atomic_t *o, uint64_t now, int *last)
{
    mlsec_outlier_view_t  view;

    mlsec_outlier_view(o, &outlier_conf, &view);

    switch (c) {
    case '+':
    case '-':
        *last = mlsec_outlier_report(o, &outlier_conf, c == '-', now);
        return 1;
    case 'E':
        return *last && view.ejected && view.since == now;
    case 'e':
        return view.ejected && view.since && view.until > view.since;
    case 'i':
        return !view.ejected && !view.since && !view.until;
    case 't':
        return mlsec_outlier_expire(o, now);
    case 'T':
        return !mlsec_outlier_expire(o, now);
    default:
        return mlsec_outlier_clear(o, now);
    }
}


static int
health_step(char c, mlsec_atomic_t *h, uint64_t now, int *last)
{
    mlsec_health_view_t  view;

    mlsec_health_view(h, &view);

    switch (c) {
    case '+':
    case '-':
        *last = mlsec_health_report(h, &health_conf, c == '+', now);
        return 1;
    case 'U':
        return *last == MLSEC_HEALTH_UP && view.since == now;
    case 'D':
        return *last == MLSEC_HEALTH_DOWN && view.since == now;
    case 'n':
        mlsec_health_renew(h);
        return 1;
    case 'p':
        return view.passes == 0;
    case 'u':
        return view.state == MLSEC_HEALTH_UP;
    case 'd':
        return view.state == MLSEC_HEALTH_DOWN;
    default:
        return view.state == MLSEC_HEALTH_UNKNOWN;
    }
}


static void
test_script(const char *kind, const state_case_t *c,
    int (*step)(char c, mlsec_atomic_t *word, uint64_t now, int *last))
{
    int             last;
    char           *end;
    uint64_t        now;
    const char     *p;
    mlsec_atomic_t  word;

    word.word = 0;
    now = 100000;
    last = 0;

    for (p = c->script; *p; p++) {

        if (*p == ' ') {
            continue;
        }

        if (*p >= '0' && *p <= '9') {
            now += strtoul(p, &end, 10);
            p = end - 1;
            continue;
        }

        if (!step(*p, &word, now, &last)) {
            tap_ok(0, "%s: %s: \"%s\", at %d", kind, c->name, c->script,
                   (int) (p - c->script));
            return;
        }
    }

    tap_ok(1, "%s: %s", kind, c->name);
}


typedef struct {
    const char  *name;
    size_t       n;
    uint64_t     since[6];
    const char  *down;
    int          spare;
} choose_case_t;


static const choose_case_t  choices[] = {
    { "none at all", 0, { 0 }, "", 0 },
    { "the only one stays", 1, { 5 }, "0", 0 },
    { "one of two", 2, { 0, 5 }, "01", 0 },
    { "both of two, the first to fail", 2, { 7, 5 }, "01", 0 },
    { "at the same time", 2, { 5, 5 }, "10", 0 },
    { "two of three, one is left out", 3, { 9, 0, 8 }, "001", 0 },
    { "two of four", 4, { 0, 9, 8, 0 }, "0110", 0 },
    { "all of four", 4, { 4, 3, 2, 1 }, "0011", 0 },
    { "all of five", 5, { 4, 3, 2, 1, 5 }, "00110", 0 },
    { "all are well", 6, { 0 }, "000000", 0 },
    { "the only one, others stand by", 1, { 5 }, "1", 1 },
    { "all of three, others stand by", 3, { 4, 3, 2 }, "111", 1 },
    { "none is bad, others stand by", 3, { 0 }, "000", 1 }
};


static void
test_choose(const choose_case_t *c)
{
    char           result[8];
    size_t         i, n, ones;
    unsigned char  down[8];

    memset(down, 'z', sizeof(down));
    n = mlsec_peers_choose(c->since, c->n, c->spare, down);
    ones = 0;

    for (i = 0; i < c->n; i++) {
        result[i] = '0' + down[i];
        ones += down[i];
    }

    result[i] = '\0';

    tap_ok(strcmp(result, c->down) == 0 && ones == n && down[c->n] == 'z',
           "choose: %s: %s", c->name, result);
}


static void
test_numbers(void)
{
    unsigned  i, wrong;
    uint64_t  average, t, least, most;

    tap_ok(mlsec_ewma(0, 800) == 800, "average: the first sample");
    tap_ok(mlsec_ewma(800, 1600) == 900, "average: up by an eighth");
    tap_ok(mlsec_ewma(800, 0) == 700, "average: down by an eighth");

    for (i = 0, average = 100000; i < 100; i++) {
        average = mlsec_ewma(average, 500);
    }

    tap_ok(average >= 500 && average < 510, "average: comes near: %u",
           (unsigned) average);

    least = 100000;
    most = 0;
    wrong = 0;

    for (i = 0; i < 1000; i++) {
        t = mlsec_jitter(1000, 20, i * 7919);
        least = t < least ? t : least;
        most = t > most ? t : most;
        wrong += (mlsec_jitter(1000, 0, i) != 1000);
    }

    tap_ok(least == 800 && most == 1200, "jitter: 800-1200: %u-%u",
           (unsigned) least, (unsigned) most);
    tap_ok(wrong == 0, "jitter: none");
    tap_ok(mlsec_jitter(1, 100, 0) == 1, "jitter: at least 1");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(outliers) / sizeof(outliers[0]); i++) {
        test_script("outlier", &outliers[i], outlier_step);
    }

    for (i = 0; i < sizeof(healths) / sizeof(healths[0]); i++) {
        test_script("health", &healths[i], health_step);
    }

    for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        test_choose(&choices[i]);
    }

    test_numbers();

    return tap_done();
}
