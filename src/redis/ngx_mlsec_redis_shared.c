/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What workers know together of a server: whether it has been said that it is
 * lost.  The rest each knows by itself.
 *
 * A breaker for all of them would be another matter than a line of the log: a
 * worker whose connection is broken says nothing of the server, and those that
 * watch a client would have to be woken in other workers.  Who needs to know
 * for a gateway has it, as limits do (lib/limit/mlsec_sync.h).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_process.h>
#include <redis/ngx_mlsec_redis_client.h>


static ngx_int_t ngx_mlsec_redis_shared_init(ngx_shm_zone_t *shm,
    void *data);


/*
 * Another URL is another zone: a reload that names another server begins
 * anew, one that does not goes on.
 */

ngx_int_t
ngx_mlsec_redis_shared_zone(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    ngx_str_t  name;

    name.len = sizeof("mlsec_redis::") - 1 + redis->name.len
               + redis->shown.len;

    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(name.data, "mlsec_redis:%V:%V", &redis->name,
                       &redis->shown);

    redis->shm = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                       &ngx_mlsec_redis_module);
    if (redis->shm == NULL) {
        return NGX_ERROR;
    }

    redis->shm->init = ngx_mlsec_redis_shared_init;
    redis->shm->data = redis;

    return NGX_OK;
}


/* Runs in the master, for "nginx -t" too. */

static ngx_int_t
ngx_mlsec_redis_shared_init(ngx_shm_zone_t *shm, void *data)
{
    ngx_mlsec_redis_t *redis = shm->data;
    ngx_mlsec_redis_t *old = data;

    if (old != NULL) {
        redis->shared = old->shared;
        return NGX_OK;
    }

    redis->shared = ngx_slab_calloc((ngx_slab_pool_t *) shm->shm.addr,
                                    sizeof(ngx_mlsec_redis_shared_t));

    if (redis->shared == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                      "the state of \"mlsec_redis\" cannot be made");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_mlsec_redis_shared_leave(const ngx_mlsec_redis_t *redis)
{
    mlsec_standing_leave(&redis->shared->calls, (unsigned) ngx_process_slot);
    mlsec_standing_leave(&redis->shared->messages,
                         (unsigned) ngx_process_slot);
}


/* A line that all workers look at is not written for nothing. */

void
ngx_mlsec_redis_shared_now(mlsec_atomic_t *when)
{
    if (mlsec_atomic_load(when) != ngx_current_msec) {
        mlsec_atomic_store(when, ngx_current_msec);
    }
}


ngx_uint_t
ngx_mlsec_redis_shared_since(const mlsec_atomic_t *when, ngx_msec_t since)
{
    ngx_msec_t  then;

    then = (ngx_msec_t) mlsec_atomic_load(when);

    return then != 0 && (ngx_msec_int_t) (then - since) >= 0;
}


ngx_uint_t
ngx_mlsec_redis_shared_lost(mlsec_standing_t *standing,
    mlsec_redis_error_e cause, ngx_uint_t telling)
{
    mlsec_process_t  process;

    ngx_mlsec_process(&process);

    return mlsec_standing_lost(standing, (unsigned) ngx_process_slot,
                               &process, cause, (int) telling)
           == MLSEC_STANDING_LOST;
}


mlsec_standing_e
ngx_mlsec_redis_shared_found(mlsec_standing_t *standing)
{
    mlsec_process_t  process;

    ngx_mlsec_process(&process);

    return mlsec_standing_found(standing, (unsigned) ngx_process_slot,
                                &process);
}
