/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <redis/ngx_mlsec_redis_conf.h>


/*
 * What a new connection begins with, all in one piece: AUTH, CLIENT SETNAME,
 * SELECT, PING.  Commands that every server has, and in their oldest form:
 * HELLO would be one command for all of that, but of RESP3.
 */

#define NGX_MLSEC_REDIS_NAME  64             /* bytes */


static ngx_int_t ngx_mlsec_redis_greet_auth(ngx_mlsec_redis_link_t *link);
static ngx_int_t ngx_mlsec_redis_greet_name(ngx_mlsec_redis_link_t *link);
static ngx_int_t ngx_mlsec_redis_greet_select(ngx_mlsec_redis_link_t *link);
static ngx_int_t ngx_mlsec_redis_greet_ping(ngx_mlsec_redis_link_t *link);
static ngx_int_t ngx_mlsec_redis_greet_command(ngx_mlsec_redis_link_t *link,
    const mlsec_str_t *args, ngx_uint_t n);
static void ngx_mlsec_redis_arg(mlsec_str_t *arg, const void *data,
    size_t len);


ngx_int_t
ngx_mlsec_redis_greet(ngx_mlsec_redis_link_t *link)
{
    link->greetings = 0;
    link->greeted = 0;
    link->greeting = MLSEC_REDIS_OK;

    if (ngx_mlsec_redis_greet_auth(link) != NGX_OK
        || ngx_mlsec_redis_greet_name(link) != NGX_OK
        || ngx_mlsec_redis_greet_select(link) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mlsec_redis_greet_ping(link);
}


/* A server before 6 knows AUTH with one argument only. */

static ngx_int_t
ngx_mlsec_redis_greet_auth(ngx_mlsec_redis_link_t *link)
{
    ngx_uint_t                n;
    mlsec_str_t               args[3];
    const ngx_mlsec_redis_t  *conf;

    conf = link->conf;

    if (conf->password.len == 0) {
        return NGX_OK;
    }

    n = 0;
    ngx_mlsec_redis_arg(&args[n++], "AUTH", 4);

    if (conf->user.len) {
        ngx_mlsec_redis_arg(&args[n++], conf->user.data, conf->user.len);
    }

    ngx_mlsec_redis_arg(&args[n++], conf->password.data, conf->password.len);

    return ngx_mlsec_redis_greet_command(link, args, n);
}


static ngx_int_t
ngx_mlsec_redis_greet_name(ngx_mlsec_redis_link_t *link)
{
    u_char       name[NGX_MLSEC_REDIS_NAME], *p;
    mlsec_str_t  args[3];

    p = ngx_snprintf(name, sizeof(name), "mlsec-%P%s", ngx_pid, link->what);

    ngx_mlsec_redis_arg(&args[0], "CLIENT", 6);
    ngx_mlsec_redis_arg(&args[1], "SETNAME", 7);
    ngx_mlsec_redis_arg(&args[2], name, p - name);

    return ngx_mlsec_redis_greet_command(link, args, 3);
}


static ngx_int_t
ngx_mlsec_redis_greet_select(ngx_mlsec_redis_link_t *link)
{
    u_char       db[NGX_INT_T_LEN], *p;
    mlsec_str_t  args[2];

    if (link->conf->url.db == 0) {
        return NGX_OK;
    }

    p = ngx_sprintf(db, "%ud", link->conf->url.db);

    ngx_mlsec_redis_arg(&args[0], "SELECT", 6);
    ngx_mlsec_redis_arg(&args[1], db, p - db);

    return ngx_mlsec_redis_greet_command(link, args, 2);
}


static ngx_int_t
ngx_mlsec_redis_greet_ping(ngx_mlsec_redis_link_t *link)
{
    mlsec_str_t  arg;

    ngx_mlsec_redis_arg(&arg, "PING", 4);

    return ngx_mlsec_redis_greet_command(link, &arg, 1);
}


static ngx_int_t
ngx_mlsec_redis_greet_command(ngx_mlsec_redis_link_t *link,
    const mlsec_str_t *args, ngx_uint_t n)
{
    link->greetings++;

    return ngx_mlsec_redis_link_command(link, args, n);
}


static void
ngx_mlsec_redis_arg(mlsec_str_t *arg, const void *data, size_t len)
{
    arg->data = data;
    arg->len = len;
}


/*
 * A user that may not name its connections, or not PING, can still be good
 * for what it is there for.
 */

ngx_int_t
ngx_mlsec_redis_greeted(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply)
{
    ngx_uint_t           nth;
    mlsec_redis_error_e  error;

    nth = link->greeted++;
    error = mlsec_redis_classify(reply);

    if (nth == (link->conf->password.len ? 1 : 0)
        && (error == MLSEC_REDIS_REFUSED || error == MLSEC_REDIS_DENIED))
    {
        error = MLSEC_REDIS_OK;
    }

    if (nth + 1 == link->greetings && error == MLSEC_REDIS_DENIED) {
        error = MLSEC_REDIS_OK;
    }

    if (error != MLSEC_REDIS_OK && link->greeting == MLSEC_REDIS_OK) {
        link->greeting = error;
    }

    if (link->greeted < link->greetings) {
        return NGX_AGAIN;
    }

    return link->greeting == MLSEC_REDIS_OK ? NGX_OK : NGX_ERROR;
}
