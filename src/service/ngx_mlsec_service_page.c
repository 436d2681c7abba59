/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_kept.h>
#include <service/ngx_mlsec_service_peer.h>


/*
 * What one request of a client comes to, with all of its subrequests: parts of
 * an aggregate, those of an aggregate inside of it, locations with proxy_pass
 * that a part or SSI asks.  Each of them for itself may be called again as long
 * as there is a budget, which a busy service has for hundreds at a time; all of
 * them together are one click.
 *
 * It is kept in the pool that they have in common, and found there by its
 * cleanup: contexts of modules are of one request, and a redirect wipes them.
 */


typedef struct {
    ngx_uint_t  calls;
    ngx_uint_t  again;
} ngx_mlsec_page_t;


static ngx_mlsec_page_t *ngx_mlsec_page(ngx_http_request_t *r);
static void ngx_mlsec_page_cleanup(void *data);


static ngx_mlsec_page_t *
ngx_mlsec_page(ngx_http_request_t *r)
{
    ngx_mlsec_page_t    *page;
    ngx_pool_cleanup_t  *cln;

    page = ngx_mlsec_kept(r->main->pool, ngx_mlsec_page_cleanup);

    if (page != NULL) {
        return page;
    }

    cln = ngx_pool_cleanup_add(r->main->pool, sizeof(ngx_mlsec_page_t));
    if (cln == NULL) {
        return NULL;
    }

    page = cln->data;
    cln->handler = ngx_mlsec_page_cleanup;

    page->calls = 0;
    page->again = 0;

    return page;
}


static void
ngx_mlsec_page_cleanup(void *data)
{
    /* it goes with the pool, this is its name */
}


void
ngx_mlsec_page_called(ngx_http_request_t *r)
{
    ngx_mlsec_page_t  *page;

    page = (r != r->main) ? ngx_mlsec_page(r) : NULL;

    if (page != NULL) {
        page->calls++;
    }
}


ngx_uint_t
ngx_mlsec_page_allows(const ngx_mlsec_service_conf_t *conf,
    ngx_http_request_t *r)
{
    ngx_mlsec_page_t  *page;

    if (r == r->main) {
        return 1;
    }

    page = ngx_mlsec_page(r);

    if (page != NULL
        && page->again < ngx_max(conf->retry.budget.min,
                                 page->calls * conf->retry.budget.share / 100))
    {
        return 1;
    }

    mlsec_atomic_add(&conf->live->slot->budget.refused, 1);

    return 0;
}


void
ngx_mlsec_page_again(ngx_http_request_t *r)
{
    ngx_mlsec_page_t  *page;

    page = (r != r->main) ? ngx_mlsec_page(r) : NULL;

    if (page != NULL) {
        page->again++;
    }
}
