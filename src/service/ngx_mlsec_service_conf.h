/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the files of this folder share; nobody else includes it.
 *
 * ngx_mlsec_service.c         directives, the module, public functions
 * ngx_mlsec_service_params.c  reading mlsec_breaker, mlsec_outlier
 * ngx_mlsec_service_zone.c    the shared zone, services and peers in it
 * ngx_mlsec_service_peer.c    around nginx's balancers: every attempt
 * ngx_mlsec_service_outcome.c what has become of it
 * ngx_mlsec_service_retry.c   whether there is another attempt
 * ngx_mlsec_service_page.c    how many calls a client's request comes to
 * ngx_mlsec_service_method.c  the method that a service is sent
 * ngx_mlsec_service_header.c  headers of answers, and what stands before one
 * ngx_mlsec_service_masks.c   what nginx reads about another attempt
 * ngx_mlsec_service_buffer.c  what nginx reads an answer into
 * ngx_mlsec_service_retry_conf.c  reading mlsec_retry
 * ngx_mlsec_service_down.c    which peers are left out
 * ngx_mlsec_service_nobody.c  whether any peer takes requests
 * ngx_mlsec_service_admit.c   leave for a call: breaker, place
 * ngx_mlsec_service_gate.c    places of mlsec_max_inflight, who waits for one
 * ngx_mlsec_service_via.c     mlsec_via
 * ngx_mlsec_service_resolve.c mlsec_resolve, what it puts into an upstream{}
 * ngx_mlsec_service_lookup.c  who asks the DNS, and when
 * ngx_mlsec_service_places.c  what a worker makes of the addresses
 * ngx_mlsec_service_error.c   what an envelope says of a failed call
 * ngx_mlsec_service_health.c  who probes, and when
 * ngx_mlsec_service_probe.c   one probe
 * ngx_mlsec_service_match.c   what the body of a probe has to be
 * ngx_mlsec_service_tls.c     what TLS of a probe needs
 * ngx_mlsec_service_status.c  mlsec_services
 * ngx_mlsec_service_metrics.c what is counted of calls, told to mlsec_metrics
 * ngx_mlsec_service_admin.c   mlsec_services admin
 * ngx_mlsec_service_system.c  mlsec_system
 * ngx_mlsec_service_machine.c  what the machine is doing
 */


#ifndef _NGX_MLSEC_SERVICE_CONF_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_exchange.h>
#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_process.h>
#include <core/ngx_mlsec_tls.h>
#include <lib/filter/mlsec_filter.h>
#include <lib/mlsec_types.h>
#include <lib/service/mlsec_discovery.h>
#include <lib/service/mlsec_gate.h>
#include <lib/service/mlsec_registry.h>
#include <metrics/ngx_mlsec_metrics.h>
#include <service/ngx_mlsec_service.h>


/* a peer of nginx's and its slot, as this worker knows them */

typedef struct {
    ngx_str_t                     *name;     /* nginx's, by its address */
    mlsec_peer_slot_t             *slot;
    uint64_t                       owner;    /* of slot, when it was found */
} ngx_mlsec_peer_ref_t;


/* mlsec_retry of an upstream{} */

#define NGX_MLSEC_RETRY_TRIES_MAX  10

#define NGX_MLSEC_RETRY_ON_429     0x0008
#define NGX_MLSEC_RETRY_ON_500     0x0010
#define NGX_MLSEC_RETRY_ON_502     0x0020
#define NGX_MLSEC_RETRY_ON_503     0x0040
#define NGX_MLSEC_RETRY_ON_504     0x0080

typedef struct {
    mlsec_budget_conf_t            budget;
    uint64_t                       base;     /* ms */
    uint64_t                       cap;      /* ms */
    uint64_t                       attempt;  /* ms, for one; 0: no limit */
    unsigned                       tries;    /* the first one among them */
    ngx_uint_t                     on;       /* NGX_MLSEC_RETRY_ON_* */
    ngx_array_t                   *methods;  /* ngx_str_t */
} ngx_mlsec_retry_conf_t;


/* mlsec_health of an upstream{} */

typedef struct {
    mlsec_health_conf_t            rule;
    ngx_str_t                      uri;      /* empty: connect only */
    ngx_str_t                      host;     /* empty: that of the service */
    ngx_str_t                      headers;  /* further ones, with CRLF */
    ngx_str_t                      request;  /* the bytes of it */
    ngx_array_t                   *expect;   /* NULL: 2xx */
    ngx_str_t                      match;    /* a program, or empty */
    ngx_str_t                      match_file;
    const mlsec_filter_t          *program;  /* of both; NULL: none */
    ngx_str_t                      sni;      /* empty: by the Host */
    ngx_str_t                      trusted;  /* file of CAs; empty: no check */
    ngx_mlsec_tls_t                tls;
    uint64_t                       interval; /* ms */
    uint64_t                       timeout;  /* ms */
    unsigned                       jitter;   /* %, of the interval */
    unsigned                       port;     /* 0: the peer's */
    unsigned                       secure;   /* 1: "tls" */
    unsigned                       named;    /* 1: by a User-Agent of headers */
} ngx_mlsec_health_t;


typedef struct ngx_mlsec_probe_s  ngx_mlsec_probe_t;
typedef struct ngx_mlsec_lookup_s  ngx_mlsec_lookup_t;
typedef struct ngx_mlsec_masks_s  ngx_mlsec_masks_t;


/* mlsec_resolve of an upstream{} */

typedef struct {
    mlsec_discovery_conf_t         rule;
    ngx_str_t                      name;     /* as it was written */
    ngx_str_t                      host;     /* what is asked for */
    ngx_str_t                      service;  /* of SRV; empty: A, AAAA */
    uint64_t                       source;   /* hash of the two, and port */
    ngx_mlsec_conf_place_t         place;
    ngx_resolver_t                *resolver;
    ngx_msec_t                     timeout;  /* of a question, ms */
    in_port_t                      port;     /* 0: that of SRV */
    unsigned                       slots;    /* 1-MLSEC_REGISTRY_PLACES */
    unsigned                       srv:1;
    unsigned                       ramp:1;   /* new ones start slowly */
    const ngx_mlsec_random_conf_t *random;   /* nginx's; NULL: not built in */
} ngx_mlsec_resolve_t;


/* a place with its address, as this worker knows it */

typedef struct {
    uint64_t                       word;     /* the zone's */
    uint64_t                       owner;    /* of slot, when it was read */
    mlsec_peer_slot_t             *slot;     /* NULL: the place is empty */
    ngx_uint_t                     weight;
    ngx_uint_t                     backup;   /* 0 or 1 */
    ngx_uint_t                     fresh;    /* 1: another address than before,
                                                nginx's peer is not reset */
    socklen_t                      socklen;
    ngx_sockaddr_t                 sockaddr;
    ngx_str_t                      name;
    u_char                         text[NGX_SOCKADDR_STRLEN];
} ngx_mlsec_entry_t;


/* who is behind a peer of nginx's */

typedef struct {
    mlsec_peer_slot_t             *slot;     /* NULL: not known */
    ngx_str_t                     *name;     /* of the address */
    struct sockaddr               *sockaddr;
    socklen_t                      socklen;
} ngx_mlsec_target_t;


/* the place that an attempt was given, of a request */

typedef struct {
    struct sockaddr               *key;      /* nginx's; NULL: no place */
    socklen_t                      keylen;
    ngx_uint_t                     index;
    uint64_t                       word;
    uint64_t                       owner;
    mlsec_peer_slot_t             *slot;
} ngx_mlsec_chosen_t;


/*
 * The part of an upstream{} that changes: where things are in the zone, which
 * the master has found out, and what a worker has done about them, which is
 * its own copy, made by fork().
 */

typedef struct {

    /* what each call looks at: one line of the cache */

    mlsec_service_slot_t          *slot;
    mlsec_cell_t                  *cell;     /* of this worker */
    ngx_mlsec_peer_ref_t          *refs;     /* hash, by address of a name */
    ngx_uint_t                     nrefs;    /* a power of 2 */
    uint64_t                       seen;     /* slot->changes */
    ngx_msec_t                     due;      /* ms, when to look again */
    ngx_mlsec_masks_t             *masks;    /* mlsec_retry: list, one for
                                                each location */
    uint32_t                       index;

    unsigned                       looked:1;
    unsigned                       doubt:1;  /* it may be that no peer takes
                                                requests */
    unsigned                       full:1;   /* the zone; it was logged */
    unsigned                       shared:1; /* cell, with other workers:
                                                there are too many */

    /* and another one: what this worker counts, where it is not shared */

    mlsec_tally_t                  good;     /* mlsec_breaker */
    mlsec_tally_t                  first;    /* mlsec_retry */
    mlsec_atomic_t                *counters; /* of peers, by the index of their
                                                slots; NULL: none */

    uint64_t                      *since;    /* scratch, one for a peer */
    u_char                        *down;     /* scratch, one for a peer */
    ngx_uint_t                     room;     /* of both */

    mlsec_breaker_tallies_t        goods;    /* of all workers */
    mlsec_tallies_t                firsts;

    ngx_mlsec_entry_t             *entries;  /* mlsec_resolve: its places */
    ngx_uint_t                     usable;   /* peers that are not empty */
    ngx_mlsec_lookup_t            *lookup;   /* of the leader */

    mlsec_gate_t                   gate;     /* mlsec_max_inflight */
    ngx_queue_t                    lines[2]; /* ngx_mlsec_waiter_t, of each
                                                MLSEC_GATE_* */
    mlsec_gate_line_t              line[2];  /* the same, for the others */
    ngx_event_t                    serve;    /* posted: there is room */
    ngx_event_t                    look;     /* timer, while somebody waits */

    ngx_mlsec_probe_t             *probing;  /* list; of the leader */
    uint64_t                       asked;    /* slot->asked, as it was seen */
} ngx_mlsec_service_live_t;


/* of an upstream{} */

typedef struct {
    ngx_mlsec_service_t            service;  /* must be first */

    /* what each call looks at, side by side */

    unsigned                       used:1;   /* has a directive of ours */
    unsigned                       breaks:1; /* mlsec_breaker */
    unsigned                       ejects:1; /* mlsec_outlier */
    unsigned                       probes:1; /* mlsec_health */
    unsigned                       retries:1; /* mlsec_retry */
    unsigned                       follows:1; /* mlsec_resolve, of an address
                                                 too */
    unsigned                       renews:1; /* its peers, after a while */
    unsigned                       queue;    /* that wait, 0: none does */
    ngx_uint_t                     max_inflight; /* calls, 0: no limit */
    ngx_mlsec_service_live_t      *live;
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_http_upstream_init_peer_pt  init;    /* of nginx's balancer */
    ngx_mlsec_resolve_t           *resolve;  /* NULL: no mlsec_resolve */
    ngx_mlsec_series_t            *metrics;  /* NULL: not counted */
    mlsec_breaker_conf_t           breaker;

    mlsec_outlier_conf_t           outlier;
    ngx_mlsec_health_t             health;
    ngx_mlsec_retry_conf_t         retry;
    uint64_t                       wait;     /* ms, for a place */

    struct ngx_mlsec_service_main_conf_s  *main;

    ngx_uint_t                     npeers;   /* when it was read */
    ngx_array_t                   *marked;   /* ngx_str_t; "server ... down" */

    ngx_mlsec_conf_place_t         place;    /* of what needs a zone */
    const char                    *needs;    /* that directive, NULL: none */
} ngx_mlsec_service_conf_t;


typedef struct ngx_mlsec_service_main_conf_s {
    ngx_shm_zone_t                *zone;     /* NULL: no mlsec_zone */
    mlsec_registry_t              *registry;
    uint64_t                       generation;
    ngx_array_t                    services; /* ngx_mlsec_service_conf_t * */
    ngx_array_t                    vias;     /* ngx_mlsec_via_t * */
    unsigned                       system:1; /* has a mlsec_system */
} ngx_mlsec_service_main_conf_t;


/* mlsec_via of a location */

typedef struct {
    ngx_str_t                      name;
    ngx_mlsec_conf_place_t         place;
    ngx_http_upstream_srv_conf_t  *upstream;
    const ngx_mlsec_service_conf_t  *conf;   /* of it */
    const ngx_module_t            *proxy;    /* nginx's; NULL: not there */
    void                         **loc_conf; /* of the location */
    ngx_http_upstream_conf_t      *settings; /* of its proxy_pass; NULL: it
                                                has no such module */
} ngx_mlsec_via_t;


typedef struct {
    ngx_mlsec_via_t               *via;      /* NULL: none */
    ngx_mlsec_conf_place_t         place;    /* of one of these */
    ngx_http_handler_pt            services; /* NULL: no mlsec_services */
    ngx_http_handler_pt            system;   /* NULL: no mlsec_system */
    ngx_str_t                      disk;     /* of it; empty: none */
    unsigned                       any:1;    /* admin=any */
} ngx_mlsec_service_loc_conf_t;


/*
 * Counts calls in flight.  n: how many more there are, MLSEC_REGISTRY_RETRY for
 * a second call; wrapping, so (uint64_t) -1 is one less.
 */
static ngx_inline void
ngx_mlsec_service_inflight(const ngx_mlsec_service_live_t *live, uint64_t n)
{
    if (mlsec_likely(!live->shared)) {
        mlsec_atomic_own_add(&live->cell->calls, n);

    } else {
        mlsec_atomic_add(&live->cell->calls, n);
    }
}


/* a peer for a reader */

typedef struct {
    mlsec_peer_slot_t             *slot;
    u_char                         left_out; /* 1 or 0 */
    unsigned                       marked:1; /* "server ... down" */
    unsigned                       backup:1;
} ngx_mlsec_peer_view_t;


#define ngx_mlsec_service_conf(uscf)                                          \
    ((ngx_mlsec_service_conf_t *)                                             \
         ngx_http_conf_upstream_srv_conf(uscf, ngx_mlsec_service_module))


/* ngx_mlsec_service.c */

/*
 * The name of a service for people: its own, or the upstream's.
 */
const ngx_str_t *ngx_mlsec_service_name(const ngx_mlsec_service_conf_t *conf);


/* ngx_mlsec_service_params.c */

/* Setter of mlsec_breaker. */
char *ngx_mlsec_breaker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_outlier. */
char *ngx_mlsec_outlier(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* Setter of mlsec_max_inflight. */
char *ngx_mlsec_max_inflight(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_health. */
char *ngx_mlsec_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* how a parameter of an upstream's directive is read */

typedef enum {
    NGX_MLSEC_PARAM_TIME = 0,        /* uint64_t, ms */
    NGX_MLSEC_PARAM_SHARE,           /* unsigned, 1-100, with "%" */
    NGX_MLSEC_PARAM_SHARE_OR_NONE,   /* the same, 0-100 */
    NGX_MLSEC_PARAM_NUMBER,          /* unsigned, 1-max */
    NGX_MLSEC_PARAM_TEXT,            /* ngx_str_t, not empty */
    NGX_MLSEC_PARAM_WORD,            /* unsigned, 1; a word without "=" */
    NGX_MLSEC_PARAM_STATUSES,        /* ngx_array_t * */
    NGX_MLSEC_PARAM_OWN              /* what "read" makes of it */
} ngx_mlsec_param_type_e;


/* NGX_OK, or NGX_ERROR after an [emerg]; field: at the offset */

typedef ngx_int_t (*ngx_mlsec_param_read_pt)(ngx_conf_t *cf,
    ngx_str_t *value, void *field);


typedef struct {
    const char               *name;      /* with its "="; NULL ends a table */
    ngx_mlsec_param_type_e    type;
    size_t                    offset;    /* in ngx_mlsec_service_conf_t */
    ngx_int_t                 max;
    ngx_mlsec_param_read_pt   read;      /* of NGX_MLSEC_PARAM_OWN, else NULL */
} ngx_mlsec_param_t;


/*
 * Reads the parameters of the directive that nginx is at, which needs a zone,
 * from argument "first" on.  expected: the names, for the error.  NGX_CONF_OK,
 * or NGX_CONF_ERROR after an [emerg].
 */
char *ngx_mlsec_params(ngx_conf_t *cf, ngx_mlsec_service_conf_t *scf,
    ngx_uint_t first, const ngx_mlsec_param_t *params,
    const char *expected);


/* ngx_mlsec_service_retry_conf.c */

/* Setter of mlsec_retry. */
char *ngx_mlsec_retry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * The bit of a status among NGX_MLSEC_RETRY_ON_*, 0 if it has none.
 */
mlsec_hot ngx_uint_t ngx_mlsec_retry_on_status(ngx_uint_t status);


/* ngx_mlsec_service_zone.c */

/* Setter of mlsec_zone. */
char *ngx_mlsec_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When all upstreams have been initialized: wraps those that have directives
 * of ours.  NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_service_wrap_all(ngx_conf_t *cf,
    ngx_mlsec_service_main_conf_t *mcf);

/*
 * When a process begins: a worker takes its place in the registry.  NGX_OK, or
 * NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_service_init_worker(ngx_cycle_t *cycle);

/*
 * When a process ends in order: gives that place back.
 */
void ngx_mlsec_service_exit_worker(ngx_cycle_t *cycle);

/*
 * The slot of a peer, by the name that nginx's balancer has for it.  NULL: the
 * zone is full, or another worker is adding a peer at this moment.
 */
mlsec_hot mlsec_peer_slot_t *ngx_mlsec_service_peer(
    const ngx_mlsec_service_conf_t *conf, ngx_str_t *name);


/* ngx_mlsec_service_peer.c */

/* peer.init of a wrapped upstream */
mlsec_hot ngx_int_t ngx_mlsec_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);


/* ngx_mlsec_service_down.c */

/*
 * Makes nginx's balancer leave out the peers that something is held against.
 */
mlsec_apart void ngx_mlsec_service_renew(const ngx_mlsec_service_conf_t *conf,
    ngx_log_t *log);

/*
 * The same, if that has changed or a while has passed.  Called before a peer
 * is chosen.
 */
static ngx_inline void
ngx_mlsec_service_apply(const ngx_mlsec_service_conf_t *conf, ngx_log_t *log)
{
    const ngx_mlsec_service_live_t  *live;

    live = conf->live;

    if (mlsec_likely(live->looked
                     && mlsec_atomic_load(&live->slot->changes) == live->seen
                     && (!conf->renews
                         || (ngx_msec_int_t) (ngx_current_msec - live->due)
                            < 0)))
    {
        return;
    }

    ngx_mlsec_service_renew(conf, log);
}

/*
 * To be called after the state of a peer has changed: all workers will look
 * before they choose a peer the next time.
 */
void ngx_mlsec_service_changed(const ngx_mlsec_service_conf_t *conf);

/*
 * Whether the configuration itself marks a peer as down, 1 or 0.  name: of its
 * address.
 */
ngx_uint_t ngx_mlsec_service_marked(const ngx_mlsec_service_conf_t *conf,
    const ngx_str_t *name);

/*
 * The peers of an upstream, as they are now.
 *
 * NGX_OK with *peers in pool, *n of them; NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_service_collect(const ngx_mlsec_service_conf_t *conf,
    ngx_pool_t *pool, ngx_mlsec_peer_view_t **peers, ngx_uint_t *n);

/*
 * Remembers the servers that the configuration itself marks as down, and
 * switches max_fails off where peers are ejected by other rules.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_mlsec_service_take_over(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf);


/* ngx_mlsec_service_nobody.c */

/*
 * Whether nginx's balancers would choose a peer now, 1 or 0.  group: of the
 * peer; its lock is the caller's.
 */
ngx_uint_t ngx_mlsec_service_takes(const ngx_http_upstream_rr_peers_t *group,
    const ngx_http_upstream_rr_peer_t *peer);

/* As ngx_mlsec_service_nobody(), which most often knows without a look. */
mlsec_rare ngx_uint_t ngx_mlsec_service_nobody_left(
    const ngx_mlsec_service_conf_t *conf, time_t *retry_after);

/*
 * Whether an upstream has peers, and none of them takes requests: they are
 * marked as down, drained, left out, paused by max_fails, or have as many
 * connections as they may have.  1 or 0; if 1, *retry_after is when that may
 * change, s, at least 1.
 */
static ngx_inline ngx_uint_t
ngx_mlsec_service_nobody(const ngx_mlsec_service_conf_t *conf,
    time_t *retry_after)
{
    /* without a master process a reload does not begin a worker */

    if (conf->live->refs == NULL) {
        return 0;
    }

    ngx_mlsec_service_apply(conf, ngx_cycle->log);

    return mlsec_likely(!conf->live->doubt)
           ? 0 : ngx_mlsec_service_nobody_left(conf, retry_after);
}


/* ngx_mlsec_service_via.c */

/* Setter of mlsec_via: notes the name, ngx_mlsec_via_resolve() ties it. */
char *ngx_mlsec_via(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Ties mlsec_via to upstreams when all of the configuration has been read.
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_via_resolve(ngx_conf_t *cf,
    ngx_mlsec_service_main_conf_t *mcf);

/*
 * When a worker begins, after its services: NGX_OK, or NGX_ERROR without
 * memory.
 */
ngx_int_t ngx_mlsec_via_begin_worker(ngx_mlsec_service_main_conf_t *mcf);


/* ngx_mlsec_service_error.c */

/* why a call did not come to an answer of the service */
typedef enum {
    NGX_MLSEC_FAULT_CONNECT = 0,
    NGX_MLSEC_FAULT_CONNECTION_TIMEOUT,
    NGX_MLSEC_FAULT_TIMEOUT,
    NGX_MLSEC_FAULT_RESET,
    NGX_MLSEC_FAULT_NO_HTTP,
    NGX_MLSEC_FAULT_NO_PEER,
    NGX_MLSEC_FAULT_OPEN,
    NGX_MLSEC_FAULT_SHED,
    NGX_MLSEC_FAULT_NOWHERE
} ngx_mlsec_fault_e;

/*
 * Message and details of an envelope about a fault.
 *
 * error: filled, in r->pool; its status is the one that nginx answers, for the
 * caller to change.  NGX_OK, or NGX_ERROR without memory: nothing to be said.
 */
ngx_int_t ngx_mlsec_service_error(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_mlsec_fault_e fault,
    ngx_mlsec_error_t *error);

/*
 * Notes the fault of an attempt as the cause of what nginx may answer.
 */
mlsec_rare void ngx_mlsec_service_fault(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_mlsec_fault_e fault);


/* ngx_mlsec_service_status.c */

/* Setter of mlsec_services. */
char *ngx_mlsec_services(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Content handler of mlsec_services; what it returns is nginx's to finalize
 * the request with.
 */
ngx_int_t ngx_mlsec_services_handler(ngx_http_request_t *r);

/*
 * Answers a request with a text.  What it returns is nginx's to finalize the
 * request with.
 */
ngx_int_t ngx_mlsec_services_send(ngx_http_request_t *r, ngx_mlsec_json_t *w);

/*
 * Answers a request with the state of one service.  What it returns is
 * nginx's to finalize the request with.
 */
ngx_int_t ngx_mlsec_services_respond(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);


/* ngx_mlsec_service_metrics.c */

/*
 * Gives an upstream that is wrapped what is counted of its calls.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_mlsec_service_metrics(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf);

/*
 * Has mlsec_metrics tell what the registry knows.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_service_metrics_begin(ngx_conf_t *cf);

/*
 * Counts an attempt that has ended.  elapsed: ms.
 */
mlsec_hot void ngx_mlsec_service_count(const ngx_mlsec_service_conf_t *conf,
    mlsec_outcome_e outcome, ngx_msec_t elapsed);

/*
 * Counts how long one has waited for a place, ms.
 */
void ngx_mlsec_service_count_wait(const ngx_mlsec_service_conf_t *conf,
    ngx_msec_t elapsed);


/* ngx_mlsec_service_admin.c */

/*
 * Content handler of "mlsec_services admin"; what it returns is nginx's to
 * finalize the request with.
 */
ngx_int_t ngx_mlsec_admin_handler(ngx_http_request_t *r);


/* ngx_mlsec_service_system.c */

/* Setter of mlsec_system. */
char *ngx_mlsec_system(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_MLSEC_SERVICE_CONF_H_INCLUDED_ */
