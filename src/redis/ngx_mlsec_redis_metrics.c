/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <redis/ngx_mlsec_redis_client.h>


static void ngx_mlsec_redis_json(ngx_mlsec_json_t *w, const uint64_t *words);


/* in the order of mlsec_redis_error_e; compared by t/redis/metrics.t */

static const char *const  ngx_mlsec_redis_labels[MLSEC_REDIS_ERRORS] = {
    "result=\"ok\"", "result=\"unavailable\"", "result=\"full\"",
    "result=\"resolve\"", "result=\"connect\"", "result=\"tls\"",
    "result=\"timeout\"", "result=\"closed\"", "result=\"protocol\"",
    "result=\"too_large\"", "result=\"no_memory\"", "result=\"auth\"",
    "result=\"denied\"", "result=\"loading\"", "result=\"readonly\"",
    "result=\"oom\"", "result=\"busy\"", "result=\"cluster\"",
    "result=\"noscript\"", "result=\"refused\""
};


static const ngx_mlsec_family_t  ngx_mlsec_redis_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_redis_calls",
      "Calls of a Redis server by what came of them.",
      NGX_MLSEC_REDIS_WORD_CALLS, MLSEC_REDIS_ERRORS, ngx_mlsec_redis_labels,
      1, 1 },

    { NGX_MLSEC_HISTOGRAM, "mlsec_redis_call_duration_seconds",
      "Time until a Redis server had answered a call.",
      NGX_MLSEC_REDIS_WORD_LATENCY, 0, NULL, 1000, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_redis_connects",
      "Connections to a Redis server that were good for calls.",
      NGX_MLSEC_REDIS_WORD_CONNECTS, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_redis_connections_lost",
      "Connections to a Redis server that were lost, or could not be made.",
      NGX_MLSEC_REDIS_WORD_LOST, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_redis_messages",
      "Messages of channels that were subscribed to.",
      NGX_MLSEC_REDIS_WORD_MESSAGES, 1, NULL, 1, 0 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_redis_kind = {
    "redis",
    ngx_mlsec_redis_families,
    sizeof(ngx_mlsec_redis_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_REDIS_WORDS,
    ngx_mlsec_redis_json
};


ngx_int_t
ngx_mlsec_redis_metrics(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    ngx_mlsec_label_t  label;

    label.name = "server";
    label.value = redis->shown;

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_redis_kind, &label, 1,
                                    &redis->metrics);
}


static void
ngx_mlsec_redis_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    uint64_t    total, errors;
    ngx_uint_t  i;

    total = 0;

    for (i = 0; i < MLSEC_REDIS_ERRORS; i++) {
        total += words[i];
    }

    /* a script that was sent again is counted as what came of it, too */

    total -= words[MLSEC_REDIS_NOSCRIPT];
    errors = total - words[MLSEC_REDIS_OK];

    ngx_mlsec_metrics_json_number(w, "calls", total);
    ngx_mlsec_metrics_json_number(w, "errors", errors);
    ngx_mlsec_metrics_json_rate(w, errors, total);
    ngx_mlsec_metrics_json_number(w, "connects",
                                  words[NGX_MLSEC_REDIS_WORD_CONNECTS]);
    ngx_mlsec_metrics_json_number(w, "connections_lost",
                                  words[NGX_MLSEC_REDIS_WORD_LOST]);
    ngx_mlsec_metrics_json_number(w, "messages",
                                  words[NGX_MLSEC_REDIS_WORD_MESSAGES]);
    ngx_mlsec_metrics_json_latency(w, words + NGX_MLSEC_REDIS_WORD_LATENCY);
}
