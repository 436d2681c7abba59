/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whether files of an audit log are what was written to them.
 *
 * Lines are given one by one, files in the order in which they were written.
 * Each thing that is wrong is told once, with the place where it shows, and
 * the rest goes on to be checked.
 */


#ifndef _MLSEC_AUDIT_VERIFY_H_INCLUDED_
#define _MLSEC_AUDIT_VERIFY_H_INCLUDED_


#include <lib/audit/mlsec_audit.h>


#define MLSEC_AUDIT_GAPS    16
#define MLSEC_AUDIT_TORN    64
#define MLSEC_AUDIT_EXPECT  1024


typedef struct {
    const char          *file;
    uint64_t             line;         /* from 1 */
} mlsec_audit_place_t;


/*
 * Told of what is found.
 * bad: 1, the files are not what was written; 0, worth knowing.
 * text: until the function returns.
 */
typedef void (*mlsec_audit_report_pt)(void *ctx, int bad,
    const mlsec_audit_place_t *place, const char *text);


/* numbers that have not been seen, first to last */

typedef struct {
    uint64_t             first;
    uint64_t             last;
} mlsec_audit_gap_t;


typedef struct {
    mlsec_audit_head_t   head;         /* of the last line so far */
    unsigned char        computed[MLSEC_AUDIT_HASH];
                                       /* its hash by its text: another one
                                          than in head if it was changed */
    mlsec_audit_place_t  place;        /* of that line */
    uint64_t             lines;
    unsigned             ended;
    unsigned             named;        /* by a line of another chain */
    size_t               ngaps;
    mlsec_audit_gap_t    gap[MLSEC_AUDIT_GAPS];
} mlsec_audit_known_t;


/* what there is of a line that was not written whole */

typedef struct {
    mlsec_str_t          text;
    mlsec_audit_place_t  place;
} mlsec_audit_torn_t;


typedef struct {
    mlsec_audit_head_t   head;
    unsigned             seen;
} mlsec_audit_expect_t;


/* Callers read chain, nchains, lines, dropped and bad. */

typedef struct {
    mlsec_mem_t          mem;
    mlsec_audit_digest_t digest;
    mlsec_audit_report_pt report;
    void                *ctx;

    mlsec_audit_place_t  place;
    unsigned             files;
    unsigned             whole;        /* the first file begins the log */
    uint64_t             lines;        /* that are records */
    uint64_t             dropped;      /* records, by what the lines say */
    uint64_t             bad;          /* what was reported as such */

    mlsec_audit_known_t *chain;
    size_t               nchains;
    size_t               room;

    mlsec_audit_torn_t   torn[MLSEC_AUDIT_TORN];
    size_t               ntorn;

    mlsec_audit_expect_t expect[MLSEC_AUDIT_EXPECT];
    size_t               nexpect;
} mlsec_audit_verify_t;


/*
 * Begins.
 * mem: for one entry a chain; what outlives it is freed by its owner.
 * MLSEC_OK, or MLSEC_NOMEM; mlsec_audit_verify_free() frees the rest.
 */
int mlsec_audit_verify_init(mlsec_audit_verify_t *v, const mlsec_mem_t *mem,
    mlsec_audit_report_pt report, void *ctx);

/* Frees what is not of v->mem. */
void mlsec_audit_verify_free(mlsec_audit_verify_t *v);

/*
 * Adds a head that was noted elsewhere: the files must have that line.  To be
 * called before the first file.
 * MLSEC_OK, or MLSEC_DECLINED: more than MLSEC_AUDIT_EXPECT.
 */
int mlsec_audit_verify_expect(mlsec_audit_verify_t *v,
    const mlsec_audit_head_t *head);

/* The lines that follow are of this file.  name: as long as v. */
void mlsec_audit_verify_file(mlsec_audit_verify_t *v, const char *name);

/*
 * The next line, any bytes, without its newline; they have to stay where they
 * are until mlsec_audit_verify_finish().
 * MLSEC_OK, or MLSEC_NOMEM.
 */
int mlsec_audit_verify_line(mlsec_audit_verify_t *v, mlsec_str_t line);

/*
 * There are no more lines.
 * ended: 1, each chain must have ended; 0, those that are open may be at work.
 */
void mlsec_audit_verify_finish(mlsec_audit_verify_t *v, int ended);


#endif /* _MLSEC_AUDIT_VERIFY_H_INCLUDED_ */
