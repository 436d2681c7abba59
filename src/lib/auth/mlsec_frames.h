/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Where a stream of WebSocket frames stands (RFC 6455, 5.2): between two
 * frames another one may be put in, a close for one, inside of one it may not.
 *
 * What a message says is never looked at.  Nothing is refused: whether frames
 * are well formed is for those who talk to each other.
 */


#ifndef _MLSEC_FRAMES_H_INCLUDED_
#define _MLSEC_FRAMES_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_FRAMES_CLOSE_MAX  125    /* bytes of a control frame's payload */


typedef struct {
    uint64_t      payload;             /* bytes of it that are still to come */
    unsigned      head;                /* bytes of the head that have come */
    unsigned      size;                /* bytes that the head has, 2 to 14 */
    unsigned      lengths;             /* of them for the length, 0, 2, 8 */
    unsigned      ended:1;             /* a close was among the frames */
} mlsec_frames_t;


/* Before the first frame. */
void mlsec_frames_init(mlsec_frames_t *f);

/* Bytes of the stream that have passed, in pieces of any size. */
void mlsec_frames_pass(mlsec_frames_t *f, mlsec_str_t bytes);

/*
 * Returns 1 if a frame may begin now: no other one has begun, and none was a
 * close, after which there are no more.
 */
int mlsec_frames_between(const mlsec_frames_t *f);

/*
 * Writes a close frame as a server sends it, without a mask.
 * dst: 4 bytes and those of the reason.  code: RFC 6455, 7.4.
 * reason: UTF-8, at most MLSEC_FRAMES_CLOSE_MAX - 2 bytes.
 * Returns the length.
 */
size_t mlsec_frames_close(unsigned char *dst, unsigned code,
    mlsec_str_t reason);


#endif /* _MLSEC_FRAMES_H_INCLUDED_ */
