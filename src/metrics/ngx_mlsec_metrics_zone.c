/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <metrics/ngx_mlsec_metrics_conf.h>


static ngx_int_t ngx_mlsec_metrics_zone_init(ngx_shm_zone_t *zone,
    void *data);
static mlsec_counters_t *ngx_mlsec_metrics_zone_new(ngx_shm_zone_t *zone);
static ngx_mlsec_metrics_main_conf_t *ngx_mlsec_metrics_worker_conf(
    ngx_cycle_t *cycle);


ngx_int_t
ngx_mlsec_metrics_zone_add(ngx_conf_t *cf, ngx_mlsec_metrics_main_conf_t *mcf)
{
    ngx_str_t  name;

    ngx_str_set(&name, "mlsec_metrics");

    mcf->zone = ngx_shared_memory_add(cf, &name, mcf->size,
                                      &ngx_mlsec_metrics_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    mcf->zone->init = ngx_mlsec_metrics_zone_init;
    mcf->zone->data = mcf;

    return NGX_OK;
}


/*
 * Runs in the master, for "nginx -t" too; on a reload while the workers of
 * the configuration before go on counting.
 */

static ngx_int_t
ngx_mlsec_metrics_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_mlsec_metrics_main_conf_t  *mcf = zone->data;
    ngx_mlsec_metrics_main_conf_t  *old = data;

    ngx_uint_t            i;
    mlsec_str_t           kind, labels;
    ngx_mlsec_series_t  **series;

    if (old != NULL) {
        mcf->counters = old->counters;

        if (mlsec_counters_check(mcf->counters) != MLSEC_OK) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "metrics have been made by another version of the "
                          "module, restart nginx");
            return NGX_ERROR;
        }

    } else {
        mcf->counters = ngx_mlsec_metrics_zone_new(zone);

        if (mcf->counters == NULL) {
            return NGX_ERROR;
        }
    }

    mcf->generation = mlsec_counters_begin(mcf->counters);
    series = mcf->series.elts;

    for (i = 0; i < mcf->series.nelts; i++) {

        kind.data = (const u_char *) series[i]->kind->name;
        kind.len = ngx_strlen(series[i]->kind->name);

        labels.data = series[i]->labels.data;
        labels.len = series[i]->labels.len;

        if (mlsec_counters_claim(mcf->counters, kind, labels,
                                 series[i]->kind->nwords, &series[i]->first)
            != MLSEC_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "no room for the metrics of %ui locations, services "
                          "and upstreams in %uz bytes, make "
                          "\"mlsec_metrics_zone\" larger",
                          mcf->series.nelts, zone->shm.size);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * All that is left of the zone behind nginx's own header becomes one piece,
 * which begins with a page.
 */

static mlsec_counters_t *
ngx_mlsec_metrics_zone_new(ngx_shm_zone_t *zone)
{
    size_t             size;
    ngx_slab_pool_t   *shpool;
    mlsec_counters_t  *counters;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    size = shpool->pfree * ngx_pagesize;

    counters = ngx_slab_alloc(shpool, size);

    if (counters == NULL
        || mlsec_counters_format(counters, size, ngx_time()) != MLSEC_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "\"mlsec_metrics_zone\" of %uz bytes is too small",
                      zone->shm.size);
        return NULL;
    }

    return counters;
}


ngx_int_t
ngx_mlsec_metrics_init_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_mlsec_series_t             **series;
    ngx_mlsec_metrics_main_conf_t   *mcf;

    mcf = ngx_mlsec_metrics_worker_conf(cycle);

    if (mcf == NULL) {
        return NGX_OK;
    }

    mcf->words = mlsec_counters_worker(mcf->counters, ngx_process_slot,
                                       ngx_pid, mcf->generation);
    mcf->shared = (ngx_process_slot >= MLSEC_COUNTERS_WORKERS);

    series = mcf->series.elts;

    for (i = 0; i < mcf->series.nelts; i++) {
        series[i]->words = mcf->words + series[i]->first;
        series[i]->shared = mcf->shared;
    }

    return NGX_OK;
}


void
ngx_mlsec_metrics_exit_worker(ngx_cycle_t *cycle)
{
    ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_mlsec_metrics_worker_conf(cycle);

    if (mcf != NULL) {
        mlsec_counters_worker_gone(mcf->counters, ngx_process_slot, ngx_pid);
    }
}


/*
 * NULL in processes that serve no requests, and where nothing is counted.
 */

static ngx_mlsec_metrics_main_conf_t *
ngx_mlsec_metrics_worker_conf(ngx_cycle_t *cycle)
{
    ngx_mlsec_metrics_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_metrics_module);

    return (mcf != NULL && mcf->zone != NULL) ? mcf : NULL;
}
