/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_peer.h>
#include <service/ngx_mlsec_service_resolve.h>


/*
 * When a balancer has no peer to choose, nginx answers 502, and nothing that a
 * balancer could return makes that another status.  So who wants 503 has to
 * know before nginx tries.
 *
 * To look at all peers for each request would cost a lock that all workers
 * share.  It is done while there is doubt: after this worker has changed the
 * marks of its peers, or has met one that failed, or has found none.  What
 * max_fails makes of failures in other workers it does not see: the one that
 * has met the last of them, and finds that nobody is left, tells the others.
 */


static ngx_uint_t ngx_mlsec_nobody_shared(
    const ngx_mlsec_service_conf_t *conf);
static mlsec_rare ngx_uint_t ngx_mlsec_nobody_look(
    const ngx_mlsec_service_conf_t *conf, uint64_t *wait);
static void ngx_mlsec_nobody_until(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peer_t *peer, uint64_t *wait);


ngx_uint_t
ngx_mlsec_service_takes(const ngx_http_upstream_rr_peers_t *group,
    const ngx_http_upstream_rr_peer_t *peer)
{
    if (peer->down || (peer->max_conns && peer->conns >= peer->max_conns)) {
        return 0;
    }

    return group->single || peer->max_fails == 0
           || peer->fails < peer->max_fails
           || ngx_time() - peer->checked > peer->fail_timeout;
}


void
ngx_mlsec_service_doubt(const ngx_mlsec_service_conf_t *conf)
{
    uint64_t  wait;

    conf->live->doubt = 1;

    if (ngx_mlsec_nobody_shared(conf) && ngx_mlsec_nobody_look(conf, &wait)) {
        ngx_mlsec_service_changed(conf);
    }
}


/*
 * Whether it is nginx that pauses peers, and for all workers at once.
 */

static ngx_uint_t
ngx_mlsec_nobody_shared(const ngx_mlsec_service_conf_t *conf)
{
#if (NGX_HTTP_UPSTREAM_ZONE)

    const ngx_http_upstream_rr_peers_t  *peers;

    peers = conf->upstream->peer.data;

    return peers->shpool != NULL && !conf->ejects && !conf->probes;

#else

    return 0;

#endif
}


ngx_uint_t
ngx_mlsec_service_nobody_left(const ngx_mlsec_service_conf_t *conf,
    time_t *retry_after)
{
    uint64_t  wait;

    if ((conf->resolve && conf->live->usable == 0)
        || !ngx_mlsec_nobody_look(conf, &wait))
    {
        return 0;
    }

    *retry_after = wait ? (time_t) ((wait + 999) / 1000)
                        : ngx_mlsec_service_retry_after(conf->upstream);

    return 1;
}


/*
 * Whether no peer takes requests.  If so, *wait is until the first one does,
 * ms, 0 if that is not known; else there is no doubt any more.
 */

static ngx_uint_t
ngx_mlsec_nobody_look(const ngx_mlsec_service_conf_t *conf, uint64_t *wait)
{
    ngx_uint_t                     found;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *group;

    found = 0;
    *wait = 0;

    for (group = conf->upstream->peer.data;
         group && !found;
         group = group->next)
    {
        ngx_http_upstream_rr_peers_rlock(group);

        for (peer = group->peer; peer && !found; peer = peer->next) {

            if (ngx_mlsec_service_takes(group, peer)) {
                found = 1;

                /* a place that is taken is no failure, and not told of */

                conf->live->doubt = (peer->max_conns != 0);

            } else {
                ngx_mlsec_nobody_until(conf, peer, wait);
            }
        }

        ngx_http_upstream_rr_peers_unlock(group);
    }

    return !found;
}


/*
 * How long a peer that takes no requests is going to take none, if that is
 * known: the shortest of such times, ms, 0 for none.
 */

static void
ngx_mlsec_nobody_until(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peer_t *peer, uint64_t *wait)
{
    int64_t               left;
    ngx_mlsec_target_t    target;
    mlsec_outlier_view_t  view;

    left = 0;

    if (!peer->down) {

        if (peer->max_fails && peer->fails >= peer->max_fails) {
            left = (int64_t) (peer->checked + peer->fail_timeout + 1
                              - ngx_time())
                   * 1000;
        }

    } else if (conf->ejects && ngx_mlsec_places_target(conf, peer, &target)
               && target.slot != NULL)
    {
        mlsec_outlier_view(&target.slot->outlier, &conf->outlier, &view);

        if (view.ejected) {
            left = (ngx_msec_int_t) (view.until - ngx_current_msec);
        }
    }

    if (left > 0 && (*wait == 0 || (uint64_t) left < *wait)) {
        *wait = left;
    }
}
