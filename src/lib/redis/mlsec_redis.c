/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/redis/mlsec_redis.h>
#include <lib/mlsec_text.h>
#include <string.h>


/*
 * Commands are written here and not by hiredis: its formatter allocates each
 * one, and takes arrays of pointers and of lengths that would have to be
 * allocated too.  So a call is one piece of memory of a known size that its
 * owner keeps.  The unit test compares the bytes with those of hiredis.
 */


typedef struct {
    const char           *word;
    mlsec_redis_error_e   error;
} mlsec_redis_word_t;


static mlsec_redis_error_e mlsec_redis_by(const mlsec_redis_word_t *table,
    mlsec_str_t text, unsigned whole);
static mlsec_redis_error_e mlsec_redis_of_script(mlsec_str_t text);
static size_t mlsec_redis_digits(size_t n);
static unsigned char *mlsec_redis_number(unsigned char *dst,
    unsigned char type, size_t n);


/* the first word of an error; a space or the end follows */

static const mlsec_redis_word_t  mlsec_redis_words[] = {
    { "NOAUTH", MLSEC_REDIS_AUTH },
    { "WRONGPASS", MLSEC_REDIS_AUTH },
    { "NOPERM", MLSEC_REDIS_DENIED },
    { "DENIED", MLSEC_REDIS_DENIED },            /* protected mode */
    { "LOADING", MLSEC_REDIS_LOADING },
    { "MASTERDOWN", MLSEC_REDIS_LOADING },
    { "READONLY", MLSEC_REDIS_READONLY },
    { "MISCONF", MLSEC_REDIS_READONLY },         /* cannot write to its disk */
    { "NOREPLICAS", MLSEC_REDIS_READONLY },
    { "OOM", MLSEC_REDIS_OOM },
    { "BUSY", MLSEC_REDIS_BUSY },                /* with a script */
    { "TRYAGAIN", MLSEC_REDIS_BUSY },
    { "MOVED", MLSEC_REDIS_CLUSTER },
    { "ASK", MLSEC_REDIS_CLUSTER },
    { "CLUSTERDOWN", MLSEC_REDIS_CLUSTER },
    { "CROSSSLOT", MLSEC_REDIS_CLUSTER },
    { "NOSCRIPT", MLSEC_REDIS_NOSCRIPT },
    { NULL, MLSEC_REDIS_REFUSED }
};


/* how errors without a word of their own begin */

static const mlsec_redis_word_t  mlsec_redis_phrases[] = {
    { "ERR invalid password", MLSEC_REDIS_AUTH },          /* before 6.0 */
    { "ERR Client sent AUTH, but no password", MLSEC_REDIS_AUTH },
    { "ERR AUTH <password> called without", MLSEC_REDIS_AUTH },
    { "ERR operation not permitted", MLSEC_REDIS_AUTH },
    { "ERR max number of clients", MLSEC_REDIS_BUSY },
    { "ERR The user executing the script", MLSEC_REDIS_DENIED },
    { "ERR ACL failure in script", MLSEC_REDIS_DENIED },
    { NULL, MLSEC_REDIS_REFUSED }
};


static const char *const  mlsec_redis_names[MLSEC_REDIS_ERRORS] = {
    [MLSEC_REDIS_OK] = "ok",
    [MLSEC_REDIS_UNAVAILABLE] = "unavailable",
    [MLSEC_REDIS_FULL] = "full",
    [MLSEC_REDIS_RESOLVE] = "resolve",
    [MLSEC_REDIS_CONNECT] = "connect",
    [MLSEC_REDIS_TLS] = "tls",
    [MLSEC_REDIS_TIMEOUT] = "timeout",
    [MLSEC_REDIS_CLOSED] = "closed",
    [MLSEC_REDIS_PROTOCOL] = "protocol",
    [MLSEC_REDIS_TOO_LARGE] = "too_large",
    [MLSEC_REDIS_NOMEM] = "no_memory",
    [MLSEC_REDIS_AUTH] = "auth",
    [MLSEC_REDIS_DENIED] = "denied",
    [MLSEC_REDIS_LOADING] = "loading",
    [MLSEC_REDIS_READONLY] = "readonly",
    [MLSEC_REDIS_OOM] = "oom",
    [MLSEC_REDIS_BUSY] = "busy",
    [MLSEC_REDIS_CLUSTER] = "cluster",
    [MLSEC_REDIS_NOSCRIPT] = "noscript",
    [MLSEC_REDIS_REFUSED] = "refused",
};


mlsec_redis_error_e
mlsec_redis_classify(const mlsec_redis_reply_t *reply)
{
    mlsec_redis_error_e  error;

    if (reply->type != MLSEC_REDIS_ERROR) {
        return MLSEC_REDIS_OK;
    }

    error = mlsec_redis_by(mlsec_redis_words, reply->str, 1);

    if (error == MLSEC_REDIS_REFUSED) {
        error = mlsec_redis_by(mlsec_redis_phrases, reply->str, 0);
    }

    if (error == MLSEC_REDIS_REFUSED) {
        error = mlsec_redis_of_script(reply->str);
    }

    return error;
}


static mlsec_redis_error_e
mlsec_redis_by(const mlsec_redis_word_t *table, mlsec_str_t text,
    unsigned whole)
{
    size_t  len;

    for (/* void */; table->word != NULL; table++) {
        len = strlen(table->word);

        if (text.len >= len && memcmp(text.data, table->word, len) == 0
            && (!whole || text.len == len || text.data[len] == ' '))
        {
            break;
        }
    }

    return table->error;
}


/*
 * Before 7.0 an error inside of a script comes wrapped:
 * "ERR Error running script (call to f_...): @user_script:1: @user_script: 1:
 * -READONLY You can't write against a read only replica."
 */

static mlsec_redis_error_e
mlsec_redis_of_script(mlsec_str_t text)
{
    size_t               i;
    mlsec_str_t          rest;
    mlsec_redis_error_e  error;

    static const char  begin[] = "ERR Error running script";

    if (text.len < sizeof(begin) - 1
        || memcmp(text.data, begin, sizeof(begin) - 1) != 0)
    {
        return MLSEC_REDIS_REFUSED;
    }

    for (i = sizeof(begin) - 1; text.len - i > 3; i++) {

        if (memcmp(text.data + i, ": -", 3) != 0) {
            continue;
        }

        rest.data = text.data + i + 3;
        rest.len = text.len - i - 3;

        error = mlsec_redis_by(mlsec_redis_words, rest, 1);

        /* a script of its own that called an unknown one is a bug */

        if (error != MLSEC_REDIS_REFUSED && error != MLSEC_REDIS_NOSCRIPT) {
            return error;
        }
    }

    return MLSEC_REDIS_REFUSED;
}


mlsec_redis_group_e
mlsec_redis_group(mlsec_redis_error_e error)
{
    switch (error) {

    case MLSEC_REDIS_OK:
        return MLSEC_REDIS_GOOD;

    case MLSEC_REDIS_NOSCRIPT:
    case MLSEC_REDIS_REFUSED:
        return MLSEC_REDIS_WRONG;

    default:
        return MLSEC_REDIS_DOWN;
    }
}


const char *
mlsec_redis_error_name(mlsec_redis_error_e error)
{
    return mlsec_redis_names[error];
}


size_t
mlsec_redis_command_head_len(size_t n)
{
    return 1 + mlsec_redis_digits(n) + 2;
}


size_t
mlsec_redis_command_arg_len(size_t len)
{
    return 1 + mlsec_redis_digits(len) + 2 + len + 2;
}


unsigned char *
mlsec_redis_command_head(unsigned char *dst, size_t n)
{
    return mlsec_redis_number(dst, '*', n);
}


unsigned char *
mlsec_redis_command_arg(unsigned char *dst, mlsec_str_t arg)
{
    dst = mlsec_redis_number(dst, '$', arg.len);

    if (arg.len != 0) {
        memcpy(dst, arg.data, arg.len);
        dst += arg.len;
    }

    *dst++ = '\r';
    *dst++ = '\n';

    return dst;
}


static unsigned char *
mlsec_redis_number(unsigned char *dst, unsigned char type, size_t n)
{
    *dst++ = type;
    dst = mlsec_text_u64(dst, n);
    *dst++ = '\r';
    *dst++ = '\n';

    return dst;
}


static size_t
mlsec_redis_digits(size_t n)
{
    size_t  digits;

    for (digits = 1; n >= 10; digits++) {
        n /= 10;
    }

    return digits;
}


unsigned char *
mlsec_redis_key_part(unsigned char *dst, mlsec_str_t part)
{
    size_t         i;
    unsigned char  c;

    static const char  hex[] = "0123456789ABCDEF";

    for (i = 0; i < part.len; i++) {
        c = part.data[i];

        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            || c == '_' || c == '-' || c == '.' || c == '@')
        {
            *dst++ = c;

        } else {
            *dst++ = '%';
            *dst++ = (unsigned char) hex[c >> 4];
            *dst++ = (unsigned char) hex[c & 15];
        }
    }

    return dst;
}
