/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/audit/mlsec_audit_verify.h>


#define LINES  10


/* A log of two chains; the second takes note of the first one's end. */

typedef struct {
    unsigned char   line[LINES][MLSEC_AUDIT_LINE];
    size_t          len[LINES];        /* with the newline */
} log_t;


static log_t   whole;
static char    said[4096];
static char    noted[4096];


static void
hear(void *ctx, int bad, const mlsec_audit_place_t *place, const char *text)
{
    char  *to;

    (void) ctx;

    to = bad ? said : noted;
    snprintf(to + strlen(to), sizeof(said) - strlen(to), "%s:%llu: %s\n",
             place->file, (unsigned long long) place->line, text);
}


static void
make(void)
{
    size_t                i;
    mlsec_audit_chain_t   c[2], *chain;
    mlsec_audit_head_t    head;
    mlsec_audit_record_t  r;

    static const struct { int chain; mlsec_audit_event_e event; } plan[LINES] =
    {
        { 0, MLSEC_AUDIT_START }, { 0, MLSEC_AUDIT_DENY },
        { 1, MLSEC_AUDIT_START }, { 0, MLSEC_AUDIT_WRITE },
        { 1, MLSEC_AUDIT_DENY }, { 0, MLSEC_AUDIT_DENY },
        { 0, MLSEC_AUDIT_END }, { 1, MLSEC_AUDIT_HEADS },
        { 1, MLSEC_AUDIT_DROPPED }, { 1, MLSEC_AUDIT_END }
    };

    mlsec_audit_chain_init(&c[0], (const unsigned char *) "aaaaaaaa");
    mlsec_audit_chain_init(&c[1], (const unsigned char *) "bbbbbbbb");

    for (i = 0; i < LINES; i++) {
        chain = &c[plan[i].chain];
        memset(&r, 0, sizeof(r));
        r.event = plan[i].event;
        r.time = 1795644725123;
        r.worker = 7;
        r.path = tap_str(i & 1 ? "/x\"" : "");
        r.count = 3;

        if (r.event == MLSEC_AUDIT_HEADS) {
            head = c[0].head;
            head.lost = 2;
            r.after = &head;
            r.nafter = 1;
        }

        whole.len[i] = mlsec_audit_line(chain, &r, whole.line[i]);
    }

    mlsec_audit_chain_free(&c[0]);
    mlsec_audit_chain_free(&c[1]);
}


/* How many faults: what is found in said, noted. */

static uint64_t
ask(const unsigned char *text, size_t len, const size_t *files, int ended,
    const mlsec_audit_head_t *expect)
{
    tap_arena_t            arena;
    mlsec_mem_t            mem;
    mlsec_str_t            line;
    mlsec_audit_verify_t   v;
    const unsigned char   *p, *end;

    said[0] = noted[0] = '\0';
    mem = tap_mem(&arena);
    mlsec_audit_verify_init(&v, &mem, hear, NULL);

    if (expect != NULL) {
        mlsec_audit_verify_expect(&v, expect);
    }

    end = text + len;
    mlsec_audit_verify_file(&v, "a");

    while (text < end) {

        if (files != NULL && (size_t) (end - text) == len - *files) {
            mlsec_audit_verify_file(&v, "b");
        }

        p = memchr(text, '\n', (size_t) (end - text));
        line.data = text;
        line.len = (size_t) ((p != NULL ? p : end) - text);
        text = p != NULL ? p + 1 : end;
        mlsec_audit_verify_line(&v, line);
    }

    mlsec_audit_verify_finish(&v, ended);
    mlsec_audit_verify_free(&v);
    tap_free(&arena);

    return v.bad;
}


/* The lines of a list, each of one character: "0" to "9". */

static size_t
build(unsigned char *dst, const char *list)
{
    size_t  n, i;

    for (n = 0; *list; list++) {
        i = (size_t) (*list - '0');
        memcpy(dst + n, whole.line[i], whole.len[i]);
        n += whole.len[i];
    }

    return n;
}


static void
test_order(void)
{
    size_t         i, n;
    unsigned char  text[20 * MLSEC_AUDIT_LINE];

#define A  "6161616161616161"
#define B  "6262626262626262"

    static const struct {
        const char  *lines;
        int          ended;
        const char  *finds;
    } table[] = {
        { "0123456789", 1, "" },
        { "0213456789", 1, "" },             /* of different chains */
        { "123456789", 1,
          "a:1: the lines of chain " A " before 2 are missing\n" },
        { "023456789", 1,
          "a:3: lines 2 to 2 of chain " A " are missing before this one\n" },
        { "0126789", 1,
          "a:4: lines 3 to 4 of chain " A " are missing before this one\n"
          "a:5: lines 2 to 2 of chain " B " are missing before this one\n" },
        { "0312456789", 1,
          "a:2: lines 2 to 2 of chain " A " are missing before this one\n"
          "a:3: line 2 of chain " A " is out of order, it belongs before "
          "a:2\n" },
        { "01123456789", 1,
          "a:3: line 2 of chain " A " comes twice\n" },
        { "01234567891", 1,
          "a:11: line 2 of chain " A " comes twice\n" },
        { "00123456789", 1,
          "a:2: line 1 of chain " A " comes twice\n" },
        { "012345789", 1,
          "a:6: the lines of chain " A " after this one, 5 to 5, are missing "
          "(a:7 names them)\n" },
        { "01234789", 1,
          "a:4: the lines of chain " A " after this one, 4 to 5, are missing "
          "(a:6 names them)\n" },
        { "24789", 1,
          "a:3: of chain " A ", which had 5 lines, there is none\n" },
        { "012345678", 1,
          "a:9: chain " B " has not ended with this line: its writer is at "
          "work or was killed, or lines are missing\n" },
        { "012345678", 0, "" },
        { "01234569", 0,
          "a:8: lines 3 to 4 of chain " B " are missing before this one\n" },
    };

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        n = build(text, table[i].lines);
        ask(text, n, NULL, table[i].ended, NULL);
        tap_is_str(tap_str(said), tap_str(table[i].finds), table[i].lines);
    }

    n = build(text, "0123456789");
    ask(text, n, NULL, 1, NULL);
    tap_is_str(tap_str(noted),
               tap_str("a:8: chain " A " has ended with 2 records that were "
                       "not written\na:9: 3 records could not be written "
                       "before this line\n"), "what is said of losses");
}


static void
test_flips(void)
{
    size_t          i, n;
    uint64_t        missed;
    unsigned char  *text;

    text = malloc(LINES * MLSEC_AUDIT_LINE);
    n = build(text, "0123456789");
    missed = 0;

    for (i = 0; i < 8 * n; i++) {
        text[i / 8] ^= (unsigned char) (1 << i % 8);
        missed += ask(text, n, NULL, 1, NULL) == 0;
        text[i / 8] ^= (unsigned char) (1 << i % 8);
    }

    tap_is((long long) missed, 0, "each bit of each line");

    for (i = missed = 0; i < n - 1; i++) {
        missed += ask(text, i, NULL, 1, NULL) == 0 && i != 0;
    }

    tap_is((long long) missed, 0, "each cut of the end");

    /* one fault is told once, at its place */

    i = build(text, "0123456789");
    text[whole.len[0] + 60] ^= 1;
    tap_is((long long) ask(text, i, NULL, 1, NULL), 1, "one fault");
    tap_is_str(tap_str(said), tap_str("a:2: the line has been changed: its "
               "hash is not that of its text\n"), "where it is");
    text[whole.len[0] + 60] ^= 1;
    tap_is((long long) ask(text, i, NULL, 1, NULL), 0, "none");
    free(text);
}


/* A line written anew by somebody who can count hashes. */

static void
test_forged(void)
{
    size_t                n, m;
    mlsec_audit_head_t    expect;
    unsigned char         text[20 * MLSEC_AUDIT_LINE];
    unsigned char         line[MLSEC_AUDIT_LINE];
    mlsec_audit_chain_t   c;
    mlsec_audit_record_t  r;

    mlsec_audit_chain_init(&c, (const unsigned char *) "aaaaaaaa");
    memset(&r, 0, sizeof(r));
    mlsec_audit_line_head((mlsec_str_t) { whole.line[0], whole.len[0] - 1 },
                          &c.head);
    mlsec_audit_line_head((mlsec_str_t) { whole.line[1], whole.len[1] - 1 },
                          &expect);
    r.event = MLSEC_AUDIT_WRITE;
    m = mlsec_audit_line(&c, &r, line);

    n = build(text, "0");
    memcpy(text + n, line, m);
    n += m;
    n += build(text + n, "23456789");

    ask(text, n, NULL, 1, NULL);
    tap_is_str(tap_str(said), tap_str("a:4: the line before it in chain " A
               ", a:2, is another one than was written\n"), "in the middle");

    n = build(text, "0");
    memcpy(text + n, line, m);
    n += m;

    tap_is((long long) ask(text, n, NULL, 0, NULL), 0,
           "at the end nothing is seen");
    ask(text, n, NULL, 0, &expect);
    tap_is_str(tap_str(said), tap_str("a:2: this line is another one than was "
               "noted as line 2 of chain " A "\n"), "but by who has noted it");
    ask(text, whole.len[0], NULL, 0, &expect);
    tap_is_str(tap_str(said), tap_str("a:1: line 2 of chain " A ", which was "
               "noted, is missing\n"), "or that it is missing");

    mlsec_audit_chain_free(&c);
}


static void
test_torn(void)
{
    size_t         n;
    unsigned char  text[20 * MLSEC_AUDIT_LINE];

    /* a torn line, and the same whole */

    n = build(text, "01");
    n -= 40;
    text[n++] = '\n';
    n += build(text + n, "123456789");
    ask(text, n, NULL, 1, NULL);
    tap_is_str(tap_str(said), tap_str(""), "it is no fault");
    tap_ok(strstr(noted, "a:2: the beginning of a line, which is whole in "
                  "a:3\n") != NULL, "but told");

    /* somebody else was faster than the newline */

    n = build(text, "01");
    n -= 100;
    n += build(text + n, "2");
    text[n++] = '\n';
    n += build(text + n, "13456789");
    ask(text, n, NULL, 1, NULL);
    tap_is_str(tap_str(said), tap_str(""), "nor two in one");
    tap_ok(strstr(noted, "a:2: the beginning of a line, which is whole in "
                  "a:4\n") != NULL, "which is told");

    /* never written again */

    n = build(text, "01");
    n -= 40;
    ask(text, n, NULL, 0, NULL);
    tap_is_str(tap_str(said), tap_str("a:2: this is the beginning of a line, "
               "the rest is missing\n"), "torn for good");

    n = build(text, "01");
    n += (size_t) sprintf((char *) text + n, "hello\n");
    n += build(text + n, "23456789");
    ask(text, n, NULL, 1, NULL);
    tap_is_str(tap_str(said), tap_str("a:3: this is no line of an audit log\n"),
               "words of somebody else");
}


/* A chain that goes on in another file. */

static void
test_files(void)
{
    size_t                n, m, half;
    unsigned char         text[20 * MLSEC_AUDIT_LINE];
    mlsec_audit_chain_t   c;
    mlsec_audit_record_t  r;

    mlsec_audit_chain_init(&c, (const unsigned char *) "aaaaaaaa");
    memset(&r, 0, sizeof(r));

    n = mlsec_audit_line(&c, &r, text);
    r.event = MLSEC_AUDIT_DENY;
    m = mlsec_audit_line(&c, &r, text + n);
    half = n + m;
    r.event = MLSEC_AUDIT_REOPEN;
    n = half + mlsec_audit_line(&c, &r, text + half);
    r.event = MLSEC_AUDIT_END;
    n += mlsec_audit_line(&c, &r, text + n);

    ask(text, n, &half, 1, NULL);
    tap_is_str(tap_str(said), tap_str(""), "both files");

    ask(text + half, n - half, NULL, 1, NULL);
    tap_is_str(tap_str(said), tap_str(""), "the second alone");
    tap_is_str(tap_str(noted), tap_str("a:1: chain " A " goes on from another "
               "file, line 2\n"), "with a note");

    memmove(text + half - m, text + half, n - half);
    half -= m;
    ask(text, n - m, &half, 1, NULL);
    tap_is_str(tap_str(said), tap_str("b:1: lines 2 to 2 of chain " A
               " are missing before this one\n"), "the end of the first");

    mlsec_audit_chain_free(&c);
}


int
main(void)
{
    make();
    test_order();
    test_flips();
    test_forged();
    test_torn();
    test_files();

    return tap_done();
}
