/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The text of a key set that is fetched, in memory that workers share, and
 * when it is fetched again, by whom.
 *
 * One process fetches at a time: mlsec_key_store_begin() says who may, and
 * that it is time.  It is time
 *
 *   at first;
 *   when the last answer has become old: after "interval", or sooner when the
 *     answer has said so (Cache-Control: max-age), but not before "miss";
 *   after a fetch that has failed: in 1 s, 2 s, 4 s ..., at most "miss";
 *   when somebody misses a key, and "miss" has passed since the last fetch
 *     began, whatever came of it: clients who make key ids up cause no more
 *     than that.
 *
 * A fetch that fails changes nothing but that: the text of the last one that
 * did not fail stays, until it is older than "stale".
 *
 * The text is written into the one of two rooms that is not the current one;
 * then one word makes it the current one.  So whoever is killed leaves no half
 * of a text.  Copying out of the room and writing into it are under a lock of
 * the caller's; all else is single words.
 */


#ifndef _MLSEC_KEY_STORE_H_INCLUDED_
#define _MLSEC_KEY_STORE_H_INCLUDED_


#include <lib/auth/mlsec_jwk.h>
#include <lib/mlsec_atomic.h>
#include <lib/mlsec_leader.h>
#include <lib/mlsec_types.h>


#define MLSEC_KEY_STORE_MAGIC  0x6d6c7365636b6579ull     /* "mlseckey" */


typedef struct {
    uint64_t        interval;        /* ms, the longest between two fetches */
    uint64_t        miss;            /* ms, the shortest for a missing key */
    uint64_t        timeout;         /* ms, of a fetch */
    uint64_t        stale;           /* ms, how old a text may become */
} mlsec_key_rule_t;


typedef struct {
    uint64_t        len;             /* bytes */
    uint64_t        stamp;           /* the caller's, of the text */
    unsigned char   text[MLSEC_JWK_MAX_SIZE];
} mlsec_key_room_t;


typedef struct {
    uint64_t          magic;
    uint64_t          size;          /* of this, which changes with it */
    mlsec_atomic_t    leader;        /* who fetches, of mlsec_leader_ask() */
    mlsec_atomic_t    begun;         /* fetches, in all */
    mlsec_atomic_t    ended;         /* the last of them that has ended */
    mlsec_atomic_t    last;          /* ms, when the last one began; 0: none */
    mlsec_atomic_t    due;           /* ms, of the next one; 0: now */
    mlsec_atomic_t    fetched;       /* ms, when the last good one ended; 0 */
    mlsec_atomic_t    failures;      /* since the last good one */
    mlsec_atomic_t    good;          /* fetches, in all */
    mlsec_atomic_t    bad;           /* fetches, in all */
    mlsec_atomic_t    generation;    /* of the text; 0: there is none */
    mlsec_key_room_t  room[2];       /* generation % 2 is the current one */
} mlsec_key_store_t;


/* what a fetch has changed */

typedef enum {
    MLSEC_KEYS_SAME = 0,             /* a good one, the same text */
    MLSEC_KEYS_NEW,                  /* a good one, another text */
    MLSEC_KEYS_BACK,                 /* a good one after failures, same text */
    MLSEC_KEYS_FAILING,              /* the first that has failed */
    MLSEC_KEYS_FAILED                /* as the one before it */
} mlsec_keys_change_e;


/* Makes an empty store; memory: sizeof(mlsec_key_store_t) bytes, aligned. */
void mlsec_key_store_init(mlsec_key_store_t *store);

/* Whether memory has been made a store by this version of the code, 1 or 0. */
int mlsec_key_store_check(const mlsec_key_store_t *store);

/*
 * Asks whether the caller is to fetch now.
 *
 * now: ms, as for mlsec_leader_ask(), not 0.  missed: 1 if somebody waits for
 * a key that is not there.
 *
 * 1: it is, and has to call mlsec_key_store_end() or _cancel(), within
 * rule->timeout and a second; if it dies others take over.  0: it is not time,
 * or another process does already.
 */
int mlsec_key_store_begin(mlsec_key_store_t *store,
    const mlsec_process_t *process, const mlsec_key_rule_t *rule,
    uint64_t now, int missed);

/*
 * A fetch has been good.  To be called under the lock.
 *
 * text: at most MLSEC_JWK_MAX_SIZE bytes, copied; stamp: a number that
 * another text would have another of.  max_age: ms that the answer is good, or
 * -1 if it does not say.  random: any number, to spread the next fetch.
 */
mlsec_keys_change_e mlsec_key_store_end(mlsec_key_store_t *store,
    const mlsec_process_t *process, const mlsec_key_rule_t *rule,
    uint64_t now, mlsec_str_t text, uint64_t stamp, int64_t max_age,
    uint64_t random);

/* A fetch has failed. */
mlsec_keys_change_e mlsec_key_store_failed(mlsec_key_store_t *store,
    const mlsec_process_t *process, const mlsec_key_rule_t *rule,
    uint64_t now);

/* A fetch has been broken off; somebody else is to do it at once. */
void mlsec_key_store_cancel(mlsec_key_store_t *store,
    const mlsec_process_t *process);

/*
 * The current generation, 0 if there is no text or it is too old.
 */
uint64_t mlsec_key_store_generation(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now);

/*
 * The current text, in place.  To be called under the lock, which the caller
 * keeps as long as it reads.
 *
 * MLSEC_OK with *text, *stamp and *generation; MLSEC_EMPTY: there is none.
 */
int mlsec_key_store_text(const mlsec_key_store_t *store, mlsec_str_t *text,
    uint64_t *stamp, uint64_t *generation);

/*
 * Whether a fetch is under way: 1 or 0.
 */
int mlsec_key_store_busy(const mlsec_key_store_t *store,
    const mlsec_process_t *process, uint64_t now);

/*
 * In how many ms a fetch may begin for a missing key: 0, at once.
 */
uint64_t mlsec_key_store_patience(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now);

/*
 * In how many ms the next one begins if nobody misses a key.
 */
uint64_t mlsec_key_store_next(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now);


#endif /* _MLSEC_KEY_STORE_H_INCLUDED_ */
