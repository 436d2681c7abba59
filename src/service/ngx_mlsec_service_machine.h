/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the machine is doing, and what the gateway takes of it.
 */


#ifndef _NGX_MLSEC_SERVICE_MACHINE_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_MACHINE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MLSEC_UNKNOWN       UINT64_MAX       /* of every figure here */
#define NGX_MLSEC_MACHINE_PIDS  256


typedef struct {
    ngx_pid_t      pid;
    uint64_t       rss;              /* bytes */
    uint64_t       cpu;              /* ms since it has started */
} ngx_mlsec_machine_process_t;


/* of the cgroup that the gateway runs in */

typedef struct {
    ngx_uint_t     version;          /* 1 or 2, 0: none */
    uint64_t       memory_limit;     /* bytes, unknown: none */
    uint64_t       memory;           /* bytes */
    uint64_t       cpu_limit;        /* thousandths of a CPU, unknown: none */
    uint64_t       cpu;              /* ms, all of its processes */
} ngx_mlsec_machine_cgroup_t;


typedef struct {
    ngx_msec_t     taken;            /* ngx_current_msec */

    uint64_t       memory_total;     /* bytes */
    uint64_t       memory_available; /* bytes */
    uint64_t       load[3];          /* of 1, 5 and 15 minutes, hundredths */

    uint64_t       cpu_busy;         /* per mille of all CPUs */
    uint64_t       cpu_gateway;      /* per mille of one CPU, all processes */
    uint64_t       cpu_interval;     /* ms, over which these two are */

    ngx_mlsec_machine_cgroup_t   cgroup;

    ngx_uint_t     nprocesses;       /* children of the master, or itself */
    ngx_mlsec_machine_process_t  processes[NGX_MLSEC_MACHINE_PIDS];
} ngx_mlsec_machine_t;


/*
 * When a worker begins: looks at the CPUs every few seconds from now on, so
 * that whoever asks can be told how busy they are.
 */
void ngx_mlsec_machine_begin(ngx_cycle_t *cycle);

/*
 * The figures, at most a second old.  They are this worker's until the next
 * call; never NULL.
 */
const ngx_mlsec_machine_t *ngx_mlsec_machine(void);


#endif /* _NGX_MLSEC_SERVICE_MACHINE_H_INCLUDED_ */
