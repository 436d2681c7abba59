/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * No regular expressions: each start is looked at once, and from it no
 * further than such data is long.
 */


#include <lib/redact/mlsec_mask.h>
#include <lib/json/mlsec_json_inline.h>


#define MLSEC_MASK_CARD    19          /* digits at most */
#define MLSEC_MASK_PHONE   15          /* digits at most, after the prefix */
#define MLSEC_MASK_GROUPS  8


/* digits with separators: what a telephone number might be */

typedef struct {
    unsigned              ngroups;
    unsigned              digits;      /* of all groups */
    unsigned              len[MLSEC_MASK_GROUPS];    /* digits of a group */
    size_t                start[MLSEC_MASK_GROUPS];  /* offsets */
    size_t                end[MLSEC_MASK_GROUPS];
} mlsec_mask_groups_t;


static int mlsec_mask_is_letter(unsigned char c);
static int mlsec_mask_is_local(unsigned char c);
static int mlsec_mask_has_domain(const unsigned char *p,
    const unsigned char *end);
static size_t mlsec_mask_card_at(const unsigned char *p, size_t len);
static int mlsec_mask_is_card(const unsigned char *digits, unsigned n);
static int mlsec_mask_phone_begins(unsigned char before, unsigned char c);
static size_t mlsec_mask_phone_at(const unsigned char *p, size_t len);
static void mlsec_mask_groups(mlsec_mask_groups_t *g, const unsigned char *p,
    size_t len, unsigned max);
static size_t mlsec_mask_separators(const unsigned char *p, size_t len);
static size_t mlsec_mask_north_american(const mlsec_mask_groups_t *g,
    const unsigned char *p);
static size_t mlsec_mask_national(const mlsec_mask_groups_t *g,
    const unsigned char *p);
static size_t mlsec_mask_skip_digits(const unsigned char *text, size_t i,
    size_t len);
static void mlsec_mask_digits(unsigned char *p, size_t len, unsigned keep);


size_t
mlsec_mask_email(unsigned char *text, size_t len)
{
    size_t          n;
    unsigned char  *at, *from, *local, *end;

    n = 0;

    if (len == 0) {
        return 0;
    }

    end = text + len;

    for (from = text; from != end; from = at + 1) {

        at = memchr(from, '@', (size_t) (end - from));

        if (at == NULL) {
            break;
        }

        /* an "@" is no part of a name: nothing is looked at twice */

        for (local = at; local != from && mlsec_mask_is_local(local[-1]);
             local--)
        {
            /* void */
        }

        if (local == at || !mlsec_mask_has_domain(at + 1, end)) {
            continue;
        }

        n++;

        if (at - local > 1 && *local < 0x80) {
            local++;
        }

        memset(local, '*', (size_t) (at - local));
    }

    return n;
}


static int
mlsec_mask_is_letter(unsigned char c)
{
    return (unsigned char) ((c | 0x20) - 'a') < 26;
}


/* RFC 5322, 3.2.3: atext and the dot; RFC 6531: UTF-8 too */

static int
mlsec_mask_is_local(unsigned char c)
{
    return mlsec_mask_is_letter(c) || mlsec_json_is_digit(c) || c >= 0x80
           || (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c) != NULL);
}


/* Labels with dots, one of them, behind a dot, as a top-level domain is. */

static int
mlsec_mask_has_domain(const unsigned char *p, const unsigned char *end)
{
    size_t                len;
    unsigned              dots;
    const unsigned char  *label;

    dots = 0;

    for (label = p; /* void */ ; p++) {

        if (p != end
            && (mlsec_mask_is_letter(*p) || mlsec_json_is_digit(*p)
                || *p == '-' || *p >= 0x80))
        {
            continue;
        }

        len = (size_t) (p - label);

        if (len == 0) {
            return 0;
        }

        if (dots != 0 && len >= 2 && !mlsec_json_is_digit(*label)) {
            return 1;
        }

        if (p == end || *p != '.') {
            return 0;
        }

        dots++;
        label = p + 1;
    }
}


size_t
mlsec_mask_card(unsigned char *text, size_t len)
{
    size_t  i, n, card;

    n = 0;

    for (i = 0; i < len; /* void */ ) {

        if (!mlsec_json_is_digit(text[i])) {
            i++;
            continue;
        }

        card = mlsec_mask_card_at(text + i, len - i);

        if (card == 0) {
            i = mlsec_mask_skip_digits(text, i, len);
            continue;
        }

        mlsec_mask_digits(text + i, card, 4);
        i += card;
        n++;
    }

    return n;
}


/*
 * p: the first digit of a group.  Returns the length of the longest card
 * that begins here and ends with a group, 0 if there is none.
 */

static size_t
mlsec_mask_card_at(const unsigned char *p, size_t len)
{
    size_t         i, found;
    unsigned       n;
    unsigned char  digits[MLSEC_MASK_CARD];

    found = 0;
    n = 0;

    for (i = 0; i < len; i++) {

        if (mlsec_json_is_digit(p[i])) {

            if (n == MLSEC_MASK_CARD) {
                break;
            }

            digits[n++] = (unsigned char) (p[i] - '0');

            if ((i + 1 == len || !mlsec_json_is_digit(p[i + 1]))
                && mlsec_mask_is_card(digits, n))
            {
                found = i + 1;
            }

            continue;
        }

        if ((p[i] != ' ' && p[i] != '-')
            || !mlsec_json_is_digit(p[i - 1]))
        {
            break;
        }
    }

    return found;
}


static int
mlsec_mask_is_card(const unsigned char *digits, unsigned n)
{
    int       fits;
    unsigned  i, digit, sum;

    switch (digits[0]) {

    case 2:
    case 5:
        fits = n == 16;
        break;

    case 3:
        fits = n >= 14 && n <= 16;
        break;

    case 4:
        fits = n == 13 || n == 16 || n == 19;
        break;

    case 6:
        fits = n >= 16;
        break;

    default:
        fits = 0;
    }

    if (!fits) {
        return 0;
    }

    sum = 0;

    for (i = 0; i < n; i++) {
        digit = digits[n - 1 - i];

        if (i & 1) {
            digit *= 2;
            digit -= (digit > 9) ? 9 : 0;
        }

        sum += digit;
    }

    return sum % 10 == 0;
}


size_t
mlsec_mask_phone(unsigned char *text, size_t len)
{
    size_t         i, n, phone;
    unsigned char  before;

    n = 0;
    before = ' ';

    for (i = 0; i < len; /* void */ ) {

        phone = 0;

        if (mlsec_mask_phone_begins(before, text[i])) {
            phone = mlsec_mask_phone_at(text + i, len - i);
        }

        if (phone != 0) {
            mlsec_mask_digits(text + i, phone, 2);
            i += phone;
            n++;

        } else if (mlsec_json_is_digit(text[i])) {
            i = mlsec_mask_skip_digits(text, i, len);

        } else {
            i++;
        }

        before = text[i - 1];
    }

    return n;
}


/* In the middle of a word, a number or an address none begins. */

static int
mlsec_mask_phone_begins(unsigned char before, unsigned char c)
{
    if (mlsec_json_is_digit(before) || before == '+') {
        return 0;
    }

    if (c == '+') {
        return 1;
    }

    return (mlsec_json_is_digit(c) || c == '(')
           && !mlsec_mask_is_letter(before) && before != '_'
           && before != '.';
}


/* Returns the length of the number that begins here, 0 if there is none. */

static size_t
mlsec_mask_phone_at(const unsigned char *p, size_t len)
{
    size_t               end, prefix;
    mlsec_mask_groups_t  g;

    prefix = (*p == '+') ? 1 : (len > 2 && p[0] == '0' && p[1] == '0') ? 2 : 0;

    if (prefix == 0) {
        mlsec_mask_groups(&g, p, len, MLSEC_MASK_PHONE);

        end = mlsec_mask_north_american(&g, p);

        return (end != 0) ? end : mlsec_mask_national(&g, p);
    }

    /* "+49 30", "0049 30", "+(49) 30" */

    mlsec_mask_groups(&g, p + prefix, len - prefix, MLSEC_MASK_PHONE);

    if (g.ngroups == 0 || g.digits < 7 || p[prefix + g.start[0]] == '0') {
        return 0;
    }

    return prefix + g.end[g.ngroups - 1];
}


/*
 * Reads groups of digits; the last one ends where another digit or letter
 * would not make it longer, and all together have at most max digits.
 */

static void
mlsec_mask_groups(mlsec_mask_groups_t *g, const unsigned char *p, size_t len,
    unsigned max)
{
    size_t  i, start;

    g->ngroups = 0;
    g->digits = 0;
    i = 0;

    while (g->ngroups < MLSEC_MASK_GROUPS) {

        i += mlsec_mask_separators(p + i, len - i);
        start = i;

        while (i < len && mlsec_json_is_digit(p[i]) && i - start <= max) {
            i++;
        }

        if (i == start || g->digits + (i - start) > max
            || (i < len && (mlsec_mask_is_letter(p[i]) || p[i] == '_')))
        {
            return;
        }

        g->start[g->ngroups] = start;
        g->end[g->ngroups] = i;
        g->len[g->ngroups] = (unsigned) (i - start);
        g->digits += (unsigned) (i - start);
        g->ngroups++;
    }
}


/* Returns how many bytes stand between two groups: ") ", " (", "-", none. */

static size_t
mlsec_mask_separators(const unsigned char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len && i < 2; i++) {

        if (p[i] == '\0' || strchr(" -./()", p[i]) == NULL) {
            break;
        }
    }

    return i;
}


/* 3-3-4, perhaps with a 1 in front (NANP: no group of three below 200) */

static size_t
mlsec_mask_north_american(const mlsec_mask_groups_t *g,
    const unsigned char *p)
{
    unsigned  i;

    i = (g->ngroups > 0 && g->len[0] == 1 && p[g->start[0]] == '1') ? 1 : 0;

    if (g->ngroups < i + 3
        || g->len[i] != 3 || g->len[i + 1] != 3 || g->len[i + 2] != 4
        || p[g->start[i]] < '2' || p[g->start[i + 1]] < '2')
    {
        return 0;
    }

    return g->end[i + 2];
}


/*
 * 0, an area code of three to five digits with it, and more: not a date, which
 * begins with two digits or with four that are not 0.
 */

static size_t
mlsec_mask_national(const mlsec_mask_groups_t *g, const unsigned char *p)
{
    if (g->ngroups < 2
        || g->len[0] < 3 || g->len[0] > 5
        || p[g->start[0]] != '0' || p[g->start[0] + 1] == '0'
        || p[g->end[0]] == '.'
        || g->digits < 8 || g->digits > 13)
    {
        return 0;
    }

    return g->end[g->ngroups - 1];
}


static size_t
mlsec_mask_skip_digits(const unsigned char *text, size_t i, size_t len)
{
    while (i < len && mlsec_json_is_digit(text[i])) {
        i++;
    }

    return i;
}


/* Covers the digits but for the last ones. */

static void
mlsec_mask_digits(unsigned char *p, size_t len, unsigned keep)
{
    size_t  i;

    for (i = len; i != 0; i--) {

        if (!mlsec_json_is_digit(p[i - 1])) {
            continue;
        }

        if (keep != 0) {
            keep--;
            continue;
        }

        p[i - 1] = '*';
    }
}
