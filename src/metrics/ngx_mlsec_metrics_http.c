/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <metrics/ngx_mlsec_metrics_conf.h>


/* words of a route */

#define NGX_MLSEC_HTTP_CLASSES   6
#define NGX_MLSEC_HTTP_METHODS   8
#define NGX_MLSEC_HTTP_REQUESTS  0
#define NGX_MLSEC_HTTP_LATENCY   (NGX_MLSEC_HTTP_CLASSES                      \
                                  * NGX_MLSEC_HTTP_METHODS)
#define NGX_MLSEC_HTTP_IN        (NGX_MLSEC_HTTP_LATENCY                      \
                                  + MLSEC_HISTOGRAM_WORDS)
#define NGX_MLSEC_HTTP_OUT       (NGX_MLSEC_HTTP_IN + 1)
#define NGX_MLSEC_HTTP_WORDS     (NGX_MLSEC_HTTP_IN + 2)


static mlsec_hot void ngx_mlsec_metrics_end(void *data);
static ngx_uint_t ngx_mlsec_metrics_method(const ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_metrics_class(const ngx_http_request_t *r);
static ngx_msec_t ngx_mlsec_metrics_elapsed(const ngx_http_request_t *r);
static void ngx_mlsec_metrics_http_json(ngx_mlsec_json_t *w,
    const uint64_t *words);


#define ngx_mlsec_http_method(name)                                           \
    "method=\"" name "\",code=\"none\"", "method=\"" name "\",code=\"1xx\"",  \
    "method=\"" name "\",code=\"2xx\"", "method=\"" name "\",code=\"3xx\"",   \
    "method=\"" name "\",code=\"4xx\"", "method=\"" name "\",code=\"5xx\""

static const char *const  ngx_mlsec_http_labels[] = {
    ngx_mlsec_http_method("GET"), ngx_mlsec_http_method("HEAD"),
    ngx_mlsec_http_method("POST"), ngx_mlsec_http_method("PUT"),
    ngx_mlsec_http_method("PATCH"), ngx_mlsec_http_method("DELETE"),
    ngx_mlsec_http_method("OPTIONS"), ngx_mlsec_http_method("other")
};

static const char *const  ngx_mlsec_http_classes[] = {
    "none", "1xx", "2xx", "3xx", "4xx", "5xx"
};


static const ngx_mlsec_family_t  ngx_mlsec_http_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_http_requests",
      "Requests of clients, by the location that answered.",
      NGX_MLSEC_HTTP_REQUESTS, NGX_MLSEC_HTTP_LATENCY,
      ngx_mlsec_http_labels, 1, 1 },

    { NGX_MLSEC_HISTOGRAM, "mlsec_http_request_duration_seconds",
      "Time from the first byte of a request to the last of its answer.",
      NGX_MLSEC_HTTP_LATENCY, 0, NULL, 1000, 1 },

    { NGX_MLSEC_COUNTER, "mlsec_http_request_bytes",
      "Bytes of requests, with line, headers and body.",
      NGX_MLSEC_HTTP_IN, 1, NULL, 1, 1 },

    { NGX_MLSEC_COUNTER, "mlsec_http_response_bytes",
      "Bytes sent to clients, with headers.",
      NGX_MLSEC_HTTP_OUT, 1, NULL, 1, 1 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_http_kind = {
    "routes",
    ngx_mlsec_http_families,
    sizeof(ngx_mlsec_http_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_HTTP_WORDS,
    ngx_mlsec_metrics_http_json
};


/*
 * The name of a location is what the configuration says: a path, a pattern, a
 * name.  The blocks inside of it that have no name of their own ("if",
 * "limit_except") have its name.  A request that ends outside of all of them
 * belongs to "unknown".
 */

ngx_int_t
ngx_mlsec_metrics_route(ngx_conf_t *cf, ngx_mlsec_metrics_loc_conf_t *lcf)
{
    ngx_mlsec_label_t          label;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    label.name = "route";
    label.value = clcf->name;

    if (clcf->name.len == 0) {
        ngx_str_set(&label.value, "unknown");
    }

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_http_kind, &label, 1,
                                    &lcf->route);
}


/*
 * Once for each request of a client: neither subrequests nor internal
 * redirects pass this phase.
 */

ngx_int_t
ngx_mlsec_metrics_begin(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t             *cln;
    ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_metrics_module);

    if (mcf->words == NULL) {
        return NGX_DECLINED;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln != NULL) {
        cln->handler = ngx_mlsec_metrics_end;
        cln->data = mcf;

        ngx_mlsec_metrics_word_add(&mcf->words[NGX_MLSEC_METRICS_IN_FLIGHT],
                                   1, mcf->shared);
    }

    return NGX_DECLINED;
}


static void
ngx_mlsec_metrics_end(void *data)
{
    const ngx_mlsec_metrics_main_conf_t *mcf = data;

    ngx_mlsec_metrics_word_add(&mcf->words[NGX_MLSEC_METRICS_IN_FLIGHT],
                               (uint64_t) -1, mcf->shared);
}


ngx_int_t
ngx_mlsec_metrics_log(ngx_http_request_t *r)
{
    ngx_uint_t                           word, shared;
    mlsec_atomic_t                      *words;
    const ngx_mlsec_metrics_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_metrics_module);

    if (lcf->route == NULL || lcf->route->words == NULL || r != r->main) {
        return NGX_OK;
    }

    words = lcf->route->words;
    shared = lcf->route->shared;

    word = NGX_MLSEC_HTTP_REQUESTS
           + ngx_mlsec_metrics_method(r) * NGX_MLSEC_HTTP_CLASSES
           + ngx_mlsec_metrics_class(r);

    ngx_mlsec_metrics_word_add(&words[word], 1, shared);
    ngx_mlsec_metrics_word_observe(&words[NGX_MLSEC_HTTP_LATENCY],
                                   ngx_mlsec_metrics_elapsed(r), shared);
    ngx_mlsec_metrics_word_add(&words[NGX_MLSEC_HTTP_IN], r->request_length,
                               shared);
    ngx_mlsec_metrics_word_add(&words[NGX_MLSEC_HTTP_OUT],
                               r->connection->sent, shared);

    return NGX_OK;
}


/* The row of ngx_mlsec_http_labels. */

static ngx_uint_t
ngx_mlsec_metrics_method(const ngx_http_request_t *r)
{
    switch (r->method) {

    case NGX_HTTP_GET:
        return 0;
    case NGX_HTTP_HEAD:
        return 1;
    case NGX_HTTP_POST:
        return 2;
    case NGX_HTTP_PUT:
        return 3;
    case NGX_HTTP_PATCH:
        return 4;
    case NGX_HTTP_DELETE:
        return 5;
    case NGX_HTTP_OPTIONS:
        return 6;
    default:
        return 7;
    }
}


/* The status as $status has it, which is what the access log says. */

static ngx_uint_t
ngx_mlsec_metrics_class(const ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = r->err_status ? r->err_status : r->headers_out.status;

    if (status == 0 && r->http_version == NGX_HTTP_VERSION_9) {
        return 2;       /* an answer that has no status to be told in */
    }

    return (status >= 100 && status < 600) ? status / 100 : 0;
}


static ngx_msec_t
ngx_mlsec_metrics_elapsed(const ngx_http_request_t *r)
{
    ngx_time_t      *tp;
    ngx_msec_int_t   ms;

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    return ngx_max(ms, 0);
}


static void
ngx_mlsec_metrics_http_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    uint64_t    classes[NGX_MLSEC_HTTP_CLASSES], total;
    ngx_uint_t  i;

    total = 0;
    ngx_memzero(classes, sizeof(classes));

    for (i = 0; i < NGX_MLSEC_HTTP_LATENCY; i++) {
        classes[i % NGX_MLSEC_HTTP_CLASSES] += words[i];
        total += words[i];
    }

    ngx_mlsec_metrics_json_number(w, "requests", total);
    ngx_mlsec_metrics_json_number(w, "errors", classes[5]);
    ngx_mlsec_metrics_json_rate(w, classes[5], total);
    ngx_mlsec_metrics_json_words(w, "by_code", ngx_mlsec_http_classes,
                                 classes, NGX_MLSEC_HTTP_CLASSES);
    ngx_mlsec_metrics_json_latency(w, words + NGX_MLSEC_HTTP_LATENCY);
    ngx_mlsec_metrics_json_number(w, "request_bytes",
                                  words[NGX_MLSEC_HTTP_IN]);
    ngx_mlsec_metrics_json_number(w, "response_bytes",
                                  words[NGX_MLSEC_HTTP_OUT]);
}
