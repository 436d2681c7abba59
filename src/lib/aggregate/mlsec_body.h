/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The body of an HTTP/1 response, read from bytes as they come: what follows
 * the status that mlsec_probe_feed() has found.
 */


#ifndef _MLSEC_BODY_H_INCLUDED_
#define _MLSEC_BODY_H_INCLUDED_


#include <lib/aggregate/mlsec_cache_merge.h>
#include <lib/mlsec_types.h>


#define MLSEC_BODY_LINE  192         /* bytes kept of a line */


typedef struct {
    unsigned char  *data;            /* the body, caller's memory */
    size_t          len;             /* bytes of it so far */
    size_t          room;            /* bytes that fit */

    uint64_t        left;            /* bytes of the body or chunk to come */
    unsigned        state;
    unsigned        n;               /* bytes of the line, may exceed it */
    unsigned char   line[MLSEC_BODY_LINE];
    mlsec_cache_merge_t  cache;      /* of the lines of Cache-Control */

    unsigned        bodiless:1;      /* by its status */
    unsigned        sized:1;         /* Content-Length */
    unsigned        chunked:1;       /* Transfer-Encoding: chunked */
} mlsec_body_t;


/*
 * Begins a body.  status: of the final response, 200-599; data, room: where
 * the body goes, which must stay until it is complete.
 */
void mlsec_body_init(mlsec_body_t *b, unsigned status, unsigned char *data,
    size_t room);

/*
 * Takes the next bytes of a response, from behind its status: the rest of the
 * status line, the headers, the body.  RFC 9112, 6: chunks win over a length;
 * other codings are not taken.
 *
 * MLSEC_OK: b->data has all b->len bytes; no more are to be given.
 * MLSEC_EMPTY: more are needed.  MLSEC_NOMEM: the body is larger than its
 * room.  MLSEC_INVALID: this is no HTTP/1.
 */
int mlsec_body_feed(mlsec_body_t *b, const unsigned char *data, size_t len);

/*
 * The connection has ended.  MLSEC_OK if that is how the body ends (neither a
 * length nor chunks), MLSEC_INVALID if something is missing.
 */
int mlsec_body_end(const mlsec_body_t *b);


#endif /* _MLSEC_BODY_H_INCLUDED_ */
