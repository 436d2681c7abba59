/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * How long things took, in buckets of fixed bounds.
 *
 * A histogram is MLSEC_HISTOGRAM_WORDS words: one for each bucket, which
 * counts what fell between the bound before it and its own, and the sum of
 * all times in ms.  How often is what the buckets add up to: a number of its
 * own could differ from them.
 */


#ifndef _MLSEC_HISTOGRAM_H_INCLUDED_
#define _MLSEC_HISTOGRAM_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_HISTOGRAM_BOUNDS   17
#define MLSEC_HISTOGRAM_LEAST    5           /* ms, the first bound */
#define MLSEC_HISTOGRAM_SUM      (MLSEC_HISTOGRAM_BOUNDS + 1)
#define MLSEC_HISTOGRAM_WORDS    (MLSEC_HISTOGRAM_BOUNDS + 2)


/* As mlsec_histogram_bucket(), which most often knows without a search. */
mlsec_apart unsigned mlsec_histogram_search(uint64_t msec);

/*
 * The bucket that a time falls into, 0 to MLSEC_HISTOGRAM_BOUNDS; the last is
 * the one without a bound.  A time on a bound belongs to the bucket below it.
 * msec: ms.
 */
static inline unsigned
mlsec_histogram_bucket(uint64_t msec)
{
    return mlsec_likely(msec <= MLSEC_HISTOGRAM_LEAST)
           ? 0 : mlsec_histogram_search(msec);
}

/*
 * A bound as Prometheus is told of it, in seconds: "0.005".  i: of a bucket;
 * "+Inf" for the last and beyond.
 */
const char *mlsec_histogram_bound(unsigned i);

/* How many times the words of a histogram have counted. */
uint64_t mlsec_histogram_count(const uint64_t *words);

/*
 * A quantile, us: the point in the bucket where it must lie, taking its times
 * as evenly spread, as Prometheus' histogram_quantile() does.  What lies in
 * the last bucket is told as the highest bound.
 *
 * words: of a histogram.  permille: 1 to 1000.  0 for an empty one.
 */
uint64_t mlsec_histogram_quantile(const uint64_t *words, unsigned permille);


#endif /* _MLSEC_HISTOGRAM_H_INCLUDED_ */
