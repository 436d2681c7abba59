/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/edge/mlsec_path.h>


typedef struct {
    const char    *raw;
    const char    *plain;              /* NULL: the same */
    mlsec_path_e   verdict;
} path_case_t;


static const path_case_t  cases[] = {

    /* what is one thing to everybody */

    { "/", NULL, MLSEC_PATH_OK },
    { "/models", NULL, MLSEC_PATH_OK },
    { "/models/", NULL, MLSEC_PATH_OK },
    { "/a.b/...", NULL, MLSEC_PATH_OK },
    { "/.git/x", NULL, MLSEC_PATH_OK },
    { "/..x/.x/x..", NULL, MLSEC_PATH_OK },
    { "/a%20b", "/a b", MLSEC_PATH_OK },
    { "/100%25", "/100%", MLSEC_PATH_OK },
    { "/100%25/x", "/100%/x", MLSEC_PATH_OK },
    { "/%25z1", "/%z1", MLSEC_PATH_OK },
    { "/%7Ea%2D%5f", "/~a-_", MLSEC_PATH_OK },
    { "/%3F%23", "/?#", MLSEC_PATH_OK },
    { "/%C3%A9", "/\xc3\xa9", MLSEC_PATH_OK },
    { "/\xc3\xa9", NULL, MLSEC_PATH_OK },
    { "/%c3\xa9", "/\xc3\xa9", MLSEC_PATH_OK },
    { "/\xf0\x9f\x98\x80", NULL, MLSEC_PATH_OK },

    /* what is not */

    { "", NULL, MLSEC_PATH_NO_SLASH },
    { "*", NULL, MLSEC_PATH_NO_SLASH },
    { "a/b", NULL, MLSEC_PATH_NO_SLASH },
    { "/%", NULL, MLSEC_PATH_ESCAPE },
    { "/%4", NULL, MLSEC_PATH_ESCAPE },
    { "/%zz", NULL, MLSEC_PATH_ESCAPE },
    { "/%4g", NULL, MLSEC_PATH_ESCAPE },
    { "/%00", NULL, MLSEC_PATH_CONTROL },
    { "/%0d%0a", "/\r\n", MLSEC_PATH_CONTROL },
    { "/%1F", "/\x1f", MLSEC_PATH_CONTROL },
    { "/%7f", "/\x7f", MLSEC_PATH_CONTROL },
    { "/a b", NULL, MLSEC_PATH_CONTROL },
    { "/a\tb", NULL, MLSEC_PATH_CONTROL },
    { "/a\x7f", NULL, MLSEC_PATH_CONTROL },
    { "/a%2fb", "/a/b", MLSEC_PATH_SEPARATOR },
    { "/a%2Fb", "/a/b", MLSEC_PATH_SEPARATOR },
    { "/a%5cb", "/a\\b", MLSEC_PATH_SEPARATOR },
    { "/a\\b", NULL, MLSEC_PATH_SEPARATOR },
    { "\\a", NULL, MLSEC_PATH_NO_SLASH },
    { "//", "/", MLSEC_PATH_EMPTY },
    { "//a", "/a", MLSEC_PATH_EMPTY },
    { "/a//b", "/a/b", MLSEC_PATH_EMPTY },
    { "/a//", "/a/", MLSEC_PATH_EMPTY },
    { "/.", "/", MLSEC_PATH_DOTS },
    { "/..", "/", MLSEC_PATH_DOTS },
    { "/a/./b", "/a/b", MLSEC_PATH_DOTS },
    { "/a/../b", "/b", MLSEC_PATH_DOTS },
    { "/a/b/..", "/a/", MLSEC_PATH_DOTS },
    { "/%2e", "/", MLSEC_PATH_DOTS },
    { "/a/%2E%2e/b", "/b", MLSEC_PATH_DOTS },
    { "/a/.%2e/b", "/b", MLSEC_PATH_DOTS },
    { "/a%2eb", "/a.b", MLSEC_PATH_DOTS },
    { "/a;x=1/b", NULL, MLSEC_PATH_PARAMETER },
    { "/a/..;/b", NULL, MLSEC_PATH_PARAMETER },
    { "/a%3bb", "/a;b", MLSEC_PATH_PARAMETER },
    { "/a#b", "/a", MLSEC_PATH_FRAGMENT },
    { "/a%252fb", "/a%2fb", MLSEC_PATH_TWICE },
    { "/%252e%252e/b", "/%2e%2e/b", MLSEC_PATH_TWICE },
    { "/%25FF", "/%FF", MLSEC_PATH_TWICE },
    { "/%61dmin", "/admin", MLSEC_PATH_NEEDLESS },
    { "/a%44min", "/aDmin", MLSEC_PATH_NEEDLESS },
    { "/%30", "/0", MLSEC_PATH_NEEDLESS },
    { "/%ff", "/\xff", MLSEC_PATH_UTF8 },
    { "/\xff", NULL, MLSEC_PATH_UTF8 },
    { "/%c0%af", "/\xc0\xaf", MLSEC_PATH_UTF8 },
    { "/%e0%80%af", "/\xe0\x80\xaf", MLSEC_PATH_UTF8 },
    { "/%ed%a0%80", "/\xed\xa0\x80", MLSEC_PATH_UTF8 },
    { "/%f4%90%80%80", "/\xf4\x90\x80\x80", MLSEC_PATH_UTF8 },
    { "/%f5%80%80%80", "/\xf5\x80\x80\x80", MLSEC_PATH_UTF8 },
    { "/%c3", "/\xc3", MLSEC_PATH_UTF8 },
    { "/%c3/a", "/\xc3/a", MLSEC_PATH_UTF8 },
    { "/%80", "/\x80", MLSEC_PATH_UTF8 },

    /* decided about something else */

    { "/a", "/b", MLSEC_PATH_OTHER },
    { "/a", "/ab", MLSEC_PATH_OTHER },
    { "/ab", "/a", MLSEC_PATH_OTHER },
    { "/a%20b", "/a%20b", MLSEC_PATH_OTHER }
};


int
main(void)
{
    size_t         i;
    mlsec_str_t    raw, plain;
    mlsec_path_e   got;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        raw = tap_str(cases[i].raw);
        plain = tap_str(cases[i].plain ? cases[i].plain : cases[i].raw);
        got = mlsec_path_check(raw, plain);

        if (!tap_ok(got == cases[i].verdict, "%s", cases[i].raw)) {
            tap_diag("%s", mlsec_path_text(got));
        }
    }

    for (i = 0; i <= MLSEC_PATH_OTHER; i++) {
        tap_ok(mlsec_path_text((mlsec_path_e) i)[0] != '\0', "text %d",
               (int) i);
    }

    return tap_done();
}
