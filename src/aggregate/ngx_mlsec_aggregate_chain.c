/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A part that needs another one waits.  It is not counted as running, but as
 * required if it is: the answer of an aggregate must not be sent early while
 * a required part has yet to start.
 *
 * Nothing starts where a part ends: that is inside of the part's subrequest,
 * with functions of nginx on the stack which still use it.  The end of a part
 * posts the request of the aggregate, and when that runs, from the list of
 * posted requests or from the timer, it takes one step over the parts with a
 * link.  They are in an order in which each stands behind what it needs, so
 * one step is enough, whatever ends at once in it: what was skipped, what
 * failed with what it needs, a list without items.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <aggregate/ngx_mlsec_aggregate.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_template.h>
#include <lib/aggregate/mlsec_items.h>


typedef enum {
    NGX_MLSEC_CHAIN_READY = 0,
    NGX_MLSEC_CHAIN_FAILED,
    NGX_MLSEC_CHAIN_WAITS,
    NGX_MLSEC_CHAIN_SKIPPED
} ngx_mlsec_chain_state_e;


static ngx_int_t ngx_mlsec_chain_probe(ngx_mlsec_part_t *part);
static ngx_int_t ngx_mlsec_chain_advance(ngx_mlsec_part_t *part);
static ngx_mlsec_chain_state_e ngx_mlsec_chain_state(
    const ngx_mlsec_part_t *part);
static ngx_mlsec_chain_state_e ngx_mlsec_chain_state_of(
    ngx_mlsec_part_t *part);
static void ngx_mlsec_chain_release(ngx_mlsec_part_t *part);
static ngx_int_t ngx_mlsec_chain_start(ngx_mlsec_part_t *part);
static ngx_int_t ngx_mlsec_chain_values(ngx_mlsec_part_t *part);
static const ngx_mlsec_part_t *ngx_mlsec_chain_declared(
    const ngx_mlsec_part_t *part);


ngx_int_t
ngx_mlsec_chain_hold(ngx_mlsec_part_t *part)
{
    ngx_pool_t        *pool;
    ngx_mlsec_link_t  *link;

    pool = part->aggregate->request->pool;

    link = ngx_pcalloc(pool, sizeof(ngx_mlsec_link_t));
    if (link == NULL) {
        return NGX_ERROR;
    }

    link->values = ngx_palloc(pool, part->call->chain->needs.nelts
                                    * sizeof(ngx_str_t) + 1);
    if (link->values == NULL) {
        return NGX_ERROR;
    }

    link->waiting = 1;
    part->link = link;
    part->aggregate->required += part->call->required;

    return ngx_mlsec_chain_probe(part);
}


/*
 * A client whose own values make an impossible request gets its 400 before
 * any service is called, and not when the turn comes to the part.  What comes
 * from other parts is taken to be harmless here.
 */

static ngx_int_t
ngx_mlsec_chain_probe(ngx_mlsec_part_t *part)
{
    ngx_int_t               rc;
    ngx_str_t               path, args;
    ngx_uint_t              i;
    ngx_mlsec_link_t       *link;
    ngx_http_request_t     *r;
    ngx_mlsec_aggregate_t  *a;

    a = part->aggregate;
    r = a->request;
    link = part->link;

    for (i = 0; i < part->call->chain->needs.nelts; i++) {
        ngx_str_set(&link->values[i], "0");
    }

    if (ngx_mlsec_chain_foreach(part->call)) {
        ngx_str_set(&link->text, "0");
    }

    a->starting = part;

    rc = ngx_mlsec_call_uri_eval(r, &part->call->uri, &path, &args);

    if (rc == NGX_OK) {
        rc = ngx_mlsec_part_check_headers(r, part->call);
    }

    a->starting = NULL;
    ngx_str_null(&link->text);

    return rc;
}


ngx_int_t
ngx_mlsec_chain_step(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t         i;
    ngx_mlsec_link_t  *link;
    const ngx_uint_t  *index;

    index = a->conf->chain->elts;

    for (i = 0; i < a->conf->chain->nelts; i++) {
        link = a->parts[index[i]].link;

        /* if= was false */

        if (link == NULL) {
            continue;
        }

        if (link->waiting
            && ngx_mlsec_chain_advance(&a->parts[index[i]]) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (link->group != NULL && link->group->open
            && ngx_mlsec_group_fill(link->group) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_chain_advance(ngx_mlsec_part_t *part)
{
    ngx_uint_t               late;
    ngx_mlsec_chain_state_e  state;

    late = ngx_mlsec_chain_late(part->aggregate);
    state = ngx_mlsec_chain_state(part);

    if (state == NGX_MLSEC_CHAIN_WAITS && !late) {
        return NGX_OK;
    }

    ngx_mlsec_chain_release(part);

    switch (state) {

    case NGX_MLSEC_CHAIN_SKIPPED:
        part->skipped = 1;
        return NGX_OK;

    case NGX_MLSEC_CHAIN_FAILED:
        ngx_mlsec_chain_fail(part, NGX_MLSEC_ERR_DEPENDENCY);
        return NGX_OK;

    default:
        break;
    }

    if (late) {
        ngx_mlsec_chain_fail(part, NGX_MLSEC_ERR_TIMEOUT);
        return NGX_OK;
    }

    return ngx_mlsec_chain_start(part);
}


/*
 * Whatever else it needs: what was left out is not missed, and what has failed
 * cannot be helped.  Which parts are left out by if= is known before any of
 * them has started, so the outcome does not depend on who answers first.
 */

static ngx_mlsec_chain_state_e
ngx_mlsec_chain_state(const ngx_mlsec_part_t *part)
{
    ngx_uint_t               i, seen;
    ngx_mlsec_part_t        *parts;
    const ngx_array_t       *needs;
    const ngx_mlsec_need_t  *need;

    parts = part->aggregate->parts;
    needs = &part->call->chain->needs;
    need = needs->elts;
    seen = 0;

    for (i = 0; i < needs->nelts; i++) {
        seen |= 1 << ngx_mlsec_chain_state_of(&parts[need[i].index]);
    }

    if (seen & (1 << NGX_MLSEC_CHAIN_SKIPPED)) {
        return NGX_MLSEC_CHAIN_SKIPPED;
    }

    if (seen & (1 << NGX_MLSEC_CHAIN_FAILED)) {
        return NGX_MLSEC_CHAIN_FAILED;
    }

    return (seen & (1 << NGX_MLSEC_CHAIN_WAITS)) ? NGX_MLSEC_CHAIN_WAITS
                                                 : NGX_MLSEC_CHAIN_READY;
}


/*
 * What a part means to those that need it.
 */

static ngx_mlsec_chain_state_e
ngx_mlsec_chain_state_of(ngx_mlsec_part_t *part)
{
    ngx_str_t                body;
    const ngx_mlsec_link_t  *link;

    link = part->link;

    if (part->skipped) {
        return NGX_MLSEC_CHAIN_SKIPPED;
    }

    if (part->running
        || (link != NULL
            && (link->waiting || (link->group != NULL && link->group->open))))
    {
        return NGX_MLSEC_CHAIN_WAITS;
    }

    if (ngx_mlsec_part_failure(part) != NULL
        || !ngx_mlsec_part_result(part, &body))
    {
        return NGX_MLSEC_CHAIN_FAILED;
    }

    return NGX_MLSEC_CHAIN_READY;
}


static void
ngx_mlsec_chain_release(ngx_mlsec_part_t *part)
{
    part->link->waiting = 0;
    part->aggregate->required -= part->call->required;
}


static ngx_int_t
ngx_mlsec_chain_start(ngx_mlsec_part_t *part)
{
    ngx_int_t                      rc;
    ngx_str_t                      body;
    ngx_mlsec_part_t              *parts;
    const ngx_mlsec_need_t        *need;
    const ngx_mlsec_chain_conf_t  *chain;

    rc = ngx_mlsec_chain_values(part);

    if (rc == NGX_DECLINED) {
        ngx_mlsec_chain_fail(part, NGX_MLSEC_ERR_DEPENDENCY);
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    chain = part->call->chain;

    if (chain->foreach < 0) {
        return ngx_mlsec_chain_launch(part);
    }

    need = chain->needs.elts;
    need += chain->foreach;
    parts = part->aggregate->parts;

    (void) ngx_mlsec_part_result(&parts[need->index], &body);

    return ngx_mlsec_group_open(part, &body);
}


/*
 * NGX_DECLINED when a value is missing, or is not one that can stand in a URI.
 */

static ngx_int_t
ngx_mlsec_chain_values(ngx_mlsec_part_t *part)
{
    int                      rc;
    ngx_str_t                body;
    ngx_uint_t               i;
    mlsec_mem_t              mem;
    mlsec_str_t              text;
    ngx_mlsec_part_t        *parts;
    const ngx_array_t       *needs;
    const ngx_mlsec_need_t  *need;

    parts = part->aggregate->parts;
    needs = &part->call->chain->needs;
    need = needs->elts;

    mem = ngx_mlsec_mem(part->aggregate->request->pool);

    for (i = 0; i < needs->nelts; i++) {

        if (!need[i].value) {
            continue;
        }

        (void) ngx_mlsec_part_result(&parts[need[i].index], &body);

        text.data = body.data;
        text.len = body.len;

        if (need[i].path.len
            && mlsec_shape_target(text, need[i].path, &text) != MLSEC_OK)
        {
            return NGX_DECLINED;
        }

        rc = mlsec_items_scalar(&mem, text, &text);

        if (rc != MLSEC_OK) {
            return (rc == MLSEC_NOMEM) ? NGX_ERROR : NGX_DECLINED;
        }

        part->link->values[i].data = (u_char *) text.data;
        part->link->values[i].len = text.len;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_chain_bodies(const ngx_mlsec_part_t *part,
    mlsec_filter_value_t *bodies)
{
    ngx_str_t                body;
    ngx_uint_t               i, j, n;
    ngx_pool_t              *pool;
    mlsec_str_t             *names;
    const ngx_array_t       *needs;
    mlsec_filter_value_t    *values;
    const ngx_mlsec_need_t  *need;

    pool = part->aggregate->request->pool;
    needs = &part->call->chain->needs;
    need = needs->elts;

    names = ngx_palloc(pool, needs->nelts * sizeof(mlsec_str_t));
    values = ngx_pcalloc(pool, needs->nelts * sizeof(mlsec_filter_value_t));

    if (names == NULL || values == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (i = 0; i < needs->nelts; i++) {

        for (j = 0; j < i && need[j].index != need[i].index; j++) {
            /* void */
        }

        if (j < i
            || !ngx_mlsec_part_result(&part->aggregate->parts[need[i].index],
                                      &body))
        {
            continue;
        }

        names[n].data = need[i].name.data;
        names[n].len = need[i].name.len;
        values[n].text.data = body.data;
        values[n].text.len = body.len;
        n++;
    }

    bodies->names = names;
    bodies->parts = values;
    bodies->nparts = n;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_chain_launch(ngx_mlsec_part_t *part)
{
    ngx_int_t               rc;
    ngx_mlsec_aggregate_t  *a;

    a = part->aggregate;

    if (ngx_mlsec_part_body_waits(part)) {
        rc = ngx_mlsec_part_map_body(part);

        if (rc == NGX_BUSY) {
            ngx_mlsec_chain_fail(part, NGX_MLSEC_ERR_FILTER);
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    a->starting = part;
    rc = ngx_mlsec_part_start(part);
    a->starting = NULL;

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* the client's own values were fine, see ngx_mlsec_chain_probe() */

    if (part->running) {
        ngx_mlsec_part_stop(part, NGX_MLSEC_ERR_DEPENDENCY);

    } else {
        ngx_mlsec_chain_fail(part, NGX_MLSEC_ERR_DEPENDENCY);
    }

    return NGX_OK;
}


void
ngx_mlsec_chain_fail(ngx_mlsec_part_t *part, ngx_mlsec_err_e error)
{
    part->started = ngx_current_msec;

    part->aggregate->running++;
    part->aggregate->required += part->call->required;

    if (part->link->item) {
        part->link->group->running++;
    }

    ngx_mlsec_part_end(part, error);
}


ngx_uint_t
ngx_mlsec_chain_late(const ngx_mlsec_aggregate_t *a)
{
    return (a->soft && a->required == 0)
           || ngx_current_msec - a->started >= a->deadline;
}


void
ngx_mlsec_chain_stop(ngx_mlsec_aggregate_t *a, ngx_mlsec_err_e error)
{
    ngx_uint_t         i;
    ngx_mlsec_part_t  *part;
    const ngx_uint_t  *index;

    index = a->conf->chain->elts;

    for (i = 0; i < a->conf->chain->nelts; i++) {
        part = &a->parts[index[i]];

        if (part->link == NULL) {
            continue;
        }

        if (part->link->waiting) {
            ngx_mlsec_chain_release(part);
            ngx_mlsec_chain_fail(part, error);

        } else if (part->link->group != NULL && part->link->group->open) {
            ngx_mlsec_group_stop(part->link->group, error);
        }
    }
}


ngx_int_t
ngx_mlsec_chain_text(ngx_http_request_t *r, const ngx_array_t *pieces,
    ngx_str_t *text)
{
    u_char                            *p;
    size_t                             len;
    ngx_str_t                         *values;
    ngx_uint_t                         i;
    const ngx_mlsec_template_piece_t  *piece;

    piece = pieces->elts;
    len = 0;

    values = ngx_palloc(r->pool, pieces->nelts * sizeof(ngx_str_t));
    if (values == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < pieces->nelts; i++) {

        if (!piece[i].variable) {
            values[i] = piece[i].text;

        } else if (piece[i].tag) {
            values[i] = *ngx_mlsec_chain_value(r, piece[i].index);

        } else {
            (void) ngx_mlsec_template_value(r, &piece[i], &values[i]);
        }

        len += values[i].len;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    text->len = len;

    for (i = 0; i < pieces->nelts; i++) {

        if (values[i].len) {
            p = ngx_cpymem(p, values[i].data, values[i].len);
        }
    }

    return NGX_OK;
}


const ngx_str_t *
ngx_mlsec_chain_value(ngx_http_request_t *r, ngx_uint_t index)
{
    ngx_mlsec_aggregate_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_mlsec_aggregate_module);

    return &a->starting->link->values[index];
}


const ngx_str_t *
ngx_mlsec_chain_item(ngx_http_request_t *r)
{
    ngx_mlsec_link_t       *link;
    ngx_mlsec_part_t       *part;
    ngx_mlsec_aggregate_t  *a;

    /* an aggregate may be an item of another one */

    for ( /* void */ ; r != NULL; r = r->parent) {

        a = ngx_http_get_module_ctx(r, ngx_mlsec_aggregate_module);

        if (a != NULL && a->starting != NULL) {
            link = a->starting->link;

            if (link->text.data != NULL) {
                return &link->text;
            }
        }

        part = ngx_mlsec_part_get(r);

        if (part != NULL && part->link != NULL && part->link->item) {
            return &part->link->text;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_mlsec_part_result(const ngx_mlsec_part_t *part, ngx_str_t *body)
{
    if (part->skipped) {
        return 0;
    }

    if (part->error == NGX_MLSEC_ERR_NONE) {
        *body = part->body;
        return 1;
    }

    if (part->call->fallback != NGX_MLSEC_FALLBACK_JSON) {
        return 0;
    }

    /* the fallback of a list is that of an element: there is none */

    if (ngx_mlsec_chain_foreach(part->call) && !part->link->item) {
        ngx_str_set(body, "[]");

    } else {
        *body = part->call->fallback_json;
    }

    return 1;
}


ngx_mlsec_part_t *
ngx_mlsec_part_failure(ngx_mlsec_part_t *part)
{
    ngx_uint_t          i;
    ngx_mlsec_group_t  *group;

    if (part->call->fallback != NGX_MLSEC_FALLBACK_NONE) {
        return NULL;
    }

    if (part->error) {
        return part;
    }

    if (part->link == NULL || part->link->item || part->link->group == NULL) {
        return NULL;
    }

    group = part->link->group;

    if (group->open || group->called == 0 || group->failed < group->called) {
        return NULL;
    }

    for (i = 0; group->items[i].error == NGX_MLSEC_ERR_NONE; i++) {
        /* void */
    }

    return &group->items[i];
}


ngx_mlsec_part_t *
ngx_mlsec_chain_cause(ngx_mlsec_part_t *one, ngx_mlsec_part_t *other)
{
    ngx_uint_t  one_followed, other_followed;

    if (one == NULL || other == NULL) {
        return one ? one : other;
    }

    one_followed = (one->error == NGX_MLSEC_ERR_DEPENDENCY);
    other_followed = (other->error == NGX_MLSEC_ERR_DEPENDENCY);

    if (one_followed != other_followed) {
        return one_followed ? other : one;
    }

    return (ngx_mlsec_chain_declared(one) < ngx_mlsec_chain_declared(other))
           ? one : other;
}


/*
 * The part of the directive: parts are in declared order in one array.
 */

static const ngx_mlsec_part_t *
ngx_mlsec_chain_declared(const ngx_mlsec_part_t *part)
{
    return (part->link != NULL && part->link->item) ? part->link->group->part
                                                    : part;
}
