/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_variables.h>
#include <core/ngx_mlsec_conf.h>
#include <openssl/rand.h>

#include <lib/mlsec_siphash.h>


#define NGX_MLSEC_REQUEST_ID_MAX  128


typedef void (*ngx_mlsec_variable_pt)(ngx_http_request_t *r,
    ngx_str_t *value);


static ngx_int_t ngx_mlsec_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_mlsec_variable_request_id(ngx_http_request_t *r,
    ngx_str_t *value);
static void ngx_mlsec_variable_forwarded_for(ngx_http_request_t *r,
    ngx_str_t *value);
static void ngx_mlsec_variable_forwarded_proto(ngx_http_request_t *r,
    ngx_str_t *value);
static void ngx_mlsec_variable_forwarded_host(ngx_http_request_t *r,
    ngx_str_t *value);
static void ngx_mlsec_variable_uptime(ngx_http_request_t *r,
    ngx_str_t *value);
static ngx_uint_t ngx_mlsec_request_id_is_sane(ngx_str_t *id);
static ngx_uint_t ngx_mlsec_client_is_trusted(ngx_http_request_t *r,
    ngx_str_t *peer);
static ngx_int_t ngx_mlsec_find_realip(ngx_conf_t *cf);
static ngx_http_variable_value_t *ngx_mlsec_get_variable(
    ngx_http_request_t *r, const char *name);


/* one getter for all: data is the index here */

static ngx_mlsec_variable_pt  ngx_mlsec_variable_handlers[] = {
    ngx_mlsec_variable_request_id,
    ngx_mlsec_variable_forwarded_for,
    ngx_mlsec_variable_forwarded_proto,
    ngx_mlsec_variable_forwarded_host,
    ngx_mlsec_variable_uptime
};


static ngx_http_variable_t  ngx_mlsec_variables[] = {

    { ngx_string("mlsec_request_id"), NULL, ngx_mlsec_variable, 0, 0, 0 },

    { ngx_string("mlsec_forwarded_for"), NULL, ngx_mlsec_variable, 1, 0, 0 },

    { ngx_string("mlsec_forwarded_proto"), NULL, ngx_mlsec_variable, 2, 0, 0 },

    { ngx_string("mlsec_forwarded_host"), NULL, ngx_mlsec_variable, 3, 0, 0 },

    { ngx_string("mlsec_uptime"), NULL, ngx_mlsec_variable, 4, 0, 0 },

      ngx_http_null_variable
};


static ngx_int_t  ngx_mlsec_request_id_index;
static ngx_int_t  ngx_mlsec_realip_index;       /* NGX_ERROR: no module */

/*
 * When the master read its first configuration, in seconds.  A reload opens
 * this module again before it closes it, so this stays as it is.
 */

static time_t     ngx_mlsec_started;

/* of this worker: the key of its ids and how many it has made */

static uint64_t   ngx_mlsec_request_id_seed[2];
static uint64_t   ngx_mlsec_request_id_count;


ngx_int_t
ngx_mlsec_variables_add(ngx_conf_t *cf)
{
    ngx_str_t  name;

    if (ngx_mlsec_started == 0) {
        ngx_mlsec_started = ngx_time();
    }

    if (ngx_mlsec_conf_variables(cf, ngx_mlsec_variables) != NGX_OK) {
        return NGX_ERROR;
    }

    /* indexed, so that it is made once and stays what it is */

    ngx_str_set(&name, "mlsec_request_id");

    ngx_mlsec_request_id_index = ngx_http_get_variable_index(cf, &name);
    if (ngx_mlsec_request_id_index == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_mlsec_find_realip(cf);
}


/*
 * Each of three variables asks for the peer of each request: by its index,
 * which costs a tenth of looking for a name.  To ask for the index of a
 * variable that nobody has defined would be an error.
 */

static ngx_int_t
ngx_mlsec_find_realip(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_core_main_conf_t  *cmcf;

    static ngx_str_t  name = ngx_string("realip_remote_addr");

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_mlsec_realip_index = NGX_ERROR;

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {

        if (key[i].key.len == name.len
            && ngx_strncmp(key[i].key.data, name.data, name.len) == 0)
        {
            ngx_mlsec_realip_index = ngx_http_get_variable_index(cf, &name);

            return ngx_mlsec_realip_index == NGX_ERROR ? NGX_ERROR : NGX_OK;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_variables_init_worker(ngx_cycle_t *cycle)
{
    if (RAND_bytes((u_char *) ngx_mlsec_request_id_seed,
                   sizeof(ngx_mlsec_request_id_seed))
        != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "mlsec core: no random bytes for request ids");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_mlsec_request_id(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_http_variable_value_t  *v;

    v = ngx_http_get_indexed_variable(r, ngx_mlsec_request_id_index);

    if (v == NULL || v->not_found) {
        ngx_str_null(id);
        return;
    }

    id->data = v->data;
    id->len = v->len;
}


void
ngx_mlsec_forwarded(ngx_http_request_t *r, ngx_mlsec_forwarded_t *forwarded)
{
    u_char                     *p;
    ngx_str_t                   peer;
    ngx_uint_t                  n;
    ngx_table_elt_t            *h;
    ngx_http_variable_value_t  *v;

    forwarded->client = r->connection->addr_text;
    forwarded->host = r->main->headers_in.server;
    ngx_str_set(&forwarded->proto, "http");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&forwarded->proto, "https");
    }
#endif

    if (r->main->headers_in.host) {
        forwarded->host = r->main->headers_in.host->value;
    }

    if (!ngx_mlsec_client_is_trusted(r, &peer)) {
        return;
    }

    /* of two the proxy has added one, and the client has sent the other */

    h = ngx_mlsec_header_in(r->main, "x-forwarded-proto", &n);

    if (n == 1 && h->value.len) {
        forwarded->proto = h->value;
    }

    h = ngx_mlsec_header_in(r->main, "x-forwarded-host", &n);

    if (n == 1 && h->value.len) {
        forwarded->host = h->value;
    }

    /* the variable joins headers that came in several lines */

    v = ngx_mlsec_get_variable(r->main, "http_x_forwarded_for");

    if (v != NULL && !v->not_found && v->len) {
        forwarded->client.data = v->data;
        forwarded->client.len = v->len;
    }

    p = ngx_pnalloc(r->pool,
                    forwarded->client.len + sizeof(", ") - 1 + peer.len);
    if (p == NULL) {
        return;
    }

    peer.len = ngx_sprintf(p, "%V, %V", &forwarded->client, &peer) - p;
    peer.data = p;

    forwarded->client = peer;
}


static void
ngx_mlsec_variable_forwarded_for(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_mlsec_forwarded_t  forwarded;

    ngx_mlsec_forwarded(r, &forwarded);
    *value = forwarded.client;
}


static void
ngx_mlsec_variable_forwarded_proto(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_mlsec_forwarded_t  forwarded;

    ngx_mlsec_forwarded(r, &forwarded);
    *value = forwarded.proto;
}


static void
ngx_mlsec_variable_forwarded_host(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_mlsec_forwarded_t  forwarded;

    ngx_mlsec_forwarded(r, &forwarded);
    *value = forwarded.host;
}


ngx_table_elt_t *
ngx_mlsec_header_in(ngx_http_request_t *r, const char *name, ngx_uint_t *n)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found;

    *n = 0;
    found = NULL;
    len = ngx_strlen(name);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0 || h[i].key.len != len
            || ngx_strncmp(h[i].lowcase_key, name, len) != 0)
        {
            continue;
        }

        if (found == NULL) {
            found = &h[i];
        }

        (*n)++;
    }

    return found;
}


static ngx_int_t
ngx_mlsec_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t  value;

    ngx_mlsec_variable_handlers[data](r, &value);

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void
ngx_mlsec_variable_request_id(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char           *p;
    uint64_t          input[1], id[2];
    mlsec_str_t       text;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_header_in(r->main, "x-request-id", &n);

    if (n == 1 && ngx_mlsec_request_id_is_sane(&h->value)) {
        *value = h->value;
        return;
    }

    ngx_str_null(value);

    p = ngx_pnalloc(r->pool, 32);
    if (p == NULL) {
        return;
    }

    /*
     * A keyed hash of a counter: as hard to guess as its key, at a fraction
     * of what random bytes for each request cost.
     */

    text.data = (u_char *) input;
    text.len = sizeof(input);

    input[0] = ngx_mlsec_request_id_count++;
    id[0] = mlsec_siphash(ngx_mlsec_request_id_seed, text);

    input[0] = ngx_mlsec_request_id_count++;
    id[1] = mlsec_siphash(ngx_mlsec_request_id_seed, text);

    value->data = p;
    value->len = ngx_hex_dump(p, (u_char *) id, sizeof(id)) - p;
}


static void
ngx_mlsec_variable_uptime(ngx_http_request_t *r, ngx_str_t *value)
{
    value->len = 0;
    value->data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);

    if (value->data != NULL) {
        value->len = ngx_sprintf(value->data, "%T", ngx_mlsec_uptime())
                     - value->data;
    }
}


time_t
ngx_mlsec_uptime(void)
{
    return ngx_time() - ngx_mlsec_started;
}


static ngx_uint_t
ngx_mlsec_request_id_is_sane(ngx_str_t *id)
{
    size_t  i;
    u_char  ch, c;

    if (id->len == 0 || id->len > NGX_MLSEC_REQUEST_ID_MAX) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];
        c = (u_char) (ch | 0x20);

        if ((c >= 'a' && c <= 'z') || (ch >= '0' && ch <= '9')) {
            continue;
        }

        if (ch == '\0' || ngx_strchr("._:@/+=-", ch) == NULL) {
            return 0;
        }
    }

    return 1;
}


/*
 * The realip module replaces the client's address only for peers that
 * set_real_ip_from names, and keeps the peer's own in $realip_remote_addr.
 * The two differ exactly when the peer is a trusted proxy that has named a
 * client.  Without the module the variable does not exist and nobody is
 * trusted.
 */

static ngx_uint_t
ngx_mlsec_client_is_trusted(ngx_http_request_t *r, ngx_str_t *peer)
{
    ngx_str_t                  *client;
    ngx_http_variable_value_t  *v;

    if (ngx_mlsec_realip_index == NGX_ERROR) {
        return 0;
    }

    v = ngx_http_get_indexed_variable(r, ngx_mlsec_realip_index);

    if (v == NULL || v->not_found) {
        return 0;
    }

    peer->data = v->data;
    peer->len = v->len;
    client = &r->connection->addr_text;

    return peer->len != client->len
           || ngx_strncmp(peer->data, client->data, client->len) != 0;
}


static ngx_http_variable_value_t *
ngx_mlsec_get_variable(ngx_http_request_t *r, const char *name)
{
    ngx_str_t  s;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    return ngx_http_get_variable(r, &s, ngx_hash_key(s.data, s.len));
}
