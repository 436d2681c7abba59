/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The aggregate: a content handler that calls several services at once and
 * answers with one JSON text.  docs/ARCHITECTURE.md has the picture.
 *
 * ngx_mlsec_aggregate_module.c     directives, inheritance
 * ngx_mlsec_aggregate_call.c       reading mlsec_call
 * ngx_mlsec_aggregate_resolve.c    calls tied to upstreams, services, servers
 * ngx_mlsec_aggregate_uri.c        where a part goes: path, query, escaping
 * ngx_mlsec_aggregate_filter.c     programs in place of merge, on one body
 * ngx_mlsec_aggregate_body.c       what a part sends as its body
 * ngx_mlsec_aggregate_headers.c    what a part sends, what comes back
 * ngx_mlsec_aggregate_handler.c    the life of an aggregate: start, timer, end
 * ngx_mlsec_aggregate_part.c       the life of a part: request, body, end
 * ngx_mlsec_aggregate_admit.c      a part that may have to wait for its place
 * ngx_mlsec_aggregate_retry.c      a part that is called again
 * ngx_mlsec_aggregate_verdict.c    why a part has failed
 * ngx_mlsec_aggregate_response.c   merge, errors[], envelope, headers
 * ngx_mlsec_aggregate_explain.c    mlsec_explain: an answer about the answer
 * ngx_mlsec_aggregate_metrics.c    what is counted of parts and aggregates
 * ngx_mlsec_aggregate_splice.c     from the merged document to buffers
 * ngx_mlsec_aggregate_variables.c  $mlsec_parts and so on
 * ngx_mlsec_aggregate_chain.h      parts that wait for others, foreach=
 */


#ifndef _NGX_MLSEC_AGGREGATE_H_INCLUDED_
#define _NGX_MLSEC_AGGREGATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_capture.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_json.h>
#include <filter/ngx_mlsec_filter.h>
#include <lib/aggregate/mlsec_merge.h>
#include <lib/aggregate/mlsec_shape.h>
#include <lib/json/mlsec_json.h>
#include <metrics/ngx_mlsec_metrics.h>
#include <service/ngx_mlsec_service.h>


typedef struct ngx_mlsec_aggregate_s    ngx_mlsec_aggregate_t;

/* see ngx_mlsec_aggregate_chain.h */

typedef struct ngx_mlsec_chain_conf_s   ngx_mlsec_chain_conf_t;
typedef struct ngx_mlsec_link_s         ngx_mlsec_link_t;
typedef struct ngx_mlsec_group_s        ngx_mlsec_group_t;


/* why a part has failed; the names are in ngx_mlsec_aggregate_verdict.c */

typedef enum {
    NGX_MLSEC_ERR_NONE = 0,
    NGX_MLSEC_ERR_CONNECT,
    NGX_MLSEC_ERR_CONNECTION_TIMEOUT,
    NGX_MLSEC_ERR_TIMEOUT,
    NGX_MLSEC_ERR_RESET,
    NGX_MLSEC_ERR_UPSTREAM_STATUS,
    NGX_MLSEC_ERR_CIRCUIT_OPEN,
    NGX_MLSEC_ERR_SHED,
    NGX_MLSEC_ERR_NO_PEER,
    NGX_MLSEC_ERR_TOO_LARGE,
    NGX_MLSEC_ERR_BAD_JSON,
    NGX_MLSEC_ERR_BAD_TYPE,
    NGX_MLSEC_ERR_DNS,
    NGX_MLSEC_ERR_CANCELED,
    NGX_MLSEC_ERR_CONFLICT,
    NGX_MLSEC_ERR_DEPENDENCY,
    NGX_MLSEC_ERR_FILTER
} ngx_mlsec_err_e;


/* how much of an aggregate has come */

typedef enum {
    NGX_MLSEC_AGGREGATE_COMPLETE = 0,
    NGX_MLSEC_AGGREGATE_PARTIAL,
    NGX_MLSEC_AGGREGATE_FAILED,
    NGX_MLSEC_AGGREGATE_OUTCOMES
} ngx_mlsec_aggregate_outcome_e;


typedef enum {
    NGX_MLSEC_FALLBACK_NONE = 0,
    NGX_MLSEC_FALLBACK_JSON,
    NGX_MLSEC_FALLBACK_OMIT
} ngx_mlsec_fallback_e;


/* mlsec_merge of a location */

typedef struct {
    mlsec_merge_mode_e          mode;
    mlsec_merge_conflict_e      on_conflict;
    unsigned                    set:1;       /* mlsec_merge was given */
} ngx_mlsec_merge_conf_t;


typedef struct {
    ngx_str_t                   name;
    u_char                     *lowcase;     /* the name in lower case */
    ngx_uint_t                  hash;        /* of lowcase */
    ngx_array_t                *value;       /* template pieces */
    unsigned                    needs:1;     /* "{NAME.path}" among them */
} ngx_mlsec_call_header_t;


/* where a part goes; made by ngx_mlsec_call_uri_compile() */

typedef struct {
    ngx_str_t                   scheme;      /* "http" or "https" */
    ngx_str_t                   upstream;    /* name; empty: local path */
    ngx_array_t                *path;        /* template pieces */
    ngx_array_t                *query;       /* template pieces; NULL: none */
    ngx_array_t                *args;        /* ngx_str_t; names to pass on */
    unsigned                    args_all:1;
} ngx_mlsec_call_uri_t;


/* one mlsec_call */

typedef struct {
    ngx_str_t                      name;
    ngx_str_t                      service;      /* for errors and logs */
    ngx_mlsec_call_uri_t           uri;
    ngx_str_t                      location;     /* URI of the subrequest */
    ngx_http_core_loc_conf_t      *parts;        /* NULL: local path */
    ngx_str_t                      host;         /* Host header */
    ngx_http_upstream_srv_conf_t  *upstream;     /* NULL: local path */

    ngx_uint_t                     method;       /* 0: see body= */
    ngx_str_t                      method_name;
    ngx_array_t                   *headers;      /* ngx_mlsec_call_header_t */
    ngx_array_t                   *condition;    /* if=; template pieces */

    ngx_msec_t                     timeout;      /* ms */
    ngx_array_t                   *ok;           /* NULL: 2xx */

    mlsec_str_t                    target;
    mlsec_paths_t                 *pick;
    mlsec_paths_t                 *drop;

    const ngx_mlsec_filter_t      *filter;       /* of the answer */
    const ngx_mlsec_filter_t      *body_filter;  /* of what is sent */

    ngx_mlsec_chain_conf_t        *chain;        /* NULL: waits for nobody */
    ngx_mlsec_series_t            *metrics;      /* of the service, or NULL */

    ngx_mlsec_fallback_e           fallback;
    ngx_str_t                      fallback_json;

    ngx_mlsec_conf_place_t         place;

    unsigned                       required:1;
    unsigned                       body:1;
    unsigned                       text:1;
} ngx_mlsec_call_t;


typedef struct {
    ngx_array_t                   *calls;        /* ngx_mlsec_call_t */
    ngx_array_t                   *chain;        /* ngx_uint_t; or NULL */
    ngx_mlsec_merge_conf_t         merge;
    const ngx_mlsec_filter_t      *filter;       /* in place of merge */

    ngx_mlsec_series_t            *metrics;      /* NULL: not counted */
    ngx_array_t                   *explain;      /* ngx_cidr_t; NULL: off */

    ngx_msec_t                     deadline;     /* ms */
    ngx_msec_t                     soft;         /* ms, 0: none */
    ngx_uint_t                     on_partial;   /* status */
    ngx_uint_t                     on_failure;   /* status, 0: by cause */
    size_t                         call_max;     /* bytes of one body */
    size_t                         total_max;    /* bytes of all bodies */
    ngx_uint_t                     max_calls;
    ngx_flag_t                     server_timing;

    unsigned                       body:1;       /* a call sends the body */
} ngx_mlsec_aggregate_loc_conf_t;


typedef struct {
    ngx_http_core_loc_conf_t      *parts;        /* has mlsec_parts */
} ngx_mlsec_aggregate_srv_conf_t;


typedef struct {
    ngx_array_t                    calls;        /* of pointers, see below */
} ngx_mlsec_aggregate_main_conf_t;


/* a part: one call of one request */

typedef struct {
    ngx_mlsec_capture_t         capture;
    const ngx_mlsec_call_t     *call;
    ngx_mlsec_aggregate_t      *aggregate;
    ngx_mlsec_link_t           *link;        /* NULL: waits for nobody */

    ngx_str_t                   url;         /* of the upstream, escaped */
    ngx_str_t                   host;        /* Host header */
    ngx_http_request_body_t    *request_body; /* made by a program */

    size_t                      drained;     /* bytes not wanted */
    u_char                     *start;       /* the body as it comes */
    u_char                     *pos;
    u_char                     *end;
    mlsec_json_scan_t           scan;

    ngx_str_t                   body;        /* what is merged */

    ngx_msec_t                  started;     /* ngx_current_msec */
    ngx_msec_t                  expires;     /* ngx_current_msec */
    ngx_msec_t                  elapsed;     /* ms */
    uint64_t                    clock;       /* us: at its start, then how
                                                long; 0 if nobody asks */
    uint64_t                    filtered;    /* us, by filter=; explained */

    ngx_uint_t                  attempts;    /* in all */
    ngx_uint_t                  past;        /* of subrequests before */
    ngx_array_t                *tried;       /* of ngx_array_t *, the states
                                                of those; explained */

    ngx_mlsec_retry_t          *retry;       /* NULL: is called once */
    ngx_msec_t                  again_at;    /* ngx_current_msec */
    ngx_mlsec_err_e             again_error; /* of the last attempt */

    ngx_mlsec_ticket_t         *ticket;      /* of one that waits for its
                                                place; else NULL */
    ngx_int_t                   admission;   /* what became of that */

    ngx_mlsec_err_e             error;

    unsigned                    running:1;
    unsigned                    skipped:1;   /* if= was false */
    unsigned                    wanted:1;    /* the status is in ok= */
    unsigned                    cancel:1;    /* failed before its end */
    unsigned                    incomplete:1; /* it says so itself */
    unsigned                    again:1;     /* waits to be called again */
    unsigned                    admitted:1;  /* has waited for its place */
    unsigned                    timed:1;     /* retry_after is the service's
                                                word, 0: at once */

    ngx_uint_t                  status;      /* of the upstream, 0: none */
    time_t                      retry_after; /* s, 0: none */
    ngx_str_t                   cache_control;
    ngx_str_t                   authenticate; /* WWW-Authenticate of a 401 */

} ngx_mlsec_part_t;


struct ngx_mlsec_aggregate_s {
    ngx_http_request_t                    *request;
    const ngx_mlsec_aggregate_loc_conf_t  *conf;
    ngx_http_headers_in_t                 *headers_in;  /* of every part */

    ngx_mlsec_part_t                      *parts;
    ngx_uint_t                             nparts;
    ngx_uint_t                             running;
    ngx_uint_t                             required;   /* running, waiting */
    const ngx_mlsec_part_t                *starting;   /* has a link */
    ngx_mlsec_group_t                     *groups;     /* that were opened */

    ngx_str_t                              body;       /* the client's, for
                                                          programs */
    ngx_mlsec_error_t                      refusal;    /* with NGX_BUSY */

    size_t                                 total;      /* bytes of bodies */
    ngx_msec_t                             started;    /* ngx_current_msec */
    uint64_t                               merged;     /* us; explained */
    ngx_msec_t                             deadline;   /* ms */
    ngx_event_t                            timer;

    unsigned                               local:1;    /* a part is */
    unsigned                               body_read:1; /* body is set */
    unsigned                               explain:1;  /* in place of the
                                                          answer */
    unsigned                               soft:1;     /* has passed */
    unsigned                               done:1;
};


/* ngx_mlsec_aggregate_call.c */

/*
 * Setter of mlsec_call: appends to loc_conf->calls.
 */
char *ngx_mlsec_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_mlsec_aggregate_resolve.c */

/*
 * Ties the calls of a configuration that has been read to upstreams,
 * services and the internal locations of their servers.
 *
 * NGX_OK, or NGX_ERROR after an [emerg] that names the place of the call.
 */
ngx_int_t ngx_mlsec_call_resolve(ngx_conf_t *cf);

/*
 * Registers a call for ngx_mlsec_call_resolve().  lcf->calls may still grow,
 * so it is known by its index.
 */
ngx_int_t ngx_mlsec_call_register(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *lcf, ngx_uint_t index);


/* ngx_mlsec_aggregate_uri.c */

/*
 * Reads the URI of a call into call->uri; what it needs of other parts goes to
 * call->chain.  text: the directive's argument.
 *
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_call_uri_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_call_t *call);

/*
 * Reads "args=": names separated by commas, or "*".
 *
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_call_args_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_call_uri_t *uri);

/*
 * The path and the query of a part.
 *
 * Values of variables are escaped so that each stays inside the path segment
 * or the query value where it stands; a variable at the very beginning of the
 * path is a path and keeps its slashes.  For a local path, *path is unescaped,
 * as nginx wants the URI of a subrequest; for an upstream it is escaped.
 *
 * NGX_OK with *path and *args in r's pool; NGX_DECLINED when a value is "."
 * or ".." where a segment is expected, or holds a NUL, or when the path would
 * not begin with a slash (the request is to be refused with 400; for the value
 * of another part it is this part that fails); NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_call_uri_eval(ngx_http_request_t *r,
    const ngx_mlsec_call_uri_t *uri, ngx_str_t *path, ngx_str_t *args);


/* ngx_mlsec_aggregate_headers.c */

/*
 * Computes once what all requests need; for preconfiguration.
 */
void ngx_mlsec_aggregate_headers_init(void);

/*
 * Prepares what all parts of an aggregate send: a->headers_in.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_aggregate_base_headers(ngx_mlsec_aggregate_t *a);

/*
 * Whether the values of header= may be sent.
 *
 * NGX_OK; NGX_DECLINED when one holds a control character; NGX_ERROR without
 * memory.
 */
ngx_int_t ngx_mlsec_part_check_headers(ngx_http_request_t *r,
    const ngx_mlsec_call_t *call);

/*
 * Gives the subrequest of a part, which has not run yet, its own request
 * headers (the list of docs/directives/aggregate.md and what header= says),
 * its method and its body.  Sets part->host.
 *
 * NGX_OK; NGX_DECLINED when the value of a header= holds a control character
 * (the request is to be refused with 400); NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_part_set_headers(ngx_mlsec_part_t *part);

/*
 * Finds a response header of a subrequest by its lower-case name; NULL if
 * there is none.
 */
ngx_table_elt_t *ngx_mlsec_part_header_out(ngx_http_request_t *sr,
    const char *name);

/*
 * Notes the Cache-Control of a part's answer, its lines joined (RFC 9110,
 * 5.3).
 */
void ngx_mlsec_part_cache_control(ngx_mlsec_part_t *part);

/*
 * Sets X-Gateway-Completed, X-Gateway-Failed (failed: names, empty for
 * none), Cache-Control and Server-Timing of an aggregate's response.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_aggregate_set_headers(ngx_mlsec_aggregate_t *a,
    ngx_uint_t completed, ngx_str_t *failed);

/*
 * Server-Timing alone, for envelopes.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_aggregate_server_timing(ngx_mlsec_aggregate_t *a);

/*
 * Adds a response header.  name, value: live as long as the request.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_aggregate_add_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


/* ngx_mlsec_aggregate_part.c */

/*
 * Starts a part: evaluates its URI, starts the subrequest.  Called again for
 * a part that has waited, and for items; NGX_DECLINED then leaves a part that
 * may be running already.
 *
 * NGX_OK: it runs, waits, has failed at once, or is skipped.  NGX_DECLINED: the
 * client's request makes an impossible one (400).  NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_part_start(ngx_mlsec_part_t *part);

/*
 * Makes the subrequest of a part that runs.  ticket: its leave, or NULL.
 *
 * As ngx_mlsec_part_start().
 */
ngx_int_t ngx_mlsec_part_subrequest(ngx_mlsec_part_t *part, ngx_str_t *path,
    ngx_str_t *args, ngx_mlsec_ticket_t *ticket);

/*
 * Ends a part that is counted in a->running: notes how, and logs a failure.
 */
void ngx_mlsec_part_end(ngx_mlsec_part_t *part, ngx_mlsec_err_e error);

/*
 * Ends a running part as failed and stops its subrequest.  Not to be called
 * from inside the subrequest.
 */
void ngx_mlsec_part_stop(ngx_mlsec_part_t *part, ngx_mlsec_err_e error);

/*
 * Ends a running part that is out of time.
 */
void ngx_mlsec_part_time_out(ngx_mlsec_part_t *part);

/*
 * The part that a captured subrequest runs for, or NULL.
 */
ngx_mlsec_part_t *ngx_mlsec_part_get(ngx_http_request_t *r);


/* ngx_mlsec_aggregate_admit.c */

/*
 * Starts the subrequest of a part that runs, if its service may be called; if
 * not, the part has ended.  part->url and so on are set.
 *
 * As ngx_mlsec_part_start().
 */
ngx_int_t ngx_mlsec_part_run(ngx_mlsec_part_t *part);

/*
 * Goes on with what is known of the call; ticket and rc, retry_after: of
 * ngx_mlsec_service_admit(), the first one in the part.
 *
 * As ngx_mlsec_part_start().
 */
ngx_int_t ngx_mlsec_part_let(ngx_mlsec_part_t *part, ngx_int_t rc,
    time_t retry_after);

/*
 * Gives up the place that a part waits for, or has and makes no use of.
 */
void ngx_mlsec_part_withdraw(ngx_mlsec_part_t *part);


/* ngx_mlsec_aggregate_retry.c */

/*
 * When an attempt has failed: whether the part is called again.  1: it goes on
 * to run; 0: it is to be ended.
 */
ngx_uint_t ngx_mlsec_part_again(ngx_mlsec_part_t *part,
    ngx_mlsec_err_e error);

/*
 * When a running part has to be looked at again, in terms of
 * ngx_current_msec: it is called again then, or is out of time.
 */
ngx_msec_t ngx_mlsec_part_due(const ngx_mlsec_part_t *part);

/*
 * Does so if it is time.  Not to be called from inside of a subrequest.
 */
void ngx_mlsec_part_tick(ngx_mlsec_part_t *part);

/*
 * Forgets the last attempt, before the next one.
 */
void ngx_mlsec_part_renew(ngx_mlsec_part_t *part);

/*
 * Adds X-Request-Deadline-Ms to the headers of a part's subrequest, in front
 * of a list that others may share.  NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_part_set_deadline(ngx_mlsec_part_t *part,
    ngx_http_headers_in_t *in);


/* ngx_mlsec_aggregate_verdict.c */

/*
 * "timeout", "bad_json" and so on.
 */
ngx_str_t *ngx_mlsec_part_error_name(ngx_mlsec_err_e error);

/*
 * The status_code of a failed part's entry: the upstream's for
 * upstream_status, else the gateway's own 502, 503 or 504.
 */
ngx_uint_t ngx_mlsec_part_status_code(const ngx_mlsec_part_t *part);

/*
 * Why the subrequest of a part has ended as it did.  rc: what it was finalized
 * with.  May set part->status.
 *
 * NGX_MLSEC_ERR_NONE: with a whole body and a status in ok=.
 */
ngx_mlsec_err_e ngx_mlsec_part_verdict(ngx_mlsec_part_t *part, ngx_int_t rc);

/* Why a service is not called; rc: of ngx_mlsec_service_admit(). */
ngx_mlsec_err_e ngx_mlsec_part_refused(ngx_int_t rc);

/*
 * Counts the attempts of a part into part->attempts.
 *
 * The last one that reached for a peer, NULL if none did.
 */
ngx_http_upstream_state_t *ngx_mlsec_part_attempts(ngx_mlsec_part_t *part);

/*
 * What a part that is out of time was waiting for: NGX_MLSEC_ERR_DNS,
 * _CONNECTION_TIMEOUT or _TIMEOUT; _UPSTREAM_STATUS for the rest of an answer
 * that was not wanted anyway.
 */
ngx_mlsec_err_e ngx_mlsec_part_phase(ngx_mlsec_part_t *part);


/* ngx_mlsec_aggregate_handler.c */

/*
 * Content handler of locations with mlsec_call.
 */
ngx_int_t ngx_mlsec_aggregate_handler(ngx_http_request_t *r);

/*
 * To be called when something is to be done for parts of an aggregate, as if
 * its timer had rung: from the event loop only.  The aggregate may be gone
 * afterwards.
 */
void ngx_mlsec_aggregate_ring(ngx_mlsec_aggregate_t *a);

/*
 * The aggregate of a request, also after an error_page has redirected it;
 * NULL if it has none.
 */
ngx_mlsec_aggregate_t *ngx_mlsec_aggregate_get(ngx_http_request_t *r);


/* ngx_mlsec_aggregate_response.c */

/*
 * Answers an aggregate of which no part runs any more: merges what has come,
 * or makes the envelope of a failure.
 *
 * failed: the required part that has failed, NULL if none has.
 *
 * What the request is to be finalized with.
 */
ngx_int_t ngx_mlsec_aggregate_respond(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed);

/*
 * Writes the members of a failed part's entry, without the braces.
 */
void ngx_mlsec_aggregate_entry(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w);


/* ngx_mlsec_aggregate_filter.c */

/*
 * Reads "filter=" of a call: a program.  NGX_OK, or NGX_ERROR after an
 * [emerg].
 */
ngx_int_t ngx_mlsec_call_filter(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Reads "filter_file=" of a call: paths, separated by commas.  NGX_OK, or
 * NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_call_filter_file(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Reads "body=filter:PROGRAM" and "body=file:PATH,PATH".
 *
 * NGX_OK; NGX_DECLINED: value is neither; NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_call_body_filter(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Takes the program of the location that is being merged, after all of its
 * directives were read.
 *
 * NGX_OK, or NGX_ERROR after an [emerg] when it cannot stand there.
 */
ngx_int_t ngx_mlsec_aggregate_filter_conf(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf);

/*
 * Runs filter= of a part.  text: its body, replaced by the result.
 *
 * NGX_MLSEC_ERR_NONE, NGX_MLSEC_ERR_FILTER, or NGX_MLSEC_ERR_TOO_LARGE
 * without memory.
 */
ngx_mlsec_err_e ngx_mlsec_part_filter(ngx_mlsec_part_t *part,
    mlsec_str_t *text);

/*
 * Runs mlsec_filter of a location.
 *
 * parts: what has come, a->nparts of them.  errors: the list of errors as
 * JSON, empty for none.  *out, *size: the answer.
 *
 * NGX_OK; or the status to finalize the request with, its envelope is set.
 */
ngx_int_t ngx_mlsec_aggregate_filter(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_part_t *parts, const ngx_str_t *errors,
    ngx_chain_t **out, off_t *size);


/*
 * Microseconds of a clock that only goes forward, for $elapsed: nginx's own
 * time has milliseconds and stands still while events are handled.  0 where
 * neither the program of the location nor mlsec_explain asks.
 */
uint64_t ngx_mlsec_part_clock(const ngx_mlsec_aggregate_t *a);


/* ngx_mlsec_aggregate_body.c */

/*
 * Makes part->request_body with the program of body=, from the client's
 * body, which nginx has read.  For a part that waits this is done twice where
 * the program uses $parts: before any service is called, so that a refusal
 * comes early, and when the parts are there.
 *
 * NGX_OK; NGX_BUSY: the request is to be refused with a->refusal; NGX_ERROR:
 * no memory, or the body cannot be read.
 */
ngx_int_t ngx_mlsec_part_map_body(ngx_mlsec_part_t *part);

/*
 * Whether the program of body= has to run when the parts that it waits for
 * are there: it uses $parts.  1 or 0.
 */
ngx_uint_t ngx_mlsec_part_body_waits(const ngx_mlsec_part_t *part);

/*
 * Gives the subrequest of a part its method and its body.  in: the headers of
 * the subrequest, their length is set.
 */
void ngx_mlsec_part_set_body(ngx_mlsec_part_t *part,
    ngx_http_headers_in_t *in);


/* ngx_mlsec_aggregate_explain.c */

/* Setter of mlsec_explain. */
char *ngx_mlsec_explain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Whether a request asks for an explanation and may have it, 1 or 0.
 */
ngx_uint_t ngx_mlsec_explain_wanted(ngx_http_request_t *r,
    const ngx_mlsec_aggregate_loc_conf_t *conf);

/*
 * Keeps what is known of the attempts of a part that is about to be called
 * again, if somebody wants to know.
 */
void ngx_mlsec_explain_again(ngx_mlsec_part_t *part);

/*
 * Answers an aggregate with what has become of its parts.  status: that the
 * answer would have had.
 *
 * What the request is to be finalized with.
 */
ngx_int_t ngx_mlsec_aggregate_explain(ngx_mlsec_aggregate_t *a,
    ngx_uint_t status);


/* ngx_mlsec_aggregate_metrics.c */

/*
 * Gives a call what is counted of its service.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_call_metrics(ngx_conf_t *cf, ngx_mlsec_call_t *call);

/*
 * Gives the location that is being merged what is counted of its aggregates.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_aggregate_metrics(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf);

/*
 * Counts a part that has ended.
 */
void ngx_mlsec_part_count(const ngx_mlsec_part_t *part);

/*
 * Counts an aggregate that is answered.
 */
void ngx_mlsec_aggregate_count(const ngx_mlsec_aggregate_t *a,
    ngx_mlsec_aggregate_outcome_e outcome);


/* ngx_mlsec_aggregate_splice.c */

/*
 * Turns a planned document into a chain that can be sent.
 *
 * errors: the list of errors as JSON, empty for none.  *size: bytes of the
 * document.  The buffers point into the bodies of the parts and the pool of
 * r; they live as long as r.
 *
 * NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_mlsec_aggregate_splice(ngx_http_request_t *r,
    const mlsec_merge_t *merge, const ngx_str_t *errors, ngx_chain_t **out,
    off_t *size);


/* ngx_mlsec_aggregate_variables.c */

/*
 * Registers $mlsec_parts, $mlsec_failed, $mlsec_slowest, $mlsec_attempts and
 * the $mlsec_part_* that mlsec_parts.conf uses.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_aggregate_variables_add(ngx_conf_t *cf);


extern ngx_module_t  ngx_mlsec_aggregate_module;


#endif /* _NGX_MLSEC_AGGREGATE_H_INCLUDED_ */
