/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <core/ngx_mlsec_timer.h>


void
ngx_mlsec_timer_init(ngx_event_t *ev, ngx_connection_t *dummy,
    ngx_event_handler_pt handler, void *data, ngx_log_t *log)
{
    dummy->fd = (ngx_socket_t) -1;
    dummy->data = data;

    ev->handler = handler;
    ev->data = dummy;
    ev->log = log;
    ev->cancelable = 1;
}
