/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_content.h>
#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_mem.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_unique.h>
#include <validate/ngx_mlsec_validate_conf.h>


#define NGX_MLSEC_VALIDATE_POOL    4096
#define NGX_MLSEC_VALIDATE_LIST    (8 * 1024 * 1024)   /* bytes of a list */
#define NGX_MLSEC_VALIDATE_ERRORS  100                 /* told to a client */


static ngx_int_t ngx_mlsec_validate_json(ngx_mlsec_validate_t *v,
    mlsec_str_t text);
static ngx_int_t ngx_mlsec_validate_unique(ngx_mlsec_validate_t *v,
    mlsec_str_t text);
static ngx_int_t ngx_mlsec_validate_rules(ngx_mlsec_validate_t *v,
    mlsec_str_t text);
static ngx_int_t ngx_mlsec_validate_list(ngx_mlsec_validate_t *v,
    mlsec_str_t list);
static ngx_uint_t ngx_mlsec_validate_is_error(mlsec_str_t value);
static ngx_int_t ngx_mlsec_validate_no_list(ngx_mlsec_validate_t *v);


ngx_int_t
ngx_mlsec_validate_body(ngx_mlsec_validate_t *v)
{
    off_t                              len;
    ngx_int_t                          rc;
    ngx_str_t                          body;
    mlsec_str_t                        text;
    ngx_http_request_t                *r;
    const ngx_mlsec_validate_terms_t  *terms;

    r = v->request;
    terms = &v->conf->terms;
    len = ngx_mlsec_content_length(r);

    text.data = NULL;
    text.len = 0;

    if (terms->max_size && len > terms->max_size) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_SIZE,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "Body should have at most %O bytes",
                                         terms->max_size);
    }

    if (len > 0 && ngx_mlsec_validate_is_json(r)) {

        if (ngx_mlsec_content_text(r, &body) != NGX_OK) {
            return NGX_ERROR;
        }

        text.data = body.data;
        text.len = body.len;

        rc = ngx_mlsec_validate_json(v, text);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return (v->conf->rules != NULL) ? ngx_mlsec_validate_rules(v, text)
                                    : NGX_OK;
}


ngx_uint_t
ngx_mlsec_validate_is_json(ngx_http_request_t *r)
{
    ngx_str_t  type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = ngx_mlsec_content_type(&r->headers_in.content_type->value);

    return ngx_mlsec_content_is_json(&type);
}


static ngx_int_t
ngx_mlsec_validate_json(ngx_mlsec_validate_t *v, mlsec_str_t text)
{
    int                                rc;
    size_t                             offset;
    const ngx_mlsec_validate_terms_t  *terms;

    terms = &v->conf->terms;

    rc = mlsec_json_scan(text, terms->depth, NULL, &offset);

    if (rc == MLSEC_JSON_DEPTH) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_DEPTH, offset,
                                         NULL, "JSON should be nested at "
                                         "most %ui levels deep",
                                         terms->depth);
    }

    if (rc != MLSEC_OK) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_JSON, offset,
                                         mlsec_json_strerror(rc),
                                         "JSON decode error");
    }

    return terms->duplicates ? NGX_OK : ngx_mlsec_validate_unique(v, text);
}


static ngx_int_t
ngx_mlsec_validate_unique(ngx_mlsec_validate_t *v, mlsec_str_t text)
{
    int          rc;
    size_t       offset;
    uint64_t     seed[2];
    ngx_pool_t  *pool;
    mlsec_mem_t  mem;

    pool = ngx_create_pool(NGX_MLSEC_VALIDATE_POOL,
                           v->request->connection->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    mem = ngx_mlsec_mem(pool);

    seed[0] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();
    seed[1] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();

    rc = mlsec_json_unique(text, &mem, seed, &offset);

    ngx_destroy_pool(pool);

    if (rc == MLSEC_DECLINED) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_DUPLICATE,
                                         offset, NULL,
                                         "An object should not have a name "
                                         "twice");
    }

    return (rc == MLSEC_OK) ? NGX_OK : NGX_ERROR;
}


/*
 * The program's answer is a list of what is wrong.  One that ends by error()
 * with a status of the client's kind has refused the request too.
 */

static ngx_int_t
ngx_mlsec_validate_rules(ngx_mlsec_validate_t *v, mlsec_str_t text)
{
    ngx_int_t               rc;
    mlsec_str_t             list;
    ngx_mlsec_filter_job_t  job;

    ngx_memzero(&job, sizeof(ngx_mlsec_filter_job_t));

    job.input.text = text;
    job.max_size = NGX_MLSEC_VALIDATE_LIST;

    rc = ngx_mlsec_filter_run(v->request, v->conf->rules, &job);

    if (rc == NGX_OK) {
        list.data = job.result.data;
        list.len = job.result.len;

        return ngx_mlsec_validate_list(v, list);
    }

    if (rc != NGX_DECLINED) {
        return NGX_ERROR;
    }

    v->error = job.error;
    v->result = (job.error.status < NGX_HTTP_INTERNAL_SERVER_ERROR)
                ? NGX_MLSEC_VALIDATE_RULES : NGX_MLSEC_VALIDATE_FAILED;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_mlsec_validate_list(ngx_mlsec_validate_t *v, mlsec_str_t list)
{
    ngx_uint_t         n;
    mlsec_str_t        value;
    ngx_mlsec_json_t   w;
    mlsec_json_iter_t  it;

    if (mlsec_json_elements(&it, list) != MLSEC_OK) {
        return ngx_mlsec_validate_no_list(v);
    }

    (void) ngx_mlsec_json_init(&w, v->request->pool, 512);

    ngx_mlsec_json_lit(&w, "\"error_type\":\"validation\",\"errors\":[");

    for (n = 0; mlsec_json_next_element(&it, &value) == MLSEC_OK; n++) {

        if (!ngx_mlsec_validate_is_error(value)) {
            return ngx_mlsec_validate_no_list(v);
        }

        if (n >= NGX_MLSEC_VALIDATE_ERRORS) {
            continue;
        }

        if (n != 0) {
            ngx_mlsec_json_lit(&w, ",");
        }

        ngx_mlsec_json_raw(&w, value.data, value.len);
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_mlsec_json_lit(&w, "]");

    ngx_memzero(&v->error, sizeof(ngx_mlsec_error_t));

    v->result = NGX_MLSEC_VALIDATE_RULES;
    v->error.status = 422;
    ngx_str_set(&v->error.message, "Validation error");

    return (ngx_mlsec_json_text(&w, &v->error.details) == NGX_OK)
           ? NGX_DECLINED : NGX_ERROR;
}


/* {loc: [...], msg: "...", type: "..."}, and what else there may be */

static ngx_uint_t
ngx_mlsec_validate_is_error(mlsec_str_t value)
{
    ngx_uint_t   i;
    mlsec_str_t  name, found;

    static const struct {
        const char         *name;
        mlsec_json_type_e   type;
    } members[] = {
        { "loc", MLSEC_JSON_ARRAY },
        { "msg", MLSEC_JSON_STRING },
        { "type", MLSEC_JSON_STRING }
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        name.data = (const unsigned char *) members[i].name;
        name.len = ngx_strlen(members[i].name);

        if (mlsec_json_find(value, name, &found) != MLSEC_OK
            || mlsec_json_type(found) != members[i].type)
        {
            return 0;
        }
    }

    return 1;
}


/* A defect of the rules: nobody can say whether the request is good. */

static ngx_int_t
ngx_mlsec_validate_no_list(ngx_mlsec_validate_t *v)
{
    ngx_http_request_t  *r;

    r = v->request;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mlsec validate: the rules gave no list of {loc, msg, "
                  "type}, file: \"%V\", location: \"%V\"",
                  &v->conf->rules->files, &r->uri);

    ngx_memzero(&v->error, sizeof(ngx_mlsec_error_t));

    v->result = NGX_MLSEC_VALIDATE_FAILED;
    v->error.status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_str_set(&v->error.message, "The rules of this route failed");
    ngx_str_set(&v->error.details, "\"error_type\":\"filter\"");

    return NGX_DECLINED;
}
