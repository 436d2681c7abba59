/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Writing a value as JSON.  Open containers wait on a stack in the arena.
 * What still is text of its document goes out as it is, unless the style
 * asks for other blanks or another order.
 */


#include <lib/filter/mlsec_filter_value.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/mlsec_text.h>


#define MLSEC_FW_BUFFER  1024
#define MLSEC_FW_LEVELS  16            /* levels before the arena is asked */


typedef struct mlsec_fw_level_s  mlsec_fw_level_t;

struct mlsec_fw_level_s {
    mlsec_fw_level_t             *outer;
    mlsec_fv_iter_t               it;
    const mlsec_fv_member_t     **sorted;
    uint32_t                      i;
    uint32_t                      n;   /* of "sorted" */
    unsigned                      object:1;
    unsigned                      first:1;
};

typedef struct {
    mlsec_fx_t                   *fx;
    const mlsec_filter_style_t   *style;
    mlsec_filter_writer_pt        writer;
    void                         *ctx;
    mlsec_fw_level_t             *top;
    mlsec_fw_level_t             *spare;   /* levels that were closed */
    unsigned                      depth;
    unsigned                      verbatim;
    size_t                        n;
    unsigned char                 buf[MLSEC_FW_BUFFER];
    mlsec_fw_level_t              levels[MLSEC_FW_LEVELS];
} mlsec_fw_t;


static int mlsec_fw_value(mlsec_fw_t *w, mlsec_fv_t v);
static int mlsec_fw_open(mlsec_fw_t *w, mlsec_fv_t v);
static int mlsec_fw_step(mlsec_fw_t *w);
static int mlsec_fw_string(mlsec_fw_t *w, mlsec_fv_t v);


static int
mlsec_fw_flush(mlsec_fw_t *w)
{
    size_t  n;

    n = w->n;
    w->n = 0;

    if (n != 0 && w->writer(w->ctx, w->buf, n) != MLSEC_OK) {
        return MLSEC_FILTER_OUTPUT;
    }

    return MLSEC_OK;
}


static int
mlsec_fw_put(mlsec_fw_t *w, const void *data, size_t len)
{
    if (len <= MLSEC_FW_BUFFER - w->n) {
        memcpy(w->buf + w->n, data, len);
        w->n += len;
        return MLSEC_OK;
    }

    if (mlsec_fw_flush(w) != MLSEC_OK) {
        return MLSEC_FILTER_OUTPUT;
    }

    if (len > MLSEC_FW_BUFFER / 2) {
        return w->writer(w->ctx, data, len) == MLSEC_OK
               ? MLSEC_OK : MLSEC_FILTER_OUTPUT;
    }

    memcpy(w->buf, data, len);
    w->n = len;

    return MLSEC_OK;
}


int
mlsec_fv_write(mlsec_fx_t *fx, mlsec_fv_t v,
    const mlsec_filter_style_t *style, mlsec_filter_writer_pt writer,
    void *ctx)
{
    int         i, rc;
    mlsec_fw_t  w;

    w.fx = fx;
    w.style = style;
    w.writer = writer;
    w.ctx = ctx;
    w.top = NULL;
    w.depth = 0;
    w.n = 0;
    w.verbatim = !style->reformat && !style->sort && style->indent == 0;
    w.spare = NULL;

    for (i = 0; i < MLSEC_FW_LEVELS; i++) {
        w.levels[i].outer = w.spare;
        w.spare = &w.levels[i];
    }

    if (style->raw && mlsec_fv_is_string(v)) {
        rc = mlsec_fv_decode(fx, &v);

        if (rc == MLSEC_OK && v.n != 0) {
            rc = mlsec_fw_put(&w, v.u.str, v.n);
        }

    } else {
        rc = mlsec_fw_value(&w, v);
    }

    while (rc == MLSEC_OK && w.top != NULL) {
        rc = mlsec_fw_step(&w);
    }

    return rc == MLSEC_OK ? mlsec_fw_flush(&w) : rc;
}


/* A scalar, an empty or untouched container, or the opening of another. */

static int
mlsec_fw_value(mlsec_fw_t *w, mlsec_fv_t v)
{
    unsigned char           number[MLSEC_FV_NUMBER_LEN];
    const mlsec_fv_tape_t  *e;

    switch (v.type) {

    case MLSEC_FV_NULL:
        return mlsec_fw_put(w, "null", 4);

    case MLSEC_FV_FALSE:
        return mlsec_fw_put(w, "false", 5);

    case MLSEC_FV_TRUE:
        return mlsec_fw_put(w, "true", 4);

    case MLSEC_FV_NUMBER:
        return mlsec_fw_put(w, number, mlsec_fv_print_number(number,
                                                             v.u.number));

    case MLSEC_FV_NUMTEXT:
        return mlsec_fw_put(w, v.u.str, v.n);

    case MLSEC_FV_STRING:
    case MLSEC_FV_STRTEXT:
        return mlsec_fw_string(w, v);

    case MLSEC_FV_RAWARRAY:
    case MLSEC_FV_RAWOBJECT:

        if (w->verbatim) {
            e = &v.u.doc->tape[v.n];
            return mlsec_fw_put(w, v.u.doc->text + e->pos, e[1].val);
        }
    }

    return mlsec_fw_open(w, v);
}


static int
mlsec_fw_open(mlsec_fw_t *w, mlsec_fv_t v)
{
    mlsec_fw_level_t  *level;

    level = w->spare;

    if (level != NULL) {
        w->spare = level->outer;

    } else {
        level = mlsec_fx_alloc(w->fx, sizeof(mlsec_fw_level_t));
        if (level == NULL) {
            return MLSEC_FX_FATAL;
        }
    }

    level->outer = w->top;
    level->object = mlsec_fv_is_object(v);
    level->first = 1;
    level->sorted = NULL;
    level->i = 0;
    level->n = 0;

    if (level->object && mlsec_fv_load(w->fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    if (level->object && w->style->sort
        && mlsec_fv_sorted(w->fx, v, &level->sorted, &level->n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    mlsec_fv_iter(&level->it, v);

    w->top = level;
    w->depth++;

    return mlsec_fw_put(w, level->object ? "{" : "[", 1);
}


static int
mlsec_fw_newline(mlsec_fw_t *w, unsigned depth)
{
    int     rc;
    size_t  n, part;

    static const char  blanks[] = "                                ";

    if (w->style->indent == 0) {
        return MLSEC_OK;
    }

    rc = mlsec_fw_put(w, "\n", 1);

    for (n = (size_t) depth * w->style->indent; n != 0 && rc == MLSEC_OK;
         n -= part)
    {
        part = n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1;
        rc = mlsec_fw_put(w, blanks, part);
    }

    return rc;
}


/* The next element of the innermost container, or its end. */

static int
mlsec_fw_step(mlsec_fw_t *w)
{
    int                rc, more;
    mlsec_fv_t         key, value;
    mlsec_fw_level_t  *level;

    level = w->top;
    key = mlsec_fv_null();
    value = key;

    if (level->sorted != NULL) {
        more = level->i < level->n;

        if (more) {
            key = level->sorted[level->i]->key;
            value = level->sorted[level->i++]->value;
        }

    } else {
        more = mlsec_fv_next(&level->it, &key, &value);
    }

    if (!more) {
        w->top = level->outer;
        w->depth--;
        level->outer = w->spare;
        w->spare = level;

        rc = level->first ? MLSEC_OK : mlsec_fw_newline(w, w->depth);

        return rc != MLSEC_OK ? rc
                              : mlsec_fw_put(w, level->object ? "}" : "]", 1);
    }

    if (!level->first && mlsec_fw_put(w, ",", 1) != MLSEC_OK) {
        return MLSEC_FILTER_OUTPUT;
    }

    level->first = 0;

    rc = mlsec_fw_newline(w, w->depth);

    if (rc == MLSEC_OK && level->object) {
        rc = mlsec_fw_string(w, key);

        if (rc == MLSEC_OK) {
            rc = mlsec_fw_put(w, ": ", w->style->indent ? 2 : 1);
        }
    }

    return rc == MLSEC_OK ? mlsec_fw_value(w, value) : rc;
}


static int
mlsec_fw_string(mlsec_fw_t *w, mlsec_fv_t v)
{
    int                   rc;
    size_t                len;
    mlsec_str_t           text;
    unsigned char        *p;
    const unsigned char  *end;

    if (v.type == MLSEC_FV_STRTEXT && !w->verbatim
        && mlsec_fv_decode(w->fx, &v) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    rc = mlsec_fw_put(w, "\"", 1);

    if (rc != MLSEC_OK || v.n == 0) {
        return rc == MLSEC_OK ? mlsec_fw_put(w, "\"", 1) : rc;
    }

    end = v.u.str + v.n;
    text.data = v.u.str;
    text.len = v.n;

    if (v.type == MLSEC_FV_STRTEXT
        || mlsec_json_string_plain(v.u.str, end) == end
        || (len = mlsec_text_escaped_len(text)) == text.len)
    {
        rc = mlsec_fw_put(w, v.u.str, v.n);

    } else if (len <= MLSEC_FW_BUFFER) {

        if (len > MLSEC_FW_BUFFER - w->n) {
            rc = mlsec_fw_flush(w);
        }

        if (rc == MLSEC_OK) {
            (void) mlsec_text_escape(w->buf + w->n, text);
            w->n += len;
        }

    } else {
        p = mlsec_fx_alloc(w->fx, len);
        if (p == NULL) {
            return MLSEC_FX_FATAL;
        }

        (void) mlsec_text_escape(p, text);
        rc = mlsec_fw_put(w, p, len);
    }

    return rc == MLSEC_OK ? mlsec_fw_put(w, "\"", 1) : rc;
}


typedef struct {
    mlsec_fx_t       *fx;
    mlsec_fx_text_t   text;
} mlsec_fw_text_t;


static int
mlsec_fw_collect(void *ctx, const unsigned char *data, size_t len)
{
    mlsec_fw_text_t  *t = ctx;

    return mlsec_fx_put(t->fx, &t->text, data, len);
}


int
mlsec_fv_to_json(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    mlsec_fw_text_t       t;
    mlsec_filter_style_t  style;

    memset(&style, 0, sizeof(style));
    style.reformat = 1;

    memset(&t, 0, sizeof(t));
    t.fx = fx;

    if (mlsec_fv_write(fx, v, &style, mlsec_fw_collect, &t) != MLSEC_OK
        || mlsec_fx_charge(fx, t.text.len / 16) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_string(t.text.data, t.text.len);

    return MLSEC_OK;
}


int
mlsec_fv_to_string(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    *out = v;

    if (mlsec_fv_is_string(v)) {
        return mlsec_fv_decode(fx, out);
    }

    return mlsec_fv_to_json(fx, v, out);
}
