/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The text formats of Prometheus: 0.0.4 and OpenMetrics 1.0.
 */


#ifndef _MLSEC_EXPOSITION_H_INCLUDED_
#define _MLSEC_EXPOSITION_H_INCLUDED_


#include <lib/mlsec_types.h>


typedef enum {
    MLSEC_EXPOSITION_TEXT = 0,       /* text/plain; version=0.0.4 */
    MLSEC_EXPOSITION_OPENMETRICS     /* application/openmetrics-text */
} mlsec_exposition_e;


/*
 * Which format an Accept header asks for (RFC 9110, 12.5.1): OpenMetrics when
 * it is named, in version 1.0.0, 0.0.1 or none, with a weight above 0 that is
 * no smaller than that of text/plain, text/all or all/all.  Else, and without
 * a header, the older one, which everybody reads.
 */
mlsec_exposition_e mlsec_exposition_accept(mlsec_str_t accept);

/* Bytes that mlsec_exposition_escape() will write. */
size_t mlsec_exposition_escaped_len(mlsec_str_t value);

/*
 * Writes the value of a label without its quotes: backslash, quote and line
 * feed are escaped, what is no UTF-8 becomes U+FFFD.
 *
 * dst: room for mlsec_exposition_escaped_len() bytes.  The end of what was
 * written.
 */
unsigned char *mlsec_exposition_escape(unsigned char *dst, mlsec_str_t value);


#endif /* _MLSEC_EXPOSITION_H_INCLUDED_ */
