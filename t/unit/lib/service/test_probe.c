/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_probe.h>


typedef struct {
    const char  *text;
    int          rc;
    unsigned     status;
} probe_case_t;


static const probe_case_t  cases[] = {
    { "", MLSEC_EMPTY, 0 },
    { "HTTP/1.1 200 OK\r\n", MLSEC_OK, 200 },
    { "HTTP/1.0 404 Not Found\r\n\r\nbody", MLSEC_OK, 404 },
    { "HTTP/1.1 503\r\n", MLSEC_OK, 503 },
    { "HTTP/1.1 204\n", MLSEC_OK, 204 },
    { "HTTP/1.1 599 x", MLSEC_OK, 599 },
    { "HTTP/1.1 200", MLSEC_EMPTY, 200 },
    { "HTTP/1.1 20", MLSEC_EMPTY, 20 },
    { "HTTP/1.", MLSEC_EMPTY, 0 },
    { "HTTP/1.1 2000 OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/1.1 20x OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/1.1 20 OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/1.1 099 OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/1.1 600 OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/1.1  200 OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/2.0 200 OK\r\n", MLSEC_INVALID, 0 },
    { "HTTP/1.x 200 OK\r\n", MLSEC_INVALID, 0 },
    { "http/1.1 200 OK\r\n", MLSEC_INVALID, 0 },
    { "\r\nHTTP/1.1 200 OK\r\n", MLSEC_INVALID, 0 },
    { "{\"status\":\"healthy\"}", MLSEC_INVALID, 0 },
    { "\x16\x03\x01", MLSEC_INVALID, 0 },
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", MLSEC_OK, 200 },
    { "HTTP/1.1 103\r\nLink: </a>\r\n\r\nHTTP/1.1 500 x\r\n", MLSEC_OK, 500 },
    { "HTTP/1.1 103\nLink: </a>\n\nHTTP/1.1 200 x\n", MLSEC_OK, 200 },
    { "HTTP/1.1 103 x\r\nA: \rHTTP/1.1 200 OK\r\n\r\n", MLSEC_EMPTY, 0 },
    { "HTTP/1.1 103 x\r\n\rA: 1\r\n\r\nHTTP/1.1 201 y\r\n", MLSEC_OK, 201 },
    { "HTTP/1.1 100 Continue\r\n\r\nno", MLSEC_INVALID, 0 },
    { "HTTP/1.1 100 a\r\n\r\nHTTP/1.1 101 b\r\n\r\nHTTP/1.1 299 \r\n",
      MLSEC_OK, 299 }
};


/* In one piece, and in two at every place. */

static void
test_case(const probe_case_t *c)
{
    int             rc;
    size_t          len, cut;
    mlsec_str_t     text;
    mlsec_probe_t   p;

    text = tap_str(c->text);
    len = text.len;

    for (cut = 0; cut <= len; cut++) {
        memset(&p, 0, sizeof(p));

        rc = mlsec_probe_feed(&p, text.data, cut);

        if (rc == MLSEC_EMPTY) {
            rc = mlsec_probe_feed(&p, text.data + cut, len - cut);
        }

        if (rc != c->rc || (rc != MLSEC_INVALID && p.status != c->status)) {
            break;
        }
    }

    tap_ok(cut > len, "probe: %.*s: %d", (int) strcspn(c->text, "\r\n"),
           c->text, c->rc);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(&cases[i]);
    }

    return tap_done();
}
