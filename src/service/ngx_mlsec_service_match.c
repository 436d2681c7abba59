/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_mem.h>
#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_health.h>


/*
 * A probe runs in a worker that serves clients too, so what a program may take
 * is far less than for a request: about a millisecond at most.
 */

#define NGX_MLSEC_MATCH_STEPS   100000           /* instructions */
#define NGX_MLSEC_MATCH_MEMORY  (4 * 1024 * 1024)
#define NGX_MLSEC_MATCH_POOL    4096


static const char *ngx_mlsec_match_run(ngx_pool_t *pool,
    const ngx_mlsec_health_t *health, ngx_uint_t status, mlsec_str_t text);
static const char *ngx_mlsec_match_error(int rc);


static const mlsec_str_t  ngx_mlsec_match_names[] = {
    { (const unsigned char *) "status", sizeof("status") - 1 }
};


ngx_int_t
ngx_mlsec_match_compile(ngx_conf_t *cf, ngx_mlsec_health_t *health)
{
    int                    rc;
    ngx_str_t              text;
    const char            *name;
    mlsec_mem_t            mem;
    mlsec_str_t            program;
    mlsec_filter_t        *filter;
    mlsec_filter_error_t   error;

    if (health->match.len && health->match_file.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"match=\" and \"match_file=\" in "
                           "\"mlsec_health\", expected one of them");
        return NGX_ERROR;
    }

    if (health->match.len == 0 && health->match_file.len == 0) {
        return NGX_OK;
    }

    name = health->match.len ? "match=" : "match_file=";
    text = health->match;

    if (health->match_file.len
        && ngx_mlsec_conf_read_file(cf, "mlsec_health", &health->match_file,
                                    MLSEC_FILTER_MAX_PROGRAM, &text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    mem = ngx_mlsec_mem(cf->pool);

    program.data = text.data;
    program.len = text.len;

    rc = mlsec_filter_compile(&mem, program, ngx_mlsec_match_names, 1,
                              &filter, &error);

    if (rc == MLSEC_INVALID) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid program in \"%s\" of \"mlsec_health\", "
                           "line %ui, column %ui: %s", name,
                           (ngx_uint_t) error.line, (ngx_uint_t) error.column,
                           error.reason);
    }

    if (rc != MLSEC_OK) {
        return NGX_ERROR;
    }

    health->program = filter;

    return NGX_OK;
}


const char *
ngx_mlsec_match(const ngx_mlsec_health_t *health, ngx_uint_t status,
    const u_char *data, size_t len)
{
    const char   *error;
    ngx_pool_t   *pool;
    mlsec_str_t   text;

    if (len == 0) {
        return "no body";
    }

    pool = ngx_create_pool(NGX_MLSEC_MATCH_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return "out of memory";
    }

    text.data = data;
    text.len = len;

    error = ngx_mlsec_match_run(pool, health, status, text);

    ngx_destroy_pool(pool);

    return error;
}


/*
 * As jq's -e has it: the last result counts, and false and null are no.  One
 * result is what a condition gives; more of them than can be counted end at
 * the limit of steps.
 */

static const char *
ngx_mlsec_match_run(ngx_pool_t *pool, const ngx_mlsec_health_t *health,
    ngx_uint_t status, mlsec_str_t text)
{
    int                    rc, no;
    u_char                 number[NGX_INT_T_LEN];
    ngx_time_t            *tp;
    mlsec_filter_env_t     env;
    mlsec_filter_run_t    *run;
    mlsec_filter_value_t   input, value;

    ngx_memzero(&env, sizeof(mlsec_filter_env_t));
    ngx_memzero(&input, sizeof(mlsec_filter_value_t));
    ngx_memzero(&value, sizeof(mlsec_filter_value_t));

    tp = ngx_timeofday();

    env.mem = ngx_mlsec_mem(pool);
    env.max_steps = NGX_MLSEC_MATCH_STEPS;
    env.max_memory = NGX_MLSEC_MATCH_MEMORY;
    env.now = (double) tp->sec + (double) tp->msec / 1000;
    env.seed[0] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();
    env.seed[1] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();

    input.text = text;
    value.text.data = number;
    value.text.len = ngx_sprintf(number, "%ui", status) - number;

    rc = mlsec_filter_start(health->program, &env, &input, &value, &run);

    if (rc != MLSEC_OK) {
        return ngx_mlsec_match_error(rc);
    }

    no = 1;

    while ((rc = mlsec_filter_next(run)) == MLSEC_OK) {
        no = mlsec_filter_is_false(run);
    }

    if (rc != MLSEC_DECLINED) {
        return ngx_mlsec_match_error(rc);
    }

    return no ? "body not as expected" : NULL;
}


static const char *
ngx_mlsec_match_error(int rc)
{
    switch (rc) {

    case MLSEC_FILTER_INPUT:
        return "body is no JSON";

    case MLSEC_FILTER_ERROR:
        return "match= failed on the body";

    case MLSEC_FILTER_STEPS:
        return "match= took too many steps";

    case MLSEC_FILTER_MEMORY:
        return "match= took too much memory";

    default: /* MLSEC_NOMEM */
        return "out of memory";
    }
}
