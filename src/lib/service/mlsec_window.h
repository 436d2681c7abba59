/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * How many calls of the last seconds there were, and how many of them were
 * bad: a ring of buckets, each of which is the count of one tenth of the
 * window.
 *
 * A bucket is one atomic word, the point in time that it counts for included,
 * so that counting, and making an old bucket a new one, is one exchange: no
 * count is lost, and none gets into the wrong tenth, however many processes
 * count at once.
 *
 * Nearly all calls are good ones, though, of which it is enough to know how
 * many there were when one is not.  A process that counts often keeps those of
 * the tenth that runs in a tally: a word that nobody else writes, looks like a
 * bucket, and is counted with the buckets by whoever sums up.  It is added to
 * the window when the next tenth begins.
 */


#ifndef _MLSEC_WINDOW_H_INCLUDED_
#define _MLSEC_WINDOW_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>


#define MLSEC_WINDOW_BUCKETS  10


/* zeroed: empty */

typedef struct {
    mlsec_atomic_t  buckets[MLSEC_WINDOW_BUCKETS];
} mlsec_window_t;


/* of a process */

typedef struct {
    mlsec_atomic_t *word;        /* shared: a bucket without bad calls; zeroed:
                                    empty */
    uint64_t        until;       /* ms, the end of its tenth; 0: none */
} mlsec_tally_t;


/* the words of the tallies of all processes, for one window */

typedef struct {
    const mlsec_atomic_t  *first;
    size_t                 step; /* bytes from one to the next */
    const mlsec_atomic_t  *used; /* how many there are; NULL: none */
} mlsec_tallies_t;


typedef struct {
    uint64_t        total;       /* calls */
    uint64_t        bad;         /* of them */
} mlsec_window_sum_t;


/* A bucket: era 4 bits, time 20, calls 20, bad ones 20. */

#define MLSEC_WINDOW_COUNT_BITS  20
#define MLSEC_WINDOW_ERA_SHIFT   60
#define MLSEC_WINDOW_CALL        (1ull << MLSEC_WINDOW_COUNT_BITS)
#define MLSEC_WINDOW_HALF        (MLSEC_WINDOW_CALL                           \
                                  << (MLSEC_WINDOW_COUNT_BITS - 1))


/*
 * Counts a good call in the tally of this process.  now, era: as for
 * mlsec_window_add().
 *
 * 1; 0: not counted, since another tenth or era has begun or it is half full:
 * mlsec_window_merge() and mlsec_tally_begin() are next.
 */
static inline int
mlsec_tally_add(mlsec_tally_t *t, uint64_t now, unsigned era)
{
    uint64_t  word;

    word = mlsec_atomic_load(t->word);

    if (now >= t->until || word >> MLSEC_WINDOW_ERA_SHIFT != era
        || (word & MLSEC_WINDOW_HALF))
    {
        return 0;
    }

    mlsec_atomic_store(t->word, word + MLSEC_WINDOW_CALL);

    return 1;
}


/*
 * Counts a call.
 *
 * span: length of the window, ms, at least MLSEC_WINDOW_BUCKETS.  now: ms of a
 * clock that does not go back.  era: 0-15, buckets of another era are taken
 * for empty: who starts a new one forgets what was counted before.
 * bad: 0 or 1.
 *
 * A bucket holds a million calls; beyond that both of its counts are halved,
 * and their ratio stays.
 */
void mlsec_window_add(mlsec_window_t *w, uint64_t span, uint64_t now,
    unsigned era, unsigned bad);

/*
 * Adds what is in a tally; nothing, if that is of another era or too old.  The
 * tally stays as it is: until mlsec_tally_begin() its calls are counted twice,
 * for as long as that takes, and not for a moment not at all.
 */
void mlsec_window_merge(mlsec_window_t *w, const mlsec_tally_t *t,
    uint64_t span, uint64_t now, unsigned era);

/*
 * Empties a tally, which from now on counts for the tenth and the era that are.
 * calls: to begin with, 0 or 1.
 */
void mlsec_tally_begin(mlsec_tally_t *t, uint64_t span, uint64_t now,
    unsigned era, unsigned calls);

/*
 * The calls of the last span, of this era.  tallies: NULL, those of the window
 * alone.  Changes nothing.
 */
void mlsec_window_sum(const mlsec_window_t *w, const mlsec_tallies_t *tallies,
    uint64_t span, uint64_t now, unsigned era, mlsec_window_sum_t *sum);

/*
 * The busier one of the last two tenths, the one that has just begun among
 * them: what a tenth of the span has of late, at any moment.
 */
void mlsec_window_last(const mlsec_window_t *w,
    const mlsec_tallies_t *tallies, uint64_t span, uint64_t now, unsigned era,
    mlsec_window_sum_t *sum);


#endif /* _MLSEC_WINDOW_H_INCLUDED_ */
