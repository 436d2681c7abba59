/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What is known of one peer: whether its calls fail one after the other
 * (outlier), whether its probes pass (health), how fast it is.  And which of
 * the peers that something is held against are really left out.
 */


#ifndef _MLSEC_PEER_STATE_H_INCLUDED_
#define _MLSEC_PEER_STATE_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>
#include <stddef.h>


typedef struct {
    uint64_t            base;        /* ms, ejected the first time */
    uint64_t            max;         /* ms, at least base */
    unsigned            consecutive; /* failures that eject, 1-255 */
} mlsec_outlier_conf_t;


typedef struct {
    unsigned            fails;       /* probes in a row, 1-255 */
    unsigned            passes;      /* probes in a row, 1-255 */
} mlsec_health_conf_t;


typedef enum {
    MLSEC_HEALTH_UNKNOWN = 0,        /* not probed often enough */
    MLSEC_HEALTH_UP,
    MLSEC_HEALTH_DOWN
} mlsec_health_e;


typedef struct {
    unsigned            ejected;     /* 0 or 1 */
    unsigned            consecutive; /* failures in a row */
    unsigned            times;       /* ejected in a row */
    uint64_t            since;       /* ms, 0: not ejected */
    uint64_t            until;       /* ms, 0: not ejected */
} mlsec_outlier_view_t;


typedef struct {
    mlsec_health_e      state;
    unsigned            fails;       /* in a row */
    unsigned            passes;      /* in a row */
    uint64_t            since;       /* ms, of the state; 0: from the start */
} mlsec_health_view_t;


/*
 * Counts a call to a peer.  failed: 0 or 1.  o: zeroed at first.
 *
 * 1: this call has ejected the peer, for the base time, and for as much more
 * each time that it has not kept well for as long in between.  A good call
 * to a peer without failures costs one read.
 */
mlsec_hot int mlsec_outlier_report(mlsec_atomic_t *o,
    const mlsec_outlier_conf_t *conf, unsigned failed, uint64_t now);

/*
 * Takes a peer back whose time is up: 1 if this caller has done so.
 */
int mlsec_outlier_expire(mlsec_atomic_t *o, uint64_t now);

/*
 * Takes an ejected peer back at once: 1 if this caller has done so.
 */
int mlsec_outlier_clear(mlsec_atomic_t *o, uint64_t now);

/*
 * Reads everything, changes nothing.
 */
void mlsec_outlier_view(const mlsec_atomic_t *o,
    const mlsec_outlier_conf_t *conf, mlsec_outlier_view_t *view);


/*
 * Counts a probe.  passed: 0 or 1.  h: zeroed at first.
 *
 * MLSEC_HEALTH_UP or _DOWN: this probe has changed the state to that.
 * MLSEC_HEALTH_UNKNOWN: it has changed nothing.
 */
mlsec_health_e mlsec_health_report(mlsec_atomic_t *h,
    const mlsec_health_conf_t *conf, unsigned passed, uint64_t now);

/*
 * Probes that have passed so far do not count any more; the state stays.  For
 * a peer whose calls have failed while its probes went well: what is to speak
 * for it has to come after that.
 */
void mlsec_health_renew(mlsec_atomic_t *h);

/*
 * Reads everything, changes nothing.
 */
void mlsec_health_view(const mlsec_atomic_t *h, mlsec_health_view_t *view);


/*
 * Which peers of a group are left out: those that something is held against,
 * the first ones first, but at most half of the group (rounded down).  A
 * group of one keeps its peer whatever it does.  Where others stand by, all of
 * a group may be left out.
 *
 * since[i]: when peer i was found to be bad, 0 if it is not.  spare: 1 if there
 * is a backup that nothing is held against, else 0.  down[i]: 1 if it is left
 * out, else 0.  The result depends on the arguments alone: processes
 * that see the same state leave out the same peers.
 *
 * How many are left out.
 */
size_t mlsec_peers_choose(const uint64_t *since, size_t n, int spare,
    unsigned char *down);


/*
 * A moving average: the new one.  average: 0 if there is none yet; sample: in
 * the same unit.  Weight of a sample: one eighth.
 */
mlsec_hot uint64_t mlsec_ewma(uint64_t average, uint64_t sample);

/*
 * A time with jitter: msec, up to percent (0-100) more or less, at least 1.
 * random: any number.
 */
uint64_t mlsec_jitter(uint64_t msec, unsigned percent, uint64_t random);


#endif /* _MLSEC_PEER_STATE_H_INCLUDED_ */
