/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_resolver.h>
#include <core/ngx_mlsec_timer.h>
#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_health.h>
#include <service/ngx_mlsec_service_resolve.h>


/*
 * One worker asks for all: the one that probes, see
 * ngx_mlsec_service_health.c.  It has a question for each service, asked when
 * the answer before has run out, and makes the list in the zone what the answer
 * says.  A worker that becomes the one asks at once.
 *
 * nginx's resolver keeps answers as long as they are good, and longer with
 * "valid=".  Here it is max= and min= that say how long: what it has kept of a
 * name is declared old before the name is asked for again.
 */

#define NGX_MLSEC_LOOKUP_TURN    500             /* ms */
#define NGX_MLSEC_LOOKUP_LEASE   3000            /* ms, as of probes */
#define NGX_MLSEC_LOOKUP_AGAIN   50              /* ms, the zone was busy */
#define NGX_MLSEC_LOOKUP_OTHER   63              /* reason: any other */
#define NGX_MLSEC_LOOKUP_TIMEOUT 62              /* reason */


struct ngx_mlsec_lookup_s {
    const ngx_mlsec_service_conf_t  *conf;
    ngx_resolver_ctx_t              *ctx;        /* NULL: nothing is asked */
    ngx_event_t                      timer;      /* until the next question */
    ngx_connection_t                 c;          /* for nginx's debug log */
    unsigned                         asking:1;   /* this worker is the one */
    unsigned                         left:1;     /* it was logged: addresses */
};


/* an answer, while it is worked on */

typedef struct {
    ngx_pool_t                      *pool;
    mlsec_address_t                 *addresses;
    ngx_uint_t                       n;
    mlsec_lookup_e                   kind;
    unsigned                         code;
    int                              keep;       /* not complete */
    uint64_t                         ttl;        /* ms */
} ngx_mlsec_answer_t;


static void ngx_mlsec_lookup_turn(ngx_event_t *ev);
static void ngx_mlsec_lookup_start(ngx_mlsec_lookup_t *lookup);
static void ngx_mlsec_lookup_stop(ngx_mlsec_lookup_t *lookup);
static void ngx_mlsec_lookup_ask(ngx_event_t *ev);
static void ngx_mlsec_lookup_answer(ngx_resolver_ctx_t *ctx);
static ngx_int_t ngx_mlsec_lookup_read(const ngx_mlsec_resolve_t *resolve,
    ngx_resolver_ctx_t *ctx, ngx_mlsec_answer_t *answer);
static ngx_int_t ngx_mlsec_lookup_read_srv(const ngx_mlsec_resolve_t *resolve,
    ngx_resolver_ctx_t *ctx, ngx_mlsec_answer_t *answer);
static ngx_uint_t ngx_mlsec_lookup_count_srv(
    const ngx_mlsec_resolve_t *resolve, ngx_resolver_ctx_t *ctx,
    ngx_uint_t *first, ngx_uint_t *broken);
static ngx_int_t ngx_mlsec_lookup_add(ngx_mlsec_answer_t *answer,
    const struct sockaddr *sockaddr, socklen_t socklen, ngx_uint_t port);
static ngx_int_t ngx_mlsec_lookup_done(ngx_mlsec_lookup_t *lookup,
    ngx_mlsec_answer_t *answer);
static void ngx_mlsec_lookup_changed(ngx_mlsec_lookup_t *lookup,
    const mlsec_discovery_change_t *change);
static void ngx_mlsec_lookup_failed(const ngx_mlsec_service_conf_t *conf,
    const mlsec_discovery_view_t *view);
static void ngx_mlsec_lookup_scope(const ngx_mlsec_service_conf_t *conf,
    mlsec_process_t *process, mlsec_discovery_t *d);


static ngx_event_t       ngx_mlsec_lookup_event;
static ngx_connection_t  ngx_mlsec_lookup_dummy;


/*
 * A list that was asked for under another name is not ours; whoever is at work
 * with it may go on until the first answer.
 */

void
ngx_mlsec_lookup_adopt(const ngx_mlsec_service_conf_t *conf)
{
    mlsec_process_t    process;
    mlsec_discovery_t  d;

    ngx_mlsec_lookup_scope(conf, &process, &d);

    if (mlsec_atomic_load(&d.service->source) == conf->resolve->source) {
        mlsec_discovery_adopt(&d);
    }
}


ngx_int_t
ngx_mlsec_lookup_begin(ngx_cycle_t *cycle, ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t                  i, n;
    ngx_event_t                *ev;
    ngx_mlsec_lookup_t         *lookup;
    ngx_mlsec_service_conf_t  **conf;

    n = 0;
    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (conf[i]->resolve == NULL) {
            continue;
        }

        lookup = ngx_pcalloc(cycle->pool, sizeof(ngx_mlsec_lookup_t));

        if (lookup == NULL
            || ngx_mlsec_places_init(conf[i], cycle->pool) != NGX_OK)
        {
            return NGX_ERROR;
        }

        lookup->conf = conf[i];
        ngx_mlsec_timer_init(&lookup->timer, &lookup->c,
                             ngx_mlsec_lookup_ask, lookup, cycle->log);

        conf[i]->live->lookup = lookup;
        n++;
    }

    if (n == 0) {
        return NGX_OK;
    }

    ev = &ngx_mlsec_lookup_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ngx_mlsec_timer_init(ev, &ngx_mlsec_lookup_dummy,
                         ngx_mlsec_lookup_turn, mcf, cycle->log);

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_mlsec_lookup_end(ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_mlsec_service_conf_t  **conf;

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (conf[i]->live->lookup != NULL) {
            ngx_mlsec_lookup_stop(conf[i]->live->lookup);
        }
    }
}


static void
ngx_mlsec_lookup_turn(ngx_event_t *ev)
{
    ngx_uint_t                      i;
    mlsec_process_t                 process;
    ngx_connection_t               *c;
    ngx_mlsec_service_conf_t      **conf;
    ngx_mlsec_service_main_conf_t  *mcf;

    c = ev->data;
    mcf = c->data;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_mlsec_lookup_end(mcf);
        mlsec_leader_resign(&mcf->registry->leader, ngx_pid);
        return;
    }

    ngx_add_timer(ev, NGX_MLSEC_LOOKUP_TURN);

    ngx_mlsec_process(&process);

    if (!mlsec_leader_ask(&mcf->registry->leader, &process, ngx_current_msec,
                          NGX_MLSEC_LOOKUP_LEASE))
    {
        ngx_mlsec_lookup_end(mcf);
        return;
    }

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (conf[i]->live->lookup != NULL) {
            ngx_mlsec_lookup_start(conf[i]->live->lookup);
        }
    }
}


static void
ngx_mlsec_lookup_start(ngx_mlsec_lookup_t *lookup)
{
    mlsec_process_t    process;
    mlsec_discovery_t  d;

    if (lookup->asking) {
        return;
    }

    lookup->asking = 1;

    ngx_mlsec_lookup_scope(lookup->conf, &process, &d);

    if (mlsec_atomic_load(&d.service->source)
        == lookup->conf->resolve->source)
    {
        mlsec_discovery_heal(&d);

    } else {
        mlsec_atomic_store(&d.service->lookup, 0);
    }

    ngx_add_timer(&lookup->timer, 1);
}


static void
ngx_mlsec_lookup_stop(ngx_mlsec_lookup_t *lookup)
{
    lookup->asking = 0;

    if (lookup->timer.timer_set) {
        ngx_del_timer(&lookup->timer);
    }

    if (lookup->ctx != NULL) {
        ngx_resolve_name_done(lookup->ctx);
        lookup->ctx = NULL;
    }
}


static void
ngx_mlsec_lookup_ask(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_resolver_ctx_t         *ctx;
    ngx_mlsec_lookup_t         *lookup;
    const ngx_mlsec_resolve_t  *resolve;

    c = ev->data;
    lookup = c->data;
    resolve = lookup->conf->resolve;

    ctx = ngx_resolve_start(resolve->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_add_timer(ev, (ngx_msec_t) resolve->rule.max);
        return;
    }

    (void) ngx_mlsec_resolver_expire(resolve->srv
                                     ? &resolve->resolver->srv_expire_queue
                                     : &resolve->resolver->name_expire_queue,
                                     &resolve->service, &resolve->host);

    ctx->name = resolve->host;
    ctx->service = resolve->service;
    ctx->handler = ngx_mlsec_lookup_answer;
    ctx->data = lookup;
    ctx->timeout = resolve->timeout;
    ctx->cancelable = 1;

    lookup->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        lookup->ctx = NULL;
        ngx_add_timer(ev, (ngx_msec_t) resolve->rule.max);
    }
}


/*
 * Called by nginx's resolver; before ngx_resolve_name() returns, or later.
 */

static void
ngx_mlsec_lookup_answer(ngx_resolver_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_msec_t                  next;
    ngx_mlsec_answer_t          answer;
    ngx_mlsec_lookup_t         *lookup;
    mlsec_discovery_view_t      view;
    const ngx_mlsec_resolve_t  *resolve;

    lookup = ctx->data;
    lookup->ctx = NULL;

    resolve = lookup->conf->resolve;

    ngx_memzero(&answer, sizeof(ngx_mlsec_answer_t));
    answer.pool = ngx_create_pool(1024, ngx_cycle->log);

    rc = NGX_ERROR;

    if (answer.pool != NULL) {
        rc = ngx_mlsec_lookup_read(resolve, ctx, &answer);
        rc = (rc == NGX_OK) ? ngx_mlsec_lookup_done(lookup, &answer) : rc;

        ngx_destroy_pool(answer.pool);
    }

    ngx_resolve_name_done(ctx);

    mlsec_discovery_view(&lookup->conf->live->slot->lookup, &view);

    next = (rc == NGX_AGAIN)
           ? NGX_MLSEC_LOOKUP_AGAIN
           : (ngx_msec_t) mlsec_discovery_next(&resolve->rule, &view,
                                               answer.ttl);

    mlsec_atomic_store(&lookup->conf->live->slot->due,
                       ngx_current_msec + next);

    ngx_add_timer(&lookup->timer, next);
}


static ngx_int_t
ngx_mlsec_lookup_read(const ngx_mlsec_resolve_t *resolve,
    ngx_resolver_ctx_t *ctx, ngx_mlsec_answer_t *answer)
{
    time_t      valid, first;
    ngx_uint_t  i;

    valid = ctx->valid;

    /* that is the end of a chain of aliases; another one may end sooner */

    if (ctx->state == NGX_OK && !resolve->srv) {
        first = ngx_mlsec_resolver_valid(&ctx->resolver->name_expire_queue,
                                         NULL, &resolve->host);
        valid = first ? ngx_min(valid, first) : valid;
    }

    if (valid > ngx_time()) {
        answer->ttl = (uint64_t) (valid - ngx_time()) * 1000;
    }

    if (ctx->state == NGX_RESOLVE_NXDOMAIN) {
        answer->kind = MLSEC_LOOKUP_EMPTY;

    } else if (ctx->state != NGX_OK) {
        answer->kind = MLSEC_LOOKUP_FAILED;
        answer->code = (ctx->state == NGX_RESOLVE_TIMEDOUT)
                       ? NGX_MLSEC_LOOKUP_TIMEOUT
                       : (ctx->state > 0 && ctx->state <= NGX_RESOLVE_REFUSED)
                         ? (unsigned) ctx->state : NGX_MLSEC_LOOKUP_OTHER;
    }

    if (resolve->srv) {
        return ngx_mlsec_lookup_read_srv(resolve, ctx, answer);
    }

    if (ctx->state != NGX_OK) {
        return NGX_OK;
    }

    answer->addresses = ngx_palloc(answer->pool, (ctx->naddrs + 1)
                                                 * sizeof(mlsec_address_t));
    if (answer->addresses == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->naddrs; i++) {

        if (ngx_mlsec_lookup_add(answer, ctx->addrs[i].sockaddr,
                                 ctx->addrs[i].socklen, resolve->port)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    answer->kind = answer->n ? MLSEC_LOOKUP_OK : MLSEC_LOOKUP_EMPTY;

    return NGX_OK;
}


/*
 * The records of an SRV answer, and not what nginx has made of them: it leaves
 * out records of weight 0, and does not tell of names that could not be looked
 * up for now.
 */

static ngx_int_t
ngx_mlsec_lookup_read_srv(const ngx_mlsec_resolve_t *resolve,
    ngx_resolver_ctx_t *ctx, ngx_mlsec_answer_t *answer)
{
    time_t                    valid;
    ngx_uint_t                i, k, n, first, broken;
    mlsec_address_t          *address;
    ngx_resolver_srv_name_t  *srv;

    n = ngx_mlsec_lookup_count_srv(resolve, ctx, &first, &broken);

    if (n == 0) {

        if (answer->kind != MLSEC_LOOKUP_FAILED) {
            answer->kind = broken ? MLSEC_LOOKUP_FAILED : MLSEC_LOOKUP_EMPTY;
            answer->code = broken ? NGX_MLSEC_LOOKUP_OTHER : 0;
        }

        return NGX_OK;
    }

    answer->addresses = ngx_palloc(answer->pool, n * sizeof(mlsec_address_t));
    if (answer->addresses == NULL) {
        return NGX_ERROR;
    }

    answer->kind = MLSEC_LOOKUP_OK;
    answer->keep = (int) broken;

    srv = ctx->srvs;

    for (i = 0; i < ctx->nsrvs; i++) {

        for (k = 0; k < srv[i].naddrs; k++) {

            if (ngx_mlsec_lookup_add(answer, srv[i].addrs[k].sockaddr,
                                     srv[i].addrs[k].socklen,
                                     srv[i].port ? srv[i].port
                                                 : resolve->port)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            address = &answer->addresses[answer->n - 1];
            address->weight = srv[i].weight ? srv[i].weight : 1;
            address->backup = (srv[i].priority != first);
        }

        /* the addresses of a name may be good for less long than the name */

        valid = ngx_mlsec_resolver_expire(&ctx->resolver->name_expire_queue,
                                          NULL, &srv[i].name);

        if (valid) {
            valid = valid > ngx_time() ? valid - ngx_time() : 0;
            answer->ttl = ngx_min(answer->ttl, (uint64_t) valid * 1000);
        }
    }

    return NGX_OK;
}


/*
 * How many addresses there are.  *first: the priority of those that are called;
 * *broken: 1 if some could not be looked up.
 */

static ngx_uint_t
ngx_mlsec_lookup_count_srv(const ngx_mlsec_resolve_t *resolve,
    ngx_resolver_ctx_t *ctx, ngx_uint_t *first, ngx_uint_t *broken)
{
    ngx_uint_t                i, n;
    ngx_resolver_srv_name_t  *srv;

    *first = 65536;
    *broken = 0;
    n = 0;

    for (i = 0; i < ctx->nsrvs; i++) {
        srv = &ctx->srvs[i];

        /* a record without a port, and there is none to take instead */

        if (srv->port == 0 && resolve->port == 0) {
            srv->naddrs = 0;
        }

        n += srv->naddrs;

        if (srv->naddrs) {
            *first = ngx_min(*first, srv->priority);

        } else if (srv->state != NGX_OK
                   && srv->state != NGX_RESOLVE_NXDOMAIN)
        {
            *broken = 1;
        }
    }

    return n;
}


static ngx_int_t
ngx_mlsec_lookup_add(ngx_mlsec_answer_t *answer,
    const struct sockaddr *sockaddr, socklen_t socklen, ngx_uint_t port)
{
    u_char           *p;
    ngx_sockaddr_t    sa;
    mlsec_address_t  *address;

    p = ngx_pnalloc(answer->pool, NGX_SOCKADDR_STRLEN);

    if (p == NULL || socklen > (socklen_t) sizeof(ngx_sockaddr_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&sa, sockaddr, socklen);
    ngx_inet_set_port(&sa.sockaddr, (in_port_t) port);

    address = &answer->addresses[answer->n++];

    address->name.data = p;
    address->name.len = ngx_sock_ntop(&sa.sockaddr, socklen, p,
                                      NGX_SOCKADDR_STRLEN, 1);
    address->weight = 1;
    address->backup = 0;

    return NGX_OK;
}


/*
 * NGX_OK; NGX_AGAIN: the zone was busy, to be asked again soon; NGX_ERROR.
 */

static ngx_int_t
ngx_mlsec_lookup_done(ngx_mlsec_lookup_t *lookup, ngx_mlsec_answer_t *answer)
{
    int                              rc;
    mlsec_mem_t                      mem;
    mlsec_process_t                  process;
    mlsec_discovery_t                d;
    mlsec_discovery_view_t           view;
    mlsec_discovery_change_t         change;
    const ngx_mlsec_service_conf_t  *conf;

    conf = lookup->conf;
    ngx_mlsec_lookup_scope(conf, &process, &d);

    /* the name is another one now, and what is in the list is not of it */

    if (mlsec_atomic_load(&d.service->source) != conf->resolve->source) {
        answer->keep = 0;
    }

    if (!mlsec_discovery_report(&d.service->lookup, answer->kind,
                                answer->code, d.now))
    {
        mlsec_discovery_view(&d.service->lookup, &view);
        ngx_mlsec_lookup_failed(conf, &view);
        return NGX_OK;
    }

    mem = ngx_mlsec_mem(answer->pool);

    rc = mlsec_discovery_update(&d, &mem, answer->addresses, answer->n,
                                answer->keep, &change);

    mlsec_atomic_store(&d.service->source, conf->resolve->source);
    ngx_mlsec_service_changed(conf);

    if (rc != MLSEC_OK) {
        return (rc == MLSEC_DECLINED) ? NGX_AGAIN : NGX_ERROR;
    }

    ngx_mlsec_lookup_changed(lookup, &change);

    return NGX_OK;
}


static void
ngx_mlsec_lookup_changed(ngx_mlsec_lookup_t *lookup,
    const mlsec_discovery_change_t *change)
{
    const ngx_mlsec_service_conf_t  *conf;

    conf = lookup->conf;

    if (change->added || change->removed) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec service: addresses changed, service: \"%V\", "
                      "added: %ud, removed: %ud, now: %ud",
                      ngx_mlsec_service_name(conf), change->added,
                      change->removed, change->used);
    }

    if (change->left && !lookup->left) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mlsec service: %ud addresses are not used, %s, "
                      "service: \"%V\"", change->left,
                      change->full ? "\"mlsec_zone\" is full"
                                   : "there are more than \"slots=\"",
                      ngx_mlsec_service_name(conf));
    }

    lookup->left = (change->left != 0);

    if (conf->probes) {
        ngx_mlsec_health_follow(conf);
    }
}


/*
 * Said once, until there is a good answer again.
 */

static void
ngx_mlsec_lookup_failed(const ngx_mlsec_service_conf_t *conf,
    const mlsec_discovery_view_t *view)
{
    if (view->failures + view->empties != 1) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "mlsec service: no answer for \"%V\", %s, its addresses "
                  "stay, service: \"%V\"", &conf->resolve->name,
                  view->failures ? ngx_mlsec_lookup_reason(view->code)
                                 : "no such name",
                  ngx_mlsec_service_name(conf));
}


const char *
ngx_mlsec_lookup_reason(unsigned code)
{
    static const char  *reasons[] = {
        "other", "format error", "server failure", "no such name",
        "not implemented", "refused"
    };

    return code == NGX_MLSEC_LOOKUP_TIMEOUT ? "timed out"
           : code <= NGX_RESOLVE_REFUSED ? reasons[code] : reasons[0];
}


static void
ngx_mlsec_lookup_scope(const ngx_mlsec_service_conf_t *conf,
    mlsec_process_t *process, mlsec_discovery_t *d)
{
    ngx_mlsec_process(process);

    d->registry = conf->main->registry;
    d->process = process;
    d->service = conf->live->slot;
    d->generation = conf->main->generation;
    d->now = ngx_current_msec;
    d->places = conf->resolve->slots;
}
