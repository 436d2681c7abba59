/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What nginx reads of a location's settings about another attempt, and about
 * times.
 *
 * It goes on with the next peer by itself, if the settings say so, and whether
 * it may is ours to say.  So these say no until an attempt has failed that may
 * be made again, and then the request gets a copy of them that says yes.
 *
 * A request that reads a copy from the beginning has five lines of the cache
 * more to fetch.  Where all requests of a location go to one upstream with
 * mlsec_retry, a worker therefore has the location itself say no, before its
 * first request.  Other locations are for other upstreams too, or for parts,
 * or say "off": theirs stay as they are, and there is a copy that says no.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_peer.h>


#define NGX_MLSEC_RETRY_YES                                                   \
    (NGX_HTTP_UPSTREAM_FT_ERROR|NGX_HTTP_UPSTREAM_FT_TIMEOUT                  \
     |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER|NGX_HTTP_UPSTREAM_FT_STATUS         \
     |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT)

#define NGX_MLSEC_RETRY_NO  NGX_HTTP_UPSTREAM_FT_OFF


static mlsec_apart ngx_int_t ngx_mlsec_masks_own(ngx_mlsec_peer_t *mp);
static mlsec_rare ngx_mlsec_masks_t *ngx_mlsec_masks_make(
    const ngx_mlsec_service_conf_t *conf,
    const ngx_http_upstream_conf_t *location);
static void ngx_mlsec_masks_attempt(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_conf_t *own);


/* in the order of ngx_mlsec_mask_e */

static const ngx_uint_t  ngx_mlsec_retry_mask[NGX_MLSEC_MASKS] = {
    NGX_MLSEC_RETRY_NO, NGX_MLSEC_RETRY_YES, NGX_HTTP_UPSTREAM_FT_ERROR
};


ngx_int_t
ngx_mlsec_masks_begin(const ngx_mlsec_via_t *via)
{
    ngx_mlsec_masks_t         *masks;
    ngx_http_upstream_conf_t  *location;

    location = via->settings;

    if (location == NULL || !via->conf->retries
        || via->conf->live->refs == NULL
        || location->upstream != via->upstream
        || (location->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF))
    {
        return NGX_OK;
    }

    masks = ngx_mlsec_masks_make(via->conf, location);
    if (masks == NULL) {
        return NGX_ERROR;
    }

    *location = *masks->confs[NGX_MLSEC_MASK_NO];
    masks->confs[NGX_MLSEC_MASK_NO] = location;

    return NGX_OK;
}


ngx_mlsec_masks_t *
ngx_mlsec_masks_find(const ngx_mlsec_service_live_t *live,
    const ngx_http_upstream_conf_t *location)
{
    ngx_mlsec_masks_t  *masks;

    for (masks = live->masks; masks; masks = masks->next) {

        if (masks->location == location) {
            return masks;
        }
    }

    return NULL;
}


ngx_int_t
ngx_mlsec_masks_init(ngx_mlsec_peer_t *mp)
{
    if (mp->deadline) {
        return ngx_mlsec_masks_own(mp);
    }

    if (mp->retry == NULL || mp->masks != NULL) {
        return NGX_OK;
    }

    mp->masks = ngx_mlsec_masks_make(mp->conf, mp->upstream->conf);

    return (mp->masks != NULL) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_masks_own(ngx_mlsec_peer_t *mp)
{
    ngx_mlsec_own_t  *own;

    own = ngx_palloc(mp->request->pool, sizeof(ngx_mlsec_own_t));
    if (own == NULL) {
        return NGX_ERROR;
    }

    own->conf = *mp->upstream->conf;

    if (mp->retry != NULL) {
        ngx_mlsec_masks_attempt(mp->conf, &own->conf);
    }

    own->connect_timeout = own->conf.connect_timeout;
    own->send_timeout = own->conf.send_timeout;
    own->read_timeout = own->conf.read_timeout;

    mp->own = own;
    mp->upstream->conf = &own->conf;

    return NGX_OK;
}


/*
 * The settings of a location are the same for all of its requests, and so is
 * what is put in their place: it is made once, and lives as long as they do.
 */

static ngx_mlsec_masks_t *
ngx_mlsec_masks_make(const ngx_mlsec_service_conf_t *conf,
    const ngx_http_upstream_conf_t *location)
{
    ngx_uint_t                 i;
    ngx_mlsec_masks_t         *masks;
    ngx_http_upstream_conf_t  *copies;

    masks = ngx_palloc(ngx_cycle->pool, sizeof(ngx_mlsec_masks_t));
    copies = ngx_palloc(ngx_cycle->pool,
                        NGX_MLSEC_MASKS * sizeof(ngx_http_upstream_conf_t));

    if (masks == NULL || copies == NULL) {
        return NULL;
    }

    masks->location = location;
    masks->next = conf->live->masks;

    for (i = 0; i < NGX_MLSEC_MASKS; i++) {
        copies[i] = *location;
        copies[i].next_upstream = ngx_mlsec_retry_mask[i];
        copies[i].next_upstream_tries = 0;

        ngx_mlsec_masks_attempt(conf, &copies[i]);

        masks->confs[i] = &copies[i];
    }

    conf->live->masks = masks;

    return masks;
}


/*
 * A part has one time for all of its attempts, and one that hangs would have
 * all of it.
 */

static void
ngx_mlsec_masks_attempt(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_conf_t *own)
{
    ngx_msec_t  most;

    most = (ngx_msec_t) conf->retry.attempt;

    if (most == 0) {
        return;
    }

    own->connect_timeout = ngx_min(own->connect_timeout, most);
    own->send_timeout = ngx_min(own->send_timeout, most);
    own->read_timeout = ngx_min(own->read_timeout, most);
}


void
ngx_mlsec_masks_say(ngx_mlsec_peer_t *mp, ngx_mlsec_mask_e mask)
{
    if (mp->own != NULL) {
        mp->own->conf.next_upstream = ngx_mlsec_retry_mask[mask];
        mp->own->conf.next_upstream_tries = 0;

    } else {
        mp->upstream->conf = mp->masks->confs[mask];
    }
}


/*
 * nginx's own times are from one event to the next; a deadline is the end of
 * all.
 */

void
ngx_mlsec_masks_times(ngx_mlsec_peer_t *mp)
{
    ngx_msec_t        left;
    ngx_msec_int_t    rest;
    ngx_mlsec_own_t  *own;

    own = mp->own;
    rest = (ngx_msec_int_t) (mp->expires - ngx_current_msec);
    left = ngx_max(rest, 1);

    own->conf.connect_timeout = ngx_min(own->connect_timeout, left);
    own->conf.send_timeout = ngx_min(own->send_timeout, left);
    own->conf.read_timeout = ngx_min(own->read_timeout, left);
}
