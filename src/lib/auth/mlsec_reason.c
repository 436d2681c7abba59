/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_reason.h>


static const struct {
    const char  *name;
    const char  *text;
} mlsec_reasons[MLSEC_REASONS] = {
    { "ok", "accepted" },

    { "memory", "no memory" },

    { "too_large", "the token is too large" },
    { "segments", "the token is not three segments" },
    { "base64", "a segment is not canonical base64url" },
    { "header_json", "the header is not a JSON object within bounds" },
    { "payload_json", "the payload is not a JSON object within bounds" },

    { "alg_missing", "the header has no \"alg\" that is a string" },
    { "alg_none", "\"alg\" is \"none\"" },
    { "alg_unknown", "\"alg\" is none that is known here" },
    { "alg_refused", "\"alg\" is not among the configured ones" },
    { "crit", "the header has \"crit\"" },
    { "b64", "the header has \"b64\" that is not true" },
    { "typ", "\"typ\" is neither \"JWT\" nor \"at+jwt\"" },
    { "kid", "\"kid\" is not a string of 1 to 256 printable bytes" },

    { "no_keys", "there are no keys yet" },
    { "kid_unknown", "no key has this \"kid\"" },
    { "kid_missing", "there is no \"kid\" and not exactly one key for it" },
    { "key_alg", "the key is not for this \"alg\"" },
    { "signature", "the signature does not fit" },

    { "exp_missing", "\"exp\" is missing" },
    { "exp", "it has expired" },
    { "nbf", "it is not valid yet" },
    { "iat", "it was issued in the future" },
    { "max_age", "it was issued too long ago" },
    { "time", "a time is not a number of seconds in range" },
    { "iss", "the issuer is another one" },
    { "aud", "the audience is another one" },
    { "sub", "\"sub\" is not a string of at most 256 bytes" },
    { "jti", "\"jti\" is not a string" },
    { "cnf", "it is bound to a key (\"cnf\") that was not proved" },
    { "revoked", "it has been revoked" },

    { "key_form", "the key is not id.secret" },
    { "key_unknown", "there is no such key" },
    { "key_secret", "the secret is wrong" },
    { "key_disabled", "the key is disabled" },
    { "key_expired", "the key has expired" },
    { "key_address", "the key is not for this address" }
};


const char *
mlsec_reason_text(mlsec_reason_e reason)
{
    return (unsigned) reason < MLSEC_REASONS ? mlsec_reasons[reason].text
                                             : "unknown reason";
}


const char *
mlsec_reason_name(mlsec_reason_e reason)
{
    return (unsigned) reason < MLSEC_REASONS ? mlsec_reasons[reason].name
                                             : "unknown";
}
