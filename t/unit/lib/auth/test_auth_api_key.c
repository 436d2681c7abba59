/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* API keys, networks, revocations. */


#include "../tap.h"
#include <lib/auth/mlsec_api_key.h>


/* SHA-256 of "0123456789abcdefghijkl" and "lkjihgfedcba9876543210" */

#define SECRET_A  "0123456789abcdefghijkl"
#define SECRET_B  "lkjihgfedcba9876543210"


static const char  sha_a[] =
    "26594ba2c73ebc172047f2305663bc2c5e6ff60a88182eef43e353f48fc95b94";
static const char  sha_b[] =
    "5923E15659ABB93AFBCD3ACC19740E1AAF921AEB70BD1E181AE563D1F197EECE";


static const struct { const char *line; const char *why; } bad[] = {
    { "{", "it is not a JSON object of at most 4096 bytes" },
    { "[]", "it is not a JSON object of at most 4096 bytes" },
    { "{}", "\"id\" is missing" },
    { "{\"id\":\"a\"}", "\"sha256\" is missing" },
    { "{\"id\":\"a b\"}", "\"id\" is not 1 to 64 of A-Z a-z 0-9 _ -" },
    { "{\"id\":\"\"}", "\"id\" is not 1 to 64 of A-Z a-z 0-9 _ -" },
    { "{\"id\":7}", "\"id\" is not 1 to 64 of A-Z a-z 0-9 _ -" },
    { "{\"id\":\"a\",\"id\":\"a\"}",
      "it is not a JSON object of at most 4096 bytes" },
    { "{\"sha256\":\"00\"}", "\"sha256\" is not 64 hexadecimal digits" },
    { "{\"sha256\":[]}", "\"sha256\" has not one or two hashes" },
    { "{\"sha256\":[1,2,3]}", "\"sha256\" has not one or two hashes" },
    { "{\"sha256\":[7]}", "\"sha256\" is not 64 hexadecimal digits" },
    { "{\"sha256\":\"" "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
      "zzzzzzzzzz\"}", "\"sha256\" is not 64 hexadecimal digits" },
    { "{\"sha256\":\"\\u00100000000000000000000000000000000000000000000000"
      "00000000000000000\"}", "\"sha256\" is not 64 hexadecimal digits" },
    { "{\"roles\":\"admin\"}", "\"roles\" is not an array of strings" },
    { "{\"roles\":[7]}", "\"roles\" is not an array of strings" },
    { "{\"scopes\":{}}", "\"scopes\" is not an array of strings" },
    { "{\"tenant\":7}", "\"tenant\" is not a string" },
    { "{\"cidr\":\"10.0.0.0/8\"}", "\"cidr\" is not an array of networks" },
    { "{\"cidr\":[]}", "\"cidr\" is not an array of networks" },
    { "{\"cidr\":[\"10.0.0.1/8\"]}", "\"cidr\" has something that is no "
      "network, expected such as \"10.0.0.0/8\"" },
    { "{\"expires\":\"2030\"}", "\"expires\" is not seconds since 1970" },
    { "{\"expires\":0}", "\"expires\" is not seconds since 1970" },
    { "{\"state\":\"off\"}",
      "\"state\" is neither \"active\" nor \"disabled\"" },
    { "{\"role\":[]}", "a member is none of id, sha256, roles, scopes, "
      "tenant, cidr, expires, state" },
    { "", "it has no keys" },
    { "# x", "it has no keys" }
};


static void
test_bad(void)
{
    int                rc;
    size_t             i;
    unsigned           line;
    const char        *why;
    mlsec_mem_t        mem;
    tap_arena_t        arena;
    mlsec_api_keys_t   keys;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mem = tap_mem(&arena);
        rc = mlsec_api_keys_parse(tap_str(bad[i].line), &mem, &keys, &line,
                                  &why);
        tap_ok(rc == MLSEC_INVALID && strcmp(why, bad[i].why) == 0,
               "%s", bad[i].why);
        tap_free(&arena);
    }
}


static void
is_key(const mlsec_api_keys_t *keys, const char *presented, int64_t now,
    mlsec_reason_e want, const char *name)
{
    mlsec_reason_e          got;
    const mlsec_api_key_t  *key;

    static const unsigned char  local[] = { 127, 0, 0, 1 };

    got = mlsec_api_key_check(keys, tap_str(presented), now,
                              (mlsec_str_t) { local, 4 }, &key);

    if (!tap_ok(got == want, "%s: %s", name, mlsec_reason_name(want))) {
        tap_diag("got %s", mlsec_reason_name(got));
    }

    tap_ok((key != NULL) == (want == MLSEC_REASON_OK
                             || want == MLSEC_REASON_KEY_DISABLED
                             || want == MLSEC_REASON_KEY_EXPIRED
                             || want == MLSEC_REASON_KEY_ADDRESS),
           "%s: a key only when its secret is right", name);
}


static void
is_claims(const mlsec_api_key_t *key, const char *want)
{
    tap_ok(key->claims.len == strlen(want)
           && memcmp(key->claims.data, want, key->claims.len) == 0,
           "the claims of %.*s", (int) key->id.len, key->id.data);
}


static void
test_keys(void)
{
    char               text[4000];
    unsigned           line;
    const char        *why;
    mlsec_mem_t        mem;
    tap_arena_t        arena;
    mlsec_api_keys_t   keys;

    mem = tap_mem(&arena);
    snprintf(text, sizeof(text), "# keys\n\n"
             "{\"id\":\"z\",\"sha256\":[\"%s\",\"%s\"],\"roles\":[\"r\"]}\n"
             "{\"id\":\"ab\",\"sha256\":\"%s\",\"expires\":1000}\n"
             "{\"id\":\"a\",\"sha256\":\"%s\",\"state\":\"disabled\"}\n"
             "{\"id\":\"net\",\"sha256\":\"%s\",\"cidr\":[\"10.0.0.0/8\"]}\n"
             "{\"id\":\"local\",\"sha256\":\"%s\",\"cidr\":[\"::1\","
             "\"127.0.0.0/8\"],\"tenant\":\"t\\u0001\",\"scopes\":[\"s\"]}",
             sha_a, sha_b, sha_a,
             sha_a, sha_a, sha_a);

    tap_is(mlsec_api_keys_parse(tap_str(text), &mem, &keys, &line, &why),
           MLSEC_OK, "a file");
    tap_is((long long) keys.n, 5, "five keys");

    is_claims(&keys.key[2], "{\"sub\":\"local\",\"roles\":[],"
              "\"scopes\":[\"s\"],\"tenant\":\"t\\u0001\"}");
    is_claims(&keys.key[4],
              "{\"sub\":\"z\",\"roles\":[\"r\"],\"scopes\":[]}");

    is_key(&keys, "z." SECRET_A, 5, MLSEC_REASON_OK, "first secret");
    is_key(&keys, "z." SECRET_B, 5, MLSEC_REASON_OK, "second secret");
    is_key(&keys, "ab." SECRET_B, 5, MLSEC_REASON_KEY_SECRET, "of another");
    is_key(&keys, "ab." SECRET_A, 999, MLSEC_REASON_OK, "not yet expired");
    is_key(&keys, "ab." SECRET_A, 1000, MLSEC_REASON_KEY_EXPIRED, "expired");
    is_key(&keys, "a." SECRET_A, 5, MLSEC_REASON_KEY_DISABLED, "disabled");
    is_key(&keys, "net." SECRET_A, 5, MLSEC_REASON_KEY_ADDRESS, "address");
    is_key(&keys, "local." SECRET_A, 5, MLSEC_REASON_OK, "right address");
    is_key(&keys, "b." SECRET_A, 5, MLSEC_REASON_KEY_UNKNOWN, "unknown");
    is_key(&keys, "Z." SECRET_A, 5, MLSEC_REASON_KEY_UNKNOWN, "case");
    is_key(&keys, "z." SECRET_A "x", 5, MLSEC_REASON_KEY_SECRET, "longer");
    is_key(&keys, "z.0123456789abcdefghijk", 5, MLSEC_REASON_KEY_FORM,
           "shorter");
    is_key(&keys, "z.", 5, MLSEC_REASON_KEY_FORM, "no secret");
    is_key(&keys, "z", 5, MLSEC_REASON_KEY_FORM, "no dot");
    is_key(&keys, "", 5, MLSEC_REASON_KEY_FORM, "nothing");
    is_key(&keys, "." SECRET_A, 5, MLSEC_REASON_KEY_FORM, "no id");
    is_key(&keys, "z.x." SECRET_A, 5, MLSEC_REASON_KEY_SECRET, "two dots");
    is_key(&keys, "z\xc3\xa9." SECRET_A, 5, MLSEC_REASON_KEY_FORM, "bytes");

    snprintf(text, sizeof(text), "{\"id\":\"z\",\"sha256\":\"%s\"}\n"
             "{\"id\":\"z\",\"sha256\":\"%s\"}", sha_a, sha_b);
    tap_ok(mlsec_api_keys_parse(tap_str(text), &mem, &keys, &line, &why)
           == MLSEC_INVALID && strcmp(why, "\"id\" is there twice") == 0,
           "an id twice");

    tap_free(&arena);
}


static void
test_networks(void)
{
    size_t         i;
    mlsec_cidr_t   cidr;

    static const struct {
        const char *net; int rc; unsigned char address[17]; unsigned len;
        int has;
    } rows[] = {
        { "0.0.0.0/0", 0, { 1, 2, 3, 4 }, 4, 1 },
        { "10.0.0.0/8", 0, { 10, 255, 0, 1 }, 4, 1 },
        { "10.0.0.0/8", 0, { 11, 0, 0, 1 }, 4, 0 },
        { "10.128.0.0/9", 0, { 10, 128, 0, 1 }, 4, 1 },
        { "10.128.0.0/9", 0, { 10, 127, 0, 1 }, 4, 0 },
        { "1.2.3.4", 0, { 1, 2, 3, 4 }, 4, 1 },
        { "1.2.3.4/32", 0, { 1, 2, 3, 5 }, 4, 0 },
        { "1.2.3.4", 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3,
          4 }, 16, 1 },
        { "::1", 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 16,
          1 },
        { "::", 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 16,
          0 },
        { "::/0", 0, { 9 }, 16, 1 },
        { "::/0", 0, { 1, 2, 3, 4 }, 4, 0 },
        { "2001:dB8::/32", 0, { 0x20, 1, 0xd, 0xb8, 9 }, 16, 1 },
        { "2001:db8::/32", 0, { 0x20, 1, 0xd, 0xb9 }, 16, 0 },
        { "1:2:3:4:5:6:7:8", 0, { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7,
          0, 8 }, 16, 1 },
        { "1::8", 0, { 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8 }, 16,
          1 },
        { "1.2.3.4", 0, { 0 }, 0, 0 },
        { "", -5, { 0 }, 0, 0 }, { "1.2.3", -5, { 0 }, 0, 0 },
        { "1.2.3.4.5", -5, { 0 }, 0, 0 }, { "1.2.3.256", -5, { 0 }, 0, 0 },
        { "01.2.3.4", -5, { 0 }, 0, 0 }, { "1.2.3.4/33", -5, { 0 }, 0, 0 },
        { "1.2.3.4/", -5, { 0 }, 0, 0 }, { "1.2.3.4/08", -5, { 0 }, 0, 0 },
        { "1.2.3.4/24", -5, { 0 }, 0, 0 }, { "1:2:3", -5, { 0 }, 0, 0 },
        { "1::2::3", -5, { 0 }, 0, 0 }, { "12345::", -5, { 0 }, 0, 0 },
        { "1:2:3:4:5:6:7:8:9", -5, { 0 }, 0, 0 }, { ":", -5, { 0 }, 0, 0 },
        { "1:2:3:4:5:6:7:", -5, { 0 }, 0, 0 }, { "::g", -5, { 0 }, 0, 0 },
        { "localhost", -5, { 0 }, 0, 0 }, { "2001:db8::1/32", -5, { 0 }, 0, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tap_is(mlsec_cidr_parse(tap_str(rows[i].net), &cidr), rows[i].rc,
                   rows[i].net)
            && rows[i].rc == 0)
        {
            tap_is(mlsec_cidr_has(&cidr, (mlsec_str_t) { rows[i].address,
                                                         rows[i].len }),
                   rows[i].has, "an address");
        }
    }
}


static void
test_revoked(void)
{
    size_t           i;
    unsigned         line;
    const char      *why;
    mlsec_mem_t      mem;
    tap_arena_t      arena;
    mlsec_revoked_t  r;
    const char      *wrong[] = { "jti", "jti ", "sub a", "sub a b", "x y",
                                 "sub  1", "sub   1", "jti \t\r", "sub a -1",
                                 "sub a 1234567890123456",
                                 "sub a 88888888888888888888888888" };

    mem = tap_mem(&arena);
    tap_is(mlsec_revoked_parse(tap_lit("# x\njti b\njti a\n\nsub u v 100\n"
                                       "sub w 50\nsub w 70\nsub w 60"), &mem,
                               &r, &line, &why), MLSEC_OK, "revocations");
    tap_is(mlsec_revoked_has(&r, tap_lit("a"), tap_lit(""), 1), 1, "jti");
    tap_is(mlsec_revoked_has(&r, tap_lit("b"), tap_lit("x"), 1e9), 1, "jti");
    tap_is(mlsec_revoked_has(&r, tap_lit("ab"), tap_lit("x"), 1), 0, "other");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("u v"), 99), 1, "sub");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("u v"), 100), 0, "new");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("u v"), -1), 1,
           "of unknown age");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("u"), 1), 0, "prefix");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("w"), 65), 1,
           "the latest of three lines");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("w"), 70), 0, "after");
    tap_is(mlsec_revoked_parse(tap_lit(""), &mem, &r, &line, &why), MLSEC_OK,
           "none");

    /* what editors leave */

    tap_is(mlsec_revoked_parse(tap_lit("# x\r\n\r\n \t\njti a\r\njti  b \t\n"
                                       "\tjti c d\nsub w  50 \r\n#\r\n"),
                               &mem, &r, &line, &why), MLSEC_OK, "blanks");
    tap_is(mlsec_revoked_has(&r, tap_lit("a"), tap_lit(""), 1), 1, "CR");
    tap_is(mlsec_revoked_has(&r, tap_lit("b"), tap_lit(""), 1), 1, "around");
    tap_is(mlsec_revoked_has(&r, tap_lit("c d"), tap_lit(""), 1), 1, "inside");
    tap_is(mlsec_revoked_has(&r, tap_lit(""), tap_lit("w"), 49), 1, "sub, CR");
    tap_is((long long) (r.njti + r.nsub), 4, "and nothing else");

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        tap_is(mlsec_revoked_parse(tap_str(wrong[i]), &mem, &r, &line, &why),
               MLSEC_INVALID, wrong[i]);
    }

    tap_free(&arena);
}


int
main(void)
{
    test_bad();
    test_keys();
    test_networks();
    test_revoked();

    return tap_done();
}
