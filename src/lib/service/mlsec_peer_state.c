/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_peer_state.h>
#include <lib/mlsec_chaos.h>
#include <string.h>


#define MLSEC_PEER_TIME_MASK   ((1ull << 40) - 1)

#define MLSEC_OUTLIER_TIMES_MAX  255
#define MLSEC_COUNT_MAX          255


/*
 * The word of an outlier, from the lowest bit: 40 bits of time (ejected: until
 * when; else when it was taken back, 0: never), 8 of consecutive failures, 8
 * of times, 1 of ejected.
 */

typedef struct {
    uint64_t  time;              /* ms */
    unsigned  consecutive;
    unsigned  times;
    unsigned  ejected;
} mlsec_outlier_word_t;


/* The word of health: 40 bits of time (since when), 8 of fails, 8 of passes,
   2 of state. */

typedef struct {
    uint64_t  time;              /* ms */
    unsigned  fails;
    unsigned  passes;
    unsigned  state;
} mlsec_health_word_t;


static mlsec_rare int mlsec_outlier_count(mlsec_atomic_t *o, uint64_t old,
    const mlsec_outlier_conf_t *conf, unsigned failed, uint64_t now);


static void
mlsec_outlier_unpack(uint64_t word, mlsec_outlier_word_t *s)
{
    s->time = word & MLSEC_PEER_TIME_MASK;
    s->consecutive = (word >> 40) & 255;
    s->times = (word >> 48) & 255;
    s->ejected = (word >> 56) & 1;
}


static uint64_t
mlsec_outlier_pack(const mlsec_outlier_word_t *s)
{
    return ((uint64_t) s->ejected << 56) | ((uint64_t) s->times << 48)
           | ((uint64_t) s->consecutive << 40)
           | (s->time & MLSEC_PEER_TIME_MASK);
}


static uint64_t
mlsec_outlier_time(const mlsec_outlier_conf_t *conf, unsigned times)
{
    uint64_t  t;

    t = conf->base * times;

    return t < conf->max ? t : conf->max;
}


int
mlsec_outlier_report(mlsec_atomic_t *o, const mlsec_outlier_conf_t *conf,
    unsigned failed, uint64_t now)
{
    uint64_t              old;
    mlsec_outlier_word_t  s;

    old = mlsec_atomic_load(o);

    mlsec_outlier_unpack(old, &s);

    /* nearly always: a good call after a good one */

    if (!failed && s.consecutive == 0) {
        return 0;
    }

    return mlsec_outlier_count(o, old, conf, failed, now);
}


static int
mlsec_outlier_count(mlsec_atomic_t *o, uint64_t old,
    const mlsec_outlier_conf_t *conf, unsigned failed, uint64_t now)
{
    mlsec_outlier_word_t  s;

    do {
        mlsec_outlier_unpack(old, &s);

        /* ejected, and called all the same: its time has to pass */

        if (s.ejected || (!failed && s.consecutive == 0)) {
            return 0;
        }

        if (!failed) {
            s.consecutive = 0;

        } else if (++s.consecutive >= conf->consecutive) {

            if (s.time == 0
                || now - s.time >= mlsec_outlier_time(conf, s.times))
            {
                s.times = 0;
            }

            if (s.times < MLSEC_OUTLIER_TIMES_MAX) {
                s.times++;
            }

            s.ejected = 1;
            s.consecutive = 0;
            s.time = now + mlsec_outlier_time(conf, s.times);
        }

    } while (!mlsec_atomic_cas(o, &old, mlsec_outlier_pack(&s)));

    if (s.ejected) {
        mlsec_chaos_point("peer-ejected");
    }

    return s.ejected;
}


static int
mlsec_outlier_release(mlsec_atomic_t *o, uint64_t now, int early)
{
    uint64_t              old;
    mlsec_outlier_word_t  s;

    old = mlsec_atomic_load(o);

    do {
        mlsec_outlier_unpack(old, &s);

        if (!s.ejected || (!early && now < s.time)) {
            return 0;
        }

        s.ejected = 0;
        s.time = now < s.time ? now : s.time;

    } while (!mlsec_atomic_cas(o, &old, mlsec_outlier_pack(&s)));

    return 1;
}


int
mlsec_outlier_expire(mlsec_atomic_t *o, uint64_t now)
{
    return mlsec_outlier_release(o, now, 0);
}


int
mlsec_outlier_clear(mlsec_atomic_t *o, uint64_t now)
{
    return mlsec_outlier_release(o, now, 1);
}


void
mlsec_outlier_view(const mlsec_atomic_t *o, const mlsec_outlier_conf_t *conf,
    mlsec_outlier_view_t *view)
{
    uint64_t              length;
    mlsec_outlier_word_t  s;

    mlsec_outlier_unpack(mlsec_atomic_load(o), &s);

    view->ejected = s.ejected;
    view->consecutive = s.consecutive;
    view->times = s.times;
    view->since = 0;
    view->until = 0;

    if (s.ejected) {
        length = mlsec_outlier_time(conf, s.times);

        view->until = s.time;
        view->since = s.time > length ? s.time - length : 1;
    }
}


static void
mlsec_health_unpack(uint64_t word, mlsec_health_word_t *s)
{
    s->time = word & MLSEC_PEER_TIME_MASK;
    s->fails = (word >> 40) & 255;
    s->passes = (word >> 48) & 255;
    s->state = (word >> 56) & 3;
}


mlsec_health_e
mlsec_health_report(mlsec_atomic_t *h, const mlsec_health_conf_t *conf,
    unsigned passed, uint64_t now)
{
    uint64_t             old;
    mlsec_health_e       changed;
    mlsec_health_word_t  s;

    old = mlsec_atomic_load(h);

    do {
        mlsec_health_unpack(old, &s);

        changed = MLSEC_HEALTH_UNKNOWN;

        if (passed) {
            s.fails = 0;
            s.passes += (s.passes < MLSEC_COUNT_MAX);

            if (s.state != MLSEC_HEALTH_UP && s.passes >= conf->passes) {
                changed = MLSEC_HEALTH_UP;
            }

        } else {
            s.passes = 0;
            s.fails += (s.fails < MLSEC_COUNT_MAX);

            if (s.state != MLSEC_HEALTH_DOWN && s.fails >= conf->fails) {
                changed = MLSEC_HEALTH_DOWN;
            }
        }

        if (changed != MLSEC_HEALTH_UNKNOWN) {
            s.state = changed;
            s.time = now;
        }

    } while (!mlsec_atomic_cas(h, &old,
                               ((uint64_t) s.state << 56)
                               | ((uint64_t) s.passes << 48)
                               | ((uint64_t) s.fails << 40)
                               | (s.time & MLSEC_PEER_TIME_MASK)));

    return changed;
}


void
mlsec_health_renew(mlsec_atomic_t *h)
{
    uint64_t  old;

    old = mlsec_atomic_load(h);

    while (!mlsec_atomic_cas(h, &old, old & ~(255ull << 48))) {
        /* void */
    }
}


void
mlsec_health_view(const mlsec_atomic_t *h, mlsec_health_view_t *view)
{
    mlsec_health_word_t  s;

    mlsec_health_unpack(mlsec_atomic_load(h), &s);

    view->state = s.state;
    view->fails = s.fails;
    view->passes = s.passes;
    view->since = s.time;
}


size_t
mlsec_peers_choose(const uint64_t *since, size_t n, int spare,
    unsigned char *down)
{
    size_t  i, first, chosen, most;

    memset(down, 0, n);

    most = spare ? n : n / 2;

    for (chosen = 0; chosen < most; chosen++) {
        first = n;

        for (i = 0; i < n; i++) {

            if (since[i] && !down[i]
                && (first == n || since[i] < since[first]))
            {
                first = i;
            }
        }

        if (first == n) {
            break;
        }

        down[first] = 1;
    }

    return chosen;
}


uint64_t
mlsec_ewma(uint64_t average, uint64_t sample)
{
    if (average == 0) {
        return sample;
    }

    if (sample >= average) {
        return average + (sample - average) / 8;
    }

    return average - (average - sample) / 8;
}


uint64_t
mlsec_jitter(uint64_t msec, unsigned percent, uint64_t random)
{
    uint64_t  most;

    most = msec * percent / 100;
    msec = msec - most + random % (2 * most + 1);

    return msec ? msec : 1;
}
