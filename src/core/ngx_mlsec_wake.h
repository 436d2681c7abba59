/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A worker that has changed something another one waits for tells it so.
 *
 * nginx has a channel to each of its workers, by which the master speaks to
 * them and tells each worker the others' ends.  A message with a command that
 * nginx does not know is read by it and dropped, and that it came is all there
 * is to be known here.  So there is no descriptor and no thread of our own,
 * nothing to be made before workers are forked, and a worker that is started
 * later, or is left over by a reload, can be reached like any other.
 *
 * A wake may be lost (the channel is full, the worker is about to die): who
 * waits looks by itself now and then.
 */


#ifndef _NGX_MLSEC_WAKE_H_INCLUDED_
#define _NGX_MLSEC_WAKE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef void (*ngx_mlsec_woken_pt)(void *data);


/*
 * When a worker begins: handler(data) is called each time that it was woken,
 * maybe once for several times, from the event loop.  One handler a worker.
 *
 * In a process without a channel (master_process off) it is never called.
 */
void ngx_mlsec_wake_begin(ngx_cycle_t *cycle, ngx_mlsec_woken_pt handler,
    void *data);

/*
 * Wakes another worker.  slot: its place in the table of processes
 * (ngx_process_slot of that worker).
 */
void ngx_mlsec_wake(ngx_uint_t slot);


#endif /* _NGX_MLSEC_WAKE_H_INCLUDED_ */
