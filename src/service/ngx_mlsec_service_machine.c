/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <service/ngx_mlsec_service_machine.h>
#include <core/ngx_mlsec_timer.h>

#include <lib/service/mlsec_proc.h>


/*
 * Files of /proc and /sys are made by the kernel while they are read: no disk
 * is waited for, but each costs some microseconds.  So a worker reads them
 * when it is asked, and not again within a second.
 *
 * How busy a CPU is can only be told from two looks at its counters.  A timer
 * takes one every few seconds; it is cancelable, and none is set where nobody
 * can ask.  Two looks are kept, so that the older one is never just now.
 *
 * Whatever cannot be read, as in a container that hides it, is unknown.
 */

#define NGX_MLSEC_MACHINE_AGE       1000         /* ms, figures are kept */
#define NGX_MLSEC_MACHINE_INTERVAL  5000         /* ms, between two looks */
#define NGX_MLSEC_MACHINE_LEAST     500          /* ms, for a share */
#define NGX_MLSEC_MACHINE_FILE      4096         /* bytes of one */
#define NGX_MLSEC_MACHINE_NO_LIMIT  ((uint64_t) 1 << 60)


/* counters at one moment */

typedef struct {
    ngx_msec_t         at;
    mlsec_proc_cpu_t   cpu;          /* ticks */
    uint64_t           gateway;      /* ms, unknown: not read */
    unsigned           known:1;
} ngx_mlsec_machine_look_t;


static void ngx_mlsec_machine_timer(ngx_event_t *ev);
static void ngx_mlsec_machine_take(ngx_mlsec_machine_look_t *look);
static void ngx_mlsec_machine_shares(ngx_mlsec_machine_t *m);
static void ngx_mlsec_machine_memory(ngx_mlsec_machine_t *m);
static void ngx_mlsec_machine_processes(ngx_mlsec_machine_t *m);
static void ngx_mlsec_machine_process(ngx_mlsec_machine_t *m, ngx_pid_t pid);
static void ngx_mlsec_machine_cgroup(ngx_mlsec_machine_cgroup_t *cgroup);
static void ngx_mlsec_machine_cgroup1(mlsec_str_t text,
    ngx_mlsec_machine_cgroup_t *cgroup);
static void ngx_mlsec_machine_cgroup2(mlsec_str_t text,
    ngx_mlsec_machine_cgroup_t *cgroup);
static mlsec_str_t ngx_mlsec_machine_cgroup_file(const char *root,
    mlsec_str_t path, const char *name, u_char *buf);
static uint64_t ngx_mlsec_machine_number(mlsec_str_t text);
static uint64_t ngx_mlsec_machine_limit(uint64_t value);
static mlsec_str_t ngx_mlsec_machine_read(const char *name, u_char *buf);


static ngx_event_t               ngx_mlsec_machine_event;
static ngx_connection_t          ngx_mlsec_machine_dummy;

static ngx_mlsec_machine_t       ngx_mlsec_machine_now;
static ngx_mlsec_machine_look_t  ngx_mlsec_machine_looks[2];  /* newest first */
static ngx_uint_t                ngx_mlsec_machine_known;


void
ngx_mlsec_machine_begin(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    ev = &ngx_mlsec_machine_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ngx_mlsec_timer_init(ev, &ngx_mlsec_machine_dummy,
                         ngx_mlsec_machine_timer, NULL, cycle->log);

    ngx_mlsec_machine_timer(ev);
}


static void
ngx_mlsec_machine_timer(ngx_event_t *ev)
{
    ngx_mlsec_machine_looks[1] = ngx_mlsec_machine_looks[0];

    ngx_mlsec_machine_take(&ngx_mlsec_machine_looks[0]);

    if (!ngx_exiting && !ngx_quit && !ngx_terminate) {
        ngx_add_timer(ev, NGX_MLSEC_MACHINE_INTERVAL);
    }
}


static void
ngx_mlsec_machine_take(ngx_mlsec_machine_look_t *look)
{
    u_char                buf[NGX_MLSEC_MACHINE_FILE];
    ngx_uint_t            i;
    ngx_mlsec_machine_t  *m;

    m = &ngx_mlsec_machine_now;

    look->at = ngx_current_msec;
    look->known = (mlsec_proc_cpu(ngx_mlsec_machine_read("/proc/stat", buf),
                                  &look->cpu)
                   == MLSEC_OK);

    ngx_mlsec_machine_processes(m);

    look->gateway = 0;

    for (i = 0; i < m->nprocesses; i++) {
        look->gateway += m->processes[i].cpu;
    }

    if (m->nprocesses == 0) {
        look->gateway = NGX_MLSEC_UNKNOWN;
    }
}


const ngx_mlsec_machine_t *
ngx_mlsec_machine(void)
{
    u_char                buf[NGX_MLSEC_MACHINE_FILE];
    ngx_mlsec_machine_t  *m;

    m = &ngx_mlsec_machine_now;

    if (ngx_mlsec_machine_known
        && ngx_current_msec - m->taken < NGX_MLSEC_MACHINE_AGE)
    {
        return m;
    }

    ngx_mlsec_machine_known = 1;
    m->taken = ngx_current_msec;

    ngx_mlsec_machine_shares(m);
    ngx_mlsec_machine_memory(m);
    ngx_mlsec_machine_cgroup(&m->cgroup);

    if (mlsec_proc_load(ngx_mlsec_machine_read("/proc/loadavg", buf), m->load)
        != MLSEC_OK)
    {
        m->load[0] = NGX_MLSEC_UNKNOWN;
    }

    return m;
}


/*
 * Since the newest look that is old enough.  Processes come and go; a sum that
 * has become smaller says nothing.
 */

static void
ngx_mlsec_machine_shares(ngx_mlsec_machine_t *m)
{
    uint64_t                   ticks;
    ngx_mlsec_machine_look_t   now, *then;

    ngx_mlsec_machine_take(&now);

    then = &ngx_mlsec_machine_looks[0];

    if (now.at - then->at < NGX_MLSEC_MACHINE_LEAST) {
        then = &ngx_mlsec_machine_looks[1];
    }

    m->cpu_busy = NGX_MLSEC_UNKNOWN;
    m->cpu_gateway = NGX_MLSEC_UNKNOWN;
    m->cpu_interval = now.at - then->at;

    if (!now.known || !then->known
        || m->cpu_interval < NGX_MLSEC_MACHINE_LEAST)
    {
        m->cpu_interval = NGX_MLSEC_UNKNOWN;
        return;
    }

    ticks = now.cpu.total - then->cpu.total;

    if (now.cpu.total > then->cpu.total && now.cpu.busy >= then->cpu.busy) {
        m->cpu_busy = (now.cpu.busy - then->cpu.busy) * 1000 / ticks;
    }

    if (now.gateway != NGX_MLSEC_UNKNOWN && then->gateway != NGX_MLSEC_UNKNOWN
        && now.gateway >= then->gateway)
    {
        m->cpu_gateway = (now.gateway - then->gateway) * 1000
                         / m->cpu_interval;
    }
}


static void
ngx_mlsec_machine_memory(ngx_mlsec_machine_t *m)
{
    u_char       buf[NGX_MLSEC_MACHINE_FILE];
    mlsec_str_t  text;

    text = ngx_mlsec_machine_read("/proc/meminfo", buf);

    if (mlsec_proc_field(text, "MemTotal", &m->memory_total) == MLSEC_OK
        && mlsec_proc_field(text, "MemAvailable", &m->memory_available)
           == MLSEC_OK)
    {
        m->memory_total *= 1024;
        m->memory_available *= 1024;
        return;
    }

    m->memory_total = NGX_MLSEC_UNKNOWN;
    m->memory_available = NGX_MLSEC_UNKNOWN;
}


/*
 * A worker does not know those that were started after it, its master does.
 */

static void
ngx_mlsec_machine_processes(ngx_mlsec_machine_t *m)
{
    char         name[sizeof("/proc//task//children") + 2 * NGX_INT_T_LEN];
    u_char       buf[NGX_MLSEC_MACHINE_FILE];
    uint64_t     pid;
    ngx_pid_t    master;
    mlsec_str_t  text;

    m->nprocesses = 0;
    text.len = 0;

    if (ngx_process == NGX_PROCESS_WORKER) {
        master = getppid();

        *ngx_sprintf((u_char *) name, "/proc/%P/task/%P/children", master,
                     master) = '\0';

        text = ngx_mlsec_machine_read(name, buf);
    }

    while (text.len && m->nprocesses < NGX_MLSEC_MACHINE_PIDS) {

        if (mlsec_proc_next(&text, &pid) == MLSEC_OK) {
            ngx_mlsec_machine_process(m, (ngx_pid_t) pid);
        }
    }

    if (m->nprocesses == 0) {
        ngx_mlsec_machine_process(m, ngx_pid);
    }
}


static void
ngx_mlsec_machine_process(ngx_mlsec_machine_t *m, ngx_pid_t pid)
{
    char                          name[sizeof("/proc//stat") + NGX_INT_T_LEN];
    long                          ticks;
    u_char                        buf[NGX_MLSEC_MACHINE_FILE];
    mlsec_proc_process_t          process;
    ngx_mlsec_machine_process_t  *p;

    *ngx_sprintf((u_char *) name, "/proc/%P/stat", pid) = '\0';

    ticks = sysconf(_SC_CLK_TCK);

    if (ticks <= 0
        || mlsec_proc_process(ngx_mlsec_machine_read(name, buf), &process)
           != MLSEC_OK)
    {
        return;
    }

    p = &m->processes[m->nprocesses++];

    p->pid = pid;
    p->rss = process.rss * ngx_pagesize;
    p->cpu = process.cpu * 1000 / ticks;
}


static void
ngx_mlsec_machine_cgroup(ngx_mlsec_machine_cgroup_t *cgroup)
{
    u_char       buf[NGX_MLSEC_MACHINE_FILE];
    mlsec_str_t  text, path;

    cgroup->version = 0;
    cgroup->memory_limit = NGX_MLSEC_UNKNOWN;
    cgroup->memory = NGX_MLSEC_UNKNOWN;
    cgroup->cpu_limit = NGX_MLSEC_UNKNOWN;
    cgroup->cpu = NGX_MLSEC_UNKNOWN;

    text = ngx_mlsec_machine_read("/proc/self/cgroup", buf);

    /* where both are there, limits are those of version 1 */

    if (mlsec_proc_cgroup(text, "memory", &path) == MLSEC_OK
        || mlsec_proc_cgroup(text, "cpu", &path) == MLSEC_OK)
    {
        ngx_mlsec_machine_cgroup1(text, cgroup);

    } else {
        ngx_mlsec_machine_cgroup2(text, cgroup);
    }
}


static void
ngx_mlsec_machine_cgroup1(mlsec_str_t text, ngx_mlsec_machine_cgroup_t *cgroup)
{
    u_char       buf[NGX_MLSEC_MACHINE_FILE];
    uint64_t     quota, period, used;
    mlsec_str_t  path;

    static const char  memory[] = "/sys/fs/cgroup/memory";
    static const char  cpu[] = "/sys/fs/cgroup/cpu";
    static const char  cpuacct[] = "/sys/fs/cgroup/cpuacct";

    cgroup->version = 1;

    if (mlsec_proc_cgroup(text, "memory", &path) == MLSEC_OK) {
        cgroup->memory_limit = ngx_mlsec_machine_limit(
            ngx_mlsec_machine_number(ngx_mlsec_machine_cgroup_file(memory,
                                     path, "memory.limit_in_bytes", buf)));
        cgroup->memory = ngx_mlsec_machine_number(
            ngx_mlsec_machine_cgroup_file(memory, path,
                                          "memory.usage_in_bytes", buf));
    }

    if (mlsec_proc_cgroup(text, "cpu", &path) == MLSEC_OK) {
        quota = ngx_mlsec_machine_number(ngx_mlsec_machine_cgroup_file(cpu,
                                         path, "cpu.cfs_quota_us", buf));
        period = ngx_mlsec_machine_number(ngx_mlsec_machine_cgroup_file(cpu,
                                          path, "cpu.cfs_period_us", buf));

        if (quota != NGX_MLSEC_UNKNOWN && period != NGX_MLSEC_UNKNOWN
            && period > 0 && quota < NGX_MLSEC_MACHINE_NO_LIMIT / 1000)
        {
            cgroup->cpu_limit = quota * 1000 / period;
        }
    }

    if (mlsec_proc_cgroup(text, "cpuacct", &path) == MLSEC_OK) {
        used = ngx_mlsec_machine_number(ngx_mlsec_machine_cgroup_file(cpuacct,
                                        path, "cpuacct.usage", buf));

        cgroup->cpu = (used == NGX_MLSEC_UNKNOWN) ? used : used / 1000000;
    }
}


static void
ngx_mlsec_machine_cgroup2(mlsec_str_t text, ngx_mlsec_machine_cgroup_t *cgroup)
{
    u_char       buf[NGX_MLSEC_MACHINE_FILE];
    uint64_t     quota, period, used;
    mlsec_str_t  path, file;

    static const char  root[] = "/sys/fs/cgroup";

    if (mlsec_proc_cgroup(text, "", &path) != MLSEC_OK) {
        return;
    }

    cgroup->version = 2;

    cgroup->memory_limit = ngx_mlsec_machine_limit(ngx_mlsec_machine_number(
        ngx_mlsec_machine_cgroup_file(root, path, "memory.max", buf)));
    cgroup->memory = ngx_mlsec_machine_number(
        ngx_mlsec_machine_cgroup_file(root, path, "memory.current", buf));

    file = ngx_mlsec_machine_cgroup_file(root, path, "cpu.max", buf);

    if (mlsec_proc_next(&file, &quota) == MLSEC_OK
        && mlsec_proc_next(&file, &period) == MLSEC_OK
        && period > 0 && quota < NGX_MLSEC_MACHINE_NO_LIMIT / 1000)
    {
        cgroup->cpu_limit = quota * 1000 / period;
    }

    file = ngx_mlsec_machine_cgroup_file(root, path, "cpu.stat", buf);

    if (mlsec_proc_field(file, "usage_usec", &used) == MLSEC_OK) {
        cgroup->cpu = used / 1000;
    }
}


/*
 * In a container the path is often that of the host, and what is mounted is
 * the container's own cgroup.
 */

static mlsec_str_t
ngx_mlsec_machine_cgroup_file(const char *root, mlsec_str_t path,
    const char *name, u_char *buf)
{
    u_char       file[NGX_MAX_PATH], *last;
    mlsec_str_t  text;

    last = ngx_snprintf(file, sizeof(file) - 1, "%s%*s/%s", root, path.len,
                        path.data, name);
    *last = '\0';

    text = ngx_mlsec_machine_read((const char *) file, buf);

    if (text.len == 0) {
        last = ngx_snprintf(file, sizeof(file) - 1, "%s/%s", root, name);
        *last = '\0';

        text = ngx_mlsec_machine_read((const char *) file, buf);
    }

    return text;
}


static uint64_t
ngx_mlsec_machine_number(mlsec_str_t text)
{
    uint64_t  value;

    return mlsec_proc_next(&text, &value) == MLSEC_OK ? value
                                                      : NGX_MLSEC_UNKNOWN;
}


/* Version 1 writes no limit as the largest number of pages. */

static uint64_t
ngx_mlsec_machine_limit(uint64_t value)
{
    return value < NGX_MLSEC_MACHINE_NO_LIMIT ? value : NGX_MLSEC_UNKNOWN;
}


/*
 * The beginning of a file, in buf of NGX_MLSEC_MACHINE_FILE bytes.  Empty if it
 * cannot be read.
 */

static mlsec_str_t
ngx_mlsec_machine_read(const char *name, u_char *buf)
{
    ssize_t      n;
    ngx_fd_t     fd;
    mlsec_str_t  text;

    text.data = buf;
    text.len = 0;

    fd = ngx_open_file((u_char *) name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return text;
    }

    n = ngx_read_fd(fd, buf, NGX_MLSEC_MACHINE_FILE);

    (void) ngx_close_file(fd);

    if (n > 0) {
        text.len = n;
    }

    return text;
}
