/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/auth/mlsec_sha256.h>
#include <lib/auth/mlsec_token_cache.h>

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>


#define NGX_MLSEC_MINT_KEY_MAX   16384         /* bytes of a key file */
#define NGX_MLSEC_MINT_TTL       60            /* seconds */
#define NGX_MLSEC_MINT_TTL_MIN   4
#define NGX_MLSEC_MINT_TTL_MAX   3600
#define NGX_MLSEC_MINT_CACHE     (1024 * 1024)


/*
 * What the gateway signs for services, so that they need not believe a bare
 * header: who is asking, in a token of a minute.
 *
 * libjwt reads the key anew for each token (some 300 us), so a token is kept
 * for three quarters of its life, by a worker for itself: a private key and
 * what it signs have no business in memory that others can write to.  What it
 * is found by is a hash of all that is in it but its times and its id.
 */

static ngx_int_t ngx_mlsec_mint_param(ngx_conf_t *cf, ngx_mlsec_mint_t *mint,
    ngx_str_t *word);
static ngx_int_t ngx_mlsec_mint_names(ngx_conf_t *cf, ngx_str_t *list,
    ngx_array_t **names);
static ngx_int_t ngx_mlsec_mint_key(ngx_conf_t *cf, ngx_mlsec_mint_t *mint,
    ngx_str_t *path);
static int ngx_mlsec_mint_alg(const ngx_str_t *pem);
static mlsec_apart ngx_int_t ngx_mlsec_mint_known(ngx_http_request_t *r,
    const ngx_mlsec_mint_t *mint, const ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token);
static ngx_int_t ngx_mlsec_mint_digest(const ngx_mlsec_mint_t *mint,
    const ngx_mlsec_auth_ctx_t *ctx, u_char *digest);
static ngx_int_t ngx_mlsec_mint_new(ngx_http_request_t *r,
    const ngx_mlsec_mint_t *mint, const ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token);
static ngx_int_t ngx_mlsec_mint_claims(ngx_http_request_t *r,
    const ngx_mlsec_mint_t *mint, const ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *claims);
static void ngx_mlsec_mint_roles(ngx_http_request_t *r, ngx_mlsec_json_t *w,
    uint64_t roles);
static char *ngx_mlsec_mint_sign(const ngx_mlsec_mint_t *mint,
    const char *claims);


static ngx_mlsec_mint_t  ngx_mlsec_mint_off;

/*
 * A number for each line, so that no line finds the token of another one.  It
 * goes on over reloads, of which a process may see several.
 */

static uint64_t  ngx_mlsec_mint_lines;

/* of this worker */

static mlsec_token_cache_t  *ngx_mlsec_mint_cache;


char *
ngx_mlsec_upstream_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_mlsec_mint_t  *mint;

    if (lcf->mint != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->mint = &ngx_mlsec_mint_off;
        return NGX_CONF_OK;
    }

    mint = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_mint_t));
    if (mint == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->mint = mint;
    mint->ttl = NGX_MLSEC_MINT_TTL;
    mint->line = ++ngx_mlsec_mint_lines;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_mlsec_mint_param(cf, mint, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (mint->issuer.len == 0 || mint->audiences == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_upstream_token\" without \"issuer=\" or "
                           "\"audience=\", say who signs and who it is for");
        return NGX_CONF_ERROR;
    }

    return ngx_mlsec_mint_key(cf, mint, &value[1]) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_mint_param(ngx_conf_t *cf, ngx_mlsec_mint_t *mint, ngx_str_t *word)
{
    ngx_int_t  ttl;
    ngx_str_t  text;

    if (ngx_strcmp(word->data, "request_id") == 0) {
        mint->request_id = 1;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(word, "issuer=", &text) && text.len) {
        mint->issuer = text;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(word, "kid=", &text) && text.len) {
        mint->kid = text;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(word, "audience=", &text)
        && mint->audiences == NULL)
    {
        if (ngx_mlsec_mint_names(cf, &text, &mint->audiences) == NGX_OK) {
            return NGX_OK;
        }

    } else if (ngx_mlsec_conf_param(word, "ttl=", &text)) {
        ttl = ngx_parse_time(&text, 1);

        if (ttl >= NGX_MLSEC_MINT_TTL_MIN && ttl <= NGX_MLSEC_MINT_TTL_MAX) {
            mint->ttl = ttl;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"mlsec_upstream_token\", "
                       "expected \"issuer=NAME\", \"audience=NAME,NAME\", "
                       "\"ttl=TIME\" from 4s to 1h, \"kid=ID\" or "
                       "\"request_id\"", word);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_mint_names(ngx_conf_t *cf, ngx_str_t *list, ngx_array_t **names)
{
    u_char     *p, *last, *comma;
    ngx_str_t  *name;

    *names = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
    if (*names == NULL) {
        return NGX_ERROR;
    }

    last = list->data + list->len;

    for (p = list->data; /* void */ ; p = comma + 1) {
        comma = ngx_strlchr(p, last, ',');

        name = ngx_array_push(*names);
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->data = p;
        name->len = (comma ? comma : last) - p;

        if (name->len == 0) {
            return NGX_ERROR;
        }

        if (comma == NULL) {
            return NGX_OK;
        }
    }
}


/*
 * The key is read while the configuration is, by root, and workers need no
 * right to its file.  Whether a token comes out of it is tried right away.
 */

static ngx_int_t
ngx_mlsec_mint_key(ngx_conf_t *cf, ngx_mlsec_mint_t *mint, ngx_str_t *path)
{
    char             *trial;
    ngx_str_t         text, full;
    ngx_file_info_t   fi;

    if (ngx_mlsec_conf_read_file(cf, "mlsec_upstream_token", path,
                                 NGX_MLSEC_MINT_KEY_MAX, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    mint->key.len = text.len;
    mint->key.data = ngx_pnalloc(cf->pool, text.len + 1);
    if (mint->key.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(mint->key.data, text.data, text.len) = '\0';
    mint->alg = ngx_mlsec_mint_alg(&mint->key);

    trial = mint->alg == JWT_ALG_NONE ? NULL
                                      : ngx_mlsec_mint_sign(mint, "{}");
    if (trial == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"mlsec_upstream_token\" is no key that "
                           "signs, expected a private key in PEM without a "
                           "password: RSA of 2048 bits or more, or EC P-256, "
                           "P-384 or P-521", path);
        return NGX_ERROR;
    }

    free(trial);
    full = *path;

    if (ngx_conf_full_name(cf->cycle, &full, 1) == NGX_OK
        && ngx_file_info(full.data, &fi) != NGX_FILE_ERROR
        && (ngx_file_access(&fi) & 077))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" of \"mlsec_upstream_token\" can be read by "
                           "others than its owner", path);
    }

    return NGX_OK;
}


/* A key that asks for a password has none: nobody could type it. */

static int
ngx_mlsec_mint_alg(const ngx_str_t *pem)
{
    int        alg, bits;
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    if (bio == NULL) {
        return JWT_ALG_NONE;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "");
    BIO_free(bio);

    if (pkey == NULL) {
        return JWT_ALG_NONE;
    }

    bits = EVP_PKEY_bits(pkey);

    switch (EVP_PKEY_base_id(pkey)) {

    case EVP_PKEY_RSA:
        alg = bits >= 2048 ? JWT_ALG_RS256 : JWT_ALG_NONE;
        break;

    case EVP_PKEY_EC:
        alg = bits == 256 ? JWT_ALG_ES256
              : bits == 384 ? JWT_ALG_ES384
              : bits == 521 ? JWT_ALG_ES512 : JWT_ALG_NONE;
        break;

    default:
        alg = JWT_ALG_NONE;
    }

    EVP_PKEY_free(pkey);

    return alg;
}


ngx_int_t
ngx_mlsec_mint_init_worker(void)
{
    void  *memory;

    if (ngx_mlsec_mint_lines == 0 || ngx_mlsec_mint_cache != NULL) {
        return NGX_OK;
    }

    memory = ngx_alloc(NGX_MLSEC_MINT_CACHE, ngx_cycle->log);
    if (memory == NULL) {
        return NGX_ERROR;
    }

    ngx_mlsec_mint_cache = mlsec_token_cache_new(memory,
                                                 NGX_MLSEC_MINT_CACHE);
    return NGX_OK;
}


ngx_int_t
ngx_mlsec_mint(ngx_http_request_t *r, const ngx_mlsec_mint_t *mint,
    const ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *token)
{
    ngx_str_null(token);

    return (mint == NULL || mint->line == 0)
           ? NGX_OK : ngx_mlsec_mint_known(r, mint, ctx, token);
}


static ngx_int_t
ngx_mlsec_mint_known(ngx_http_request_t *r, const ngx_mlsec_mint_t *mint,
    const ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *token)
{
    u_char        digest[MLSEC_SHA256_SIZE];
    size_t        len;
    uint64_t      now;
    mlsec_str_t   text;

    if (mint->request_id
        || ngx_mlsec_mint_digest(mint, ctx, digest) != NGX_OK)
    {
        return ngx_mlsec_mint_new(r, mint, ctx, token);
    }

    now = ngx_current_msec / 1000;

    token->data = ngx_pnalloc(r->pool, MLSEC_TOKEN_CACHE_PAYLOAD);
    if (token->data == NULL) {
        return NGX_ERROR;
    }

    if (mlsec_token_cache_get(ngx_mlsec_mint_cache, digest, mint->line, now,
                              token->data, &len)
        == MLSEC_OK)
    {
        token->len = len;
        return NGX_OK;
    }

    if (ngx_mlsec_mint_new(r, mint, ctx, token) != NGX_OK) {
        return NGX_ERROR;
    }

    text.data = token->data;
    text.len = token->len;

    mlsec_token_cache_put(ngx_mlsec_mint_cache, digest, mint->line,
                          now + mint->ttl - mint->ttl / 4, text);

    return NGX_OK;
}


/* The lengths keep one identity and tenant from looking like another two. */

static ngx_int_t
ngx_mlsec_mint_digest(const ngx_mlsec_mint_t *mint,
    const ngx_mlsec_auth_ctx_t *ctx, u_char *digest)
{
    uint64_t     head[4];
    mlsec_str_t  parts[3];

    head[0] = mint->line;
    head[1] = ctx->roles;
    head[2] = ctx->identity.len;
    head[3] = ctx->tenant.len;

    parts[0].data = (u_char *) head;
    parts[0].len = sizeof(head);
    parts[1].data = ctx->identity.data;
    parts[1].len = ctx->identity.len;
    parts[2].data = ctx->tenant.data;
    parts[2].len = ctx->tenant.len;

    return mlsec_sha256_of(parts, 3, digest) == MLSEC_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_mint_new(ngx_http_request_t *r, const ngx_mlsec_mint_t *mint,
    const ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *token)
{
    char       *text;
    ngx_str_t   claims;

    if (ngx_mlsec_mint_claims(r, mint, ctx, &claims) != NGX_OK) {
        return NGX_ERROR;
    }

    text = ngx_mlsec_mint_sign(mint, (char *) claims.data);

    if (text == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "mlsec auth: no token for services could be signed");
        return NGX_ERROR;
    }

    token->len = ngx_strlen(text);
    token->data = ngx_pnalloc(r->pool, token->len);

    if (token->data != NULL) {
        ngx_memcpy(token->data, text, token->len);
    }

    free(text);

    return token->data != NULL ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_mint_claims(ngx_http_request_t *r, const ngx_mlsec_mint_t *mint,
    const ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *claims)
{
    u_char            *p, id[16];
    ngx_str_t         *audience, identity, tenant, request;
    ngx_uint_t         i;
    ngx_mlsec_json_t   w;
    u_char             text[2 * sizeof(id) + 2 * NGX_TIME_T_LEN + 64];

    if (RAND_bytes(id, sizeof(id)) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_mlsec_json_init(&w, r->pool, 512);

    identity = ctx->identity;
    tenant = ctx->tenant;

    ngx_mlsec_json_lit(&w, "{\"iss\":");
    ngx_mlsec_json_string(&w, (ngx_str_t *) &mint->issuer);
    ngx_mlsec_json_lit(&w, ",\"aud\":");

    audience = mint->audiences->elts;

    if (mint->audiences->nelts > 1) {
        ngx_mlsec_json_lit(&w, "[");
    }

    for (i = 0; i < mint->audiences->nelts; i++) {
        if (i > 0) {
            ngx_mlsec_json_lit(&w, ",");
        }

        ngx_mlsec_json_string(&w, &audience[i]);
    }

    if (mint->audiences->nelts > 1) {
        ngx_mlsec_json_lit(&w, "]");
    }

    ngx_mlsec_json_lit(&w, ",\"sub\":");
    ngx_mlsec_json_string(&w, &identity);
    ngx_mlsec_json_lit(&w, ",\"roles\":[");
    ngx_mlsec_mint_roles(r, &w, ctx->roles);
    ngx_mlsec_json_lit(&w, "]");

    if (tenant.len) {
        ngx_mlsec_json_lit(&w, ",\"tenant\":");
        ngx_mlsec_json_string(&w, &tenant);
    }

    if (mint->request_id) {
        ngx_mlsec_request_id(r, &request);
        ngx_mlsec_json_lit(&w, ",\"request_id\":");
        ngx_mlsec_json_string(&w, &request);
    }

    p = ngx_cpymem(text, ",\"jti\":\"", sizeof(",\"jti\":\"") - 1);
    p = ngx_hex_dump(p, id, sizeof(id));
    p = ngx_sprintf(p, "\",\"iat\":%T,\"exp\":%T}%Z", ngx_time(),
                    ngx_time() + mint->ttl);

    ngx_mlsec_json_raw(&w, text, p - text);

    return ngx_mlsec_json_text(&w, claims);
}


static void
ngx_mlsec_mint_roles(ngx_http_request_t *r, ngx_mlsec_json_t *w,
    uint64_t roles)
{
    ngx_uint_t                         i, n;
    ngx_mlsec_role_t                  *role;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    role = mcf->roles.elts;
    n = 0;

    for (i = 0; i < mcf->roles.nelts; i++) {

        if (!(roles >> i & 1)) {
            continue;
        }

        if (n++) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_json_string(w, &role[i].name);
    }
}


/* What libjwt makes of it, to be freed with free(), or NULL. */

static char *
ngx_mlsec_mint_sign(const ngx_mlsec_mint_t *mint, const char *claims)
{
    char   *text;
    jwt_t  *jwt;

    if (jwt_new(&jwt) != 0) {
        return NULL;
    }

    text = NULL;

    /* values of the configuration end with a zero */

    if (jwt_add_grants_json(jwt, claims) == 0
        && (mint->kid.len == 0
            || jwt_add_header(jwt, "kid", (char *) mint->kid.data) == 0)
        && jwt_set_alg(jwt, mint->alg, mint->key.data, (int) mint->key.len)
           == 0)
    {
        text = jwt_encode_str(jwt);
    }

    jwt_free(jwt);

    return text;
}
