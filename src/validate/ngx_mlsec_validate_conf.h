/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the files of src/validate share.
 *
 * ngx_mlsec_validate_module.c   directives, inheritance, $mlsec_validation
 * ngx_mlsec_validate_params.c   parameters of mlsec_validate
 * ngx_mlsec_validate_handler.c  when what is checked, and the verdict
 * ngx_mlsec_validate_head.c     query and headers
 * ngx_mlsec_validate_body.c     type, size, JSON, rules
 * ngx_mlsec_validate_metrics.c  counts
 */


#ifndef _NGX_MLSEC_VALIDATE_CONF_H_INCLUDED_
#define _NGX_MLSEC_VALIDATE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <filter/ngx_mlsec_filter.h>
#include <metrics/ngx_mlsec_metrics.h>
#include <validate/ngx_mlsec_validate.h>


/* What became of a request; the table in ..._handler.c has the order. */

typedef enum {
    NGX_MLSEC_VALIDATE_PASSED = 0,
    NGX_MLSEC_VALIDATE_QUERY,          /* no UTF-8, or a % that is none */
    NGX_MLSEC_VALIDATE_ARGS,
    NGX_MLSEC_VALIDATE_ARGS_SIZE,
    NGX_MLSEC_VALIDATE_HEADERS,
    NGX_MLSEC_VALIDATE_TYPE,
    NGX_MLSEC_VALIDATE_SIZE,
    NGX_MLSEC_VALIDATE_JSON,
    NGX_MLSEC_VALIDATE_DEPTH,
    NGX_MLSEC_VALIDATE_DUPLICATE,
    NGX_MLSEC_VALIDATE_RULES,
    NGX_MLSEC_VALIDATE_FAILED,         /* the rules themselves */

    NGX_MLSEC_VALIDATE_RESULTS         /* how many there are */
} ngx_mlsec_validate_e;


#define NGX_MLSEC_VALIDATE_NOWHERE  ((size_t) -1)


/* Numbers are 0 where there is no limit. */

typedef struct {
    ngx_array_t                 *types;      /* ngx_str_t, lower case; NULL:
                                                JSON */
    ngx_uint_t                   any;        /* 1: any type */
    off_t                        max_size;   /* bytes */
    ngx_uint_t                   depth;      /* levels */
    ngx_uint_t                   duplicates; /* 1: allowed */
    ngx_uint_t                   args;
    size_t                       args_size;  /* bytes of the query */
    ngx_uint_t                   headers;
    size_t                       header_size;
                                             /* bytes of a name and value */
    ngx_uint_t                   report;     /* 1: nothing is refused */
} ngx_mlsec_validate_terms_t;


typedef struct {
    ngx_mlsec_validate_terms_t   terms;
    ngx_uint_t                   set;        /* 1: mlsec_validate stands here,
                                                or further out */
    ngx_uint_t                   off;        /* 1: "mlsec_validate off" */
    const ngx_mlsec_filter_t    *rules;      /* NULL: none */
    ngx_mlsec_conf_place_t       place;      /* of the rules */
    ngx_mlsec_series_t          *metrics;
} ngx_mlsec_validate_loc_conf_t;


/*
 * One request.  It is not the request's ctx, which nginx forgets at an
 * internal redirect: what was refused must not come in by the page for that.
 */

typedef struct {
    ngx_http_request_t                   *request;
    const ngx_mlsec_validate_loc_conf_t  *conf;    /* the last one checked */
    ngx_mlsec_validate_e                  result;
    ngx_mlsec_error_t                     error;   /* unless it passed */
    ngx_int_t                             rc;      /* of the handler */
} ngx_mlsec_validate_t;


/* ngx_mlsec_validate_params.c */

/*
 * Reads the parameters of mlsec_validate.
 *
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_validate_params(ngx_conf_t *cf,
    ngx_mlsec_validate_terms_t *terms);


/* ngx_mlsec_validate_handler.c */

/*
 * Notes why the request is not good: sets v->result and v->error.
 *
 * result: which check, the table has its status, type and place.  offset: of
 * the byte of the body at fault, or NGX_MLSEC_VALIDATE_NOWHERE.  why: the
 * reason in other words, NULL for none.  format: as ngx_sprintf's, of at most
 * 256 bytes, without anything that the client has sent.
 *
 * NGX_DECLINED, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_validate_refuse(ngx_mlsec_validate_t *v,
    ngx_mlsec_validate_e result, size_t offset, const char *why,
    const char *format, ...);

/*
 * What was found of the request, NULL if nothing was looked at.
 */
const ngx_mlsec_validate_t *ngx_mlsec_validate_get(ngx_http_request_t *r);

/*
 * The name of a result, as logs, metrics and $mlsec_validation have it.
 */
const char *ngx_mlsec_validate_name(ngx_mlsec_validate_e result);


/* ngx_mlsec_validate_head.c */

/*
 * Query and headers.
 *
 * NGX_OK; NGX_DECLINED: not good, see ngx_mlsec_validate_refuse(); NGX_ERROR.
 */
ngx_int_t ngx_mlsec_validate_head(ngx_mlsec_validate_t *v);

/*
 * What the headers say of the body, before it is read: type, encoding, length.
 * Codes as above.
 */
ngx_int_t ngx_mlsec_validate_announced(ngx_mlsec_validate_t *v);


/* ngx_mlsec_validate_body.c */

/*
 * The body itself, when it was read, and the rules, for which no body is
 * null.  Codes as above.
 */
ngx_int_t ngx_mlsec_validate_body(ngx_mlsec_validate_t *v);

/*
 * Whether the request says that its body is JSON: 1 or 0.
 */
ngx_uint_t ngx_mlsec_validate_is_json(ngx_http_request_t *r);


/* ngx_mlsec_validate_metrics.c */

/*
 * The series of a location: its name, and whether it only reports.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_validate_metrics(ngx_conf_t *cf,
    ngx_mlsec_validate_loc_conf_t *conf);


#endif /* _NGX_MLSEC_VALIDATE_CONF_H_INCLUDED_ */
