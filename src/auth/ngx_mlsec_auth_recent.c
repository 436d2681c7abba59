/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Tokens that this worker has seen lately, as they were parsed.
 *
 * The cache that workers share spares the signature.  What is left, SHA-256 of
 * the token to find it and JSON to be read again, costs several times what the
 * rest of the decision does.  Here the token itself is the key, compared as a
 * whole, and the claims are those of the first time.  Only tokens whose
 * signature is good get here; times and revocation are looked at each time, by
 * the caller.
 *
 * A token has one place, so the table is of a fixed size, and who has many good
 * tokens can only put out others.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>


#define NGX_MLSEC_RECENT       1024
#define NGX_MLSEC_RECENT_LONG  4096        /* longer tokens have no place */
#define NGX_MLSEC_RECENT_TIME  60          /* seconds, or less: cache_ttl */


typedef struct {
    u_char       *memory;                  /* the token, then its payload */
    size_t        len;                     /* of the token */
    uint64_t      stamp;                   /* of keys and algorithms */
    ngx_msec_t    until;
    mlsec_jwt_t   jwt;
} ngx_mlsec_recent_t;


static uint64_t ngx_mlsec_recent_differs(const u_char *one,
    const u_char *two, size_t len);
static ngx_mlsec_recent_t *ngx_mlsec_recent_place(mlsec_str_t token);


static ngx_mlsec_recent_t  ngx_mlsec_recent[NGX_MLSEC_RECENT];


ngx_int_t
ngx_mlsec_recent_get(ngx_http_request_t *r, const ngx_mlsec_cached_t *token,
    mlsec_jwt_t *jwt)
{
    u_char                    *p;
    const ngx_mlsec_recent_t  *place;

    if (token->text.len > NGX_MLSEC_RECENT_LONG) {
        return NGX_DECLINED;
    }

    place = ngx_mlsec_recent_place(token->text);

    if (place->memory == NULL
        || place->len != token->text.len
        || place->stamp != token->stamp
        || (ngx_msec_int_t) (place->until - ngx_current_msec) <= 0
        || ngx_mlsec_recent_differs(place->memory, token->text.data,
                                    place->len))
    {
        return NGX_DECLINED;
    }

    /* the place may be another token's before the request has ended */

    p = ngx_pnalloc(r->pool, place->jwt.text.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *jwt = place->jwt;
    jwt->text.data = p;
    ngx_memcpy(p, place->jwt.text.data, jwt->text.len);
    jwt->claims = json_incref(place->jwt.claims);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mlsec auth: cache of signatures says %d", MLSEC_OK);

    return NGX_OK;
}


void
ngx_mlsec_recent_put(ngx_http_request_t *r, const ngx_mlsec_cached_t *token,
    const mlsec_jwt_t *jwt)
{
    u_char                            *p;
    time_t                             seconds;
    ngx_mlsec_recent_t                *place;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);

    if (mcf->cache == NULL || token->text.len > NGX_MLSEC_RECENT_LONG) {
        return;
    }

    p = ngx_alloc(token->text.len + jwt->text.len, r->connection->log);
    if (p == NULL) {
        return;
    }

    place = ngx_mlsec_recent_place(token->text);

    if (place->memory != NULL) {
        ngx_free(place->memory);
        json_decref(place->jwt.claims);
    }

    seconds = ngx_min(mcf->cache_ttl, NGX_MLSEC_RECENT_TIME);

    place->memory = p;
    place->len = token->text.len;
    place->stamp = token->stamp;
    place->until = ngx_current_msec + (ngx_msec_t) seconds * 1000;

    p = ngx_cpymem(p, token->text.data, token->text.len);

    place->jwt = *jwt;
    place->jwt.text.data = p;
    ngx_memcpy(p, jwt->text.data, jwt->text.len);
    place->jwt.claims = json_incref(jwt->claims);
}


/*
 * 0 if they are the same.  The time does not tell where they differ: a token is
 * a secret.  OpenSSL's own goes byte by byte, which is half of all that a known
 * token costs.
 */

static uint64_t
ngx_mlsec_recent_differs(const u_char *one, const u_char *two, size_t len)
{
    size_t    i;
    uint64_t  a, b, differs;

    differs = 0;

    for (i = 0; i + sizeof(a) <= len; i += sizeof(a)) {
        ngx_memcpy(&a, one + i, sizeof(a));
        ngx_memcpy(&b, two + i, sizeof(b));
        differs |= a ^ b;
    }

    for ( /* void */ ; i < len; i++) {
        differs |= one[i] ^ two[i];
    }

    return differs;
}


/* By bytes of the signature, which are as random as any. */

static ngx_mlsec_recent_t *
ngx_mlsec_recent_place(mlsec_str_t token)
{
    uint64_t  word;

    word = 0;

    if (token.len >= 2 * sizeof(word)) {
        ngx_memcpy(&word, token.data + token.len - 2 * sizeof(word),
                   sizeof(word));
    }

    return &ngx_mlsec_recent[(word * 0x9e3779b97f4a7c15ull) >> 54];
}
