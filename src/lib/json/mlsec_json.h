/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * JSON without a tree: a strict streaming scanner that says whether bytes
 * are one RFC 8259 document, and a walker over text that the scanner has
 * accepted.  Neither allocates, neither recurses, and no byte is changed.
 */


#ifndef _MLSEC_JSON_H_INCLUDED_
#define _MLSEC_JSON_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_JSON_DEFAULT_DEPTH  64   /* levels of objects and arrays */
#define MLSEC_JSON_MAX_DEPTH      512


typedef enum {
    MLSEC_JSON_NONE = 0,               /* nothing but white space */
    MLSEC_JSON_NULL,
    MLSEC_JSON_FALSE,
    MLSEC_JSON_TRUE,
    MLSEC_JSON_NUMBER_VALUE,
    MLSEC_JSON_STRING,
    MLSEC_JSON_ARRAY,
    MLSEC_JSON_OBJECT
} mlsec_json_type_e;


/*
 * The state of a scan.  Callers read "error", "offset" and "type"; the rest
 * is the scanner's own.  It holds no pointer, so it may be copied, and
 * needs no clean-up.
 */

typedef struct {
    uint64_t              offset;      /* bytes accepted since init; after an
                                          error: index of the byte at fault,
                                          for TRUNCATED the length so far */
    uint64_t              stack[MLSEC_JSON_MAX_DEPTH / 64];
                                       /* a bit a level, 1 is an object */
    uint32_t              depth;       /* open objects and arrays */
    uint32_t              max_depth;
    uint32_t              code;        /* code unit of a \u escape */
    int                   error;       /* MLSEC_OK or the error that stuck */
    uint8_t               type;        /* mlsec_json_type_e of the document,
                                          known from its first byte on */
    uint8_t               expect;      /* grammar: what may come next */
    uint8_t               lex;         /* inside which token, if any */
    uint8_t               literal;     /* index of the literal's next byte */
} mlsec_json_scan_t;


/*
 * Starts a scan.
 * max_depth: levels of nesting allowed, 1..MLSEC_JSON_MAX_DEPTH; 0 means
 * MLSEC_JSON_DEFAULT_DEPTH, more than the maximum means the maximum.
 */
void mlsec_json_scan_init(mlsec_json_scan_t *s, unsigned max_depth);

/*
 * Scans the next "len" bytes of the document, which may be cut anywhere:
 * verdict and offset do not depend on where.  Nothing of "p" is kept.
 * Returns MLSEC_OK (go on), or a MLSEC_JSON_* error; an error sticks: later
 * calls return it again and look at nothing.
 * RFC 8259; stricter than its "should": UTF-8 of RFC 3629 only (no overlong
 * forms, no surrogates), \u surrogates only in pairs, no byte order mark.
 * \u0000 is accepted: it is a character like any other.
 */
int mlsec_json_scan_feed(mlsec_json_scan_t *s, const unsigned char *p,
    size_t len);

/*
 * Says that the document is over.
 * Returns MLSEC_OK: exactly one document was fed; MLSEC_EMPTY: only white
 * space or nothing was fed (not an error, does not stick); the error of an
 * earlier feed; or MLSEC_JSON_TRUNCATED, which sticks.
 */
int mlsec_json_scan_finish(mlsec_json_scan_t *s);

/*
 * Scans a whole text: init, feed, finish.
 * type, offset: may be NULL; otherwise the type of the document and the
 * scanner's offset.
 * Returns what mlsec_json_scan_finish() returns.
 */
int mlsec_json_scan(mlsec_str_t text, unsigned max_depth,
    mlsec_json_type_e *type, size_t *offset);

/*
 * Returns a constant English phrase for any mlsec_rc, without a final dot
 * ("truncated", "invalid UTF-8"); for an unknown code "unknown error".
 */
const char *mlsec_json_strerror(int rc);


/*
 * The walker.  Every "text" or "value" below is a slice of text that the
 * scanner accepted, and holds one value, white space around it allowed.
 * Results are slices of the same bytes, hence valid as long as those are.
 * On other bytes the results mean nothing, yet no function reads outside
 * of its slice.  A "raw" key or string is the text between the quotes,
 * escapes not decoded.
 */

/* Returns the slice without white space at either end. */
mlsec_str_t mlsec_json_trim(mlsec_str_t text);

/* Returns the type of the value, MLSEC_JSON_NONE for an empty slice. */
mlsec_json_type_e mlsec_json_type(mlsec_str_t value);

/*
 * Skips one value.
 * p: its first byte or white space before it; end: end of the text.
 * Returns the byte after the value, at most "end".
 */
const unsigned char *mlsec_json_skip(const unsigned char *p,
    const unsigned char *end);


typedef struct {
    const unsigned char  *pos;         /* next member or element, or the
                                          white space before it */
    const unsigned char  *end;
} mlsec_json_iter_t;


/*
 * Starts a walk over the members of an object, or the elements of an array.
 * Returns MLSEC_OK, or MLSEC_BADTYPE if the value is something else.
 */
int mlsec_json_members(mlsec_json_iter_t *it, mlsec_str_t value);

/* The same over the elements of an array. */
int mlsec_json_elements(mlsec_json_iter_t *it, mlsec_str_t value);

/*
 * Takes the next member, in the order of the text, duplicates included.
 * key: raw; its quotes are at key->data[-1] and key->data[key->len].
 * value: trimmed.
 * Returns MLSEC_OK, or MLSEC_DECLINED after the last one.
 */
int mlsec_json_next_member(mlsec_json_iter_t *it, mlsec_str_t *key,
    mlsec_str_t *value);

/*
 * Takes the next element, trimmed.
 * Returns MLSEC_OK, or MLSEC_DECLINED after the last one.
 */
int mlsec_json_next_element(mlsec_json_iter_t *it, mlsec_str_t *value);

/*
 * Finds the member called "name" (decoded UTF-8); of several the last one,
 * as parsers do.
 * Returns MLSEC_OK, MLSEC_DECLINED if there is none, MLSEC_BADTYPE if
 * "object" is not an object; *value is set on MLSEC_OK only.
 */
int mlsec_json_find(mlsec_str_t object, mlsec_str_t name,
    mlsec_str_t *value);

/* Returns 1 if the raw key, decoded, is "name" byte for byte; 0 if not. */
int mlsec_json_key_is(mlsec_str_t key, mlsec_str_t name);

/*
 * Decodes a raw string to UTF-8.
 * dst: room for at least raw.len bytes (a decoded string is never longer);
 * may be raw.data itself if the caller owns those bytes.
 * Returns the number of bytes written; no zero byte is added.
 */
size_t mlsec_json_decode(unsigned char *dst, mlsec_str_t raw);

/*
 * Takes the inside of a string value.
 * Returns MLSEC_OK and the raw string, or MLSEC_BADTYPE.
 */
int mlsec_json_string(mlsec_str_t value, mlsec_str_t *raw);


#endif /* _MLSEC_JSON_H_INCLUDED_ */
