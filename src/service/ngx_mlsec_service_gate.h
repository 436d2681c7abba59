/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a call needs before it is made: the leave of a breaker, a place among
 * those in flight, kept in a ticket.
 */


#ifndef _NGX_MLSEC_SERVICE_GATE_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_GATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>
#include <service/ngx_mlsec_service_conf.h>


/* one that waits for its place, see ngx_mlsec_ask_t */

typedef struct {
    ngx_queue_t                    queue;    /* in a line of its worker's */
    ngx_event_t                    event;    /* its time; posted: it is told */
    ngx_mlsec_ticket_t            *ticket;
    ngx_msec_t                     since;    /* ngx_current_msec */
    ngx_uint_t                     optional; /* 0 or 1, MLSEC_GATE_* */
    ngx_int_t                      rc;       /* NGX_AGAIN: it waits */
    time_t                         retry_after; /* s; 0: 1 */
    ngx_mlsec_admitted_pt          handler;
    void                          *data;
    unsigned                       late:1;   /* the time is the client's */
} ngx_mlsec_waiter_t;


struct ngx_mlsec_ticket_s {
    const ngx_mlsec_service_conf_t  *conf;
    ngx_mlsec_waiter_t            *waiter;   /* NULL: it does not wait */
    mlsec_breaker_ticket_t         ticket;
    unsigned                       placed:1; /* has a place */
    unsigned                       used:1;   /* all of it is somebody else's */
};


/* ngx_mlsec_service_admit.c */

/*
 * Asks the breaker.  NGX_OK with *ticket, or NGX_DECLINED with *wait, ms; a
 * refusal is counted.
 */
mlsec_hot ngx_int_t ngx_mlsec_service_ask(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket, uint64_t *wait);

/*
 * The same for a further attempt of a call that has been let through, whose
 * refusal is no refused call.
 */
ngx_int_t ngx_mlsec_service_ask_again(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket);

/*
 * Counts a good call, as nearly all are, of an upstream with mlsec_breaker:
 * 1, or 0 and ngx_mlsec_service_tell() has to be called.  elapsed: ms.
 */
static ngx_inline ngx_uint_t
ngx_mlsec_service_well(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t ticket, ngx_msec_t elapsed)
{
    ngx_mlsec_service_live_t *live = conf->live;

    return !live->shared
           && mlsec_breaker_well(&live->slot->breaker, &conf->breaker,
                                 &live->good, ticket, elapsed,
                                 ngx_current_msec);
}

/*
 * Tells the breaker, and the log if that has changed it.
 */
mlsec_apart void ngx_mlsec_service_tell(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t ticket, mlsec_call_e call, ngx_msec_t elapsed,
    ngx_log_t *log);

/*
 * Asks the breaker for a ticket that has its place.  NGX_OK or NGX_DECLINED
 * with *retry_after, s.
 */
mlsec_hot ngx_int_t ngx_mlsec_ticket_breaker(ngx_mlsec_ticket_t *ticket,
    time_t *retry_after);

/*
 * Whether it is plain that a call would be refused at once; changes nothing
 * but counts.  As ngx_mlsec_service_admit(), which may still refuse what was
 * NGX_OK here.
 */
ngx_int_t ngx_mlsec_service_refuses(const ngx_mlsec_service_conf_t *conf,
    time_t *retry_after);


/* ngx_mlsec_service_gate.c */

/* When a worker begins. */
void ngx_mlsec_gate_begin(ngx_cycle_t *cycle,
    ngx_mlsec_service_main_conf_t *mcf);

/*
 * A place for a ticket of an upstream with mlsec_max_inflight.
 *
 * NGX_OK: it has one.  NGX_AGAIN: it waits; ask->handler will be called, unless
 * the ticket is withdrawn.  NGX_BUSY: neither; that is counted.
 */
ngx_int_t ngx_mlsec_gate_ask(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_ask_t *ask, ngx_mlsec_ticket_t *ticket);

/* A place without a ticket and without waiting: 1 or 0. */
ngx_uint_t ngx_mlsec_gate_enter(const ngx_mlsec_service_conf_t *conf,
    ngx_uint_t optional);

/* Gives a place back, to who waits for one. */
void ngx_mlsec_gate_leave(const ngx_mlsec_service_conf_t *conf);

/* Has whoever is next take the room that there may be. */
void ngx_mlsec_gate_next(const ngx_mlsec_service_conf_t *conf);

/* Takes a ticket out of its line, if it is in one. */
void ngx_mlsec_gate_withdraw(ngx_mlsec_ticket_t *ticket);


#endif /* _NGX_MLSEC_SERVICE_GATE_H_INCLUDED_ */
