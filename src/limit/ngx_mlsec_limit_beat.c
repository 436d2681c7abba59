/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Being in touch with the store, or not: heartbeats of the gateway, and what
 * batches have to say of it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_timer.h>
#include <limit/ngx_mlsec_limit_batch.h>


#define NGX_MLSEC_LIMIT_TICK        100          /* ms, beats are looked at */
#define NGX_MLSEC_LIMIT_BEAT        1000         /* ms, between beats */
#define NGX_MLSEC_LIMIT_BEAT_ALONE  500          /* ms, while out of reach */
#define NGX_MLSEC_LIMIT_BEAT_AGAIN  200          /* ms, after a failed one */
#define NGX_MLSEC_LIMIT_BEAT_OTHERS 250          /* ms, for better workers */
#define NGX_MLSEC_LIMIT_LIFE        3500         /* ms, of a silent gateway */


/* of this worker */

typedef struct {
    ngx_event_t                   tick;
    ngx_uint_t                    beating;       /* 1: a beat is on its way */
    ngx_connection_t              dummy;
    ngx_mlsec_redis_script_t      script;
} ngx_mlsec_limit_heart_t;


static void ngx_mlsec_limit_tick(ngx_event_t *ev);
static void ngx_mlsec_limit_beat(ngx_mlsec_limit_main_conf_t *mcf);
static void ngx_mlsec_limit_beat_done(void *owner,
    const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_limit_beat_failed(ngx_mlsec_limit_main_conf_t *mcf,
    mlsec_redis_error_e error);
static void ngx_mlsec_limit_worked(const ngx_mlsec_limit_main_conf_t *mcf,
    uint64_t nodes);


static ngx_mlsec_limit_heart_t  ngx_mlsec_limit_heart;


void
ngx_mlsec_limit_beat_begin(ngx_cycle_t *cycle,
    ngx_mlsec_limit_main_conf_t *mcf)
{
    ngx_str_t                 text;
    ngx_mlsec_limit_heart_t  *heart;

    heart = &ngx_mlsec_limit_heart;

    text.data = (u_char *) mlsec_script_beat;
    text.len = ngx_strlen(mlsec_script_beat);
    ngx_mlsec_redis_script(&heart->script, &text);

    ngx_mlsec_timer_init(&heart->tick, &heart->dummy,
                         ngx_mlsec_limit_tick, mcf, cycle->log);

    ngx_add_timer(&heart->tick, 1);
}


/*
 * Whichever worker finds a heartbeat due sends it; one that has no connection
 * leaves it to the others for a moment.  It is also what tries whether the
 * store is there again.
 */

static void
ngx_mlsec_limit_tick(ngx_event_t *ev)
{
    uint64_t                      now, period;
    ngx_connection_t             *c;
    ngx_mlsec_limit_main_conf_t  *mcf;

    c = ev->data;
    mcf = c->data;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_add_timer(ev, NGX_MLSEC_LIMIT_TICK);

    if (ngx_mlsec_limit_heart.beating) {
        return;
    }

    period = mlsec_sync_alone(mcf->store.sync) ? NGX_MLSEC_LIMIT_BEAT_ALONE
                                               : NGX_MLSEC_LIMIT_BEAT;

    /* those who have lost it together do not come back together */

    period -= ngx_random() % (period / 5);

    now = ngx_current_msec;

    if (!ngx_mlsec_redis_usable(mcf->store.redis)) {
        now -= NGX_MLSEC_LIMIT_BEAT_OTHERS;
    }

    if (mlsec_sync_due(mcf->store.sync, now, period)) {
        ngx_mlsec_limit_beat(mcf);
    }
}


static void
ngx_mlsec_limit_beat(ngx_mlsec_limit_main_conf_t *mcf)
{
    u_char                     key[MLSEC_SHARED_KEY_PREFIX + 8], name[17];
    u_char                     life[NGX_INT64_LEN];
    mlsec_str_t                args[4];
    mlsec_redis_error_e        error;
    ngx_mlsec_redis_call_t     call;
    ngx_mlsec_redis_command_t  command;

    args[0].data = (u_char *) "1";
    args[0].len = 1;

    args[1].data = key;
    args[1].len = ngx_sprintf(key, "%Vnodes", &mcf->store.prefix) - key;

    args[2].data = name;
    args[2].len = ngx_sprintf(name, "%016xL",
                              mlsec_atomic_load(&mcf->store.sync->node))
                  - name;

    args[3].data = life;
    args[3].len = ngx_sprintf(life, "%d", NGX_MLSEC_LIMIT_LIFE) - life;

    command.script = &ngx_mlsec_limit_heart.script;
    command.args = args;
    command.nargs = 4;

    ngx_memzero(&call, sizeof(ngx_mlsec_redis_call_t));
    call.commands = &command;
    call.ncommands = 1;
    call.timeout = ngx_min(mcf->store.timeout, NGX_MLSEC_LIMIT_BEAT_ALONE);
    call.background = 1;
    call.proof = 1;
    call.done = ngx_mlsec_limit_beat_done;
    call.owner = mcf;

    error = ngx_mlsec_redis_send(mcf->store.redis, &call, NULL);

    if (error != MLSEC_REDIS_OK) {
        ngx_mlsec_limit_beat_failed(mcf, error);
        return;
    }

    ngx_mlsec_limit_heart.beating = 1;
}


static void
ngx_mlsec_limit_beat_done(void *owner, const ngx_mlsec_redis_result_t *result)
{
    ngx_mlsec_limit_main_conf_t *mcf = owner;

    ngx_mlsec_limit_heart.beating = 0;

    if (result->error != MLSEC_REDIS_OK) {
        ngx_mlsec_limit_beat_failed(mcf, result->error);
        return;
    }

    if (result->replies[0].type != MLSEC_REDIS_INTEGER
        || result->replies[0].integer < 1)
    {
        ngx_mlsec_limit_beat_failed(mcf, MLSEC_REDIS_PROTOCOL);
        return;
    }

    ngx_mlsec_limit_worked(mcf, result->replies[0].integer);
}


static void
ngx_mlsec_limit_beat_failed(ngx_mlsec_limit_main_conf_t *mcf,
    mlsec_redis_error_e error)
{
    ngx_mlsec_limit_failed(mcf, error);

    if (!mlsec_sync_alone(mcf->store.sync)) {
        mlsec_atomic_store(&mcf->store.sync->beat,
                           ngx_current_msec + NGX_MLSEC_LIMIT_BEAT_AGAIN);
    }
}


/* One line of the log for each transition, of all workers together. */

static void
ngx_mlsec_limit_worked(const ngx_mlsec_limit_main_conf_t *mcf, uint64_t nodes)
{
    uint64_t       since;
    mlsec_sync_t  *sync;

    sync = mcf->store.sync;
    since = mlsec_atomic_load(&sync->since);

    if (mlsec_sync_beat(sync, nodes, ngx_current_msec)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec limit: redis is back, limits are shared again "
                      "by %uL gateway%s, after: \"%uL ms\"", nodes,
                      nodes == 1 ? "" : "s",
                      (uint64_t) ngx_current_msec - since);
    }
}


void
ngx_mlsec_limit_failed(const ngx_mlsec_limit_main_conf_t *mcf,
    mlsec_redis_error_e error)
{
    mlsec_sync_t            *sync;
    ngx_mlsec_redis_view_t   view;

    sync = mcf->store.sync;

    if (mlsec_sync_failed(sync, ngx_current_msec)) {

        /* that there is no connection is what came of something */

        ngx_mlsec_redis_view(mcf->store.redis, &view);

        if (error == MLSEC_REDIS_UNAVAILABLE && view.last_error) {
            error = view.last_error;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mlsec limit: redis is out of reach, shared limits go "
                      "by \"fail=\" of \"mlsec_limit_sync\" (%uL gateways), "
                      "error: \"%s\"",
                      mlsec_sync_nodes(sync, mcf->store.nodes),
                      mlsec_redis_error_name(error));
    }
}
