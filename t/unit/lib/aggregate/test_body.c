/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/aggregate/mlsec_body.h>


#define ROOM  16


typedef struct {
    const char  *name;
    const char  *text;
    unsigned     status;
    int          rc;                 /* of all bytes */
    int          end;                /* of the end of the connection */
    const char  *body;               /* NULL: not looked at */
} body_case_t;


#define OK     MLSEC_OK
#define MORE   MLSEC_EMPTY
#define BAD    MLSEC_INVALID
#define LARGE  MLSEC_NOMEM

#define BLANKS  "                                                "


static const body_case_t  cases[] = {
    { "a length", " OK\r\nContent-Length: 4\r\n\r\ntrueX", 200, OK, BAD,
      "true" },
    { "any case, no blank", "\r\ncontent-LENGTH:4\r\n\r\ntrue", 200, OK, BAD,
      "true" },
    { "blanks behind it", "\nContent-Length: 4 \t\n\ntrue", 200, OK, BAD,
      "true" },
    { "a length of nothing", "\r\nContent-Length: 0\r\n\r\n", 200, OK, BAD,
      "" },
    { "less than its length", "\r\nContent-Length: 5\r\n\r\ntrue", 200, MORE,
      BAD, NULL },
    { "the same length twice",
      "\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1", 200, OK, BAD,
      "1" },
    { "two lengths", "\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
      200, BAD, BAD, NULL },
    { "no number", "\r\nContent-Length: 1,1\r\n\r\n1", 200, BAD, BAD, NULL },
    { "a negative length", "\r\nContent-Length: -1\r\n\r\n", 200, BAD, BAD,
      NULL },
    { "no length at all", "\r\nContent-Length: \r\n\r\n", 200, BAD, BAD,
      NULL },
    { "a length beyond numbers",
      "\r\nContent-Length: 9999999999999999999\r\n\r\n", 200, BAD, BAD, NULL },
    { "a length behind blanks",
      "\r\nContent-Length:" BLANKS BLANKS BLANKS BLANKS "4\r\n\r\ntrue", 200,
      BAD, BAD, NULL },
    { "as much as there is room",
      "\r\nContent-Length: 16\r\n\r\n0123456789abcdef", 200, OK, BAD,
      "0123456789abcdef" },
    { "more than there is room", "\r\nContent-Length: 17\r\n\r\n", 200, LARGE,
      BAD, NULL },
    { "up to the end", " OK\r\nServer: x\r\n\r\ntrue", 200, MORE, OK,
      "true" },
    { "up to the end, nothing", "\r\n\r\n", 200, MORE, OK, "" },
    { "up to the end, too much", "\r\n\r\n0123456789abcdefg", 200, LARGE, OK,
      NULL },
    { "ends in the headers", "\r\nServer: x\r\n", 200, MORE, BAD, NULL },
    { "ends in the status line", " OK", 200, MORE, BAD, NULL },
    { "chunks",
      "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntr\r\n2;x=y\r\nue\r\n"
      "0\r\n\r\n", 200, OK, BAD, "true" },
    { "chunks and a trailer",
      "\r\nTransfer-Encoding: Chunked\r\n\r\n4 \r\nnull\r\n0\r\nA: b\r\n"
      "\r\n", 200, OK, BAD, "null" },
    { "chunks win over a length",
      "\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnull"
      "\r\n0\r\n\r\n", 200, OK, BAD, "null" },
    { "a chunk as long as the room",
      "\r\nTransfer-Encoding: chunked\r\n\r\n0010\r\n0123456789ABCDEF\r\n0"
      "\r\n\r\n", 200, OK, BAD, "0123456789ABCDEF" },
    { "a chunk that is too long",
      "\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n", 200, LARGE, BAD, NULL },
    { "chunks that are too long",
      "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n10\r\n", 200, LARGE,
      BAD, NULL },
    { "no size", "\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 200, BAD, BAD,
      NULL },
    { "a size that is no number",
      "\r\nTransfer-Encoding: chunked\r\n\r\n4x\r\nnull\r\n", 200, BAD, BAD,
      NULL },
    { "a size beyond numbers",
      "\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 200, BAD,
      BAD, NULL },
    { "no end of line behind a chunk",
      "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n00\r\n0\r\n\r\n", 200, BAD,
      BAD, NULL },
    { "ends without the last chunk",
      "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n", 200, MORE, BAD,
      NULL },
    { "another coding", "\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 200,
      BAD, BAD, NULL },
    { "another word", "\r\nTransfer-Encodings: gzip\r\n\r\n1", 200, MORE, OK,
      "1" },
    { "a long line that is not ours",
      "\r\nSet-Cookie: 0" BLANKS BLANKS BLANKS BLANKS "1\r"
      "\nContent-Length: 1\r\n\r\n1", 200, OK, BAD, "1" },
    { "204 has none", "\r\nContent-Length: 4\r\n\r\n", 204, OK, BAD, "" },
    { "304 has none", "\r\nTransfer-Encoding: chunked\r\n\r\n", 304, OK, BAD,
      "" }
};


/* In one piece, in two at every place, and byte by byte. */

static int
test_feed(const body_case_t *c, mlsec_body_t *b, unsigned char *room,
    size_t cut)
{
    int          rc;
    size_t       i, step;
    mlsec_str_t  text;

    text = tap_str(c->text);
    mlsec_body_init(b, c->status, room, ROOM);

    rc = MORE;

    for (i = 0; i < text.len && rc == MORE; i += step) {
        step = (cut == 0) ? 1 : (i < cut) ? cut : text.len - i;
        rc = mlsec_body_feed(b, text.data + i, step);
    }

    return rc;
}


static void
test_case(const body_case_t *c)
{
    int             rc;
    size_t          cut, len;
    mlsec_body_t    b;
    unsigned char   room[ROOM];

    len = strlen(c->text);

    for (cut = 0; cut <= len; cut++) {
        rc = test_feed(c, &b, room, cut);

        if (rc != c->rc || (rc == MORE && mlsec_body_end(&b) != c->end)) {
            break;
        }

        if (c->body != NULL
            && (b.len != strlen(c->body)
                || memcmp(room, c->body, b.len) != 0))
        {
            break;
        }
    }

    tap_ok(cut > len, "body: %s", c->name);
}


/* Cache-Control, -1: it does not say how long. */

static void
test_cache(void)
{
    size_t         i;
    mlsec_str_t    text;
    mlsec_body_t   b;
    unsigned char  room[ROOM];

    static const struct {
        const char  *headers;
        long long    max_age;
    } lines[] = {
        { "", -1 },
        { "Cache-Control: max-age=60\r\n", 60 },
        { "cache-control:Public, MAX-AGE=60, must-revalidate \r\n", 60 },
        { "Cache-Control: max-age=60\r\nCache-Control: max-age=5\r\n", 5 },
        { "Cache-Control: private=\"max-age=7\"\r\n", -1 },
        { "Cache-Control: no-store\r\n", -1 },
        { "Cache-Control: max-age=x\r\n", 0 },
        { "Cache-Controls: max-age=60\r\n", -1 },
        { "Cache-Control: max-age=60" BLANKS BLANKS BLANKS BLANKS "0\r\n",
          -1 }
    };

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        mlsec_body_init(&b, 200, room, ROOM);
        text = tap_lit(" OK\r\n");
        (void) mlsec_body_feed(&b, text.data, text.len);
        text = tap_str(lines[i].headers);
        (void) mlsec_body_feed(&b, text.data, text.len);
        text = tap_lit("Content-Length: 0\r\n\r\n");

        tap_is(mlsec_body_feed(&b, text.data, text.len), OK,
               lines[i].headers);
        tap_is(b.cache.with_max_age ? (long long) b.cache.max_age : -1,
               lines[i].max_age, "how long");
    }
}


int
main(void)
{
    size_t  i;

    test_cache();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(&cases[i]);
    }

    return tap_done();
}
