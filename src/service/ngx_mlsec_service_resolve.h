/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * mlsec_resolve: what it puts into an upstream{}, who asks the DNS, and what a
 * worker makes of the addresses.
 */


#ifndef _NGX_MLSEC_SERVICE_RESOLVE_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_RESOLVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>
#include <service/ngx_mlsec_service_conf.h>


/* ngx_mlsec_service_resolve.c */

/* Setter of mlsec_resolve: puts the servers of its places into the block. */
char *ngx_mlsec_resolve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When all of "http" has been read: finds the resolver.  NGX_OK, or NGX_ERROR
 * after an [emerg].
 */
ngx_int_t ngx_mlsec_resolve_prepare(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf);

/*
 * Whether an address stands for a place, 1 or 0; if so *index of the place, and
 * *backup: 1 if it is the one among the backup servers.
 */
ngx_uint_t ngx_mlsec_resolve_index(const struct sockaddr *sockaddr,
    ngx_uint_t *index, ngx_uint_t *backup);


/* ngx_mlsec_service_places.c */

/*
 * When a worker begins: room for its view of the list.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_places_init(const ngx_mlsec_service_conf_t *conf,
    ngx_pool_t *pool);

/*
 * Takes over what the list in the zone has become.  Costs a load for each place
 * if that is nothing new.
 */
void ngx_mlsec_places_load(const ngx_mlsec_service_conf_t *conf);

/*
 * Who is behind a peer of nginx's.  group: of the peer; its lock is the
 * caller's.
 *
 * 1: *target is set, and good until the list is loaded the next time.  0: the
 * peer is an empty place.
 */
ngx_uint_t ngx_mlsec_places_target(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peer_t *peer, ngx_mlsec_target_t *target);

/*
 * Gives nginx's peers the weights of their addresses, and what follows from
 * how many there are.  group: of conf's peers, locked for writing.
 */
void ngx_mlsec_places_weigh(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *group);

/*
 * Counts the peers that a request could be sent to, for live->usable.
 */
void ngx_mlsec_places_count(const ngx_mlsec_service_conf_t *conf);

/*
 * After a balancer's peer.get: makes the peer the address of its place.
 *
 * rc: of the balancer, NGX_OK or NGX_DONE.  *chosen is set.
 *
 * NGX_OK, NGX_DONE: as of peer.get.  NGX_BUSY: the place is empty, the peer has
 * to be freed.  NGX_ERROR: no memory, the same.
 */
ngx_int_t ngx_mlsec_places_get(const ngx_mlsec_service_conf_t *conf,
    ngx_pool_t *pool, ngx_peer_connection_t *pc, ngx_int_t rc,
    ngx_mlsec_chosen_t *chosen);

/*
 * Before a balancer's peer.free: makes it the peer again that the balancer
 * knows.  state: of peer.free; the one to pass on is returned.
 */
ngx_uint_t ngx_mlsec_places_put(const ngx_mlsec_service_conf_t *conf,
    ngx_peer_connection_t *pc, ngx_uint_t state,
    const ngx_mlsec_chosen_t *chosen);

/*
 * Whether a service has no address to be called at, 1 or 0; if so when there
 * may be one, s, at least 1.
 */
mlsec_hot ngx_uint_t ngx_mlsec_places_none(
    const ngx_mlsec_service_conf_t *conf, time_t *retry_after);


/* ngx_mlsec_service_lookup.c */

/*
 * Makes the upstream's list in the zone this configuration's.  For the master,
 * when slots have been claimed.
 */
void ngx_mlsec_lookup_adopt(const ngx_mlsec_service_conf_t *conf);

/*
 * When a worker begins: has it take part in the choice of the one that asks.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_lookup_begin(ngx_cycle_t *cycle,
    ngx_mlsec_service_main_conf_t *mcf);

/*
 * When a worker ends: lets go of its questions.
 */
void ngx_mlsec_lookup_end(ngx_mlsec_service_main_conf_t *mcf);

/* For people: why the last question has failed. */
const char *ngx_mlsec_lookup_reason(unsigned code);


#endif /* _NGX_MLSEC_SERVICE_RESOLVE_H_INCLUDED_ */
