/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/limit/mlsec_shared_key.h>


static mlsec_str_t
make(const char *zone, const char *name, mlsec_str_t key, uint64_t window)
{
    static unsigned char  out[4][MLSEC_SHARED_KEY_SIZE];
    static unsigned       turn;
    mlsec_shared_key_t    parts;

    parts.prefix = tap_str("mlsec:");
    parts.zone = tap_str(zone);
    parts.name = tap_str(name);
    parts.key = key;
    parts.window = window;

    turn = (turn + 1) % 4;

    return (mlsec_str_t) { out[turn], mlsec_shared_key(&parts, out[turn]) };
}


int
main(void)
{
    char                text[400];
    mlsec_str_t         a, b;
    unsigned char       out[MLSEC_SHARED_KEY_SIZE];
    mlsec_shared_key_t  parts;

    tap_is_str(make("user", "daily", tap_lit("anna@example.com"), 0),
               tap_lit("mlsec:limit:user:daily:anna@example.com"), "plain");
    tap_is_str(make("user", "daily", tap_lit("anna"), 41564),
               tap_lit("mlsec:limit:user:daily:anna:41564"), "a window");
    tap_is_str(make("a", "b", tap_lit("\x7f\0 :%{}\r\n\xff"), 0),
               tap_lit("mlsec:limit:a:b:%7F%00%20%3A%25%7B%7D%0D%0A%FF"),
               "any bytes");
    tap_is_str(make("a:b", "c", tap_lit(""), 0),
               tap_lit("mlsec:limit:a%3Ab:c:"), "a zone with a colon");

    memset(text, 'x', sizeof(text));

    a = make("zone", "name", (mlsec_str_t) { (unsigned char *) text, 149 }, 0);
    tap_is((long long) a.len, 11 + MLSEC_SHARED_KEY_TEXT,
           "the longest that is readable");
    b = make("zone", "name", (mlsec_str_t) { (unsigned char *) text, 150 }, 0);
    tap_is((long long) b.len, 11 + 1 + 64, "longer: a hash");
    tap_ok(memcmp(b.data, "mlsec:limit#", 12) == 0, "longer: marked");

    a = make("zone", "name", (mlsec_str_t) { (unsigned char *) text, 400 }, 7);
    tap_ok(a.len == 11 + 1 + 64 + 2 && memcmp(a.data, b.data, b.len) != 0,
           "longer: another one");

    memset(text, ' ', sizeof(text));
    a = make("zone", "name", (mlsec_str_t) { (unsigned char *) text, 100 }, 0);
    tap_is((long long) a.len, 11 + 1 + 64, "long once it is escaped");

    /* cut differently */

    a = make("zonen", "ame", (mlsec_str_t) { (unsigned char *) text, 400 }, 0);
    b = make("zone", "name", (mlsec_str_t) { (unsigned char *) text, 400 }, 0);
    tap_ok(a.len == b.len && memcmp(a.data, b.data, a.len) != 0,
           "the hash knows where names end");

    text[0] = 'c';
    a = make("ab", "c", (mlsec_str_t) { (unsigned char *) text + 1, 399 }, 0);
    b = make("a", "b", (mlsec_str_t) { (unsigned char *) text, 400 }, 0);
    tap_ok(a.len == b.len && memcmp(a.data, b.data, a.len) != 0,
           "the hash knows where zones end");

    memset(&parts, 0, sizeof(parts));
    parts.prefix = (mlsec_str_t) { (unsigned char *) text, 65 };
    tap_is((long long) mlsec_shared_key(&parts, out), 0, "a prefix too long");
    parts.prefix.len = 64;
    parts.key = (mlsec_str_t) { (unsigned char *) text, 400 };
    parts.window = UINT64_MAX;
    tap_ok(mlsec_shared_key(&parts, out) <= MLSEC_SHARED_KEY_SIZE,
           "the longest has room");
    parts.prefix.len = 0;
    parts.window = 0;
    tap_is((long long) mlsec_shared_key(&parts, out), 5 + 65, "no prefix");

    return tap_done();
}
