/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Lines on their way to a file that may take part of them, or nothing.
 *
 * A line stays until all of it has been written.  Of one that was written in
 * part the beginning is in the file; what is written next then begins with a
 * newline and has the line again, whole.
 */


#ifndef _MLSEC_AUDIT_SPOOL_H_INCLUDED_
#define _MLSEC_AUDIT_SPOOL_H_INCLUDED_


#include <lib/mlsec_types.h>


typedef struct {
    unsigned char   *start;
    unsigned char   *end;              /* of the memory */
    unsigned char   *first;            /* line that has not been written */
    unsigned char   *last;             /* where the next line goes */
    size_t           lines;            /* from first to last */
    unsigned         torn;             /* the file ends within a line */
} mlsec_audit_spool_t;


/*
 * Begins with no lines.
 * memory: "size" bytes, more than one line; the caller's, as long as the
 * spool.
 */
void mlsec_audit_spool_init(mlsec_audit_spool_t *s, unsigned char *memory,
    size_t size);

/*
 * Makes room for a line of "size" bytes.
 * Returns where to write it, or NULL: there is none.
 */
unsigned char *mlsec_audit_spool_room(mlsec_audit_spool_t *s, size_t size);

/* Takes the line of "len" bytes that was written there. */
void mlsec_audit_spool_add(mlsec_audit_spool_t *s, size_t len);

/*
 * What to write next: whole lines of at most "max" bytes together, at least
 * one line.  Empty: there is none.
 */
mlsec_str_t mlsec_audit_spool_next(const mlsec_audit_spool_t *s, size_t max);

/*
 * Says how many bytes of mlsec_audit_spool_next() have been written, 0 to all
 * of them.
 * Returns the last line of these that is whole, without its newline, in the
 * memory of the spool until the next call; empty if none is.
 */
mlsec_str_t mlsec_audit_spool_written(mlsec_audit_spool_t *s, size_t n);


#endif /* _MLSEC_AUDIT_SPOOL_H_INCLUDED_ */
