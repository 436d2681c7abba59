/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the files of this folder share; nobody else includes it.
 *
 * ngx_mlsec_metrics_module.c   directives, series
 * ngx_mlsec_metrics_zone.c     the shared zone, workers
 * ngx_mlsec_metrics_http.c     what is counted of client requests
 * ngx_mlsec_metrics_gateway.c  what is told of nginx itself
 * ngx_mlsec_metrics_text.c     mlsec_metrics
 * ngx_mlsec_metrics_json.c     mlsec_metrics json
 */


#ifndef _NGX_MLSEC_METRICS_CONF_H_INCLUDED_
#define _NGX_MLSEC_METRICS_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <lib/metrics/mlsec_counters.h>
#include <metrics/ngx_mlsec_metrics.h>


#define NGX_MLSEC_METRICS_IN_FLIGHT  0       /* a word of the moment */


typedef struct {
    ngx_array_t                 series;      /* ngx_mlsec_series_t * */
    ngx_array_t                 kinds;       /* const ngx_mlsec_kind_t * */
    ngx_array_t                 collectors;  /* ngx_mlsec_collector_pt */

    ssize_t                     size;        /* bytes of the zone */
    ngx_shm_zone_t             *zone;        /* NULL: nothing is counted */
    mlsec_counters_t           *counters;
    uint64_t                    generation;
    time_t                      loaded;      /* s since the epoch */
    mlsec_atomic_t             *words;       /* the slot of this worker */

    unsigned                    shared:1;    /* the slot, with others */
    unsigned                    used:1;      /* there is a mlsec_metrics */
} ngx_mlsec_metrics_main_conf_t;


typedef struct {
    ngx_mlsec_series_t         *route;       /* NULL: nothing is counted */
    ngx_http_handler_pt         handler;     /* NULL: no mlsec_metrics */
    ngx_mlsec_conf_place_t      place;       /* of mlsec_metrics */
} ngx_mlsec_metrics_loc_conf_t;


/* ngx_mlsec_metrics_zone.c */

/*
 * Adds the zone that all series of a configuration will have their words in.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_metrics_zone_add(ngx_conf_t *cf,
    ngx_mlsec_metrics_main_conf_t *mcf);

/*
 * When a process begins: a worker takes its slot.  NGX_OK.
 */
ngx_int_t ngx_mlsec_metrics_init_worker(ngx_cycle_t *cycle);

/*
 * When a process ends in order.
 */
void ngx_mlsec_metrics_exit_worker(ngx_cycle_t *cycle);


/* ngx_mlsec_metrics_http.c */

/*
 * Gives the location that is being merged its series.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_metrics_route(ngx_conf_t *cf,
    ngx_mlsec_metrics_loc_conf_t *lcf);


/* ngx_mlsec_metrics_gateway.c */

/* Collector of what nginx itself knows. */
void ngx_mlsec_metrics_gateway(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);


/* ngx_mlsec_metrics_text.c */

/*
 * Content handler of "mlsec_metrics"; what it returns is nginx's to finalize
 * the request with.
 */
ngx_int_t ngx_mlsec_metrics_text_handler(ngx_http_request_t *r);


/* ngx_mlsec_metrics_json.c */

/*
 * Content handler of "mlsec_metrics json"; as above.
 */
ngx_int_t ngx_mlsec_metrics_json_handler(ngx_http_request_t *r);


#endif /* _NGX_MLSEC_METRICS_CONF_H_INCLUDED_ */
