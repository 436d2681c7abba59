/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_compat.h>


static ngx_uint_t ngx_mlsec_identity_claims(const ngx_table_elt_t *h);
static ngx_uint_t ngx_mlsec_identity_hash(ngx_uint_t i);
static ngx_uint_t ngx_mlsec_identity_likely(const u_char *name);
static ngx_uint_t ngx_mlsec_identity_same(const ngx_table_elt_t *h,
    const ngx_str_t *name);


/* A name, or with a star at its end how names begin. */

static const ngx_str_t  ngx_mlsec_identity_names[] = {
    ngx_string("x-user*"),
    ngx_string("x-auth*"),
    ngx_string("x-role*"),
    ngx_string("x-tenant*"),
    ngx_string("x-identity*"),
    ngx_string("x-gateway-token"),
    ngx_string("x-group*"),
    ngx_string("x-scope*"),
    ngx_string("x-permission*"),
    ngx_string("x-principal*"),
    ngx_string("x-subject*"),
    ngx_string("x-email"),
    ngx_string("x-admin*"),
    ngx_string("x-jwt-*"),
    ngx_string("x-webauth-*"),
    ngx_string("x-consumer-*"),
    ngx_string("x-credential-*"),
    ngx_string("x-anonymous-consumer"),
    ngx_string("x-goog-authenticated-*"),
    ngx_string("x-goog-iap-*"),
    ngx_string("x-amzn-oidc-*"),
    ngx_string("x-ms-client-principal*"),
    ngx_string("x-oidc-*"),
    ngx_string("x-oauth-*"),
    ngx_string("x-claim*"),
    ngx_string("x-account*"),
    ngx_string("x-org-*"),
    ngx_string("x-organization*"),
    ngx_string("x-impersonate-*"),
    ngx_string("x-on-behalf-of*"),
    ngx_string("x-hasura-*"),
    ngx_string("x-vouch-*"),
    ngx_string("x-pomerium-*"),
    ngx_string("x-proxy-user*"),
    ngx_string("x-forwarded-user*"),
    ngx_string("x-forwarded-role*"),
    ngx_string("x-forwarded-tenant*"),
    ngx_string("x-forwarded-preferred-username"),
    ngx_string("x-forwarded-access-token"),
    ngx_string("x-forwarded-email"),
    ngx_string("x-forwarded-groups"),
    ngx_string("x-forwarded-client-cert"),
    ngx_string("x-remote-*"),
    ngx_string("remote-*"),
    ngx_string("x-client-cert*"),
    ngx_string("x-client-verify"),
    ngx_string("x-client-dn"),
    ngx_string("client-cert*"),
    ngx_string("ssl-client-*"),
    ngx_string("cf-access-*"),
    ngx_string("impersonate-*"),
    ngx_string("x-ssl-*"),
    ngx_string("x-original-*"),
    ngx_string("x-forwarded-uri"),
    ngx_string("x-forwarded-method"),
    ngx_string("x-rewrite-url"),
    ngx_string("x-http-method*"),
    ngx_string("x-method-override"),
    ngx_null_string
};


/* Which headers are the gateway's own is known by the address of "lowcase". */

static struct {
    ngx_str_t    name;
    u_char      *lowcase;
    ngx_uint_t   hash;             /* 0: not needed so far */
} ngx_mlsec_identity_own[NGX_MLSEC_IDENTITIES] = {
    { ngx_string("X-User-Id"), (u_char *) "x-user-id", 0 },
    { ngx_string("X-User-Roles"), (u_char *) "x-user-roles", 0 },
    { ngx_string("X-Tenant-Id"), (u_char *) "x-tenant-id", 0 },
    { ngx_string("X-Gateway-Token"), (u_char *) "x-gateway-token", 0 }
};


void
ngx_mlsec_identity_strip(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_mlsec_identity_claims(&h[i])) {
                ngx_mlsec_identity_hide(&h[i]);
            }
        }
    }
}


static ngx_uint_t
ngx_mlsec_identity_claims(const ngx_table_elt_t *h)
{
    const ngx_str_t  *name;

    if (h->key.len < 6 || !ngx_mlsec_identity_likely(h->lowcase_key)) {
        return 0;
    }

    for (name = ngx_mlsec_identity_names; name->len; name++) {
        if (name->data[2] == h->lowcase_key[2]
            && ngx_mlsec_identity_same(h, name))
        {
            return !ngx_mlsec_identity_is_own(h);
        }
    }

    return 0;
}


/* Most names do not begin like any of these. */

static ngx_uint_t
ngx_mlsec_identity_likely(const u_char *name)
{
    switch (name[0]) {
    case 'x': return name[1] == '-' || name[1] == '_';
    case 'r': return name[1] == 'e';
    case 'c': return name[1] == 'l' || name[1] == 'f';
    case 's': return name[1] == 's';
    case 'i': return name[1] == 'm';
    default:  return 0;
    }
}


/*
 * "_" counts as "-": to many services both are one letter, whether nginx lets
 * such names through is underscores_in_headers.
 */

static ngx_uint_t
ngx_mlsec_identity_same(const ngx_table_elt_t *h, const ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < name->len; i++) {

        if (name->data[i] == '*') {
            return 1;
        }

        if (i == h->key.len) {
            return 0;
        }

        c = h->lowcase_key[i] == '_' ? '-' : h->lowcase_key[i];

        if (c != name->data[i]) {
            return 0;
        }
    }

    return i == h->key.len;
}


/*
 * nginx's list of headers has no way to take one out, other structures point
 * at its elements, and modules that send headers on do not look at "hash".  So
 * the element becomes one that every one of them leaves out, since it is hop
 * by hop.
 */

void
ngx_mlsec_identity_hide(ngx_table_elt_t *h)
{
    ngx_str_set(&h->key, "Keep-Alive");
    h->lowcase_key = (u_char *) "keep-alive";
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);
    ngx_str_set(&h->value, "");
}


ngx_int_t
ngx_mlsec_identity_set(ngx_http_request_t *r, const ngx_str_t *values)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_mlsec_identity_is_own(&h[i])) {
                ngx_mlsec_identity_hide(&h[i]);
            }
        }
    }

    for (i = 0; i < NGX_MLSEC_IDENTITIES; i++) {

        if (values[i].len == 0) {
            continue;
        }

        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->key = ngx_mlsec_identity_own[i].name;
        h->lowcase_key = ngx_mlsec_identity_own[i].lowcase;
        h->hash = ngx_mlsec_identity_hash(i);
        h->value = values[i];
        ngx_mlsec_elt_last(h);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_identity_hash(ngx_uint_t i)
{
    if (ngx_mlsec_identity_own[i].hash == 0) {
        ngx_mlsec_identity_own[i].hash =
                             ngx_hash_key(ngx_mlsec_identity_own[i].lowcase,
                                          ngx_mlsec_identity_own[i].name.len);
    }

    return ngx_mlsec_identity_own[i].hash;
}


ngx_uint_t
ngx_mlsec_identity_is_own(const ngx_table_elt_t *h)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MLSEC_IDENTITIES; i++) {
        if (h->lowcase_key == ngx_mlsec_identity_own[i].lowcase) {
            return 1;
        }
    }

    return 0;
}
