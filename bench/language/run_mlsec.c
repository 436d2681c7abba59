/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * One case on the engine of the module: check, run, write, memory from its
 * start each time, as out of a request's pool.  Prints CPU of one run in us,
 * of one compilation in us, and the answer.
 *
 *     run_mlsec PROGRAM FILE TIMES
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <lib/filter/mlsec_filter.h>


typedef struct {
    unsigned char        *start;
    size_t                used;
    size_t                room;
} arena_t;

typedef struct {
    unsigned char         data[1 << 20];
    size_t                len;
} answer_t;


static answer_t  answer;


static void *
arena_alloc(void *ctx, size_t size)
{
    void     *p;
    arena_t  *a = ctx;

    size = (size + 15) & ~(size_t) 15;

    if (size > a->room - a->used) {
        return NULL;
    }

    p = a->start + a->used;
    a->used += size;

    return p;
}


static int
collect(void *ctx, const unsigned char *data, size_t len)
{
    answer_t  *out = ctx;

    if (len > sizeof(out->data) - out->len) {
        return MLSEC_DECLINED;
    }

    memcpy(out->data + out->len, data, len);
    out->len += len;

    return MLSEC_OK;
}


static double
cpu_us(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}


static void
die(const char *what)
{
    fprintf(stderr, "run_mlsec: %s\n", what);
    exit(1);
}


static double
compile(arena_t *arena, mlsec_str_t program, mlsec_filter_t **filter)
{
    double                start;
    unsigned              i;
    mlsec_mem_t           mem;
    mlsec_filter_error_t  error;

    mem.alloc = arena_alloc;
    mem.ctx = arena;
    start = cpu_us();

    for (i = 0; i < 100; i++) {
        arena->used = 0;

        if (mlsec_filter_compile(&mem, program, NULL, 0, filter, &error)
            != MLSEC_OK)
        {
            die(error.reason);
        }
    }

    return (cpu_us() - start) / 100;
}


static void
run(const mlsec_filter_t *filter, arena_t *arena, mlsec_str_t text)
{
    mlsec_filter_env_t    env;
    mlsec_filter_run_t   *r;
    mlsec_filter_style_t  style;
    mlsec_filter_value_t  input;

    memset(&env, 0, sizeof(env));
    memset(&style, 0, sizeof(style));
    memset(&input, 0, sizeof(input));

    arena->used = 0;
    answer.len = 0;
    env.mem.alloc = arena_alloc;
    env.mem.ctx = arena;
    input.text = text;

    if (mlsec_filter_start(filter, &env, &input, NULL, &r) != MLSEC_OK
        || mlsec_filter_next(r) != MLSEC_OK
        || mlsec_filter_write(r, &style, collect, &answer) != MLSEC_OK)
    {
        die("the run failed");
    }
}


int
main(int argc, char **argv)
{
    long             i, times, len;
    FILE            *f;
    double           start, compiled;
    arena_t          memory = { malloc(1 << 24), 0, 1 << 24 };
    arena_t          arena = { malloc(1 << 26), 0, 1 << 26 };
    mlsec_str_t      program, text;
    unsigned char   *data;
    mlsec_filter_t  *filter;

    f = argc == 4 ? fopen(argv[2], "rb") : NULL;

    if (f == NULL || memory.start == NULL || arena.start == NULL) {
        die("usage: run_mlsec PROGRAM FILE TIMES");
    }

    fseek(f, 0, SEEK_END);
    len = ftell(f);
    rewind(f);
    data = malloc((size_t) len);

    if (data == NULL || fread(data, 1, (size_t) len, f) != (size_t) len) {
        die("the file cannot be read");
    }

    program.data = (unsigned char *) argv[1];
    program.len = strlen(argv[1]);
    text.data = data;
    text.len = (size_t) len;
    times = atol(argv[3]);

    compiled = compile(&memory, program, &filter);
    run(filter, &arena, text);

    start = cpu_us();

    for (i = 0; i < times; i++) {
        run(filter, &arena, text);
    }

    printf("%.3f\n%.*s\n%.3f\n", (cpu_us() - start) / (double) times,
           (int) answer.len, (char *) answer.data, compiled);

    return 0;
}
