/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Functions that cover personal data in strings; jq has none of them. */


#include <lib/filter/mlsec_filter_native.h>
#include <lib/filter/mlsec_filter_tape.h>
#include <lib/redact/mlsec_mask.h>


static int
mlsec_fn_mask(mlsec_fx_t *fx, mlsec_fv_t v, const char *name,
    size_t (*mask)(unsigned char *text, size_t len), mlsec_fv_t *out)
{
    mlsec_fv_t      s;
    unsigned char  *p;

    if (!mlsec_fv_is_string(v)) {
        return mlsec_fx_raise(fx, "%s input must be a string", name);
    }

    s = v;

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fx_charge(fx, s.n / 4) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    p = mlsec_fx_alloc(fx, (size_t) s.n + 1);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    if (s.n != 0) {
        memcpy(p, s.u.str, s.n);
    }

    /* what has none stays as it was written */

    *out = (mask(p, s.n) != 0) ? mlsec_fv_string(p, s.n) : v;

    return MLSEC_OK;
}


int
mlsec_fn_mask_email(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_mask(fx, args[0], "mask_email", mlsec_mask_email, out);
}


int
mlsec_fn_mask_card(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_mask(fx, args[0], "mask_card", mlsec_mask_card, out);
}


int
mlsec_fn_mask_phone(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_mask(fx, args[0], "mask_phone", mlsec_mask_phone, out);
}
