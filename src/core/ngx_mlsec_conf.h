/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Reading directives: what every capability's setters need beyond nginx's
 * own.  All of them report a bad value themselves, as [emerg] with the
 * directive, the value and what to write instead; nginx adds file and line.
 */


#ifndef _NGX_MLSEC_CONF_H_INCLUDED_
#define _NGX_MLSEC_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Where a directive stands, for errors that are found after the file was
 * read.  The file name is the configuration's and lives as long.
 */
typedef struct {
    ngx_str_t    file;
    ngx_uint_t   line;
} ngx_mlsec_conf_place_t;


/* one status or a range of them */

typedef struct {
    ngx_uint_t   first;
    ngx_uint_t   last;
} ngx_mlsec_statuses_t;


/*
 * Notes that a configuration has something for "module" to do; while its
 * directives are read or merged.
 */
void ngx_mlsec_conf_use(ngx_conf_t *cf, const ngx_module_t *module);

/*
 * Whether it has, once all is merged: 1 or 0.  Phase handlers need not be
 * registered otherwise.
 */
ngx_uint_t ngx_mlsec_conf_used(ngx_conf_t *cf, const ngx_module_t *module);

/*
 * Whether it has, or any configuration before it that this process has read.
 * Filters need not be registered otherwise.  One that failed to load counts,
 * and so do those before it: the chain of filters is not a configuration's but
 * the process's, so a worker that is begun after a reload that failed has the
 * chain of the one that is not there.
 */
ngx_uint_t ngx_mlsec_conf_ever_used(const ngx_module_t *module);

/*
 * A module of this nginx, ours or another's, NULL if it has none of that name.
 * name: that of its ngx_module_t, "ngx_http_proxy_module".
 */
const ngx_module_t *ngx_mlsec_conf_module(ngx_conf_t *cf, const char *name);

/*
 * Splits "name=value".  name: with its "=".
 *
 * 1: arg starts with name, *value is the rest (inside arg).  0: it does not.
 */
ngx_uint_t ngx_mlsec_conf_param(ngx_str_t *arg, const char *name,
    ngx_str_t *value);

/*
 * The word before "=" in a parameter, for messages about unknown ones.
 */
ngx_str_t ngx_mlsec_conf_param_name(ngx_str_t *arg);

/*
 * A time of at least 1 ms in nginx's notation ("3s", "250ms").
 *
 * parameter: what the value belongs to, as the message should name it.
 * *msec: milliseconds.
 *
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_conf_msec(ngx_conf_t *cf, const char *parameter,
    ngx_str_t *value, ngx_msec_t *msec);

/*
 * A list of statuses, 200-599, and of hundreds of them: "2xx,404".
 *
 * parameter: what the list belongs to, as the message should name it.
 *
 * NGX_OK with *list (of ngx_mlsec_statuses_t) in cf->pool, or NGX_ERROR after
 * an [emerg].
 */
ngx_int_t ngx_mlsec_conf_statuses(ngx_conf_t *cf, const char *parameter,
    ngx_str_t *value, ngx_array_t **list);

/*
 * Whether a status is in such a list, 1 or 0.  list: NULL for "2xx".
 */
ngx_uint_t ngx_mlsec_conf_status_in(const ngx_array_t *list,
    ngx_uint_t status);

/*
 * Makes handler the content handler of the location being read.
 *
 * NGX_OK; NGX_ERROR after an [emerg] when the location has another one.
 * A handler that is set later by somebody else is not seen here, see
 * ngx_mlsec_conf_check_handler().
 */
ngx_int_t ngx_mlsec_conf_set_handler(ngx_conf_t *cf, const char *directive,
    ngx_http_handler_pt handler);

/*
 * To be called when locations are merged: whether the location still has the
 * content handler that ngx_mlsec_conf_set_handler() gave it.
 *
 * NGX_OK, or NGX_ERROR after an [emerg] that names place.
 */
ngx_int_t ngx_mlsec_conf_check_handler(ngx_conf_t *cf, const char *directive,
    ngx_http_handler_pt handler, const ngx_mlsec_conf_place_t *place);

/*
 * Whether a value is a word that can stand in a list, a header or a log as it
 * is: 1 to 64 letters, digits and . _ : -
 */
ngx_uint_t ngx_mlsec_conf_is_word(const ngx_str_t *value);

/*
 * Whether two texts are the same, bytes and case; 1 or 0.  An empty one needs
 * no data, which the functions of memory would not like.
 */
ngx_uint_t ngx_mlsec_conf_same(const ngx_str_t *a, const ngx_str_t *b);

/*
 * The colon of "Name: value", if that begins with the name of a header, a token
 * (RFC 9110, 5.6.2); else NULL.
 */
u_char *ngx_mlsec_conf_header_colon(const ngx_str_t *value);

/*
 * Reads a file that a directive names, of at most max bytes.
 *
 * path: relative to the folder of nginx.conf.
 *
 * NGX_OK with *text in cf->temp_pool, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_conf_read_file(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *path, size_t max, ngx_str_t *text);

/*
 * Notes where the directive being read stands.
 */
void ngx_mlsec_conf_here(ngx_conf_t *cf, ngx_mlsec_conf_place_t *place);

/*
 * Registers the variables of a table that ngx_http_null_variable ends.  To be
 * called in preconfiguration.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_conf_variables(ngx_conf_t *cf,
    const ngx_http_variable_t *table);

/*
 * Takes "NAME:SIZE" of a shared zone apart.
 *
 * name: set to the part of value before the colon; all of value without one.
 *
 * The size in bytes, or NGX_ERROR: no name, no size, or none that nginx knows.
 */
ssize_t ngx_mlsec_conf_zone(const ngx_str_t *value, ngx_str_t *name);


#endif /* _NGX_MLSEC_CONF_H_INCLUDED_ */
