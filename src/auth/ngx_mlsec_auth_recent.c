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
 * Who it is, issuer and audience are the same each time for all locations that
 * say the same about them, which is what their "kin" is: a number that no
 * other policy of this process gets, after a reload neither.  A token that is
 * bound to a key is another person's without that key, so of it nothing is
 * kept.
 *
 * A request may outlive the place of its token, so both count as users.
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


struct ngx_mlsec_recent_s {
    ngx_uint_t    refs;                    /* of the table, of requests */
    u_char       *token;                   /* then its payload; behind this */
    size_t        len;                     /* of the token */
    uint64_t      stamp;                   /* of keys and algorithms */
    ngx_msec_t    until;
    mlsec_jwt_t   jwt;
    ngx_uint_t    bound;                   /* to a key, by "cnf" */

    /* what a policy has made of it, whose it is by its kin; 0: none yet */

    ngx_uint_t    kin;
    u_char       *person;                  /* memory of the names */
    ngx_str_t     identity;
    ngx_str_t     tenant;
    ngx_str_t     role_names;
    uint64_t      roles;
};


static ngx_inline uint64_t ngx_mlsec_recent_word(const u_char *p);
static uint64_t ngx_mlsec_recent_differs(const u_char *one,
    const u_char *two, size_t len);
static ngx_mlsec_recent_t **ngx_mlsec_recent_place(mlsec_str_t token);
static void ngx_mlsec_recent_release(ngx_mlsec_recent_t *recent);
static u_char *ngx_mlsec_recent_copy(u_char *p, ngx_str_t *to,
    const ngx_str_t *from);


static ngx_mlsec_recent_t  *ngx_mlsec_recent[NGX_MLSEC_RECENT];


ngx_int_t
ngx_mlsec_recent_get(ngx_http_request_t *r, const ngx_mlsec_cached_t *token,
    ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_mlsec_recent_t  *recent;

    if (token->text.len > NGX_MLSEC_RECENT_LONG) {
        return NGX_DECLINED;
    }

    recent = *ngx_mlsec_recent_place(token->text);

    if (recent == NULL
        || recent->len != token->text.len
        || recent->stamp != token->stamp
        || (ngx_msec_int_t) (recent->until - ngx_current_msec) <= 0
        || ngx_mlsec_recent_differs(recent->token, token->text.data,
                                    recent->len))
    {
        return NGX_DECLINED;
    }

    recent->refs++;

    ctx->recent = recent;
    ctx->jwt = recent->jwt;
    (void) json_incref(ctx->jwt.claims);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mlsec auth: cache of signatures says %d", MLSEC_OK);

    return NGX_OK;
}


void
ngx_mlsec_recent_put(ngx_http_request_t *r, const ngx_mlsec_cached_t *token,
    ngx_mlsec_auth_ctx_t *ctx)
{
    u_char                            *p;
    time_t                             seconds;
    const mlsec_jwt_t                 *jwt;
    ngx_mlsec_recent_t                *recent, **place;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    jwt = &ctx->jwt;
    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);

    if (mcf->cache == NULL || token->text.len > NGX_MLSEC_RECENT_LONG) {
        return;
    }

    recent = ngx_alloc(sizeof(ngx_mlsec_recent_t) + token->text.len
                       + jwt->text.len, r->connection->log);
    if (recent == NULL) {
        return;
    }

    ngx_memzero(recent, sizeof(ngx_mlsec_recent_t));

    seconds = ngx_min(mcf->cache_ttl, NGX_MLSEC_RECENT_TIME);

    recent->token = (u_char *) &recent[1];
    recent->len = token->text.len;
    recent->stamp = token->stamp;
    recent->until = ngx_current_msec + (ngx_msec_t) seconds * 1000;
    recent->bound = (json_object_get(jwt->claims, "cnf") != NULL);

    p = ngx_cpymem(recent->token, token->text.data, token->text.len);

    recent->jwt = *jwt;
    recent->jwt.text.data = p;
    ngx_memcpy(p, jwt->text.data, jwt->text.len);
    recent->jwt.claims = json_incref(jwt->claims);

    place = ngx_mlsec_recent_place(token->text);

    if (*place != NULL) {
        ngx_mlsec_recent_release(*place);
    }

    *place = recent;
    ctx->recent = recent;
    recent->refs = 2;
}


ngx_uint_t
ngx_mlsec_recent_person(const ngx_mlsec_auth_loc_conf_t *lcf,
    ngx_mlsec_auth_ctx_t *ctx)
{
    const ngx_mlsec_recent_t  *recent;

    recent = ctx->recent;

    if (recent == NULL || recent->kin != lcf->kin) {
        return 0;
    }

    ctx->identity = recent->identity;
    ctx->tenant = recent->tenant;
    ctx->roles = recent->roles;
    ctx->role_names = recent->role_names;

    return 1;
}


void
ngx_mlsec_recent_keep(const ngx_mlsec_auth_loc_conf_t *lcf,
    const ngx_mlsec_auth_ctx_t *ctx)
{
    u_char              *p;
    ngx_mlsec_recent_t  *recent;

    recent = ctx->recent;

    if (recent == NULL || recent->kin || recent->bound) {
        return;
    }

    p = ngx_alloc(ctx->identity.len + ctx->tenant.len + ctx->role_names.len
                  + 1, ngx_cycle->log);
    if (p == NULL) {
        return;
    }

    recent->person = p;

    p = ngx_mlsec_recent_copy(p, &recent->identity, &ctx->identity);
    p = ngx_mlsec_recent_copy(p, &recent->tenant, &ctx->tenant);
    (void) ngx_mlsec_recent_copy(p, &recent->role_names, &ctx->role_names);

    recent->roles = ctx->roles;
    recent->kin = lcf->kin;
}


static u_char *
ngx_mlsec_recent_copy(u_char *p, ngx_str_t *to, const ngx_str_t *from)
{
    to->data = p;
    to->len = from->len;

    return ngx_cpymem(p, from->data, from->len);
}


void
ngx_mlsec_recent_forget(ngx_mlsec_auth_ctx_t *ctx)
{
    if (ctx->jwt.claims != NULL) {
        mlsec_jwt_close(&ctx->jwt);
    }

    if (ctx->recent != NULL) {
        ngx_mlsec_recent_release(ctx->recent);
        ctx->recent = NULL;
    }
}


static void
ngx_mlsec_recent_release(ngx_mlsec_recent_t *recent)
{
    if (--recent->refs) {
        return;
    }

    json_decref(recent->jwt.claims);

    if (recent->person != NULL) {
        ngx_free(recent->person);
    }

    ngx_free(recent);
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
    uint64_t  differs;

    differs = 0;

    for (i = 0; i + 32 <= len; i += 32) {
        differs |= (ngx_mlsec_recent_word(one + i)
                    ^ ngx_mlsec_recent_word(two + i))
                   | (ngx_mlsec_recent_word(one + i + 8)
                      ^ ngx_mlsec_recent_word(two + i + 8))
                   | (ngx_mlsec_recent_word(one + i + 16)
                      ^ ngx_mlsec_recent_word(two + i + 16))
                   | (ngx_mlsec_recent_word(one + i + 24)
                      ^ ngx_mlsec_recent_word(two + i + 24));
    }

    for ( /* void */ ; i + 8 <= len; i += 8) {
        differs |= ngx_mlsec_recent_word(one + i)
                   ^ ngx_mlsec_recent_word(two + i);
    }

    for ( /* void */ ; i < len; i++) {
        differs |= one[i] ^ two[i];
    }

    return differs;
}


static ngx_inline uint64_t
ngx_mlsec_recent_word(const u_char *p)
{
    uint64_t  word;

    ngx_memcpy(&word, p, sizeof(word));

    return word;
}


/* By bytes of the signature, which are as random as any. */

static ngx_mlsec_recent_t **
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
