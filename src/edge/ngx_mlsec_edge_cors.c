/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <edge/ngx_mlsec_edge.h>
#include <core/ngx_mlsec_allow.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_variables.h>


#define NGX_MLSEC_CORS_AGE_MAX  86400      /* seconds; browsers take no more */


static ngx_int_t ngx_mlsec_cors_word(ngx_conf_t *cf, ngx_mlsec_cors_t *cors,
    ngx_str_t *word);
static ngx_int_t ngx_mlsec_cors_param(ngx_conf_t *cf, ngx_mlsec_cors_t *cors,
    ngx_str_t *word);
static ngx_int_t ngx_mlsec_cors_list(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, ngx_str_t *header);
static ngx_uint_t ngx_mlsec_cors_token(u_char c);
static ngx_int_t ngx_mlsec_cors_add(ngx_conf_t *cf, ngx_mlsec_cors_t *cors,
    ngx_str_t *origin);
static ngx_uint_t ngx_mlsec_cors_is_origin(const ngx_str_t *text);
static ngx_int_t ngx_mlsec_cors_check(ngx_conf_t *cf,
    const ngx_mlsec_cors_t *cors);
static ngx_uint_t ngx_mlsec_cors_listed(const ngx_mlsec_cors_t *cors,
    const ngx_str_t *origin);
static ngx_uint_t ngx_mlsec_cors_is_own(ngx_http_request_t *r,
    const ngx_str_t *origin);
static ngx_int_t ngx_mlsec_cors_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *message);
static void ngx_mlsec_cors_hide(ngx_http_request_t *r);


static const ngx_str_t  ngx_mlsec_cors_all_methods =
    ngx_string("GET, HEAD, POST, PUT, PATCH, DELETE");

static const ngx_str_t  ngx_mlsec_cors_true = ngx_string("true");
static const ngx_str_t  ngx_mlsec_cors_star = ngx_string("*");
static const ngx_str_t  ngx_mlsec_cors_vary = ngx_string("Origin");


char *
ngx_mlsec_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_edge_loc_conf_t  *lcf = conf;

    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_mlsec_cors_t  *cors;

    if (lcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    cors = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_cors_t));
    if (cors == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->cors = cors;
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    cors->on = 1;
    cors->origins = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (cors->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&cors->headers, "Authorization, Content-Type, "
                "Idempotency-Key, X-API-Key, X-Request-ID, traceparent, "
                "tracestate");
    ngx_str_set(&cors->expose, "X-Request-ID, X-Gateway-Completed, "
                "X-Gateway-Failed, RateLimit, RateLimit-Policy, Retry-After, "
                "WWW-Authenticate, Allow, Content-Disposition");
    ngx_str_set(&cors->max_age, "600");

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "none") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_mlsec_cors_word(cf, cors, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_mlsec_cors_check(cf, cors) == NGX_OK ? NGX_CONF_OK
                                                    : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_cors_word(ngx_conf_t *cf, ngx_mlsec_cors_t *cors, ngx_str_t *word)
{
    if (ngx_strcmp(word->data, "credentials") == 0) {
        cors->credentials = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(word->data, "*") == 0) {
        cors->any = 1;
        return NGX_OK;
    }

    if (ngx_strlchr(word->data, word->data + word->len, '=') != NULL) {
        return ngx_mlsec_cors_param(cf, cors, word);
    }

    return ngx_mlsec_cors_add(cf, cors, word);
}


static ngx_int_t
ngx_mlsec_cors_param(ngx_conf_t *cf, ngx_mlsec_cors_t *cors, ngx_str_t *word)
{
    ngx_int_t  age;
    ngx_str_t  value;

    if (ngx_mlsec_conf_param(word, "methods=", &value)) {
        return ngx_mlsec_cors_list(cf, "methods", &value, &cors->methods);
    }

    if (ngx_mlsec_conf_param(word, "headers=", &value)) {
        return ngx_mlsec_cors_list(cf, "headers", &value, &cors->headers);
    }

    if (ngx_mlsec_conf_param(word, "expose=", &value)) {
        return ngx_mlsec_cors_list(cf, "expose", &value, &cors->expose);
    }

    if (ngx_mlsec_conf_param(word, "max_age=", &value)) {
        age = ngx_parse_time(&value, 1);

        if (age == NGX_ERROR || age > NGX_MLSEC_CORS_AGE_MAX) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in \"max_age=\" of "
                               "\"mlsec_cors\", expected at most 24h",
                               &value);
            return NGX_ERROR;
        }

        cors->max_age.data = ngx_pnalloc(cf->pool, NGX_INT_T_LEN);
        if (cors->max_age.data == NULL) {
            return NGX_ERROR;
        }

        cors->max_age.len = ngx_sprintf(cors->max_age.data, "%i", age)
                            - cors->max_age.data;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"mlsec_cors\", expected "
                       "\"methods=\", \"headers=\", \"expose=\" or "
                       "\"max_age=\"", word);

    return NGX_ERROR;
}


/* "a,b" of the configuration is "a, b" in a header */

static ngx_int_t
ngx_mlsec_cors_list(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    ngx_str_t *header)
{
    u_char  *p;
    size_t   i;

    p = ngx_pnalloc(cf->pool, 2 * value->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    header->data = p;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] == ',' && i > 0 && value->data[i - 1] != ','
            && i + 1 < value->len)
        {
            *p++ = ',';
            *p++ = ' ';
            continue;
        }

        if (!ngx_mlsec_cors_token(value->data[i])) {
            break;
        }

        *p++ = value->data[i];
    }

    if (i < value->len || value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid list \"%V\" in \"%s=\" of "
                           "\"mlsec_cors\", expected names with commas "
                           "between", value, name);
        return NGX_ERROR;
    }

    header->len = p - header->data;

    return NGX_OK;
}


/* RFC 9110, 5.6.2, less "*": with credentials it would be a name */

static ngx_uint_t
ngx_mlsec_cors_token(u_char c)
{
    u_char  lower;

    lower = (u_char) (c | 0x20);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')
           || (c != '\0' && ngx_strchr("!#$%&'+-.^_`|~", c) != NULL);
}


static ngx_int_t
ngx_mlsec_cors_add(ngx_conf_t *cf, ngx_mlsec_cors_t *cors, ngx_str_t *origin)
{
    ngx_str_t  *slot;

    if (!ngx_mlsec_cors_is_origin(origin)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid origin \"%V\" in \"mlsec_cors\", expected "
                           "it as browsers send it: http(s)://host[:port] in "
                           "lower case, without the port 80 of http and 443 "
                           "of https, or \"*\"", origin);
        return NGX_ERROR;
    }

    slot = ngx_array_push(cors->origins);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = *origin;

    return NGX_OK;
}


/*
 * Origins are compared byte for byte, so one that no browser sends (RFC 6454,
 * 6.2: lower case, no default port, no slash) would never match; nobody would
 * be told, and somebody would try "*" next.
 */

static ngx_uint_t
ngx_mlsec_cors_is_origin(const ngx_str_t *text)
{
    u_char      *p, *last, *port, *standard;
    ngx_int_t    number;

    last = text->data + text->len;

    if (text->len > 8 && ngx_strncmp(text->data, "https://", 8) == 0) {
        p = text->data + 8;
        standard = (u_char *) ":443";

    } else if (text->len > 7 && ngx_strncmp(text->data, "http://", 7) == 0) {
        p = text->data + 7;
        standard = (u_char *) ":80";

    } else {
        return 0;
    }

    if (*p == '[') {
        for (p++; p < last && *p != ']'; p++) {
            if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'f')
                && *p != ':' && *p != '.')
            {
                return 0;
            }
        }

        if (p == last) {
            return 0;
        }

        port = p + 1;

    } else {
        for (port = p; port < last && *port != ':'; port++) {
            if (!(*port >= '0' && *port <= '9')
                && !(*port >= 'a' && *port <= 'z')
                && *port != '-' && *port != '.' && *port != '_')
            {
                return 0;
            }
        }

        if (port == p || port[-1] == '.') {
            return 0;
        }
    }

    if (port == last) {
        return 1;
    }

    number = ngx_atoi(port + 1, last - port - 1);

    return *port == ':' && port[1] != '0' && number > 0 && number <= 65535
           && ngx_strcmp(port, standard) != 0;
}


static ngx_int_t
ngx_mlsec_cors_check(ngx_conf_t *cf, const ngx_mlsec_cors_t *cors)
{
    if (cors->any && cors->credentials) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_cors *\" with \"credentials\" would let "
                           "every page act as whoever is signed in, list the "
                           "origins that may");
        return NGX_ERROR;
    }

    if (!cors->any && cors->origins->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_cors\" names no origin, expected origins "
                           "such as \"https://app.example\", \"*\", \"none\" "
                           "or \"off\"");
        return NGX_ERROR;
    }

    if (cors->any) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"mlsec_cors *\": pages of every origin may read "
                           "answers");
    }

    return NGX_OK;
}


ngx_mlsec_origin_e
ngx_mlsec_cors_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_uint_t                        n;
    ngx_table_elt_t                  *h;
    const ngx_mlsec_edge_loc_conf_t  *lcf;

    h = ngx_mlsec_header_in(r->main, "origin", &n);

    if (h == NULL || (n == 1 && h->value.len == 0)) {
        ngx_str_null(origin);
        return NGX_MLSEC_ORIGIN_NONE;
    }

    lcf = ngx_http_get_module_loc_conf(r->main, ngx_mlsec_edge_filter_module);
    *origin = h->value;

    if (n > 1) {
        return NGX_MLSEC_ORIGIN_FOREIGN;
    }

    if (ngx_mlsec_cors_listed(lcf->cors, origin)) {
        return NGX_MLSEC_ORIGIN_LISTED;
    }

    if (ngx_mlsec_cors_is_own(r, origin)) {
        return NGX_MLSEC_ORIGIN_SAME;
    }

    /* nobody vouches for these: they may read, and not act for anybody */

    return lcf->cors->any ? NGX_MLSEC_ORIGIN_ANY : NGX_MLSEC_ORIGIN_FOREIGN;
}


/*
 * "null" is the origin of every sandboxed frame and of files: it is never
 * listed, and "*" needs no list.
 */

static ngx_uint_t
ngx_mlsec_cors_listed(const ngx_mlsec_cors_t *cors, const ngx_str_t *origin)
{
    ngx_uint_t        i;
    const ngx_str_t  *listed;

    if (!cors->on) {
        return 0;
    }

    listed = cors->origins->elts;

    for (i = 0; i < cors->origins->nelts; i++) {
        if (listed[i].len == origin->len
            && ngx_memcmp(listed[i].data, origin->data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_mlsec_cors_is_own(ngx_http_request_t *r, const ngx_str_t *origin)
{
    size_t                 len;
    ngx_mlsec_forwarded_t  own;

    ngx_mlsec_forwarded(r, &own);
    len = own.proto.len;

    return own.host.len
           && origin->len == len + 3 + own.host.len
           && ngx_strncasecmp(origin->data, own.proto.data, len) == 0
           && ngx_strncmp(origin->data + len, "://", 3) == 0
           && ngx_strncasecmp(origin->data + len + 3, own.host.data,
                              own.host.len)
              == 0;
}


ngx_int_t
ngx_mlsec_cors_preflight(ngx_http_request_t *r)
{
    ngx_uint_t                        n;
    const ngx_mlsec_edge_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_edge_filter_module);

    if (!lcf->cors->on || r != r->main || r->err_status
        || ngx_mlsec_header_in(r, "origin", &n) == NULL)
    {
        return NGX_DECLINED;
    }

    if (n > 1) {
        return ngx_mlsec_cors_refuse(r, NGX_HTTP_BAD_REQUEST,
                                     "There are two Origin headers");
    }

    if (r->method != NGX_HTTP_OPTIONS
        || ngx_mlsec_header_in(r, "access-control-request-method", &n)
           == NULL)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_cors_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *message)
{
    ngx_mlsec_error_t  error;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = status;
    error.policy = "mlsec_cors";
    error.message.data = (u_char *) message;
    error.message.len = ngx_strlen(message);
    ngx_str_set(&error.details, "\"error_type\":\"origin\"");

    (void) ngx_mlsec_error_set(r, &error);

    return status;
}


ngx_int_t
ngx_mlsec_cors_answer(ngx_http_request_t *r)
{
    ngx_str_t                         origin;
    const ngx_str_t                  *methods;
    ngx_mlsec_origin_e                whose;
    const ngx_mlsec_cors_t           *cors;
    const ngx_mlsec_edge_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_edge_filter_module);
    cors = lcf->cors;

    whose = ngx_mlsec_cors_origin(r, &origin);

    if (whose == NGX_MLSEC_ORIGIN_NONE || whose == NGX_MLSEC_ORIGIN_FOREIGN) {
        return ngx_mlsec_cors_refuse(r, NGX_HTTP_FORBIDDEN,
                                     "Pages of this origin may not call");
    }

    methods = cors->methods.len ? &cors->methods : ngx_mlsec_allow_named(r);

    if (methods == NULL) {
        methods = &ngx_mlsec_cors_all_methods;
    }

    if (ngx_mlsec_edge_header(r, "Access-Control-Allow-Methods", methods)
        != NGX_OK
        || ngx_mlsec_edge_header(r, "Access-Control-Allow-Headers",
                                 &cors->headers)
           != NGX_OK
        || ngx_mlsec_edge_header(r, "Access-Control-Max-Age", &cors->max_age)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the filter leaves what stands above alone */

    ngx_http_set_ctx(r, (void *) cors, ngx_mlsec_edge_filter_module);

    return NGX_HTTP_NO_CONTENT;
}


ngx_int_t
ngx_mlsec_cors_headers(ngx_http_request_t *r, const ngx_mlsec_cors_t *cors)
{
    ngx_str_t           *value, origin;
    ngx_uint_t           preflight;
    ngx_mlsec_origin_e   whose;

    preflight = ngx_http_get_module_ctx(r, ngx_mlsec_edge_filter_module)
                != NULL;

    if (!preflight) {
        ngx_mlsec_cors_hide(r);
    }

    /* with one answer for everybody there is nothing that would vary */

    if (!cors->any && cors->origins->nelts
        && ngx_mlsec_edge_header(r, "Vary", &ngx_mlsec_cors_vary) != NGX_OK)
    {
        return NGX_ERROR;
    }

    whose = ngx_mlsec_cors_origin(r, &origin);

    if (whose != NGX_MLSEC_ORIGIN_LISTED
        && !(cors->any && whose == NGX_MLSEC_ORIGIN_SAME)
        && whose != NGX_MLSEC_ORIGIN_ANY)
    {
        return NGX_OK;
    }

    value = cors->any ? (ngx_str_t *) &ngx_mlsec_cors_star : &origin;

    if (ngx_mlsec_edge_header(r, "Access-Control-Allow-Origin", value)
        != NGX_OK
        || (cors->credentials
            && ngx_mlsec_edge_header(r, "Access-Control-Allow-Credentials",
                                     &ngx_mlsec_cors_true)
               != NGX_OK)
        || (!preflight
            && ngx_mlsec_edge_header(r, "Access-Control-Expose-Headers",
                                     &cors->expose)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Who may read an answer is the gateway's to say, not a service's. */

static void
ngx_mlsec_cors_hide(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len > sizeof("Access-Control-") - 1
                && (h[i].key.data[0] | 0x20) == 'a'
                && ngx_strncasecmp(h[i].key.data,
                                   (u_char *) "Access-Control-",
                                   sizeof("Access-Control-") - 1)
                   == 0)
            {
                h[i].hash = 0;
            }
        }
    }
}
