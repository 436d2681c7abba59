/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_api_key.h>

#include <string.h>


static int mlsec_cidr_v4(const char *text, unsigned char *address);
static int mlsec_cidr_v6(const char *text, unsigned char *address);
static int mlsec_cidr_group(const char **p, unsigned *group);
static int mlsec_cidr_decimal(const char **p, unsigned max, unsigned *n);
static int mlsec_cidr_same(const unsigned char *a, const unsigned char *b,
    unsigned bits);


int
mlsec_cidr_parse(mlsec_str_t text, mlsec_cidr_t *cidr)
{
    char           buf[64], *slash;
    unsigned       bits;
    const char    *p;
    unsigned char  masked[16];

    if (text.len == 0 || text.len >= sizeof(buf)
        || memchr(text.data, '\0', text.len) != NULL)
    {
        return MLSEC_INVALID;
    }

    memcpy(buf, text.data, text.len);
    buf[text.len] = '\0';
    slash = strchr(buf, '/');

    if (slash != NULL) {
        *slash = '\0';
    }

    memset(cidr, 0, sizeof(mlsec_cidr_t));

    cidr->len = mlsec_cidr_v4(buf, cidr->address) ? 4
                : mlsec_cidr_v6(buf, cidr->address) ? 16 : 0;

    if (cidr->len == 0) {
        return MLSEC_INVALID;
    }

    cidr->bits = 8 * cidr->len;

    if (slash != NULL) {
        p = slash + 1;

        if (!mlsec_cidr_decimal(&p, cidr->bits, &bits) || *p != '\0') {
            return MLSEC_INVALID;
        }

        cidr->bits = bits;
    }

    memset(masked, 0, sizeof(masked));
    memcpy(masked, cidr->address, (cidr->bits + 7) / 8);

    if (cidr->bits % 8) {
        masked[cidr->bits / 8] &= (unsigned char) (0xff00 >> cidr->bits % 8);
    }

    return memcmp(masked, cidr->address, 16) == 0 ? MLSEC_OK : MLSEC_INVALID;
}


static int
mlsec_cidr_v4(const char *text, unsigned char *address)
{
    int       i;
    unsigned  n;

    for (i = 0; i < 4; i++) {

        if ((i != 0 && *text++ != '.')
            || !mlsec_cidr_decimal(&text, 255, &n))
        {
            return 0;
        }

        address[i] = (unsigned char) n;
    }

    return *text == '\0';
}


/* Eight groups, of which one run of zeros may be "::". */

static int
mlsec_cidr_v6(const char *text, unsigned char *address)
{
    int            n, gap;
    unsigned       group;
    unsigned char  bytes[16];

    memset(bytes, 0, sizeof(bytes));
    gap = -1;
    n = 0;

    if (text[0] == ':' && text[1] == ':') {
        gap = 0;
        text += 2;
    }

    while (*text != '\0') {

        if (n == 8 || !mlsec_cidr_group(&text, &group)) {
            return 0;
        }

        bytes[2 * n] = (unsigned char) (group >> 8);
        bytes[2 * n + 1] = (unsigned char) group;
        n++;

        if (text[0] == ':' && text[1] == ':') {

            if (gap >= 0) {
                return 0;
            }

            gap = n;
            text += 2;

        } else if (text[0] == ':') {
            text++;

            if (*text == '\0') {
                return 0;
            }

        } else if (*text != '\0') {
            return 0;
        }
    }

    if ((gap < 0) != (n == 8)) {
        return 0;
    }

    memset(address, 0, 16);
    gap = gap < 0 ? n : gap;
    memcpy(address, bytes, 2 * (size_t) gap);
    memcpy(address + 16 - 2 * (n - gap), bytes + 2 * gap,
           2 * (size_t) (n - gap));

    return 1;
}


static int
mlsec_cidr_group(const char **p, unsigned *group)
{
    int          digits;
    const char  *at;

    static const char  hex[] = "0123456789abcdef";

    *group = 0;

    for (digits = 0; digits < 5 && **p != '\0' && **p != ':'; digits++) {
        at = strchr(hex, **p < 'A' ? **p : **p | 0x20);

        if (at == NULL) {
            return 0;
        }

        *group = *group << 4 | (unsigned) (at - hex);
        (*p)++;
    }

    return digits != 0 && digits < 5;
}


static int
mlsec_cidr_decimal(const char **p, unsigned max, unsigned *n)
{
    const char  *start;

    start = *p;
    *n = 0;

    while (**p >= '0' && **p <= '9' && *p - start < 3) {
        *n = 10 * *n + (unsigned) (**p - '0');
        (*p)++;
    }

    /* "010" is 8 to some and 10 to others */

    return *p != start && *n <= max && (*start != '0' || *p - start == 1);
}


int
mlsec_cidr_has(const mlsec_cidr_t *cidr, mlsec_str_t address)
{
    static const unsigned char  mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                               0xff, 0xff };

    if (address.len == 16 && cidr->len == 4
        && memcmp(address.data, mapped, 12) == 0)
    {
        address.data += 12;
        address.len = 4;
    }

    return address.len == cidr->len
           && mlsec_cidr_same(cidr->address, address.data, cidr->bits);
}


static int
mlsec_cidr_same(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned  rest;

    rest = bits % 8;

    return memcmp(a, b, bits / 8) == 0
           && (rest == 0
               || ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> rest) & 0xff)
                  == 0);
}
