/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>


typedef struct {
    ngx_str_t    name;
    ngx_uint_t   bit;
    ngx_uint_t   status;         /* 0: none */
} ngx_mlsec_retry_on_t;


static ngx_int_t ngx_mlsec_retry_on(ngx_conf_t *cf, ngx_str_t *value,
    void *field);
static ngx_int_t ngx_mlsec_retry_methods(ngx_conf_t *cf, ngx_str_t *value,
    void *field);
static void ngx_mlsec_retry_word(ngx_str_t *list, ngx_str_t *word);


/* RFC 9110, 9.2.2 */

static ngx_str_t  ngx_mlsec_retry_idempotent =
    ngx_string("GET,HEAD,OPTIONS,TRACE,PUT,DELETE");


/* the statuses are those that nginx can go on after */

static const ngx_mlsec_retry_on_t  ngx_mlsec_retry_ons[] = {
    { ngx_string("connect"), NGX_MLSEC_RETRY_ON_CONNECT, 0 },
    { ngx_string("timeout"), NGX_MLSEC_RETRY_ON_TIMEOUT, 0 },
    { ngx_string("reset"), NGX_MLSEC_RETRY_ON_RESET, 0 },
    { ngx_string("429"), NGX_MLSEC_RETRY_ON_429, 429 },
    { ngx_string("500"), NGX_MLSEC_RETRY_ON_500, 500 },
    { ngx_string("502"), NGX_MLSEC_RETRY_ON_502, 502 },
    { ngx_string("503"), NGX_MLSEC_RETRY_ON_503, 503 },
    { ngx_string("504"), NGX_MLSEC_RETRY_ON_504, 504 },
    { ngx_null_string, 0, 0 }
};


static const ngx_mlsec_param_t  ngx_mlsec_retry_params[] = {
    { "tries=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, retry.tries),
      NGX_MLSEC_RETRY_TRIES_MAX, NULL },
    { "base=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, retry.base), 0, NULL },
    { "cap=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, retry.cap), 0, NULL },
    { "attempt=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, retry.attempt), 0, NULL },
    { "budget=", NGX_MLSEC_PARAM_SHARE,
      offsetof(ngx_mlsec_service_conf_t, retry.budget.share), 100, NULL },
    { "min=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, retry.budget.min), 1000, NULL },
    { "on=", NGX_MLSEC_PARAM_OWN,
      offsetof(ngx_mlsec_service_conf_t, retry.on), 0, ngx_mlsec_retry_on },
    { "methods=", NGX_MLSEC_PARAM_OWN,
      offsetof(ngx_mlsec_service_conf_t, retry.methods), 0,
      ngx_mlsec_retry_methods },
    { NULL, 0, 0, 0, NULL }
};


char *
ngx_mlsec_retry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    char                    *rv;
    ngx_mlsec_retry_conf_t  *retry;

    if (scf->retries) {
        return "is duplicate";
    }

    scf->retries = 1;
    retry = &scf->retry;

    rv = ngx_mlsec_params(cf, scf, 1, ngx_mlsec_retry_params,
                          "\"tries=\", \"base=\", \"cap=\", "
                          "\"attempt=\", \"budget=\", \"min=\", \"on=\" "
                          "or \"methods=\"");
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    retry->tries = retry->tries ? retry->tries : 2;
    retry->base = retry->base ? retry->base : 25;
    retry->budget.share = retry->budget.share ? retry->budget.share : 20;
    retry->budget.min = retry->budget.min ? retry->budget.min : 3;

    if (retry->cap == 0) {
        retry->cap = ngx_max(retry->base, 1000);
    }

    if (retry->base > retry->cap) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"base=\" is longer than \"cap=\" in "
                           "\"mlsec_retry\"");
        return NGX_CONF_ERROR;
    }

    if (retry->on == 0) {
        retry->on = NGX_MLSEC_RETRY_ON_CONNECT|NGX_MLSEC_RETRY_ON_TIMEOUT
                    |NGX_MLSEC_RETRY_ON_RESET|NGX_MLSEC_RETRY_ON_429
                    |NGX_MLSEC_RETRY_ON_502|NGX_MLSEC_RETRY_ON_503
                    |NGX_MLSEC_RETRY_ON_504;
    }

    if (retry->methods == NULL
        && ngx_mlsec_retry_methods(cf, &ngx_mlsec_retry_idempotent,
                                   &retry->methods)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_retry_on(ngx_conf_t *cf, ngx_str_t *value, void *field)
{
    ngx_uint_t *on = field;

    ngx_str_t                    list, word;
    const ngx_mlsec_retry_on_t  *p;

    list = *value;

    do {
        ngx_mlsec_retry_word(&list, &word);

        for (p = ngx_mlsec_retry_ons; p->name.len; p++) {

            if (p->name.len == word.len
                && ngx_strncmp(p->name.data, word.data, word.len) == 0)
            {
                break;
            }
        }

        if (p->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid word \"%V\" of \"on=\" in "
                               "\"mlsec_retry\", expected a list of "
                               "\"connect\", \"timeout\", \"reset\", \"429\", "
                               "\"500\", \"502\", \"503\" and \"504\"", &word);
            return NGX_ERROR;
        }

        *on |= p->bit;

    } while (list.data != NULL);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_retry_methods(ngx_conf_t *cf, ngx_str_t *value, void *field)
{
    ngx_array_t **methods = field;

    size_t      i;
    ngx_str_t   list, word, *method;

    if (*methods == NULL) {
        *methods = ngx_array_create(cf->pool, 6, sizeof(ngx_str_t));
        if (*methods == NULL) {
            return NGX_ERROR;
        }
    }

    list = *value;

    do {
        ngx_mlsec_retry_word(&list, &word);

        for (i = 0; i < word.len; i++) {
            if (word.data[i] < 'A' || word.data[i] > 'Z') {
                break;
            }
        }

        if (word.len == 0 || i != word.len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid method \"%V\" of \"methods=\" in "
                               "\"mlsec_retry\", expected a list such as "
                               "\"GET,HEAD\"", &word);
            return NGX_ERROR;
        }

        method = ngx_array_push(*methods);
        if (method == NULL) {
            return NGX_ERROR;
        }

        *method = word;

    } while (list.data != NULL);

    return NGX_OK;
}


/*
 * Takes the first word off a list; list->data is NULL after the last one.
 */

static void
ngx_mlsec_retry_word(ngx_str_t *list, ngx_str_t *word)
{
    u_char  *comma, *last;

    last = list->data + list->len;
    comma = ngx_strlchr(list->data, last, ',');

    word->data = list->data;
    word->len = (comma ? comma : last) - list->data;

    if (comma == NULL) {
        ngx_str_null(list);
        return;
    }

    list->data = comma + 1;
    list->len = last - list->data;
}


ngx_uint_t
ngx_mlsec_retry_on_status(ngx_uint_t status)
{
    const ngx_mlsec_retry_on_t  *p;

    if (status < NGX_HTTP_BAD_REQUEST) {
        return 0;
    }

    for (p = ngx_mlsec_retry_ons; p->name.len; p++) {

        if (p->status == status) {
            return p->bit;
        }
    }

    return 0;
}
