/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/redis/mlsec_redis_reader.h>


#define MAX  4096


/* A reply as text: +OK -ERR :1 "string" nil [a b]. */

static char *
dump(char *p, const mlsec_redis_reply_t *reply)
{
    size_t  i;

    switch (reply->type) {

    case MLSEC_REDIS_NIL:
        return p + sprintf(p, "nil");

    case MLSEC_REDIS_INTEGER:
        return p + sprintf(p, ":%lld", (long long) reply->integer);

    case MLSEC_REDIS_ARRAY:
        *p++ = '[';

        for (i = 0; i < reply->n; i++) {
            p += sprintf(p, "%s", i ? " " : "");
            p = dump(p, &reply->element[i]);
        }

        return p + sprintf(p, "]");

    default:
        *p++ = reply->type == MLSEC_REDIS_STATUS ? '+'
               : reply->type == MLSEC_REDIS_ERROR ? '-' : '"';

        return p + sprintf(p, "%.*s%s", (int) reply->str.len,
                           (const char *) reply->str.data,
                           reply->type == MLSEC_REDIS_STRING ? "\"" : "");
    }
}


/*
 * Reads all of a text in pieces of a size; what came out, and how it ended.
 * Memory is given back after each reply, as a connection does.
 */

static mlsec_redis_error_e
read_all(mlsec_str_t text, size_t piece, size_t max, char *out)
{
    size_t                 i, n;
    tap_arena_t            arena;
    mlsec_mem_t            mem;
    mlsec_redis_error_e    error;
    mlsec_redis_reply_t   *reply, *copy;
    mlsec_redis_reader_t   reader;

    mem = tap_mem(&arena);
    *out = '\0';
    error = MLSEC_REDIS_NOMEM;

    if (mlsec_redis_reader_init(&reader, &mem, max) != MLSEC_OK) {
        return error;
    }

    for (i = 0; i < text.len; i += n) {
        n = text.len - i < piece ? text.len - i : piece;
        error = mlsec_redis_reader_feed(&reader, text.data + i, n);

        while (error == MLSEC_REDIS_OK) {
            error = mlsec_redis_reader_next(&reader, &reply);

            if (error != MLSEC_REDIS_OK || reply == NULL) {
                break;
            }

            /* of a copy, after the original has gone over the wall */

            copy = mlsec_redis_reply_copy(reply, &mem);
            out = dump(out, copy);
            out += sprintf(out, ";");
            tap_free(&arena);
            mem = tap_mem(&arena);
        }

        if (error != MLSEC_REDIS_OK) {
            break;
        }
    }

    mlsec_redis_reader_free(&reader);
    mlsec_redis_reader_free(&reader);
    tap_free(&arena);

    return error;
}


static void
test_replies(void)
{
    char    out[MAX];
    size_t  i, piece;

    static const struct {
        const char           *text;
        const char           *out;
        mlsec_redis_error_e   error;
    } cases[] = {
        { "+OK\r\n", "+OK;", MLSEC_REDIS_OK },
        { "+\r\n", "+;", MLSEC_REDIS_OK },
        { "-ERR x\r\n", "-ERR x;", MLSEC_REDIS_OK },
        { ":42\r\n:-1\r\n", ":42;:-1;", MLSEC_REDIS_OK },
        { ":9223372036854775807\r\n", ":9223372036854775807;",
          MLSEC_REDIS_OK },
        { "$5\r\nhello\r\n$0\r\n\r\n", "\"hello\";\"\";", MLSEC_REDIS_OK },
        { "$-1\r\n*-1\r\n", "nil;nil;", MLSEC_REDIS_OK },
        { "*0\r\n", "[];", MLSEC_REDIS_OK },
        { "*3\r\n:1\r\n$1\r\na\r\n*2\r\n+x\r\n$-1\r\n",
          "[:1 \"a\" [+x nil]];", MLSEC_REDIS_OK },
        { "*2\r\n*1\r\n*1\r\n:7\r\n:8\r\n", "[[[:7]] :8];", MLSEC_REDIS_OK },
        { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
          "[[[[[[[:1]]]]]]];", MLSEC_REDIS_OK },
        { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
          "", MLSEC_REDIS_PROTOCOL },
        { "+half", "", MLSEC_REDIS_OK },
        { "*2\r\n:1\r\n", "", MLSEC_REDIS_OK },
        { "+a\r\nHTTP/1.1 400 Bad Request\r\n", "+a;",
          MLSEC_REDIS_PROTOCOL },
        { "\r\n", "", MLSEC_REDIS_PROTOCOL },
        { "$4000\r\n", "", MLSEC_REDIS_OK },       /* all of it has to come */
        { "$5000\r\n", "", MLSEC_REDIS_TOO_LARGE },     /* and need not */
        { "$536870912\r\n", "", MLSEC_REDIS_TOO_LARGE },
        { "*2\r\n:1\r\n$536870912\r\nxxx", "", MLSEC_REDIS_TOO_LARGE },
        { "$53687091", "", MLSEC_REDIS_OK },
        { "$-1\r\n", "nil;", MLSEC_REDIS_OK },
        { "*1000000\r\n", "", MLSEC_REDIS_TOO_LARGE },
        { "*2\r\n*40\r\n*40\r\n", "", MLSEC_REDIS_OK },
        { "*3\r\n*100\r\n", "", MLSEC_REDIS_TOO_LARGE },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        for (piece = 1; piece <= 64; piece = piece * 3 + 1) {
            mlsec_redis_error_e  error;

            error = read_all(tap_str(cases[i].text), piece, MAX, out);

            if (!tap_ok(error == cases[i].error
                        && strcmp(out, cases[i].out) == 0,
                        "case %zu in pieces of %zu", i, piece))
            {
                tap_diag("%s, \"%s\"", mlsec_redis_error_name(error), out);
            }
        }
    }
}


/* The bound is of a reply, not of what stands one after the other. */

static void
test_bound(void)
{
    char            out[16 * MAX];
    size_t          i, n;
    unsigned char  *text;

    text = malloc(4 * MAX);
    n = 0;

    for (i = 0; i < 3; i++) {
        n += (size_t) sprintf((char *) text + n, "$3000\r\n");
        memset(text + n, 'x', 3000);
        n += 3000;
        n += (size_t) sprintf((char *) text + n, "\r\n");
    }

    tap_is(read_all((mlsec_str_t) { text, n }, 100, MAX, out), MLSEC_REDIS_OK,
           "each is within the bound");
    tap_is((long long) strlen(out), 3 * 3003, "and came");
    tap_is(read_all((mlsec_str_t) { text, n }, n, MAX, out), MLSEC_REDIS_OK,
           "all at once too");
    tap_is(read_all((mlsec_str_t) { text, n }, 100, 2000, out),
           MLSEC_REDIS_TOO_LARGE, "one is over it");
    tap_is(read_all((mlsec_str_t) { text, 2000 }, 100, 1000, out),
           MLSEC_REDIS_TOO_LARGE, "and known to be before it has ended");

    free(text);
}


static void
test_nomem(void)
{
    size_t                 i;
    tap_arena_t            arena;
    mlsec_mem_t            mem;
    mlsec_str_t            text;
    mlsec_redis_error_e    error;
    mlsec_redis_reply_t   *reply;
    mlsec_redis_reader_t   reader;

    text = tap_str("*2\r\n$1\r\na\r\n:1\r\n");

    for (i = 0; i < 4; i++) {
        mem = tap_mem(&arena);
        arena.fail_after = i;

        (void) mlsec_redis_reader_init(&reader, &mem, MAX);
        (void) mlsec_redis_reader_feed(&reader, text.data, text.len);
        error = mlsec_redis_reader_next(&reader, &reply);

        tap_is(error, i < 3 ? MLSEC_REDIS_NOMEM : MLSEC_REDIS_OK,
               "memory that runs out");

        if (error == MLSEC_REDIS_OK) {
            arena.fail_after = 1;
            tap_ok(mlsec_redis_reply_copy(reply, &mem) == NULL,
                   "and for a copy");
        }

        mlsec_redis_reader_free(&reader);
        tap_free(&arena);
    }
}


int
main(void)
{
    test_replies();
    test_bound();
    test_nomem();

    return tap_done();
}
