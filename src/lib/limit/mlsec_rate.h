/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Rates, quotas and numbers as people and maps write them. */


#ifndef _MLSEC_RATE_H_INCLUDED_
#define _MLSEC_RATE_H_INCLUDED_


#include <lib/limit/mlsec_quota.h>


typedef struct {
    uint64_t    count;           /* units, from 1 */
    uint64_t    period;          /* ns */
} mlsec_rate_t;


/*
 * "100r/s", "5r/m", "20r/h", "1000r/d".
 *
 * MLSEC_OK; MLSEC_EMPTY: "" or "off", there is no limit; MLSEC_INVALID.
 */
int mlsec_rate_parse(mlsec_str_t text, mlsec_rate_t *rate);

/* "1000/day", "20000/month"; codes as above. */
int mlsec_rate_quota(mlsec_str_t text, mlsec_quota_t *quota);

/*
 * Digits and nothing else, up to max.
 *
 * MLSEC_OK; MLSEC_EMPTY: ""; MLSEC_INVALID: also a sign, a point, an
 * exponent, or a number over max.
 */
int mlsec_rate_number(mlsec_str_t text, uint64_t max, uint64_t *number);


#endif /* _MLSEC_RATE_H_INCLUDED_ */
