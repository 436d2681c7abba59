/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Where a Redis server is, as its users write it:
 *
 *   redis://[[user]:password@]host[:port][/db]
 *   rediss://...                                 the same with TLS
 *   unix:/path/of/socket[:db]                    as nginx writes sockets
 *   unix://[[user]:password@]/path[?db=N]        as other clients do
 *   redis+unix://...
 */


#ifndef _MLSEC_REDIS_URL_H_INCLUDED_
#define _MLSEC_REDIS_URL_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_REDIS_PORT      6379
#define MLSEC_REDIS_DB_MAX    999999
#define MLSEC_REDIS_HOST_MAX  253            /* bytes, RFC 1035 */
#define MLSEC_REDIS_PATH_MAX  107            /* bytes of sun_path */


typedef struct {
    mlsec_str_t           host;      /* IPv6 without brackets; or a path */
    unsigned              port;      /* 0: a unix socket */
    unsigned              db;
    mlsec_str_t           user;      /* decoded; len 0: "default" */
    mlsec_str_t           password;  /* decoded; len 0: none */
    unsigned              tls:1;
    unsigned              ipv6:1;    /* host stood in brackets */
} mlsec_redis_url_t;


/*
 * Takes a URL apart.
 *
 * user and password are decoded (%XX); memory for that comes from mem, the
 * rest are pieces of text.
 *
 * MLSEC_OK; MLSEC_NOMEM; MLSEC_INVALID with *what: the part that is wrong,
 * for people, nothing of the text itself, which may hold a password.
 */
int mlsec_redis_url(mlsec_str_t text, const mlsec_mem_t *mem,
    mlsec_redis_url_t *url, const char **what);


#endif /* _MLSEC_REDIS_URL_H_INCLUDED_ */
