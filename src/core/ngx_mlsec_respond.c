/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_respond.h>
#include <core/ngx_mlsec_allow.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_refusal.h>
#include <core/ngx_mlsec_template.h>
#include <lib/json/mlsec_json.h>


#define NGX_MLSEC_RESPOND_IN_STRING  1      /* tag of a piece */


/*
 * A constant body is a list of pieces: text as it stands, or a variable.  A
 * variable between the quotes of a JSON string is escaped; one that stands
 * where a value is expected is sent as it is when it is a JSON scalar, and as
 * a string otherwise.  Either way no value of a variable can break the JSON.
 */

typedef struct {
    ngx_mlsec_conf_place_t    place;

    ngx_array_t              *pieces;        /* of mlsec_respond */

    ngx_mlsec_error_t         error;         /* of mlsec_fail */
    ngx_array_t              *message;       /* pieces */
} ngx_mlsec_respond_loc_conf_t;


static ngx_int_t ngx_mlsec_respond_handler(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_respond_body(ngx_http_request_t *r,
    const ngx_array_t *pieces, ngx_str_t *body);
static void ngx_mlsec_respond_variable(ngx_http_request_t *r,
    ngx_mlsec_json_t *w, const ngx_mlsec_template_piece_t *piece);
static ngx_int_t ngx_mlsec_fail_handler(ngx_http_request_t *r);
static char *ngx_mlsec_respond(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_respond_check(ngx_conf_t *cf, ngx_str_t *text,
    ngx_array_t *pieces);
static ngx_uint_t ngx_mlsec_respond_in_string(ngx_str_t *text,
    ngx_uint_t in_string);
static char *ngx_mlsec_fail(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_mlsec_fail_status(ngx_str_t *value);
static ngx_int_t ngx_mlsec_fail_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_json_t *details);
static void *ngx_mlsec_respond_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_respond_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_mlsec_respond_commands[] = {

    { ngx_string("mlsec_respond"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_respond,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_fail"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE23|NGX_CONF_TAKE4,
      ngx_mlsec_fail,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_respond_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_respond_create_loc_conf,     /* create location configuration */
    ngx_mlsec_respond_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_mlsec_respond_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_respond_module_ctx,         /* module context */
    ngx_mlsec_respond_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_int_t
ngx_mlsec_respond_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *out, off_t size)
{
    ngx_int_t  rc;

    r->headers_out.status = status;
    r->headers_out.content_length_n = size;

    /* without a validator no condition of the client's can be judged */

    r->disable_not_modified = 1;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


ngx_int_t
ngx_mlsec_respond_text(ngx_http_request_t *r, const ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_mlsec_respond_send(r, NGX_HTTP_OK, &out, text->len);
}


static ngx_int_t
ngx_mlsec_respond_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_str_t                            body;
    ngx_mlsec_error_t                    error;
    const ngx_mlsec_respond_loc_conf_t  *lcf;

    if (!ngx_mlsec_allow_taken(r)) {
        ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
        error.status = NGX_HTTP_NOT_ALLOWED;
        error.policy = "mlsec_allow";
        ngx_str_set(&error.reason, "the location does not have the method");

        (void) ngx_mlsec_error_set(r, &error);

        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_respond_module);

    if (ngx_mlsec_respond_body(r, lcf->pieces, &body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_text(r, &body);
}


static ngx_int_t
ngx_mlsec_respond_body(ngx_http_request_t *r, const ngx_array_t *pieces,
    ngx_str_t *body)
{
    ngx_uint_t                         i;
    ngx_mlsec_json_t                   w;
    const ngx_mlsec_template_piece_t  *piece;

    piece = pieces->elts;

    if (pieces->nelts == 1 && !piece[0].variable) {
        *body = piece[0].text;
        return NGX_OK;
    }

    (void) ngx_mlsec_json_init(&w, r->pool, 256);

    for (i = 0; i < pieces->nelts; i++) {

        if (piece[i].variable) {
            ngx_mlsec_respond_variable(r, &w, &piece[i]);

        } else {
            ngx_mlsec_json_raw(&w, piece[i].text.data, piece[i].text.len);
        }
    }

    return ngx_mlsec_json_text(&w, body);
}


static void
ngx_mlsec_respond_variable(ngx_http_request_t *r, ngx_mlsec_json_t *w,
    const ngx_mlsec_template_piece_t *piece)
{
    ngx_str_t          value;
    mlsec_str_t        text;
    mlsec_json_type_e  type;

    if (!ngx_mlsec_template_value(r, piece, &value)) {

        if (piece->tag != NGX_MLSEC_RESPOND_IN_STRING) {
            ngx_mlsec_json_lit(w, "null");
        }

        return;
    }

    if (piece->tag == NGX_MLSEC_RESPOND_IN_STRING) {
        ngx_mlsec_json_string_inside(w, &value);
        return;
    }

    text.data = value.data;
    text.len = value.len;

    if (mlsec_json_scan(text, 1, &type, NULL) == MLSEC_OK
        && type != MLSEC_JSON_OBJECT && type != MLSEC_JSON_ARRAY)
    {
        ngx_mlsec_json_raw(w, value.data, value.len);
        return;
    }

    ngx_mlsec_json_string(w, &value);
}


static ngx_int_t
ngx_mlsec_fail_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_mlsec_error_t                    error;
    const ngx_mlsec_error_t             *said;
    const ngx_mlsec_respond_loc_conf_t  *lcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_respond_module);
    error = lcf->error;

    if (error.status == 0) {
        error.status = r->err_status ? r->err_status
                                     : NGX_HTTP_INTERNAL_SERVER_ERROR;

        /* a limit, the sign-in, an open breaker: that is why, and no service
         * has been asked */

        said = ngx_mlsec_error_said(r, error.status);

        if (said != NULL) {
            error = *said;

            return ngx_mlsec_error_set(r, &error) == NGX_OK
                   ? (ngx_int_t) error.status
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ngx_mlsec_refusal_status(error.status)) {
        error.policy = "mlsec_fail";
    }

    if (ngx_mlsec_template_join(r, lcf->message, &error.message) != NGX_OK
        || ngx_mlsec_error_set(r, &error) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return error.status;
}


static char *
ngx_mlsec_respond(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_respond_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    if (lcf->pieces != NULL) {
        return "is duplicate";
    }

    if (ngx_mlsec_conf_set_handler(cf, "mlsec_respond",
                                   ngx_mlsec_respond_handler)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    lcf->pieces = ngx_mlsec_template_compile(cf, "mlsec_respond", &value[1]);

    if (lcf->pieces == NULL
        || ngx_mlsec_respond_check(cf, &value[1], lcf->pieces) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_mlsec_conf_here(cf, &lcf->place);

    return NGX_CONF_OK;
}


/*
 * Finds out which variables stand inside a string, and whether the whole is
 * JSON once each of them is replaced by a value of its kind.
 */

static ngx_int_t
ngx_mlsec_respond_check(ngx_conf_t *cf, ngx_str_t *text, ngx_array_t *pieces)
{
    int                          rc;
    ngx_str_t                    sample;
    ngx_uint_t                   i, in_string;
    mlsec_str_t                  json;
    ngx_mlsec_json_t             w;
    ngx_mlsec_template_piece_t  *piece;

    (void) ngx_mlsec_json_init(&w, cf->pool, text->len + 64);

    in_string = 0;
    piece = pieces->elts;

    for (i = 0; i < pieces->nelts; i++) {

        if (!piece[i].variable) {
            in_string = ngx_mlsec_respond_in_string(&piece[i].text, in_string);
            ngx_mlsec_json_raw(&w, piece[i].text.data, piece[i].text.len);

        } else if (in_string) {
            piece[i].tag = NGX_MLSEC_RESPOND_IN_STRING;

        } else {
            ngx_mlsec_json_lit(&w, " 0 ");
        }
    }

    if (ngx_mlsec_json_text(&w, &sample) != NGX_OK) {
        return NGX_ERROR;
    }

    json.data = sample.data;
    json.len = sample.len;

    rc = mlsec_json_scan(json, MLSEC_JSON_DEFAULT_DEPTH, NULL, NULL);

    if (rc != MLSEC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JSON \"%V\" in \"mlsec_respond\": %s",
                           text, mlsec_json_strerror(rc));
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_respond_in_string(ngx_str_t *text, ngx_uint_t in_string)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == '"') {
            in_string = !in_string;

        } else if (text->data[i] == '\\' && in_string) {
            i++;
        }
    }

    return in_string;
}


static char *
ngx_mlsec_fail(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_respond_loc_conf_t  *lcf = conf;

    ngx_int_t          status;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_mlsec_json_t   details;

    if (lcf->message != NULL) {
        return "is duplicate";
    }

    if (ngx_mlsec_conf_set_handler(cf, "mlsec_fail", ngx_mlsec_fail_handler)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    status = ngx_mlsec_fail_status(&value[1]);

    if (status == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid status \"%V\" in \"mlsec_fail\", "
                           "expected 400-599 but 444 and 499, or \"same\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->message = ngx_mlsec_template_compile(cf, "mlsec_fail", &value[2]);

    if (lcf->message == NULL
        || ngx_mlsec_json_init(&details, cf->pool, 128) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_mlsec_fail_param(cf, &value[i], &details) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    lcf->error.status = status;
    ngx_mlsec_conf_here(cf, &lcf->place);

    if (ngx_mlsec_json_text(&details, &lcf->error.details) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * 0 stands for "same".
 */

static ngx_int_t
ngx_mlsec_fail_status(ngx_str_t *value)
{
    ngx_int_t  status;

    if (ngx_strcmp(value->data, "same") == 0) {
        return 0;
    }

    status = ngx_atoi(value->data, value->len);

    if (status < 400 || status > 599 || status == 444 || status == 499) {
        return NGX_ERROR;
    }

    return status;
}


static ngx_int_t
ngx_mlsec_fail_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_json_t *details)
{
    ngx_str_t  name, value;

    name = ngx_mlsec_conf_param_name(arg);

    if (!ngx_mlsec_conf_param(arg, "service=", &value)
        && !ngx_mlsec_conf_param(arg, "error_type=", &value))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown parameter \"%V\" in \"mlsec_fail\", "
                           "expected \"service=\" or \"error_type=\"", arg);
        return NGX_ERROR;
    }

    if (details->pos != details->start) {
        ngx_mlsec_json_lit(details, ",");
    }

    ngx_mlsec_json_string(details, &name);
    ngx_mlsec_json_lit(details, ":");
    ngx_mlsec_json_string(details, &value);

    return NGX_OK;
}


static void *
ngx_mlsec_respond_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_respond_loc_conf_t));
}


static char *
ngx_mlsec_respond_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_respond_loc_conf_t  *prev = parent;
    ngx_mlsec_respond_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" or "limit_except" inside the location is the location still */

    if ((clcf->noname || clcf->lmt_excpt)
        && conf->pieces == NULL && conf->message == NULL)
    {
        conf->pieces = prev->pieces;
        conf->message = prev->message;
        conf->error = prev->error;
        conf->place = prev->place;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = conf->pieces ? ngx_mlsec_respond_handler
                            : conf->message ? ngx_mlsec_fail_handler
                            : NULL;
        }

        return NGX_CONF_OK;
    }

    if (conf->pieces != NULL
        && ngx_mlsec_conf_check_handler(cf, "mlsec_respond",
                                        ngx_mlsec_respond_handler,
                                        &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->message != NULL
        && ngx_mlsec_conf_check_handler(cf, "mlsec_fail",
                                        ngx_mlsec_fail_handler, &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
