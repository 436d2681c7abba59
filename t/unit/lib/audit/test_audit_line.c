/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <openssl/sha.h>
#include <lib/audit/mlsec_audit.h>
#include <lib/json/mlsec_json.h>


static const unsigned char  name[] = { 0x01, 0x23, 0x45, 0x67,
                                       0x89, 0xab, 0xcd, 0xef };


/* The hash of a line, by another function of OpenSSL. */

static int
fits(const unsigned char *line, size_t len)
{
    size_t         n;
    unsigned char  hash[32], text[65];

    n = len - sizeof("}\n") + 1 - 74;
    SHA256(line, n, hash);
    mlsec_audit_hex(text, hash, 32);

    return memcmp(line + n, ",\"hash\":\"", 9) == 0
           && memcmp(line + n + 9, text, 64) == 0;
}


static void
test_text(void)
{
    size_t                n, first;
    unsigned char         line[2 * MLSEC_AUDIT_LINE], hash[64];
    mlsec_audit_chain_t   c;
    mlsec_audit_record_t  r;

    /* the hashes are of sha256sum */

    static const char  one[] =
        "{\"v\":1,\"chain\":\"0123456789abcdef\",\"seq\":1,"
        "\"time\":\"1970-01-01T00:00:00.000Z\",\"worker\":7,"
        "\"event\":\"start\","
        "\"prev\":\"000000000000000000000000000000000000000000000000"
        "0000000000000000\","
        "\"hash\":\"d05f55580ae58b47e58e7cadf543f167"
        "eedd4274c4b385a5fdc4c719c174961b\"}\n";
    static const char  two[] =
        "{\"v\":1,\"chain\":\"0123456789abcdef\",\"seq\":2,"
        "\"time\":\"2026-11-25T22:12:05.123Z\",\"worker\":7,"
        "\"event\":\"deny\",\"status\":403,\"policy\":\"mlsec_allow\","
        "\"reason\":\"a role is missing\",\"request_id\":\"r1\","
        "\"identity\":\"ann\",\"roles\":[\"viewer\",\"x\"],"
        "\"tenant\":\"acme\",\"client\":\"10.0.0.1\",\"method\":\"GET\","
        "\"route\":\"/a\",\"path\":\"/a/b\","
        "\"prev\":\"d05f55580ae58b47e58e7cadf543f167"
        "eedd4274c4b385a5fdc4c719c174961b\","
        "\"hash\":\"15983cab0320a6da0119ea8a0f50a8e9"
        "bf2a59d9af1f0d4538d5f1a5db5eb03b\"}\n";

    tap_is(mlsec_audit_chain_init(&c, name), MLSEC_OK, "a chain");
    memset(&r, 0, sizeof(r));
    r.worker = 7;

    first = mlsec_audit_line(&c, &r, line);
    tap_ok(first == sizeof(one) - 1
           && memcmp(line, one, first) == 0, "the first line");
    tap_ok(fits(line, first), "its hash");
    mlsec_audit_hex(hash, c.head.hash, 32);
    tap_ok(memcmp(line + first - 67, hash, 64) == 0, "the chain has it");

    r.event = MLSEC_AUDIT_DENY;
    r.time = 1795644725123;
    r.status = 403;
    r.policy = tap_str("mlsec_allow");
    r.reason = tap_str("a role is missing");
    r.request_id = tap_str("r1");
    r.identity = tap_str("ann");
    r.roles = tap_str("viewer,x");
    r.tenant = tap_str("acme");
    r.client = tap_str("10.0.0.1");
    r.method = tap_str("GET");
    r.route = tap_str("/a");
    r.path = tap_str("/a/b");

    n = mlsec_audit_line(&c, &r, line);
    tap_is_str((mlsec_str_t) { line, n }, tap_str(two), "the second line");
    tap_ok(fits(line, n), "its hash");
    tap_is((long long) c.head.seq, 2, "two lines");

    mlsec_audit_chain_free(&c);
}


/* What a client chose: it stays within its string, and its line in one. */

static void
test_bytes(void)
{
    size_t                n, i;
    unsigned char         line[2 * MLSEC_AUDIT_LINE];
    mlsec_str_t           text, value, raw;
    mlsec_audit_chain_t   c;
    mlsec_audit_record_t  r;
    mlsec_audit_parsed_t  p;

    static const struct {
        const char  *bytes;
        size_t       len;
        const char  *json;
    } table[] = {
#define row(bytes, json)  { bytes, sizeof(bytes) - 1, json }
        row("a\r\nb", "a\\r\\nb"),
        row("\",\"event\":\"write", "\\\",\\\"event\\\":\\\"write"),
        row("\\\"}\n{\"v\":1,\"chain\":\"", "\\\\\\\"}\\n{\\\"v\\\":1,"
            "\\\"chain\\\":\\\""),
        row("\0x", "\\u0000x"),
        row("\xff\xc3(", "\xef\xbf\xbd\xef\xbf\xbd("),
        row("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
        row("\xe2\x80\xa8\x7f\x1b[31m", "\xe2\x80\xa8\x7f\\u001b[31m"),
        row("\xc3\xa9", "\xc3\xa9"),
    };

    mlsec_audit_chain_init(&c, name);

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        memset(&r, 0, sizeof(r));
        r.event = MLSEC_AUDIT_DENY;
        r.path.data = (const unsigned char *) table[i].bytes;
        r.path.len = table[i].len;
        r.identity = r.roles = r.request_id = r.client = r.route = r.path;

        n = mlsec_audit_line(&c, &r, line);
        text.data = line;
        text.len = n - 1;

        tap_ok(memchr(line, '\n', n) == line + n - 1, "row %zu: one line", i);
        tap_is(mlsec_audit_parse(text, &p), MLSEC_OK, "it is read again");
        tap_ok(p.event == MLSEC_AUDIT_DENY && p.head.seq == i + 1,
               "as what it is");
        tap_ok(mlsec_json_find(text, tap_str("path"), &value) == MLSEC_OK
               && mlsec_json_string(value, &raw) == MLSEC_OK, "a path");
        tap_is_str(raw, tap_str(table[i].json), "escaped");
    }

    mlsec_audit_chain_free(&c);
}


static void
test_longest(void)
{
    size_t                n, i, k;
    unsigned char        *line, big[10000];
    mlsec_str_t           text, value;
    mlsec_audit_head_t    after[MLSEC_AUDIT_AFTER];
    mlsec_audit_chain_t   c;
    mlsec_audit_record_t  r;
    mlsec_audit_parsed_t  p;

    static const char *const  fill[] = {
        "a", "\x01", "\xff", "\xc3\xa9", "\xe2\x82\xac", "\"", ",", ",a\x01"
    };

    mlsec_audit_chain_init(&c, name);
    c.head.seq = 999999999999999999;

    for (i = 0; i < sizeof(fill) / sizeof(fill[0]); i++) {
        for (k = 0; k < sizeof(big); k++) {
            big[k] = (unsigned char) fill[i][k % strlen(fill[i])];
        }

        memset(&r, 0, sizeof(r));
        r.event = MLSEC_AUDIT_DROPPED;
        r.count = 999999999999999999;
        r.worker = ~(uint64_t) 0;
        r.status = 999;
        r.time = 253402300799999;
        r.policy = r.reason = r.request_id = r.identity = r.roles = r.tenant =
            r.client = r.method = r.route = r.path
            = (mlsec_str_t) { big, sizeof(big) };

        line = malloc(MLSEC_AUDIT_LINE);
        n = mlsec_audit_line(&c, &r, line);
        text = (mlsec_str_t) { line, n - 1 };

        tap_ok(n <= MLSEC_AUDIT_LINE, "fill %zu: %zu bytes", i, n);
        tap_is(mlsec_audit_parse(text, &p), MLSEC_OK, "it is read");
        tap_ok(mlsec_json_find(text, tap_str("cut"), &value) == MLSEC_OK,
               "and says that it was cut");
        free(line);
    }

    memset(&r, 0, sizeof(r));
    memset(after, 0xff, sizeof(after));

    for (i = 0; i < MLSEC_AUDIT_AFTER; i++) {
        memcpy(after[i].chain, "fedcba9876543210", 16);
        after[i].seq = 999999999999999999 - i;
        after[i].lost = i;
    }

    r.event = MLSEC_AUDIT_HEADS;
    r.after = after;
    r.nafter = MLSEC_AUDIT_AFTER;
    line = malloc(MLSEC_AUDIT_LINE);
    n = mlsec_audit_line(&c, &r, line);
    tap_ok(n <= MLSEC_AUDIT_LINE, "all heads: %zu bytes", n);
    text = (mlsec_str_t) { line, n - 1 };
    tap_is(mlsec_audit_parse(text, &p), MLSEC_OK, "they are read");
    tap_ok(p.nafter == MLSEC_AUDIT_AFTER
           && memcmp(p.after, after, sizeof(after)) == 0, "all of them");
    free(line);

    /* a text that just fits is not cut */

    r.nafter = 0;
    r.path = (mlsec_str_t) { big, 1024 };
    memset(big, 'a', sizeof(big));
    line = malloc(MLSEC_AUDIT_LINE);
    n = mlsec_audit_line(&c, &r, line);
    text = (mlsec_str_t) { line, n - 1 };
    tap_ok(mlsec_json_find(text, tap_str("cut"), &value) != MLSEC_OK,
           "1024 bytes of a path are whole");
    free(line);

    mlsec_audit_chain_free(&c);
}


/* Lines that are none. */

static void
test_bad(void)
{
    size_t                n, i;
    unsigned char         line[MLSEC_AUDIT_LINE], copy[MLSEC_AUDIT_LINE];
    mlsec_str_t           text;
    mlsec_audit_chain_t   c;
    mlsec_audit_head_t    head;
    mlsec_audit_record_t  r;
    mlsec_audit_parsed_t  p;

    static const struct { const char *find, *with, *what; } table[] = {
        { "{", "[", "not an object" },
        { "1,\"chain", "2", "another version" },
        { "0123", "A", "a name in capitals" },
        { "1,\"time", "0", "number 0" },
        { "1,\"time", "-", "a sign" },
        { "\"seq", "\"sec", "no number" },
        { "deny", "deni", "an unknown event" },
        { "\"event", "\"evens", "no event" },
        { "\"prev", "\"prew", "no line before it" },
        { "\"hash", "\"hasd", "no hash" },
        { "0000", "000g", "a hash of other digits" },
        { ",\"worker", ",,worker", "no JSON" },
    };

    mlsec_audit_chain_init(&c, name);
    memset(&r, 0, sizeof(r));
    r.event = MLSEC_AUDIT_DENY;
    n = mlsec_audit_line(&c, &r, line) - 1;

    text = (mlsec_str_t) { line, n };
    tap_is(mlsec_audit_parse(text, &p), MLSEC_OK, "as it is");
    tap_is(mlsec_audit_line_head(text, &head), MLSEC_OK, "its head");
    tap_ok(memcmp(&head, &c.head, sizeof(head)) == 0, "is the chain's");

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        memcpy(copy, line, n);
        memcpy(memmem(copy, n, table[i].find, strlen(table[i].find)),
               table[i].with, strlen(table[i].with));
        text = (mlsec_str_t) { copy, n };
        tap_is(mlsec_audit_parse(text, &p), MLSEC_INVALID, table[i].what);
    }

    for (i = 0; i < n; i++) {
        text = (mlsec_str_t) { line, i };

        if (mlsec_audit_parse(text, &p) != MLSEC_INVALID
            || mlsec_audit_line_head(text, &head) != MLSEC_INVALID)
        {
            break;
        }
    }

    tap_is((long long) i, (long long) n, "no beginning of a line is one");

    mlsec_audit_chain_free(&c);
}


int
main(void)
{
    test_text();
    test_bytes();
    test_longest();
    test_bad();

    return tap_done();
}
