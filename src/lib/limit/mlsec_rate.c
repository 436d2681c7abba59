/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_rate.h>
#include <string.h>


#define MLSEC_RATE_SECOND  1000000000ull         /* ns */


static int
mlsec_rate_is(mlsec_str_t text, const char *word)
{
    return text.len == strlen(word)
           && (text.len == 0 || memcmp(text.data, word, text.len) == 0);
}


/* The number in front, and what is behind it. */

static int
mlsec_rate_split(mlsec_str_t text, uint64_t max, uint64_t *number,
    mlsec_str_t *rest)
{
    mlsec_str_t  digits;

    if (text.len == 0 || mlsec_rate_is(text, "off")) {
        return MLSEC_EMPTY;
    }

    digits.data = text.data;
    digits.len = 0;

    while (digits.len < text.len && text.data[digits.len] >= '0'
           && text.data[digits.len] <= '9')
    {
        digits.len++;
    }

    rest->data = text.data + digits.len;
    rest->len = text.len - digits.len;

    if (mlsec_rate_number(digits, max, number) != MLSEC_OK || *number == 0) {
        return MLSEC_INVALID;
    }

    return MLSEC_OK;
}


int
mlsec_rate_parse(mlsec_str_t text, mlsec_rate_t *rate)
{
    int          rc;
    mlsec_str_t  unit;

    rc = mlsec_rate_split(text, MLSEC_GCRA_MAX_BURST, &rate->count, &unit);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (mlsec_rate_is(unit, "r/s")) {
        rate->period = MLSEC_RATE_SECOND;

    } else if (mlsec_rate_is(unit, "r/m")) {
        rate->period = 60 * MLSEC_RATE_SECOND;

    } else if (mlsec_rate_is(unit, "r/h")) {
        rate->period = 3600 * MLSEC_RATE_SECOND;

    } else if (mlsec_rate_is(unit, "r/d")) {
        rate->period = 86400 * MLSEC_RATE_SECOND;

    } else {
        return MLSEC_INVALID;
    }

    return MLSEC_OK;
}


int
mlsec_rate_quota(mlsec_str_t text, mlsec_quota_t *quota)
{
    int          rc;
    mlsec_str_t  window;

    rc = mlsec_rate_split(text, MLSEC_QUOTA_MAX, &quota->limit, &window);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (mlsec_rate_is(window, "/day")) {
        quota->window = MLSEC_QUOTA_DAY;

    } else if (mlsec_rate_is(window, "/month")) {
        quota->window = MLSEC_QUOTA_MONTH;

    } else {
        return MLSEC_INVALID;
    }

    return MLSEC_OK;
}


int
mlsec_rate_number(mlsec_str_t text, uint64_t max, uint64_t *number)
{
    size_t    i;
    uint64_t  n, digit;

    if (text.len == 0) {
        return MLSEC_EMPTY;
    }

    for (i = 0, n = 0; i < text.len; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return MLSEC_INVALID;
        }

        digit = (uint64_t) (text.data[i] - '0');

        if (digit > max || n > (max - digit) / 10) {
            return MLSEC_INVALID;
        }

        n = n * 10 + digit;
    }

    *number = n;

    return MLSEC_OK;
}
