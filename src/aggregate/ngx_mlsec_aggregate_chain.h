/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Parts that wait for other parts: after=, foreach=, "{NAME.path}".
 *
 * ngx_mlsec_aggregate_chain_conf.c  reading them, order, cycles
 * ngx_mlsec_aggregate_chain.c       waiting parts: when they start, with what
 * ngx_mlsec_aggregate_group.c       the items of a foreach=
 */


#ifndef _NGX_MLSEC_AGGREGATE_CHAIN_H_INCLUDED_
#define _NGX_MLSEC_AGGREGATE_CHAIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <lib/aggregate/mlsec_cache_merge.h>
#include <lib/mlsec_types.h>


/* another part that a call needs, and why */

typedef struct {
    ngx_str_t                   text;        /* as written: "{job.id}" */
    ngx_str_t                   name;        /* of the part */
    mlsec_str_t                 path;        /* in its body; may be empty */
    ngx_uint_t                  index;       /* of the part */
    unsigned                    value:1;     /* one value of it is used */
} ngx_mlsec_need_t;


/* of a call that waits */

struct ngx_mlsec_chain_conf_s {
    ngx_array_t                 needs;       /* ngx_mlsec_need_t */
    ngx_int_t                   foreach;     /* index in needs, -1: none */
    ngx_uint_t                  max;         /* items, 0: not given */
    ngx_uint_t                  concurrency; /* 0: not given */
};


/* of a part that waits or has waited, or is an item */

struct ngx_mlsec_link_s {
    ngx_str_t                  *values;      /* one for each of the needs */
    ngx_mlsec_group_t          *group;       /* foreach=: its items;
                                                an item: where it belongs */
    ngx_uint_t                  index;       /* of an item */
    ngx_str_t                   text;        /* of an item */
    unsigned                    item:1;
    unsigned                    waiting:1;
};


/* the items of a part with foreach= */

struct ngx_mlsec_group_s {
    ngx_mlsec_part_t           *part;        /* the one with foreach= */
    ngx_mlsec_part_t           *items;
    const mlsec_str_t          *values;      /* JSON, one for each item */
    ngx_uint_t                  nitems;
    ngx_uint_t                  next;        /* item to start */
    ngx_uint_t                  running;     /* items */
    ngx_uint_t                  called;      /* items that were not null */
    ngx_uint_t                  failed;      /* items */
    ngx_mlsec_group_t          *following;   /* group of the aggregate */
    unsigned                    open:1;      /* not finished */
    unsigned                    over:1;      /* there were more than max= */
};


/* ngx_mlsec_aggregate_chain_conf.c */

/*
 * Setter of after=: names of parts, separated by commas.  Given again, it
 * adds.  NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_call_after(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Setter of foreach=: "NAME" or "NAME.path".  NGX_OK, or NGX_ERROR after an
 * [emerg].
 */
ngx_int_t ngx_mlsec_call_foreach(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Setter of max=: 1-1000 items.  NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_call_max(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Setter of concurrency=: 1-100 items at a time.  NGX_OK, or NGX_ERROR after
 * an [emerg].
 */
ngx_int_t ngx_mlsec_call_concurrency(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);

/*
 * Takes "{NAME.path}" out of the literal pieces of a template: each becomes a
 * piece of its own with .variable set, .tag = tag, and .index its index in
 * call->chain->needs.
 *
 * *pieces: ngx_mlsec_template_piece_t; a new array if there was any.
 *
 * NGX_OK; NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_chain_split(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_array_t **pieces, ngx_uint_t tag);

/*
 * Checks what can be seen in one call alone, when all its parameters are
 * read, and fills in defaults.  NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_chain_check(ngx_conf_t *cf, ngx_mlsec_call_t *call);

/*
 * Whether a call has foreach=.
 */
ngx_uint_t ngx_mlsec_chain_foreach(const ngx_mlsec_call_t *call);

/*
 * Ties the calls of a location that has been read to each other, and sets
 * conf->chain: the indices of those that wait, each after all it needs.
 *
 * NGX_OK, or NGX_ERROR after an [emerg] that names the place of a call.
 */
ngx_int_t ngx_mlsec_chain_resolve(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf);


/* ngx_mlsec_aggregate_chain.c */

/*
 * Makes a part, whose call has a chain and which has just been created, wait.
 * What of its request does not depend on other parts is checked now, before
 * any service is called.
 *
 * NGX_OK; NGX_DECLINED when the client's request makes an impossible one
 * (400); NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_chain_hold(ngx_mlsec_part_t *part);

/*
 * Starts the parts and items whose time has come, and ends those that will
 * not be called.  To be called when a part or an item has ended; not from
 * inside of a subrequest.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_chain_step(ngx_mlsec_aggregate_t *a);

/*
 * Starts the subrequest of a part or an item that waits no longer.  Where the
 * values of other parts make an impossible one, it fails.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_chain_launch(ngx_mlsec_part_t *part);

/*
 * {NAME: body} of the parts that a part has waited for, for its programs.  A
 * part that was left out is not a member.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_chain_bodies(const ngx_mlsec_part_t *part,
    mlsec_filter_value_t *bodies);

/*
 * Ends a part or an item that has not been started.
 */
void ngx_mlsec_chain_fail(ngx_mlsec_part_t *part, ngx_mlsec_err_e error);

/*
 * Whether it is too late to start something: the deadline has come, or the
 * soft one and no required part is left.  1 or 0.
 */
ngx_uint_t ngx_mlsec_chain_late(const ngx_mlsec_aggregate_t *a);

/*
 * Ends waiting parts and open groups with an error.
 */
void ngx_mlsec_chain_stop(ngx_mlsec_aggregate_t *a, ngx_mlsec_err_e error);

/*
 * The text of pieces with "{NAME.path}", for the part that is being started.
 * NGX_OK with *text in r's pool, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_chain_text(ngx_http_request_t *r,
    const ngx_array_t *pieces, ngx_str_t *text);

/*
 * The value of a need of the part that is being started.
 */
const ngx_str_t *ngx_mlsec_chain_value(ngx_http_request_t *r,
    ngx_uint_t index);

/*
 * $mlsec_item of a request: of the item that an aggregate is starting, or
 * that the request is made for.  NULL if there is none.
 */
const ngx_str_t *ngx_mlsec_chain_item(ngx_http_request_t *r);

/*
 * What stands for a part that has ended in the answer: its body, or its
 * fallback.
 *
 * 1: *body is set.  0: it has failed without a fallback, or is left out.
 */
ngx_uint_t ngx_mlsec_part_result(const ngx_mlsec_part_t *part,
    ngx_str_t *body);

/*
 * What a part's failure is known by: the part itself, or the first failed item
 * of a group in which every item has failed.  NULL if the part has not failed
 * or has a fallback.
 */
ngx_mlsec_part_t *ngx_mlsec_part_failure(ngx_mlsec_part_t *part);

/*
 * Of two failures, either of which may be NULL, the one that is the cause: not
 * what only followed from another, then the first in declared order.
 */
ngx_mlsec_part_t *ngx_mlsec_chain_cause(ngx_mlsec_part_t *one,
    ngx_mlsec_part_t *other);


/* ngx_mlsec_aggregate_group.c */

/*
 * Makes the items of a part with foreach=, whose link is filled; none of them
 * has started.
 *
 * body: of the part that gives the list, with the life of the request.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_group_open(ngx_mlsec_part_t *part, ngx_str_t *body);

/*
 * Starts items up to concurrency=; when all have ended, ends the part.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_group_fill(ngx_mlsec_group_t *group);

/*
 * Ends an open group: with NGX_MLSEC_ERR_CANCELED the part as a whole,
 * otherwise each item that has not ended.
 */
void ngx_mlsec_group_stop(ngx_mlsec_group_t *group, ngx_mlsec_err_e error);

/*
 * Stops the subrequests of items that ended before them; of failed, which may
 * be NULL, and the failures of required lists, the one that is the cause.
 * This and the next three do for the items of all groups what the handler
 * does for its parts.
 */
ngx_mlsec_part_t *ngx_mlsec_group_failed(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed);

/*
 * Passes on that a delay is over, see ngx_mlsec_aggregate_wake().
 */
void ngx_mlsec_group_wake(ngx_mlsec_aggregate_t *a);

/*
 * Ends the running items that are out of time.
 */
void ngx_mlsec_group_time_out(ngx_mlsec_aggregate_t *a);

/*
 * The earlier of first and the time at which an item has to be done, both
 * in terms of ngx_current_msec.
 */
ngx_msec_t ngx_mlsec_group_first(const ngx_mlsec_aggregate_t *a,
    ngx_msec_t first);

/*
 * The error of a part with a link; of a group that has ended that of its
 * first failed item, or NGX_MLSEC_ERR_TOO_LARGE when there were more than
 * max= of them.
 */
ngx_mlsec_err_e ngx_mlsec_group_error(const ngx_mlsec_part_t *part);

#define ngx_mlsec_part_error(part)                                            \
    ((part)->link == NULL ? (part)->error : ngx_mlsec_group_error(part))

/*
 * Whether a list has items that failed, or more than max= of them.  1 or 0.
 */
ngx_uint_t ngx_mlsec_group_incomplete(const ngx_mlsec_aggregate_t *a);

/*
 * Writes the entries of errors[] of the items of a part; none if it is no
 * group.
 */
void ngx_mlsec_group_entries(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w);

/*
 * Adds the Cache-Control of the items that were called.
 */
void ngx_mlsec_group_cache_control(const ngx_mlsec_part_t *part,
    mlsec_cache_merge_t *merge);


#endif /* _NGX_MLSEC_AGGREGATE_CHAIN_H_INCLUDED_ */
