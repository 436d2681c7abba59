/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <lib/mlsec_chaos.h>


#ifdef NGX_MLSEC_CHAOS


void
mlsec_chaos_point(const char *name)
{
    u_char       path[NGX_MAX_PATH];
    const char  *folder;

    folder = getenv("MLSEC_CHAOS");

    if (folder == NULL) {
        return;
    }

    *ngx_snprintf(path, sizeof(path) - 1, "%s/%s", folder, name) = '\0';

    if (unlink((const char *) path) == 0) {
        (void) kill(ngx_pid, SIGKILL);
    }
}


#endif
