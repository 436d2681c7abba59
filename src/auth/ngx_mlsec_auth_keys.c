/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_timer.h>


#define NGX_MLSEC_KEYS_TURN  250       /* ms between two looks at the clock */
#define NGX_MLSEC_KEYS_ZONE  "mlsec_jwt_key_uri "


static ngx_int_t ngx_mlsec_keys_zone_init(ngx_shm_zone_t *zone, void *data);
static void ngx_mlsec_keys_free(void *data);
static void ngx_mlsec_keys_turn(ngx_event_t *ev);
static void ngx_mlsec_keys_read(const ngx_mlsec_keys_uri_t *u);
static ngx_int_t ngx_mlsec_keys_copy(const ngx_mlsec_keys_uri_t *u,
    u_char *buf, mlsec_str_t *text, uint64_t *stamp, uint64_t *generation);


static ngx_event_t       ngx_mlsec_keys_timer;
static ngx_connection_t  ngx_mlsec_keys_dummy;     /* for nginx's debug log */


/*
 * Each URI has a zone of its own, named by it: so a reload keeps the keys of
 * all that stay, whatever else comes and goes.  Its size is that of the
 * largest set that max_size= may allow, so that max_size= can change too; what
 * is not used of it is never touched.
 */

ngx_int_t
ngx_mlsec_keys_zone(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u)
{
    u_char              *p;
    size_t               size;
    ngx_str_t            name;
    ngx_pool_cleanup_t  *cln;

    u->live = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_keys_live_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    name.len = sizeof(NGX_MLSEC_KEYS_ZONE) - 1 + u->uri.len;
    p = ngx_pnalloc(cf->pool, name.len);

    if (u->live == NULL || cln == NULL || p == NULL) {
        return NGX_ERROR;
    }

    u->live->uri = u;
    cln->handler = ngx_mlsec_keys_free;
    cln->data = u->live;

    name.data = p;
    p = ngx_cpymem(p, NGX_MLSEC_KEYS_ZONE, sizeof(NGX_MLSEC_KEYS_ZONE) - 1);
    ngx_memcpy(p, u->uri.data, u->uri.len);

    /* nginx's slab needs some pages for itself */

    size = ngx_align(sizeof(mlsec_key_store_t), ngx_pagesize)
           + 8 * ngx_pagesize;

    u->zone = ngx_shared_memory_add(cf, &name, size, &ngx_mlsec_auth_module);
    if (u->zone == NULL) {
        return NGX_ERROR;
    }

    u->zone->init = ngx_mlsec_keys_zone_init;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_keys_zone_init(ngx_shm_zone_t *zone, void *data)
{
    mlsec_key_store_t  *store;

    if (data != NULL && mlsec_key_store_check(data)) {
        zone->data = data;
        return NGX_OK;
    }

    store = ngx_slab_alloc((ngx_slab_pool_t *) zone->shm.addr,
                           sizeof(mlsec_key_store_t));
    if (store == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "no memory for the keys of \"%V\"", &zone->shm.name);
        return NGX_ERROR;
    }

    mlsec_key_store_init(store);
    zone->data = store;

    return NGX_OK;
}


static void
ngx_mlsec_keys_free(void *data)
{
    ngx_mlsec_keys_live_t  *live = data;

    mlsec_jwk_set_free(live->keys);
    live->keys = NULL;
}


void
ngx_mlsec_keys_begin(ngx_cycle_t *cycle)
{
    ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_auth_module);

    if (mcf == NULL || mcf->uris.nelts == 0
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return;
    }

    ngx_memzero(&ngx_mlsec_keys_timer, sizeof(ngx_event_t));
    ngx_mlsec_timer_init(&ngx_mlsec_keys_timer, &ngx_mlsec_keys_dummy,
                         ngx_mlsec_keys_turn, mcf, cycle->log);

    ngx_add_timer(&ngx_mlsec_keys_timer, 1);
}


void
ngx_mlsec_keys_end(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_mlsec_keys_uri_t        **all;
    ngx_mlsec_auth_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_auth_module);

    if (mcf == NULL) {
        return;
    }

    all = mcf->uris.elts;

    for (i = 0; i < mcf->uris.nelts; i++) {
        ngx_mlsec_keys_cancel(all[i]);
    }
}


/*
 * Every worker looks at the clock, the first that finds that it is time
 * fetches, see mlsec_key_store_begin(); so when one has died no time is lost.
 * New keys are prepared here, before a request needs them.
 *
 * A worker that is told to end leaves fetching to the new ones, but for what
 * its own requests wait for.
 */

static void
ngx_mlsec_keys_turn(ngx_event_t *ev)
{
    ngx_uint_t                    i;
    ngx_connection_t             *c;
    ngx_mlsec_keys_uri_t        **all;
    ngx_mlsec_auth_main_conf_t   *mcf;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    c = ev->data;
    mcf = c->data;
    all = mcf->uris.elts;

    for (i = 0; i < mcf->uris.nelts; i++) {

        if (all[i]->used) {
            ngx_mlsec_keys_fetch(all[i], 0);
            (void) ngx_mlsec_keys_current(all[i]);
        }
    }

    ngx_add_timer(ev, NGX_MLSEC_KEYS_TURN);
}


const mlsec_jwk_set_t *
ngx_mlsec_keys_current(const ngx_mlsec_keys_uri_t *u)
{
    uint64_t  generation;

    generation = mlsec_key_store_generation(ngx_mlsec_keys_store(u), &u->rule,
                                            ngx_current_msec);

    if (generation == 0) {
        return NULL;
    }

    if (generation != u->live->generation) {
        ngx_mlsec_keys_read(u);
    }

    return u->live->keys;
}


ngx_uint_t
ngx_mlsec_keys_age(const ngx_mlsec_keys_uri_t *u, uint64_t *msec)
{
    uint64_t  fetched;

    fetched = mlsec_atomic_load(&ngx_mlsec_keys_store(u)->fetched);

    /* another worker's clock may be a little ahead */

    *msec = ngx_current_msec > fetched ? ngx_current_msec - fetched : 0;

    return fetched != 0;
}


/*
 * The text was good when another worker fetched it.  It is copied, since
 * parsing takes longer than a lock may be held.
 */

static void
ngx_mlsec_keys_read(const ngx_mlsec_keys_uri_t *u)
{
    u_char           *buf;
    uint64_t          stamp, generation;
    const char       *why;
    mlsec_str_t       text;
    mlsec_jwk_set_t  *keys;

    keys = NULL;
    why = "no memory";
    buf = ngx_alloc(MLSEC_JWK_MAX_SIZE, ngx_cycle->log);

    if (buf != NULL
        && ngx_mlsec_keys_copy(u, buf, &text, &stamp, &generation) == NGX_OK
        && mlsec_jwk_set_parse(text, 0, &keys, &why) == MLSEC_OK)
    {
        ngx_mlsec_keys_take(u, keys, stamp, generation);
    }

    if (keys == NULL) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "mlsec auth: fetched keys cannot be used, uri: \"%V\", "
                      "reason: \"%s\"", &u->uri, why);
    }

    if (buf != NULL) {
        ngx_free(buf);
    }
}


static ngx_int_t
ngx_mlsec_keys_copy(const ngx_mlsec_keys_uri_t *u, u_char *buf,
    mlsec_str_t *text, uint64_t *stamp, uint64_t *generation)
{
    int               rc;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) u->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    rc = mlsec_key_store_text(ngx_mlsec_keys_store(u), text, stamp,
                              generation);

    if (rc == MLSEC_OK) {
        ngx_memcpy(buf, text->data, text->len);
        text->data = buf;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc == MLSEC_OK ? NGX_OK : NGX_ERROR;
}


void
ngx_mlsec_keys_take(const ngx_mlsec_keys_uri_t *u, mlsec_jwk_set_t *keys,
    uint64_t stamp, uint64_t generation)
{
    ngx_mlsec_keys_live_t  *live;

    live = u->live;

    mlsec_jwk_set_free(live->keys);

    live->keys = keys;
    live->stamp = stamp;
    live->generation = generation;
}
