/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * mlsec_limit_status: who is limited now, as JSON.  Keys are shown as their
 * hashes, which are salted for each zone: nobody is named here.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_respond.h>
#include <limit/ngx_mlsec_limit_conf.h>


#define NGX_MLSEC_LIMIT_SHOWN   100              /* keys of a zone */
#define NGX_MLSEC_LIMIT_RECENT  60               /* s */


typedef struct {
    uint64_t    places;
    uint64_t    keys;
    uint64_t    limited;
} ngx_mlsec_limit_view_t;


static void ngx_mlsec_limit_status_sync(ngx_mlsec_json_t *w,
    const mlsec_sync_t *sync);
static void ngx_mlsec_limit_status_zone(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone);
static void ngx_mlsec_limit_status_policies(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone);
static void ngx_mlsec_limit_status_keys(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone, ngx_mlsec_limit_view_t *view);
static void ngx_mlsec_limit_status_key(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_t *limit, const mlsec_limit_id_t *id, uint64_t ago);
static const ngx_mlsec_limit_t *ngx_mlsec_limit_status_find(
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone, uint32_t policy);
static void ngx_mlsec_limit_status_number(ngx_mlsec_json_t *w,
    const char *name, uint64_t value);


ngx_int_t
ngx_mlsec_limit_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     text;
    ngx_uint_t                    i;
    ngx_mlsec_json_t              w;
    ngx_mlsec_limit_zone_t      **zone;
    ngx_mlsec_limit_main_conf_t  *mcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);
    zone = mcf->zones.elts;

    (void) ngx_mlsec_json_init(&w, r->pool, 4096);

    ngx_mlsec_json_lit(&w, "{\"zones\":[");

    for (i = 0; i < mcf->zones.nelts; i++) {

        if (i) {
            ngx_mlsec_json_lit(&w, ",");
        }

        ngx_mlsec_limit_status_zone(&w, mcf, zone[i]);
    }

    ngx_mlsec_json_lit(&w, "]");

    if (ngx_mlsec_limit_shared(mcf)) {
        ngx_mlsec_limit_status_sync(&w, mcf->store.sync);
    }

    ngx_mlsec_json_lit(&w, "}");

    if (ngx_mlsec_json_text(&w, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_text(r, &text);
}


static void
ngx_mlsec_limit_status_sync(ngx_mlsec_json_t *w, const mlsec_sync_t *sync)
{
    u_char    hex[16 + 1];
    uint64_t  since;

    since = mlsec_atomic_load(&sync->since);

    (void) ngx_sprintf(hex, "%016xL", mlsec_atomic_load(&sync->node));

    ngx_mlsec_json_lit(w, ",\"sync\":{\"state\":");

    if (mlsec_sync_alone(sync)) {
        ngx_mlsec_json_lit(w, "\"alone\"");

    } else {
        ngx_mlsec_json_lit(w, "\"shared\"");
    }

    ngx_mlsec_json_lit(w, ",\"gateway\":\"");
    ngx_mlsec_json_raw(w, hex, 16);
    ngx_mlsec_json_lit(w, "\"");
    ngx_mlsec_limit_status_number(w, "for_ms",
                                  ngx_current_msec > since
                                  ? ngx_current_msec - since : 0);
    ngx_mlsec_limit_status_number(w, "gateways",
                                  mlsec_atomic_load(&sync->nodes));
    ngx_mlsec_limit_status_number(w, "outages",
                                  mlsec_atomic_load(&sync->transitions));
    ngx_mlsec_limit_status_number(w, "batches",
                                  mlsec_atomic_load(&sync->batches));
    ngx_mlsec_limit_status_number(w, "failed",
                                  mlsec_atomic_load(&sync->failed));
    ngx_mlsec_limit_status_number(w, "keys", mlsec_atomic_load(&sync->keys));
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_limit_status_zone(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone)
{
    ngx_mlsec_limit_view_t  view;

    ngx_mlsec_json_lit(w, "{\"zone\":");
    ngx_mlsec_json_string(w, &zone->name);
    ngx_mlsec_json_lit(w, ",\"policies\":[");
    ngx_mlsec_limit_status_policies(w, mcf, zone);
    ngx_mlsec_json_lit(w, "],\"limited\":[");
    ngx_mlsec_limit_status_keys(w, mcf, zone, &view);
    ngx_mlsec_json_lit(w, "]");
    ngx_mlsec_limit_status_number(w, "limited_keys", view.limited);
    ngx_mlsec_limit_status_number(w, "keys", view.keys);
    ngx_mlsec_limit_status_number(w, "places", view.places);
    ngx_mlsec_limit_status_number(w, "evicted",
                                  mlsec_atomic_load(&zone->table->evicted));
    ngx_mlsec_limit_status_number(w, "crowded",
                                  mlsec_atomic_load(&zone->table->crowded));
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_limit_status_policies(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone)
{
    ngx_uint_t                i, n;
    ngx_mlsec_limit_t       **limit;
    mlsec_limit_counters_t   *c;

    limit = mcf->limits.elts;

    for (i = 0, n = 0; i < mcf->limits.nelts; i++) {

        /* lines that share a name are one policy */

        if (limit[i]->zone != zone
            || ngx_mlsec_limit_status_find(mcf, zone, limit[i]->policy)
               != limit[i])
        {
            continue;
        }

        if (n++) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_json_lit(w, "{\"name\":");
        ngx_mlsec_json_string(w, &limit[i]->name);

        if (limit[i]->kind == MLSEC_LIMIT_COUNT) {
            ngx_mlsec_limit_status_number(w, "max", limit[i]->max);

        } else {
            ngx_mlsec_json_lit(w, ",\"limit\":");
            ngx_mlsec_json_string(w, &limit[i]->rate.text);
        }

        c = mlsec_limit_counters(zone->table, limit[i]->policy);

        if (c != NULL) {
            ngx_mlsec_limit_status_number(w, "refused",
                                          mlsec_atomic_load(&c->refused));
            ngx_mlsec_limit_status_number(w, "dry_run",
                                          mlsec_atomic_load(&c->dry));
        }

        ngx_mlsec_json_lit(w, "}");
    }
}


static const ngx_mlsec_limit_t *
ngx_mlsec_limit_status_find(const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone, uint32_t policy)
{
    ngx_uint_t           i;
    ngx_mlsec_limit_t  **limit;

    limit = mcf->limits.elts;

    for (i = 0; i < mcf->limits.nelts; i++) {

        if (limit[i]->zone == zone && limit[i]->policy == policy) {
            return limit[i];
        }
    }

    return NULL;
}


static void
ngx_mlsec_limit_status_keys(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_zone_t *zone, ngx_mlsec_limit_view_t *view)
{
    uint64_t                  now, refused;
    mlsec_limit_id_t          id;
    mlsec_limit_entry_t      *entry;
    const ngx_mlsec_limit_t  *limit;

    ngx_memzero(view, sizeof(ngx_mlsec_limit_view_t));
    now = ngx_mlsec_limit_now() / 1000000000;

    for ( ;; ) {
        entry = mlsec_limit_at(zone->table, view->places);

        if (entry == NULL) {
            return;
        }

        view->places++;
        mlsec_limit_meta(entry, &id, &refused);

        if (id.hash == 0) {
            continue;
        }

        view->keys++;

        if (refused == 0 || now > refused + NGX_MLSEC_LIMIT_RECENT) {
            continue;
        }

        limit = ngx_mlsec_limit_status_find(mcf, zone, id.policy);

        if (limit == NULL || view->limited++ >= NGX_MLSEC_LIMIT_SHOWN) {
            continue;
        }

        if (view->limited > 1) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_limit_status_key(w, limit, &id,
                                   now > refused ? now - refused : 0);
    }
}


static void
ngx_mlsec_limit_status_key(ngx_mlsec_json_t *w,
    const ngx_mlsec_limit_t *limit, const mlsec_limit_id_t *id, uint64_t ago)
{
    u_char  hex[16 + 1];

    (void) ngx_sprintf(hex, "%016xL", id->hash);

    ngx_mlsec_json_lit(w, "{\"policy\":");
    ngx_mlsec_json_string(w, &limit->name);
    ngx_mlsec_json_lit(w, ",\"key\":\"");
    ngx_mlsec_json_raw(w, hex, 16);
    ngx_mlsec_json_lit(w, "\"");
    ngx_mlsec_limit_status_number(w, "refused_seconds_ago", ago);
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_limit_status_number(ngx_mlsec_json_t *w, const char *name,
    uint64_t value)
{
    ngx_mlsec_json_lit(w, ",\"");
    ngx_mlsec_json_raw(w, (u_char *) name, ngx_strlen(name));
    ngx_mlsec_json_lit(w, "\":");
    ngx_mlsec_json_int(w, value);
}
