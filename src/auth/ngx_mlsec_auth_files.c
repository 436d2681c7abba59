/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_timer.h>
#include <lib/auth/mlsec_sha256.h>


/*
 * A file that is being written is not read: it has to look the same at two
 * looks.  Cut to nothing and filled again it would say for a moment that no
 * token is revoked.
 */

#define NGX_MLSEC_AUTH_WATCH  450      /* ms between two looks at a file */


static ngx_int_t ngx_mlsec_auth_file_load(ngx_mlsec_auth_file_t *file,
    ngx_log_t *log, const char **why, ngx_uint_t *line);
static ngx_int_t ngx_mlsec_auth_file_read(ngx_mlsec_auth_file_t *file,
    ngx_pool_t *pool, mlsec_str_t *text, const char **why);
static ngx_int_t ngx_mlsec_auth_file_parse(ngx_mlsec_auth_file_t *file,
    ngx_pool_t *pool, mlsec_str_t text, const char **why, ngx_uint_t *line);
static void ngx_mlsec_auth_file_free(void *data);
static void ngx_mlsec_auth_files_look(ngx_event_t *ev);
static void ngx_mlsec_auth_file_look(ngx_mlsec_auth_file_t *file);
static void ngx_mlsec_auth_file_seen(const ngx_file_info_t *info,
    ngx_mlsec_auth_seen_t *seen);
static ngx_uint_t ngx_mlsec_auth_file_same(const ngx_mlsec_auth_seen_t *one,
    const ngx_mlsec_auth_seen_t *two);


static ngx_event_t       ngx_mlsec_auth_timer;
static ngx_connection_t  ngx_mlsec_auth_dummy;     /* for nginx's debug log */


ngx_mlsec_auth_file_t *
ngx_mlsec_auth_file(ngx_conf_t *cf, const char *directive, ngx_str_t *path,
    ngx_mlsec_auth_file_e kind)
{
    const char                  *why;
    ngx_str_t                    name;
    ngx_uint_t                   i, line;
    ngx_pool_cleanup_t          *cln;
    ngx_mlsec_auth_file_t       *file, **files;
    ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_auth_module);
    name = *path;

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NULL;
    }

    files = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        if (files[i]->kind == kind && files[i]->path.len == name.len
            && ngx_strncmp(files[i]->path.data, name.data, name.len) == 0)
        {
            return files[i];
        }
    }

    file = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_auth_file_t));
    files = ngx_array_push(&mcf->files);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (file == NULL || files == NULL || cln == NULL) {
        return NULL;
    }

    *files = file;
    file->path = name;
    file->kind = kind;
    cln->handler = ngx_mlsec_auth_file_free;
    cln->data = file;

    if (ngx_mlsec_auth_file_load(file, cf->log, &why, &line) != NGX_OK) {

        if (line) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "cannot use \"%V\" of \"%s\", line %ui: %s",
                               &name, directive, line, why);
        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "cannot use \"%V\" of \"%s\": %s", &name,
                               directive, why);
        }

        return NULL;
    }

    /* the log that configuration is read with ends with the cycle before */

    if (file->pool != NULL) {
        file->pool->log = &cf->cycle->new_log;
    }

    if (file->keys != NULL && file->keys->skipped) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "mlsec auth: %uz keys of \"%V\" are left out, the "
                           "last one since %s", file->keys->skipped, &name,
                           file->keys->why);
    }

    if (file->keys != NULL && file->keys->exposed) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "mlsec auth: \"%V\" has private keys, which the "
                           "gateway does not need", &name);
    }

    return file;
}


/* What the file said before stays when it cannot be used any more. */

static ngx_int_t
ngx_mlsec_auth_file_load(ngx_mlsec_auth_file_t *file, ngx_log_t *log,
    const char **why, ngx_uint_t *line)
{
    ngx_int_t     rc;
    ngx_pool_t   *pool;
    mlsec_str_t   text;

    *line = 0;
    *why = "no memory";

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_mlsec_auth_file_read(file, pool, &text, why);

    if (rc == NGX_OK) {
        rc = ngx_mlsec_auth_file_parse(file, pool, text, why, line);
    }

    /* keys have memory of their own, and the rest is taken over */

    if (rc != NGX_OK || file->kind == NGX_MLSEC_FILE_KEYS) {
        ngx_destroy_pool(pool);
    }

    return rc;
}


static ngx_int_t
ngx_mlsec_auth_file_read(ngx_mlsec_auth_file_t *file, ngx_pool_t *pool,
    mlsec_str_t *text, const char **why)
{
    u_char           *p;
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_file_info_t   info;

    fd = ngx_open_file(file->path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        *why = ngx_errno == NGX_ENOENT ? "there is no such file"
                                       : "it cannot be opened";
        return NGX_ERROR;
    }

    n = -1;
    p = NULL;
    size = 0;
    *why = "it is not a file that can be read";

    if (ngx_fd_info(fd, &info) != NGX_FILE_ERROR && ngx_is_file(&info)) {
        ngx_mlsec_auth_file_seen(&info, &file->seen);
        file->read = file->seen;
        size = (size_t) file->seen.size;

        if (size > MLSEC_API_KEY_MAX_FILE) {
            *why = "it is larger than 4m";

        } else {
            p = ngx_palloc(pool, size + 1);
            n = p == NULL ? -1 : ngx_read_fd(fd, p, size);
        }
    }

    (void) ngx_close_file(fd);

    text->data = p;
    text->len = size;

    return n == (ssize_t) size ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_auth_file_parse(ngx_mlsec_auth_file_t *file, ngx_pool_t *pool,
    mlsec_str_t text, const char **why, ngx_uint_t *line)
{
    int               rc;
    unsigned          n;
    mlsec_mem_t       mem;
    mlsec_revoked_t   revoked;
    mlsec_jwk_set_t  *keys;
    mlsec_api_keys_t  api_keys;

    n = 0;
    mem = ngx_mlsec_mem(pool);

    switch (file->kind) {

    case NGX_MLSEC_FILE_KEYS:
        rc = mlsec_jwk_set_parse(text, MLSEC_JWK_SECRETS, &keys, why);

        if (rc == MLSEC_OK) {
            mlsec_jwk_set_free(file->keys);
            file->keys = keys;
            file->stamp = ngx_mlsec_auth_stamp(text);
        }

        return rc == MLSEC_OK ? NGX_OK : NGX_ERROR;

    case NGX_MLSEC_FILE_API_KEYS:
        rc = mlsec_api_keys_parse(text, &mem, &api_keys, &n, why);

        if (rc == MLSEC_OK) {
            file->api_keys = api_keys;
        }

        break;

    default: /* NGX_MLSEC_FILE_REVOKED */
        rc = mlsec_revoked_parse(text, &mem, &revoked, &n, why);

        if (rc == MLSEC_OK) {
            file->revoked = revoked;
        }

        break;
    }

    *line = n;

    if (rc != MLSEC_OK) {
        return NGX_ERROR;
    }

    if (file->pool != NULL) {
        ngx_destroy_pool(file->pool);
    }

    file->pool = pool;

    return NGX_OK;
}


uint64_t
ngx_mlsec_auth_stamp(mlsec_str_t text)
{
    u_char    digest[MLSEC_SHA256_SIZE];
    uint64_t  stamp;

    ngx_memzero(digest, sizeof(digest));
    (void) mlsec_sha256(text, digest);
    ngx_memcpy(&stamp, digest, sizeof(stamp));

    return stamp;
}


static void
ngx_mlsec_auth_file_free(void *data)
{
    ngx_mlsec_auth_file_t  *file = data;

    mlsec_jwk_set_free(file->keys);

    if (file->pool != NULL) {
        ngx_destroy_pool(file->pool);
    }
}


void
ngx_mlsec_auth_files_watch(ngx_cycle_t *cycle)
{
    ngx_mlsec_auth_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_auth_module);

    if (mcf == NULL || mcf->files.nelts == 0) {
        return;
    }

    ngx_memzero(&ngx_mlsec_auth_timer, sizeof(ngx_event_t));
    ngx_mlsec_timer_init(&ngx_mlsec_auth_timer, &ngx_mlsec_auth_dummy,
                         ngx_mlsec_auth_files_look, NULL, cycle->log);

    ngx_add_timer(&ngx_mlsec_auth_timer, NGX_MLSEC_AUTH_WATCH);
}


static void
ngx_mlsec_auth_files_look(ngx_event_t *ev)
{
    ngx_uint_t                   i;
    ngx_mlsec_auth_file_t      **files;
    ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_mlsec_auth_module);
    files = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        ngx_mlsec_auth_file_look(files[i]);
    }

    ngx_add_timer(ev, NGX_MLSEC_AUTH_WATCH);
}


/*
 * One that cannot be used is complained of once: what it looked like is noted
 * all the same.
 */

static void
ngx_mlsec_auth_file_look(ngx_mlsec_auth_file_t *file)
{
    ngx_uint_t              line, changing;
    const char             *why;
    ngx_file_info_t         info;
    ngx_mlsec_auth_seen_t   now;

    ngx_memzero(&now, sizeof(ngx_mlsec_auth_seen_t));

    if (ngx_file_info(file->path.data, &info) != NGX_FILE_ERROR) {
        ngx_mlsec_auth_file_seen(&info, &now);
    }

    changing = !ngx_mlsec_auth_file_same(&file->seen, &now);
    file->seen = now;

    if (changing || ngx_mlsec_auth_file_same(&file->read, &now)) {
        return;
    }

    file->read = now;

    if (ngx_mlsec_auth_file_load(file, ngx_cycle->log, &why, &line)
        == NGX_OK)
    {
        file->version++;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec auth: file has been read again, path: \"%V\"",
                      &file->path);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "mlsec auth: file cannot be used, what it said before "
                  "stays, path: \"%V\", line: %ui, reason: \"%s\"",
                  &file->path, line, why);
}


static void
ngx_mlsec_auth_file_seen(const ngx_file_info_t *info,
    ngx_mlsec_auth_seen_t *seen)
{
    seen->size = ngx_file_size(info);
    seen->uniq = ngx_file_uniq(info);
    seen->changed = (int64_t) info->st_ctim.tv_sec * 1000000000
                    + info->st_ctim.tv_nsec;
}


static ngx_uint_t
ngx_mlsec_auth_file_same(const ngx_mlsec_auth_seen_t *one,
    const ngx_mlsec_auth_seen_t *two)
{
    return one->size == two->size && one->uniq == two->uniq
           && one->changed == two->changed;
}
