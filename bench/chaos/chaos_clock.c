/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A wall clock that can be stepped for one program and its children, without
 * touching the machine's: loaded by LD_PRELOAD, it adds the seconds that are
 * in the file of CHAOS_CLOCK (a signed 64-bit integer, mapped, so that a write
 * is seen at once by all processes) to everything that tells the time of day.
 * CLOCK_MONOTONIC stays what it is, as it does when a machine's clock is set.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static const volatile int64_t  *chaos_offset;     /* s; NULL: none */


/* the server empties its environment later: the map is made when it starts */

static void __attribute__((constructor))
chaos_map(void)
{
    int          fd;
    void        *p;
    const char  *name;

    name = getenv("CHAOS_CLOCK");
    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDONLY);
    if (fd == -1) {
        abort();
    }

    p = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        abort();
    }

    chaos_offset = p;
    close(fd);
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && chaos_offset
        && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        ts->tv_sec += *chaos_offset;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) tz;
    (void) clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
