/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the tests of the filter language share: a program, an input and what
 * comes out, one result a line.
 */


#ifndef _FILTER_H_INCLUDED_
#define _FILTER_H_INCLUDED_


#include <lib/filter/mlsec_filter.h>
#include "../tap.h"


typedef struct {
    const char           *program;
    const char           *input;       /* "" is null */
    const char           *output;      /* results, each with a newline; then
                                          "error: ..." if it ends in one */
} filter_case_t;

typedef struct {
    unsigned char        *data;
    size_t                len;
    size_t                room;
} filter_text_t;

/* What a run may use, and what it used. */

typedef struct {
    uint64_t              max_steps;
    size_t                max_memory;
    size_t                fail_after;  /* allocations of the run */
    mlsec_filter_style_t  style;
    uint64_t              steps;       /* set */
    size_t                memory;      /* set */
    int                   rc;          /* set: of the end */
} filter_limits_t;


static inline int
filter_put(void *ctx, const unsigned char *data, size_t len)
{
    filter_text_t  *t = ctx;

    if (t->room - t->len < len + 1) {
        t->room = 2 * t->room + len + 64;
        t->data = realloc(t->data, t->room);
    }

    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';

    return MLSEC_OK;
}


static inline void
filter_run(const mlsec_filter_t *filter, const char *input,
    filter_limits_t *limits, filter_text_t *out)
{
    tap_arena_t            arena;
    mlsec_str_t            message;
    mlsec_filter_env_t     env;
    mlsec_filter_run_t    *run;
    mlsec_filter_value_t   value;

    memset(&arena, 0, sizeof(arena));
    arena.fail_after = limits->fail_after;

    memset(&env, 0, sizeof(env));
    env.mem.alloc = tap_alloc;
    env.mem.ctx = &arena;
    env.max_steps = limits->max_steps;
    env.max_memory = limits->max_memory;
    env.now = 1425599621.678;
    env.seed[0] = 1;

    memset(&value, 0, sizeof(value));
    value.text = tap_str(input);

    limits->rc = mlsec_filter_start(filter, &env, &value, NULL, &run);

    while (limits->rc == MLSEC_OK) {
        limits->rc = mlsec_filter_next(run);

        if (limits->rc == MLSEC_OK) {
            limits->rc = mlsec_filter_write(run, &limits->style, filter_put,
                                            out);
            filter_put(out, (const unsigned char *) "\n", 1);
        }

        limits->steps = mlsec_filter_steps(run);
        limits->memory = mlsec_filter_memory(run);

        if (limits->rc != MLSEC_OK && limits->rc != MLSEC_DECLINED) {
            message = mlsec_filter_message(run);
            filter_put(out, (const unsigned char *) "error: ", 7);
            filter_put(out, message.data, message.len);
        }
    }

    if (limits->rc == MLSEC_FILTER_INPUT) {
        filter_put(out, (const unsigned char *) "input", 5);
    }

    tap_free(&arena);
}


/* Compiles and runs; the caller frees out->data. */

static inline void
filter_eval(const char *program, const char *input, filter_limits_t *limits,
    filter_text_t *out)
{
    int                     rc;
    char                    line[300];
    tap_arena_t             arena;
    mlsec_mem_t             mem;
    mlsec_filter_t         *filter;
    mlsec_filter_error_t    error;

    memset(&arena, 0, sizeof(arena));
    arena.fail_after = ~(size_t) 0;
    mem.alloc = tap_alloc;
    mem.ctx = &arena;

    memset(out, 0, sizeof(filter_text_t));
    filter_put(out, (const unsigned char *) "", 0);

    rc = mlsec_filter_compile(&mem, tap_str(program), NULL, 0, &filter,
                              &error);

    if (rc == MLSEC_OK) {
        filter_run(filter, input, limits, out);

    } else {
        snprintf(line, sizeof(line), "%u:%u: %s", error.line, error.column,
                 error.reason);
        filter_put(out, (unsigned char *) line, strlen(line));
    }

    tap_free(&arena);
}


static inline void
filter_is(const filter_case_t *c)
{
    size_t           i;
    char             name[64];
    filter_text_t    out;
    filter_limits_t  limits;

    memset(&limits, 0, sizeof(limits));
    limits.fail_after = ~(size_t) 0;
    limits.style.reformat = 1;

    snprintf(name, sizeof(name), "%s", c->program);

    for (i = 0; name[i] != '\0'; i++) {
        name[i] = name[i] == '\n' || name[i] == '#' ? ' ' : name[i];
    }

    filter_eval(c->program, c->input, &limits, &out);

    if (!tap_ok(strcmp((char *) out.data, c->output) == 0, "%s", name))
    {
        tap_diag("input %s", c->input);
        tap_diag("got %s", out.data);
        tap_diag("expected %s", c->output);
    }

    free(out.data);
}


#define filter_table(table)                                                   \
    do {                                                                      \
        size_t  filter_i;                                                     \
                                                                              \
        for (filter_i = 0; filter_i < sizeof(table) / sizeof((table)[0]);     \
             filter_i++)                                                      \
        {                                                                     \
            filter_is(&(table)[filter_i]);                                    \
        }                                                                     \
    } while (0)


#endif /* _FILTER_H_INCLUDED_ */
