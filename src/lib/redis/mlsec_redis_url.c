/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/redis/mlsec_redis_url.h>
#include <string.h>


typedef struct {
    const char           *scheme;
    size_t                len;
    unsigned              tls;
    unsigned              path;      /* what follows names a socket */
    unsigned              plain;     /* as nginx writes it */
} mlsec_redis_scheme_t;


static const mlsec_redis_scheme_t *mlsec_redis_url_scheme(mlsec_str_t text);
static int mlsec_redis_url_user(mlsec_str_t *text, const mlsec_mem_t *mem,
    mlsec_redis_url_t *url, const char **what);
static int mlsec_redis_url_decode(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_str_t *value);
static int mlsec_redis_url_hex(unsigned char c);
static int mlsec_redis_url_host(mlsec_str_t text, mlsec_redis_url_t *url,
    const char **what);
static int mlsec_redis_url_ipv6(mlsec_str_t *text, mlsec_redis_url_t *url);
static int mlsec_redis_url_name(mlsec_str_t host);
static int mlsec_redis_url_path(mlsec_str_t text, unsigned plain,
    mlsec_redis_url_t *url, const char **what);
static int mlsec_redis_url_number(mlsec_str_t text, unsigned max,
    unsigned *value);
static mlsec_str_t mlsec_redis_url_cut(mlsec_str_t *text, size_t n);
static const unsigned char *mlsec_redis_url_last(mlsec_str_t text, int c);


/* longer ones first: one is the beginning of another */

static const mlsec_redis_scheme_t  mlsec_redis_schemes[] = {
    { "redis://", 8, 0, 0, 0 },
    { "rediss://", 9, 1, 0, 0 },
    { "redis+unix://", 13, 0, 1, 0 },
    { "unix://", 7, 0, 1, 0 },
    { "unix:", 5, 0, 1, 1 },
    { NULL, 0, 0, 0, 0 }
};


int
mlsec_redis_url(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_redis_url_t *url, const char **what)
{
    int                          rc;
    const mlsec_redis_scheme_t  *scheme;

    memset(url, 0, sizeof(mlsec_redis_url_t));

    scheme = mlsec_redis_url_scheme(text);

    if (scheme == NULL) {
        *what = "scheme";
        return MLSEC_INVALID;
    }

    (void) mlsec_redis_url_cut(&text, scheme->len);

    url->tls = scheme->tls;

    if (!scheme->plain) {
        rc = mlsec_redis_url_user(&text, mem, url, what);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    return scheme->path
           ? mlsec_redis_url_path(text, scheme->plain, url, what)
           : mlsec_redis_url_host(text, url, what);
}


static const mlsec_redis_scheme_t *
mlsec_redis_url_scheme(mlsec_str_t text)
{
    const mlsec_redis_scheme_t  *s;

    for (s = mlsec_redis_schemes; s->scheme != NULL; s++) {

        if (text.len >= s->len && memcmp(text.data, s->scheme, s->len) == 0) {
            return s;
        }
    }

    return NULL;
}


/*
 * [[user]:password@], or user@.  A "@" of a password may stand as it is: the
 * last one counts; none can stand in a host.
 */

static int
mlsec_redis_url_user(mlsec_str_t *text, const mlsec_mem_t *mem,
    mlsec_redis_url_t *url, const char **what)
{
    int                   rc;
    mlsec_str_t           user;
    const unsigned char  *p;

    p = mlsec_redis_url_last(*text, '@');

    if (p == NULL) {
        return MLSEC_OK;
    }

    user = mlsec_redis_url_cut(text, (size_t) (p - text->data));
    (void) mlsec_redis_url_cut(text, 1);

    p = user.len ? memchr(user.data, ':', user.len) : NULL;

    if (p != NULL) {
        url->user = mlsec_redis_url_cut(&user, (size_t) (p - user.data));
        (void) mlsec_redis_url_cut(&user, 1);

        rc = mlsec_redis_url_decode(user, mem, &url->password);

        if (rc != MLSEC_OK) {
            *what = "password";
            return rc;
        }

    } else {
        url->user = user;
    }

    rc = mlsec_redis_url_decode(url->user, mem, &url->user);

    if (rc != MLSEC_OK) {
        *what = "user";
    }

    return rc;
}


static int
mlsec_redis_url_decode(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_str_t *value)
{
    int             high, low;
    size_t          i;
    unsigned char  *p;

    if (text.len == 0 || memchr(text.data, '%', text.len) == NULL) {
        *value = text;
        return MLSEC_OK;
    }

    p = mem->alloc(mem->ctx, text.len);

    if (p == NULL) {
        return MLSEC_NOMEM;
    }

    value->data = p;

    for (i = 0; i < text.len; i++) {

        if (text.data[i] != '%') {
            *p++ = text.data[i];
            continue;
        }

        if (text.len - i < 3) {
            return MLSEC_INVALID;
        }

        high = mlsec_redis_url_hex(text.data[i + 1]);
        low = mlsec_redis_url_hex(text.data[i + 2]);

        if (high < 0 || low < 0) {
            return MLSEC_INVALID;
        }

        *p++ = (unsigned char) (high * 16 + low);
        i += 2;
    }

    value->len = (size_t) (p - value->data);

    return MLSEC_OK;
}


static int
mlsec_redis_url_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* host[:port][/db] */

static int
mlsec_redis_url_host(mlsec_str_t text, mlsec_redis_url_t *url,
    const char **what)
{
    mlsec_str_t           db, port;
    const unsigned char  *p;

    db.len = 0;
    p = text.len ? memchr(text.data, '/', text.len) : NULL;

    if (p != NULL) {
        db = text;
        text = mlsec_redis_url_cut(&db, (size_t) (p - text.data));
        (void) mlsec_redis_url_cut(&db, 1);
    }

    if (db.len && mlsec_redis_url_number(db, MLSEC_REDIS_DB_MAX, &url->db)
                  != MLSEC_OK)
    {
        *what = "database";
        return MLSEC_INVALID;
    }

    url->port = MLSEC_REDIS_PORT;

    if (text.len && text.data[0] == '[') {

        if (mlsec_redis_url_ipv6(&text, url) != MLSEC_OK) {
            *what = "host";
            return MLSEC_INVALID;
        }

        port = text;

    } else {
        p = text.len ? memchr(text.data, ':', text.len) : NULL;
        port = text;
        url->host = mlsec_redis_url_cut(&port, p ? (size_t) (p - text.data)
                                                 : text.len);

        if (!mlsec_redis_url_name(url->host)) {
            *what = "host";
            return MLSEC_INVALID;
        }
    }

    if (port.len == 0) {
        return MLSEC_OK;
    }

    if (mlsec_redis_url_cut(&port, 1).data[0] != ':'
        || mlsec_redis_url_number(port, 65535, &url->port) != MLSEC_OK
        || url->port == 0)
    {
        *what = "port";
        return MLSEC_INVALID;
    }

    return MLSEC_OK;
}


static int
mlsec_redis_url_ipv6(mlsec_str_t *text, mlsec_redis_url_t *url)
{
    size_t                i;
    unsigned char         c;
    const unsigned char  *p;

    (void) mlsec_redis_url_cut(text, 1);

    p = text->len ? memchr(text->data, ']', text->len) : NULL;

    if (p == NULL || p == text->data) {
        return MLSEC_INVALID;
    }

    url->host = mlsec_redis_url_cut(text, (size_t) (p - text->data));
    url->ipv6 = 1;
    (void) mlsec_redis_url_cut(text, 1);

    for (i = 0; i < url->host.len; i++) {
        c = url->host.data[i];

        if (c != ':' && c != '.' && mlsec_redis_url_hex(c) < 0) {
            return MLSEC_INVALID;
        }
    }

    return MLSEC_OK;
}


static int
mlsec_redis_url_name(mlsec_str_t host)
{
    size_t         i;
    unsigned char  c;

    if (host.len == 0 || host.len > MLSEC_REDIS_HOST_MAX
        || host.data[0] == '.')
    {
        return 0;
    }

    for (i = 0; i < host.len; i++) {
        c = host.data[i];

        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
              || c == '-' || c == '_' || c == '.'))
        {
            return 0;
        }
    }

    return 1;
}


/* /path[:db] or /path[?db=N] */

static int
mlsec_redis_url_path(mlsec_str_t text, unsigned plain, mlsec_redis_url_t *url,
    const char **what)
{
    mlsec_str_t           db;
    const unsigned char  *p;

    db = text;
    p = plain ? mlsec_redis_url_last(text, ':')
        : text.len ? memchr(text.data, '?', text.len) : NULL;

    if (p != NULL) {
        text = mlsec_redis_url_cut(&db, (size_t) (p - text.data));
        (void) mlsec_redis_url_cut(&db, 1);

        if (!plain
            && (db.len < 3
                || memcmp(mlsec_redis_url_cut(&db, 3).data, "db=", 3) != 0))
        {
            *what = "query";
            return MLSEC_INVALID;
        }

        if (mlsec_redis_url_number(db, MLSEC_REDIS_DB_MAX, &url->db)
            != MLSEC_OK)
        {
            *what = "database";
            return MLSEC_INVALID;
        }
    }

    if (text.len < 2 || text.len > MLSEC_REDIS_PATH_MAX || text.data[0] != '/'
        || memchr(text.data, '\0', text.len) != NULL)
    {
        *what = "path";
        return MLSEC_INVALID;
    }

    url->host = text;

    return MLSEC_OK;
}


static int
mlsec_redis_url_number(mlsec_str_t text, unsigned max, unsigned *value)
{
    size_t    i;
    unsigned  n;

    n = 0;

    if (text.len == 0) {
        return MLSEC_INVALID;
    }

    for (i = 0; i < text.len; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return MLSEC_INVALID;
        }

        n = n * 10 + (text.data[i] - '0');

        if (n > max) {
            return MLSEC_INVALID;
        }
    }

    *value = n;

    return MLSEC_OK;
}


/* The first n bytes, which are taken away from the text. */

static mlsec_str_t
mlsec_redis_url_cut(mlsec_str_t *text, size_t n)
{
    mlsec_str_t  piece;

    piece.data = text->data;
    piece.len = n;

    text->data += n;
    text->len -= n;

    return piece;
}


static const unsigned char *
mlsec_redis_url_last(mlsec_str_t text, int c)
{
    size_t  i;

    for (i = text.len; i != 0; i--) {

        if (text.data[i - 1] == c) {
            return text.data + i - 1;
        }
    }

    return NULL;
}
