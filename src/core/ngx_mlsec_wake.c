/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_channel.h>

#include <core/ngx_mlsec_wake.h>


#define NGX_MLSEC_WAKE_COMMAND  0x6d6c7365       /* none of nginx's */


static void ngx_mlsec_wake_listen(ngx_event_t *ev);
static void ngx_mlsec_wake_read(ngx_event_t *ev);


/* of this worker */

static ngx_event_t             ngx_mlsec_wake_event;
static ngx_event_handler_pt    ngx_mlsec_wake_nginx;
static ngx_mlsec_woken_pt      ngx_mlsec_woken;
static void                   *ngx_mlsec_woken_data;


/*
 * nginx begins to listen to the channel after all modules have begun.
 */

void
ngx_mlsec_wake_begin(ngx_cycle_t *cycle, ngx_mlsec_woken_pt handler,
    void *data)
{
    ngx_mlsec_woken = handler;
    ngx_mlsec_woken_data = data;

    if (ngx_process != NGX_PROCESS_WORKER) {
        return;
    }

    ngx_mlsec_wake_event.handler = ngx_mlsec_wake_listen;
    ngx_mlsec_wake_event.log = cycle->log;

    ngx_post_event(&ngx_mlsec_wake_event, &ngx_posted_next_events);
}


static void
ngx_mlsec_wake_listen(ngx_event_t *ev)
{
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = (ngx_connection_t *) ngx_cycle->connections;

    for (i = 0; i < ngx_cycle->connection_n; i++) {

        if (c[i].fd == ngx_channel && c[i].read->channel) {
            ngx_mlsec_wake_nginx = c[i].read->handler;
            c[i].read->handler = ngx_mlsec_wake_read;
            return;
        }
    }
}


static void
ngx_mlsec_wake_read(ngx_event_t *ev)
{
    ngx_mlsec_wake_nginx(ev);

    ngx_mlsec_woken(ngx_mlsec_woken_data);
}


void
ngx_mlsec_wake(ngx_uint_t slot)
{
    ngx_socket_t   fd;
    ngx_channel_t  message;

    if (slot >= NGX_MAX_PROCESSES || ngx_processes[slot].pid <= 0) {
        return;
    }

    fd = ngx_processes[slot].channel[0];

    if (fd == -1 || (ngx_int_t) slot == ngx_process_slot) {
        return;
    }

    ngx_memzero(&message, sizeof(ngx_channel_t));

    message.command = NGX_MLSEC_WAKE_COMMAND;
    message.pid = ngx_pid;
    message.slot = ngx_process_slot;
    message.fd = -1;

    /* a full channel is a wake already, and the dead are not to be woken */

    (void) send(fd, &message, sizeof(ngx_channel_t),
                MSG_DONTWAIT|MSG_NOSIGNAL);
}
