/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The status of an HTTP/1 response, read from bytes as they come. */


#ifndef _MLSEC_PROBE_H_INCLUDED_
#define _MLSEC_PROBE_H_INCLUDED_


#include <lib/mlsec_types.h>


/* zeroed: at the start of a response */

typedef struct {
    unsigned  state;
    unsigned  status;            /* of the final response, when it is known */
    size_t    used;              /* bytes of the last call, up to the status */
} mlsec_probe_t;


/*
 * Takes the next bytes of a response.  Interim ones (RFC 9110, 15.2) are
 * skipped; what follows the status of the final one is not looked at.
 *
 * MLSEC_OK: p->status is 200-599; no more bytes are to be given, what comes
 * after the first p->used of this call is for mlsec_body_feed().
 * MLSEC_EMPTY: more are needed.  MLSEC_INVALID: it is no HTTP/1 response.
 */
int mlsec_probe_feed(mlsec_probe_t *p, const unsigned char *data, size_t len);


#endif /* _MLSEC_PROBE_H_INCLUDED_ */
