/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "tap.h"
#include <lib/mlsec_deadline.h>


typedef struct {
    const char  *text;
    long long    ms;
} deadline_case_t;


static const deadline_case_t  cases[] = {
    { "1", 1 },
    { "250", 250 },
    { "0250", 250 },
    { " 250\t", 250 },
    { "86400000", 86400000 },
    { "86400001", 0 },
    { "18446744073709551617", 0 },
    { "99999999999999999999999999999999999999999999999999", 0 },
    { "0", 0 },
    { "", 0 },
    { " \t ", 0 },
    { "-1", 0 },
    { "+1", 0 },
    { "1.5", 0 },
    { "1e3", 0 },
    { "250ms", 0 },
    { "2 50", 0 },
    { "250, 300", 0 },
    { "0x10", 0 }
};


int
main(void)
{
    size_t       i;
    mlsec_str_t  text;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text.data = (const unsigned char *) cases[i].text;
        text.len = strlen(cases[i].text);

        tap_is((long long) mlsec_deadline_parse(text), cases[i].ms,
               cases[i].text);
    }

    text.data = NULL;
    text.len = 0;
    tap_is((long long) mlsec_deadline_parse(text), 0, "no text");

    return tap_done();
}
