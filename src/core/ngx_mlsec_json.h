/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A growing JSON text in a request pool: the writer of envelopes, of the
 * errors[] list and of constant bodies.  It writes what it is told, commas
 * included; escaping is the only thing that it decides itself.
 */


#ifndef _NGX_MLSEC_JSON_H_INCLUDED_
#define _NGX_MLSEC_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    u_char       *start;
    u_char       *pos;          /* where the next byte goes */
    u_char       *end;
    ngx_pool_t   *pool;
    unsigned      failed:1;     /* sticks: an allocation failed */
} ngx_mlsec_json_t;


#define ngx_mlsec_json_lit(w, s)                                              \
    ngx_mlsec_json_raw(w, (u_char *) s, sizeof(s) - 1)


/*
 * Starts an empty text.
 *
 * size: bytes allocated at once; the text grows beyond them when it must.
 * Memory is the pool's and lives as long.
 *
 * NGX_OK, or NGX_ERROR without memory (the writer is then unusable).
 */
ngx_int_t ngx_mlsec_json_init(ngx_mlsec_json_t *w, ngx_pool_t *pool,
    size_t size);

/*
 * Appends bytes as they are.  Without memory the writer is marked failed and
 * drops this and everything later.
 */
void ngx_mlsec_json_raw(ngx_mlsec_json_t *w, const u_char *p, size_t len);

/*
 * Appends a JSON string, quotes included.  Any bytes are taken: what is not
 * UTF-8 becomes U+FFFD, so that the text stays valid (RFC 8259, 8.1).
 */
void ngx_mlsec_json_string(ngx_mlsec_json_t *w, const ngx_str_t *value);

/*
 * The same without the quotes, for text inside a string that the caller has
 * opened.
 */
void ngx_mlsec_json_string_inside(ngx_mlsec_json_t *w,
    const ngx_str_t *value);

/*
 * Appends an integer in decimal.
 */
void ngx_mlsec_json_int(ngx_mlsec_json_t *w, int64_t value);

/*
 * Appends the current time as a JSON string in RFC 3339 form, UTC, with six
 * digits of a second: "2025-01-09T10:30:00.000000Z".  nginx's cached clock
 * has milliseconds, so the last three digits are zeros.
 */
void ngx_mlsec_json_time(ngx_mlsec_json_t *w);

/*
 * The text so far.
 *
 * NGX_OK: *text is set and is the pool's memory.
 * NGX_ERROR: an allocation failed on the way; the text is not to be used.
 */
ngx_int_t ngx_mlsec_json_text(ngx_mlsec_json_t *w, ngx_str_t *text);


#endif /* _NGX_MLSEC_JSON_H_INCLUDED_ */
