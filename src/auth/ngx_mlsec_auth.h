/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Who is asking, and whether they may.
 *
 * ngx_mlsec_auth_module.c     directives, inheritance
 * ngx_mlsec_auth_conf.c       setters with a grammar of their own
 * ngx_mlsec_auth_roles.c      mlsec_role, the roles of mlsec_allow
 * ngx_mlsec_auth_files.c      keys and revocations, read again when they change
 * ngx_mlsec_auth_cache.c      signatures that have been verified
 * ngx_mlsec_auth_recent.c     tokens that this worker has seen, parsed
 * ngx_mlsec_auth_handler.c    THE access handler: who, then whether
 * ngx_mlsec_auth_jwt.c        tokens: what they say
 * ngx_mlsec_auth_source.c     tokens: where they are
 * ngx_mlsec_auth_mint.c       tokens for services
 * ngx_mlsec_auth_other.c      API keys, client certificates
 * ngx_mlsec_auth_variables.c  what others may know of the caller
 *
 * Keys that are fetched are in ngx_mlsec_auth_keys.h.
 */


#ifndef _NGX_MLSEC_AUTH_H_INCLUDED_
#define _NGX_MLSEC_AUTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/auth/mlsec_api_key.h>
#include <lib/auth/mlsec_jwt.h>
#include <lib/mlsec_types.h>


/* ways to say who one is, bits; in the order in which they are asked */

#define NGX_MLSEC_AUTH_JWT      0x01
#define NGX_MLSEC_AUTH_API_KEY  0x02
#define NGX_MLSEC_AUTH_MTLS     0x04
#define NGX_MLSEC_AUTH_ALL      0x08       /* each of them, not any */
#define NGX_MLSEC_AUTH_OFF      0x10

/* places of a token, bits */

#define NGX_MLSEC_SOURCE_BEARER     0x01
#define NGX_MLSEC_SOURCE_COOKIE     0x02
#define NGX_MLSEC_SOURCE_WEBSOCKET  0x04
#define NGX_MLSEC_SOURCE_QUERY      0x08

#define NGX_MLSEC_MAX_ROLES  64

#define NGX_MLSEC_AUTH_SETS  16        /* of keys, of one location */


typedef struct ngx_mlsec_keys_uri_s  ngx_mlsec_keys_uri_t;
typedef struct ngx_mlsec_wait_s  ngx_mlsec_wait_t;
typedef struct ngx_mlsec_recent_s  ngx_mlsec_recent_t;


typedef enum {
    NGX_MLSEC_FILE_KEYS = 0,               /* public keys */
    NGX_MLSEC_FILE_API_KEYS,
    NGX_MLSEC_FILE_REVOKED
} ngx_mlsec_auth_file_e;


/* What a file looks like; all zeros: it is not there. */

typedef struct {
    off_t                   size;
    ngx_file_uniq_t         uniq;
    int64_t                 changed;       /* ns since 1970, of its content or
                                              its inode: within a second it may
                                              be written twice, and a copy may
                                              have the times of another file */
} ngx_mlsec_auth_seen_t;


/* A file and what it says; shared by all locations that name it. */

typedef struct {
    ngx_str_t               path;
    ngx_mlsec_auth_file_e   kind;
    mlsec_jwk_set_t        *keys;          /* for NGX_MLSEC_FILE_KEYS */
    mlsec_api_keys_t        api_keys;
    mlsec_revoked_t         revoked;
    ngx_pool_t             *pool;          /* of the two above */
    ngx_mlsec_auth_seen_t   seen;          /* at the last look */
    ngx_mlsec_auth_seen_t   read;          /* when it was read, good or not */
    ngx_uint_t              version;       /* how often it was read again */
    uint64_t                stamp;         /* of the bytes of a key file */
} ngx_mlsec_auth_file_t;


typedef struct {
    ngx_str_t               name;
    uint64_t                mask;          /* roles that it comes to */
    ngx_uint_t              declared;      /* by mlsec_role */
} ngx_mlsec_role_t;


/* One line of mlsec_mtls. */

typedef struct {
    ngx_str_t               subject;       /* as $ssl_client_s_dn */
    ngx_str_t               name;
    uint64_t                roles;
} ngx_mlsec_mtls_t;


typedef struct {
    ngx_array_t             files;         /* ngx_mlsec_auth_file_t * */
    ngx_array_t             uris;          /* ngx_mlsec_keys_uri_t * */
    ngx_array_t             roles;         /* ngx_mlsec_role_t */
    ngx_array_t             mtls;          /* ngx_mlsec_mtls_t */
    ngx_uint_t              declared;      /* there is a mlsec_role */
    ngx_shm_zone_t         *cache;         /* of mlsec_jwt_cache, or NULL */
    time_t                  cache_ttl;     /* seconds */
    const ngx_module_t     *rewrite;       /* nginx's, or NULL */
} ngx_mlsec_auth_main_conf_t;


typedef struct {
    ngx_uint_t              used;          /* there is a mlsec_auth */
} ngx_mlsec_auth_srv_conf_t;


typedef enum {
    NGX_MLSEC_OP_EXISTS = 0,
    NGX_MLSEC_OP_EQ,
    NGX_MLSEC_OP_NE,
    NGX_MLSEC_OP_IN,
    NGX_MLSEC_OP_HAS,
    NGX_MLSEC_OP_GT,
    NGX_MLSEC_OP_GE,
    NGX_MLSEC_OP_LT,
    NGX_MLSEC_OP_LE,

    NGX_MLSEC_OPS                          /* how many there are */
} ngx_mlsec_op_e;


/* One line of mlsec_jwt_require. */

typedef struct {
    mlsec_claims_path_t         path;
    ngx_mlsec_op_e              op;
    ngx_http_complex_value_t    value;
    ngx_uint_t                  status;    /* 401 or 403 */
} ngx_mlsec_require_t;


/* Methods of a location and the roles that may use them. */

typedef struct {
    ngx_uint_t                  methods;   /* NGX_HTTP_GET|... */
    uint64_t                    roles;     /* 0: whoever is known */
} ngx_mlsec_auth_rule_t;


/* One line of mlsec_upstream_token. */

typedef struct {
    uint64_t                line;          /* its number; 0: off */
    ngx_str_t               key;           /* PEM */
    int                     alg;           /* jwt_alg_t */
    ngx_str_t               kid;           /* empty: none */
    ngx_str_t               issuer;
    ngx_array_t            *audiences;     /* ngx_str_t */
    time_t                  ttl;           /* seconds */
    ngx_uint_t              request_id;    /* is a claim: none is kept */
} ngx_mlsec_mint_t;


typedef struct {
    ngx_uint_t              methods;       /* NGX_MLSEC_AUTH_*, 0: not set */
    ngx_array_t            *rules;         /* NULL: nothing is allowed */

    ngx_array_t            *keys;          /* ngx_mlsec_auth_file_t * */
    ngx_array_t            *uris;          /* ngx_mlsec_keys_uri_t * */
    ngx_uint_t              algs;          /* 0: not set */
    ngx_array_t            *issuers;       /* mlsec_str_t; empty: any */
    ngx_array_t            *audiences;
    time_t                  leeway;        /* seconds */
    time_t                  max_age;       /* seconds, 0: any */
    mlsec_jwt_policy_t      policy;        /* made of the above by the merge */
    ngx_uint_t              kin;           /* the same number: the same
                                              issuers, audiences and claims */

    ngx_uint_t              sources;       /* NGX_MLSEC_SOURCE_*, 0: not set */
    ngx_str_t               cookie;
    ngx_str_t               query;

    mlsec_claims_path_t     claim_sub;     /* n 0: not set */
    mlsec_claims_path_t     claim_roles;
    mlsec_claims_path_t     claim_tenant;
    ngx_array_t            *require;       /* ngx_mlsec_require_t */

    ngx_mlsec_auth_file_t  *revoked;
    ngx_mlsec_auth_file_t  *api_keys;
    ngx_str_t               api_key_header;    /* lower case, with a zero */
    ngx_mlsec_mint_t       *mint;          /* NULL: not set */
} ngx_mlsec_auth_loc_conf_t;


/* What is known of the caller of a request. */

typedef struct {
    ngx_str_t               identity;      /* fit for a header */
    ngx_str_t               tenant;        /* the same */
    uint64_t                roles;         /* as said, without what they
                                              come to */
    ngx_str_t               claims;        /* JSON, empty: none */
    ngx_str_t               minted;        /* for services, empty: none */
    ngx_str_t               role_names;    /* with commas; empty: none, or
                                              not known yet */
    mlsec_jwt_t             jwt;           /* jwt.claims NULL: no token */
    ngx_mlsec_recent_t     *recent;        /* NULL: jwt is this request's */
    const char             *reason;        /* of a refusal, for the log */
    const char             *policy;        /* NULL: mlsec_auth */
    ngx_str_t               token;         /* that it is known by, and API */
    ngx_str_t               api_key;       /* key: as they came, or empty */
    time_t                  until;         /* seconds, with the leeway: when
                                              they end; 0: they do not */
    ngx_mlsec_wait_t       *wait;          /* for keys; NULL: it did not */
    time_t                  retry_after;   /* seconds, with 503 */
    ngx_table_elt_t        *no_store;      /* of a refusal's response */
    ngx_uint_t              bad_request;
    ngx_uint_t              known;         /* access has been granted */
    ngx_uint_t              broken;        /* a token was bad */
} ngx_mlsec_auth_ctx_t;


/* ngx_mlsec_auth_handler.c */

/*
 * Handler of the server rewrite phase: takes headers away that only the gateway
 * may set, in servers that have a mlsec_auth.
 *
 * NGX_DECLINED always.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_rewrite(ngx_http_request_t *r);

/*
 * Whether somebody is asked who it is anywhere in r's server.
 */
mlsec_hot ngx_uint_t ngx_mlsec_auth_used(ngx_http_request_t *r);

/*
 * THE handler of the access phase.
 *
 * NGX_DECLINED: the location has no mlsec_auth, or off.  NGX_OK: granted, the
 * identity is in the context and in request headers.  NGX_AGAIN: it waits for
 * keys, and goes on by itself.  400, 401, 403, 500, 503: the challenge is set,
 * the reason logged.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_access(ngx_http_request_t *r);

/*
 * Handler of the rewrite phase, before "return" and "rewrite" of the location:
 * what no mlsec_allow is for is refused here, or these would answer whoever
 * asks.  Where there are none of these the access phase says no, and to whom.
 * So it does after a redirect inside of nginx, whose location may be the page
 * of an error, and where "satisfy any" has others to ask.
 *
 * NGX_DECLINED: there is one, or nobody is asked who it is.  401: nothing was
 * shown; 403: something was, which is not looked into; 400; 500.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_closed(ngx_http_request_t *r);

/*
 * Handler of the precontent phase: a request that was refused and is served
 * nevertheless, since "satisfy any" had another's word, is not told so.
 *
 * NGX_DECLINED always.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_passed(ngx_http_request_t *r);

/*
 * Whether the roles of ctx may use the method of r in the location, 1 or 0.
 */
mlsec_hot ngx_uint_t ngx_mlsec_auth_allowed(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx);

/*
 * The context of the request that the client has sent, NULL: nobody asked.
 */
ngx_mlsec_auth_ctx_t *ngx_mlsec_auth_ctx(ngx_http_request_t *r);


/* ngx_mlsec_auth_jwt.c */

/*
 * Finds a token and verifies it.
 *
 * NGX_OK: ctx says who it is.  NGX_DECLINED: there is none.  NGX_ABORT: it is
 * refused, ctx->reason and perhaps ctx->bad_request are set.  NGX_AGAIN: the
 * request waits for keys.  503: there are none, ctx->retry_after is set.
 * NGX_ERROR: no memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_jwt(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);

/*
 * Checks the lines of mlsec_jwt_require.
 *
 * NGX_OK, the status that the first one that fails asks for, or NGX_ERROR.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_require(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx);

/*
 * Text as it may stand in a header, a log and a query: bytes outside of
 * printable ASCII, and "%", become %XX.
 *
 * NGX_OK with *to in r->pool (perhaps *from itself), or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_auth_printable(ngx_http_request_t *r,
    const mlsec_str_t *from, ngx_str_t *to);


/*
 * Verifies a token again that has been good: signature, times, revocation.
 *
 * Its reason, MLSEC_REASON_OK for one that is still good; MLSEC_REASON_NOMEM
 * also when some keys are not there at the moment and it cannot be told.
 */
mlsec_reason_e ngx_mlsec_jwt_again(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_str_t *token);

/*
 * Keys and algorithms of a location as a number: another one when they are
 * others.
 */
uint64_t ngx_mlsec_jwt_keys_stamp(const ngx_mlsec_auth_loc_conf_t *lcf);


/* ngx_mlsec_auth_live.c */

/*
 * Looks after a request that asks for an upgrade: when it has become a
 * WebSocket, that ends with who it is for.
 *
 * lcf: stays as long as the request.  ctx: who it is for, NULL: the location
 * is public.
 *
 * NGX_OK, or NGX_ERROR: no memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_live(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx);


/* ngx_mlsec_auth_cache.c */

/* A token on its way through the cache. */

typedef struct {
    mlsec_str_t             text;
    uint64_t                stamp;         /* of keys and algorithms */
    u_char                  digest[32];    /* the cache's */
    ngx_uint_t              on;            /* the cache's */
} ngx_mlsec_cached_t;


/*
 * Whether the signature of a token has been verified before.
 *
 * token: text and stamp are the caller's.
 *
 * NGX_OK: it is good, *payload is in r->pool.  NGX_ABORT: it is bad.
 * NGX_DECLINED: not known, or there is no cache.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_jwt_cache_get(ngx_http_request_t *r,
    ngx_mlsec_cached_t *token, mlsec_str_t *payload);

/*
 * Notes what has come of it.
 *
 * token: as ngx_mlsec_jwt_cache_get() has left it.  payload: with data NULL
 * when the signature is bad.
 */
void ngx_mlsec_jwt_cache_put(ngx_http_request_t *r,
    const ngx_mlsec_cached_t *token, mlsec_str_t payload);

/* ngx_mlsec_auth_recent.c */

/*
 * Finds a token that this worker has verified lately.
 *
 * token: text and stamp are the caller's.
 *
 * NGX_OK: ctx has its claims, to be given back with ngx_mlsec_recent_forget().
 * NGX_DECLINED: not known.
 */
mlsec_hot ngx_int_t ngx_mlsec_recent_get(ngx_http_request_t *r,
    const ngx_mlsec_cached_t *token, ngx_mlsec_auth_ctx_t *ctx);

/*
 * Keeps ctx->jwt, whose signature is good, where there is a mlsec_jwt_cache.
 * Nobody may change its claims any more.
 */
void ngx_mlsec_recent_put(ngx_http_request_t *r,
    const ngx_mlsec_cached_t *token, ngx_mlsec_auth_ctx_t *ctx);

/*
 * Whether the token is good, but for its times and for revocation, for the
 * policy of a location: 1, and ctx says who it is, as long as ctx is not
 * forgotten; 0: not known.
 */
mlsec_hot ngx_uint_t ngx_mlsec_recent_person(
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);

/*
 * Notes that it is, and who.  ctx: with all names.
 */
mlsec_hot void ngx_mlsec_recent_keep(const ngx_mlsec_auth_loc_conf_t *lcf,
    const ngx_mlsec_auth_ctx_t *ctx);

/*
 * Gives the token of ctx back, if it has one.
 */
mlsec_hot void ngx_mlsec_recent_forget(ngx_mlsec_auth_ctx_t *ctx);


/* ngx_mlsec_auth_cache.c */

/* Setter of mlsec_jwt_cache. */
char *ngx_mlsec_jwt_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_mlsec_auth_mint.c */

/* Setter of mlsec_upstream_token. */
char *ngx_mlsec_upstream_token(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Memory for tokens of this worker; to be called when it starts.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_mint_init_worker(void);

/*
 * A token that tells services who is asking, a new one or one that this worker
 * has signed for the same identity before.
 *
 * mint: of the location, or NULL.
 *
 * NGX_OK with *token in r->pool, empty without a mlsec_upstream_token;
 * NGX_ERROR: it cannot be signed, which has been logged, or no memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_mint(ngx_http_request_t *r,
    const ngx_mlsec_mint_t *mint, const ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token);


/* ngx_mlsec_auth_source.c */

/*
 * Handler of the rewrite phase, before anything can refuse the request and have
 * its line logged: takes tokens out of the query where mlsec_jwt_source says
 * that they may be there, and overwrites them.
 *
 * NGX_DECLINED, or 500: no memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_auth_conceal(ngx_http_request_t *r);

/*
 * Whether ngx_mlsec_auth_conceal() has taken a token out of the query, 1 or 0.
 */
ngx_uint_t ngx_mlsec_jwt_concealed(ngx_http_request_t *r);

/*
 * Whether the location asks for an API key, and its header is there, 1 or 0.
 */
ngx_uint_t ngx_mlsec_auth_api_key_sent(ngx_http_request_t *r);

/*
 * What is left of Sec-WebSocket-Protocol when the token came there: "bearer",
 * else empty.
 */
ngx_str_t ngx_mlsec_jwt_protocol(ngx_http_request_t *r);

/*
 * Finds the token of a request where mlsec_jwt_source says.
 *
 * NGX_OK with *token: of the request, or in r->pool.  NGX_DECLINED: there is
 * none.  NGX_ABORT: it is refused, as by ngx_mlsec_auth_jwt().  NGX_ERROR: no
 * memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_jwt_find(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token);


/* ngx_mlsec_auth_other.c */

/*
 * Looks an API key up; as ngx_mlsec_auth_jwt().
 */
ngx_int_t ngx_mlsec_auth_api_key(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);

/*
 * Takes the identity of a client certificate that nginx has verified; as
 * ngx_mlsec_auth_jwt().
 */
ngx_int_t ngx_mlsec_auth_mtls(ngx_http_request_t *r,
    ngx_mlsec_auth_ctx_t *ctx);

/*
 * SHA-256 of the client's certificate in base64url, if nginx has verified it.
 *
 * buf: 43 bytes.  The slice is of it, or empty.
 */
mlsec_str_t ngx_mlsec_auth_thumbprint(ngx_http_request_t *r, u_char *buf);


/* ngx_mlsec_auth_roles.c */

/*
 * The bit of a role, or 0 when nobody speaks of it.
 */
uint64_t ngx_mlsec_role_bit(const ngx_mlsec_auth_main_conf_t *mcf,
    const u_char *name, size_t len);

/*
 * All roles that a set of roles comes to.
 */
mlsec_hot uint64_t ngx_mlsec_role_grants(const ngx_mlsec_auth_main_conf_t *mcf,
    uint64_t roles);

/*
 * Names of a set of roles, in the order of the configuration, with commas.
 *
 * NGX_OK with *text in r->pool, or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_role_names(ngx_http_request_t *r, uint64_t roles,
    ngx_str_t *text);

/*
 * Finds or adds a role while the configuration is read.
 *
 * Its index, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_role_index(ngx_conf_t *cf,
    ngx_mlsec_auth_main_conf_t *mcf, ngx_str_t *name);

/*
 * Makes rules of the mlsec_allow lines of a location.
 *
 * NGX_OK or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_role_rules(ngx_conf_t *cf,
    ngx_mlsec_auth_main_conf_t *mcf, ngx_array_t **rules);

/*
 * After all mlsec_role lines: what roles come to.
 *
 * NGX_OK or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_role_finish(ngx_conf_t *cf,
    ngx_mlsec_auth_main_conf_t *mcf);

/* Setter of mlsec_role. */
char *ngx_mlsec_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_mtls. */
char *ngx_mlsec_mtls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_mlsec_auth_files.c */

/*
 * The file of a directive, read now unless another directive has.
 *
 * NULL after an [emerg].
 */
ngx_mlsec_auth_file_t *ngx_mlsec_auth_file(ngx_conf_t *cf,
    const char *directive, ngx_str_t *path, ngx_mlsec_auth_file_e kind);

/*
 * A number for the text of a key set: the same in all workers, another one for
 * another text.
 */
uint64_t ngx_mlsec_auth_stamp(mlsec_str_t text);

/*
 * Starts to look after the files, in a worker.
 */
void ngx_mlsec_auth_files_watch(ngx_cycle_t *cycle);


/* ngx_mlsec_auth_conf.c */

/* Setter of mlsec_auth. */
char *ngx_mlsec_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_key_file. */
char *ngx_mlsec_jwt_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_alg. */
char *ngx_mlsec_jwt_alg(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_issuer and mlsec_jwt_audience. */
char *ngx_mlsec_jwt_names(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_source. */
char *ngx_mlsec_jwt_source(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_claim. */
char *ngx_mlsec_jwt_claim(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_require. */
char *ngx_mlsec_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_jwt_revoke. */
char *ngx_mlsec_jwt_revoke(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Setter of mlsec_api_key. */
char *ngx_mlsec_api_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Compiles a path of claims in memory of the configuration.
 *
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_auth_path(ngx_conf_t *cf, const char *directive,
    ngx_str_t *text, mlsec_claims_path_t *path);


/* ngx_mlsec_auth_variables.c */

/*
 * Registers the variables of the module.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_auth_variables_add(ngx_conf_t *cf);


extern ngx_module_t  ngx_mlsec_auth_module;


#endif /* _NGX_MLSEC_AUTH_H_INCLUDED_ */
