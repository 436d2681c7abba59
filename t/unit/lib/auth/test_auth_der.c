/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * RS256 signatures of a DigestInfo that is nearly the right one, of the classes
 * that Wycheproof calls ModifiedPadding: each of its five elements is written
 * in another way, and what is around it has the length that then is right, or
 * the one that it had.  A verifier that reads DER and is lenient takes some of
 * them for the same; there is one that is good.
 */


#include "sign.h"
#include <openssl/err.h>
#include <openssl/sha.h>


#define INPUT  "eyJhbGciOiJYIn0.Zm9v"
#define SIZE   256                     /* bytes of the key */


/*
 * How an element is written: T its tag, C the same constructed, L its length, +
 * and - one more and one less, V its value, { } a length and what is inside of
 * it, and bytes in hexadecimal.
 */

static const struct {
    const char  *name;
    const char  *form;
} forms[] = {
    { "as it should be", "T{V}" },
    { "lengthUsesLongFormEncoding", "T 81 L V" },
    { "lengthContainsALeading0", "T 82 00 L V" },
    { "lengthUsesOneMore", "T + V" },
    { "lengthUsesOneLess", "T - V" },
    { "uint32OverflowInLength", "T 85 01 00 00 00 L V" },
    { "uint64OverflowInLength", "T 89 01 00 00 00 00 00 00 00 L V" },
    { "lengthIs2to31sub1", "T 84 7f ff ff ff V" },
    { "lengthIs2to31", "T 84 80 00 00 00 V" },
    { "lengthIs2to32sub1", "T 84 ff ff ff ff V" },
    { "lengthIs2to40sub1", "T 85 ff ff ff ff ff V" },
    { "lengthIs2to64sub1", "T 88 ff ff ff ff ff ff ff ff V" },
    { "incorrectLength", "T ff V" },
    { "indefiniteLengthTagWithoutTermination", "T 80 V" },
    { "removing", "" },
    { "lonelyTag", "T" },
    { "appending0's", "T{V 00 00}" },
    { "prepending0's", "T{00 00 V}" },
    { "appendingUnused0's", "T{V} 00 00" },
    { "appendingNullValue", "T{V 05 00}" },
    { "prependingGarbage", "T{49 81 77 V}" },
    { "prependingGarbage, an element", "T{25 00 V}" },
    { "prependingGarbage, a sequence", "30{49 81 77 T{V}}" },
    { "appendingGarbage", "T{V} 00 04 de ad be ef" },
    { "includingUndefinedTags", "aa 00 bb 00 cd 00 T{V}" },
    { "includingUndefinedTagsInside", "T{aa 02 aa bb V}" },
    { "truncatedLength", "T 81" },
    { "usingCompositionWithIndefiniteLength", "C 80 T{V} 00 00" },
    { "usingCompositionWithWrongTag", "C 80 31{V} 00 00" },
    { "replacingWithNull", "05 00" },
    { "changingTagValue", "2e{V}" },
    { "changingTagValue", "2f{V}" },
    { "changingTagValue", "31{V}" },
    { "changingTagValue", "32{V}" },
    { "changingTagValue", "ff{V}" },
    { "changingTagValue, of the context", "a0{V}" },
    { "droppingValue", "T 00" },
    { "usingComposition", "C{T{V}}" },
    { "indefiniteLength", "T 80 V 00 00" },
    { "indefiniteLengthWithTruncatedDelimiter", "T 80 V 00" },
    { "indefiniteLengthWithAdditionalElement", "T 80 V 05 00 00 00" },
    { "indefiniteLengthWithTruncatedElement", "T 80 V 06 08 11 00 00" },
    { "indefiniteLengthWithGarbage", "T 80 V 00 00 fe 02 be ef" },
    { "indefiniteLengthWithNonemptyEOC", "T 80 V 00 02 be ef" },
    { "prependEmptySequence", "T{30 00 V}" },
    { "appendEmptySequence", "T{V 30 00}" },
    { "appendZero", "T{V 00}" },
    { "appendGarbageWithHighTagNumber", "T{V bf 7f 00}" },
    { "appendNullWithExplicitTag", "T{V a0 02 05 00}" },
    { "appendNullWithImplicitTag", "T{V a0 00}" },
    { "sequenceOfSequence", "T{T{V}}" },
    { "repeatingElement", "T{V V}" }
};


enum { OUTER, INNER, OID, NUL, OCTETS, ELEMENTS };

static const struct {
    const char     *name;
    unsigned char   tag;
    unsigned char   length;            /* of what is right */
} elements[ELEMENTS] = {
    { "sequence", 0x30, 0x31 }, { "algorithm", 0x30, 0x0d },
    { "OID", 0x06, 0x09 }, { "NULL", 0x05, 0x00 }, { "hash", 0x04, 0x20 }
};

static const unsigned char  sha256_oid[] = {
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01
};


typedef struct {
    int          changed;              /* element */
    const char  *form;                 /* of it */
    int          stale;                /* lengths around it are as they were */
} change_t;


/* One element; the end of it. */

static unsigned char *
element(unsigned char *p, int which, const unsigned char *value, size_t len,
    const change_t *change)
{
    unsigned        byte;
    size_t          depth;
    const char     *f;
    unsigned char  *start[4];

    if (which != change->changed) {
        *p++ = elements[which].tag;
        *p++ = change->stale ? elements[which].length : (unsigned char) len;
        memcpy(p, value, len);
        return p + len;
    }

    for (f = change->form, depth = 0; *f != '\0'; f++) {

        switch (*f) {

        case ' ':
            break;

        case 'T':
        case 'C':
            *p++ = elements[which].tag | (*f == 'C' ? 0x20 : 0);
            break;

        case 'L':
        case '+':
        case '-':
            *p++ = (unsigned char) ((int) len + (*f == '+') - (*f == '-'));
            break;

        case 'V':
            memcpy(p, value, len);
            p += len;
            break;

        case '{':
            start[depth++] = p++;
            break;

        case '}':
            depth--;
            *start[depth] = (unsigned char) (p - start[depth] - 1);
            break;

        default:
            sscanf(f++, "%2x", &byte);
            *p++ = (unsigned char) byte;
        }
    }

    return p;
}


static size_t
digest_info(unsigned char *out, const change_t *change)
{
    unsigned char  *p, algorithm[400], both[400], hash[32];

    SHA256((const unsigned char *) INPUT, sizeof(INPUT) - 1, hash);

    p = element(algorithm, OID, sha256_oid, sizeof(sha256_oid), change);
    p = element(p, NUL, (const unsigned char *) "", 0, change);
    p = element(both, INNER, algorithm, (size_t) (p - algorithm), change);
    p = element(p, OCTETS, hash, sizeof(hash), change);
    p = element(out, OUTER, both, (size_t) (p - both), change);

    return (size_t) (p - out);
}


static int
taken(EVP_PKEY *pkey, const mlsec_jwk_set_t *set, const unsigned char *info,
    size_t n)
{
    size_t         len;
    EVP_PKEY_CTX  *ctx;
    unsigned char  block[SIZE], sig[SIZE];

    memset(block, 0xff, SIZE);
    block[0] = 0;
    block[1] = 1;
    block[SIZE - n - 1] = 0;
    memcpy(block + SIZE - n, info, n);

    len = SIZE;
    ctx = EVP_PKEY_CTX_new(pkey, NULL);

    if (EVP_PKEY_sign_init(ctx) != 1
        || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1
        || EVP_PKEY_sign(ctx, sig, &len, block, SIZE) != 1)
    {
        abort();
    }

    EVP_PKEY_CTX_free(ctx);

    return mlsec_jwk_verify(set, &set->key[0], MLSEC_ALG_RS256,
                            tap_lit(INPUT), (mlsec_str_t) { sig, len });
}


int
main(void)
{
    size_t            i, n, right_len;
    EVP_PKEY         *pkey;
    change_t          change;
    const char       *why;
    mlsec_jwk_set_t  *set;
    unsigned char     right[400], info[400];

    pkey = EVP_RSA_gen(8 * SIZE);

    if (mlsec_jwk_set_parse(sign_jwk(pkey, ""), 0, &set, &why) != MLSEC_OK) {
        abort();
    }

    change = (change_t) { .changed = ELEMENTS };
    right_len = digest_info(right, &change);
    tap_is(taken(pkey, set, right, right_len), 1, "the one that is good");

    for (change.changed = 0; change.changed < ELEMENTS; change.changed++) {
        for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
            for (change.stale = 0; change.stale < 2; change.stale++) {
                change.form = forms[i].form;
                n = digest_info(info, &change);

                tap_ok(taken(pkey, set, info, n)
                       == (n == right_len && memcmp(info, right, n) == 0),
                       "%s: %s%s", elements[change.changed].name,
                       forms[i].name, change.stale ? ", and nothing else" : "");
            }
        }
    }

    mlsec_jwk_set_free(set);
    EVP_PKEY_free(pkey);
    tap_is((long long) ERR_peek_error(), 0, "no error is left behind");

    return tap_done();
}
