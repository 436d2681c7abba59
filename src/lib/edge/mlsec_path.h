/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whether the path of a request means one thing to everybody.  A server
 * decodes a path, takes dots and double slashes out of it and then decides who
 * may have it; the next one on the way may do that in another order, twice, or
 * not at all, and serve something else than what was decided about.
 */


#ifndef _MLSEC_PATH_H_INCLUDED_
#define _MLSEC_PATH_H_INCLUDED_


#include <lib/mlsec_types.h>


typedef enum {
    MLSEC_PATH_OK = 0,
    MLSEC_PATH_NO_SLASH,               /* does not begin with one */
    MLSEC_PATH_ESCAPE,                 /* "%" without two hex digits */
    MLSEC_PATH_CONTROL,                /* 0x00-0x20, 0x7f; escaped, less 0x20 */
    MLSEC_PATH_SEPARATOR,              /* "\", escaped "/" or "\" */
    MLSEC_PATH_EMPTY,                  /* "//" */
    MLSEC_PATH_DOTS,                   /* a segment "." or "..", an escaped
                                          dot anywhere */
    MLSEC_PATH_PARAMETER,              /* ";", plain or escaped */
    MLSEC_PATH_FRAGMENT,               /* "#" */
    MLSEC_PATH_TWICE,                  /* "%25" and two hex digits */
    MLSEC_PATH_NEEDLESS,               /* an escaped letter or digit */
    MLSEC_PATH_UTF8,                   /* ill-formed when decoded */
    MLSEC_PATH_OTHER                   /* decoded, it is not "plain" */
} mlsec_path_e;


/*
 * Judges a path.
 *
 * raw: as the client wrote it, up to "?" (RFC 3986, 3.3).
 * plain: what the server has made of it and decides by.
 *
 * MLSEC_PATH_OK: raw is the only usual way to write plain, up to the escapes
 * of characters that need none but letters, digits and dots do not count
 * among ("%7E", "%2D"), and no decoding of it gives another path.
 */
mlsec_hot mlsec_path_e mlsec_path_check(mlsec_str_t raw, mlsec_str_t plain);

/* What is wrong, for a log: "an escaped slash or backslash". */
const char *mlsec_path_text(mlsec_path_e verdict);


#endif /* _MLSEC_PATH_H_INCLUDED_ */
