/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_gate.h>
#include <service/ngx_mlsec_service_health.h>
#include <service/ngx_mlsec_service_resolve.h>


#define NGX_MLSEC_ZONE_MIN    (64 * 1024)        /* bytes */
#define NGX_MLSEC_CLAIM_WAIT  100                /* ms, of the master */


static ngx_shm_zone_t *ngx_mlsec_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    ssize_t size);
static ngx_int_t ngx_mlsec_service_wrap(ngx_conf_t *cf,
    ngx_mlsec_service_main_conf_t *mcf, ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_mlsec_zone_init(ngx_shm_zone_t *zone, void *data);
static mlsec_registry_t *ngx_mlsec_zone_new(ngx_shm_zone_t *zone);
static ngx_int_t ngx_mlsec_zone_claim(ngx_mlsec_service_main_conf_t *mcf,
    const ngx_mlsec_service_conf_t *conf, ngx_log_t *log);
static ngx_int_t ngx_mlsec_zone_claim_peer(
    const ngx_mlsec_service_conf_t *conf, ngx_str_t *name, ngx_log_t *log);
static ngx_int_t ngx_mlsec_zone_failed(const ngx_mlsec_service_conf_t *conf,
    int rc, ngx_str_t *name, ngx_log_t *log);
static ngx_int_t ngx_mlsec_service_refs(const ngx_mlsec_service_conf_t *conf);
static mlsec_rare mlsec_peer_slot_t *ngx_mlsec_service_look_up(
    const ngx_mlsec_service_conf_t *conf, ngx_str_t *name,
    ngx_mlsec_peer_ref_t *ref);
static ngx_mlsec_peer_ref_t *ngx_mlsec_service_ref(
    ngx_mlsec_service_live_t *live, ngx_str_t *name);
static int ngx_mlsec_service_find_peer(const ngx_mlsec_service_conf_t *conf,
    ngx_str_t *name, mlsec_peer_slot_t **slot);
static ngx_mlsec_service_main_conf_t *ngx_mlsec_service_worker_conf(
    ngx_cycle_t *cycle);
static void ngx_mlsec_service_cell(const mlsec_registry_t *registry,
    ngx_mlsec_service_live_t *live);


char *
ngx_mlsec_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_main_conf_t  *mcf = conf;

    ssize_t     size;
    ngx_str_t  *value, name;

    if (mcf->zone != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = ngx_mlsec_conf_zone(&value[1], &name);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\" in \"mlsec_zone\", expected "
                           "a name and a size such as \"mlsec:32m\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < NGX_MLSEC_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" in \"mlsec_zone\" is too small, "
                           "expected at least \"64k\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    mcf->zone = ngx_mlsec_zone_add(cf, &name, size);
    if (mcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->zone->init = ngx_mlsec_zone_init;
    mcf->zone->data = mcf;

    return NGX_CONF_OK;
}


/*
 * nginx keeps a zone over a reload if its name and size are the same.  With
 * another size it makes a new one, and what was known is gone: worth a line.
 */

static ngx_shm_zone_t *
ngx_mlsec_zone_add(ngx_conf_t *cf, ngx_str_t *name, ssize_t size)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_shm_zone_t   *zone;

    part = &cf->cycle->old_cycle->shared_memory.part;
    zone = part->elts;

    for (i = 0; part; i++) {

        if (i >= part->nelts) {
            part = part->next;

            if (part == NULL) {
                break;
            }

            zone = part->elts;
            i = 0;
        }

        if (zone[i].shm.name.len == name->len
            && ngx_strncmp(zone[i].shm.name.data, name->data, name->len) == 0
            && zone[i].shm.size != (size_t) size)
        {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "mlsec service: size of zone \"%V\" changes "
                               "from %uz to %z bytes, states of services "
                               "begin anew", name, zone[i].shm.size, size);
        }
    }

    return ngx_shared_memory_add(cf, name, size, &ngx_mlsec_service_module);
}


ngx_int_t
ngx_mlsec_service_wrap_all(ngx_conf_t *cf, ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t                       i;
    ngx_http_upstream_srv_conf_t   **uscf;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscf = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        /* one that proxy_pass has made for an address has no configuration */

        if (uscf[i]->srv_conf != NULL
            && ngx_mlsec_service_wrap(cf, mcf, uscf[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_service_wrap(ngx_conf_t *cf, ngx_mlsec_service_main_conf_t *mcf,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_mlsec_service_conf_t  *conf, **slot;

    conf = ngx_mlsec_service_conf(uscf);
    conf->upstream = uscf;
    conf->main = mcf;

    if (!conf->used) {
        return NGX_OK;
    }

    slot = ngx_array_push(&mcf->services);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = conf;

    if (mcf->zone == NULL) {

        if (conf->needs == NULL) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" in upstream \"%V\" without \"mlsec_zone\", "
                      "add \"mlsec_zone mlsec:32m;\" to \"http\" in %V:%ui",
                      conf->needs, &uscf->host, &conf->place.file,
                      conf->place.line);
        return NGX_ERROR;
    }

    conf->live = ngx_pmemalign(cf->pool, sizeof(ngx_mlsec_service_live_t),
                               NGX_CPU_CACHE_LINE);
    if (conf->live == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(conf->live, sizeof(ngx_mlsec_service_live_t));

    if ((conf->resolve && ngx_mlsec_resolve_prepare(cf, conf) != NGX_OK)
        || ngx_mlsec_service_take_over(cf, conf) != NGX_OK
        || ngx_mlsec_service_metrics(cf, conf) != NGX_OK
        || (conf->probes && ngx_mlsec_health_prepare(cf, conf) != NGX_OK))
    {
        return NGX_ERROR;
    }

    conf->renews = (conf->ejects || conf->probes || conf->resolve != NULL);
    conf->init = uscf->peer.init;
    uscf->peer.init = ngx_mlsec_peer_init;

    return NGX_OK;
}


/*
 * Runs in the master, for "nginx -t" too; on a reload while the workers of
 * the configuration before are at work.
 */

static ngx_int_t
ngx_mlsec_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_mlsec_service_main_conf_t  *mcf = zone->data;
    ngx_mlsec_service_main_conf_t  *old = data;

    ngx_uint_t                  i;
    ngx_mlsec_service_conf_t  **conf;

    if (old != NULL) {
        mcf->registry = old->registry;

        if (mlsec_registry_check(mcf->registry, mcf->registry->size)
            != MLSEC_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" of \"mlsec_zone\" has been made by "
                          "another version of the module, restart nginx or "
                          "give the zone another name", &zone->shm.name);
            return NGX_ERROR;
        }

    } else {
        mcf->registry = ngx_mlsec_zone_new(zone);

        if (mcf->registry == NULL) {
            return NGX_ERROR;
        }
    }

    mcf->generation = mlsec_registry_begin(mcf->registry);

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (ngx_mlsec_zone_claim(mcf, conf[i], zone->shm.log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * All that is left of the zone behind nginx's own header becomes one piece.
 */

static mlsec_registry_t *
ngx_mlsec_zone_new(ngx_shm_zone_t *zone)
{
    size_t             size;
    ngx_slab_pool_t   *shpool;
    mlsec_registry_t  *registry;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    size = shpool->pfree * ngx_pagesize;

    registry = ngx_slab_alloc(shpool, size);

    if (registry == NULL
        || mlsec_registry_format(registry, size) != MLSEC_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" of \"mlsec_zone\" is too small",
                      &zone->shm.name);
        return NULL;
    }

    return registry;
}


static ngx_int_t
ngx_mlsec_zone_claim(ngx_mlsec_service_main_conf_t *mcf,
    const ngx_mlsec_service_conf_t *conf, ngx_log_t *log)
{
    int                            rc;
    ngx_uint_t                     i, index, backup;
    mlsec_str_t                    name;
    mlsec_process_t                process;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    ngx_mlsec_process(&process);

    name.data = conf->upstream->host.data;
    name.len = conf->upstream->host.len;

    for (i = 0; i < NGX_MLSEC_CLAIM_WAIT; i++) {
        rc = mlsec_registry_service(mcf->registry, &process, mcf->generation,
                                    name, &conf->live->slot);

        if (rc != MLSEC_DECLINED) {
            break;
        }

        ngx_msleep(1);
    }

    if (rc != MLSEC_OK) {
        return ngx_mlsec_zone_failed(conf, rc, &conf->upstream->host, log);
    }

    conf->live->index = mlsec_registry_index(mcf->registry, conf->live->slot);

    for (peers = conf->upstream->peer.data; peers; peers = peers->next) {

        for (peer = peers->peer; peer; peer = peer->next) {

            if (!ngx_mlsec_resolve_index(peer->sockaddr, &index, &backup)
                && ngx_mlsec_zone_claim_peer(conf, &peer->name, log)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (conf->resolve) {
        ngx_mlsec_lookup_adopt(conf);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_zone_claim_peer(const ngx_mlsec_service_conf_t *conf,
    ngx_str_t *name, ngx_log_t *log)
{
    int                 rc;
    ngx_uint_t          i;
    mlsec_peer_slot_t  *slot;

    for (i = 0; i < NGX_MLSEC_CLAIM_WAIT; i++) {
        rc = ngx_mlsec_service_find_peer(conf, name, &slot);

        if (rc != MLSEC_DECLINED) {
            break;
        }

        ngx_msleep(1);
    }

    return (rc == MLSEC_OK) ? NGX_OK
                            : ngx_mlsec_zone_failed(conf, rc, name, log);
}


static ngx_int_t
ngx_mlsec_zone_failed(const ngx_mlsec_service_conf_t *conf, int rc,
    ngx_str_t *name, ngx_log_t *log)
{
    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "%s \"%V\" of upstream \"%V\" in zone \"%V\" of "
                  "\"mlsec_zone\", %s",
                  rc == MLSEC_NOMEM ? "no room for" : "cannot note", name,
                  &conf->upstream->host, &conf->main->zone->shm.name,
                  rc == MLSEC_NOMEM ? "make it larger"
                  : rc == MLSEC_INVALID ? "the name is longer than 128 bytes"
                  : "a worker does not let go of it");

    return NGX_ERROR;
}


static void
ngx_mlsec_service_cell(const mlsec_registry_t *registry,
    ngx_mlsec_service_live_t *live)
{
    live->cell = mlsec_registry_cell(registry, ngx_process_slot, live->index);
    live->shared = (ngx_process_slot >= MLSEC_REGISTRY_WORKERS);

    live->counters = mlsec_registry_counters(registry, ngx_process_slot);

    live->good.word = &live->cell->good;
    live->good.until = 0;
    live->first.word = &live->cell->first;
    live->first.until = 0;

    mlsec_registry_tallies(registry, live->index, &live->goods.all,
                           &live->firsts);

    live->goods.own = live->shared ? NULL : &live->good;
}


ngx_int_t
ngx_mlsec_service_init_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                      i;
    ngx_mlsec_service_conf_t      **conf;
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_mlsec_service_worker_conf(cycle);

    if (mcf == NULL) {
        return NGX_OK;
    }

    mlsec_registry_worker(mcf->registry, ngx_process_slot, ngx_pid,
                          mcf->generation);

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {
        ngx_mlsec_service_cell(mcf->registry, conf[i]->live);

        if (ngx_mlsec_service_refs(conf[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_mlsec_via_begin_worker(mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mlsec_gate_begin(cycle, mcf);
    ngx_mlsec_health_begin(mcf);

    return ngx_mlsec_lookup_begin(cycle, mcf);
}


void
ngx_mlsec_service_exit_worker(ngx_cycle_t *cycle)
{
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_mlsec_service_worker_conf(cycle);

    if (mcf != NULL) {
        ngx_mlsec_lookup_end(mcf);
        ngx_mlsec_health_end(mcf);
        mlsec_registry_worker_gone(mcf->registry, ngx_process_slot, ngx_pid);
    }
}


/*
 * NULL in processes that serve no requests, and where there is no zone.
 */

static ngx_mlsec_service_main_conf_t *
ngx_mlsec_service_worker_conf(ngx_cycle_t *cycle)
{
    ngx_mlsec_service_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_service_module);

    return (mcf != NULL && mcf->zone != NULL) ? mcf : NULL;
}


static ngx_int_t
ngx_mlsec_service_refs(const ngx_mlsec_service_conf_t *conf)
{
    ngx_uint_t                 n;
    ngx_mlsec_service_live_t  *live;

    live = conf->live;

    /* at most half full, and room for peers that come later */

    for (n = 8; n < 2 * conf->npeers + 4; n *= 2) { /* void */ }

    live->nrefs = n;
    live->refs = ngx_pcalloc(ngx_cycle->pool,
                             n * sizeof(ngx_mlsec_peer_ref_t));

    return live->refs ? NGX_OK : NGX_ERROR;
}


/*
 * nginx names a peer by the address of a string that belongs to the peer.
 * Peers that come and go (server ... resolve) may get the memory of others,
 * so the string itself is compared too.
 */

mlsec_peer_slot_t *
ngx_mlsec_service_peer(const ngx_mlsec_service_conf_t *conf, ngx_str_t *name)
{
    ngx_mlsec_peer_ref_t  *ref;

    if (conf->live->refs == NULL) {
        return NULL;
    }

    ref = ngx_mlsec_service_ref(conf->live, name);

    if (ref->name == name && ref->slot->slot.len == name->len
        && mlsec_atomic_load(&ref->slot->slot.owner) == ref->owner
        && ngx_memcmp(ref->slot->slot.name, name->data, name->len) == 0)
    {
        return ref->slot;
    }

    return ngx_mlsec_service_look_up(conf, name, ref);
}


/*
 * In the zone, for the first time or once more: ref is to have it.
 */

static mlsec_peer_slot_t *
ngx_mlsec_service_look_up(const ngx_mlsec_service_conf_t *conf,
    ngx_str_t *name, ngx_mlsec_peer_ref_t *ref)
{
    int                 rc;
    mlsec_peer_slot_t  *slot;

    if (conf->live->full) {
        return NULL;
    }

    rc = ngx_mlsec_service_find_peer(conf, name, &slot);

    if (rc == MLSEC_OK) {
        ref->name = name;
        ref->slot = slot;
        ref->owner = mlsec_atomic_load(&slot->slot.owner);

        return slot;
    }

    if (rc != MLSEC_DECLINED) {
        conf->live->full = 1;
        (void) ngx_mlsec_zone_failed(conf, rc, name, ngx_cycle->log);
    }

    return NULL;
}


/*
 * Where a peer is, or should be; with no place left, some other peer's.
 */

static ngx_mlsec_peer_ref_t *
ngx_mlsec_service_ref(ngx_mlsec_service_live_t *live, ngx_str_t *name)
{
    uintptr_t              key;
    ngx_uint_t             n;
    ngx_mlsec_peer_ref_t  *ref;

    key = (uintptr_t) name;
    key = (key >> 4) ^ (key >> 12);

    for (n = 0; n < live->nrefs; n++, key++) {
        ref = &live->refs[key & (live->nrefs - 1)];

        if (ref->name == NULL || ref->name == name) {
            return ref;
        }
    }

    return &live->refs[key & (live->nrefs - 1)];
}


static int
ngx_mlsec_service_find_peer(const ngx_mlsec_service_conf_t *conf,
    ngx_str_t *name, mlsec_peer_slot_t **slot)
{
    mlsec_str_t      text;
    mlsec_process_t  process;

    ngx_mlsec_process(&process);

    text.data = name->data;
    text.len = name->len;

    return mlsec_registry_peer(conf->main->registry, &process,
                               conf->main->generation, conf->live->slot, text,
                               slot);
}
