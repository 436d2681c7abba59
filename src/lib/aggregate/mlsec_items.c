/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A frame for each open array on the way, and a name of the path that its
 * elements go on with.  Objects need no frame: one member is taken.
 */


#include <lib/aggregate/mlsec_items.h>
#include <string.h>


static int mlsec_items_follow(mlsec_items_t *items, mlsec_str_t value,
    size_t pos, mlsec_str_t *item);
static int mlsec_items_enter(mlsec_items_t *items, mlsec_str_t array,
    size_t pos);
static size_t mlsec_items_name(mlsec_str_t path, size_t pos,
    mlsec_str_t *name);


void
mlsec_items_init(mlsec_items_t *items, mlsec_str_t text, mlsec_str_t path)
{
    items->path = path;
    items->root = mlsec_json_trim(text);
    items->started = 0;
    items->depth = 0;
}


int
mlsec_items_next(mlsec_items_t *items, mlsec_str_t *value)
{
    mlsec_str_t           element;
    mlsec_items_frame_t  *frame;

    if (!items->started) {
        items->started = 1;

        if (mlsec_items_follow(items, items->root, 0, value) == MLSEC_OK) {
            return mlsec_json_type(*value) > MLSEC_JSON_NULL ? MLSEC_OK
                                                             : MLSEC_DECLINED;
        }
    }

    while (items->depth != 0) {
        frame = &items->frames[items->depth - 1];

        if (mlsec_json_next_element(&frame->it, &element) != MLSEC_OK) {
            items->depth--;
            continue;
        }

        if (frame->last) {
            *value = element;
            return MLSEC_OK;
        }

        if (mlsec_items_follow(items, element, frame->pos, value) == MLSEC_OK)
        {
            return MLSEC_OK;
        }
    }

    return MLSEC_DECLINED;
}


/*
 * Goes from a value to the item that the rest of the path, from "pos" on,
 * gives in it.
 * Returns MLSEC_OK, or MLSEC_DECLINED if there is an array on the way, whose
 * frame is on top now.
 */

static int
mlsec_items_follow(mlsec_items_t *items, mlsec_str_t value, size_t pos,
    mlsec_str_t *item)
{
    mlsec_str_t  name;

    for ( ;; ) {

        if (mlsec_json_type(value) == MLSEC_JSON_ARRAY) {
            return mlsec_items_enter(items, value, pos);
        }

        if (pos >= items->path.len) {
            *item = value;
            return MLSEC_OK;
        }

        pos = mlsec_items_name(items->path, pos, &name);

        if (mlsec_json_find(value, name, &value) != MLSEC_OK) {
            item->data = value.data;
            item->len = 0;
            return MLSEC_OK;
        }
    }
}


static int
mlsec_items_enter(mlsec_items_t *items, mlsec_str_t array, size_t pos)
{
    mlsec_items_frame_t  *frame;

    /* cannot be in a document that the scanner has accepted */

    if (items->depth == MLSEC_ITEMS_DEPTH) {
        return MLSEC_DECLINED;
    }

    frame = &items->frames[items->depth];

    if (mlsec_json_elements(&frame->it, array) == MLSEC_OK) {
        frame->pos = pos;
        frame->last = (pos >= items->path.len);
        items->depth++;
    }

    return MLSEC_DECLINED;
}


/* Returns where the name after the one at "pos" begins. */

static size_t
mlsec_items_name(mlsec_str_t path, size_t pos, mlsec_str_t *name)
{
    size_t  end;

    for (end = pos; end < path.len && path.data[end] != '.'; end++) {
        /* void */
    }

    name->data = path.data + pos;
    name->len = end - pos;

    return end + 1;
}


int
mlsec_items_scalar(const mlsec_mem_t *mem, mlsec_str_t value,
    mlsec_str_t *text)
{
    unsigned char  *dst;
    mlsec_str_t     raw;

    value = mlsec_json_trim(value);

    switch (mlsec_json_type(value)) {

    case MLSEC_JSON_NONE:
    case MLSEC_JSON_NULL:
        return MLSEC_DECLINED;

    case MLSEC_JSON_OBJECT:
    case MLSEC_JSON_ARRAY:
        return MLSEC_BADTYPE;

    case MLSEC_JSON_STRING:
        break;

    default:
        *text = value;
        return MLSEC_OK;
    }

    if (mlsec_json_string(value, &raw) != MLSEC_OK) {
        return MLSEC_BADTYPE;
    }

    if (raw.len == 0 || memchr(raw.data, '\\', raw.len) == NULL) {
        *text = raw;
        return MLSEC_OK;
    }

    dst = mem->alloc(mem->ctx, raw.len);

    if (dst == NULL) {
        return MLSEC_NOMEM;
    }

    text->data = dst;
    text->len = mlsec_json_decode(dst, raw);

    return MLSEC_OK;
}
