/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_template.h>
#include <lib/mlsec_text.h>


/* how much of an upstream's own error body is kept for mlsec_error_detail */

#define NGX_MLSEC_PART_DETAIL_MAX  2048

#define NGX_MLSEC_PART_BODY_MIN    4096     /* first buffer, length unknown */

/*
 * How much of an answer that is not wanted is read to keep the connection for
 * another request.
 */

#define NGX_MLSEC_PART_DRAIN_MAX   65536


static ngx_int_t ngx_mlsec_part_url(ngx_mlsec_part_t *part, ngx_str_t *path,
    ngx_str_t *args);
static void ngx_mlsec_part_to_location(ngx_http_request_t *sr,
    ngx_http_core_loc_conf_t *clcf);
static void ngx_mlsec_part_header(ngx_mlsec_capture_t *capture);
static void ngx_mlsec_part_body(ngx_mlsec_capture_t *capture,
    const u_char *data, size_t len);
static ngx_int_t ngx_mlsec_part_append(ngx_mlsec_part_t *part,
    const u_char *data, size_t len);
static void ngx_mlsec_part_done(ngx_mlsec_capture_t *capture, ngx_int_t rc);
static void ngx_mlsec_part_pass_on(ngx_mlsec_part_t *part);
static ngx_mlsec_err_e ngx_mlsec_part_take(ngx_mlsec_part_t *part);
static ngx_mlsec_err_e ngx_mlsec_part_shape(ngx_mlsec_part_t *part,
    mlsec_str_t text);
static ngx_mlsec_err_e ngx_mlsec_part_text(ngx_mlsec_part_t *part);
static void ngx_mlsec_part_log(ngx_mlsec_part_t *part);


ngx_int_t
ngx_mlsec_part_start(ngx_mlsec_part_t *part)
{
    ngx_int_t                rc;
    ngx_str_t                value, path, args;
    ngx_msec_t               left;
    ngx_http_request_t      *r;
    ngx_mlsec_aggregate_t   *a;
    const ngx_mlsec_call_t  *call;

    a = part->aggregate;
    call = part->call;
    r = a->request;

    if (call->condition != NULL && part->link == NULL) {

        if (ngx_mlsec_template_join(r, call->condition, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len == 0 || (value.len == 1 && value.data[0] == '0')) {
            part->skipped = 1;
            return NGX_OK;
        }
    }

    if (call->body_filter != NULL && part->link == NULL) {
        rc = ngx_mlsec_part_map_body(part);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (call->chain != NULL && part->link == NULL) {
        return ngx_mlsec_chain_hold(part);
    }

    rc = ngx_mlsec_call_uri_eval(r, &call->uri, &path, &args);

    if (rc != NGX_OK) {
        return rc;
    }

    if (call->upstream != NULL) {

        if (ngx_mlsec_part_url(part, &path, &args) != NGX_OK) {
            return NGX_ERROR;
        }

        if (part->retry == NULL) {
            part->retry = ngx_mlsec_service_retry(r->pool, call->upstream);
        }
    }

    part->started = ngx_current_msec;
    left = a->deadline - (part->started - a->started);
    part->expires = part->started + ngx_min(call->timeout, left);
    part->clock = ngx_mlsec_part_clock(a);

    part->running = 1;
    a->running++;
    a->required += call->required;

    if (part->link != NULL && part->link->item) {
        part->link->group->running++;
    }

    return (call->upstream != NULL)
           ? ngx_mlsec_part_run(part)
           : ngx_mlsec_part_subrequest(part, &path, &args, NULL);
}


ngx_int_t
ngx_mlsec_part_subrequest(ngx_mlsec_part_t *part, ngx_str_t *path,
    ngx_str_t *args, ngx_mlsec_ticket_t *ticket)
{
    const ngx_mlsec_call_t  *call;

    call = part->call;

    part->capture.header = ngx_mlsec_part_header;
    part->capture.body = ngx_mlsec_part_body;
    part->capture.done = ngx_mlsec_part_done;
    part->capture.data = part;
    part->capture.error_page = (call->upstream == NULL);

    mlsec_json_scan_init(&part->scan, MLSEC_JSON_DEFAULT_DEPTH);

    if (ngx_mlsec_capture_start(part->aggregate->request, path, args,
                                &part->capture)
        != NGX_OK)
    {
        part->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        ngx_mlsec_part_end(part, NGX_MLSEC_ERR_UPSTREAM_STATUS);
        return NGX_OK;
    }

    if (call->upstream != NULL) {
        ngx_mlsec_part_to_location(part->capture.request, call->parts);
        ngx_mlsec_service_attach(part->capture.request, ticket, part->retry);
    }

    return ngx_mlsec_part_set_headers(part);
}


static ngx_int_t
ngx_mlsec_part_url(ngx_mlsec_part_t *part, ngx_str_t *path, ngx_str_t *args)
{
    u_char                      *p;
    size_t                       len;
    const ngx_mlsec_call_uri_t  *uri;

    uri = &part->call->uri;

    len = uri->scheme.len + sizeof("://?") - 1 + uri->upstream.len
          + path->len + args->len;

    p = ngx_pnalloc(part->aggregate->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    part->url.data = p;

    p = ngx_cpymem(p, uri->scheme.data, uri->scheme.len);
    p = ngx_cpymem(p, "://", 3);
    p = ngx_cpymem(p, uri->upstream.data, uri->upstream.len);
    p = ngx_cpymem(p, path->data, path->len);

    if (args->len) {
        *p++ = '?';
        p = ngx_cpymem(p, args->data, args->len);
    }

    part->url.len = p - part->url.data;

    return NGX_OK;
}


/*
 * Sends a subrequest that has not run yet into a named location, as
 * ngx_http_named_location() does for one that has.  No location is searched
 * and the rewrites of the server, which are meant for clients, do not see it.
 */

static void
ngx_mlsec_part_to_location(ngx_http_request_t *sr,
    ngx_http_core_loc_conf_t *clcf)
{
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(sr, ngx_http_core_module);

    sr->loc_conf = clcf->loc_conf;
    sr->content_handler = NULL;

    ngx_http_update_location_config(sr);

    sr->phase_handler = cmcf->phase_engine.location_rewrite_index;
    sr->write_event_handler = ngx_http_core_run_phases;
}


void
ngx_mlsec_part_stop(ngx_mlsec_part_t *part, ngx_mlsec_err_e error)
{
    if (!part->running) {
        return;
    }

    /* late between two attempts: the last one is what has gone wrong */

    if (part->again && error == NGX_MLSEC_ERR_TIMEOUT) {
        error = part->again_error;
    }

    if (part->ticket != NULL) {
        ngx_mlsec_part_withdraw(part);

    } else {
        ngx_mlsec_capture_cancel(&part->capture, 0);
    }

    ngx_mlsec_part_end(part, error);
}


void
ngx_mlsec_part_time_out(ngx_mlsec_part_t *part)
{
    ngx_mlsec_err_e  error;

    if (part->ticket != NULL) {
        ngx_mlsec_part_withdraw(part);
        ngx_mlsec_part_end(part, part->again ? part->again_error
                                             : NGX_MLSEC_ERR_TIMEOUT);
        return;
    }

    error = ngx_mlsec_part_phase(part);

    if (error == NGX_MLSEC_ERR_UPSTREAM_STATUS) {
        ngx_mlsec_part_pass_on(part);
    }

    ngx_mlsec_capture_cancel(&part->capture, 1);
    ngx_mlsec_part_end(part, error);
}


ngx_mlsec_part_t *
ngx_mlsec_part_get(ngx_http_request_t *r)
{
    ngx_mlsec_part_t     *part;
    ngx_mlsec_capture_t  *capture;

    capture = ngx_mlsec_capture_get(r);

    if (capture == NULL || capture->header != ngx_mlsec_part_header) {
        return NULL;
    }

    part = capture->data;

    return part;
}


static void
ngx_mlsec_part_header(ngx_mlsec_capture_t *capture)
{
    ngx_mlsec_part_t *part = capture->data;

    off_t                n;
    size_t               max;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *sr;

    if (!part->running) {
        return;
    }

    sr = capture->request;

    part->status = capture->status;
    part->wanted = ngx_mlsec_conf_status_in(part->call->ok, part->status);

    /*
     * 101 and the like are not answers, and have no end.  Without a status
     * what came was no HTTP at all: nginx takes it for HTTP/0.9.
     */

    if (part->status < NGX_HTTP_OK) {
        part->cancel = 1;
        part->capture.stop = 1;
        ngx_mlsec_part_end(part, part->status ? NGX_MLSEC_ERR_UPSTREAM_STATUS
                                              : NGX_MLSEC_ERR_RESET);
        return;
    }

    ngx_mlsec_part_cache_control(part);

    if (!part->wanted) {
        return;
    }

    /* an aggregate inside this one says itself what it lacks */

    h = ngx_mlsec_part_header_out(sr, "X-Gateway-Completed");

    part->incomplete = (h != NULL && h->value.len == sizeof("false") - 1
                        && ngx_strncmp(h->value.data, "false", 5) == 0);

    h = sr->headers_out.content_encoding;

    if (h != NULL && h->hash && h->value.len
        && ngx_strcasecmp(h->value.data, (u_char *) "identity") != 0)
    {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "mlsec aggregate: body is encoded though not asked for, "
                      "part: \"%V\", encoding: \"%V\"",
                      &part->call->name, &h->value);

        part->cancel = 1;
        part->capture.stop = 1;
        ngx_mlsec_part_end(part, part->call->text ? NGX_MLSEC_ERR_BAD_TYPE
                                                  : NGX_MLSEC_ERR_BAD_JSON);
        return;
    }

    n = sr->headers_out.content_length_n;
    max = ngx_min(part->aggregate->conf->call_max,
                  part->aggregate->conf->total_max - part->aggregate->total);

    if (n > 0 && (size_t) n > max) {
        part->cancel = 1;
        part->capture.stop = 1;
        ngx_mlsec_part_end(part, NGX_MLSEC_ERR_TOO_LARGE);
    }
}


static void
ngx_mlsec_part_body(ngx_mlsec_capture_t *capture, const u_char *data,
    size_t len)
{
    ngx_mlsec_part_t *part = capture->data;

    size_t                  used;
    ngx_mlsec_err_e         error;
    ngx_mlsec_aggregate_t  *a;

    if (!part->running) {
        return;
    }

    a = part->aggregate;
    used = part->pos - part->start;

    if (!part->wanted) {
        part->drained += len;

        /* of an answer that is not wanted the first bytes may be shown */

        if (ngx_mlsec_error_detail(a->request) == NGX_MLSEC_DETAIL_BODY
            && used < NGX_MLSEC_PART_DETAIL_MAX)
        {
            len = ngx_min(len, NGX_MLSEC_PART_DETAIL_MAX - used);
            (void) ngx_mlsec_part_append(part, data, len);
        }

        if (part->drained > NGX_MLSEC_PART_DRAIN_MAX) {
            part->cancel = 1;
            part->capture.stop = 1;
            ngx_mlsec_part_pass_on(part);
            ngx_mlsec_part_end(part, NGX_MLSEC_ERR_UPSTREAM_STATUS);
        }

        return;
    }

    error = NGX_MLSEC_ERR_NONE;

    if (len > a->conf->call_max - used || len > a->conf->total_max - a->total)
    {
        error = NGX_MLSEC_ERR_TOO_LARGE;

    } else if (!part->call->text
               && mlsec_json_scan_feed(&part->scan, data, len) != MLSEC_OK)
    {
        error = NGX_MLSEC_ERR_BAD_JSON;

    } else if (ngx_mlsec_part_append(part, data, len) != NGX_OK) {
        error = NGX_MLSEC_ERR_TOO_LARGE;
    }

    if (error) {
        part->cancel = 1;
        part->capture.stop = 1;
        ngx_mlsec_part_end(part, error);
        return;
    }

    a->total += len;
}


/*
 * Bodies are kept in one piece: when the length is known, in a buffer of that
 * size, otherwise in one that doubles.
 */

static ngx_int_t
ngx_mlsec_part_append(ngx_mlsec_part_t *part, const u_char *data, size_t len)
{
    off_t                n;
    size_t               size, used;
    u_char              *p;
    ngx_http_request_t  *sr;

    if ((size_t) (part->end - part->pos) < len) {

        sr = part->capture.request;
        used = part->pos - part->start;

        if (part->start == NULL) {
            n = part->wanted ? sr->headers_out.content_length_n
                             : NGX_MLSEC_PART_DETAIL_MAX;
            size = (n > 0) ? (size_t) n : NGX_MLSEC_PART_BODY_MIN;

        } else {
            size = 2 * (part->end - part->start);
        }

        size = ngx_max(size, used + len);

        p = ngx_pnalloc(sr->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (part->start != NULL) {
            ngx_memcpy(p, part->start, used);
            (void) ngx_pfree(sr->pool, part->start);
        }

        part->start = p;
        part->pos = p + used;
        part->end = p + size;
    }

    if (len) {
        part->pos = ngx_cpymem(part->pos, data, len);
    }

    return NGX_OK;
}


static void
ngx_mlsec_part_done(ngx_mlsec_capture_t *capture, ngx_int_t rc)
{
    ngx_mlsec_part_t *part = capture->data;

    ngx_mlsec_err_e  error;

    if (!part->running) {
        return;
    }

    error = ngx_mlsec_part_verdict(part, rc);

    if (error == NGX_MLSEC_ERR_NONE) {
        error = ngx_mlsec_part_take(part);
    }

    if (error == NGX_MLSEC_ERR_UPSTREAM_STATUS) {
        ngx_mlsec_part_pass_on(part);

    } else if (error == NGX_MLSEC_ERR_NO_PEER) {
        part->retry_after = ngx_mlsec_service_retry_after(
                                       capture->request->upstream->upstream);
    }

    if (error != NGX_MLSEC_ERR_NONE && ngx_mlsec_part_again(part, error)) {
        return;
    }

    ngx_mlsec_part_end(part, error);
}


/*
 * What of an upstream's refusal the client can use.
 */

static void
ngx_mlsec_part_pass_on(ngx_mlsec_part_t *part)
{
    time_t            when;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_part_header_out(part->capture.request, "Retry-After");

    if (h != NULL) {
        when = ngx_mlsec_service_retry_when(&h->value);

        part->timed = (when >= 0);
        part->retry_after = ngx_max(when, 0);
    }

    h = ngx_mlsec_part_header_out(part->capture.request, "WWW-Authenticate");

    if (h != NULL) {
        part->authenticate = h->value;
    }
}


/*
 * Makes what is merged out of what has come.
 */

static ngx_mlsec_err_e
ngx_mlsec_part_take(ngx_mlsec_part_t *part)
{
    int          rc;
    mlsec_str_t  text;

    text.data = part->start;
    text.len = part->pos - part->start;

    if (part->status == NGX_HTTP_NO_CONTENT || text.len == 0) {
        ngx_str_set(&part->body, "null");

    } else if (part->call->text) {
        return ngx_mlsec_part_text(part);

    } else {
        rc = mlsec_json_scan_finish(&part->scan);

        if (rc == MLSEC_EMPTY) {
            ngx_str_set(&part->body, "null");

        } else if (rc != MLSEC_OK) {
            return NGX_MLSEC_ERR_BAD_JSON;

        } else {
            return ngx_mlsec_part_shape(part, text);
        }
    }

    text.data = part->body.data;
    text.len = part->body.len;

    return ngx_mlsec_part_shape(part, text);
}


static ngx_mlsec_err_e
ngx_mlsec_part_shape(ngx_mlsec_part_t *part, mlsec_str_t text)
{
    int                      rc;
    mlsec_mem_t              mem;
    ngx_mlsec_err_e          error;
    const ngx_mlsec_call_t  *call;

    call = part->call;
    rc = MLSEC_OK;

    mem = ngx_mlsec_mem(part->aggregate->request->pool);

    if (call->target.len) {
        rc = mlsec_shape_target(text, call->target, &text);
    }

    if (rc == MLSEC_OK && call->pick != NULL) {
        rc = mlsec_paths_pick(call->pick, &mem, text, &text);
    }

    if (rc == MLSEC_OK && call->drop != NULL) {
        rc = mlsec_paths_drop(call->drop, &mem, text, &text);
    }

    if (rc == MLSEC_OK && call->filter != NULL) {
        error = ngx_mlsec_part_filter(part, &text);

        if (error != NGX_MLSEC_ERR_NONE) {
            return error;
        }
    }

    if (rc == MLSEC_OK) {

        /* an item has its place in a list, whatever becomes of that */

        rc = mlsec_merge_check(part->link != NULL && part->link->item
                               ? MLSEC_MERGE_ARRAY
                               : part->aggregate->conf->merge.mode, text);
    }

    if (rc == MLSEC_NOMEM) {
        return NGX_MLSEC_ERR_TOO_LARGE;
    }

    if (rc != MLSEC_OK) {
        return NGX_MLSEC_ERR_BAD_TYPE;
    }

    part->body.data = (u_char *) text.data;
    part->body.len = text.len;

    return NGX_MLSEC_ERR_NONE;
}


static ngx_mlsec_err_e
ngx_mlsec_part_text(ngx_mlsec_part_t *part)
{
    u_char       *p;
    mlsec_str_t   text;

    text.data = part->start;
    text.len = part->pos - part->start;

    p = ngx_pnalloc(part->aggregate->request->pool,
                    mlsec_text_escaped_len(text) + 2);
    if (p == NULL) {
        return NGX_MLSEC_ERR_TOO_LARGE;
    }

    part->body.data = p;

    *p++ = '"';
    p = mlsec_text_escape(p, text);
    *p++ = '"';

    part->body.len = p - part->body.data;

    text.data = part->body.data;
    text.len = part->body.len;

    return ngx_mlsec_part_shape(part, text);
}


void
ngx_mlsec_part_end(ngx_mlsec_part_t *part, ngx_mlsec_err_e error)
{
    ngx_mlsec_aggregate_t  *a;

    a = part->aggregate;

    part->running = 0;
    part->error = error;
    part->elapsed = ngx_current_msec - part->started;

    if (part->clock) {
        part->clock = ngx_mlsec_part_clock(a) - part->clock;
    }

    (void) ngx_mlsec_part_attempts(part);
    ngx_mlsec_part_count(part);
    ngx_mlsec_service_release(part->retry);

    a->running--;
    a->required -= part->call->required;

    if (part->link != NULL && part->link->item) {
        part->link->group->running--;
    }

    if (error != NGX_MLSEC_ERR_NONE) {
        ngx_mlsec_part_log(part);
    }

    /*
     * The end of a part whose subrequest still runs is seen inside of it: the
     * aggregate has to be woken to stop the subrequest.
     */

    if (part->cancel) {
        (void) ngx_http_post_request(a->request, NULL);
    }
}


static void
ngx_mlsec_part_log(ngx_mlsec_part_t *part)
{
    ngx_uint_t  level;

    /* that a breaker is open was logged when it opened */

    level = (part->error == NGX_MLSEC_ERR_CANCELED
             || part->error == NGX_MLSEC_ERR_SHED
             || part->error == NGX_MLSEC_ERR_CIRCUIT_OPEN)
            ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, part->aggregate->request->connection->log, 0,
                  "mlsec aggregate: part failed, part: \"%V\", "
                  "service: \"%V\", type: %V, status: %ui, attempts: %ui, "
                  "after %M ms",
                  &part->call->name, &part->call->service,
                  ngx_mlsec_part_error_name(part->error),
                  ngx_mlsec_part_status_code(part), part->attempts,
                  part->elapsed);
}
