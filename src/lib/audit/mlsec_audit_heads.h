/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * How far the chains of a file have come, in memory that all of its writers
 * share: whoever goes on names those that have ended, so that their last
 * lines cannot be missing unnoticed.
 *
 * A writer has a slot, which only it writes.  When it has ended, or is found
 * dead, another one takes its head and frees the slot.  Any process may be
 * killed at any instruction: a head is written beside the one that counts, and
 * a word says which one does.
 */


#ifndef _MLSEC_AUDIT_HEADS_H_INCLUDED_
#define _MLSEC_AUDIT_HEADS_H_INCLUDED_


#include <lib/audit/mlsec_audit.h>
#include <lib/mlsec_atomic.h>


#define MLSEC_AUDIT_SLOTS  256         /* writers of a file, with those whose
                                          heads nobody has named yet */


typedef struct {
    mlsec_atomic_t            owner;   /* process id and state, 0: free */
    mlsec_atomic_t            turn;    /* which of the two counts, bit 0 */
    mlsec_atomic_t            waiting; /* records that are not written yet */
    mlsec_audit_head_t        head[2];
} mlsec_audit_slot_t;


/* All zeros is an empty table. */

typedef struct {
    mlsec_atomic_t            ended;   /* how often a chain has ended */
    mlsec_atomic_t            torn;    /* 1: the file ends within a line */
    mlsec_atomic_t            begun;   /* 1: there has been a writer */
    mlsec_audit_slot_t        slot[MLSEC_AUDIT_SLOTS];
} mlsec_audit_heads_t;


/*
 * Whether a process is there: 1, or 0.
 */
typedef int (*mlsec_audit_alive_pt)(uint64_t pid);


/*
 * Takes a slot for a writer.  pid: not 0.
 * Returns NULL if there is none: then nobody will name this chain.
 */
mlsec_audit_slot_t *mlsec_audit_heads_join(mlsec_audit_heads_t *h,
    uint64_t pid);

/* Says how far one's chain has come in the file.  slot: may be NULL. */
void mlsec_audit_heads_set(mlsec_audit_slot_t *slot,
    const mlsec_audit_head_t *head);

/* Says how many records are not written yet.  slot: may be NULL. */
void mlsec_audit_heads_waiting(mlsec_audit_slot_t *slot, uint64_t n);

/* Says that one's chain has ended.  slot: may be NULL. */
void mlsec_audit_heads_leave(mlsec_audit_heads_t *h,
    mlsec_audit_slot_t *slot);

/*
 * Takes the heads of chains whose writers have ended or are dead, each once
 * for all who ask.
 * pid: one's own; head: room for "max" of them.
 * Returns how many there are.
 */
size_t mlsec_audit_heads_take(mlsec_audit_heads_t *h, uint64_t pid,
    mlsec_audit_alive_pt alive, mlsec_audit_head_t *head, size_t max);


#endif /* _MLSEC_AUDIT_HEADS_H_INCLUDED_ */
