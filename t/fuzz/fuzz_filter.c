/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The filter language: the first line is the program, what is left the
 * input.  Whatever they are, the run ends within its bounds, and what comes
 * out is JSON.
 */


#include "fuzz.h"
#include <lib/filter/mlsec_filter.h>
#include <lib/json/mlsec_json.h>


#define FUZZ_STEPS   20000
#define FUZZ_MEMORY  (4 << 20)
#define FUZZ_OUTPUT  (1 << 20)


typedef struct fuzz_piece_s  fuzz_piece_t;

struct fuzz_piece_s {
    fuzz_piece_t  *next;
    size_t         size;
};


static void *
fuzz_piece(void *ctx, size_t size)
{
    fuzz_piece_t  *p, **list = ctx;

    fuzz_assert(size != 0);

    p = malloc(sizeof(fuzz_piece_t) + size);
    fuzz_assert(p != NULL);

    p->next = *list;
    *list = p;
    memset(p + 1, 0xa5, size);

    return p + 1;
}


static void
fuzz_free_pieces(fuzz_piece_t *list)
{
    fuzz_piece_t  *next;

    for ( /* void */ ; list != NULL; list = next) {
        next = list->next;
        free(list);
    }
}


static int
fuzz_bounded_put(void *ctx, const unsigned char *data, size_t len)
{
    fuzz_text_t  *t = ctx;

    fuzz_assert(len != 0);

    return t->len + len > FUZZ_OUTPUT ? -1 : fuzz_put(t, data, len);
}


static void
fuzz_run(const mlsec_filter_t *filter, mlsec_str_t input, int verbatim)
{
    int                   rc;
    mlsec_str_t           result;
    fuzz_text_t           out;
    fuzz_piece_t         *pieces;
    mlsec_filter_env_t    env;
    mlsec_filter_run_t   *run;
    mlsec_filter_style_t  style;
    mlsec_filter_value_t  value;

    pieces = NULL;
    memset(&env, 0, sizeof(env));
    memset(&out, 0, sizeof(out));
    memset(&style, 0, sizeof(style));
    memset(&value, 0, sizeof(value));

    env.mem.alloc = fuzz_piece;
    env.mem.ctx = &pieces;
    env.max_steps = FUZZ_STEPS;
    env.max_memory = FUZZ_MEMORY;
    env.now = 1425599621;
    value.text = input;
    style.reformat = !verbatim;
    style.indent = input.len & 3 && !verbatim ? 2 : 0;

    rc = mlsec_filter_start(filter, &env, &value, NULL, &run);

    /* whether an input is JSON is what the scanner says */

    if (input.len != 0) {
        fuzz_assert((rc == MLSEC_FILTER_INPUT)
                    == (mlsec_json_scan(input, MLSEC_JSON_MAX_DEPTH, NULL,
                                        NULL) != MLSEC_OK)
                    || rc == MLSEC_FILTER_MEMORY);
    }

    while (rc == MLSEC_OK) {
        rc = mlsec_filter_next(run);

        if (rc == MLSEC_OK) {
            out.len = 0;
            rc = mlsec_filter_write(run, &style, fuzz_bounded_put, &out);

            if (rc == MLSEC_OK) {
                result.data = out.data;
                result.len = out.len;
                rc = mlsec_json_scan(result, MLSEC_JSON_MAX_DEPTH, NULL,
                                     NULL);
                fuzz_assert(rc == MLSEC_OK || rc == MLSEC_JSON_DEPTH);
                rc = MLSEC_OK;
            }
        }

        fuzz_assert(mlsec_filter_steps(run) <= FUZZ_STEPS);
        fuzz_assert(mlsec_filter_memory(run) <= FUZZ_MEMORY);

        if (rc != MLSEC_OK) {
            (void) mlsec_filter_message(run);
        }
    }

    fuzz_free_pieces(pieces);
    free(out.data);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                    rc;
    mlsec_mem_t            mem;
    mlsec_str_t            program, input;
    fuzz_piece_t          *pieces;
    mlsec_filter_t        *filter;
    mlsec_filter_error_t   error;

    pieces = NULL;
    mem.alloc = fuzz_piece;
    mem.ctx = &pieces;

    program = fuzz_line(&data, &size);
    input.data = data;
    input.len = size;

    memset(&error, 0, sizeof(error));
    rc = mlsec_filter_compile(&mem, program, NULL, 0, &filter, &error);

    if (rc == MLSEC_OK) {
        fuzz_run(filter, input, 0);
        fuzz_run(filter, input, 1);

    } else {
        fuzz_assert(rc == MLSEC_INVALID);
        fuzz_assert(error.line == 1 && error.column >= 1);
        fuzz_assert(error.reason[0] != '\0');
        fuzz_assert(memchr(error.reason, '\0', sizeof(error.reason))
                    != NULL);
    }

    fuzz_free_pieces(pieces);

    return 0;
}
