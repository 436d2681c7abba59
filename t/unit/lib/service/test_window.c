/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_window.h>


/* a script: "+" a good call, "-" a bad one, a number: ms that pass */

typedef struct {
    const char  *name;
    const char  *script;
    unsigned     total;
    unsigned     bad;
} window_case_t;


static const window_case_t  cases[] = {
    { "nothing", "", 0, 0 },
    { "one", "+", 1, 0 },
    { "one bad", "-", 1, 1 },
    { "mixed", "+-+-", 4, 2 },
    { "next tenth", "+ 100 -", 2, 1 },
    { "last of ten tenths", "- 900 +", 2, 1 },
    { "ten tenths later", "- 1000", 0, 0 },
    { "ten tenths later, the same bucket", "-- 1000 +", 1, 0 },
    { "sliding", "- 300 - 300 - 300 - 300", 3, 3 },
    { "a long pause", "----- 86400000 +", 1, 0 },
    { "every bucket", "- 100 - 100 - 100 - 100 - 100 - 100 - 100 - 100 - "
      "100 - ", 10, 10 }
};


static void
test_case(const window_case_t *c)
{
    char                *end;
    uint64_t             now;
    const char          *p;
    mlsec_window_t       w;
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));
    now = 5000;

    for (p = c->script; *p; p++) {

        if (*p >= '0' && *p <= '9') {
            now += strtoul(p, &end, 10);
            p = end - 1;

        } else if (*p != ' ') {
            mlsec_window_add(&w, 1000, now, 3, *p == '-');
        }
    }

    mlsec_window_sum(&w, 1000, now, 3, &sum);

    tap_ok(sum.total == c->total && sum.bad == c->bad,
           "window: %s: %u of %u", c->name, (unsigned) sum.bad,
           (unsigned) sum.total);

    mlsec_window_sum(&w, 1000, now, 4, &sum);
    tap_ok(sum.total == 0 && sum.bad == 0, "window: %s: not in another era",
           c->name);
}


static void
test_full(void)
{
    unsigned             i;
    mlsec_window_t       w;
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));

    for (i = 0; i < 3000000; i++) {
        mlsec_window_add(&w, 1000, 12345, 0, i % 4 == 0);
    }

    mlsec_window_sum(&w, 1000, 12345, 0, &sum);

    tap_ok(sum.total > 500000 && sum.total < 1048576,
           "full: the count is halved, not wrapped: %u",
           (unsigned) sum.total);
    tap_ok(sum.bad * 100 / sum.total == 25
           || sum.bad * 100 / sum.total == 24,
           "full: the ratio stays: %u", (unsigned) sum.bad);
}


static void
test_start(void)
{
    mlsec_window_t       w;
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));

    mlsec_window_add(&w, 1000, 5, 0, 1);
    mlsec_window_sum(&w, 1000, 5, 0, &sum);
    tap_ok(sum.total == 1, "start: the first tenth of the clock");

    memset(&w, 0, sizeof(w));
    mlsec_window_add(&w, 3, 100, 0, 1);
    mlsec_window_sum(&w, 3, 100, 0, &sum);
    tap_ok(sum.total == 1, "a window shorter than its tenths");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(&cases[i]);
    }

    test_full();
    test_start();

    return tap_done();
}
