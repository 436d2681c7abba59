/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/aggregate/mlsec_cache_merge.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>


#define MLSEC_CACHE_AGE_MAX  2147483648u     /* RFC 9111, 1.2.2 */


static void mlsec_cache_merge_directive(mlsec_cache_merge_t *m,
    mlsec_str_t name, mlsec_str_t arg, unsigned *seen);
static uint64_t mlsec_cache_merge_age(mlsec_str_t arg);
static mlsec_str_t mlsec_cache_merge_trim(const unsigned char *p,
    const unsigned char *end);
static int mlsec_cache_merge_is(mlsec_str_t name, const char *word);


/* bits of the permissions that one part has given */

#define MLSEC_CACHE_PUBLIC    1
#define MLSEC_CACHE_MAX_AGE   2
#define MLSEC_CACHE_S_MAXAGE  4


void
mlsec_cache_merge_init(mlsec_cache_merge_t *m)
{
    memset(m, 0, sizeof(mlsec_cache_merge_t));

    m->max_age = MLSEC_CACHE_AGE_MAX;
    m->s_maxage = MLSEC_CACHE_AGE_MAX;
}


void
mlsec_cache_merge_add(mlsec_cache_merge_t *m, mlsec_str_t value)
{
    int                   quoted;
    unsigned              seen;
    mlsec_str_t           name, arg;
    const unsigned char  *p, *end, *start, *eq;

    m->parts++;

    if (value.len == 0) {
        return;
    }

    m->with_header++;

    seen = 0;
    p = value.data;
    end = p + value.len;

    while (p < end) {
        start = p;
        eq = NULL;
        quoted = 0;

        for ( /* void */ ; p < end && (quoted || *p != ','); p++) {

            if (*p == '"') {
                quoted = !quoted;

            } else if (*p == '\\' && quoted && p + 1 < end) {
                p++;

            } else if (*p == '=' && eq == NULL) {
                eq = p;
            }
        }

        name = mlsec_cache_merge_trim(start, eq ? eq : p);
        arg = mlsec_cache_merge_trim(eq ? eq + 1 : p, p);

        mlsec_cache_merge_directive(m, name, arg, &seen);

        p++;
    }

    m->with_public += (seen & MLSEC_CACHE_PUBLIC) != 0;
    m->with_max_age += (seen & MLSEC_CACHE_MAX_AGE) != 0;
    m->with_s_maxage += (seen & MLSEC_CACHE_S_MAXAGE) != 0;
}


size_t
mlsec_cache_merge_write(const mlsec_cache_merge_t *m, unsigned char *dst)
{
    int   n;
    char  text[MLSEC_CACHE_MERGE_LEN];

    if (m->with_header == 0) {
        return 0;
    }

    if (m->no_store) {
        n = snprintf(text, sizeof(text), ", no-store");

    } else {
        n = snprintf(text, sizeof(text), "%s%s%s",
                     m->no_cache ? ", no-cache" : "",
                     m->is_private ? ", private"
                     : (m->with_public == m->parts) ? ", public" : "",
                     m->must_revalidate ? ", must-revalidate" : "");

        if (m->with_max_age == m->parts) {
            n += snprintf(text + n, sizeof(text) - (size_t) n,
                          ", max-age=%llu", (unsigned long long) m->max_age);
        }

        if (m->with_s_maxage == m->parts && !m->is_private) {
            n += snprintf(text + n, sizeof(text) - (size_t) n,
                          ", s-maxage=%llu", (unsigned long long) m->s_maxage);
        }
    }

    if (n == 0) {
        return 0;
    }

    memcpy(dst, text + 2, (size_t) n - 2);

    return (size_t) n - 2;
}


static void
mlsec_cache_merge_directive(mlsec_cache_merge_t *m, mlsec_str_t name,
    mlsec_str_t arg, unsigned *seen)
{
    uint64_t  age;

    if (mlsec_cache_merge_is(name, "no-store")) {
        m->no_store = 1;

    } else if (mlsec_cache_merge_is(name, "no-cache")) {
        m->no_cache = 1;

    } else if (mlsec_cache_merge_is(name, "private")) {
        m->is_private = 1;

    } else if (mlsec_cache_merge_is(name, "must-revalidate")
               || mlsec_cache_merge_is(name, "proxy-revalidate"))
    {
        m->must_revalidate = 1;

    } else if (mlsec_cache_merge_is(name, "public")) {
        *seen |= MLSEC_CACHE_PUBLIC;

    } else if (mlsec_cache_merge_is(name, "max-age")) {
        *seen |= MLSEC_CACHE_MAX_AGE;
        age = mlsec_cache_merge_age(arg);
        m->max_age = (age < m->max_age) ? age : m->max_age;

    } else if (mlsec_cache_merge_is(name, "s-maxage")) {
        *seen |= MLSEC_CACHE_S_MAXAGE;
        age = mlsec_cache_merge_age(arg);
        m->s_maxage = (age < m->s_maxage) ? age : m->s_maxage;
    }
}


static uint64_t
mlsec_cache_merge_age(mlsec_str_t arg)
{
    size_t    i;
    uint64_t  age;

    if (arg.len >= 2 && arg.data[0] == '"' && arg.data[arg.len - 1] == '"') {
        arg.data++;
        arg.len -= 2;
    }

    age = 0;

    for (i = 0; i < arg.len; i++) {

        if (arg.data[i] < '0' || arg.data[i] > '9') {
            return 0;
        }

        age = age * 10 + (uint64_t) (arg.data[i] - '0');

        if (age > MLSEC_CACHE_AGE_MAX) {
            age = MLSEC_CACHE_AGE_MAX;
        }
    }

    return age;
}


static mlsec_str_t
mlsec_cache_merge_trim(const unsigned char *p, const unsigned char *end)
{
    mlsec_str_t  s;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < end && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    s.data = p;
    s.len = (size_t) (end - p);

    return s;
}


static int
mlsec_cache_merge_is(mlsec_str_t name, const char *word)
{
    return name.len == strlen(word)
           && strncasecmp((const char *) name.data, word, name.len) == 0;
}
