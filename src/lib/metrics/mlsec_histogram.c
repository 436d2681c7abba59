/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/metrics/mlsec_histogram.h>


/*
 * The 14 bounds that OpenTelemetry advises for times of HTTP, 0.2 s for a
 * common goal, and the gateway's own limits of 30 and 300 s: only a bound that
 * lies on a goal tells exactly who has met it.  The text of a bound is part of
 * the identity of a time series and stays as it is for ever.
 */

static const struct {
    uint64_t     msec;
    const char  *text;
} mlsec_bounds[MLSEC_HISTOGRAM_BOUNDS] = {
    { MLSEC_HISTOGRAM_LEAST, "0.005" }, { 10, "0.01" }, { 25, "0.025" },
    { 50, "0.05" }, { 75, "0.075" }, { 100, "0.1" }, { 200, "0.2" },
    { 250, "0.25" }, { 500, "0.5" }, { 750, "0.75" }, { 1000, "1.0" },
    { 2500, "2.5" }, { 5000, "5.0" }, { 7500, "7.5" }, { 10000, "10.0" },
    { 30000, "30.0" }, { 300000, "300.0" }
};


unsigned
mlsec_histogram_search(uint64_t msec)
{
    unsigned  i;

    for (i = 0; i < MLSEC_HISTOGRAM_BOUNDS; i++) {

        if (msec <= mlsec_bounds[i].msec) {
            break;
        }
    }

    return i;
}


const char *
mlsec_histogram_bound(unsigned i)
{
    return i < MLSEC_HISTOGRAM_BOUNDS ? mlsec_bounds[i].text : "+Inf";
}


uint64_t
mlsec_histogram_count(const uint64_t *words)
{
    unsigned  i;
    uint64_t  count;

    count = 0;

    for (i = 0; i <= MLSEC_HISTOGRAM_BOUNDS; i++) {
        count += words[i];
    }

    return count;
}


uint64_t
mlsec_histogram_quantile(const uint64_t *words, unsigned permille)
{
    unsigned  i;
    uint64_t  count, below, low, width;
    double    rank;

    count = mlsec_histogram_count(words);

    if (count == 0) {
        return 0;
    }

    rank = (double) count * permille / 1000;
    below = 0;

    for (i = 0; i < MLSEC_HISTOGRAM_BOUNDS; i++) {

        if ((double) (below + words[i]) >= rank) {
            low = i ? mlsec_bounds[i - 1].msec : 0;
            width = mlsec_bounds[i].msec - low;

            return (uint64_t) ((double) low * 1000
                               + (rank - (double) below) * (double) width
                                 * 1000 / (double) words[i]);
        }

        below += words[i];
    }

    return mlsec_bounds[MLSEC_HISTOGRAM_BOUNDS - 1].msec * 1000;
}
