/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Numbers: from text to double and back.  Both have a short way for what
 * services send (few digits, small exponents), exact by the argument of
 * Clinger ("How to read floating point numbers accurately", 1990): an
 * integer below 2^53 and a power of ten up to 10^22 are doubles, and one
 * operation on two doubles rounds once.
 */


#include <lib/filter/mlsec_filter_value.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/mlsec_text.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>


#define MLSEC_FV_EXACT   9007199254740992.0    /* 2^53 */
#define MLSEC_FV_DIGITS  780           /* more cannot change a double */


static const double  mlsec_fv_tens[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};


static double mlsec_fv_parse_slow(const unsigned char *p, size_t len);
static size_t mlsec_fv_print_digits(unsigned char *dst, const char *digits,
    int n, int point);


double
mlsec_fv_double(mlsec_fv_t v)
{
    return v.type == MLSEC_FV_NUMBER ? v.u.number
                                     : mlsec_fv_parse_number(v.u.str, v.n);
}


mlsec_fv_t
mlsec_fv_odd_number(mlsec_fv_t v)
{
    int  negative;

    negative = *v.u.str == '-';

    if ((v.u.str[negative] | 0x20) == 'n') {
        return mlsec_fv_number(NAN);
    }

    return mlsec_fv_number(negative ? -INFINITY : INFINITY);
}


double
mlsec_fv_parse_number(const unsigned char *p, size_t len)
{
    int                   negative, exp, shift, sign;
    double                d;
    uint64_t              m;
    const unsigned char  *start, *end;

    start = p;
    end = p + len;
    negative = *p == '-';
    p += negative;

    if (len > 18) {
        return mlsec_fv_parse_slow(start, len);
    }

    for (m = 0; p != end && mlsec_json_is_digit(*p); p++) {
        m = 10 * m + (*p - '0');
    }

    shift = 0;

    if (p != end && *p == '.') {
        for (p++; p != end && mlsec_json_is_digit(*p); p++) {
            m = 10 * m + (*p - '0');
            shift--;
        }
    }

    if (p != end) {
        p++;
        sign = *p == '-' ? -1 : 1;
        p += *p == '-' || *p == '+';

        for (exp = 0; p != end && exp < 1000; p++) {
            exp = 10 * exp + (*p - '0');
        }

        shift += sign * exp;
    }

    if (m > (uint64_t) MLSEC_FV_EXACT || shift < -22 || shift > 22) {
        return mlsec_fv_parse_slow(start, len);
    }

    d = (double) m;
    d = shift < 0 ? d / mlsec_fv_tens[-shift] : d * mlsec_fv_tens[shift];

    return negative ? -d : d;
}


/* strtod() wants a zero byte at the end: a copy, of bounded length. */

static double
mlsec_fv_parse_slow(const unsigned char *p, size_t len)
{
    int                   frac;
    long                  shift, exp;
    size_t                n;
    char                  buf[MLSEC_FV_DIGITS + 40];
    const unsigned char  *end;

    end = p + len;
    n = 0;
    frac = 0;
    shift = 0;

    if (*p == '-') {
        buf[n++] = '-';
        p++;
    }

    for ( /* void */ ; p != end && (*p | 0x20) != 'e'; p++) {

        if (*p == '.') {
            frac = 1;

        } else if (*p == '0' && (n == 0 || (n == 1 && buf[0] == '-'))) {
            shift -= frac;

        } else if (n < MLSEC_FV_DIGITS) {
            buf[n++] = (char) *p;
            shift -= frac;

        } else {
            shift += !frac;
        }
    }

    if (n == 0 || (n == 1 && buf[0] == '-')) {
        return n == 0 ? 0.0 : -0.0;
    }

    exp = 0;

    if (p != end) {
        p++;
        frac = *p == '-';
        p += *p == '-' || *p == '+';

        for ( /* void */ ; p != end && exp < 100000000; p++) {
            exp = 10 * exp + (*p - '0');
        }

        exp = frac ? -exp : exp;
    }

    snprintf(buf + n, 30, "e%ld", exp + shift);

    return strtod(buf, NULL);
}


/*
 * The shortest digits that give the number back.  Few decimals are tried
 * first: if m / 10^k is the number, its digits are those of m.
 */

size_t
mlsec_fv_print_number(unsigned char dst[MLSEC_FV_NUMBER_LEN], double number)
{
    int            i, n, k, precision, negative;
    double         m, a;
    char           text[40], digits[24];

    if (number != number) {
        memcpy(dst, "null", 4);
        return 4;
    }

    if (number > 1.7976931348623157e308) {
        number = 1.7976931348623157e308;

    } else if (number < -1.7976931348623157e308) {
        number = -1.7976931348623157e308;
    }

    a = fabs(number);

    if (a < 1e15) {
        negative = signbit(number) != 0;

        if (a == (double) (uint64_t) a) {
            dst[0] = '-';
            return (size_t) (mlsec_text_u64(dst + negative, (uint64_t) a)
                             - dst);
        }

        for (k = 1; a >= 0.001 && k < 8; k++) {
            m = nearbyint(a * mlsec_fv_tens[k]);

            if (m < 1e15 && m / mlsec_fv_tens[k] == a) {
                dst[0] = '-';
                n = (int) (mlsec_text_u64((unsigned char *) digits,
                                          (uint64_t) m)
                           - (unsigned char *) digits);
                return (size_t) negative
                       + mlsec_fv_print_digits(dst + negative, digits, n,
                                               n - k);
            }
        }
    }

    for (precision = 14; precision < 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, number);

        if (strtod(text, NULL) == number) {
            break;
        }
    }

    negative = text[0] == '-';
    dst[0] = '-';
    n = 0;

    for (i = negative; text[i] != 'e'; i++) {
        if (text[i] != '.') {
            digits[n++] = text[i];
        }
    }

    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }

    return (size_t) negative
           + mlsec_fv_print_digits(dst + negative, digits, n,
                                   atoi(text + i + 1) + 1);
}


/* point: digits before the decimal point; jq's choice of notation */

static size_t
mlsec_fv_print_digits(unsigned char *dst, const char *digits, int n,
    int point)
{
    int             i;
    unsigned char  *p;

    p = dst;

    if (point <= -5 + 1 || point > n + 15) {
        *p++ = (unsigned char) digits[0];

        if (n > 1) {
            *p++ = '.';
            memcpy(p, digits + 1, (size_t) n - 1);
            p += n - 1;
        }

        return (size_t) (p - dst)
               + (size_t) snprintf((char *) p, 8, "e%c%02d",
                                   point > 0 ? '+' : '-', abs(point - 1));
    }

    if (point <= 0) {
        memcpy(p, "0.000000", 8);
        p += 2 - point;
        memcpy(p, digits, (size_t) n);
        return (size_t) (p + n - dst);
    }

    for (i = 0; i < point || i < n; i++) {

        if (i == point) {
            *p++ = '.';
        }

        *p++ = i < n ? (unsigned char) digits[i] : '0';
    }

    return (size_t) (p - dst);
}
