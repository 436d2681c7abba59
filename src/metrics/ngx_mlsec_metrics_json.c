/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_respond.h>
#include <metrics/ngx_mlsec_metrics_conf.h>


static void ngx_mlsec_metrics_json_write(ngx_http_request_t *r,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_metrics_json_kind(ngx_http_request_t *r,
    const ngx_mlsec_kind_t *kind, ngx_mlsec_json_t *w);
static void ngx_mlsec_metrics_json_name(ngx_mlsec_json_t *w,
    const char *name);


ngx_int_t
ngx_mlsec_metrics_json_handler(ngx_http_request_t *r)
{
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_mlsec_json_t  w;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    (void) ngx_mlsec_json_init(&w, r->pool, 16384);

    ngx_mlsec_metrics_json_write(r, &w);

    if (ngx_mlsec_json_text(&w, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_text(r, &text);
}


static void
ngx_mlsec_metrics_json_write(ngx_http_request_t *r, ngx_mlsec_json_t *w)
{
    ngx_uint_t                            i;
    const mlsec_counters_t               *c;
    const ngx_mlsec_kind_t              **kind;
    const ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_metrics_module);
    c = mcf->counters;

    ngx_mlsec_json_lit(w, "{");
    ngx_mlsec_metrics_json_number(w, "started", c->started);
    ngx_mlsec_metrics_json_number(w, "uptime_seconds",
                                  ngx_time() - (time_t) c->started);
    ngx_mlsec_metrics_json_number(w, "config_loaded", mcf->loaded);
    ngx_mlsec_metrics_json_number(w, "workers", mlsec_counters_alive(c));
    ngx_mlsec_metrics_json_number(w, "in_flight",
                                  mlsec_counters_moment(c,
                                              NGX_MLSEC_METRICS_IN_FLIGHT));

    kind = mcf->kinds.elts;

    for (i = 0; i < mcf->kinds.nelts; i++) {
        ngx_mlsec_metrics_json_kind(r, kind[i], w);
    }

    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_metrics_json_kind(ngx_http_request_t *r,
    const ngx_mlsec_kind_t *kind, ngx_mlsec_json_t *w)
{
    uint64_t                             *words, *total, any;
    ngx_uint_t                            i, n, first;
    ngx_mlsec_series_t                  **series;
    const ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_metrics_module);

    words = ngx_pcalloc(r->pool, 2 * kind->nwords * sizeof(uint64_t));

    if (words == NULL) {
        w->failed = 1;
        return;
    }

    total = words + kind->nwords;
    first = 1;
    series = mcf->series.elts;

    ngx_mlsec_metrics_json_name(w, kind->name);
    ngx_mlsec_json_lit(w, "{\"each\":[");

    for (i = 0; i < mcf->series.nelts; i++) {

        if (series[i]->kind != kind) {
            continue;
        }

        any = 0;

        for (n = 0; n < kind->nwords; n++) {
            words[n] = mlsec_counters_sum(mcf->counters,
                                          series[i]->first + n);
            total[n] += words[n];
            any |= words[n];
        }

        if (!any && kind->families[0].sparse) {
            continue;
        }

        if (!first) {
            ngx_mlsec_json_lit(w, ",");
        }

        first = 0;

        ngx_mlsec_json_lit(w, "{");
        ngx_mlsec_json_raw(w, series[i]->json.data, series[i]->json.len);
        kind->json(w, words);
        ngx_mlsec_json_lit(w, "}");
    }

    ngx_mlsec_json_lit(w, "],\"total\":{");
    kind->json(w, total);
    ngx_mlsec_json_lit(w, "}}");
}


/* The name of a member; a comma goes before all but the first. */

static void
ngx_mlsec_metrics_json_name(ngx_mlsec_json_t *w, const char *name)
{
    if (!w->failed && w->pos != w->start && w->pos[-1] != '{') {
        ngx_mlsec_json_lit(w, ",");
    }

    ngx_mlsec_json_lit(w, "\"");
    ngx_mlsec_json_raw(w, (const u_char *) name, ngx_strlen(name));
    ngx_mlsec_json_lit(w, "\":");
}


void
ngx_mlsec_metrics_json_number(ngx_mlsec_json_t *w, const char *name,
    uint64_t value)
{
    ngx_mlsec_metrics_json_name(w, name);
    ngx_mlsec_json_int(w, value);
}


void
ngx_mlsec_metrics_json_words(ngx_mlsec_json_t *w, const char *name,
    const char *const *names, const uint64_t *words, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_mlsec_metrics_json_name(w, name);
    ngx_mlsec_json_lit(w, "{");

    for (i = 0; i < n; i++) {
        ngx_mlsec_metrics_json_number(w, names[i], words[i]);
    }

    ngx_mlsec_json_lit(w, "}");
}


void
ngx_mlsec_metrics_json_rate(ngx_mlsec_json_t *w, uint64_t errors,
    uint64_t total)
{
    u_char    buf[NGX_INT64_LEN + 16], *p;
    uint64_t  millionths;

    millionths = total ? (uint64_t) ((double) errors * 1000000
                                     / (double) total + 0.5)
                       : 0;

    p = ngx_sprintf(buf, "%uL.%06uL", millionths / 1000000,
                    millionths % 1000000);

    ngx_mlsec_metrics_json_name(w, "error_rate");
    ngx_mlsec_json_raw(w, buf, p - buf);
}


void
ngx_mlsec_metrics_json_latency(ngx_mlsec_json_t *w, const uint64_t *words)
{
    u_char      buf[2 * NGX_INT64_LEN], *p;
    uint64_t    us, count;
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        unsigned     permille;       /* 0: the average */
    } members[] = {
        { "avg", 0 }, { "p50", 500 }, { "p95", 950 }, { "p99", 990 }
    };

    count = mlsec_histogram_count(words);

    ngx_mlsec_metrics_json_name(w, "latency_ms");
    ngx_mlsec_json_lit(w, "{");
    ngx_mlsec_metrics_json_number(w, "count", count);

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {

        ngx_mlsec_metrics_json_name(w, members[i].name);

        if (count == 0) {
            ngx_mlsec_json_lit(w, "null");
            continue;
        }

        us = members[i].permille
             ? mlsec_histogram_quantile(words, members[i].permille)
             : words[MLSEC_HISTOGRAM_SUM] * 1000 / count;

        p = ngx_sprintf(buf, "%uL.%03uL", us / 1000, us % 1000);
        ngx_mlsec_json_raw(w, buf, p - buf);
    }

    ngx_mlsec_json_lit(w, "}");
}
