/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <hiredis/hiredis.h>
#include <lib/redis/mlsec_redis.h>


#define ROOM  4096


static void
test_classify(void)
{
    size_t               i;
    mlsec_redis_reply_t  reply;

    static const struct {
        const char           *text;
        mlsec_redis_error_e   error;
    } cases[] = {
        { "NOAUTH Authentication required.", MLSEC_REDIS_AUTH },
        { "WRONGPASS invalid username-password pair", MLSEC_REDIS_AUTH },
        { "ERR invalid password", MLSEC_REDIS_AUTH },
        { "ERR Client sent AUTH, but no password is set", MLSEC_REDIS_AUTH },
        { "ERR AUTH <password> called without any password configured",
          MLSEC_REDIS_AUTH },
        { "ERR operation not permitted", MLSEC_REDIS_AUTH },
        { "NOPERM this user has no permissions", MLSEC_REDIS_DENIED },
        { "DENIED Redis is running in protected mode", MLSEC_REDIS_DENIED },
        { "ERR The user executing the script can't run this command",
          MLSEC_REDIS_DENIED },
        { "ERR ACL failure in script: No permissions to access a key",
          MLSEC_REDIS_DENIED },
        { "LOADING Redis is loading the dataset in memory",
          MLSEC_REDIS_LOADING },
        { "MASTERDOWN Link with MASTER is down", MLSEC_REDIS_LOADING },
        { "READONLY You can't write against a read only replica.",
          MLSEC_REDIS_READONLY },
        { "MISCONF Redis is configured to save RDB snapshots",
          MLSEC_REDIS_READONLY },
        { "NOREPLICAS Not enough good replicas to write.",
          MLSEC_REDIS_READONLY },
        { "OOM command not allowed when used memory > 'maxmemory'.",
          MLSEC_REDIS_OOM },
        { "OOM", MLSEC_REDIS_OOM },
        { "BUSY Redis is busy running a script.", MLSEC_REDIS_BUSY },
        { "TRYAGAIN Multiple keys request during rehashing of slot",
          MLSEC_REDIS_BUSY },
        { "ERR max number of clients reached", MLSEC_REDIS_BUSY },
        { "MOVED 3999 127.0.0.1:6381", MLSEC_REDIS_CLUSTER },
        { "ASK 3999 127.0.0.1:6381", MLSEC_REDIS_CLUSTER },
        { "CLUSTERDOWN The cluster is down", MLSEC_REDIS_CLUSTER },
        { "CROSSSLOT Keys in request don't hash to the same slot",
          MLSEC_REDIS_CLUSTER },
        { "NOSCRIPT No matching script. Please use EVAL.",
          MLSEC_REDIS_NOSCRIPT },

        /* how a server before 7.0 wraps what happens in a script */

        { "ERR Error running script (call to f_6b1b): @user_script:1: "
          "@user_script: 1: -READONLY You can't write against a read only "
          "replica.", MLSEC_REDIS_READONLY },
        { "ERR Error running script (call to f_6b1b): @user_script:1: "
          "@user_script: 1: -OOM command not allowed", MLSEC_REDIS_OOM },
        { "ERR Error running script (call to f_6b1b): @user_script:1: "
          "@user_script: 1: -NOSCRIPT No matching script",
          MLSEC_REDIS_REFUSED },
        { "ERR Error running script (call to f_6b1b): @user_script:1: -",
          MLSEC_REDIS_REFUSED },
        { "ERR Error running script: -OOM in a text", MLSEC_REDIS_OOM },

        { "ERR value is not an integer or out of range",
          MLSEC_REDIS_REFUSED },
        { "WRONGTYPE Operation against a key", MLSEC_REDIS_REFUSED },
        { "EXECABORT Transaction discarded", MLSEC_REDIS_REFUSED },
        { "OOMPH", MLSEC_REDIS_REFUSED },
        { "OO", MLSEC_REDIS_REFUSED },
        { "oom lower case", MLSEC_REDIS_REFUSED },
        { " OOM", MLSEC_REDIS_REFUSED },
        { "", MLSEC_REDIS_REFUSED },
    };

    memset(&reply, 0, sizeof(reply));
    reply.type = MLSEC_REDIS_ERROR;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reply.str = tap_str(cases[i].text);

        if (!tap_ok(mlsec_redis_classify(&reply) == cases[i].error,
                    "classify: \"%s\"", cases[i].text))
        {
            tap_diag("got %s",
                     mlsec_redis_error_name(mlsec_redis_classify(&reply)));
        }
    }

    reply.type = MLSEC_REDIS_STRING;
    reply.str = tap_str("OOM");
    tap_is(mlsec_redis_classify(&reply), MLSEC_REDIS_OK,
           "the same as a value is none");
}


static void
test_groups(void)
{
    int         i, k;
    const char *name;

    for (i = 0; i < MLSEC_REDIS_ERRORS; i++) {
        name = mlsec_redis_error_name(i);

        tap_ok(name != NULL && strlen(name) > 1
               && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name),
               "error %d has a name", i);

        for (k = 0; k < i; k++) {

            if (strcmp(name, mlsec_redis_error_name(k)) == 0) {
                tap_ok(0, "%s is the name of two", name);
            }
        }
    }

    tap_is(mlsec_redis_group(MLSEC_REDIS_OK), MLSEC_REDIS_GOOD, "good");
    tap_is(mlsec_redis_group(MLSEC_REDIS_REFUSED), MLSEC_REDIS_WRONG,
           "refused is the command's fault");
    tap_is(mlsec_redis_group(MLSEC_REDIS_NOSCRIPT), MLSEC_REDIS_WRONG,
           "so is noscript");

    for (i = MLSEC_REDIS_UNAVAILABLE; i <= MLSEC_REDIS_CLUSTER; i++) {
        tap_is(mlsec_redis_group(i), MLSEC_REDIS_DOWN,
               mlsec_redis_error_name(i));
    }
}


/* What hiredis makes of the same arguments. */

static void
test_command(void)
{
    int             i, n, round;
    char           *theirs;
    size_t          len, lens[9], room;
    long long       size;
    const char     *args[9];
    unsigned char   ours[ROOM], bytes[300], *p;

    tap_seed();

    for (i = 0; i < (int) sizeof(bytes); i++) {
        bytes[i] = (unsigned char) tap_random(256);
    }

    n = 0;

    for (round = 0; round < 2000; round++) {
        n = 1 + (int) tap_random(9);
        room = mlsec_redis_command_head_len((size_t) n);

        for (i = 0; i < n; i++) {
            lens[i] = tap_random(tap_random(2) ? 300 : 12);
            args[i] = (char *) bytes + tap_random(sizeof(bytes) - lens[i]);
            room += mlsec_redis_command_arg_len(lens[i]);
        }

        p = mlsec_redis_command_head(ours, (size_t) n);

        for (i = 0; i < n; i++) {
            p = mlsec_redis_command_arg(p, (mlsec_str_t) {
                                            (unsigned char *) args[i],
                                            lens[i] });
        }

        len = (size_t) (p - ours);
        size = redisFormatCommandArgv(&theirs, n, args, lens);

        if (len != room || size != (long long) len
            || memcmp(ours, theirs, len) != 0)
        {
            redisFreeCommand(theirs);
            break;
        }

        redisFreeCommand(theirs);
    }

    tap_is(round, 2000, "commands are what hiredis makes of them");

    for (len = 1, i = 0; i < 18; i++, len *= 10) {
        tap_is((long long) mlsec_redis_command_head_len(len), i + 4,
               "the length of a head");
        tap_is((long long) mlsec_redis_command_head_len(len - 1),
               i ? i + 3 : 4, "and of one less");
    }
}


static void
test_key(void)
{
    size_t          i;
    unsigned char   key[ROOM], *p;

    static const struct {
        const char  *part;
        const char  *key;
    } cases[] = {
        { "alice@example.com", "alice@example.com" },
        { "A-z_0.9", "A-z_0.9" },
        { "a:b", "a%3Ab" },
        { "a%3Ab", "a%253Ab" },
        { "{slot}", "%7Bslot%7D" },
        { "a b\r\n", "a%20b%0D%0A" },
        { "\xc3\xa9", "%C3%A9" },
        { "*?[]", "%2A%3F%5B%5D" },
        { "", "" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p = mlsec_redis_key_part(key, tap_str(cases[i].part));
        tap_is_str((mlsec_str_t) { key, (size_t) (p - key) },
                   tap_str(cases[i].key), "key part");
    }

    p = mlsec_redis_key_part(key, tap_lit("a\0b"));
    tap_is_str((mlsec_str_t) { key, (size_t) (p - key) },
               tap_str("a%00b"), "key part with a zero byte");
}


int
main(void)
{
    test_classify();
    test_groups();
    test_command();
    test_key();

    return tap_done();
}
