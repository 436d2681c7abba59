/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Jansson as a second opinion on documents made at random, most of them
 * damaged.  Where it may differ is written in oracle_excused(), nowhere
 * else.  SEED repeats a run, COUNT sets the number of documents.
 */


#include "../gen.h"
#include <ctype.h>
#include <jansson.h>
#include <lib/json/mlsec_json.h>


#define ORACLE_COUNT  100000


/* Replaces, removes, doubles or swaps a few bytes, or cuts the end off. */

static void
oracle_damage(gen_t *g)
{
    size_t  at, n;

    static const char  bytes[] = "{}[]:,\"\\ \n0123456789-+.eEtfnul/\x7f"
                                 "\x80\xc3\xa9\xe2\xf0\xed\xff\x01\x1f";

    for (n = 1 + tap_random(3); n > 0 && g->len > 0; n--) {
        at = tap_random(g->len);

        switch (tap_random(6)) {

        case 0:
        case 1:
            g->data[at] = (unsigned char) bytes[tap_random(sizeof(bytes))];
            break;

        case 2:
            g->data[at] = (unsigned char) tap_random(256);
            break;

        case 3:
            g->len--;
            memmove(g->data + at, g->data + at + 1, g->len - at);
            break;

        case 4:
            gen_put(g, " ", 1);
            memmove(g->data + at + 1, g->data + at, g->len - at - 1);
            break;

        default:
            g->len = tap_random(4) ? g->len : at;
        }
    }
}


/*
 * Jansson loses a zero byte right behind a number or literal: it looks at
 * the byte, puts it back, and takes it for the end of its buffer.  So what
 * it has accepted is the document without that byte, which we must accept.
 */

static int
oracle_lost_zeros(gen_t *g, int rc, size_t offset)
{
    while (rc != MLSEC_OK && offset > 0 && offset < g->len
           && g->data[offset] == 0 && isalnum(g->data[offset - 1]))
    {
        g->len--;
        memmove(g->data + offset, g->data + offset + 1, g->len - offset);

        rc = mlsec_json_scan((mlsec_str_t) { g->data, g->len },
                             MLSEC_JSON_MAX_DEPTH, NULL, &offset);
    }

    return rc == MLSEC_OK;
}


/*
 * Documents that we accept and Jansson does not: numbers that its types
 * cannot hold (we keep their bytes), and U+0000 in a key (its keys are C
 * strings).
 */

static int
oracle_excused(gen_t *g, int rc, size_t offset, const json_error_t *error)
{
    enum json_error_code  code;

    if (rc != MLSEC_OK) {
        return oracle_lost_zeros(g, rc, offset);
    }

    code = json_error_code(error);

    return code == json_error_numeric_overflow
           || code == json_error_null_byte_in_key;
}


static int
oracle_agrees(gen_t *g, size_t *accepted, size_t *excused)
{
    int           rc;
    json_t       *json;
    size_t        offset;
    json_error_t  error;

    rc = mlsec_json_scan((mlsec_str_t) { g->data, g->len },
                         MLSEC_JSON_MAX_DEPTH, NULL, &offset);

    json = json_loadb((const char *) g->data, g->len,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    json_decref(json);

    *accepted += rc == MLSEC_OK;

    if ((rc == MLSEC_OK) == (json != NULL)) {
        return 1;
    }

    if (oracle_excused(g, rc, offset, &error)) {
        (*excused)++;
        return 1;
    }

    tap_diag("%s at %zu, Jansson: %s at %d: \"%.*s\"",
             mlsec_json_strerror(rc), offset,
             json != NULL ? "no error" : error.text, error.position,
             (int) g->len, (const char *) g->data);

    return 0;
}


int
main(void)
{
    int          pass;
    gen_t        g;
    size_t       i, count, accepted, excused;
    const char  *env;

    env = getenv("COUNT");
    count = env != NULL ? strtoul(env, NULL, 10) : ORACLE_COUNT;

    tap_seed();
    memset(&g, 0, sizeof(gen_t));

    pass = 1;
    accepted = 0;
    excused = 0;

    for (i = 0; i < count && pass; i++) {
        g.len = 0;
        gen_value(&g, 1 + (unsigned) tap_random(5), 0);

        if (i % 4) {
            oracle_damage(&g);
        }

        pass = oracle_agrees(&g, &accepted, &excused);

    }

    free(g.data);

    tap_ok(pass, "the same verdict on %zu documents", i);
    tap_ok(accepted >= count / 4 && accepted < count * 9 / 10,
           "of both kinds");
    tap_diag("%zu accepted, %zu differences excused", accepted, excused);

    return tap_done();
}
