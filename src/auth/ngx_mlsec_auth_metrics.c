/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <metrics/ngx_mlsec_metrics.h>


static void ngx_mlsec_auth_collector(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);
static ngx_uint_t ngx_mlsec_auth_value(const ngx_mlsec_keys_uri_t *u,
    ngx_uint_t which, uint64_t *value);


static const char *const  ngx_mlsec_fetch_labels[] = {
    "result=\"good\"", "result=\"failed\""
};

/* words: see ngx_mlsec_auth_value() */

static const ngx_mlsec_family_t  ngx_mlsec_auth_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_jwt_keys_fetches",
      "Fetches of a set of keys, by what came of them.",
      0, 2, ngx_mlsec_fetch_labels, 1, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_jwt_keys_age_seconds",
      "Time since a set of keys was fetched; none if it never was.",
      2, 1, NULL, 1000, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_jwt_keys",
      "Keys of a fetched set that can be used.", 3, 1, NULL, 1, 0 }
};


#define NGX_MLSEC_AUTH_FAMILIES                                               \
    (sizeof(ngx_mlsec_auth_families) / sizeof(ngx_mlsec_family_t))


ngx_int_t
ngx_mlsec_auth_metrics(ngx_conf_t *cf)
{
    return ngx_mlsec_metrics_collector(cf, ngx_mlsec_auth_collector);
}


static void
ngx_mlsec_auth_collector(ngx_http_request_t *r, ngx_mlsec_exposition_t *e)
{
    uint64_t                      value;
    ngx_str_t                     labels;
    ngx_uint_t                    i, f, n;
    ngx_mlsec_label_t             label;
    ngx_mlsec_keys_uri_t        **all;
    const ngx_mlsec_family_t     *family;
    ngx_mlsec_auth_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    all = mcf->uris.elts;

    for (f = 0; f < NGX_MLSEC_AUTH_FAMILIES && mcf->uris.nelts; f++) {
        family = &ngx_mlsec_auth_families[f];

        ngx_mlsec_metrics_family(e, family);

        for (i = 0; i < mcf->uris.nelts; i++) {
            label.name = "uri";
            label.value = all[i]->uri;

            if (ngx_mlsec_metrics_labels(r->pool, &label, 1, &labels)
                != NGX_OK)
            {
                e->text.failed = 1;
                return;
            }

            for (n = 0; n < family->n; n++) {

                if (ngx_mlsec_auth_value(all[i], family->word + n, &value)) {
                    ngx_mlsec_metrics_sample(e, family, &labels,
                                             family->labels
                                             ? family->labels[n] : NULL,
                                             value);
                }
            }
        }
    }
}


/* 1 if there is a value. */

static ngx_uint_t
ngx_mlsec_auth_value(const ngx_mlsec_keys_uri_t *u, ngx_uint_t which,
    uint64_t *value)
{
    const mlsec_jwk_set_t    *keys;
    const mlsec_key_store_t  *store;

    store = ngx_mlsec_keys_store(u);

    switch (which) {

    case 0:
        *value = mlsec_atomic_load(&store->good);
        return 1;

    case 1:
        *value = mlsec_atomic_load(&store->bad);
        return 1;

    case 2:
        return ngx_mlsec_keys_age(u, value);

    default:
        keys = ngx_mlsec_keys_current(u);
        *value = keys ? keys->n : 0;
        return 1;
    }
}
