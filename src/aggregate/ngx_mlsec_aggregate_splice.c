/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * From the pieces of a merged document to the buffers that nginx sends.
 *
 * Every buffer costs a chain link at each filter it passes and an entry of
 * writev(), together more than copying a kilobyte.  So a short document is
 * copied into one buffer; of a long one the bodies go out from where they
 * are, and only what stands between them is gathered.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>


#define NGX_MLSEC_SPLICE_WHOLE  16384    /* bytes of a short document */
#define NGX_MLSEC_SPLICE_PIECE  1024     /* bytes of a piece worth a buffer */


typedef struct {
    ngx_chain_t   link;
    ngx_buf_t     buf;
} ngx_mlsec_splice_slot_t;


typedef struct {
    size_t                    size;      /* bytes of all pieces */
    size_t                    copied;    /* bytes of the short ones */
    ngx_uint_t                kept;      /* number of the others */

    size_t                    limit;     /* a piece of so many is kept */
    u_char                   *pos;       /* where the next copy goes */
    ngx_mlsec_splice_slot_t  *slot;      /* the next free one */
    ngx_chain_t             **last;
    ngx_buf_t                *open;      /* what copies are added to */
} ngx_mlsec_splice_t;


static int ngx_mlsec_splice_measure(void *ctx, const unsigned char *data,
    size_t len);
static int ngx_mlsec_splice_add(void *ctx, const unsigned char *data,
    size_t len);
static ngx_buf_t *ngx_mlsec_splice_next(ngx_mlsec_splice_t *splice,
    u_char *pos);


ngx_int_t
ngx_mlsec_aggregate_splice(ngx_http_request_t *r, const mlsec_merge_t *merge,
    const ngx_str_t *errors, ngx_chain_t **out, off_t *size)
{
    ngx_buf_t           *b;
    ngx_uint_t           slots;
    mlsec_str_t          json;
    ngx_mlsec_splice_t   splice;

    json.data = errors->data;
    json.len = errors->len;

    ngx_memzero(&splice, sizeof(ngx_mlsec_splice_t));

    (void) mlsec_merge_emit(merge, json, ngx_mlsec_splice_measure, &splice);

    splice.limit = NGX_MLSEC_SPLICE_PIECE;

    if (splice.size <= NGX_MLSEC_SPLICE_WHOLE) {
        splice.copied = splice.size;
        splice.kept = 0;
        splice.limit = splice.size + 1;
    }

    /* there is text before, between and behind the pieces that are kept */

    slots = 2 * splice.kept + 1;

    splice.pos = ngx_pnalloc(r->pool, splice.copied);
    splice.slot = ngx_pcalloc(r->pool,
                              slots * sizeof(ngx_mlsec_splice_slot_t));

    if (splice.pos == NULL || splice.slot == NULL) {
        return NGX_ERROR;
    }

    splice.last = out;

    (void) mlsec_merge_emit(merge, json, ngx_mlsec_splice_add, &splice);

    b = &splice.slot[-1].buf;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    *splice.last = NULL;
    *size = splice.size;

    return NGX_OK;
}


static int
ngx_mlsec_splice_measure(void *ctx, const unsigned char *data, size_t len)
{
    ngx_mlsec_splice_t *splice = ctx;

    splice->size += len;

    if (len < NGX_MLSEC_SPLICE_PIECE) {
        splice->copied += len;

    } else {
        splice->kept++;
    }

    return MLSEC_OK;
}


static int
ngx_mlsec_splice_add(void *ctx, const unsigned char *data, size_t len)
{
    ngx_mlsec_splice_t *splice = ctx;

    ngx_buf_t  *b;

    if (len >= splice->limit) {
        b = ngx_mlsec_splice_next(splice, (u_char *) data);
        b->last += len;
        splice->open = NULL;

        return MLSEC_OK;
    }

    if (splice->open == NULL) {
        splice->open = ngx_mlsec_splice_next(splice, splice->pos);
    }

    splice->pos = ngx_cpymem(splice->pos, data, len);
    splice->open->last = splice->pos;

    return MLSEC_OK;
}


static ngx_buf_t *
ngx_mlsec_splice_next(ngx_mlsec_splice_t *splice, u_char *pos)
{
    ngx_buf_t                *b;
    ngx_mlsec_splice_slot_t  *slot;

    slot = splice->slot++;

    b = &slot->buf;
    b->pos = pos;
    b->last = pos;
    b->memory = 1;

    slot->link.buf = b;
    *splice->last = &slot->link;
    splice->last = &slot->link.next;

    return b;
}
