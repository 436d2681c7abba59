/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>

#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_variables.h>
#include <service/ngx_mlsec_service_machine.h>

#include <sys/statvfs.h>


static ngx_int_t ngx_mlsec_system_handler(ngx_http_request_t *r);
static void ngx_mlsec_system_gateway(ngx_mlsec_json_t *w);
static void ngx_mlsec_system_connections(ngx_mlsec_json_t *w);
static void ngx_mlsec_system_processes(const ngx_mlsec_machine_t *m,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_system_cpu(const ngx_mlsec_machine_t *m,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_system_memory(const ngx_mlsec_machine_t *m,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_system_cgroup(const ngx_mlsec_machine_cgroup_t *cgroup,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_system_disk(const ngx_str_t *path, ngx_mlsec_json_t *w);
static void ngx_mlsec_system_zone(ngx_http_request_t *r, ngx_mlsec_json_t *w);
static ngx_uint_t ngx_mlsec_system_peers(
    const ngx_mlsec_service_conf_t *conf);
static void ngx_mlsec_system_number(ngx_mlsec_json_t *w, const char *before,
    uint64_t value);
static void ngx_mlsec_system_share(ngx_mlsec_json_t *w, const char *before,
    uint64_t part, uint64_t whole, ngx_uint_t digits);
static void ngx_mlsec_system_text(ngx_mlsec_json_t *w, const char *text);


char *
ngx_mlsec_system(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_loc_conf_t  *lcf = conf;

    ngx_str_t                      *value, path;
    ngx_mlsec_service_main_conf_t  *mcf;

    if (lcf->system) {
        return "is duplicate";
    }

    lcf->system = ngx_mlsec_system_handler;
    ngx_mlsec_conf_here(cf, &lcf->place);

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (!ngx_mlsec_conf_param(&value[1], "disk=", &path)
            || path.len == 0 || path.data[0] != '/')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"mlsec_system\", expected \"disk=\" and an "
                               "absolute path", &value[1]);
            return NGX_CONF_ERROR;
        }

        lcf->disk = path;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_service_module);
    mcf->system = 1;

    return ngx_mlsec_conf_set_handler(cf, "mlsec_system", lcf->system)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_system_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_mlsec_json_t                     w;
    const ngx_mlsec_machine_t           *m;
    const ngx_mlsec_service_loc_conf_t  *lcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_service_module);
    m = ngx_mlsec_machine();

    (void) ngx_mlsec_json_init(&w, r->pool, 2048);

    ngx_mlsec_system_gateway(&w);
    ngx_mlsec_system_connections(&w);
    ngx_mlsec_system_processes(m, &w);
    ngx_mlsec_system_cpu(m, &w);
    ngx_mlsec_system_memory(m, &w);
    ngx_mlsec_system_cgroup(&m->cgroup, &w);
    ngx_mlsec_system_disk(&lcf->disk, &w);
    ngx_mlsec_system_zone(r, &w);
    ngx_mlsec_system_number(&w, ",\"age_ms\":", ngx_current_msec - m->taken);
    ngx_mlsec_json_lit(&w, "}");

    return ngx_mlsec_services_send(r, &w);
}


static void
ngx_mlsec_system_gateway(ngx_mlsec_json_t *w)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    ngx_mlsec_json_lit(w, "{\"gateway\":{\"nginx\":\"" NGINX_VERSION "\"");
    ngx_mlsec_system_number(w, ",\"uptime_seconds\":", ngx_mlsec_uptime());
    ngx_mlsec_system_number(w, ",\"pid\":", ngx_pid);
    ngx_mlsec_system_number(w, ",\"workers\":",
                            ngx_process == NGX_PROCESS_SINGLE
                            ? 1 : ccf->worker_processes);
    ngx_mlsec_system_number(w, ",\"connections_per_worker\":",
                            ngx_cycle->connection_n);
    ngx_mlsec_system_text(w, ngx_exiting ? ",\"exiting\":true}"
                                         : ",\"exiting\":false}");
}


/*
 * nginx's own counters, of all workers since the start.
 */

static void
ngx_mlsec_system_connections(ngx_mlsec_json_t *w)
{
#if (NGX_STAT_STUB)

    ngx_mlsec_json_lit(w, ",\"connections\":{");
    ngx_mlsec_system_number(w, "\"active\":", *ngx_stat_active);
    ngx_mlsec_system_number(w, ",\"reading\":", *ngx_stat_reading);
    ngx_mlsec_system_number(w, ",\"writing\":", *ngx_stat_writing);
    ngx_mlsec_system_number(w, ",\"waiting\":", *ngx_stat_waiting);
    ngx_mlsec_system_number(w, ",\"accepted\":", *ngx_stat_accepted);
    ngx_mlsec_system_number(w, ",\"handled\":", *ngx_stat_handled);
    ngx_mlsec_json_lit(w, "}");
    ngx_mlsec_system_number(w, ",\"requests\":", *ngx_stat_requests);

#else

    ngx_mlsec_json_lit(w, ",\"connections\":null,\"requests\":null");

#endif
}


static void
ngx_mlsec_system_processes(const ngx_mlsec_machine_t *m, ngx_mlsec_json_t *w)
{
    uint64_t                            rss;
    ngx_uint_t                          i;
    const ngx_mlsec_machine_process_t  *p;

    rss = 0;

    ngx_mlsec_json_lit(w, ",\"processes\":[");

    for (i = 0; i < m->nprocesses; i++) {
        p = &m->processes[i];
        rss += p->rss;

        ngx_mlsec_system_number(w, i ? ",{\"pid\":" : "{\"pid\":", p->pid);
        ngx_mlsec_system_number(w, ",\"rss_bytes\":", p->rss);
        ngx_mlsec_system_share(w, ",\"cpu_seconds\":", p->cpu, 1000, 2);
        ngx_mlsec_json_lit(w, "}");
    }

    ngx_mlsec_json_lit(w, "]");
    ngx_mlsec_system_number(w, ",\"rss_bytes\":",
                            m->nprocesses ? rss : NGX_MLSEC_UNKNOWN);
}


static void
ngx_mlsec_system_cpu(const ngx_mlsec_machine_t *m, ngx_mlsec_json_t *w)
{
    ngx_uint_t  i;

    ngx_mlsec_system_number(w, ",\"cpu\":{\"cpus\":", ngx_ncpu);
    ngx_mlsec_system_share(w, ",\"busy_percent\":", m->cpu_busy, 10, 1);
    ngx_mlsec_system_share(w, ",\"gateway_percent\":", m->cpu_gateway, 10, 1);
    ngx_mlsec_system_number(w, ",\"interval_ms\":", m->cpu_interval);

    if (m->load[0] == NGX_MLSEC_UNKNOWN) {
        ngx_mlsec_json_lit(w, ",\"load\":null}");
        return;
    }

    for (i = 0; i < 3; i++) {
        ngx_mlsec_system_share(w, i ? "," : ",\"load\":[", m->load[i], 100,
                               2);
    }

    ngx_mlsec_json_lit(w, "]}");
}


static void
ngx_mlsec_system_memory(const ngx_mlsec_machine_t *m, ngx_mlsec_json_t *w)
{
    uint64_t  used;

    used = NGX_MLSEC_UNKNOWN;

    if (m->memory_total != NGX_MLSEC_UNKNOWN
        && m->memory_total >= m->memory_available)
    {
        used = m->memory_total - m->memory_available;
    }

    ngx_mlsec_system_number(w, ",\"memory\":{\"total_bytes\":",
                            m->memory_total);
    ngx_mlsec_system_number(w, ",\"available_bytes\":", m->memory_available);
    ngx_mlsec_system_number(w, ",\"used_bytes\":", used);
    ngx_mlsec_system_share(w, ",\"used_percent\":",
                           used == NGX_MLSEC_UNKNOWN ? used : used * 100,
                           m->memory_total, 1);
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_system_cgroup(const ngx_mlsec_machine_cgroup_t *cgroup,
    ngx_mlsec_json_t *w)
{
    if (cgroup->version == 0) {
        ngx_mlsec_json_lit(w, ",\"cgroup\":null");
        return;
    }

    ngx_mlsec_system_number(w, ",\"cgroup\":{\"version\":", cgroup->version);
    ngx_mlsec_system_number(w, ",\"memory_bytes\":", cgroup->memory);
    ngx_mlsec_system_number(w, ",\"memory_limit_bytes\":",
                            cgroup->memory_limit);
    ngx_mlsec_system_share(w, ",\"cpu_seconds\":", cgroup->cpu, 1000, 2);
    ngx_mlsec_system_share(w, ",\"cpu_limit\":", cgroup->cpu_limit, 1000, 2);
    ngx_mlsec_json_lit(w, "}");
}


/*
 * What a program without privileges can still write, as df has it.
 */

static void
ngx_mlsec_system_disk(const ngx_str_t *path, ngx_mlsec_json_t *w)
{
    uint64_t        total, available, used;
    struct statvfs  fs;

    if (path->len == 0
        || statvfs((char *) path->data, &fs) != 0 || fs.f_blocks == 0)
    {
        ngx_mlsec_json_lit(w, ",\"disk\":null");
        return;
    }

    total = (uint64_t) fs.f_blocks * fs.f_frsize;
    available = (uint64_t) fs.f_bavail * fs.f_frsize;
    used = (uint64_t) (fs.f_blocks - fs.f_bfree) * fs.f_frsize;

    ngx_mlsec_json_lit(w, ",\"disk\":{\"path\":");
    ngx_mlsec_json_string(w, path);
    ngx_mlsec_system_number(w, ",\"total_bytes\":", total);
    ngx_mlsec_system_number(w, ",\"available_bytes\":", available);
    ngx_mlsec_system_number(w, ",\"used_bytes\":", used);
    ngx_mlsec_system_share(w, ",\"used_percent\":", used * 100,
                           used + available, 1);
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_system_zone(ngx_http_request_t *r, ngx_mlsec_json_t *w)
{
    ngx_uint_t                      i, peers;
    ngx_mlsec_service_conf_t      **conf;
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_service_module);

    if (mcf->zone == NULL) {
        ngx_mlsec_json_lit(w, ",\"zone\":null");
        return;
    }

    conf = mcf->services.elts;
    peers = 0;

    for (i = 0; i < mcf->services.nelts; i++) {
        peers += ngx_mlsec_system_peers(conf[i]);
    }

    ngx_mlsec_json_lit(w, ",\"zone\":{\"name\":");
    ngx_mlsec_json_string(w, &mcf->zone->shm.name);
    ngx_mlsec_system_number(w, ",\"size_bytes\":", mcf->zone->shm.size);
    ngx_mlsec_system_number(w, ",\"services\":", mcf->services.nelts);
    ngx_mlsec_system_number(w, ",\"services_max\":",
                            mcf->registry->nservices);
    ngx_mlsec_system_number(w, ",\"peers\":", peers);
    ngx_mlsec_system_number(w, ",\"peers_max\":", mcf->registry->npeers);
    ngx_mlsec_json_lit(w, "}");
}


static ngx_uint_t
ngx_mlsec_system_peers(const ngx_mlsec_service_conf_t *conf)
{
    ngx_uint_t                     n;
    ngx_http_upstream_rr_peers_t  *peers;

    n = 0;

    for (peers = conf->upstream->peer.data; peers; peers = peers->next) {
        ngx_http_upstream_rr_peers_rlock(peers);
        n += peers->number;
        ngx_http_upstream_rr_peers_unlock(peers);
    }

    return n;
}


/* before: what stands in front of it; an unknown figure is null. */

static void
ngx_mlsec_system_number(ngx_mlsec_json_t *w, const char *before,
    uint64_t value)
{
    ngx_mlsec_system_text(w, before);

    if (value == NGX_MLSEC_UNKNOWN) {
        ngx_mlsec_json_lit(w, "null");

    } else {
        ngx_mlsec_json_int(w, value);
    }
}


/* part / whole with so many digits behind the dot. */

static void
ngx_mlsec_system_share(ngx_mlsec_json_t *w, const char *before, uint64_t part,
    uint64_t whole, ngx_uint_t digits)
{
    u_char    buf[NGX_INT64_LEN + 8];
    uint64_t  scale, value;

    ngx_mlsec_system_text(w, before);

    if (part == NGX_MLSEC_UNKNOWN || whole == 0 || whole == NGX_MLSEC_UNKNOWN)
    {
        ngx_mlsec_json_lit(w, "null");
        return;
    }

    scale = (digits == 1) ? 10 : 100;
    value = part / whole * scale + part % whole * scale / whole;

    ngx_mlsec_json_raw(w, buf,
                       ngx_sprintf(buf, digits == 1 ? "%uL.%01uL"
                                                    : "%uL.%02uL",
                                   value / scale, value % scale)
                       - buf);
}


static void
ngx_mlsec_system_text(ngx_mlsec_json_t *w, const char *text)
{
    ngx_mlsec_json_raw(w, (const u_char *) text, ngx_strlen(text));
}
