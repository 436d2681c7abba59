/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Not a test: bench_json [ROUNDS] FILE... says how fast each FILE is scanned
 * and walked, in GB/s, best of ROUNDS rounds (default 300). A round is short
 * enough to pass between two turns of the scheduler, so that the best one
 * means something on a busy machine too.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <lib/json/mlsec_json.h>


#define BENCH_BYTES  (1024 * 1024)   /* a round, and the largest file */


typedef int (*bench_pt)(mlsec_str_t text);


static double
bench_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static int
bench_scan(mlsec_str_t text)
{
    return mlsec_json_scan(text, 0, NULL, NULL);
}


static int
bench_skip(mlsec_str_t text)
{
    const unsigned char  *end;

    end = text.data + text.len;

    return mlsec_json_skip(text.data, end) > end;
}


static double
bench_run(bench_pt fn, mlsec_str_t text, int rounds)
{
    int     i, bad;
    double  start, took, best;
    size_t  n, times;

    times = BENCH_BYTES / text.len + 1;
    best = 1e9;
    bad = 0;

    for (i = 0; i < rounds; i++) {
        start = bench_now();

        for (n = 0; n < times; n++) {
            bad |= fn(text);
        }

        took = bench_now() - start;
        best = took < best ? took : best;
    }

    if (bad) {
        fputs("not accepted\n", stderr);
        exit(1);
    }

    return (double) text.len * (double) times / best / 1e9;
}


static mlsec_str_t
bench_read(const char *name)
{
    FILE           *f;
    size_t          len;
    mlsec_str_t     text;
    unsigned char  *data;

    len = 0;
    data = malloc(BENCH_BYTES);
    f = fopen(name, "rb");

    if (data == NULL || f == NULL) {
        perror(name);
        exit(1);
    }

    len = fread(data, 1, BENCH_BYTES, f);
    fclose(f);

    if (len == 0) {
        fprintf(stderr, "%s: empty\n", name);
        exit(1);
    }

    text.data = realloc(data, len);
    text.len = len;

    return text;
}


int
main(int argc, char **argv)
{
    int          i, rounds;
    mlsec_str_t  text;

    i = 1;
    rounds = 300;

    if (argc > 1 && atoi(argv[1]) > 0) {
        rounds = atoi(argv[1]);
        i = 2;
    }

    for ( /* void */ ; i < argc; i++) {
        text = bench_read(argv[i]);

        printf("%8zu bytes  scan %5.2f  skip %5.2f GB/s  %s\n", text.len,
               bench_run(bench_scan, text, rounds),
               bench_run(bench_skip, text, rounds), argv[i]);

        free((void *) text.data);
    }

    return 0;
}
