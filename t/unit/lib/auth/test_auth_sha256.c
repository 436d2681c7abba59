/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/auth/mlsec_sha256.h>
#include <openssl/sha.h>


/* FIPS 180-2, B.1 and B.2, and nothing at all */

static const struct {
    const char  *text;
    const char  *hex;
} cases[] = {
    { "abc", "ba7816bf8f01cfea414140de5dae2223"
             "b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
};


static void
hex(const unsigned char *digest, char *text)
{
    unsigned  i;

    for (i = 0; i < MLSEC_SHA256_SIZE; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
}


/* Wherever a text is cut in three, the digest is the one of all of it. */

static unsigned
test_cuts(const unsigned char *text, size_t len, const unsigned char *want)
{
    size_t         i, j;
    unsigned       wrong;
    mlsec_str_t    parts[3];
    unsigned char  digest[MLSEC_SHA256_SIZE];

    wrong = 0;

    for (i = 0; i <= len; i++) {
        for (j = i; j <= len; j++) {
            parts[0].data = text;
            parts[0].len = i;
            parts[1].data = text + i;
            parts[1].len = j - i;
            parts[2].data = text + j;
            parts[2].len = len - j;

            memset(digest, 0xa5, sizeof(digest));
            wrong += mlsec_sha256_of(parts, 3, digest) != MLSEC_OK
                     || memcmp(digest, want, sizeof(digest)) != 0;
        }
    }

    return wrong;
}


int
main(void)
{
    char           text[2 * MLSEC_SHA256_SIZE + 1];
    unsigned       i;
    mlsec_str_t    part;
    unsigned char  digest[MLSEC_SHA256_SIZE], want[MLSEC_SHA256_SIZE];
    unsigned char  long_text[130];

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        part.data = (unsigned char *) cases[i].text;
        part.len = strlen(cases[i].text);

        memset(digest, 0, sizeof(digest));
        tap_ok(mlsec_sha256(part, digest) == MLSEC_OK, "%s", cases[i].text);
        hex(digest, text);
        tap_ok(strcmp(text, cases[i].hex) == 0, "its digest");

        tap_ok(test_cuts(part.data, part.len, digest) == 0, "in parts");
    }

    tap_ok(mlsec_sha256_of(NULL, 0, digest) == MLSEC_OK, "no part at all");
    hex(digest, text);
    tap_ok(strcmp(text, cases[2].hex) == 0, "is nothing");

    /* around the size of a block, two of them */

    for (i = 0; i < sizeof(long_text); i++) {
        long_text[i] = (unsigned char) (i * 7);
    }

    for (i = 54; i <= sizeof(long_text); i++) {
        SHA256(long_text, i, want);
        tap_ok(test_cuts(long_text, i, want) == 0, "%u bytes in parts", i);
    }

    return tap_done();
}
