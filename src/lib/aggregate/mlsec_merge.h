/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Merging the bodies of an aggregate into one document, in three steps:
 * check each body when it comes, plan when all are in (conflicts are known
 * then), emit.  Order and result come from the order of "parts" alone.
 *
 *              failed part  omitted part  result of no members
 *   namespace  null         nothing       {}
 *   flat       nothing      nothing       {}
 *   array      null         nothing       []
 *   concat     nothing      nothing       []
 */


#ifndef _MLSEC_MERGE_H_INCLUDED_
#define _MLSEC_MERGE_H_INCLUDED_


#include <lib/mlsec_types.h>


typedef enum {
    MLSEC_MERGE_NAMESPACE = 0,         /* {"NAME": body, ...} */
    MLSEC_MERGE_FLAT,                  /* the members of object bodies */
    MLSEC_MERGE_ARRAY,                 /* [body, ...] */
    MLSEC_MERGE_CONCAT                 /* the elements of array bodies */
} mlsec_merge_mode_e;


typedef enum {
    MLSEC_CONFLICT_ERROR = 0,          /* keep the first and report */
    MLSEC_CONFLICT_FIRST,
    MLSEC_CONFLICT_LAST
} mlsec_merge_conflict_e;


typedef enum {
    MLSEC_PART_BODY = 0,               /* "body" is to be merged; a fallback
                                          is a body like any other */
    MLSEC_PART_FAILED,                 /* failed, and without fallback */
    MLSEC_PART_OMITTED                 /* left out: if= false, omit */
} mlsec_merge_state_e;


typedef struct {
    mlsec_str_t           name;        /* inside of a JSON string: see
                                          mlsec_text_escape() */
    mlsec_str_t           body;        /* accepted JSON, white space around
                                          it allowed */
    mlsec_merge_state_e   state;
} mlsec_merge_part_t;


/* A member of part "part" that lost against an earlier part's. */

typedef struct {
    size_t                part;        /* index into parts */
    mlsec_str_t           key;         /* raw, as in that part's body */
} mlsec_merge_conflict_t;


typedef struct {
    mlsec_merge_mode_e      mode;
    mlsec_merge_conflict_e  on_conflict;
    uint64_t                seed[2];   /* secret, random: keys the hash of
                                          member names */
} mlsec_merge_conf_t;


typedef struct mlsec_merge_entry_s  mlsec_merge_entry_t;


/* A plan.  Callers read the first three fields. */

typedef struct {
    const mlsec_merge_conflict_t  *conflicts;
                                       /* order of parts, then of members */
    size_t                         nconflicts;
                                       /* 0 unless flat with ..._ERROR */
    unsigned                       has_errors;
                                       /* 1: flat, and a body has a member
                                          "errors": the list of errors must
                                          go elsewhere */

    mlsec_merge_mode_e             mode;
    const mlsec_merge_part_t      *parts;
    size_t                         nparts;
    const mlsec_merge_entry_t     *entries;
    size_t                         nentries;
} mlsec_merge_t;


/*
 * Receives the next bytes of the result.  They belong to the parts, to the
 * errors_json given to mlsec_merge_emit(), or are static; "len" is never 0.
 * Returns 0 to go on; anything else stops, and is what emit returns.
 */
typedef int (*mlsec_merge_emit_pt)(void *ctx, const unsigned char *data,
    size_t len);


/*
 * Says whether an accepted body fits the mode.
 * Returns MLSEC_OK, or MLSEC_BADTYPE: flat takes objects only, concat takes
 * arrays only, and null is neither.
 */
int mlsec_merge_check(mlsec_merge_mode_e mode, mlsec_str_t body);

/*
 * Plans the result.
 * parts: nparts of them (0 allowed) in declared order, kept by the plan.
 * mem: owns what the plan allocates (flat only).
 * In flat, keys are equal when they decode to the same name, a member stays
 * where its first occurrence stood, and duplicates inside one body are no
 * conflict: the last one counts.  Expected linear time; the seed keeps an
 * attacker from making it quadratic.
 * Returns MLSEC_OK; MLSEC_NOMEM; MLSEC_BADTYPE if a body does not fit the
 * mode, which mlsec_merge_check() would have told.
 */
int mlsec_merge_plan(mlsec_merge_t *m, const mlsec_mem_t *mem,
    const mlsec_merge_conf_t *conf, const mlsec_merge_part_t *parts,
    size_t nparts);

/*
 * Emits the planned document.
 * errors_json: a whole JSON array; when its len is not 0 it becomes the
 * last member, "errors".  Ignored in array and concat, and when has_errors.
 * Body bytes are handed on, never copied.
 * Returns MLSEC_OK, or what emit() returned to stop.
 */
int mlsec_merge_emit(const mlsec_merge_t *m, mlsec_str_t errors_json,
    mlsec_merge_emit_pt emit, void *ctx);

/* Returns the number of bytes that mlsec_merge_emit() would emit. */
size_t mlsec_merge_size(const mlsec_merge_t *m, mlsec_str_t errors_json);


#endif /* _MLSEC_MERGE_H_INCLUDED_ */
