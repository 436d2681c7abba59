/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_health.h>


static ngx_str_t ngx_mlsec_service_tls_name(
    const ngx_mlsec_service_conf_t *conf);


ngx_int_t
ngx_mlsec_service_tls(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_mlsec_health_t  *health;

    health = &conf->health;

    if (!health->secure) {
        return NGX_OK;
    }

    name = ngx_mlsec_service_tls_name(conf);

    rc = ngx_mlsec_tls_create(cf, &health->tls, &name,
                              health->trusted.len ? NGX_MLSEC_TLS_FILE
                                                  : NGX_MLSEC_TLS_ANYBODY,
                              &health->trusted);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot read CAs from \"%V\", \"trusted=\" of "
                      "\"mlsec_health\" in %V:%ui, expected a PEM file",
                      &health->trusted, &conf->place.file, conf->place.line);
    }

    if (rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tls\" of \"mlsec_health\" in %V:%ui: this nginx has "
                      "been built without TLS", &conf->place.file,
                      conf->place.line);
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


/*
 * The name that is asked for, and that the certificate has to have: that of
 * the Host, without its port, unless "sni=" says another one.
 */

static ngx_str_t
ngx_mlsec_service_tls_name(const ngx_mlsec_service_conf_t *conf)
{
    u_char     *p;
    ngx_str_t   name;

    if (conf->health.sni.len) {
        return conf->health.sni;
    }

    name = *ngx_mlsec_health_host(conf);

    /* the last colon; one inside of brackets is of an IPv6 address */

    for (p = name.data + name.len; p > name.data && p[-1] != ']'; p--) {

        if (p[-1] == ':') {
            name.len = p - 1 - name.data;
            break;
        }
    }

    return name;
}
