/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Those that wait for a place of mlsec_max_inflight.
 *
 * Who waits is in two lines of the worker that has the request, first come,
 * first served; how many and since when, in its cell, for the other workers
 * (lib/service/mlsec_gate.h).  What can happen to one that waits:
 *
 *   a place     it is next here, and this worker has found room
 *   its time    is over, that of "wait=" or that of the client
 *   crowded out an optional one, when the queue is full and one comes that has
 *               to be called
 *   withdrawn   the client has gone, or the part is not wanted any more: the
 *               cleanup of the pool, or whoever asked, takes it out of the line
 *
 * The first three are told to whoever asked, each from an event of its own, so
 * that nothing that a request does then meets a line that is being walked.
 *
 * Nobody polls.  Who leaves looks whose turn it is, and if that is another
 * worker's it is woken.  A look ten times a second, while somebody waits here,
 * is for what cannot tell anybody that it has left: a worker that was killed.
 * It also tells the others that this worker has not stopped, since they let
 * its line pass first.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_gate.h>
#include <core/ngx_mlsec_process.h>
#include <core/ngx_mlsec_wake.h>


#define NGX_MLSEC_GATE_LOOK  100             /* ms */


static ngx_int_t ngx_mlsec_gate_wait(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_ask_t *ask, ngx_mlsec_ticket_t *ticket);
static ngx_uint_t ngx_mlsec_gate_crowd_out(
    const ngx_mlsec_service_conf_t *conf, const mlsec_gate_line_t *line);
static void ngx_mlsec_gate_step_out(ngx_mlsec_ticket_t *ticket,
    mlsec_wait_e how);
static void ngx_mlsec_gate_event(ngx_event_t *ev);
static void ngx_mlsec_gate_serve(ngx_event_t *ev);
static ngx_mlsec_ticket_t *ngx_mlsec_gate_first(
    const ngx_mlsec_service_conf_t *conf);
static void ngx_mlsec_gate_look(ngx_event_t *ev);
static void ngx_mlsec_gate_woken(void *data);
static void ngx_mlsec_gate_bury(const ngx_mlsec_service_conf_t *conf);


void
ngx_mlsec_gate_begin(ngx_cycle_t *cycle, ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t                  i, queues;
    ngx_mlsec_service_conf_t  **conf;
    ngx_mlsec_service_live_t   *live;

    queues = 0;
    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {
        live = conf[i]->live;

        live->gate.registry = mcf->registry;
        live->gate.cell = live->cell;
        live->gate.self = &mcf->registry->workers[ngx_process_slot
                                                  % MLSEC_REGISTRY_WORKERS];
        live->gate.service = live->index;
        live->gate.max = conf[i]->max_inflight;
        live->gate.queue = conf[i]->queue;

        /* beyond the last cell workers share one; a line cannot be shared */

        if (ngx_process_slot >= MLSEC_REGISTRY_WORKERS) {
            live->gate.queue = 0;
        }

        ngx_queue_init(&live->lines[MLSEC_GATE_REQUIRED]);
        ngx_queue_init(&live->lines[MLSEC_GATE_OPTIONAL]);

        live->serve.handler = ngx_mlsec_gate_serve;
        live->serve.data = conf[i];
        live->serve.log = cycle->log;

        live->look.handler = ngx_mlsec_gate_look;
        live->look.data = conf[i];
        live->look.log = cycle->log;
        live->look.cancelable = 1;

        queues += (live->gate.queue != 0);
    }

    if (queues) {
        ngx_mlsec_wake_begin(cycle, ngx_mlsec_gate_woken, mcf);
    }
}


ngx_int_t
ngx_mlsec_gate_ask(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_ask_t *ask, ngx_mlsec_ticket_t *ticket)
{
    const mlsec_gate_t  *gate;

    gate = &conf->live->gate;

    if (gate->queue == 0
        || !mlsec_gate_ahead(gate, ask->optional, ngx_current_msec))
    {
        if (ngx_mlsec_gate_enter(conf, ask->optional)) {
            ticket->placed = 1;
            return NGX_OK;
        }
    }

    if (gate->queue && ask->handler != NULL
        && ngx_mlsec_gate_wait(conf, ask, ticket) == NGX_OK)
    {
        return NGX_AGAIN;
    }

    mlsec_atomic_add(&conf->live->slot->shed, 1);

    return NGX_BUSY;
}


/*
 * Nobody is refused for the calls of a worker that has died.
 */

ngx_uint_t
ngx_mlsec_gate_enter(const ngx_mlsec_service_conf_t *conf,
    ngx_uint_t optional)
{
    if (mlsec_gate_enter(&conf->live->gate, optional)) {
        return 1;
    }

    ngx_mlsec_gate_bury(conf);

    if (mlsec_gate_enter(&conf->live->gate, optional)) {
        return 1;
    }

    /* having tried may have been in somebody's way */

    ngx_mlsec_gate_next(conf);

    return 0;
}


void
ngx_mlsec_gate_leave(const ngx_mlsec_service_conf_t *conf)
{
    mlsec_gate_leave(&conf->live->gate);
    ngx_mlsec_gate_next(conf);
}


void
ngx_mlsec_gate_next(const ngx_mlsec_service_conf_t *conf)
{
    unsigned                   worker;
    ngx_mlsec_service_live_t  *live;

    live = conf->live;

    if (live->gate.queue == 0
        || !mlsec_gate_next(&live->gate, ngx_current_msec, &worker))
    {
        return;
    }

    if (worker != (unsigned) ngx_process_slot) {
        ngx_mlsec_wake(worker);
        return;
    }

    if (!live->serve.posted) {
        ngx_post_event(&live->serve, &ngx_posted_events);
    }
}


static ngx_int_t
ngx_mlsec_gate_wait(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_ask_t *ask, ngx_mlsec_ticket_t *ticket)
{
    ngx_msec_t                 wait;
    mlsec_gate_line_t          line;
    ngx_mlsec_waiter_t        *waiter;
    ngx_mlsec_service_live_t  *live;

    live = conf->live;
    line = live->line[ask->optional];

    if (line.n == 0) {
        line.since = ngx_current_msec;
    }

    if (line.n++ == MLSEC_GATE_QUEUE_MAX) {
        return NGX_BUSY;
    }

    waiter = ngx_pcalloc(ask->pool, sizeof(ngx_mlsec_waiter_t));
    if (waiter == NULL) {
        return NGX_BUSY;
    }

    mlsec_gate_awake(&live->gate, ngx_current_msec);

    if (!mlsec_gate_join(&live->gate, ask->optional, &line)
        && (ask->optional || !ngx_mlsec_gate_crowd_out(conf, &line)))
    {
        return NGX_BUSY;
    }

    live->line[ask->optional] = line;
    ngx_queue_insert_tail(&live->lines[ask->optional], &waiter->queue);

    waiter->ticket = ticket;
    waiter->since = ngx_current_msec;
    waiter->optional = ask->optional;
    waiter->handler = ask->handler;
    waiter->data = ask->data;
    waiter->rc = NGX_AGAIN;

    waiter->event.handler = ngx_mlsec_gate_event;
    waiter->event.data = waiter;
    waiter->event.log = conf->live->serve.log;

    ticket->waiter = waiter;

    wait = conf->wait;

    if (ask->left && ask->left <= wait) {
        wait = ask->left;
        waiter->late = 1;
    }

    ngx_add_timer(&waiter->event, wait);

    if (!live->look.timer_set) {
        ngx_add_timer(&live->look, NGX_MLSEC_GATE_LOOK);
    }

    /* there may have been room before anybody could know */

    ngx_mlsec_gate_next(conf);

    return NGX_OK;
}


/*
 * The one that has come last goes first: it has waited least.
 */

static ngx_uint_t
ngx_mlsec_gate_crowd_out(const ngx_mlsec_service_conf_t *conf,
    const mlsec_gate_line_t *line)
{
    ngx_queue_t         *lines;
    ngx_mlsec_waiter_t  *waiter;

    lines = &conf->live->lines[MLSEC_GATE_OPTIONAL];

    if (ngx_queue_empty(lines)) {
        return 0;
    }

    waiter = ngx_queue_data(ngx_queue_last(lines), ngx_mlsec_waiter_t, queue);
    waiter->rc = NGX_BUSY;

    ngx_mlsec_gate_step_out(waiter->ticket, MLSEC_WAIT_CROWDED_OUT);
    mlsec_atomic_add(&conf->live->slot->shed, 1);

    ngx_post_event(&waiter->event, &ngx_posted_events);

    return mlsec_gate_join(&conf->live->gate, MLSEC_GATE_REQUIRED, line);
}


static void
ngx_mlsec_gate_step_out(ngx_mlsec_ticket_t *ticket, mlsec_wait_e how)
{
    ngx_queue_t                     *lines;
    mlsec_gate_line_t               *line;
    ngx_mlsec_waiter_t              *waiter, *first;
    ngx_mlsec_service_live_t        *live;
    const ngx_mlsec_service_conf_t  *conf;

    waiter = ticket->waiter;
    conf = ticket->conf;
    live = conf->live;

    lines = &live->lines[waiter->optional];
    line = &live->line[waiter->optional];

    ngx_queue_remove(&waiter->queue);
    line->n--;

    if (line->n) {
        first = ngx_queue_data(ngx_queue_head(lines), ngx_mlsec_waiter_t,
                               queue);
        line->since = first->since;
    }

    mlsec_gate_tell(&live->gate, waiter->optional, line);

    if (waiter->event.timer_set) {
        ngx_del_timer(&waiter->event);
    }

    mlsec_atomic_add(&live->slot->waited[how], 1);
    ngx_mlsec_service_count_wait(conf, ngx_current_msec - waiter->since);
}


/*
 * Its time is over, or there is news of it.
 */

static void
ngx_mlsec_gate_event(ngx_event_t *ev)
{
    ngx_mlsec_waiter_t *waiter = ev->data;

    ngx_mlsec_ticket_t              *ticket;
    const ngx_mlsec_service_conf_t  *conf;

    ticket = waiter->ticket;
    conf = ticket->conf;

    if (waiter->rc == NGX_AGAIN) {
        waiter->rc = waiter->late ? NGX_DONE : NGX_BUSY;

        ngx_mlsec_gate_step_out(ticket, MLSEC_WAIT_EXPIRED);

        if (waiter->rc == NGX_BUSY) {
            mlsec_atomic_add(&conf->live->slot->shed, 1);
        }

        /* whoever was woken for this one has woken nobody else */

        ngx_mlsec_gate_next(conf);
    }

    ticket->waiter = NULL;

    waiter->handler(waiter->data, waiter->rc,
                    waiter->retry_after ? waiter->retry_after : 1);
}


/*
 * Gives out the places that there are to those that are first.
 */

static void
ngx_mlsec_gate_serve(ngx_event_t *ev)
{
    ngx_mlsec_service_conf_t *conf = ev->data;

    ngx_mlsec_ticket_t  *ticket;
    ngx_mlsec_waiter_t  *waiter;

    for ( ;; ) {
        ticket = ngx_mlsec_gate_first(conf);

        if (ticket == NULL
            || !mlsec_gate_enter(&conf->live->gate, ticket->waiter->optional))
        {
            break;
        }

        waiter = ticket->waiter;
        ticket->placed = 1;

        ngx_mlsec_gate_step_out(ticket, MLSEC_WAIT_CALLED);

        waiter->rc = ngx_mlsec_ticket_breaker(ticket, &waiter->retry_after);

        if (waiter->rc != NGX_OK) {
            ticket->placed = 0;
            mlsec_gate_leave(&conf->live->gate);
        }

        ngx_post_event(&waiter->event, &ngx_posted_events);
    }

    ngx_mlsec_gate_next(conf);
}


static ngx_mlsec_ticket_t *
ngx_mlsec_gate_first(const ngx_mlsec_service_conf_t *conf)
{
    ngx_uint_t           i;
    ngx_queue_t         *lines;
    ngx_mlsec_waiter_t  *first;

    lines = conf->live->lines;

    for (i = MLSEC_GATE_REQUIRED; i <= MLSEC_GATE_OPTIONAL; i++) {

        if (!ngx_queue_empty(&lines[i])) {
            first = ngx_queue_data(ngx_queue_head(&lines[i]),
                                   ngx_mlsec_waiter_t, queue);
            return first->ticket;
        }
    }

    return NULL;
}


static void
ngx_mlsec_gate_look(ngx_event_t *ev)
{
    ngx_mlsec_service_conf_t *conf = ev->data;

    if (ngx_mlsec_gate_first(conf) == NULL) {
        return;
    }

    mlsec_gate_awake(&conf->live->gate, ngx_current_msec);

    ngx_mlsec_gate_bury(conf);
    ngx_mlsec_gate_next(conf);

    ngx_add_timer(ev, NGX_MLSEC_GATE_LOOK);
}


static void
ngx_mlsec_gate_woken(void *data)
{
    ngx_mlsec_service_main_conf_t *mcf = data;

    ngx_uint_t                  i;
    ngx_mlsec_service_conf_t  **conf;

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (ngx_mlsec_gate_first(conf[i]) != NULL
            && !conf[i]->live->serve.posted)
        {
            ngx_post_event(&conf[i]->live->serve, &ngx_posted_events);
        }
    }
}


static void
ngx_mlsec_gate_bury(const ngx_mlsec_service_conf_t *conf)
{
    mlsec_process_t  process;

    ngx_mlsec_process(&process);
    mlsec_registry_bury(conf->main->registry, &process);
}


void
ngx_mlsec_gate_withdraw(ngx_mlsec_ticket_t *ticket)
{
    ngx_mlsec_waiter_t  *waiter;

    waiter = ticket->waiter;

    if (waiter == NULL) {
        return;
    }

    if (waiter->rc == NGX_AGAIN) {
        ngx_mlsec_gate_step_out(ticket, MLSEC_WAIT_ABORTED);
        ngx_mlsec_gate_next(ticket->conf);
    }

    if (waiter->event.posted) {
        ngx_delete_posted_event(&waiter->event);
    }

    ticket->waiter = NULL;
}
