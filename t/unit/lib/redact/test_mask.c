/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/redact/mlsec_mask.h>
#include <time.h>


typedef size_t (*mask_pt)(unsigned char *text, size_t len);


typedef struct {
    const char           *text;
    const char           *masked;      /* NULL: as it was */
} mask_case_t;


static const mask_case_t  emails[] = {
    { "", NULL }, { "@", NULL }, { "a@", NULL }, { "@a.bc", NULL },
    { "bob@example.com", "b**@example.com" },
    { "b@example.com", "*@example.com" },
    { "<bob@example.com>", "<b**@example.com>" },
    { "to: a.b+c_d@mail.example.co.uk, x",
      "to: a******@mail.example.co.uk, x" },
    { "one@a.de two@b.org", "o**@a.de t**@b.org" },
    { "end bob@example.com.", "end b**@example.com." },
    { "bob@x.y", NULL }, { "bob@localhost", NULL }, { "bob@1.2.3.4", NULL },
    { "bob@.com", NULL }, { "bob@a..com", NULL },
    { "bob@a.com-", "b**@a.com-" },
    { "bob@@example.com", NULL }, { "bob @example.com", NULL },
    { "a@b@example.com", "a@*@example.com" },
    { "o'neil@example.com", "o*****@example.com" },
    { "\xc3\xa9ric@exemple.fr", "*****@exemple.fr" },
    { "bob@\xc3\xa9tat.example", "b**@\xc3\xa9tat.example" },
    { "bob@example.xn--p1ai", "b**@example.xn--p1ai" },
    { "(bob@example.com)", "(b**@example.com)" },
    { "\"bob\"@example.com", NULL },
    { "x,bob@a1.io;", "x,b**@a1.io;" }
};

static const mask_case_t  cards[] = {
    { "", NULL }, { "4111", NULL },
    { "4111111111111111", "************1111" },
    { "4111 1111 1111 1111", "**** **** **** 1111" },
    { "4111-1111-1111-1111", "****-****-****-1111" },
    { "pay 4111 1111 1111 1111 now", "pay **** **** **** 1111 now" },
    { "4111111111111112", NULL }, { "4111  1111 1111 1111", NULL },
    { "4111.1111.1111.1111", NULL },
    { "5555555555554444", "************4444" },
    { "2223003122003222", "************3222" },
    { "378282246310005", "***********0005" },
    { "3782 822463 10005", "**** ****** *0005" },
    { "30569309025904", "**********5904" },
    { "3530111333300000", "************0000" },
    { "6011111111111117", "************1117" },
    { "6212345678901232", "************1232" },
    { "4222222222222", "*********2222" },
    { "14111111111111111", NULL }, { "41111111111111111", NULL },
    { "4111 1111 1111 1111 123", "**** **** **** 1111 123" },
    { "12 4111 1111 1111 1111", "12 **** **** **** 1111" },
    { "0000000000000000", NULL }, { "1700000000000", NULL },
    { "id4111111111111111x", "id************1111x" },
    { "4111111111111111,5555555555554444",
      "************1111,************4444" },
    { "4111-1111 1111-1111", "****-**** ****-1111" },
    { "11111111111111111111111111111111111111114111111111111111", NULL }
};

static const mask_case_t  phones[] = {
    { "", NULL }, { "+", NULL }, { "(", NULL }, { "+49", NULL },
    { "+49 30 1234567", "+** ** *****67" },
    { "+493012345678", "+**********78" },
    { "+1 (555) 123-4567", "+* (***) ***-**67" },
    { "+44 20 7946 0958.", "+** ** **** **58." },
    { "tel:+33-1-23-45-67-89", "tel:+**-*-**-**-**-89" },
    { "0049 30 1234567", "**** ** *****67" },
    { "00493012345678", "************78" },
    { "+0 30 1234567", NULL }, { "0000000000000", NULL },
    { "555-223-4567", "***-***-**67" },
    { "(555) 223-4567", "(***) ***-**67" },
    { "555.223.4567", "***.***.**67" },
    { "1-555-223-4567", "*-***-***-**67" },
    { "555 223 4567 8", "*** *** **67 8" },
    { "155-223-4567", NULL }, { "555-123-4567", NULL },
    { "5552234567", NULL },
    { "030 1234567", "*** *****67" },
    { "0171/2345678", "****/*****78" },
    { "(030) 123 45 67", "(***) *** ** 67" },
    { "01.02.2025", NULL }, { "2025-01-09", NULL },
    { "2025-01-09T10:30:00.000000Z", NULL }, { "192.168.100.200", NULL },
    { "10.0.0.1", NULL }, { "3.14159265358979", NULL },
    { "v030 1234567", NULL }, { "030 1234567x", NULL },
    { "12345678901234567890", NULL }, { "+1234567890123456", NULL },
    { "+49 30 1234567 20250101", "+** ** *****67 20250101" },
    { "+4930123456789012345", NULL },
    { "call +49 30 1234567 or 555-223-4567",
      "call +** ** *****67 or ***-***-**67" },
    { "a+49 30 1234567", "a+** ** *****67" },
    { "job_030 1234567", NULL }
};


static void
test_cases(const mask_case_t *cases, size_t n, mask_pt mask)
{
    size_t          i, len;
    mlsec_str_t     got;
    unsigned char  *text;
    const char     *want;

    for (i = 0; i < n; i++) {
        len = strlen(cases[i].text);
        want = cases[i].masked ? cases[i].masked : cases[i].text;
        text = malloc(len + 1);
        memcpy(text, cases[i].text, len);

        tap_is(mask(text, len) != 0, cases[i].masked != NULL,
               cases[i].text);

        got.data = text;
        got.len = len;

        tap_is_str(got, tap_str(want), "text");
        free(text);
    }
}


/* Ten times the text is not much more than ten times the work. */

static void
test_linear(mask_pt mask, const char *piece)
{
    int             k;
    size_t          i, len, n;
    double          seconds[2];
    clock_t         start;
    unsigned char  *text;

    len = strlen(piece);

    for (k = 0; k < 2; k++) {
        n = k == 0 ? 100000 : 1000000;
        text = malloc(n + len);

        for (i = 0; i < n; i += len) {
            memcpy(text + i, piece, len);
        }

        start = clock();
        mask(text, n);
        seconds[k] = (double) (clock() - start) / CLOCKS_PER_SEC;
        free(text);
    }

    tap_ok(seconds[1] < 60 * seconds[0] + 0.2, "%s: linear (%g s, %g s)",
           piece, seconds[0], seconds[1]);
}


int
main(void)
{
    size_t  i;

    static const char *const  pieces[] = {
        "a", "@", "a@", "a@b.", "a.b-", "4", "4 ", "4111-", "+", "(", "+1",
        "+1 ", "0", "030 ", "00", "555 223 ", "(0) "
    };

    test_cases(emails, sizeof(emails) / sizeof(emails[0]), mlsec_mask_email);
    test_cases(cards, sizeof(cards) / sizeof(cards[0]), mlsec_mask_card);
    test_cases(phones, sizeof(phones) / sizeof(phones[0]), mlsec_mask_phone);

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        test_linear(mlsec_mask_email, pieces[i]);
        test_linear(mlsec_mask_card, pieces[i]);
        test_linear(mlsec_mask_phone, pieces[i]);
    }

    return tap_done();
}
