/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The words of a Redis connection (RESP2, as Redis and Valkey speak it): a
 * command as bytes, a reply, and what an error reply means.
 */


#ifndef _MLSEC_REDIS_H_INCLUDED_
#define _MLSEC_REDIS_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_REDIS_SHA_LEN   40             /* of a script, hexadecimal */


/*
 * Why there is no good reply.  Whoever asked acts on three groups, see
 * mlsec_redis_group().
 */

typedef enum {
    MLSEC_REDIS_OK = 0,

    /* not sent: nothing has happened in the server */

    MLSEC_REDIS_UNAVAILABLE,       /* not connected, or the breaker is open */
    MLSEC_REDIS_FULL,              /* too many calls wait for replies */
    MLSEC_REDIS_RESOLVE,           /* no address for the name */
    MLSEC_REDIS_CONNECT,           /* refused, unreachable, timed out */
    MLSEC_REDIS_TLS,               /* no handshake, or no trust */

    /* sent, and perhaps executed */

    MLSEC_REDIS_TIMEOUT,           /* no reply in time */
    MLSEC_REDIS_CLOSED,            /* the connection was lost */
    MLSEC_REDIS_PROTOCOL,          /* what came is no RESP2 */
    MLSEC_REDIS_TOO_LARGE,         /* a reply over "max_reply=" */
    MLSEC_REDIS_NOMEM,             /* of this worker */

    /* error replies of a server that cannot do what it is there for */

    MLSEC_REDIS_AUTH,              /* NOAUTH, WRONGPASS */
    MLSEC_REDIS_DENIED,            /* NOPERM */
    MLSEC_REDIS_LOADING,           /* LOADING, MASTERDOWN */
    MLSEC_REDIS_READONLY,          /* READONLY, MISCONF, NOREPLICAS */
    MLSEC_REDIS_OOM,               /* OOM: over "maxmemory" */
    MLSEC_REDIS_BUSY,              /* BUSY, TRYAGAIN, too many clients */
    MLSEC_REDIS_CLUSTER,           /* MOVED, ASK, CLUSTERDOWN, CROSSSLOT */

    /* error replies to this very command */

    MLSEC_REDIS_NOSCRIPT,          /* handled by the client, never seen */
    MLSEC_REDIS_REFUSED,           /* any other: ERR, WRONGTYPE, ... */

    MLSEC_REDIS_ERRORS             /* how many there are */
} mlsec_redis_error_e;


typedef enum {
    MLSEC_REDIS_GOOD = 0,
    MLSEC_REDIS_DOWN,              /* the server's fault: do without it */
    MLSEC_REDIS_WRONG              /* the command's fault: a bug, log it */
} mlsec_redis_group_e;


typedef enum {
    MLSEC_REDIS_NIL = 0,
    MLSEC_REDIS_STATUS,            /* "+OK": str */
    MLSEC_REDIS_ERROR,             /* "-ERR ...": str */
    MLSEC_REDIS_INTEGER,
    MLSEC_REDIS_STRING,            /* any bytes: str */
    MLSEC_REDIS_ARRAY              /* element[0] to element[n - 1] */
} mlsec_redis_type_e;


typedef struct mlsec_redis_reply_s  mlsec_redis_reply_t;

struct mlsec_redis_reply_s {
    mlsec_redis_type_e    type;
    int64_t               integer;
    mlsec_str_t           str;
    size_t                n;
    mlsec_redis_reply_t  *element;
};


/*
 * What a reply is: MLSEC_REDIS_OK for any that is no error (what an array
 * holds is not looked at), otherwise what the first word of an error says
 * (and for "ERR" what follows: a wrong password of a server before 6, too
 * many clients).  Words that are not known are MLSEC_REDIS_REFUSED.
 */
mlsec_redis_error_e mlsec_redis_classify(const mlsec_redis_reply_t *reply);

/*
 * Which of the three groups an error is of.
 */
mlsec_redis_group_e mlsec_redis_group(mlsec_redis_error_e error);

/*
 * The name of an error in logs, JSON and labels: "timeout", "readonly";
 * lower case letters and "_".
 */
const char *mlsec_redis_error_name(mlsec_redis_error_e error);

/*
 * The bytes that mlsec_redis_command_head() writes for a command of n
 * arguments.
 */
size_t mlsec_redis_command_head_len(size_t n);

/*
 * The bytes that mlsec_redis_command_arg() writes for an argument of len
 * bytes.
 */
size_t mlsec_redis_command_arg_len(size_t len);

/*
 * Writes the beginning of a command of n arguments, the first one of them the
 * command's name.  dst: has the room.  The byte after what was written.
 */
unsigned char *mlsec_redis_command_head(unsigned char *dst, size_t n);

/*
 * Writes the next argument, any bytes, in the same way.
 */
unsigned char *mlsec_redis_command_arg(unsigned char *dst, mlsec_str_t arg);

/*
 * One part of a key: what is not a letter, a digit or one of "_", "-", "." and
 * "@" becomes %XX, so that parts can be joined by ":" and stay apart, and
 * nobody's name chooses the slot of a cluster (by braces).  Different parts
 * stay different.
 *
 * dst: room for 3 * part.len bytes.  The byte after what was written.
 */
unsigned char *mlsec_redis_key_part(unsigned char *dst, mlsec_str_t part);


#endif /* _MLSEC_REDIS_H_INCLUDED_ */
