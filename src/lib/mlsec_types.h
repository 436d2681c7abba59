/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The words that every part of src/lib speaks: slices, memory, codes. */


#ifndef _MLSEC_TYPES_H_INCLUDED_
#define _MLSEC_TYPES_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * A function that is entered by few of those that come by its caller.  It is
 * not made a part of that, which need not save registers then for what is
 * seldom done.
 */

#define mlsec_apart  __attribute__((noinline))


/*
 * A request of nginx passes some hundred kilobytes of code, the kernel's too,
 * so that at each of its events most of what it runs comes from the second
 * level of the cache, a line and a page at a time.  What is run for every
 * request is therefore laid side by side ("hot"), and what is for failures, or
 * for a start, is laid somewhere else ("rare"), with those parts of its
 * callers that do nothing but call it.
 */

#define mlsec_hot   __attribute__((hot))
#define mlsec_rare  __attribute__((cold, noinline))


/* What nearly always is so: the code for that goes straight on. */

#define mlsec_likely(x)  __builtin_expect(!!(x), 1)


/* A slice: bytes that somebody else owns. "data" may be NULL if "len" is 0. */

typedef struct {
    const unsigned char  *data;
    size_t                len;         /* bytes */
} mlsec_str_t;


/*
 * Where memory comes from.  alloc() returns "size" bytes aligned for any
 * object, or NULL, which every function of the library turns into
 * MLSEC_NOMEM.  Nothing is ever given back: the owner of "ctx" frees all
 * at once (an nginx pool, an arena).  "size" is never 0.
 */

typedef struct {
    void                *(*alloc)(void *ctx, size_t size);
    void                 *ctx;
} mlsec_mem_t;


/*
 * Return codes of the library.  The JSON ones are also what
 * mlsec_json_scan_t.error holds and what mlsec_json_strerror() explains.
 */

typedef enum {
    MLSEC_OK = 0,

    MLSEC_DECLINED = -1,               /* not there, or no more of them */
    MLSEC_NOMEM = -2,                  /* alloc() returned NULL */
    MLSEC_BADTYPE = -3,                /* a JSON value of the wrong type */
    MLSEC_EMPTY = -4,                  /* no document, white space only */
    MLSEC_INVALID = -5,                /* malformed configuration text */

    MLSEC_JSON_UNEXPECTED = -20,       /* a byte that cannot stand here */
    MLSEC_JSON_TRUNCATED = -21,        /* the document is not finished */
    MLSEC_JSON_CONTROL = -22,          /* raw control character in a string */
    MLSEC_JSON_ESCAPE = -23,           /* escape outside RFC 8259, 7 */
    MLSEC_JSON_SURROGATE = -24,        /* \uD800-\uDFFF without its pair */
    MLSEC_JSON_UTF8 = -25,             /* ill-formed UTF-8 in a string */
    MLSEC_JSON_NUMBER = -26,           /* number outside RFC 8259, 6 */
    MLSEC_JSON_LITERAL = -27,          /* neither true, false nor null */
    MLSEC_JSON_DEPTH = -28,            /* nested deeper than allowed */
    MLSEC_JSON_SECOND = -29            /* something after the document */
} mlsec_rc;


#endif /* _MLSEC_TYPES_H_INCLUDED_ */
