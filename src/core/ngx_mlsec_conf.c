/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>


#define NGX_MLSEC_CONF_USERS  16         /* more than there are modules */


/*
 * A module and the configuration that last had something for it to do, known
 * by its cycle.  The address of a cycle that is gone may come again: then
 * something is registered that is not needed.
 */

typedef struct {
    const ngx_module_t  *module;
    const ngx_cycle_t   *cycle;
} ngx_mlsec_conf_user_t;


static const ngx_mlsec_conf_user_t *ngx_mlsec_conf_user(
    const ngx_module_t *module);
static ngx_uint_t ngx_mlsec_conf_is_full(void);
static ngx_int_t ngx_mlsec_conf_statuses_item(ngx_str_t *item,
    ngx_mlsec_statuses_t *statuses);


static ngx_mlsec_conf_user_t  ngx_mlsec_conf_users[NGX_MLSEC_CONF_USERS];


void
ngx_mlsec_conf_use(ngx_conf_t *cf, const ngx_module_t *module)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MLSEC_CONF_USERS; i++) {

        if (ngx_mlsec_conf_users[i].module == NULL
            || ngx_mlsec_conf_users[i].module == module)
        {
            ngx_mlsec_conf_users[i].module = module;
            ngx_mlsec_conf_users[i].cycle = cf->cycle;
            return;
        }
    }
}


ngx_uint_t
ngx_mlsec_conf_used(ngx_conf_t *cf, const ngx_module_t *module)
{
    const ngx_mlsec_conf_user_t  *user;

    user = ngx_mlsec_conf_user(module);

    return (user != NULL) ? user->cycle == cf->cycle
                          : ngx_mlsec_conf_is_full();
}


ngx_uint_t
ngx_mlsec_conf_ever_used(const ngx_module_t *module)
{
    return ngx_mlsec_conf_user(module) != NULL || ngx_mlsec_conf_is_full();
}


static const ngx_mlsec_conf_user_t *
ngx_mlsec_conf_user(const ngx_module_t *module)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MLSEC_CONF_USERS; i++) {

        if (ngx_mlsec_conf_users[i].module == module) {
            return &ngx_mlsec_conf_users[i];
        }
    }

    return NULL;
}


/* Then of a module that has no room it is not known. */

static ngx_uint_t
ngx_mlsec_conf_is_full(void)
{
    return ngx_mlsec_conf_users[NGX_MLSEC_CONF_USERS - 1].module != NULL;
}


const ngx_module_t *
ngx_mlsec_conf_module(ngx_conf_t *cf, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; cf->cycle->modules[i]; i++) {

        if (ngx_strcmp(cf->cycle->modules[i]->name, name) == 0) {
            return cf->cycle->modules[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_mlsec_conf_param(ngx_str_t *arg, const char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (arg->len < len || ngx_strncmp(arg->data, name, len) != 0) {
        return 0;
    }

    value->data = arg->data + len;
    value->len = arg->len - len;

    return 1;
}


ngx_str_t
ngx_mlsec_conf_param_name(ngx_str_t *arg)
{
    u_char     *p;
    ngx_str_t   name;

    name = *arg;
    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');

    if (p != NULL) {
        name.len = p - arg->data;
    }

    return name;
}


ngx_int_t
ngx_mlsec_conf_msec(ngx_conf_t *cf, const char *parameter, ngx_str_t *value,
    ngx_msec_t *msec)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in %s, "
                           "expected a time such as \"3s\" or \"250ms\"",
                           value, parameter);
        return NGX_ERROR;
    }

    *msec = n;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_conf_statuses(ngx_conf_t *cf, const char *parameter,
    ngx_str_t *value, ngx_array_t **list)
{
    u_char                *p, *last, *comma;
    ngx_str_t              item;
    ngx_mlsec_statuses_t  *statuses;

    *list = ngx_array_create(cf->pool, 2, sizeof(ngx_mlsec_statuses_t));
    if (*list == NULL) {
        return NGX_ERROR;
    }

    last = value->data + value->len;

    for (p = value->data; /* void */ ; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');

        item.data = p;
        item.len = (comma ? comma : last) - p;

        statuses = ngx_array_push(*list);
        if (statuses == NULL) {
            return NGX_ERROR;
        }

        if (ngx_mlsec_conf_statuses_item(&item, statuses) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid status \"%V\" of %s, "
                               "expected a list such as \"2xx,404\"",
                               &item, parameter);
            return NGX_ERROR;
        }

        if (comma == NULL) {
            return NGX_OK;
        }
    }
}


static ngx_int_t
ngx_mlsec_conf_statuses_item(ngx_str_t *item, ngx_mlsec_statuses_t *statuses)
{
    ngx_int_t  status;

    if (item->len != 3 || item->data[0] < '2' || item->data[0] > '5') {
        return NGX_ERROR;
    }

    if (item->data[1] == 'x' && item->data[2] == 'x') {
        statuses->first = (item->data[0] - '0') * 100;
        statuses->last = statuses->first + 99;
        return NGX_OK;
    }

    status = ngx_atoi(item->data, item->len);

    if (status == NGX_ERROR) {
        return NGX_ERROR;
    }

    statuses->first = status;
    statuses->last = status;

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_conf_status_in(const ngx_array_t *list, ngx_uint_t status)
{
    ngx_uint_t             i;
    ngx_mlsec_statuses_t  *statuses;

    if (list == NULL) {
        return status >= 200 && status <= 299;
    }

    statuses = list->elts;

    for (i = 0; i < list->nelts; i++) {

        if (status >= statuses[i].first && status <= statuses[i].last) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_mlsec_conf_set_handler(ngx_conf_t *cf, const char *directive,
    ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL && clcf->handler != handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" in location \"%V\" that already has "
                           "a content handler, "
                           "use one of them or a location of its own",
                           directive, &clcf->name);
        return NGX_ERROR;
    }

    clcf->handler = handler;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_conf_check_handler(ngx_conf_t *cf, const char *directive,
    ngx_http_handler_pt handler, const ngx_mlsec_conf_place_t *place)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%s\" in location \"%V\" that also has another "
                  "content handler, use one of them or a location "
                  "of its own in %V:%ui",
                  directive, &clcf->name, &place->file, place->line);

    return NGX_ERROR;
}


void
ngx_mlsec_conf_here(ngx_conf_t *cf, ngx_mlsec_conf_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}


ngx_uint_t
ngx_mlsec_conf_is_word(const ngx_str_t *value)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < value->len; i++) {
        c = value->data[i] | 0x20;

        if (!(c >= 'a' && c <= 'z')
            && !(value->data[i] >= '0' && value->data[i] <= '9')
            && (value->data[i] == '\0'
                || ngx_strchr("._:-", value->data[i]) == NULL))
        {
            return 0;
        }
    }

    return value->len != 0 && value->len <= 64;
}


ngx_uint_t
ngx_mlsec_conf_same(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}


u_char *
ngx_mlsec_conf_header_colon(const ngx_str_t *value)
{
    u_char  *p, *last;

    last = value->data + value->len;

    for (p = value->data; p < last && *p != ':'; p++) {

        if (*p <= ' ' || *p >= 0x7f
            || ngx_strchr("\"(),/;<=>?@[\\]{}", *p) != NULL)
        {
            return NULL;
        }
    }

    return (p == last || p == value->data) ? NULL : p;
}


ngx_int_t
ngx_mlsec_conf_read_file(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *path, size_t max, ngx_str_t *text)
{
    ssize_t          n;
    ngx_str_t        name;
    ngx_file_t       file;
    ngx_file_info_t  info;

    /* a name out of a list is not followed by a zero byte */

    name.len = path->len;
    name.data = ngx_pnalloc(cf->pool, path->len + 1);

    if (name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(name.data, path->data, path->len + 1);

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = name;
    file.log = cf->log;
    file.fd = ngx_open_file(name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open \"%V\" of \"%s\"", &name, directive);
        return NGX_ERROR;
    }

    n = NGX_ERROR;

    if (ngx_fd_info(file.fd, &info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read \"%V\" of \"%s\"", &name, directive);

    } else if (!ngx_is_file(&info)
               || ngx_file_size(&info) > (off_t) max)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"%s\" is not a file of at most "
                           "%uz bytes", &name, directive, max);

    } else {
        text->len = (size_t) ngx_file_size(&info);
        text->data = ngx_pnalloc(cf->temp_pool, text->len + 1);

        if (text->data != NULL) {
            n = ngx_read_file(&file, text->data, text->len, 0);
        }
    }

    (void) ngx_close_file(file.fd);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    text->len = (size_t) n;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_conf_variables(ngx_conf_t *cf, const ngx_http_variable_t *table)
{
    ngx_str_t             name;
    ngx_http_variable_t  *var;

    for ( /* void */ ; table->name.len; table++) {
        name = table->name;

        var = ngx_http_add_variable(cf, &name, table->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = table->get_handler;
        var->data = table->data;
    }

    return NGX_OK;
}


ssize_t
ngx_mlsec_conf_zone(const ngx_str_t *value, ngx_str_t *name)
{
    u_char     *colon, *last;
    ngx_str_t   size;

    *name = *value;
    last = value->data + value->len;

    colon = ngx_strlchr(value->data, last, ':');

    if (colon == NULL || colon == value->data) {
        return NGX_ERROR;
    }

    name->len = colon - value->data;

    size.data = colon + 1;
    size.len = last - size.data;

    return ngx_parse_size(&size);
}
