/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Memory of a run, its bounds, its errors, and texts that grow. */


#include <lib/filter/mlsec_filter_value.h>
#include <stdarg.h>


#define MLSEC_FX_MAX_BLOCK  262144

/* bytes of a value that an error message quotes */

#define MLSEC_FX_QUOTE      29


static int mlsec_fx_raise_value(mlsec_fx_t *fx, mlsec_fx_text_t *text,
    int kind, const mlsec_fv_t *v);


void *
mlsec_fx_alloc(mlsec_fx_t *fx, size_t size)
{
    size_t          block;
    unsigned char  *p;

    size = (size + 7) & ~(size_t) 7;

    if (size <= (size_t) (fx->end - fx->pos)) {
        p = fx->pos;
        fx->pos += size;
        return p;
    }

    /* what is large gets a block of its own, the current one stays */

    block = size > fx->block / 4 ? size : fx->block;

    if (size == 0 || block > fx->max - fx->used) {
        fx->rc = MLSEC_FILTER_MEMORY;
        return NULL;
    }

    p = fx->mem.alloc(fx->mem.ctx, block);
    if (p == NULL) {
        fx->rc = MLSEC_NOMEM;
        return NULL;
    }

    fx->used += block;

    if (block != size) {
        fx->pos = p + size;
        fx->end = p + block;

        if (fx->block < MLSEC_FX_MAX_BLOCK) {
            fx->block *= 2;
        }
    }

    return p;
}


int
mlsec_fx_charge(mlsec_fx_t *fx, uint64_t n)
{
    if (n >= fx->fuel) {
        fx->fuel = 0;
        fx->rc = MLSEC_FILTER_STEPS;
        return MLSEC_FX_FATAL;
    }

    fx->fuel -= n;

    return MLSEC_OK;
}


int
mlsec_fx_room(mlsec_fx_t *fx, mlsec_fx_text_t *text, size_t len)
{
    size_t          room;
    unsigned char  *data;

    if (len <= text->room - text->len) {
        return MLSEC_OK;
    }

    if (len > MLSEC_FILTER_MAX_TEXT - text->len) {
        fx->rc = MLSEC_FILTER_MEMORY;
        return MLSEC_FX_FATAL;
    }

    room = 2 * text->room + len + 32;

    data = mlsec_fx_alloc(fx, room);
    if (data == NULL) {
        return MLSEC_FX_FATAL;
    }

    if (text->len != 0) {
        memcpy(data, text->data, text->len);
    }

    text->data = data;
    text->room = room;

    return MLSEC_OK;
}


int
mlsec_fx_put(mlsec_fx_t *fx, mlsec_fx_text_t *text, const void *data,
    size_t len)
{
    if (mlsec_fx_room(fx, text, len) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    if (len != 0) {
        memcpy(text->data + text->len, data, len);
        text->len += len;
    }

    return MLSEC_OK;
}


int
mlsec_fx_raise(mlsec_fx_t *fx, const char *fmt, ...)
{
    int              rc;
    unsigned char    number[MLSEC_FV_NUMBER_LEN];
    va_list          args;
    const char      *s;
    mlsec_fx_text_t  text;

    memset(&text, 0, sizeof(text));
    rc = MLSEC_OK;

    va_start(args, fmt);

    while (*fmt != '\0' && rc == MLSEC_OK) {

        if (*fmt != '%') {
            s = strchr(fmt, '%');
            s = s == NULL ? fmt + strlen(fmt) : s;
            rc = mlsec_fx_put(fx, &text, fmt, (size_t) (s - fmt));
            fmt = s;
            continue;
        }

        switch (fmt[1]) {

        case 's':
            s = va_arg(args, const char *);
            rc = mlsec_fx_put(fx, &text, s, strlen(s));
            break;

        case 'd':
            rc = mlsec_fx_put(fx, &text, number,
                              mlsec_fv_print_number(number,
                                                    va_arg(args, int)));
            break;

        case '%':
            rc = mlsec_fx_put(fx, &text, "%", 1);
            break;

        default:
            rc = mlsec_fx_raise_value(fx, &text, fmt[1],
                                      va_arg(args, const mlsec_fv_t *));
        }

        fmt += 2;
    }

    va_end(args);

    if (rc != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    fx->error = mlsec_fv_string(text.data, text.len);

    return MLSEC_FX_ERROR;
}


static int
mlsec_fx_quote(void *ctx, const unsigned char *data, size_t len)
{
    size_t            room;
    mlsec_fx_text_t  *text = ctx;

    room = text->room - text->len;

    if (len > room) {
        memcpy(text->data + text->len, data, room);
        text->len += room;
        return MLSEC_DECLINED;
    }

    memcpy(text->data + text->len, data, len);
    text->len += len;

    return MLSEC_OK;
}


/* Only the beginning of a large value is ever written. */

static int
mlsec_fx_raise_value(mlsec_fx_t *fx, mlsec_fx_text_t *text, int kind,
    const mlsec_fv_t *v)
{
    int                   rc;
    mlsec_fv_t            s;
    const char           *name, *end;
    unsigned char         quote[MLSEC_FX_QUOTE + 1];
    mlsec_fx_text_t       part;
    mlsec_filter_style_t  style;

    if (kind == 'T') {
        name = mlsec_fv_type_name(*v);
        return mlsec_fx_put(fx, text, name, strlen(name));
    }

    if (kind == 'S') {
        s = *v;

        if (mlsec_fv_decode(fx, &s) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        return mlsec_fx_put(fx, text, s.u.str, s.n);
    }

    memset(&style, 0, sizeof(style));
    style.reformat = 1;

    part.data = quote;
    part.len = 0;
    part.room = MLSEC_FX_QUOTE + 1;

    rc = mlsec_fv_write(fx, *v, &style, mlsec_fx_quote, &part);

    if (rc == MLSEC_FX_FATAL) {
        return MLSEC_FX_FATAL;
    }

    if (rc == MLSEC_OK && part.len < part.room) {
        return mlsec_fx_put(fx, text, quote, part.len);
    }

    end = mlsec_fv_is_string(*v) ? "...\""
          : mlsec_fv_is_array(*v) ? "...]"
          : mlsec_fv_is_object(*v) ? "...}" : "...";

    part.len = MLSEC_FX_QUOTE - strlen(end);

    while (part.len != 0 && (quote[part.len] & 0xc0) == 0x80) {
        part.len--;
    }

    if (mlsec_fx_put(fx, text, quote, part.len) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    return mlsec_fx_put(fx, text, end, strlen(end));
}
