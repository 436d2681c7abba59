/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/limit/mlsec_rate.h>


#define S  1000000000ull


static void
test_rate(void)
{
    size_t        i;
    mlsec_rate_t  r;

    static const struct {
        const char  *text;
        int          rc;
        uint64_t     count;
        uint64_t     period;
    } cases[] = {
        { "100r/s", MLSEC_OK, 100, S },
        { "1r/m", MLSEC_OK, 1, 60 * S },
        { "20r/h", MLSEC_OK, 20, 3600 * S },
        { "007r/d", MLSEC_OK, 7, 86400 * S },
        { "1000000000r/s", MLSEC_OK, 1000000000, S },
        { "", MLSEC_EMPTY, 0, 0 },
        { "off", MLSEC_EMPTY, 0, 0 },
        { "1000000001r/s", MLSEC_INVALID, 0, 0 },
        { "99999999999999999999999999r/s", MLSEC_INVALID, 0, 0 },
        { "0r/s", MLSEC_INVALID, 0, 0 },
        { "-1r/s", MLSEC_INVALID, 0, 0 },
        { "1.5r/s", MLSEC_INVALID, 0, 0 },
        { " 1r/s", MLSEC_INVALID, 0, 0 },
        { "1r/s ", MLSEC_INVALID, 0, 0 },
        { "1r/w", MLSEC_INVALID, 0, 0 },
        { "1/s", MLSEC_INVALID, 0, 0 },
        { "1", MLSEC_INVALID, 0, 0 },
        { "r/s", MLSEC_INVALID, 0, 0 },
        { "offr/s", MLSEC_INVALID, 0, 0 },
        { "NaN", MLSEC_INVALID, 0, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&r, 0, sizeof(r));
        tap_ok(mlsec_rate_parse(tap_str(cases[i].text), &r) == cases[i].rc
               && (cases[i].rc != MLSEC_OK
                   || (r.count == cases[i].count
                       && r.period == cases[i].period)),
               "rate: \"%s\"", cases[i].text);
    }
}


static void
test_quota(void)
{
    mlsec_quota_t  q;

    tap_is(mlsec_rate_quota(tap_str("10/day"), &q), MLSEC_OK, "quota: day");
    tap_ok(q.limit == 10 && q.window == MLSEC_QUOTA_DAY, "quota: 10 a day");
    tap_is(mlsec_rate_quota(tap_str("549755813887/month"), &q), MLSEC_OK,
           "quota: month");
    tap_ok(q.limit == MLSEC_QUOTA_MAX && q.window == MLSEC_QUOTA_MONTH,
           "quota: the largest");
    tap_is(mlsec_rate_quota(tap_str("549755813888/month"), &q), MLSEC_INVALID,
           "quota: over it");
    tap_is(mlsec_rate_quota(tap_str("off"), &q), MLSEC_EMPTY, "quota: off");
    tap_is(mlsec_rate_quota(tap_str("10/week"), &q), MLSEC_INVALID,
           "quota: no such window");
    tap_is(mlsec_rate_quota(tap_str("10r/day"), &q), MLSEC_INVALID,
           "quota: a rate");
}


static void
test_number(void)
{
    uint64_t  n;

    tap_is(mlsec_rate_number(tap_str("0"), 5, &n), MLSEC_OK, "number: 0");
    tap_is((long long) n, 0, "number: is 0");
    tap_is(mlsec_rate_number(tap_str("5"), 5, &n), MLSEC_OK, "number: max");
    tap_is(mlsec_rate_number(tap_str("6"), 5, &n), MLSEC_INVALID,
           "number: over max");
    tap_is(mlsec_rate_number(tap_str("12"), 12, &n), MLSEC_OK,
           "number: of two digits");
    tap_is(mlsec_rate_number(tap_str("13"), 12, &n), MLSEC_INVALID,
           "number: over it");
    tap_is(mlsec_rate_number(tap_str("18446744073709551615"), UINT64_MAX, &n),
           MLSEC_OK, "number: 2^64 - 1");
    tap_ok(n == UINT64_MAX, "number: is it");
    tap_is(mlsec_rate_number(tap_str("18446744073709551616"), UINT64_MAX, &n),
           MLSEC_INVALID, "number: 2^64");
    tap_is(mlsec_rate_number(tap_str(""), 5, &n), MLSEC_EMPTY, "number: none");
    tap_is(mlsec_rate_number(tap_str("-1"), 5, &n), MLSEC_INVALID,
           "number: below 0");
    tap_is(mlsec_rate_number(tap_str("1e3"), 5000, &n), MLSEC_INVALID,
           "number: an exponent");
    tap_is(mlsec_rate_number(tap_lit("1\0"), 5, &n), MLSEC_INVALID,
           "number: a zero byte");
}


int
main(void)
{
    test_rate();
    test_quota();
    test_number();

    return tap_done();
}
