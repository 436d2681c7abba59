/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <core/ngx_mlsec_process.h>


static int ngx_mlsec_process_alive(void *ctx, uint32_t pid);


void
ngx_mlsec_process(mlsec_process_t *process)
{
    process->alive = ngx_mlsec_process_alive;
    process->ctx = NULL;
    process->self = ngx_pid;
}


static int
ngx_mlsec_process_alive(void *ctx, uint32_t pid)
{
    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}
