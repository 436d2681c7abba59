/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_base64url.h>


static int mlsec_base64url_value(unsigned c);


/* the value of a character, or -1 */

static int
mlsec_base64url_value(unsigned c)
{
    if (c >= 'A' && c <= 'Z') {
        return (int) c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return (int) c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return (int) c - '0' + 52;
    }

    if (c == '-') {
        return 62;
    }

    return c == '_' ? 63 : -1;
}


int
mlsec_base64url_decode(unsigned char *dst, size_t *len, mlsec_str_t src)
{
    int             value;
    size_t          i;
    unsigned        bits, n;
    unsigned char  *p;

    p = dst;
    bits = 0;
    n = 0;                             /* bits that wait in "bits" */

    for (i = 0; i < src.len; i++) {
        value = mlsec_base64url_value(src.data[i]);

        if (value < 0) {
            return MLSEC_INVALID;
        }

        bits = (bits << 6 | (unsigned) value) & 0x3fff;
        n += 6;

        if (n >= 8) {
            n -= 8;
            *p++ = (unsigned char) (bits >> n);
        }
    }

    /* 6 bits: a lone character; others must be the zeros of the encoder */

    if (n == 6 || (bits & ((1u << n) - 1)) != 0) {
        return MLSEC_INVALID;
    }

    *len = (size_t) (p - dst);

    return MLSEC_OK;
}


size_t
mlsec_base64url_encode(unsigned char *dst, mlsec_str_t src)
{
    size_t          i;
    unsigned        bits, n;
    unsigned char  *p;

    static const char  alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_";

    p = dst;
    bits = 0;
    n = 0;

    for (i = 0; i < src.len; i++) {
        bits = (bits << 8 | src.data[i]) & 0xffff;
        n += 8;

        while (n >= 6) {
            n -= 6;
            *p++ = (unsigned char) alphabet[bits >> n & 63];
        }
    }

    if (n != 0) {
        *p++ = (unsigned char) alphabet[bits << (6 - n) & 63];
    }

    return (size_t) (p - dst);
}
