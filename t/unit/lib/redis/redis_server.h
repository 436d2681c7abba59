/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A redis-server for a unit test: a process of its own on a unix socket in a
 * directory of its own, and the least of a client, which blocks.
 */


#ifndef _REDIS_SERVER_H_INCLUDED_
#define _REDIS_SERVER_H_INCLUDED_


#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <lib/mlsec_types.h>


#define REDIS_SERVER_REPLIES  512


typedef struct {
    pid_t    pid;
    char     dir[32];
    int      fd;
    FILE    *in;
} redis_server_t;


typedef struct {
    char         error[128];     /* "": none */
    long long    numbers[REDIS_SERVER_REPLIES];
    size_t       n;              /* of numbers; 1 for one that is no list */
} redis_reply_t;


static inline int
redis_server_connect(redis_server_t *s)
{
    unsigned            i;
    struct sockaddr_un  sun;

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", s->dir);

    for (i = 0; i < 1000; i++) {
        s->fd = socket(AF_UNIX, SOCK_STREAM, 0);

        if (connect(s->fd, (struct sockaddr *) &sun, sizeof(sun)) == 0) {
            s->in = fdopen(s->fd, "r");
            return s->in != NULL;
        }

        close(s->fd);
        usleep(10000);
    }

    return 0;
}


/* 1, or 0: there is none, or it did not start in 10 s. */

static inline int
redis_server_start(redis_server_t *s)
{
    strcpy(s->dir, "/tmp/mlsec-redis-XXXXXX");

    if (mkdtemp(s->dir) == NULL) {
        return 0;
    }

    s->pid = fork();

    if (s->pid == 0) {

        if (chdir(s->dir) == 0 && freopen("/dev/null", "w", stdout) != NULL) {
            execlp("redis-server", "redis-server", "--port", "0",
                   "--unixsocket", "sock", "--save", "",
                   "--appendonly", "no", (char *) NULL);
        }

        _exit(127);
    }

    return s->pid > 0 && redis_server_connect(s);
}


static inline void
redis_server_stop(redis_server_t *s)
{
    char  path[64];

    fclose(s->in);
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);

    snprintf(path, sizeof(path), "%s/sock", s->dir);
    unlink(path);
    rmdir(s->dir);
}


static inline void
redis_server_read(redis_server_t *s, redis_reply_t *reply)
{
    char       line[256];
    long long  n;

    if (fgets(line, sizeof(line), s->in) == NULL) {
        strcpy(reply->error, "connection lost");
        return;
    }

    n = strtoll(line + 1, NULL, 10);

    switch (line[0]) {

    case '-':
        snprintf(reply->error, sizeof(reply->error), "%.100s", line + 1);
        return;

    case '*':
        for ( /* void */ ; n > 0; n--) {
            redis_server_read(s, reply);
        }

        return;

    case '$':
        if (n < 0) {
            reply->numbers[reply->n++] = -1;
            return;
        }

        if (fgets(line, sizeof(line), s->in) == NULL) {
            return;
        }

        reply->numbers[reply->n++] = strtoll(line, NULL, 10);
        return;

    default:
        reply->numbers[reply->n++] = n;
    }
}


/* A command out of arguments, "first" of them in front of the others. */

static inline void
redis_server_call(redis_server_t *s, const char *const *first, size_t nfirst,
    const mlsec_str_t *args, size_t nargs, redis_reply_t *reply)
{
    size_t   i;
    FILE    *out;

    memset(reply, 0, sizeof(redis_reply_t));
    out = fdopen(dup(s->fd), "w");

    fprintf(out, "*%zu\r\n", nfirst + nargs);

    for (i = 0; i < nfirst; i++) {
        fprintf(out, "$%zu\r\n%s\r\n", strlen(first[i]), first[i]);
    }

    for (i = 0; i < nargs; i++) {
        fprintf(out, "$%zu\r\n", args[i].len);
        fwrite(args[i].data, 1, args[i].len, out);
        fputs("\r\n", out);
    }

    fclose(out);
    redis_server_read(s, reply);
}


#define redis_server_command(s, reply, ...)                                   \
    do {                                                                      \
        const char  *words_[] = { __VA_ARGS__ };                              \
                                                                              \
        redis_server_call(s, words_, sizeof(words_) / sizeof(words_[0]),      \
                          NULL, 0, reply);                                    \
    } while (0)


#endif /* _REDIS_SERVER_H_INCLUDED_ */
