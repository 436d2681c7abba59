/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Words that several processes change at once.
 *
 * Everything that is shared is one aligned 64-bit word that goes from one
 * valid value to the next in a single instruction.  There is no lock, so
 * there is no owner to die: docs/internals/registry.md tells the rest.
 */


#ifndef _MLSEC_ATOMIC_H_INCLUDED_
#define _MLSEC_ATOMIC_H_INCLUDED_


#include <stdint.h>


/* Only to be read and written by the functions below. */

typedef struct {
    uint64_t  word;
} mlsec_atomic_t;


/* Reads; what was written before the word is seen after it. */
static inline uint64_t
mlsec_atomic_load(const mlsec_atomic_t *a)
{
    return __atomic_load_n(&a->word, __ATOMIC_ACQUIRE);
}


/* Writes, regardless of what others do to the word. */
static inline void
mlsec_atomic_store(mlsec_atomic_t *a, uint64_t value)
{
    __atomic_store_n(&a->word, value, __ATOMIC_RELEASE);
}


/* Adds, with wrapping; "-1" is (uint64_t) -1. */
static inline void
mlsec_atomic_add(mlsec_atomic_t *a, uint64_t value)
{
    (void) __atomic_fetch_add(&a->word, value, __ATOMIC_RELAXED);
}


/*
 * The same with a word that no other process writes to: one that adds at the
 * same time would be lost.  Who reads it sees the old value or the new one.
 * It takes a quarter of the time, even where nobody else has the word.
 */
static inline void
mlsec_atomic_own_add(mlsec_atomic_t *a, uint64_t value)
{
    __atomic_store_n(&a->word,
                     __atomic_load_n(&a->word, __ATOMIC_RELAXED) + value,
                     __ATOMIC_RELAXED);
}


/*
 * Changes *old into value if nobody has been faster: 1, or 0 with *old set
 * to what the word is now.
 */
static inline int
mlsec_atomic_cas(mlsec_atomic_t *a, uint64_t *old, uint64_t value)
{
    return __atomic_compare_exchange_n(&a->word, old, value, 0,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}


/*
 * What was written before is seen by others before the caller reads what comes
 * after.  Of two processes that each write a word, pass here and read the
 * other's, one at least sees what the other has written.
 */
static inline void
mlsec_atomic_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


#endif /* _MLSEC_ATOMIC_H_INCLUDED_ */
