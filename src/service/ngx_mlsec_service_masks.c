/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What nginx reads of a location's settings about another attempt, and about
 * times: a copy, since the location's own are for everybody.
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
static ngx_int_t ngx_mlsec_masks_find(ngx_mlsec_peer_t *mp);
static mlsec_rare ngx_mlsec_masks_t *ngx_mlsec_masks_make(
    const ngx_mlsec_peer_t *mp);
static void ngx_mlsec_masks_attempt(const ngx_mlsec_peer_t *mp,
    ngx_http_upstream_conf_t *own);


/* in the order of ngx_mlsec_mask_e */

static const ngx_uint_t  ngx_mlsec_retry_mask[NGX_MLSEC_MASKS] = {
    NGX_MLSEC_RETRY_NO, NGX_MLSEC_RETRY_YES, NGX_HTTP_UPSTREAM_FT_ERROR
};


ngx_int_t
ngx_mlsec_masks_init(ngx_mlsec_peer_t *mp)
{
    mp->own = NULL;

    if (mp->deadline) {
        return ngx_mlsec_masks_own(mp);
    }

    return mp->retry ? ngx_mlsec_masks_find(mp) : NGX_OK;
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

    ngx_mlsec_masks_attempt(mp, &own->conf);

    own->connect_timeout = own->conf.connect_timeout;
    own->send_timeout = own->conf.send_timeout;
    own->read_timeout = own->conf.read_timeout;

    mp->own = own;
    mp->upstream->conf = &own->conf;

    return NGX_OK;
}


/*
 * The settings of a location are the same for all of its requests, and so is
 * what is put in their place: it is made when they are met first, and lives as
 * long as they do.
 */

static ngx_int_t
ngx_mlsec_masks_find(ngx_mlsec_peer_t *mp)
{
    ngx_mlsec_masks_t  *masks;

    for (masks = mp->conf->live->masks; masks; masks = masks->next) {

        if (masks->location == mp->upstream->conf) {
            mp->masks = masks;
            return NGX_OK;
        }
    }

    mp->masks = ngx_mlsec_masks_make(mp);

    return (mp->masks != NULL) ? NGX_OK : NGX_ERROR;
}


static ngx_mlsec_masks_t *
ngx_mlsec_masks_make(const ngx_mlsec_peer_t *mp)
{
    ngx_uint_t                 i;
    ngx_mlsec_masks_t         *masks;
    ngx_mlsec_service_live_t  *live;

    live = mp->conf->live;

    masks = ngx_palloc(ngx_cycle->pool, sizeof(ngx_mlsec_masks_t));
    if (masks == NULL) {
        return NULL;
    }

    masks->location = mp->upstream->conf;
    masks->next = live->masks;

    for (i = 0; i < NGX_MLSEC_MASKS; i++) {
        masks->confs[i] = *mp->upstream->conf;
        masks->confs[i].next_upstream = ngx_mlsec_retry_mask[i];
        masks->confs[i].next_upstream_tries = 0;

        ngx_mlsec_masks_attempt(mp, &masks->confs[i]);
    }

    live->masks = masks;

    return masks;
}


/*
 * A part has one time for all of its attempts, and one that hangs would have
 * all of it.
 */

static void
ngx_mlsec_masks_attempt(const ngx_mlsec_peer_t *mp,
    ngx_http_upstream_conf_t *own)
{
    ngx_msec_t  most;

    most = (ngx_msec_t) mp->conf->retry.attempt;

    if (mp->retry == NULL || most == 0) {
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
        mp->upstream->conf = &mp->masks->confs[mask];
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
