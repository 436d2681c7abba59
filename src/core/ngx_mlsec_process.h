/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* How this process is known to others of the gateway. */


#ifndef _NGX_MLSEC_PROCESS_H_INCLUDED_
#define _NGX_MLSEC_PROCESS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <lib/mlsec_leader.h>


/*
 * Fills in *process for this process, with kill(2) to tell whether another one
 * is alive: a process of another user is.
 */
void ngx_mlsec_process(mlsec_process_t *process);


#endif /* _NGX_MLSEC_PROCESS_H_INCLUDED_ */
