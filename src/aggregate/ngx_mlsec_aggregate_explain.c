/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_respond.h>
#include <core/ngx_mlsec_variables.h>
#include <service/ngx_mlsec_service.h>


static ngx_int_t ngx_mlsec_explain_loopback(ngx_conf_t *cf,
    ngx_array_t *cidrs);
static ngx_int_t ngx_mlsec_explain_network(ngx_conf_t *cf,
    ngx_array_t *cidrs, ngx_str_t *text);
static void ngx_mlsec_explain_part(ngx_mlsec_part_t *part,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_explain_items(ngx_mlsec_part_t *part,
    ngx_mlsec_json_t *w);
static const char *ngx_mlsec_explain_decision(const ngx_mlsec_part_t *part);
static ngx_uint_t ngx_mlsec_explain_cached(const ngx_mlsec_part_t *part);
static void ngx_mlsec_explain_states(const ngx_mlsec_part_t *part,
    const ngx_array_t *states, ngx_uint_t *n, ngx_mlsec_json_t *w);
static void ngx_mlsec_explain_attempts(ngx_mlsec_part_t *part,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_explain_attempt(const ngx_http_upstream_state_t *state,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_explain_word(ngx_mlsec_json_t *w, const char *name,
    const char *value);
static void ngx_mlsec_explain_number(ngx_mlsec_json_t *w, const char *name,
    ngx_uint_t known, int64_t value);


char *
ngx_mlsec_explain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_aggregate_loc_conf_t *lcf = conf;

    ngx_int_t     rc;
    ngx_str_t    *value;
    ngx_uint_t    i;

    if (lcf->explain != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->explain = NULL;
        return NGX_CONF_OK;
    }

    lcf->explain = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
    if (lcf->explain == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rc = (ngx_strcmp(value[i].data, "on") == 0)
             ? ngx_mlsec_explain_loopback(cf, lcf->explain)
             : ngx_mlsec_explain_network(cf, lcf->explain, &value[i]);

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_explain_loopback(ngx_conf_t *cf, ngx_array_t *cidrs)
{
    ngx_uint_t  i;

    static ngx_str_t  loopback[] = {
        ngx_string("127.0.0.0/8"),
#if (NGX_HAVE_INET6)
        ngx_string("::1"),
#endif
        ngx_string("unix:")
    };

    for (i = 0; i < sizeof(loopback) / sizeof(ngx_str_t); i++) {

        if (ngx_mlsec_explain_network(cf, cidrs, &loopback[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_explain_network(ngx_conf_t *cf, ngx_array_t *cidrs,
    ngx_str_t *text)
{
    ngx_int_t    rc;
    ngx_cidr_t  *cidr;

    cidr = ngx_array_push(cidrs);
    if (cidr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

#if (NGX_HAVE_UNIX_DOMAIN)

    if (ngx_strcmp(text->data, "unix:") == 0) {
        cidr->family = AF_UNIX;
        return NGX_OK;
    }

#endif

    rc = ngx_ptocidr(text, cidr);

    if (rc == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\" in \"mlsec_explain\", "
                           "expected \"on\", \"off\" alone, or a network such "
                           "as \"10.0.0.0/8\"", text);
        return NGX_ERROR;
    }

    if (rc == NGX_DONE) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "low address bits of \"%V\" in \"mlsec_explain\" "
                           "are meaningless", text);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_explain_wanted(ngx_http_request_t *r,
    const ngx_mlsec_aggregate_loc_conf_t *conf)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const ngx_str_t  name = ngx_string("X-Mlsec-Explain");

    if (conf->explain == NULL || r != r->main
        || ngx_cidr_match(r->connection->sockaddr, conf->explain) != NGX_OK)
    {
        return 0;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0)
            {
                return h[i].value.len == 1 && h[i].value.data[0] == '1';
            }
        }
    }

    return 0;
}


ngx_int_t
ngx_mlsec_aggregate_explain(ngx_mlsec_aggregate_t *a, ngx_uint_t status)
{
    ngx_str_t            text, id, value;
    ngx_uint_t           i;
    ngx_mlsec_json_t     w;
    ngx_http_request_t  *r;

    r = a->request;

    (void) ngx_mlsec_json_init(&w, r->pool, 2048);

    ngx_mlsec_request_id(r, &id);

    ngx_mlsec_json_lit(&w, "{\"request_id\":");
    ngx_mlsec_json_string(&w, &id);
    ngx_mlsec_explain_number(&w, "status", 1, status);
    ngx_mlsec_explain_number(&w, "elapsed_ms", 1,
                             ngx_current_msec - a->started);
    ngx_mlsec_explain_number(&w, "deadline_ms", 1, a->conf->deadline);
    ngx_mlsec_explain_number(&w, "soft_ms", a->conf->soft != 0,
                             a->conf->soft);
    ngx_mlsec_explain_word(&w, "result",
                           a->conf->filter ? "filter" : "merge");
    ngx_mlsec_explain_number(&w, "result_us", a->merged != 0, a->merged);
    ngx_mlsec_explain_number(&w, "bytes", 1, a->total);
    ngx_mlsec_json_lit(&w, ",\"parts\":[");

    for (i = 0; i < a->nparts; i++) {

        if (i) {
            ngx_mlsec_json_lit(&w, ",");
        }

        ngx_mlsec_explain_part(&a->parts[i], &w);
    }

    ngx_mlsec_json_lit(&w, "]}");

    ngx_str_set(&value, "no-store");

    if (ngx_mlsec_json_text(&w, &text) != NGX_OK
        || ngx_mlsec_aggregate_add_header(r, "Cache-Control", &value)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_text(r, &text);
}


static void
ngx_mlsec_explain_part(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w)
{
    ngx_uint_t               begun;
    const ngx_mlsec_call_t  *call;

    call = part->call;
    begun = (part->started != 0);

    ngx_mlsec_json_lit(w, "{\"part\":");
    ngx_mlsec_json_string(w, &call->name);
    ngx_mlsec_json_lit(w, ",\"service\":");
    ngx_mlsec_json_string(w, &call->service);

    if (call->upstream) {
        ngx_mlsec_json_lit(w, ",\"upstream\":");
        ngx_mlsec_json_string(w, &call->uri.upstream);

    } else {
        ngx_mlsec_json_lit(w, ",\"upstream\":null");
    }

    ngx_mlsec_explain_word(w, "breaker", call->upstream
                           ? ngx_mlsec_service_breaker(call->upstream)
                           : NULL);

    if (part->link != NULL && part->link->item) {
        ngx_mlsec_explain_number(w, "index", 1, part->link->index);
    }

    ngx_mlsec_explain_word(w, "kind",
                           call->required ? "required" : "optional");
    ngx_mlsec_explain_word(w, "decision", ngx_mlsec_explain_decision(part));
    ngx_mlsec_explain_word(w, "error_type", part->error
                           ? (char *)
                             ngx_mlsec_part_error_name(part->error)->data
                           : NULL);
    ngx_mlsec_explain_number(w, "upstream_status", part->status != 0,
                             part->status);
    ngx_mlsec_explain_number(w, "timeout_ms", 1, call->timeout);
    ngx_mlsec_explain_number(w, "queue_ms", begun,
                             part->started - part->aggregate->started);
    ngx_mlsec_explain_number(w, "elapsed_ms", begun, part->elapsed);
    ngx_mlsec_explain_number(w, "filter_us", part->filtered != 0,
                             part->filtered);
    ngx_mlsec_explain_number(w, "bytes", 1, part->pos - part->start);
    ngx_mlsec_explain_attempts(part, w);
    ngx_mlsec_explain_items(part, w);

    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_explain_items(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w)
{
    ngx_uint_t          i;
    ngx_mlsec_group_t  *group;

    if (part->link == NULL || part->link->item || part->link->group == NULL) {
        return;
    }

    group = part->link->group;

    ngx_mlsec_json_lit(w, ",\"items\":[");

    for (i = 0; i < group->nitems; i++) {

        if (i) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_explain_part(&group->items[i], w);
    }

    ngx_mlsec_json_lit(w, "]");
}


/* What was done about a part, in a word. */

static const char *
ngx_mlsec_explain_decision(const ngx_mlsec_part_t *part)
{
    if (part->skipped) {
        return "skipped";
    }

    if (part->error != NGX_MLSEC_ERR_NONE
        && part->call->fallback != NGX_MLSEC_FALLBACK_NONE)
    {
        return "fallback";
    }

    switch (part->error) {

    case NGX_MLSEC_ERR_NONE:
        return (part->started == 0) ? "not_called"
               : ngx_mlsec_explain_cached(part) ? "cached" : "called";

    case NGX_MLSEC_ERR_CIRCUIT_OPEN:
    case NGX_MLSEC_ERR_SHED:
        return "refused";

    case NGX_MLSEC_ERR_DEPENDENCY:
        return "not_called";

    default:
        return "failed";
    }
}


/* nginx's proxy_cache had it. */

static ngx_uint_t
ngx_mlsec_explain_cached(const ngx_mlsec_part_t *part)
{
#if (NGX_HTTP_CACHE)
    ngx_http_request_t  *sr;

    sr = part->capture.request;

    return sr != NULL && sr->upstream != NULL && part->attempts == 0
           && sr->upstream->cache_status != 0;
#else
    return 0;
#endif
}


/*
 * A part that is called again gets another subrequest, and its states with it.
 */

void
ngx_mlsec_explain_again(ngx_mlsec_part_t *part)
{
    ngx_array_t         **states;
    ngx_http_request_t   *r, *sr;

    r = part->aggregate->request;
    sr = part->capture.request;

    if (!part->aggregate->explain || sr == NULL || sr->upstream_states == NULL)
    {
        return;
    }

    if (part->tried == NULL) {
        part->tried = ngx_array_create(r->pool, 2, sizeof(ngx_array_t *));
        if (part->tried == NULL) {
            return;
        }
    }

    states = ngx_array_push(part->tried);

    if (states != NULL) {
        *states = sr->upstream_states;
    }
}


static void
ngx_mlsec_explain_attempts(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w)
{
    ngx_uint_t            i, n;
    ngx_array_t         **states;
    ngx_http_request_t   *sr;

    n = 0;
    sr = part->capture.request;

    ngx_mlsec_json_lit(w, ",\"attempts\":[");

    if (part->tried != NULL) {
        states = part->tried->elts;

        for (i = 0; i < part->tried->nelts; i++) {
            ngx_mlsec_explain_states(part, states[i], &n, w);
        }
    }

    if (sr != NULL && sr->upstream_states != NULL) {
        ngx_mlsec_explain_states(part, sr->upstream_states, &n, w);
    }

    ngx_mlsec_json_lit(w, "]");
}


/*
 * The peers that were tried.  Where none was left nginx names the upstream
 * itself, which is no attempt.
 */

static void
ngx_mlsec_explain_states(const ngx_mlsec_part_t *part,
    const ngx_array_t *states, ngx_uint_t *n, ngx_mlsec_json_t *w)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    name = part->call->upstream ? &part->call->upstream->host : NULL;
    state = states->elts;

    for (i = 0; i < states->nelts; i++) {

        if (state[i].peer == NULL
            || (name != NULL && state[i].peer->len == name->len
                && ngx_strncmp(state[i].peer->data, name->data, name->len)
                   == 0))
        {
            continue;
        }

        if ((*n)++) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_explain_attempt(&state[i], w);
    }
}


/*
 * nginx has points in time, each from the start of the attempt; told are the
 * spans between them.  What was not reached is null.
 */

static void
ngx_mlsec_explain_attempt(const ngx_http_upstream_state_t *state,
    ngx_mlsec_json_t *w)
{
    ngx_uint_t  connected, answered, ended;

    connected = (state->connect_time != (ngx_msec_t) -1);
    answered = connected && state->header_time != (ngx_msec_t) -1;
    ended = (state->response_time != (ngx_msec_t) -1);

    ngx_mlsec_json_lit(w, "{\"peer\":");
    ngx_mlsec_json_string(w, state->peer);
    ngx_mlsec_explain_number(w, "status", state->status != 0, state->status);
    ngx_mlsec_explain_number(w, "connect_ms", connected, state->connect_time);
    ngx_mlsec_explain_number(w, "header_ms", answered,
                             state->header_time - state->connect_time);
    ngx_mlsec_explain_number(w, "body_ms", answered && ended,
                             state->response_time - state->header_time);
    ngx_mlsec_explain_number(w, "elapsed_ms", ended, state->response_time);
    ngx_mlsec_explain_number(w, "bytes_received", 1, state->bytes_received);
    ngx_mlsec_json_lit(w, "}");
}


/* A member that is not the first; value: NULL for null. */

static void
ngx_mlsec_explain_word(ngx_mlsec_json_t *w, const char *name,
    const char *value)
{
    ngx_mlsec_json_lit(w, ",\"");
    ngx_mlsec_json_raw(w, (const u_char *) name, ngx_strlen(name));

    if (value == NULL) {
        ngx_mlsec_json_lit(w, "\":null");
        return;
    }

    ngx_mlsec_json_lit(w, "\":\"");
    ngx_mlsec_json_raw(w, (const u_char *) value, ngx_strlen(value));
    ngx_mlsec_json_lit(w, "\"");
}


/* The same for a number; known: 0 for null. */

static void
ngx_mlsec_explain_number(ngx_mlsec_json_t *w, const char *name,
    ngx_uint_t known, int64_t value)
{
    if (!known) {
        ngx_mlsec_explain_word(w, name, NULL);
        return;
    }

    ngx_mlsec_json_lit(w, ",\"");
    ngx_mlsec_json_raw(w, (const u_char *) name, ngx_strlen(name));
    ngx_mlsec_json_lit(w, "\":");
    ngx_mlsec_json_int(w, value);
}
