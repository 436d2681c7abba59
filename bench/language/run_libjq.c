/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * One case on libjq: parse, run, print, with the program compiled once.
 *
 *     run_libjq PROGRAM FILE TIMES
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <jv.h>
#include <jq.h>


static double
cpu_us(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}


static jv
run(jq_state *jq, const char *data, int len)
{
    jv  text, result;

    jq_start(jq, jv_parse_sized(data, len), 0);
    result = jq_next(jq);

    if (!jv_is_valid(result)) {
        fprintf(stderr, "run_libjq: the run failed\n");
        exit(1);
    }

    text = jv_dump_string(result, 0);
    jv_free(jq_next(jq));

    return text;
}


int
main(int argc, char **argv)
{
    jv         answer;
    int        len;
    long       i, times;
    char      *data;
    FILE      *f;
    double     start;
    jq_state  *jq;

    f = argc == 4 ? fopen(argv[2], "rb") : NULL;
    jq = jq_init();

    if (f == NULL || jq == NULL || !jq_compile(jq, argv[1])) {
        fprintf(stderr, "usage: run_libjq PROGRAM FILE TIMES\n");
        return 1;
    }

    fseek(f, 0, SEEK_END);
    len = (int) ftell(f);
    rewind(f);
    data = malloc((size_t) len + 1);

    if (data == NULL || fread(data, 1, (size_t) len, f) != (size_t) len) {
        return 1;
    }

    data[len] = '\0';
    times = atol(argv[3]);
    answer = run(jq, data, len);
    start = cpu_us();

    for (i = 0; i < times; i++) {
        jv_free(answer);
        answer = run(jq, data, len);
    }

    printf("%.3f\n%s\n", (cpu_us() - start) / (double) times,
           jv_string_value(answer));

    return 0;
}
