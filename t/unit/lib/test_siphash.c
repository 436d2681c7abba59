/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Expected values are those of CPython 3.11, whose hash of bytes it is. */


#include "tap.h"
#include <lib/mlsec_siphash.h>


int
main(void)
{
    size_t  i;

    static const struct {
        uint64_t     seed[2];
        const char  *text;
        uint64_t     hash;
    } cases[] = {
        { { 0, 0 }, "a", 0x407448d2b89b1813 },
        { { 0, 0 }, "errors", 0x30f3b02011db23c0 },
        { { 0, 0 }, "abcdefg", 0x6db12aae9070f506 },
        { { 0, 0 }, "abcdefgh", 0x3f7b849c0b8e35ea },
        { { 0, 0 }, "a longer name of a member, 0123456789",
          0xf08530802c9857d8 },
        { { 0xaed66ce184be2329, 0xebe9bbf1f1499052 }, "a",
          0xd6300bc9f7cc0e73 },
        { { 0xaed66ce184be2329, 0xebe9bbf1f1499052 }, "errors",
          0xfa2b2cc2ccc10a5d },
        { { 0xaed66ce184be2329, 0xebe9bbf1f1499052 }, "abcdefgh",
          0xfd3011ff3947e7f4 },
        { { 0x25556dc46dc3dca0, 0xfc3ee4dbd06f6c90 }, "abcdefg",
          0x555571eeff658e40 },
        { { 0x25556dc46dc3dca0, 0xfc3ee4dbd06f6c90 },
          "a longer name of a member, 0123456789", 0xfa7afe339449759b }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_ok(mlsec_siphash(cases[i].seed, tap_str(cases[i].text))
               == cases[i].hash, "\"%s\"", cases[i].text);
    }

    return tap_done();
}
