/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <mlsec_cli/mlsec_cli.h>


static void *
get_memory(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


const mlsec_mem_t  mlsec_cli_memory = { get_memory, NULL };


void
mlsec_cli_die(const char *fmt, ...)
{
    va_list  args;

    fprintf(stderr, "%s: ", mlsec_cli_name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}


void *
mlsec_cli_need(void *p)
{
    if (p == NULL) {
        mlsec_cli_die("no memory");
    }

    return p;
}


/* What cannot be mapped: nobody knows how much there is before it ends. */

static mlsec_str_t
read_stream(int fd, const char *name)
{
    size_t          len, room;
    ssize_t         n;
    unsigned char  *p;

    p = NULL;
    len = 0;
    room = 0;

    for ( ;; ) {

        if (len == room) {
            room = room ? 2 * room : 1 << 16;
            p = mlsec_cli_need(realloc(p, room));
        }

        n = read(fd, p + len, room - len);

        if (n == 0) {
            return (mlsec_str_t) { p, len };
        }

        if (n < 0 && errno != EINTR) {
            mlsec_cli_die("cannot read \"%s\": %s", name, strerror(errno));
        }

        len += n > 0 ? (size_t) n : 0;
    }
}


mlsec_str_t
mlsec_cli_read(int fd, const char *name)
{
    void         *p;
    struct stat   st;

    if (fstat(fd, &st) == -1) {
        mlsec_cli_die("cannot open \"%s\": %s", name, strerror(errno));
    }

    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        return read_stream(fd, name);
    }

    p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

    if (p == MAP_FAILED) {
        mlsec_cli_die("cannot read \"%s\": %s", name, strerror(errno));
    }

    return (mlsec_str_t) { p, (size_t) st.st_size };
}


mlsec_str_t
mlsec_cli_file(const char *name)
{
    int          fd;
    mlsec_str_t  text;

    fd = open(name, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        mlsec_cli_die("cannot open \"%s\": %s", name, strerror(errno));
    }

    text = mlsec_cli_read(fd, name);
    close(fd);

    return text;
}
