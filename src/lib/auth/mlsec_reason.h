/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Why a credential was refused.  One code for one refusal: the text goes to
 * the log, the client is told no more than the RFC 6750 error code.
 */


#ifndef _MLSEC_REASON_H_INCLUDED_
#define _MLSEC_REASON_H_INCLUDED_


typedef enum {
    MLSEC_REASON_OK = 0,

    MLSEC_REASON_NOMEM,

    /* the token as text */
    MLSEC_REASON_TOO_LARGE,
    MLSEC_REASON_SEGMENTS,
    MLSEC_REASON_BASE64,
    MLSEC_REASON_HEADER_JSON,
    MLSEC_REASON_PAYLOAD_JSON,

    /* its header */
    MLSEC_REASON_ALG_MISSING,
    MLSEC_REASON_ALG_NONE,
    MLSEC_REASON_ALG_UNKNOWN,
    MLSEC_REASON_ALG_REFUSED,
    MLSEC_REASON_CRIT,
    MLSEC_REASON_B64,
    MLSEC_REASON_TYP,
    MLSEC_REASON_KID,

    /* keys and signature */
    MLSEC_REASON_NO_KEYS,
    MLSEC_REASON_KID_UNKNOWN,
    MLSEC_REASON_KID_MISSING,
    MLSEC_REASON_KEY_ALG,
    MLSEC_REASON_SIGNATURE,

    /* claims */
    MLSEC_REASON_EXP_MISSING,
    MLSEC_REASON_EXP,
    MLSEC_REASON_NBF,
    MLSEC_REASON_IAT,
    MLSEC_REASON_MAX_AGE,
    MLSEC_REASON_TIME,
    MLSEC_REASON_ISS,
    MLSEC_REASON_AUD,
    MLSEC_REASON_SUB,
    MLSEC_REASON_JTI,
    MLSEC_REASON_CNF,
    MLSEC_REASON_REVOKED,

    /* API keys */
    MLSEC_REASON_KEY_FORM,
    MLSEC_REASON_KEY_UNKNOWN,
    MLSEC_REASON_KEY_SECRET,
    MLSEC_REASON_KEY_DISABLED,
    MLSEC_REASON_KEY_EXPIRED,
    MLSEC_REASON_KEY_ADDRESS,

    MLSEC_REASONS                      /* how many there are */
} mlsec_reason_e;


/*
 * Returns a constant English phrase for the log, without a final dot.  It
 * holds nothing of the credential.
 */
const char *mlsec_reason_text(mlsec_reason_e reason);

/*
 * Returns a constant word for scripts and metrics: "signature", "exp".
 */
const char *mlsec_reason_name(mlsec_reason_e reason);


#endif /* _MLSEC_REASON_H_INCLUDED_ */
