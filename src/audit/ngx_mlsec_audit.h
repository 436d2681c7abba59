/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The audit log: who was refused, and who changed something.
 *
 * ngx_mlsec_audit_module.c  the directive, inheritance
 * ngx_mlsec_audit_record.c  what is recorded of a request, and when
 * ngx_mlsec_audit_writer.c  the chain of a worker, on its way to the file
 * ngx_mlsec_audit_zone.c    what workers know of each other's chains
 * ngx_mlsec_audit_metrics.c what is counted
 *
 * The lines are those of src/lib/audit.
 */


#ifndef _NGX_MLSEC_AUDIT_H_INCLUDED_
#define _NGX_MLSEC_AUDIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <lib/audit/mlsec_audit_heads.h>
#include <lib/audit/mlsec_audit_spool.h>
#include <metrics/ngx_mlsec_metrics.h>


/* words of a log, after those of the events */

#define NGX_MLSEC_AUDIT_LOST    MLSEC_AUDIT_EVENTS
#define NGX_MLSEC_AUDIT_ERRORS  (MLSEC_AUDIT_EVENTS + 1)
#define NGX_MLSEC_AUDIT_WORDS   (MLSEC_AUDIT_EVENTS + 2)


typedef struct ngx_mlsec_audit_file_s  ngx_mlsec_audit_file_t;


/* What a worker has of a log. */

typedef struct {
    ngx_mlsec_audit_file_t   *file;
    mlsec_audit_chain_t       chain;
    mlsec_audit_spool_t       spool;
    mlsec_audit_slot_t       *slot;        /* NULL: there was none free */
    ngx_event_t               timer;
    uint64_t                  dropped;     /* records, since it was said */
    uint64_t                  ended;       /* of heads, when last looked at */
    ngx_uint_t                pipe;        /* not a file on a disk */
    ngx_uint_t                failing;     /* it cannot be written now */
    ngx_uint_t                reopened;    /* it is another file now */
} ngx_mlsec_audit_writer_t;


/* A log; shared by all locations that name it. */

struct ngx_mlsec_audit_file_s {
    ngx_open_file_t          *file;
    size_t                    buffer;      /* bytes */
    ngx_msec_t                flush;       /* ms, 0: at once */
    ngx_mlsec_conf_place_t    place;       /* of the first directive */
    ngx_shm_zone_t           *zone;
    mlsec_audit_heads_t      *heads;
    ngx_mlsec_series_t       *series;
    ngx_mlsec_audit_writer_t *writer;      /* of this worker */
};


typedef struct {
    ngx_array_t               files;       /* ngx_mlsec_audit_file_t * */
} ngx_mlsec_audit_main_conf_t;


typedef struct {
    ngx_mlsec_audit_file_t   *file;        /* NULL: off */
    ngx_flag_t                block;
} ngx_mlsec_audit_loc_conf_t;


/* ngx_mlsec_audit_record.c */

/*
 * Handler of the precontent phase: notes who is about to change something,
 * and, with "block", has it written before it happens.
 *
 * NGX_DECLINED: go on.  NGX_HTTP_SERVICE_UNAVAILABLE: it could not be written,
 * the envelope is set.  NGX_HTTP_INTERNAL_SERVER_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_audit_precontent(ngx_http_request_t *r);

/*
 * Handler of the log phase: records a request that was refused or has changed
 * something.  NGX_OK.
 */
ngx_int_t ngx_mlsec_audit_log(ngx_http_request_t *r);


/* ngx_mlsec_audit_writer.c */

/*
 * Adds a record; time and worker are filled in.
 *
 * NGX_OK: it is in the buffer.  NGX_DECLINED: it is dropped, and counted.
 */
ngx_int_t ngx_mlsec_audit_add(ngx_mlsec_audit_file_t *file,
    mlsec_audit_record_t *record);

/*
 * Writes what is in the buffer.
 *
 * NGX_OK: all of it is written.  NGX_ERROR: it is not, and stays.
 */
ngx_int_t ngx_mlsec_audit_write(ngx_mlsec_audit_file_t *file);

/*
 * A worker begins, a chain for each log with it.  NGX_OK, or NGX_ERROR after
 * an [emerg].
 */
ngx_int_t ngx_mlsec_audit_init_worker(ngx_cycle_t *cycle);

/* A worker ends, and its chains. */
void ngx_mlsec_audit_exit_worker(ngx_cycle_t *cycle);

/*
 * Called by nginx for a file that is about to be opened anew; data of file is
 * a log.
 */
void ngx_mlsec_audit_reopen(ngx_open_file_t *file, ngx_log_t *log);


/* ngx_mlsec_audit_zone.c */

/*
 * Adds the shared memory of a log.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_audit_zone_add(ngx_conf_t *cf,
    ngx_mlsec_audit_file_t *file);


/* ngx_mlsec_audit_metrics.c */

/*
 * Gives a log its series; to be called when configurations are merged.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_audit_count(ngx_conf_t *cf,
    ngx_mlsec_audit_file_t *file);


extern ngx_module_t  ngx_mlsec_audit_module;


#endif /* _NGX_MLSEC_AUDIT_H_INCLUDED_ */
