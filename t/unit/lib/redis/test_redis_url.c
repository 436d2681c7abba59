/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/redis/mlsec_redis_url.h>


static void
test_good(void)
{
    int                rc;
    size_t             i;
    const char        *what;
    tap_arena_t        arena;
    mlsec_mem_t        mem;
    mlsec_redis_url_t  url;

    static const struct {
        const char  *text;
        const char  *host;
        unsigned     port;
        unsigned     db;
        const char  *user;
        const char  *password;
        unsigned     tls;
    } cases[] = {
        { "redis://cache", "cache", 6379, 0, "", "", 0 },
        { "redis://cache/", "cache", 6379, 0, "", "", 0 },
        { "redis://cache:7000/3", "cache", 7000, 3, "", "", 0 },
        { "rediss://cache.internal:6380", "cache.internal", 6380, 0, "", "",
          1 },
        { "redis://:secret@cache", "cache", 6379, 0, "", "secret", 0 },
        { "redis://gate:secret@cache/15", "cache", 6379, 15, "gate", "secret",
          0 },
        { "redis://gate@cache", "cache", 6379, 0, "gate", "", 0 },
        { "redis://g%3Ate:p%40ss%2Fw%25rd@cache", "cache", 6379, 0, "g:te",
          "p@ss/w%rd", 0 },
        { "redis://gate:a:b@c@cache", "cache", 6379, 0, "gate", "a:b@c", 0 },
        { "redis://gate:a/b@cache/1", "cache", 6379, 1, "gate", "a/b", 0 },
        { "redis://127.0.0.1:6379/0", "127.0.0.1", 6379, 0, "", "", 0 },
        { "redis://[::1]:6380/2", "::1", 6380, 2, "", "", 0 },
        { "redis://[::ffff:127.0.0.1]", "::ffff:127.0.0.1", 6379, 0, "", "",
          0 },
        { "redis://cache:65535/999999", "cache", 65535, 999999, "", "", 0 },
        { "unix:/run/redis.sock", "/run/redis.sock", 0, 0, "", "", 0 },
        { "unix:/run/redis.sock:4", "/run/redis.sock", 0, 4, "", "", 0 },
        { "unix:/run/a@b.sock", "/run/a@b.sock", 0, 0, "", "", 0 },
        { "unix:///run/redis.sock", "/run/redis.sock", 0, 0, "", "", 0 },
        { "unix://u:p@/run/redis.sock?db=5", "/run/redis.sock", 0, 5, "u",
          "p", 0 },
        { "redis+unix:///r.sock", "/r.sock", 0, 0, "", "", 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mem = tap_mem(&arena);
        rc = mlsec_redis_url(tap_str(cases[i].text), &mem, &url, &what);

        tap_ok(rc == MLSEC_OK && url.port == cases[i].port
               && url.db == cases[i].db && url.tls == cases[i].tls,
               "%s", cases[i].text);
        tap_is_str(url.host, tap_str(cases[i].host), "host");
        tap_is_str(url.user, tap_str(cases[i].user), "user");
        tap_is_str(url.password, tap_str(cases[i].password), "password");
        tap_free(&arena);
    }
}


static void
test_bad(void)
{
    int                rc;
    char               text[512];
    size_t             i;
    const char        *what;
    tap_arena_t        arena;
    mlsec_mem_t        mem;
    mlsec_redis_url_t  url;

    static const struct {
        const char  *text;
        const char  *what;
    } cases[] = {
        { "", "scheme" },
        { "cache:6379", "scheme" },
        { "http://cache", "scheme" },
        { "REDIS://cache", "scheme" },
        { "redis:/cache", "scheme" },
        { "redis://", "host" },
        { "redis://:6379", "host" },
        { "redis:///0", "host" },
        { "redis://.cache", "host" },
        { "redis://ca che", "host" },
        { "redis://u:p@", "host" },
        { "redis://[::1", "host" },
        { "redis://[]", "host" },
        { "redis://[cache]", "host" },
        { "redis://::1", "host" },
        { "redis://cache:", "port" },
        { "redis://cache:0", "port" },
        { "redis://cache:65536", "port" },
        { "redis://cache:99999999999999999999", "port" },
        { "redis://cache:6379x", "port" },
        { "redis://cache:63:79", "port" },
        { "redis://[::1]6379", "port" },
        { "redis://cache/x", "database" },
        { "redis://cache/-1", "database" },
        { "redis://cache/1000000", "database" },
        { "redis://cache/1/2", "database" },
        { "redis://cache/0?timeout=1", "database" },
        { "redis://u:%zz@cache", "password" },
        { "redis://u:%4@cache", "password" },
        { "redis://u%:p@cache", "user" },
        { "unix:", "path" },
        { "unix:run/redis.sock", "path" },
        { "unix:/", "path" },
        { "unix:/run/redis.sock:x", "database" },
        { "unix:/run/redis.sock:", "database" },
        { "unix:///run/redis.sock?x=1", "query" },
        { "unix:///run/redis.sock?db", "query" },
        { "unix:///run/redis.sock?db=", "database" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mem = tap_mem(&arena);
        what = "nothing";
        rc = mlsec_redis_url(tap_str(cases[i].text), &mem, &url, &what);

        if (!tap_ok(rc == MLSEC_INVALID && strcmp(what, cases[i].what) == 0,
                    "\"%s\": %s", cases[i].text, cases[i].what))
        {
            tap_diag("%d, %s", rc, what);
        }

        tap_free(&arena);
    }

    mem = tap_mem(&arena);

    memset(text, 'a', sizeof(text));
    memcpy(text, "unix:/", 6);

    tap_is(mlsec_redis_url((mlsec_str_t) { (unsigned char *) text, 5 + 107 },
                           &mem, &url, &what),
           MLSEC_OK, "a path of 107 bytes");
    tap_is(mlsec_redis_url((mlsec_str_t) { (unsigned char *) text, 5 + 108 },
                           &mem, &url, &what),
           MLSEC_INVALID, "one of 108");

    memcpy(text, "redis://", 8);

    tap_is(mlsec_redis_url((mlsec_str_t) { (unsigned char *) text, 8 + 253 },
                           &mem, &url, &what),
           MLSEC_OK, "a host of 253 bytes");
    tap_is(mlsec_redis_url((mlsec_str_t) { (unsigned char *) text, 8 + 254 },
                           &mem, &url, &what),
           MLSEC_INVALID, "one of 254");

    tap_free(&arena);

    mem = tap_mem(&arena);
    arena.fail_after = 0;
    tap_is(mlsec_redis_url(tap_str("redis://u:%40@cache"), &mem, &url, &what),
           MLSEC_NOMEM, "no memory");
    tap_free(&arena);
}


int
main(void)
{
    test_good();
    test_bad();

    return tap_done();
}
