/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What fuzz targets share: a property that does not hold is a crash. */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lib/mlsec_types.h>


#define fuzz_assert(property)                                                 \
    do {                                                                      \
        if (!(property)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #property);    \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


/* Memory for one input, each piece allocated alone. */

typedef struct {
    void                 *pieces[256];
    size_t                n;
} fuzz_arena_t;


static inline void *
fuzz_alloc(void *ctx, size_t size)
{
    fuzz_arena_t  *a = ctx;

    if (a->n == sizeof(a->pieces) / sizeof(a->pieces[0])) {
        return NULL;
    }

    a->pieces[a->n] = malloc(size);

    return a->pieces[a->n++];
}


static inline void
fuzz_free(fuzz_arena_t *a)
{
    while (a->n != 0) {
        free(a->pieces[--a->n]);
    }
}


/* A growing text, freed by the caller. */

typedef struct {
    unsigned char        *data;
    size_t                len;
    size_t                room;
} fuzz_text_t;


static inline int
fuzz_put(void *ctx, const unsigned char *data, size_t len)
{
    fuzz_text_t  *t = ctx;

    if (t->room - t->len < len) {
        t->room = 2 * t->room + len;
        t->data = realloc(t->data, t->room);
        fuzz_assert(t->data != NULL);
    }

    if (len != 0) {
        memcpy(t->data + t->len, data, len);
        t->len += len;
    }

    return 0;
}


/* The line up to '\n' or the end is cut off the input. */

static inline mlsec_str_t
fuzz_line(const unsigned char **data, size_t *size)
{
    mlsec_str_t           line;
    const unsigned char  *end;

    line.data = *data;
    end = *size == 0 ? NULL : memchr(*data, '\n', *size);
    line.len = end == NULL ? *size : (size_t) (end - *data);

    *size -= line.len;
    *data += line.len;

    if (*size != 0) {
        (*data)++;
        (*size)--;
    }

    return line;
}


#endif /* _FUZZ_H_INCLUDED_ */
