/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What Linux says of itself in /proc and /sys/fs/cgroup, out of its texts.
 * All functions take any bytes; what a text does not say is MLSEC_DECLINED.
 */


#ifndef _MLSEC_PROC_H_INCLUDED_
#define _MLSEC_PROC_H_INCLUDED_


#include <lib/mlsec_types.h>


/* of all CPUs since the machine has started, in ticks */

typedef struct {
    uint64_t    busy;
    uint64_t    total;
} mlsec_proc_cpu_t;


/* of one process */

typedef struct {
    uint64_t    cpu;                 /* user and system, ticks */
    uint64_t    rss;                 /* pages */
} mlsec_proc_process_t;


/*
 * The first line of /proc/stat.  Time that is waited for a disk is idle, time
 * that the host took for others is busy, that of guests is part of the user's.
 */
int mlsec_proc_cpu(mlsec_str_t text, mlsec_proc_cpu_t *cpu);

/*
 * /proc/PID/stat.  The name of a program in it may hold any bytes.
 */
int mlsec_proc_process(mlsec_str_t text, mlsec_proc_process_t *process);

/*
 * A line "NAME: 123 kB" of /proc/meminfo, or "NAME 123" of cpu.stat.
 * *value: the number as it is.
 */
int mlsec_proc_field(mlsec_str_t text, const char *name, uint64_t *value);

/*
 * /proc/loadavg: of 1, 5 and 15 minutes, in hundredths.
 */
int mlsec_proc_load(mlsec_str_t text, uint64_t load[3]);

/*
 * The next of numbers between blanks, which is cut off the text: a file with
 * one of them, cpu.max, a list of processes.  A word that is no number ("max",
 * "-1") is MLSEC_DECLINED, and cut off too.
 */
int mlsec_proc_next(mlsec_str_t *text, uint64_t *value);

/*
 * The path of a line of /proc/self/cgroup.  controller: "memory", "cpu" (cgroup
 * version 1), or "" (version 2).
 */
int mlsec_proc_cgroup(mlsec_str_t text, const char *controller,
    mlsec_str_t *path);


#endif /* _MLSEC_PROC_H_INCLUDED_ */
