/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Small JSON documents whose values decide who somebody is: headers and
 * payloads of tokens, key sets.  jansson builds the tree; what it has no
 * limit for at run time (depth, number of values) is counted before.
 */


#ifndef _MLSEC_CLAIMS_H_INCLUDED_
#define _MLSEC_CLAIMS_H_INCLUDED_


#include <lib/mlsec_types.h>
#include <jansson.h>


#define MLSEC_CLAIMS_DEPTH   16        /* levels */
#define MLSEC_CLAIMS_VALUES  2048      /* members and elements, all levels */
#define MLSEC_CLAIMS_STEPS   8         /* names in a path */


/* A compiled path: "realm_access.roles" or "/https:~1~1a.example/roles". */

typedef struct {
    char         *step[MLSEC_CLAIMS_STEPS];
    size_t        n;
} mlsec_claims_path_t;


/*
 * Parses one JSON object.
 * max_depth: levels of objects and arrays.
 * Returns the tree, to be freed with json_decref(); NULL when the text is
 * anything else: not RFC 8259, a name twice in one object, \u0000, deeper or
 * with more values than allowed, a number that jansson cannot hold, something
 * behind the object, no memory.
 */
json_t *mlsec_claims_parse(mlsec_str_t text, size_t max_depth);

/*
 * Compiles a path: names separated by dots, or a JSON pointer (RFC 6901) when
 * it starts with a slash, for names that have dots in them.
 * Memory is mem's.
 * Returns MLSEC_OK, MLSEC_INVALID (empty, an empty name between dots, more
 * than MLSEC_CLAIMS_STEPS names, a bad ~ escape) or MLSEC_NOMEM.
 */
int mlsec_claims_path(const mlsec_mem_t *mem, mlsec_str_t text,
    mlsec_claims_path_t *path);

/*
 * Follows a path; a decimal number is an index where it meets an array.
 * Returns the value, which the tree owns, or NULL when there is none.
 */
const json_t *mlsec_claims_find(const json_t *root,
    const mlsec_claims_path_t *path);

/*
 * Looks up a member that must be a string.
 * Returns MLSEC_OK with *value a slice of the tree, MLSEC_DECLINED when there
 * is no such member, MLSEC_BADTYPE when it is something else.
 */
int mlsec_claims_string(const json_t *object, const char *name,
    mlsec_str_t *value);

/*
 * Whether a value is a string of exactly these bytes, or an array that has
 * one: 1 or 0.
 */
int mlsec_claims_has(const json_t *value, mlsec_str_t text);

/*
 * Compares a number with one in text, spelled as JSON has it: no "nan", "inf",
 * "0x5", "+5" or "05", which others would read in their own ways.  Integers
 * are compared as such; fractions, and what is beyond 63 bits, as doubles.
 * order: < 0, 0, > 0 as the value is less than the text, equal, or more.
 * Returns MLSEC_OK, or MLSEC_DECLINED when one of both is no number.
 */
int mlsec_claims_compare(const json_t *value, mlsec_str_t text, int *order);


#endif /* _MLSEC_CLAIMS_H_INCLUDED_ */
