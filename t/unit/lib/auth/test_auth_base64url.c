/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/auth/mlsec_base64url.h>


static const struct {
    const char  *text;
    const char  *bytes;                /* NULL: refused */
    size_t       len;
} cases[] = {
    { "", "", 0 },
    { "AA", "\0", 1 },
    { "_w", "\xff", 1 },
    { "Zg", "f", 1 },
    { "Zm8", "fo", 2 },
    { "Zm9v", "foo", 3 },
    { "Zm9vYg", "foob", 4 },
    { "Zm9vYmE", "fooba", 5 },
    { "Zm9vYmFy", "foobar", 6 },
    { "A-z_4ME", "\x03\xec\xff\xe0\xc1", 5 },      /* RFC 7515, C */

    { "A", NULL, 0 },
    { "Zm9vY", NULL, 0 },
    { "Zg==", NULL, 0 },
    { "Zm8=", NULL, 0 },
    { "Zm9v=", NULL, 0 },
    { "Zh", NULL, 0 },                 /* bits behind the last byte */
    { "Zm9", NULL, 0 },
    { "_x", NULL, 0 },
    { "Zm9v\n", NULL, 0 },
    { " Zm9v", NULL, 0 },
    { "Zm 9v", NULL, 0 },
    { "Zm\r\n9v", NULL, 0 },
    { "Zm+v", NULL, 0 },
    { "Zm/v", NULL, 0 },
    { "Zm9v!!!*", NULL, 0 },
    { "Zm9v\xc3\xa9", NULL, 0 },
    { "Zm9v.", NULL, 0 }
};


/* For each byte string exactly one of all texts of its length decodes to it. */

static void
test_one_spelling(void)
{
    size_t          len;
    unsigned        n, good, same;
    mlsec_str_t     text;
    unsigned char   chars[2], bytes[4], again[4];

    good = 0;
    same = 0;
    text.data = chars;
    text.len = 2;

    for (n = 0; n < 65536; n++) {
        chars[0] = (unsigned char) (n >> 8);
        chars[1] = (unsigned char) n;

        if (mlsec_base64url_decode(bytes, &len, text) == MLSEC_OK) {
            good++;
            same += len == 1
                    && mlsec_base64url_encode(again,
                                              (mlsec_str_t) { bytes, 1 })
                       == 2
                    && memcmp(again, chars, 2) == 0;
        }
    }

    tap_is(good, 256, "texts of two characters for 256 bytes");
    tap_is(same, 256, "each is what the byte encodes to");
}


int
main(void)
{
    int             rc;
    size_t          i, len, n;
    mlsec_str_t     text, bytes;
    unsigned char   buf[64], back[64];

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = tap_str(cases[i].text);
        rc = mlsec_base64url_decode(buf, &len, text);

        if (cases[i].bytes == NULL) {
            tap_is(rc, MLSEC_INVALID, cases[i].text);
            continue;
        }

        bytes.data = (const unsigned char *) cases[i].bytes;
        bytes.len = cases[i].len;

        tap_is(rc, MLSEC_OK, cases[i].text);
        tap_is_str((mlsec_str_t) { buf, len }, bytes, "bytes");
        tap_is((long long) mlsec_base64url_encoded(bytes.len),
               (long long) text.len, "length");

        n = mlsec_base64url_encode(back, bytes);
        tap_is_str((mlsec_str_t) { back, n }, text, "and back");
    }

    /* a zero byte and what comes behind it are not the end */

    tap_is(mlsec_base64url_decode(buf, &len, tap_lit("Zm9v\0Zm9v")),
           MLSEC_INVALID, "zero byte");

    test_one_spelling();

    return tap_done();
}
