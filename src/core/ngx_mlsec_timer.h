/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Timers of a worker, which are no request's. */


#ifndef _NGX_MLSEC_TIMER_H_INCLUDED_
#define _NGX_MLSEC_TIMER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/*
 * Prepares a timer that does not keep a worker from ending ("cancelable", and
 * that nobody waits for then).  It is not set.
 *
 * ev: zeroed, or prepared before; not set.  dummy: a connection that is none,
 * for ev->data: nginx's debug log looks at its fd.  handler: finds data in the
 * data of that.  Both live as long as the timer may be set; timers with the
 * same data may share a dummy.
 */
void ngx_mlsec_timer_init(ngx_event_t *ev, ngx_connection_t *dummy,
    ngx_event_handler_pt handler, void *data, ngx_log_t *log);


#endif /* _NGX_MLSEC_TIMER_H_INCLUDED_ */
