/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/metrics/mlsec_histogram.h>


/* where a time goes, ms */

static const struct {
    uint64_t     msec;
    const char  *bound;
} buckets[] = {
    { 0, "0.005" }, { 5, "0.005" }, { 6, "0.01" }, { 25, "0.025" },
    { 51, "0.075" }, { 200, "0.2" }, { 201, "0.25" }, { 999, "1.0" },
    { 1000, "1.0" }, { 1001, "2.5" }, { 30000, "30.0" }, { 30001, "300.0" },
    { 300000, "300.0" }, { 300001, "+Inf" }, { UINT64_MAX, "+Inf" }
};


/* times, up to -1, and a quantile of them, us */

static const struct {
    const char  *name;
    int          msec[8];
    unsigned     permille;
    uint64_t     us;
} quantiles[] = {
    { "nothing", { -1 }, 500, 0 },
    { "one, its middle", { 3, -1 }, 500, 2500 },
    { "one, its end", { 3, -1 }, 1000, 5000 },
    { "two buckets, the lower", { 1, 8, -1 }, 500, 5000 },
    { "two buckets, the upper", { 1, 8, -1 }, 750, 7500 },
    { "an empty one between", { 1, 60, -1 }, 750, 62500 },
    { "the last bound", { 400000, -1 }, 990, 300000000 },
    { "p95 of four", { 1, 1, 1, 90, -1 }, 950, 95000 }
};


static void
test_quantile(size_t n)
{
    int       i;
    uint64_t  words[MLSEC_HISTOGRAM_WORDS], us;

    memset(words, 0, sizeof(words));

    for (i = 0; quantiles[n].msec[i] >= 0; i++) {
        words[mlsec_histogram_bucket((uint64_t) quantiles[n].msec[i])]++;
    }

    us = mlsec_histogram_quantile(words, quantiles[n].permille);

    if (!tap_ok(us == quantiles[n].us, "quantile: %s", quantiles[n].name)) {
        tap_diag("%lu us", (unsigned long) us);
    }

    tap_ok(mlsec_histogram_count(words) == (uint64_t) i, "count: %s",
           quantiles[n].name);
}


int
main(void)
{
    size_t       i;
    const char  *bound;

    for (i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
        bound = mlsec_histogram_bound(mlsec_histogram_bucket(buckets[i].msec));

        tap_ok(strcmp(bound, buckets[i].bound) == 0, "%lu ms: %s",
               (unsigned long) buckets[i].msec, bound);
    }

    for (i = 0; i + 1 < MLSEC_HISTOGRAM_BOUNDS; i++) {
        tap_ok(strtod(mlsec_histogram_bound((unsigned) i), NULL)
               < strtod(mlsec_histogram_bound((unsigned) i + 1), NULL),
               "bound %zu is below the next", i);
    }

    for (i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        test_quantile(i);
    }

    return tap_done();
}
