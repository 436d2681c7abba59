/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <audit/ngx_mlsec_audit.h>
#include <core/ngx_mlsec_timer.h>
#include <limits.h>
#include <openssl/rand.h>
#include <sys/uio.h>


#define NGX_MLSEC_AUDIT_WATCH  1000        /* ms between two looks at what
                                              became of other workers, and
                                              between attempts to write */


static ngx_int_t ngx_mlsec_audit_begin(ngx_mlsec_audit_file_t *file,
    ngx_cycle_t *cycle);
static void ngx_mlsec_audit_cleanup(void *data);
static ngx_int_t ngx_mlsec_audit_append(ngx_mlsec_audit_file_t *file,
    mlsec_audit_record_t *record);
static void ngx_mlsec_audit_missing(ngx_mlsec_audit_file_t *file);
static void ngx_mlsec_audit_own(ngx_mlsec_audit_file_t *file,
    mlsec_audit_event_e event);
static void ngx_mlsec_audit_heads(ngx_mlsec_audit_file_t *file,
    mlsec_audit_event_e event);
static ssize_t ngx_mlsec_audit_send(ngx_mlsec_audit_file_t *file,
    mlsec_str_t text);
static void ngx_mlsec_audit_failed(ngx_mlsec_audit_file_t *file,
    ngx_err_t err);
static void ngx_mlsec_audit_timer(ngx_event_t *ev);
static void ngx_mlsec_audit_note(ngx_mlsec_audit_file_t *file,
    const char *what);
static int ngx_mlsec_audit_alive(uint64_t pid);


static ngx_connection_t  ngx_mlsec_audit_dummy;    /* for nginx's debug log */


ngx_int_t
ngx_mlsec_audit_init_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_mlsec_audit_file_t       **file;
    ngx_mlsec_audit_main_conf_t   *mcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_audit_module);

    if (mcf == NULL) {
        return NGX_OK;
    }

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {

        if (ngx_mlsec_audit_begin(file[i], cycle) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "mlsec audit: cannot begin, path: \"%V\"",
                          &file[i]->file->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_audit_begin(ngx_mlsec_audit_file_t *file, ngx_cycle_t *cycle)
{
    u_char                     name[8], *memory;
    ngx_file_info_t            info;
    ngx_pool_cleanup_t        *cln;
    ngx_mlsec_audit_writer_t  *w;

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_mlsec_audit_writer_t));
    memory = ngx_palloc(cycle->pool, file->buffer);
    cln = ngx_pool_cleanup_add(cycle->pool, 0);

    if (w == NULL || memory == NULL || cln == NULL
        || RAND_bytes(name, sizeof(name)) != 1
        || mlsec_audit_chain_init(&w->chain, name) != MLSEC_OK)
    {
        return NGX_ERROR;
    }

    w->file = file;
    mlsec_audit_spool_init(&w->spool, memory, file->buffer);

    /*
     * More than a pipe takes in one piece could be cut by the lines of
     * others, and a reader that does not read must not stop a worker.
     */

    if (ngx_fd_info(file->file->fd, &info) != NGX_FILE_ERROR
        && !ngx_is_file(&info))
    {
        w->pipe = 1;
        (void) fcntl(file->file->fd, F_SETFL,
                     fcntl(file->file->fd, F_GETFL) | O_NONBLOCK);
    }

    ngx_mlsec_timer_init(&w->timer, &ngx_mlsec_audit_dummy,
                         ngx_mlsec_audit_timer, NULL, cycle->log);

    cln->handler = ngx_mlsec_audit_cleanup;
    cln->data = w;

    w->slot = mlsec_audit_heads_join(file->heads, ngx_pid);
    w->ended = mlsec_atomic_load(&file->heads->ended);

    file->writer = w;

    ngx_mlsec_audit_heads(file, MLSEC_AUDIT_START);
    (void) ngx_mlsec_audit_write(file);

    ngx_add_timer(&w->timer, NGX_MLSEC_AUDIT_WATCH);

    return NGX_OK;
}


static void
ngx_mlsec_audit_cleanup(void *data)
{
    ngx_mlsec_audit_writer_t  *w = data;

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    mlsec_audit_chain_free(&w->chain);
}


void
ngx_mlsec_audit_exit_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_mlsec_audit_file_t       **file;
    ngx_mlsec_audit_writer_t      *w;
    ngx_mlsec_audit_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_audit_module);

    if (mcf == NULL) {
        return;
    }

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        w = file[i]->writer;

        if (w == NULL) {
            continue;
        }

        /* counters of this worker have been closed before */

        file[i]->series = NULL;

        ngx_mlsec_audit_missing(file[i]);
        ngx_mlsec_audit_own(file[i], MLSEC_AUDIT_END);

        if (ngx_mlsec_audit_write(file[i]) != NGX_OK) {
            ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                          "mlsec audit: %uz records are lost, path: \"%V\"",
                          w->spool.lines + (size_t) w->dropped,
                          &file[i]->file->name);
        }

        ngx_mlsec_audit_note(file[i], "chain has ended");
        mlsec_audit_heads_waiting(w->slot, w->spool.lines + w->dropped);
        mlsec_audit_heads_leave(file[i]->heads, w->slot);
        file[i]->writer = NULL;
    }
}


/*
 * nginx calls this in each process before it opens its files anew.  What is
 * written so far belongs into the old file, and the new one begins with a
 * record that says where it goes on from.
 */

void
ngx_mlsec_audit_reopen(ngx_open_file_t *file, ngx_log_t *log)
{
    ngx_mlsec_audit_file_t    *audit;
    ngx_mlsec_audit_writer_t  *w;

    audit = file->data;
    w = audit->writer;

    if (w == NULL) {
        return;
    }

    (void) ngx_mlsec_audit_write(audit);
    w->reopened = 1;

    /* how the old file ends is of no matter any more */

    mlsec_atomic_store(&audit->heads->torn, 0);

    ngx_add_timer(&w->timer, 1);
}


ngx_int_t
ngx_mlsec_audit_add(ngx_mlsec_audit_file_t *file,
    mlsec_audit_record_t *record)
{
    ngx_mlsec_audit_writer_t  *w;

    w = file->writer;

    if (w == NULL) {
        return NGX_DECLINED;
    }

    if (w->reopened) {
        w->reopened = 0;
        ngx_mlsec_audit_own(file, MLSEC_AUDIT_REOPEN);
    }

    ngx_mlsec_audit_missing(file);

    if (ngx_mlsec_audit_append(file, record) != NGX_OK) {
        w->dropped++;
        ngx_mlsec_metrics_add(file->series, NGX_MLSEC_AUDIT_LOST, 1);
        mlsec_audit_heads_waiting(w->slot, w->spool.lines + w->dropped);

        return NGX_DECLINED;
    }

    mlsec_audit_heads_waiting(w->slot, w->spool.lines + w->dropped);

    if (file->flush == 0) {
        (void) ngx_mlsec_audit_write(file);

    } else if (w->timer.timer.key - ngx_current_msec > file->flush) {
        ngx_add_timer(&w->timer, file->flush);
    }

    return NGX_OK;
}


/* Where records are missing a record says so. */

static void
ngx_mlsec_audit_missing(ngx_mlsec_audit_file_t *file)
{
    mlsec_audit_record_t  record;

    if (file->writer->dropped == 0) {
        return;
    }

    ngx_memzero(&record, sizeof(mlsec_audit_record_t));
    record.event = MLSEC_AUDIT_DROPPED;
    record.count = file->writer->dropped;

    if (ngx_mlsec_audit_append(file, &record) == NGX_OK) {
        file->writer->dropped = 0;
    }
}


/* Into the buffer, which is written when it is full. */

static ngx_int_t
ngx_mlsec_audit_append(ngx_mlsec_audit_file_t *file,
    mlsec_audit_record_t *record)
{
    u_char                    *p;
    size_t                     len;
    ngx_time_t                *tp;
    ngx_mlsec_audit_writer_t  *w;

    w = file->writer;
    tp = ngx_timeofday();

    record->time = (int64_t) tp->sec * 1000 + tp->msec;
    record->worker = ngx_pid;

    p = mlsec_audit_spool_room(&w->spool, MLSEC_AUDIT_LINE);

    /* while it fails the timer tries again, not each request */

    if (p == NULL && !w->failing) {
        (void) ngx_mlsec_audit_write(file);
        p = mlsec_audit_spool_room(&w->spool, MLSEC_AUDIT_LINE);
    }

    len = p != NULL ? mlsec_audit_line(&w->chain, record, p) : 0;

    if (len == 0) {
        return NGX_DECLINED;
    }

    mlsec_audit_spool_add(&w->spool, len);
    ngx_mlsec_metrics_add(file->series, record->event, 1);

    return NGX_OK;
}


/* A record of the chain itself. */

static void
ngx_mlsec_audit_own(ngx_mlsec_audit_file_t *file, mlsec_audit_event_e event)
{
    mlsec_audit_record_t  record;

    ngx_memzero(&record, sizeof(mlsec_audit_record_t));
    record.event = event;

    (void) ngx_mlsec_audit_append(file, &record);
}


/* Names the chains that have ended; a start is one even if none has. */

static void
ngx_mlsec_audit_heads(ngx_mlsec_audit_file_t *file, mlsec_audit_event_e event)
{
    mlsec_audit_head_t    head[MLSEC_AUDIT_AFTER];
    mlsec_audit_record_t  record;

    ngx_memzero(&record, sizeof(mlsec_audit_record_t));
    record.event = event;
    record.after = head;

    do {
        /* heads that are taken and not written would be lost */

        if (mlsec_audit_spool_room(&file->writer->spool, MLSEC_AUDIT_LINE)
            == NULL)
        {
            return;
        }

        record.nafter = mlsec_audit_heads_take(file->heads, ngx_pid,
                                               ngx_mlsec_audit_alive, head,
                                               MLSEC_AUDIT_AFTER);

        if (record.nafter != 0 || record.event == MLSEC_AUDIT_START) {
            (void) ngx_mlsec_audit_append(file, &record);
        }

        record.event = MLSEC_AUDIT_HEADS;

    } while (record.nafter == MLSEC_AUDIT_AFTER);
}


ngx_int_t
ngx_mlsec_audit_write(ngx_mlsec_audit_file_t *file)
{
    ssize_t                    n;
    mlsec_str_t                text, line;
    mlsec_audit_head_t         head;
    ngx_mlsec_audit_writer_t  *w;

    w = file->writer;

    for ( ;; ) {
        text = mlsec_audit_spool_next(&w->spool,
                                      w->pipe ? MLSEC_AUDIT_LINE : SSIZE_MAX);

        if (text.len == 0) {
            break;
        }

        n = ngx_mlsec_audit_send(file, text);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        line = mlsec_audit_spool_written(&w->spool, n);

        if (line.len != 0
            && mlsec_audit_line_head(line, &head) == MLSEC_OK)
        {
            mlsec_audit_heads_set(w->slot, &head);
        }

        if (w->spool.torn) {
            mlsec_atomic_store(&file->heads->torn, 1);
        }
    }

    mlsec_audit_heads_waiting(w->slot, w->dropped);

    if (w->failing) {
        w->failing = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec audit: it can be written again, %uL records "
                      "have been dropped, path: \"%V\"", w->dropped,
                      &file->file->name);
    }

    return NGX_OK;
}


/*
 * One call for whole lines: with O_APPEND the kernel puts them behind those of
 * other workers, in one piece.
 *
 * How much of the text was written, perhaps nothing; NGX_ERROR.
 */

static ssize_t
ngx_mlsec_audit_send(ngx_mlsec_audit_file_t *file, mlsec_str_t text)
{
    ssize_t        n;
    ngx_err_t      err;
    ngx_uint_t     torn;
    struct iovec   iov[2];

    iov[0].iov_base = (void *) "\n";
    iov[0].iov_len = 1;
    iov[1].iov_base = (void *) text.data;
    iov[1].iov_len = text.len;

    torn = (ngx_uint_t) mlsec_atomic_load(&file->heads->torn);

    do {
        n = torn ? writev(file->file->fd, iov, 2)
                 : writev(file->file->fd, &iov[1], 1);
        err = (n == -1) ? ngx_errno : 0;

    } while (err == NGX_EINTR);

    if (n <= 0) {
        ngx_mlsec_audit_failed(file, err);
        return NGX_ERROR;
    }

    if (torn) {
        mlsec_atomic_store(&file->heads->torn, 0);
        n--;
    }

    return n;
}


static void
ngx_mlsec_audit_failed(ngx_mlsec_audit_file_t *file, ngx_err_t err)
{
    ngx_mlsec_audit_writer_t  *w;

    w = file->writer;

    ngx_mlsec_metrics_add(file->series, NGX_MLSEC_AUDIT_ERRORS, 1);

    if (!w->failing) {
        w->failing = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                      "mlsec audit: cannot write, what the buffer does not "
                      "hold will be dropped, path: \"%V\"",
                      &file->file->name);
    }
}


static void
ngx_mlsec_audit_timer(ngx_event_t *ev)
{
    uint64_t                   ended;
    ngx_mlsec_audit_file_t    *file;
    ngx_mlsec_audit_writer_t  *w;

    w = (ngx_mlsec_audit_writer_t *)
            ((u_char *) ev - offsetof(ngx_mlsec_audit_writer_t, timer));
    file = w->file;

    if (w->reopened) {
        w->reopened = 0;
        ngx_mlsec_audit_own(file, MLSEC_AUDIT_REOPEN);
        ngx_mlsec_audit_note(file, "file has been opened anew");
    }

    ended = mlsec_atomic_load(&file->heads->ended);

    if (ended != w->ended) {
        w->ended = ended;
        ngx_mlsec_audit_heads(file, MLSEC_AUDIT_HEADS);
    }

    if (ngx_mlsec_audit_write(file) == NGX_OK && w->dropped) {
        ngx_mlsec_audit_missing(file);
        (void) ngx_mlsec_audit_write(file);
    }

    ngx_add_timer(ev, NGX_MLSEC_AUDIT_WATCH);
}


/* Where the chain is, in a log that whoever writes this one need not have. */

static void
ngx_mlsec_audit_note(ngx_mlsec_audit_file_t *file, const char *what)
{
    u_char                     hash[2 * MLSEC_AUDIT_HASH];
    const mlsec_audit_head_t  *head;

    head = &file->writer->chain.head;
    mlsec_audit_hex(hash, head->hash, MLSEC_AUDIT_HASH);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "mlsec audit: %s, path: \"%V\", head: %*s %uL %*s", what,
                  &file->file->name, (size_t) MLSEC_AUDIT_NAME, head->chain,
                  head->seq, sizeof(hash), hash);
}


static int
ngx_mlsec_audit_alive(uint64_t pid)
{
    return kill((pid_t) pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}
