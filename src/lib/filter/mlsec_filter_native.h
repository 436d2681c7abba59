/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The functions of the language that are written in C.  Each takes its input
 * in args[0] and its arguments behind that: see mlsec_fn_pt.  What they do is
 * what jq's manual says of the same name; a leading underscore is for the
 * prelude only.
 */


#ifndef _MLSEC_FILTER_NATIVE_H_INCLUDED_
#define _MLSEC_FILTER_NATIVE_H_INCLUDED_


#include <lib/filter/mlsec_filter_code.h>


/* name, arguments, function: in the order of strcmp(), then of arguments */

#define MLSEC_FN_NATIVES(native)                                              \
    native(_captures, 0, mlsec_fn_captures)                                   \
    native(_contains, 1, mlsec_fn_contains)                                   \
    native(_group_by, 1, mlsec_fn_group_by)                                   \
    native(_indices, 1, mlsec_fn_indices)                                     \
    native(_match, 3, mlsec_fn_match)                                         \
    native(_max_by, 1, mlsec_fn_max_by)                                       \
    native(_min_by, 1, mlsec_fn_min_by)                                       \
    native(_sort_by, 1, mlsec_fn_sort_by)                                     \
    native(_unique_by, 1, mlsec_fn_unique_by)                                 \
    native(abs, 0, mlsec_fn_abs)                                              \
    native(acos, 0, mlsec_fn_acos)                                            \
    native(acosh, 0, mlsec_fn_acosh)                                          \
    native(add, 0, mlsec_fn_add)                                              \
    native(ascii_downcase, 0, mlsec_fn_ascii_downcase)                        \
    native(ascii_upcase, 0, mlsec_fn_ascii_upcase)                            \
    native(asin, 0, mlsec_fn_asin)                                            \
    native(asinh, 0, mlsec_fn_asinh)                                          \
    native(atan, 0, mlsec_fn_atan)                                            \
    native(atan2, 2, mlsec_fn_atan2)                                          \
    native(atanh, 0, mlsec_fn_atanh)                                          \
    native(bsearch, 1, mlsec_fn_bsearch)                                      \
    native(builtins, 0, mlsec_fn_builtins)                                    \
    native(cbrt, 0, mlsec_fn_cbrt)                                            \
    native(ceil, 0, mlsec_fn_ceil)                                            \
    native(copysign, 2, mlsec_fn_copysign)                                    \
    native(cos, 0, mlsec_fn_cos)                                              \
    native(cosh, 0, mlsec_fn_cosh)                                            \
    native(delpaths, 1, mlsec_fn_delpaths)                                    \
    native(drem, 2, mlsec_fn_drem)                                            \
    native(endswith, 1, mlsec_fn_endswith)                                    \
    native(exp, 0, mlsec_fn_exp)                                              \
    native(exp10, 0, mlsec_fn_exp10)                                          \
    native(exp2, 0, mlsec_fn_exp2)                                            \
    native(explode, 0, mlsec_fn_explode)                                      \
    native(expm1, 0, mlsec_fn_expm1)                                          \
    native(fabs, 0, mlsec_fn_fabs)                                            \
    native(fdim, 2, mlsec_fn_fdim)                                            \
    native(flatten, 0, mlsec_fn_flatten)                                      \
    native(flatten, 1, mlsec_fn_flatten1)                                     \
    native(floor, 0, mlsec_fn_floor)                                          \
    native(fma, 3, mlsec_fn_fma)                                              \
    native(fmax, 2, mlsec_fn_fmax)                                            \
    native(fmin, 2, mlsec_fn_fmin)                                            \
    native(fmod, 2, mlsec_fn_fmod)                                            \
    native(frexp, 0, mlsec_fn_frexp)                                          \
    native(from_entries, 0, mlsec_fn_from_entries)                            \
    native(fromjson, 0, mlsec_fn_fromjson)                                    \
    native(gamma, 0, mlsec_fn_gamma)                                          \
    native(gmtime, 0, mlsec_fn_gmtime)                                        \
    native(has, 1, mlsec_fn_has)                                              \
    native(have_decnum, 0, mlsec_fn_have_decnum)                              \
    native(have_literal_numbers, 0, mlsec_fn_have_literal_numbers)            \
    native(hypot, 2, mlsec_fn_hypot)                                          \
    native(implode, 0, mlsec_fn_implode)                                      \
    native(infinite, 0, mlsec_fn_infinite)                                    \
    native(isinfinite, 0, mlsec_fn_isinfinite)                                \
    native(isnan, 0, mlsec_fn_isnan)                                          \
    native(isnormal, 0, mlsec_fn_isnormal)                                    \
    native(j0, 0, mlsec_fn_j0)                                                \
    native(j1, 0, mlsec_fn_j1)                                                \
    native(join, 1, mlsec_fn_join)                                            \
    native(keys, 0, mlsec_fn_keys)                                            \
    native(keys_unsorted, 0, mlsec_fn_keys_unsorted)                          \
    native(ldexp, 2, mlsec_fn_ldexp)                                          \
    native(length, 0, mlsec_fn_length)                                        \
    native(lgamma, 0, mlsec_fn_lgamma)                                        \
    native(lgamma_r, 0, mlsec_fn_lgamma_r)                                    \
    native(localtime, 0, mlsec_fn_localtime)                                  \
    native(log, 0, mlsec_fn_log)                                              \
    native(log10, 0, mlsec_fn_log10)                                          \
    native(log1p, 0, mlsec_fn_log1p)                                          \
    native(log2, 0, mlsec_fn_log2)                                            \
    native(logb, 0, mlsec_fn_logb)                                            \
    native(ltrim, 0, mlsec_fn_ltrim)                                          \
    native(ltrimstr, 1, mlsec_fn_ltrimstr)                                    \
    native(mask_card, 0, mlsec_fn_mask_card)                                  \
    native(mask_email, 0, mlsec_fn_mask_email)                                \
    native(mask_phone, 0, mlsec_fn_mask_phone)                                \
    native(max, 0, mlsec_fn_max)                                              \
    native(min, 0, mlsec_fn_min)                                              \
    native(mktime, 0, mlsec_fn_mktime)                                        \
    native(modf, 0, mlsec_fn_modf)                                            \
    native(nan, 0, mlsec_fn_nan)                                              \
    native(nearbyint, 0, mlsec_fn_nearbyint)                                  \
    native(nextafter, 2, mlsec_fn_nextafter)                                  \
    native(nexttoward, 2, mlsec_fn_nexttoward)                                \
    native(now, 0, mlsec_fn_now)                                              \
    native(pow, 2, mlsec_fn_pow)                                              \
    native(pow10, 0, mlsec_fn_pow10)                                          \
    native(reverse, 0, mlsec_fn_reverse)                                      \
    native(rint, 0, mlsec_fn_rint)                                            \
    native(round, 0, mlsec_fn_round)                                          \
    native(rtrim, 0, mlsec_fn_rtrim)                                          \
    native(rtrimstr, 1, mlsec_fn_rtrimstr)                                    \
    native(scalb, 2, mlsec_fn_scalb)                                          \
    native(scalbln, 2, mlsec_fn_scalbln)                                      \
    native(setpath, 2, mlsec_fn_setpath)                                      \
    native(significand, 0, mlsec_fn_significand)                              \
    native(sin, 0, mlsec_fn_sin)                                              \
    native(sinh, 0, mlsec_fn_sinh)                                            \
    native(sort, 0, mlsec_fn_sort)                                            \
    native(split, 1, mlsec_fn_split)                                          \
    native(sqrt, 0, mlsec_fn_sqrt)                                            \
    native(startswith, 1, mlsec_fn_startswith)                                \
    native(strflocaltime, 1, mlsec_fn_strflocaltime)                          \
    native(strftime, 1, mlsec_fn_strftime)                                    \
    native(strptime, 1, mlsec_fn_strptime)                                    \
    native(tan, 0, mlsec_fn_tan)                                              \
    native(tanh, 0, mlsec_fn_tanh)                                            \
    native(tgamma, 0, mlsec_fn_tgamma)                                        \
    native(to_entries, 0, mlsec_fn_to_entries)                                \
    native(toarray, 0, mlsec_fn_toarray)                                      \
    native(toboolean, 0, mlsec_fn_toboolean)                                  \
    native(tojson, 0, mlsec_fn_tojson)                                        \
    native(tonumber, 0, mlsec_fn_tonumber)                                    \
    native(tostring, 0, mlsec_fn_tostring)                                    \
    native(trim, 0, mlsec_fn_trim)                                            \
    native(trimstr, 1, mlsec_fn_trimstr)                                      \
    native(trunc, 0, mlsec_fn_trunc)                                          \
    native(type, 0, mlsec_fn_type)                                            \
    native(unique, 0, mlsec_fn_unique)                                        \
    native(utf8bytelength, 0, mlsec_fn_utf8bytelength)                        \
    native(y0, 0, mlsec_fn_y0)                                                \
    native(y1, 0, mlsec_fn_y1)


#define mlsec_fn_declare(name, nargs, call)                                   \
    int call(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out);

MLSEC_FN_NATIVES(mlsec_fn_declare)


#endif /* _MLSEC_FILTER_NATIVE_H_INCLUDED_ */
