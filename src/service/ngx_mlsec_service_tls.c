/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>


ngx_int_t
ngx_mlsec_health_tls(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    ngx_int_t            rc;
    const ngx_str_t     *name;
    ngx_mlsec_health_t  *health;

    health = &conf->health;

    if (!health->secure) {
        return NGX_OK;
    }

    /* that of the Host, without its port, unless "sni=" says another one */

    name = health->sni.len ? &health->sni : ngx_mlsec_health_host(conf);

    rc = ngx_mlsec_tls_create(cf, name, health->sni.len != 0,
                              health->trusted.len ? NGX_MLSEC_TLS_FILE
                                                  : NGX_MLSEC_TLS_NONE,
                              &health->trusted, &health->tls);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tls\" of \"mlsec_health\" in %V:%ui: this nginx has "
                      "been built without TLS", &conf->place.file,
                      conf->place.line);
        return NGX_ERROR;
    }

    if (rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot read CAs from \"%V\", \"trusted=\" of "
                      "\"mlsec_health\" in %V:%ui, expected a PEM file",
                      &health->trusted, &conf->place.file, conf->place.line);
        return NGX_ERROR;
    }

    return rc;
}
