/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Metrics: what is counted, by whom, and how it is told.
 *
 * A capability says what it counts in a table of families, a "kind".  For each
 * thing that it counts for (a route, a service) it gets a series of that kind
 * when the configuration is read, and adds to its words when something
 * happens: an addition to memory that only this worker writes.  What is known
 * elsewhere already is told by a collector, which is called for each scrape.
 *
 * Values of labels come from the configuration, never from a client.
 */


#ifndef _NGX_MLSEC_METRICS_H_INCLUDED_
#define _NGX_MLSEC_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <lib/metrics/mlsec_exposition.h>
#include <lib/metrics/mlsec_histogram.h>
#include <lib/mlsec_atomic.h>


typedef enum {
    NGX_MLSEC_COUNTER = 0,
    NGX_MLSEC_GAUGE,
    NGX_MLSEC_HISTOGRAM
} ngx_mlsec_metric_e;


/* docs/metrics.md has a row for each, which util/check-metrics compares */

typedef struct {
    ngx_mlsec_metric_e          type;
    const char                 *name;       /* without "_total" */
    const char                 *help;

    ngx_uint_t                  word;       /* the first, of a series */
    ngx_uint_t                  n;          /* words; histogram: 0 */
    const char *const          *labels;     /* of each word; NULL if one */
    ngx_uint_t                  divisor;    /* of the value, a power of 10 */
    ngx_uint_t                  sparse;     /* 1: words of 0 are left out */
} ngx_mlsec_family_t;


typedef struct {
    const char                 *name;       /* in JSON: "routes" */
    const ngx_mlsec_family_t   *families;
    ngx_uint_t                  nfamilies;
    ngx_uint_t                  nwords;     /* of a series */

    /* writes members, words: the sums of one series or of all */

    void                      (*json)(ngx_mlsec_json_t *w,
                                      const uint64_t *words);
} ngx_mlsec_kind_t;


typedef struct {
    const char                 *name;
    ngx_str_t                   value;
} ngx_mlsec_label_t;


/* what is counted for one thing; the words are those of this worker */

typedef struct {
    const ngx_mlsec_kind_t     *kind;
    ngx_str_t                   labels;     /* route="/models" */
    ngx_str_t                   json;       /* "route":"/models" */
    uint64_t                    first;
    mlsec_atomic_t             *words;      /* NULL: nothing is counted */
    unsigned                    shared:1;   /* the words, with other workers:
                                               there are too many */
} ngx_mlsec_series_t;


/* a scrape */

typedef struct {
    ngx_mlsec_json_t            text;
    mlsec_exposition_e          format;
} ngx_mlsec_exposition_t;


typedef void (*ngx_mlsec_collector_pt)(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);


/*
 * The series of a kind with these labels; one and the same for all that ask
 * with the same values.  To be called after all of http{} was read: when
 * configurations are merged, or later.
 *
 * labels: n of them.  NGX_OK with *series, NULL where there is no
 * mlsec_metrics; NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_metrics_series(ngx_conf_t *cf,
    const ngx_mlsec_kind_t *kind, const ngx_mlsec_label_t *labels,
    ngx_uint_t n, ngx_mlsec_series_t **series);

/*
 * Has a function called for each scrape.  At any time while the configuration
 * is read.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_metrics_collector(ngx_conf_t *cf,
    ngx_mlsec_collector_pt collector);

/*
 * Labels as text: name="value",...
 *
 * NGX_OK with *text in pool, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_metrics_labels(ngx_pool_t *pool,
    const ngx_mlsec_label_t *labels, ngx_uint_t n, ngx_str_t *text);


/* Adds n to a word of this worker's, or of several workers'. */
static ngx_inline void
ngx_mlsec_metrics_word_add(mlsec_atomic_t *word, uint64_t n,
    ngx_uint_t shared)
{
    if (mlsec_likely(!shared)) {
        mlsec_atomic_own_add(word, n);

    } else {
        mlsec_atomic_add(word, n);
    }
}


/* Notes a time, ms, in the histogram that begins with a word. */
static ngx_inline void
ngx_mlsec_metrics_word_observe(mlsec_atomic_t *words, ngx_msec_t msec,
    ngx_uint_t shared)
{
    ngx_mlsec_metrics_word_add(&words[mlsec_histogram_bucket(msec)], 1,
                               shared);
    ngx_mlsec_metrics_word_add(&words[MLSEC_HISTOGRAM_SUM], msec, shared);
}


/* Counts.  series: NULL if nobody counts. */
static ngx_inline void
ngx_mlsec_metrics_add(const ngx_mlsec_series_t *series, ngx_uint_t word,
    uint64_t n)
{
    if (series != NULL && series->words != NULL) {
        ngx_mlsec_metrics_word_add(&series->words[word], n, series->shared);
    }
}


/* Notes a time, ms, in the histogram that begins with a word. */
static ngx_inline void
ngx_mlsec_metrics_observe(const ngx_mlsec_series_t *series, ngx_uint_t word,
    ngx_msec_t msec)
{
    if (series != NULL && series->words != NULL) {
        ngx_mlsec_metrics_word_observe(&series->words[word], msec,
                                       series->shared);
    }
}


/* ngx_mlsec_metrics_text.c */

/*
 * Begins a family; its samples follow at once.
 */
void ngx_mlsec_metrics_family(ngx_mlsec_exposition_t *e,
    const ngx_mlsec_family_t *family);

/*
 * One sample of a counter or gauge.  labels: as ngx_mlsec_metrics_labels()
 * makes them, may be empty; more: another label that is text already, NULL for
 * none.
 */
void ngx_mlsec_metrics_sample(ngx_mlsec_exposition_t *e,
    const ngx_mlsec_family_t *family, const ngx_str_t *labels,
    const char *more, uint64_t value);


/* ngx_mlsec_metrics_json.c */

/*
 * Writes a member "name": number, with a comma before it unless it is the
 * first of its object.
 */
void ngx_mlsec_metrics_json_number(ngx_mlsec_json_t *w, const char *name,
    uint64_t value);

/*
 * Writes a member "name": object, of a number of words and their names.
 */
void ngx_mlsec_metrics_json_words(ngx_mlsec_json_t *w, const char *name,
    const char *const *names, const uint64_t *words, ngx_uint_t n);

/*
 * Writes the member "error_rate", 0 to 1 with six digits; 0 of nothing.
 */
void ngx_mlsec_metrics_json_rate(ngx_mlsec_json_t *w, uint64_t errors,
    uint64_t total);

/*
 * Writes the member "latency_ms" of a histogram's words: count, avg, p50, p95
 * and p99; the last four are null when it is empty.
 */
void ngx_mlsec_metrics_json_latency(ngx_mlsec_json_t *w,
    const uint64_t *words);


/* ngx_mlsec_metrics_http.c */

/* POST_READ handler: a request begins.  NGX_DECLINED. */
mlsec_hot ngx_int_t ngx_mlsec_metrics_begin(ngx_http_request_t *r);

/* LOG handler: a request has ended.  NGX_OK. */
mlsec_hot ngx_int_t ngx_mlsec_metrics_log(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_metrics_module;


#endif /* _NGX_MLSEC_METRICS_H_INCLUDED_ */
