/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * API keys: "id.secret", of which a file holds the id and the SHA-256 of the
 * secret.  One JSON object a line:
 *
 *   {"id":"ci","sha256":["9f86..."],"roles":["service"],"tenant":"acme",
 *    "scopes":["read"],"cidr":["10.0.0.0/8"],"expires":1893456000,
 *    "state":"active"}
 *
 * A secret is random and long, so a plain hash keeps it: there is nothing to
 * guess.  Two hashes are the old and the new secret while they are changed.
 *
 * Revocations of tokens are lines too: "jti ID", "sub NAME SECONDS" (tokens of
 * NAME that were issued before SECONDS since 1970).
 */


#ifndef _MLSEC_API_KEY_H_INCLUDED_
#define _MLSEC_API_KEY_H_INCLUDED_


#include <lib/auth/mlsec_reason.h>
#include <lib/mlsec_types.h>


#define MLSEC_API_KEY_MAX_FILE    (4 * 1024 * 1024)  /* bytes */
#define MLSEC_API_KEY_MAX_LINE    4096               /* bytes */
#define MLSEC_API_KEY_MAX_ID      64                 /* bytes */
#define MLSEC_API_KEY_MIN_SECRET  22                 /* bytes: 128 bits */
#define MLSEC_API_KEY_MAX_SECRET  256                /* bytes */
#define MLSEC_API_KEY_SECRETS     2


typedef struct {
    unsigned char   address[16];       /* IPv4 in the first four */
    unsigned        len;               /* bytes: 4 or 16 */
    unsigned        bits;              /* of the prefix */
} mlsec_cidr_t;


typedef struct {
    mlsec_str_t     id;
    unsigned char   sha256[MLSEC_API_KEY_SECRETS][32];
    size_t          nsecrets;          /* 1 or 2 */
    mlsec_str_t    *roles;
    size_t          nroles;
    mlsec_str_t     tenant;            /* len 0: none */
    mlsec_str_t     claims;            /* JSON: sub, roles, scopes, tenant */
    mlsec_cidr_t   *cidr;              /* none: from anywhere */
    size_t          ncidr;
    int64_t         expires;           /* seconds since 1970; 0: never */
    unsigned        line;
    unsigned        disabled:1;
} mlsec_api_key_t;


typedef struct {
    mlsec_api_key_t  *key;             /* sorted by id */
    size_t            n;
} mlsec_api_keys_t;


typedef struct {
    mlsec_str_t       name;
    int64_t           before;          /* seconds; INT64_MAX for a jti */
} mlsec_revoked_entry_t;


typedef struct {
    mlsec_revoked_entry_t  *jti;       /* sorted by name */
    size_t                  njti;
    mlsec_revoked_entry_t  *sub;       /* sorted by name */
    size_t                  nsub;
} mlsec_revoked_t;


/*
 * Parses a file of keys.  Empty lines and lines that start with "#" are
 * skipped.
 *
 * mem: everything in *keys is its memory; the text need not stay.
 * line, why: where and what, for a person, when it fails.
 *
 * Returns MLSEC_OK; MLSEC_INVALID for a member that is unknown or of a wrong
 * type, an id twice, no key at all; MLSEC_NOMEM.
 */
int mlsec_api_keys_parse(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_api_keys_t *keys, unsigned *line, const char **why);

/*
 * Looks a key up.
 *
 * presented: what the client sent.
 * now: seconds since 1970.  address: 4 or 16 bytes, or len 0 when it has none
 * (a UNIX-domain socket), which is inside of no network.
 *
 * *key is the key for MLSEC_REASON_OK and for what is said about it after its
 * secret has been found right: KEY_DISABLED, KEY_EXPIRED, KEY_ADDRESS.  Else
 * the reason is KEY_FORM, KEY_UNKNOWN or KEY_SECRET: an id that is unknown
 * costs one hash and two comparisons like one that is known.
 */
mlsec_reason_e mlsec_api_key_check(const mlsec_api_keys_t *keys,
    mlsec_str_t presented, int64_t now, mlsec_str_t address,
    const mlsec_api_key_t **key);

/*
 * Parses revocations; as mlsec_api_keys_parse(), but a file without any is
 * good.  Blanks and "\r" at both ends of a line and of a name do not count.
 */
int mlsec_revoked_parse(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_revoked_t *revoked, unsigned *line, const char **why);

/*
 * Whether a token is revoked, 1 or 0: by its jti, or as one of sub that was
 * issued before the time that the file has for it.
 *
 * jti, sub: len 0 when it has none.  iat: seconds; a negative one when it has
 * none, which is before any time.
 */
int mlsec_revoked_has(const mlsec_revoked_t *revoked, mlsec_str_t jti,
    mlsec_str_t sub, double iat);

/*
 * Parses a network: "10.0.0.0/8", "::1".
 * Returns MLSEC_OK, or MLSEC_INVALID: also when bits behind the prefix are
 * set.
 */
int mlsec_cidr_parse(mlsec_str_t text, mlsec_cidr_t *cidr);

/*
 * Whether an address of 4 or 16 bytes is in a network, 1 or 0.  An IPv4
 * address inside of IPv6 (::ffff:1.2.3.4) counts as IPv4.
 */
int mlsec_cidr_has(const mlsec_cidr_t *cidr, mlsec_str_t address);


#endif /* _MLSEC_API_KEY_H_INCLUDED_ */
