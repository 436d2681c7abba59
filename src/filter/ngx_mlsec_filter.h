/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Programs of the filter language in nginx.conf: read with the configuration,
 * run for a request.  The language itself is src/lib/filter.
 *
 * ngx_mlsec_filter_module.c     directives, compiling, limits
 * ngx_mlsec_filter_variables.c  what a program knows of the request: $args...
 * ngx_mlsec_filter_run.c        one run, its result or its error
 */


#ifndef _NGX_MLSEC_FILTER_H_INCLUDED_
#define _NGX_MLSEC_FILTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <lib/filter/mlsec_filter.h>


/* Variables that are bound from outside, in the order of their values. */

typedef enum {
    NGX_MLSEC_FILTER_ARGS = 0,
    NGX_MLSEC_FILTER_CAPTURES,
    NGX_MLSEC_FILTER_CLAIMS,
    NGX_MLSEC_FILTER_NOW,
    NGX_MLSEC_FILTER_REQUEST_ID,
    NGX_MLSEC_FILTER_METHOD,
    NGX_MLSEC_FILTER_PARTS,            /* null for the whole answer */
    NGX_MLSEC_FILTER_STATUS,           /* these: of the whole answer */
    NGX_MLSEC_FILTER_ERRORS,
    NGX_MLSEC_FILTER_ELAPSED,

    NGX_MLSEC_FILTER_VARIABLES         /* how many there are */
} ngx_mlsec_filter_variable_e;


typedef struct {
    const mlsec_filter_t   *program;
    ngx_uint_t              bound;     /* number of variables */
    ngx_uint_t              used;      /* a bit for each that occurs in the
                                          text, perhaps only in a comment */
    ngx_str_t               files;     /* as they are written, with blanks
                                          between them; empty: not from
                                          files */
} ngx_mlsec_filter_t;


/* One run. */

typedef struct {
    /* the caller's */

    mlsec_filter_value_t    input;
    ngx_str_t               status;    /* JSON; empty is null */
    ngx_str_t               errors;    /* JSON; empty is null */
    ngx_str_t               elapsed;   /* JSON; empty is null */
    mlsec_filter_value_t    parts;     /* zeroed is null */
    size_t                  max_size;  /* bytes of the result */

    /* the run's own */

    const ngx_mlsec_filter_t  *filter;

    /* what has come of it */

    ngx_str_t               result;    /* JSON, in r->pool */
    ngx_mlsec_error_t       error;     /* for ngx_mlsec_error_set() */
} ngx_mlsec_filter_job_t;


/*
 * Compiles a program that stands in the configuration.
 *
 * directive: for messages.  text: the program.  whole: 1 for a program that
 * makes the answer of a location, which may use $status and $errors; 0 for
 * one that sees a single body.
 *
 * The program lives as long as the configuration; NULL after an [emerg] with
 * line, column and reason.
 */
const ngx_mlsec_filter_t *ngx_mlsec_filter_compile(ngx_conf_t *cf,
    const char *directive, ngx_str_t *text, ngx_uint_t whole);

/*
 * The same for files.  paths, n: their names, relative to the folder of
 * nginx.conf; several are one program, joined in this order behind those of
 * mlsec_filter_library.
 */
const ngx_mlsec_filter_t *ngx_mlsec_filter_compile_files(ngx_conf_t *cf,
    const char *directive, const ngx_str_t *paths, ngx_uint_t n,
    ngx_uint_t whole);

/*
 * The program of mlsec_filter or mlsec_filter_file in the location that cf is
 * merging, with the place of the directive for messages; NULL: none.
 */
const ngx_mlsec_filter_t *ngx_mlsec_filter_conf(ngx_conf_t *cf,
    const ngx_mlsec_conf_place_t **place);

/*
 * The same for the location of a request.
 */
const ngx_mlsec_filter_t *ngx_mlsec_filter_get(ngx_http_request_t *r);

/*
 * Runs a program within the limits of the location of r.
 *
 * r: the request that the client has sent, for its variables.
 * Memory of the run is gone when this returns; job->result is in r->pool.
 *
 * NGX_OK: job->result is set.
 * NGX_DECLINED: the program failed, by itself, at a limit, or it gave no
 *     result or more than one; job->error says what to tell the client, and
 *     the reason has been logged, without any of the data.
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_filter_run(ngx_http_request_t *r,
    const ngx_mlsec_filter_t *filter, ngx_mlsec_filter_job_t *job);


/* ngx_mlsec_filter_variables.c */

/*
 * Names of the variables, without the dollar.
 */
extern const mlsec_str_t  ngx_mlsec_filter_names[];

/*
 * The values of the variables that a program uses.
 *
 * values: filter->bound of them are set; those that are not used are null.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_filter_values(ngx_http_request_t *r,
    const ngx_mlsec_filter_t *filter, const ngx_mlsec_filter_job_t *job,
    mlsec_filter_value_t *values);


/* ngx_mlsec_filter_module.c */

/*
 * mlsec_filter_max_steps (instructions) and mlsec_filter_max_memory (bytes).
 */
void ngx_mlsec_filter_limits(ngx_http_request_t *r, uint64_t *steps,
    size_t *memory);


extern ngx_module_t  ngx_mlsec_filter_module;


#endif /* _NGX_MLSEC_FILTER_H_INCLUDED_ */
