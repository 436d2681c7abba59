/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <audit/ngx_mlsec_audit.h>


#define NGX_MLSEC_AUDIT_ZONE  "mlsec_audit:"
#define NGX_MLSEC_AUDIT_TAIL  (64 * 1024)        /* bytes */


static ngx_int_t ngx_mlsec_audit_zone_init(ngx_shm_zone_t *zone, void *data);
static void ngx_mlsec_audit_tail(const ngx_mlsec_audit_file_t *file,
    ngx_log_t *log);
static void ngx_mlsec_audit_tail_heads(mlsec_audit_heads_t *heads,
    mlsec_str_t text);
static void ngx_mlsec_audit_tail_line(mlsec_audit_heads_t *heads,
    mlsec_str_t line, mlsec_audit_head_t *seen, ngx_uint_t *n);


ngx_int_t
ngx_mlsec_audit_zone_add(ngx_conf_t *cf, ngx_mlsec_audit_file_t *file)
{
    size_t     size;
    ngx_str_t  name;

    /* a slab pool, and what it has to itself of its pages */

    size = sizeof(mlsec_audit_heads_t) + 8 * ngx_pagesize;
    name.len = sizeof(NGX_MLSEC_AUDIT_ZONE) - 1 + file->file->name.len;
    name.data = ngx_pnalloc(cf->pool, name.len);

    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(name.data, NGX_MLSEC_AUDIT_ZONE,
                          sizeof(NGX_MLSEC_AUDIT_ZONE) - 1),
               file->file->name.data, file->file->name.len);

    file->zone = ngx_shared_memory_add(cf, &name, size,
                                       &ngx_mlsec_audit_module);
    if (file->zone == NULL) {
        return NGX_ERROR;
    }

    file->zone->init = ngx_mlsec_audit_zone_init;
    file->zone->data = file;

    return NGX_OK;
}


/*
 * Runs in the master, for "nginx -t" too; on a reload while the workers of
 * the configuration before are at work.
 */

static ngx_int_t
ngx_mlsec_audit_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_mlsec_audit_file_t  *file = zone->data;
    ngx_mlsec_audit_file_t  *old = data;

    ngx_slab_pool_t  *shpool;

    if (old != NULL) {
        file->heads = old->heads;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    file->heads = ngx_slab_calloc(shpool, sizeof(mlsec_audit_heads_t));

    if (file->heads == NULL) {
        return NGX_ERROR;
    }

    ngx_mlsec_audit_tail(file, zone->shm.log);

    return NGX_OK;
}


/*
 * After a restart nothing is known of the chains before.  What the file says
 * at its end is taken as what they have come to: so the first line of a new
 * chain names it, and it cannot be taken away later.  That it is all there now
 * nobody can say.
 */

static void
ngx_mlsec_audit_tail(const ngx_mlsec_audit_file_t *file, ngx_log_t *log)
{
    off_t            size;
    u_char          *p;
    ssize_t          n;
    ngx_fd_t         fd;
    mlsec_str_t      text;
    ngx_file_info_t  info;

    /* never a pipe: reading would take from whoever listens */

    if (ngx_file_info(file->file->name.data, &info) == NGX_FILE_ERROR
        || !ngx_is_file(&info))
    {
        return;
    }

    size = ngx_file_size(&info);
    fd = ngx_open_file(file->file->name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {
        return;
    }

    p = ngx_alloc(NGX_MLSEC_AUDIT_TAIL, log);

    n = p == NULL ? -1
        : pread(fd, p, NGX_MLSEC_AUDIT_TAIL,
                size > NGX_MLSEC_AUDIT_TAIL ? size - NGX_MLSEC_AUDIT_TAIL
                                            : 0);

    if (n > 0) {
        text.data = p;
        text.len = n;
        ngx_mlsec_audit_tail_heads(file->heads, text);
    }

    if (p != NULL) {
        ngx_free(p);
    }

    (void) ngx_close_file(fd);
}


/* From the last line on, the first that is found of each chain. */

static void
ngx_mlsec_audit_tail_heads(mlsec_audit_heads_t *heads, mlsec_str_t text)
{
    ngx_uint_t           n;
    mlsec_str_t          line;
    const u_char        *p;
    mlsec_audit_head_t   seen[MLSEC_AUDIT_AFTER];

    n = 0;

    if (text.data[text.len - 1] != '\n') {
        mlsec_atomic_store(&heads->torn, 1);

    } else {
        text.len--;
    }

    while (text.len != 0 && n < MLSEC_AUDIT_AFTER) {

        for (p = text.data + text.len; p > text.data; p--) {

            if (p[-1] == '\n') {
                break;
            }
        }

        line.data = p;
        line.len = text.data + text.len - p;
        text.len = p == text.data ? 0 : (size_t) (p - text.data) - 1;

        ngx_mlsec_audit_tail_line(heads, line, seen, &n);
    }
}


static void
ngx_mlsec_audit_tail_line(mlsec_audit_heads_t *heads, mlsec_str_t line,
    mlsec_audit_head_t *seen, ngx_uint_t *n)
{
    ngx_uint_t             i;
    mlsec_audit_slot_t    *slot;
    mlsec_audit_parsed_t   parsed;

    if (mlsec_audit_parse(line, &parsed) != MLSEC_OK) {
        return;
    }

    for (i = 0; i < *n; i++) {

        if (ngx_memcmp(seen[i].chain, parsed.head.chain, MLSEC_AUDIT_NAME)
            == 0)
        {
            return;
        }
    }

    seen[(*n)++] = parsed.head;

    slot = mlsec_audit_heads_join(heads, ngx_pid);
    mlsec_audit_heads_set(slot, &parsed.head);
    mlsec_audit_heads_leave(heads, slot);
}
