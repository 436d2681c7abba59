/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What unit tests share: TAP on stdout, memory that can be made to fail,
 * random numbers with a seed that is printed.
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <lib/mlsec_types.h>


static int  tap_count;
static int  tap_failed;


/* Reports one check; returns "pass", so that a test can add diagnostics. */

static inline int __attribute__((format(printf, 2, 3)))
tap_ok(int pass, const char *fmt, ...)
{
    va_list  args;

    tap_count++;
    tap_failed += !pass;

    printf("%sok %d - ", pass ? "" : "not ", tap_count);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');

    return pass;
}


static inline void __attribute__((format(printf, 1, 2)))
tap_diag(const char *fmt, ...)
{
    va_list  args;

    fputs("# ", stdout);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}


static inline int
tap_is(long long got, long long expected, const char *name)
{
    if (tap_ok(got == expected, "%s", name)) {
        return 1;
    }

    tap_diag("got %lld, expected %lld", got, expected);

    return 0;
}


static inline int
tap_is_str(mlsec_str_t got, mlsec_str_t expected, const char *name)
{
    if (tap_ok(got.len == expected.len
               && (got.len == 0
                   || memcmp(got.data, expected.data, got.len) == 0),
               "%s", name))
    {
        return 1;
    }

    tap_diag("got \"%.*s\", expected \"%.*s\"", (int) got.len,
             (const char *) got.data, (int) expected.len,
             (const char *) expected.data);

    return 0;
}


/* Prints the plan; the result is main()'s. */

static inline int
tap_done(void)
{
    printf("1..%d\n", tap_count);

    return tap_failed != 0;
}


/* A string literal, zero bytes inside of it included. */

#define tap_lit(text)                                                         \
    (mlsec_str_t) { (const unsigned char *) (text), sizeof(text) - 1 }


static inline mlsec_str_t
tap_str(const char *text)
{
    return (mlsec_str_t) { (const unsigned char *) text, strlen(text) };
}


/*
 * Memory that is freed at once, each piece allocated alone so that a
 * sanitizer sees its edges.
 */

typedef struct {
    void                **pieces;
    size_t                n;
    size_t                room;
    size_t                bytes;       /* asked for so far */
    size_t                fail_after;  /* allocations that work; ~0: all */
} tap_arena_t;


static inline void *
tap_alloc(void *ctx, size_t size)
{
    void         *p;
    tap_arena_t  *a = ctx;

    if (a->fail_after == 0) {
        return NULL;
    }

    a->fail_after -= a->fail_after != ~(size_t) 0;

    if (a->n == a->room) {
        a->room = a->room ? 2 * a->room : 16;
        a->pieces = realloc(a->pieces, a->room * sizeof(void *));
    }

    p = malloc(size);

    if (p == NULL || a->pieces == NULL) {
        abort();
    }

    memset(p, 0xa5, size);
    a->bytes += size;
    a->pieces[a->n++] = p;

    return p;
}


static inline mlsec_mem_t
tap_mem(tap_arena_t *a)
{
    memset(a, 0, sizeof(tap_arena_t));
    a->fail_after = ~(size_t) 0;

    return (mlsec_mem_t) { tap_alloc, a };
}


static inline void
tap_free(tap_arena_t *a)
{
    while (a->n != 0) {
        free(a->pieces[--a->n]);
    }

    free(a->pieces);
    a->pieces = NULL;
    a->room = 0;
    a->bytes = 0;
}


/* xorshift64*; the seed is SEED from the environment, or the time. */

static uint64_t  tap_random_state;


static inline uint64_t
tap_seed(void)
{
    uint64_t     seed;
    const char  *env;

    env = getenv("SEED");
    seed = env != NULL ? strtoull(env, NULL, 0) : (uint64_t) time(NULL);
    seed = seed != 0 ? seed : 1;

    tap_random_state = seed * 0x9e3779b97f4a7c15;
    tap_diag("SEED=%llu", (unsigned long long) seed);

    return seed;
}


static inline uint64_t
tap_random(uint64_t below)
{
    tap_random_state ^= tap_random_state >> 12;
    tap_random_state ^= tap_random_state << 25;
    tap_random_state ^= tap_random_state >> 27;

    return (tap_random_state * 0x2545f4914f6cdd1d >> 16) % below;
}


#endif /* _TAP_H_INCLUDED_ */
