/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <limit/ngx_mlsec_limit_conf.h>


/* words of a limit */

#define NGX_MLSEC_LIMIT_ADMITTED     0
#define NGX_MLSEC_LIMIT_REFUSED      1
#define NGX_MLSEC_LIMIT_DRY          2
#define NGX_MLSEC_LIMIT_UNAVAILABLE  3
#define NGX_MLSEC_LIMIT_RESULTS      4
#define NGX_MLSEC_LIMIT_HOW          NGX_MLSEC_LIMIT_RESULTS
#define NGX_MLSEC_LIMIT_WORDS        (NGX_MLSEC_LIMIT_HOW + MLSEC_SYNC_HOWS)


static void ngx_mlsec_limits_json(ngx_mlsec_json_t *w, const uint64_t *words);
static void ngx_mlsec_limit_collector(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);
static void ngx_mlsec_limit_collect_zones(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);
static uint64_t ngx_mlsec_limit_sync_value(const mlsec_sync_t *sync,
    ngx_uint_t which);


static const char *const  ngx_mlsec_limit_labels[NGX_MLSEC_LIMIT_RESULTS] = {
    "result=\"admitted\"", "result=\"refused\"", "result=\"dry_run\"",
    "result=\"unavailable\""
};

static const char *const  ngx_mlsec_limit_names[NGX_MLSEC_LIMIT_RESULTS] = {
    "admitted", "refused", "dry_run", "unavailable"
};

static const char *const  ngx_mlsec_limit_how_labels[MLSEC_SYNC_HOWS] = {
    "how=\"leased\"", "how=\"asked\"", "how=\"late\"", "how=\"alone\""
};

static const char *const  ngx_mlsec_limit_how_names[MLSEC_SYNC_HOWS] = {
    "leased", "asked", "late", "alone"
};


static const ngx_mlsec_family_t  ngx_mlsec_limit_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_limit_decisions",
      "Requests that a limit was asked about, by what it said.",
      0, NGX_MLSEC_LIMIT_RESULTS, ngx_mlsec_limit_labels, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_limit_sync_decisions",
      "Decisions about a limit that gateways share, by how they came about.",
      NGX_MLSEC_LIMIT_HOW, MLSEC_SYNC_HOWS, ngx_mlsec_limit_how_labels, 1, 1 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_limit_kind = {
    "limits",
    ngx_mlsec_limit_families,
    sizeof(ngx_mlsec_limit_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_LIMIT_WORDS,
    ngx_mlsec_limits_json
};


static const ngx_mlsec_family_t  ngx_mlsec_limit_zone_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_limit_zone_evicted",
      "Keys that were put out of a full zone while they still counted.",
      0, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_limit_zone_crowded",
      "Keys that found no place in a full zone and were not limited.",
      1, 1, NULL, 1, 0 }
};


/* what is known of the store, see ngx_mlsec_limit_sync_value() */

static const char *const  ngx_mlsec_limit_batch_labels[] = {
    "result=\"ok\"", "result=\"failed\""
};

static const ngx_mlsec_family_t  ngx_mlsec_limit_sync_families[] = {

    { NGX_MLSEC_GAUGE, "mlsec_limit_degraded",
      "1 while the store of shared limits is out of reach.",
      0, 1, NULL, 1, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_limit_gateways",
      "Gateways that share their limits; 0 if that is not known yet.",
      1, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_limit_outages",
      "Times that the store of shared limits was lost.", 2, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_limit_sync_keys",
      "Keys in batches that were sent to the store.", 3, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_limit_sync_batches",
      "Batches that were sent to the store, by what came of them.",
      4, 2, ngx_mlsec_limit_batch_labels, 1, 0 }
};


ngx_int_t
ngx_mlsec_limit_metrics(ngx_conf_t *cf)
{
    ngx_uint_t                    i;
    ngx_mlsec_label_t             labels[2];
    ngx_mlsec_limit_t           **limit;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_limit_module);
    limit = mcf->limits.elts;

    for (i = 0; i < mcf->limits.nelts; i++) {
        labels[0].name = "policy";
        labels[0].value = limit[i]->name;
        labels[1].name = "zone";
        labels[1].value = limit[i]->zone->name;

        if (ngx_mlsec_metrics_series(cf, &ngx_mlsec_limit_kind, labels, 2,
                                     &limit[i]->metrics)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_mlsec_metrics_collector(cf, ngx_mlsec_limit_collector);
}


void
ngx_mlsec_limit_metrics_count(const ngx_mlsec_limit_item_t *item)
{
    ngx_uint_t  word;

    word = !item->refused ? NGX_MLSEC_LIMIT_ADMITTED
           : item->limit->dry ? NGX_MLSEC_LIMIT_DRY
           : item->closed ? NGX_MLSEC_LIMIT_UNAVAILABLE
                          : NGX_MLSEC_LIMIT_REFUSED;

    ngx_mlsec_metrics_add(item->limit->metrics, word, 1);

    if (item->sync != NULL) {
        ngx_mlsec_metrics_add(item->limit->metrics,
                              NGX_MLSEC_LIMIT_HOW + item->how, 1);
    }
}


static void
ngx_mlsec_limits_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    ngx_mlsec_metrics_json_words(w, "decisions", ngx_mlsec_limit_names, words,
                                 NGX_MLSEC_LIMIT_RESULTS);
    ngx_mlsec_metrics_json_words(w, "shared", ngx_mlsec_limit_how_names,
                                 words + NGX_MLSEC_LIMIT_HOW,
                                 MLSEC_SYNC_HOWS);
}


static void
ngx_mlsec_limit_collector(ngx_http_request_t *r, ngx_mlsec_exposition_t *e)
{
    ngx_str_t                     none;
    ngx_uint_t                    f, n;
    const ngx_mlsec_family_t     *family;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);

    if (mcf->zones.nelts != 0) {
        ngx_mlsec_limit_collect_zones(r, e);
    }

    if (!ngx_mlsec_limit_shared(mcf)) {
        return;
    }

    ngx_str_null(&none);

    for (f = 0; f < sizeof(ngx_mlsec_limit_sync_families)
                    / sizeof(ngx_mlsec_family_t); f++)
    {
        family = &ngx_mlsec_limit_sync_families[f];

        ngx_mlsec_metrics_family(e, family);

        for (n = 0; n < family->n; n++) {
            ngx_mlsec_metrics_sample(e, family, &none,
                                     family->labels ? family->labels[n]
                                                    : NULL,
                                     ngx_mlsec_limit_sync_value(
                                         mcf->store.sync, family->word + n));
        }
    }
}


static void
ngx_mlsec_limit_collect_zones(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e)
{
    ngx_str_t                     text;
    ngx_uint_t                    i, f;
    ngx_mlsec_label_t             label;
    ngx_mlsec_limit_zone_t      **zone;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);
    zone = mcf->zones.elts;

    for (f = 0; f < 2; f++) {
        ngx_mlsec_metrics_family(e, &ngx_mlsec_limit_zone_families[f]);

        for (i = 0; i < mcf->zones.nelts; i++) {
            label.name = "zone";
            label.value = zone[i]->name;

            if (ngx_mlsec_metrics_labels(r->pool, &label, 1, &text) != NGX_OK)
            {
                e->text.failed = 1;
                return;
            }

            ngx_mlsec_metrics_sample(e, &ngx_mlsec_limit_zone_families[f],
                                     &text, NULL,
                                     mlsec_atomic_load(
                                         f ? &zone[i]->table->crowded
                                           : &zone[i]->table->evicted));
        }
    }
}


static uint64_t
ngx_mlsec_limit_sync_value(const mlsec_sync_t *sync, ngx_uint_t which)
{
    switch (which) {

    case 0:
        return mlsec_sync_alone(sync);

    case 1:
        return mlsec_atomic_load(&sync->nodes);

    case 2:
        return mlsec_atomic_load(&sync->transitions);

    case 3:
        return mlsec_atomic_load(&sync->keys);

    case 4:
        return mlsec_atomic_load(&sync->batches)
               - mlsec_atomic_load(&sync->failed);

    default:
        return mlsec_atomic_load(&sync->failed);
    }
}
