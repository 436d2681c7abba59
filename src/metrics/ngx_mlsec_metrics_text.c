/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_compat.h>
#include <metrics/ngx_mlsec_metrics_conf.h>


static void ngx_mlsec_metrics_write(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);
static void ngx_mlsec_metrics_series_of(
    const ngx_mlsec_metrics_main_conf_t *mcf, const ngx_mlsec_kind_t *kind,
    const ngx_mlsec_family_t *family, ngx_mlsec_exposition_t *e);
static void ngx_mlsec_metrics_values(const mlsec_counters_t *c,
    const ngx_mlsec_series_t *series, const ngx_mlsec_family_t *family,
    ngx_mlsec_exposition_t *e);
static void ngx_mlsec_metrics_histogram(const mlsec_counters_t *c,
    const ngx_mlsec_series_t *series, const ngx_mlsec_family_t *family,
    ngx_mlsec_exposition_t *e);
static void ngx_mlsec_metrics_line(ngx_mlsec_exposition_t *e,
    const char *suffix, const ngx_mlsec_family_t *family,
    const ngx_str_t *labels, const char *more);
static void ngx_mlsec_metrics_number(ngx_mlsec_exposition_t *e,
    uint64_t value, ngx_uint_t divisor);
static void ngx_mlsec_metrics_word(ngx_mlsec_exposition_t *e,
    const char *word);
static ngx_int_t ngx_mlsec_metrics_send(ngx_http_request_t *r,
    const ngx_mlsec_exposition_t *e, ngx_str_t *text);
static ngx_int_t ngx_mlsec_metrics_vary(ngx_http_request_t *r);
static mlsec_exposition_e ngx_mlsec_metrics_format(ngx_http_request_t *r);


/* in the order of ngx_mlsec_metric_e */

static const char *const  ngx_mlsec_metric_types[] = {
    "counter", "gauge", "histogram"
};


/* in the order of mlsec_exposition_e */

static ngx_str_t  ngx_mlsec_metrics_content[] = {
    ngx_string("text/plain; version=0.0.4; charset=utf-8"),
    ngx_string("application/openmetrics-text; version=1.0.0; charset=utf-8")
};


ngx_int_t
ngx_mlsec_metrics_text_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_str_t               text;
    ngx_mlsec_exposition_t  e;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    e.format = ngx_mlsec_metrics_format(r);

    (void) ngx_mlsec_json_init(&e.text, r->pool, 32768);

    ngx_mlsec_metrics_write(r, &e);

    if (ngx_mlsec_json_text(&e.text, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_metrics_send(r, &e, &text);
}


static void
ngx_mlsec_metrics_write(ngx_http_request_t *r, ngx_mlsec_exposition_t *e)
{
    ngx_uint_t                            i, n;
    const ngx_mlsec_kind_t              **kind;
    ngx_mlsec_collector_pt               *collector;
    const ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_metrics_module);

    ngx_mlsec_metrics_gateway(r, e);

    kind = mcf->kinds.elts;

    for (i = 0; i < mcf->kinds.nelts; i++) {

        for (n = 0; n < kind[i]->nfamilies; n++) {
            ngx_mlsec_metrics_series_of(mcf, kind[i], &kind[i]->families[n],
                                        e);
        }
    }

    collector = mcf->collectors.elts;

    for (i = 0; i < mcf->collectors.nelts; i++) {
        collector[i](r, e);
    }

    if (e->format == MLSEC_EXPOSITION_OPENMETRICS) {
        ngx_mlsec_json_lit(&e->text, "# EOF\n");
    }
}


static void
ngx_mlsec_metrics_series_of(const ngx_mlsec_metrics_main_conf_t *mcf,
    const ngx_mlsec_kind_t *kind, const ngx_mlsec_family_t *family,
    ngx_mlsec_exposition_t *e)
{
    ngx_uint_t            i;
    ngx_mlsec_series_t  **series;

    ngx_mlsec_metrics_family(e, family);

    series = mcf->series.elts;

    for (i = 0; i < mcf->series.nelts; i++) {

        if (series[i]->kind != kind) {
            continue;
        }

        if (family->type == NGX_MLSEC_HISTOGRAM) {
            ngx_mlsec_metrics_histogram(mcf->counters, series[i], family, e);

        } else {
            ngx_mlsec_metrics_values(mcf->counters, series[i], family, e);
        }
    }
}


static void
ngx_mlsec_metrics_values(const mlsec_counters_t *c,
    const ngx_mlsec_series_t *series, const ngx_mlsec_family_t *family,
    ngx_mlsec_exposition_t *e)
{
    uint64_t    value;
    ngx_uint_t  i;

    for (i = 0; i < family->n; i++) {
        value = mlsec_counters_sum(c, series->first + family->word + i);

        if (value || !family->sparse) {
            ngx_mlsec_metrics_sample(e, family, &series->labels,
                                     family->labels ? family->labels[i]
                                                    : NULL,
                                     value);
        }
    }
}


/*
 * The buckets are read once and added up after that, and their count is what
 * they add up to: whatever is counted meanwhile, they never contradict each
 * other.
 */

static void
ngx_mlsec_metrics_histogram(const mlsec_counters_t *c,
    const ngx_mlsec_series_t *series, const ngx_mlsec_family_t *family,
    ngx_mlsec_exposition_t *e)
{
    u_char      le[sizeof("le=\"300.0\"") + 8];
    uint64_t    words[MLSEC_HISTOGRAM_WORDS], count;
    ngx_uint_t  i;

    for (i = 0; i < MLSEC_HISTOGRAM_WORDS; i++) {
        words[i] = mlsec_counters_sum(c, series->first + family->word + i);
    }

    if (family->sparse && mlsec_histogram_count(words) == 0) {
        return;
    }

    count = 0;

    for (i = 0; i <= MLSEC_HISTOGRAM_BOUNDS; i++) {
        count += words[i];

        ngx_sprintf(le, "le=\"%s\"%Z", mlsec_histogram_bound(i));
        ngx_mlsec_metrics_line(e, "_bucket", family, &series->labels,
                               (char *) le);
        ngx_mlsec_metrics_number(e, count, 1);
    }

    ngx_mlsec_metrics_line(e, "_sum", family, &series->labels, NULL);
    ngx_mlsec_metrics_number(e, words[MLSEC_HISTOGRAM_SUM], family->divisor);
    ngx_mlsec_metrics_line(e, "_count", family, &series->labels, NULL);
    ngx_mlsec_metrics_number(e, count, 1);
}


/*
 * OpenMetrics names a counter without the "_total" that its samples have; in
 * the older format the family is called as they are.
 */

void
ngx_mlsec_metrics_family(ngx_mlsec_exposition_t *e,
    const ngx_mlsec_family_t *family)
{
    const char  *suffix;

    suffix = (family->type == NGX_MLSEC_COUNTER
              && e->format == MLSEC_EXPOSITION_TEXT) ? "_total " : " ";

    ngx_mlsec_json_lit(&e->text, "# HELP ");
    ngx_mlsec_metrics_word(e, family->name);
    ngx_mlsec_metrics_word(e, suffix);
    ngx_mlsec_metrics_word(e, family->help);
    ngx_mlsec_json_lit(&e->text, "\n# TYPE ");
    ngx_mlsec_metrics_word(e, family->name);
    ngx_mlsec_metrics_word(e, suffix);
    ngx_mlsec_metrics_word(e, ngx_mlsec_metric_types[family->type]);
    ngx_mlsec_json_lit(&e->text, "\n");
}


void
ngx_mlsec_metrics_sample(ngx_mlsec_exposition_t *e,
    const ngx_mlsec_family_t *family, const ngx_str_t *labels,
    const char *more, uint64_t value)
{
    ngx_mlsec_metrics_line(e,
                           family->type == NGX_MLSEC_COUNTER ? "_total" : "",
                           family, labels, more);
    ngx_mlsec_metrics_number(e, value, family->divisor);
}


/* All of a sample but its value. */

static void
ngx_mlsec_metrics_line(ngx_mlsec_exposition_t *e, const char *suffix,
    const ngx_mlsec_family_t *family, const ngx_str_t *labels,
    const char *more)
{
    ngx_mlsec_metrics_word(e, family->name);
    ngx_mlsec_metrics_word(e, suffix);

    if (labels->len || more != NULL) {
        ngx_mlsec_json_lit(&e->text, "{");
        ngx_mlsec_json_raw(&e->text, labels->data, labels->len);

        if (more != NULL) {

            if (labels->len) {
                ngx_mlsec_json_lit(&e->text, ",");
            }

            ngx_mlsec_metrics_word(e, more);
        }

        ngx_mlsec_json_lit(&e->text, "}");
    }

    ngx_mlsec_json_lit(&e->text, " ");
}


static void
ngx_mlsec_metrics_number(ngx_mlsec_exposition_t *e, uint64_t value,
    ngx_uint_t divisor)
{
    u_char      buf[2 * NGX_INT64_LEN + 2], *p;

    p = ngx_sprintf(buf, "%uL", value / divisor);

    if (divisor == 1000) {
        p = ngx_sprintf(p, ".%03uL", value % divisor);
    }

    *p++ = '\n';

    ngx_mlsec_json_raw(&e->text, buf, p - buf);
}


static void
ngx_mlsec_metrics_word(ngx_mlsec_exposition_t *e, const char *word)
{
    ngx_mlsec_json_raw(&e->text, (const u_char *) word, ngx_strlen(word));
}


static ngx_int_t
ngx_mlsec_metrics_send(ngx_http_request_t *r, const ngx_mlsec_exposition_t *e,
    ngx_str_t *text)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = text->len;
    r->disable_not_modified = 1;

    /* with a charset of its own: nginx adds none if these lengths differ */

    r->headers_out.content_type = ngx_mlsec_metrics_content[e->format];
    r->headers_out.content_type_len = ngx_strchr(
                               ngx_mlsec_metrics_content[e->format].data, ';')
                               - (char *)
                                 ngx_mlsec_metrics_content[e->format].data;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_mlsec_metrics_vary(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_mlsec_metrics_vary(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_mlsec_elt_last(h);
    ngx_str_set(&h->key, "Vary");
    ngx_str_set(&h->value, "Accept");

    return NGX_OK;
}


/*
 * nginx keeps Accept in a field of its own only with some of its modules, so
 * the list is looked through; of several lines the first one counts.
 */

static mlsec_exposition_e
ngx_mlsec_metrics_format(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    mlsec_str_t       accept;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    accept.data = NULL;
    accept.len = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (accept.len == 0 && h[i].key.len == sizeof("Accept") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   sizeof("Accept") - 1)
                   == 0)
            {
                accept.data = h[i].value.data;
                accept.len = h[i].value.len;
            }
        }
    }

    return mlsec_exposition_accept(accept);
}
