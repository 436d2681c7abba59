/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the filter language costs: time of whole runs (index, run, write, all
 * memory new) and of compilation.  One line of JSON a measurement.
 *
 *     bench_filter [rounds [name]]
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <lib/filter/mlsec_filter.h>


typedef struct {
    const char           *name;
    const char           *program;
    unsigned              jobs;        /* elements of the input */
} bench_t;

/* One block, from its start again for each run, as a request's pool. */

typedef struct {
    unsigned char        *start;
    size_t                used;
    size_t                room;
} bench_arena_t;


static const bench_t  benches[] = {
    { "count_10k",
      "[.[] | select(.status == \"running\" or .status == \"pending\")] "
      "| length", 45 },
    { "overview_39k",
      "def jobs($b): if ($b|type)==\"array\" then $b else ($b.jobs // []) "
      "end; def training_overview($j): jobs($j) as $a | def n($s): "
      "[$a[]|select(.status==$s)]|length; {total_jobs:($a|length),"
      "running_jobs:n(\"running\"),completed_jobs:n(\"completed\"),"
      "failed_jobs:n(\"failed\"),pending_jobs:n(\"pending\"),"
      "average_progress:([$a[]|select(.status==\"running\")|(.progress//0)] "
      "as $p | if ($p|length)>0 then ($p|add)/($p|length) else 0 end)}; "
      "training_overview(.)", 175 },
    { "reshape_200",
      "map({id: .job_id, name: .model_name, done: (.progress >= 100), "
      "config: .config})", 200 },
    { "large_1m", "map(select(.progress > 50)) | length", 4600 },
    { "group_200", "group_by(.status) | map({key: .[0].status, value: "
      "length}) | from_entries", 200 },
    { "reduce_200", "reduce .[] as $j ({}; .[$j.status] += 1)", 200 },
    { "identity_39k", ".", 175 }
};


static void *
bench_alloc(void *ctx, size_t size)
{
    void           *p;
    bench_arena_t  *a = ctx;

    size = (size + 15) & ~(size_t) 15;

    if (size > a->room - a->used) {
        return NULL;
    }

    p = a->start + a->used;
    a->used += size;

    return p;
}


static int
bench_count(void *ctx, const unsigned char *data, size_t len)
{
    (void) data;

    *(size_t *) ctx += len;

    return MLSEC_OK;
}


static double
bench_now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}


static char *
bench_input(unsigned jobs, size_t *len)
{
    char      *text, *p;
    unsigned   i;

    static const char *const  status[] = {
        "running", "completed", "failed", "pending", "completed"
    };

    text = malloc(256 * (size_t) jobs + 16);
    p = text;
    *p++ = '[';

    for (i = 0; i < jobs; i++) {
        p += sprintf(p, "%s{\"job_id\":\"job-%06u\",\"model_name\":"
                     "\"distilbert-%u\",\"status\":\"%s\",\"progress\":%u.5,"
                     "\"start_time\":\"2025-01-09T10:%02u:00Z\",\"config\":"
                     "{\"epochs\":%u,\"batch_size\":16,\"lr\":2e-05,"
                     "\"tags\":[\"a\",\"b\"]},\"error\":null}",
                     i ? "," : "", i, i % 7, status[i % 5], i % 100, i % 60,
                     i % 4 + 1);
    }

    *p++ = ']';
    *len = (size_t) (p - text);

    return text;
}


static void
bench_one(const bench_t *b, unsigned rounds)
{
    char                   *text;
    double                  start, best, compile, t;
    size_t                  len, out;
    unsigned                i;
    bench_arena_t           arena, memory;
    mlsec_str_t             program;
    mlsec_filter_t         *filter;
    mlsec_filter_env_t      env;
    mlsec_filter_run_t     *run;
    mlsec_filter_style_t    style;
    mlsec_filter_value_t    input;
    mlsec_filter_error_t    error;
    mlsec_mem_t             mem;

    arena.room = 64 << 20;
    arena.start = malloc(arena.room);
    memory.room = 8 << 20;
    memory.start = malloc(memory.room);
    text = bench_input(b->jobs, &len);
    program.data = (const unsigned char *) b->program;
    program.len = strlen(b->program);
    mem.alloc = bench_alloc;
    mem.ctx = &memory;
    compile = 1e18;
    filter = NULL;

    for (i = 0; i < 20; i++) {
        memory.used = 0;
        start = bench_now();

        if (mlsec_filter_compile(&mem, program, NULL, 0, &filter, &error)
            != MLSEC_OK)
        {
            fprintf(stderr, "%s: %s\n", b->name, error.reason);
            exit(1);
        }

        t = bench_now() - start;
        compile = t < compile ? t : compile;
    }

    memset(&env, 0, sizeof(env));
    memset(&style, 0, sizeof(style));
    memset(&input, 0, sizeof(input));
    env.mem.alloc = bench_alloc;
    env.mem.ctx = &arena;
    input.text.data = (unsigned char *) text;
    input.text.len = len;
    best = 1e18;
    out = 0;

    for (i = 0; i < rounds; i++) {
        arena.used = 0;
        out = 0;
        start = bench_now();

        if (mlsec_filter_start(filter, &env, &input, NULL, &run) != MLSEC_OK
            || mlsec_filter_next(run) != MLSEC_OK
            || mlsec_filter_write(run, &style, bench_count, &out)
               != MLSEC_OK)
        {
            fprintf(stderr, "%s: the run failed\n", b->name);
            exit(1);
        }

        t = bench_now() - start;
        best = t < best ? t : best;
    }

    printf("{\"bench\":\"%s\",\"input_bytes\":%zu,\"output_bytes\":%zu,"
           "\"run_us\":%.2f,\"compile_us\":%.1f,\"steps\":%llu,"
           "\"memory\":%zu,\"program_bytes\":%zu}\n", b->name, len, out,
           best / 1000, compile / 1000,
           (unsigned long long) mlsec_filter_steps(run), arena.used,
           memory.used);

    free(text);
    free(arena.start);
    free(memory.start);
}


int
main(int argc, char **argv)
{
    size_t    i;
    unsigned  rounds;

    rounds = argc > 1 ? (unsigned) atoi(argv[1]) : 2000;

    for (i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        if (argc < 3 || strcmp(argv[2], benches[i].name) == 0) {
            bench_one(&benches[i], rounds);
        }
    }

    return 0;
}
