/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The scanner gives the right verdict even where the index declines or lists
 * too much, only slowly.  So the index is held against a lexer that looks at
 * each byte, on documents that it has no reason to decline.
 */


#include "../gen.h"
#include <lib/json/mlsec_json_index.h>
#include <lib/json/mlsec_json_inline.h>


/* Lists tokens, writes the count to *n. */

static void
index_tokens(size_t *tokens, size_t *n, mlsec_str_t text)
{
    int       in_string;
    size_t    i;
    unsigned  class, before;

    *n = 0;
    in_string = 0;
    before = MLSEC_CLASS_SPACE;

    for (i = 0; i < text.len; i++) {

        if (in_string) {
            in_string = text.data[i] != '"';
            i += text.data[i] == '\\';
            continue;
        }

        class = mlsec_json_class[text.data[i]];
        in_string = class == MLSEC_CLASS_QUOTE;

        if (class > MLSEC_CLASS_SPACE
            || (class == MLSEC_CLASS_SCALAR && before != MLSEC_CLASS_SCALAR))
        {
            tokens[(*n)++] = i;
        }

        before = class;
    }
}


static int
index_agrees(mlsec_str_t text)
{
    size_t              i, n, seen, done, *tokens;
    mlsec_json_index_t  ix;

    tokens = malloc((text.len + 1) * sizeof(size_t));

    if (tokens == NULL) {
        abort();
    }

    index_tokens(tokens, &n, text);

    ix.limit = text.data + text.len;
    ix.in_string = 0;
    seen = 0;

    for (done = 0; done < text.len; done += ix.consumed) {
        ix.start = text.data + done;

        if (mlsec_json_index(&ix) != MLSEC_OK || ix.consumed == 0
            || seen + ix.ntokens > n)
        {
            break;
        }

        for (i = 0; i < ix.ntokens; i++, seen++) {

            if (tokens[seen] != done + ix.tokens[i]) {
                tap_diag("token %zu at %zu, not %zu", seen,
                         done + ix.tokens[i], tokens[seen]);
                free(tokens);
                return 0;
            }
        }
    }

    free(tokens);

    if (done != text.len || seen != n || ix.in_string) {
        tap_diag("stopped at %zu of %zu, %zu of %zu tokens", done, text.len,
                 seen, n);
        return 0;
    }

    return 1;
}


/* Each piece at each place of a block, and around the edge of a window. */

static void
test_edges(void)
{
    int     pass;
    gen_t   g;
    size_t  i, k, n;

    static const char *const  pieces[] = {
        "12345678", "true", "\"\"", "\"\\\"\"", "\"\\\\\"", "\"\\\\\\\"\"",
        "\"\\ud83d\\ude00\"", "\"\\u0041\"", "\"\xc3\xa9\"",
        "\"\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\"", "{}", "[1,\"a\"]",
        "{\"a\":{\"\\n\":[]}}", "[\n1\n,\n2\n]"
    };

    memset(&g, 0, sizeof(gen_t));

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        pass = 1;

        for (n = 0; n < MLSEC_JSON_WINDOW + 70 && pass; n++) {
            g.len = 0;

            /* short strings at the start of each block, then the piece */

            gen_text(&g, "[");

            for (k = 0; k < n / 64; k++) {
                gen_text(&g, "\"\",\"a\",0                              "
                             "                       ,");
            }

            for (k = 0; k < n % 64; k++) {
                gen_text(&g, " ");
            }

            gen_text(&g, pieces[i]);
            gen_text(&g, ",\"some text behind it\", null ]");

            pass = index_agrees((mlsec_str_t) { g.data, g.len });
        }

        tap_ok(pass, "%s", pieces[i]);
    }

    free(g.data);
}


static void
test_random(void)
{
    int    i, pass;
    gen_t  g;

    tap_seed();
    memset(&g, 0, sizeof(gen_t));
    pass = 1;

    for (i = 0; i < 10000 && pass; i++) {
        g.len = 0;
        gen_value(&g, 8, '[');
        pass = index_agrees((mlsec_str_t) { g.data, g.len });

        if (!pass) {
            tap_diag("%.*s", (int) g.len, (const char *) g.data);
        }
    }

    free(g.data);
    tap_ok(pass, "random documents");
}


static void
test_declined(void)
{
    size_t              i;
    mlsec_str_t         text;
    mlsec_json_index_t  ix;

    static const char *const  texts[] = {
        "[\"a\nb\"]", "[\"a\tb\"]", "[\f]", "[\xc3\xa9]", "[\"\xff\", 0, 0]",
        "[\"\\x\"]", "[\"\\ud83d\", 1000]", "[\"\\ude00\"]", "[\"\\u00g0\"]"
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        text = tap_str(texts[i]);
        ix.start = text.data;
        ix.limit = text.data + text.len;
        ix.in_string = 0;

        tap_is(mlsec_json_index(&ix), MLSEC_DECLINED, "declined");
    }
}


int
main(void)
{
    test_edges();
    test_random();
    test_declined();

    return tap_done();
}
