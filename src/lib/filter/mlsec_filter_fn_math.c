/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Functions on numbers: most are those of C's library. */


#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE                    /* exp10(), significand(), ... */
#endif

#include <lib/filter/mlsec_filter_native.h>
#include <math.h>


static int
mlsec_fn_need_number(mlsec_fx_t *fx, const mlsec_fv_t *v)
{
    return mlsec_fx_raise(fx, "%T (%V) number required", v, v);
}


#define mlsec_fn_math1(name, expression)                                      \
                                                                              \
int                                                                           \
mlsec_fn_##name(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)      \
{                                                                             \
    double  x;                                                                \
                                                                              \
    if (!mlsec_fv_is_number(args[0])) {                                       \
        return mlsec_fn_need_number(fx, &args[0]);                            \
    }                                                                         \
                                                                              \
    x = mlsec_fv_double(args[0]);                                             \
    *out = mlsec_fv_number(expression);                                       \
                                                                              \
    return MLSEC_OK;                                                          \
}

#define mlsec_fn_math2(name, expression)                                      \
                                                                              \
int                                                                           \
mlsec_fn_##name(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)      \
{                                                                             \
    double  x, y;                                                             \
                                                                              \
    if (!mlsec_fv_is_number(args[1])) {                                       \
        return mlsec_fn_need_number(fx, &args[1]);                            \
    }                                                                         \
                                                                              \
    if (!mlsec_fv_is_number(args[2])) {                                       \
        return mlsec_fn_need_number(fx, &args[2]);                            \
    }                                                                         \
                                                                              \
    x = mlsec_fv_double(args[1]);                                             \
    y = mlsec_fv_double(args[2]);                                             \
    *out = mlsec_fv_number(expression);                                       \
                                                                              \
    return MLSEC_OK;                                                          \
}


/* An exponent that C's functions take as an integer. */

static int
mlsec_fn_exponent(double x)
{
    return x != x ? 0 : x > 1e6 ? 1000000 : x < -1e6 ? -1000000 : (int) x;
}


mlsec_fn_math1(acos, acos(x))
mlsec_fn_math1(acosh, acosh(x))
mlsec_fn_math1(asin, asin(x))
mlsec_fn_math1(asinh, asinh(x))
mlsec_fn_math1(atan, atan(x))
mlsec_fn_math1(atanh, atanh(x))
mlsec_fn_math1(cbrt, cbrt(x))
mlsec_fn_math1(ceil, ceil(x))
mlsec_fn_math1(cos, cos(x))
mlsec_fn_math1(cosh, cosh(x))
mlsec_fn_math1(exp, exp(x))
mlsec_fn_math1(exp10, exp10(x))
mlsec_fn_math1(exp2, exp2(x))
mlsec_fn_math1(expm1, expm1(x))
mlsec_fn_math1(fabs, fabs(x))
mlsec_fn_math1(floor, floor(x))
mlsec_fn_math1(j0, j0(x))
mlsec_fn_math1(j1, j1(x))
mlsec_fn_math1(log, log(x))
mlsec_fn_math1(log10, log10(x))
mlsec_fn_math1(log1p, log1p(x))
mlsec_fn_math1(log2, log2(x))
mlsec_fn_math1(logb, logb(x))
mlsec_fn_math1(nearbyint, nearbyint(x))
mlsec_fn_math1(pow10, exp10(x))
mlsec_fn_math1(rint, rint(x))
mlsec_fn_math1(round, round(x))
mlsec_fn_math1(significand, significand(x))
mlsec_fn_math1(sin, sin(x))
mlsec_fn_math1(sinh, sinh(x))
mlsec_fn_math1(sqrt, sqrt(x))
mlsec_fn_math1(tan, tan(x))
mlsec_fn_math1(tanh, tanh(x))
mlsec_fn_math1(tgamma, tgamma(x))
mlsec_fn_math1(trunc, trunc(x))
mlsec_fn_math1(y0, y0(x))
mlsec_fn_math1(y1, y1(x))

mlsec_fn_math2(atan2, atan2(x, y))
mlsec_fn_math2(copysign, copysign(x, y))
mlsec_fn_math2(drem, drem(x, y))
mlsec_fn_math2(fdim, fdim(x, y))
mlsec_fn_math2(fmax, fmax(x, y))
mlsec_fn_math2(fmin, fmin(x, y))
mlsec_fn_math2(fmod, fmod(x, y))
mlsec_fn_math2(hypot, hypot(x, y))
mlsec_fn_math2(ldexp, ldexp(x, mlsec_fn_exponent(y)))
mlsec_fn_math2(nextafter, nextafter(x, y))
mlsec_fn_math2(nexttoward, nexttoward(x, (long double) y))
mlsec_fn_math2(pow, pow(x, y))
mlsec_fn_math2(scalb, ldexp(x, mlsec_fn_exponent(y)))
mlsec_fn_math2(scalbln, scalbln(x, mlsec_fn_exponent(y)))


/* lgamma() of C's library writes to a variable of the process. */

int
mlsec_fn_lgamma(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int  sign;

    if (!mlsec_fv_is_number(args[0])) {
        return mlsec_fn_need_number(fx, &args[0]);
    }

    *out = mlsec_fv_number(lgamma_r(mlsec_fv_double(args[0]), &sign));

    return MLSEC_OK;
}


int
mlsec_fn_gamma(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_lgamma(fx, args, out);
}


static int
mlsec_fn_pair(mlsec_fx_t *fx, double a, double b, mlsec_fv_t *out)
{
    if (mlsec_fv_new_array(fx, 2, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    (void) mlsec_fv_append(fx, out, mlsec_fv_number(a));

    return mlsec_fv_append(fx, out, mlsec_fv_number(b));
}


int
mlsec_fn_lgamma_r(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int     sign;
    double  x;

    if (!mlsec_fv_is_number(args[0])) {
        return mlsec_fn_need_number(fx, &args[0]);
    }

    sign = 0;
    x = lgamma_r(mlsec_fv_double(args[0]), &sign);

    return mlsec_fn_pair(fx, x, sign, out);
}


int
mlsec_fn_frexp(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int     exponent;
    double  x;

    if (!mlsec_fv_is_number(args[0])) {
        return mlsec_fn_need_number(fx, &args[0]);
    }

    x = mlsec_fv_double(args[0]);
    exponent = 0;

    if (isfinite(x)) {
        x = frexp(x, &exponent);
    }

    return mlsec_fn_pair(fx, x, exponent, out);
}


int
mlsec_fn_modf(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    double  x, whole;

    if (!mlsec_fv_is_number(args[0])) {
        return mlsec_fn_need_number(fx, &args[0]);
    }

    x = modf(mlsec_fv_double(args[0]), &whole);

    return mlsec_fn_pair(fx, x, whole, out);
}


int
mlsec_fn_fma(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int  i;

    for (i = 1; i < 4; i++) {
        if (!mlsec_fv_is_number(args[i])) {
            return mlsec_fn_need_number(fx, &args[i]);
        }
    }

    *out = mlsec_fv_number(fma(mlsec_fv_double(args[1]),
                               mlsec_fv_double(args[2]),
                               mlsec_fv_double(args[3])));

    return MLSEC_OK;
}


/* A number that was written keeps its digits, other types are left alone. */

int
mlsec_fn_abs(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;

    *out = args[0];

    if (out->type == MLSEC_FV_NUMBER) {
        out->u.number = fabs(out->u.number);

    } else if (out->type == MLSEC_FV_NUMTEXT && *out->u.str == '-') {
        out->u.str++;
        out->n--;
    }

    return MLSEC_OK;
}


int
mlsec_fn_infinite(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;
    (void) args;

    *out = mlsec_fv_number(INFINITY);

    return MLSEC_OK;
}


int
mlsec_fn_nan(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;
    (void) args;

    *out = mlsec_fv_number(NAN);

    return MLSEC_OK;
}


int
mlsec_fn_isinfinite(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;

    *out = mlsec_fv_bool(mlsec_fv_is_number(args[0])
                         && isinf(mlsec_fv_double(args[0])));

    return MLSEC_OK;
}


int
mlsec_fn_isnan(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;

    *out = mlsec_fv_bool(mlsec_fv_is_number(args[0])
                         && isnan(mlsec_fv_double(args[0])));

    return MLSEC_OK;
}


int
mlsec_fn_isnormal(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;

    *out = mlsec_fv_bool(mlsec_fv_is_number(args[0])
                         && isnormal(mlsec_fv_double(args[0])));

    return MLSEC_OK;
}


/*
 * Numbers that are moved, negated or compared keep the digits that they were
 * written with; arithmetic is on doubles.  jq says the same of itself when it
 * was built with decimal numbers.
 */

int
mlsec_fn_have_literal_numbers(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    (void) fx;
    (void) args;

    *out = mlsec_fv_bool(1);

    return MLSEC_OK;
}


int
mlsec_fn_have_decnum(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) fx;
    (void) args;

    *out = mlsec_fv_bool(1);

    return MLSEC_OK;
}
