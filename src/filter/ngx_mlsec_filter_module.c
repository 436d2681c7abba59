/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_mem.h>
#include <filter/ngx_mlsec_filter.h>


#define NGX_MLSEC_FILTER_MAX_STEPS   1000000
#define NGX_MLSEC_FILTER_MAX_MEMORY  (32 * 1024 * 1024)    /* bytes */


/*
 * mlsec_filter_library: what stands in front of every program from files, and
 * in front of those that make an answer.
 */

typedef struct {
    ngx_array_t                programs;     /* of ngx_str_t, paths */
    ngx_array_t                answers;
    unsigned                   used:1;       /* a program was compiled */
} ngx_mlsec_filter_main_conf_t;


typedef struct {
    const ngx_mlsec_filter_t  *filter;
    ngx_mlsec_conf_place_t     place;
    ngx_uint_t                 max_steps;
    size_t                     max_memory;   /* bytes */
} ngx_mlsec_filter_loc_conf_t;


/* a program while it is read */

typedef struct {
    ngx_str_t                  text;
    const ngx_str_t           *paths;        /* NULL: not from files */
    ngx_uint_t                *lines;        /* lines up to each file's end */
    ngx_uint_t                 npaths;
} ngx_mlsec_filter_source_t;


static char *ngx_mlsec_filter(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_mlsec_filter_library(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mlsec_filter_max_steps(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static const ngx_str_t *ngx_mlsec_filter_with_library(ngx_conf_t *cf,
    const ngx_str_t *paths, ngx_uint_t *n, ngx_uint_t whole);
static const ngx_mlsec_filter_t *ngx_mlsec_filter_compile_source(
    ngx_conf_t *cf, const char *directive,
    const ngx_mlsec_filter_source_t *source, ngx_uint_t whole);
static void ngx_mlsec_filter_complain(ngx_conf_t *cf, const char *directive,
    const ngx_mlsec_filter_source_t *source,
    const mlsec_filter_error_t *error);
static ngx_uint_t ngx_mlsec_filter_used(const ngx_str_t *text,
    ngx_uint_t bound);
static ngx_int_t ngx_mlsec_filter_join(ngx_conf_t *cf,
    ngx_mlsec_filter_source_t *source, const ngx_str_t *texts);
static ngx_int_t ngx_mlsec_filter_file_names(ngx_conf_t *cf,
    const ngx_mlsec_filter_source_t *source, ngx_str_t *names);
static ngx_uint_t ngx_mlsec_filter_count_lines(const ngx_str_t *text);
static void *ngx_mlsec_filter_create_main_conf(ngx_conf_t *cf);
static void *ngx_mlsec_filter_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_filter_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_mlsec_filter_commands[] = {

    { ngx_string("mlsec_filter"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_filter,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_filter_file"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_filter,
      NGX_HTTP_LOC_CONF_OFFSET,
      1,
      NULL },

    { ngx_string("mlsec_filter_library"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_mlsec_filter_library,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_filter_max_steps"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_filter_max_steps,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_filter_max_memory"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_filter_loc_conf_t, max_memory),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_mlsec_filter_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_filter_create_loc_conf,      /* create location configuration */
    ngx_mlsec_filter_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_mlsec_filter_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_filter_module_ctx,          /* module context */
    ngx_mlsec_filter_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * mlsec_filter and, with cmd->offset set, mlsec_filter_file.
 */

static char *
ngx_mlsec_filter(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_filter_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    if (lcf->filter != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a second program in one location, join them with "
                           "\"|\" or list the files in one "
                           "\"mlsec_filter_file\"");
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (cmd->offset) {
        lcf->filter = ngx_mlsec_filter_compile_files(cf, "mlsec_filter_file",
                                         &value[1], cf->args->nelts - 1, 1);

    } else {
        lcf->filter = ngx_mlsec_filter_compile(cf, "mlsec_filter", &value[1],
                                               1);
    }

    if (lcf->filter == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_mlsec_conf_here(cf, &lcf->place);

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_filter_library(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_filter_main_conf_t  *mcf = conf;

    ngx_str_t   *value, *path, name, text;
    ngx_uint_t   i, answer;

    if (mcf->programs.nelts + mcf->answers.nelts > 0) {
        return "is duplicate";
    }

    if (mcf->used) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_filter_library\" stands behind a program "
                           "that it would be for, move it to the beginning "
                           "of \"http\"");
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        answer = ngx_mlsec_conf_param(&value[i], "answer=", &name);

        if (!answer) {
            name = value[i];
        }

        if (ngx_mlsec_conf_read_file(cf, "mlsec_filter_library", &name,
                                     MLSEC_FILTER_MAX_PROGRAM, &text)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        path = ngx_array_push(answer ? &mcf->answers : &mcf->programs);
        if (path == NULL) {
            return NGX_CONF_ERROR;
        }

        *path = name;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_filter_max_steps(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_filter_loc_conf_t  *lcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (lcf->max_steps != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n <= 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" in "
                           "\"mlsec_filter_max_steps\", expected at least 1",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->max_steps = n;

    return NGX_CONF_OK;
}


const ngx_mlsec_filter_t *
ngx_mlsec_filter_compile(ngx_conf_t *cf, const char *directive,
    ngx_str_t *text, ngx_uint_t whole)
{
    ngx_mlsec_filter_source_t  source;

    ngx_memzero(&source, sizeof(ngx_mlsec_filter_source_t));
    source.text = *text;

    return ngx_mlsec_filter_compile_source(cf, directive, &source, whole);
}


const ngx_mlsec_filter_t *
ngx_mlsec_filter_compile_files(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *paths, ngx_uint_t n, ngx_uint_t whole)
{
    ngx_str_t                  *texts;
    ngx_uint_t                  i;
    ngx_mlsec_filter_source_t   source;

    paths = ngx_mlsec_filter_with_library(cf, paths, &n, whole);
    if (paths == NULL) {
        return NULL;
    }

    source.paths = paths;
    source.npaths = n;
    source.lines = ngx_palloc(cf->temp_pool, n * sizeof(ngx_uint_t));
    texts = ngx_palloc(cf->temp_pool, n * sizeof(ngx_str_t));

    if (source.lines == NULL || texts == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        if (ngx_mlsec_conf_read_file(cf, directive, &paths[i],
                                     MLSEC_FILTER_MAX_PROGRAM, &texts[i])
            != NGX_OK)
        {
            return NULL;
        }
    }

    if (ngx_mlsec_filter_join(cf, &source, texts) != NGX_OK) {
        return NULL;
    }

    return ngx_mlsec_filter_compile_source(cf, directive, &source, whole);
}


/*
 * The files of a program behind those of mlsec_filter_library; *n becomes
 * their number.
 */

static const ngx_str_t *
ngx_mlsec_filter_with_library(ngx_conf_t *cf, const ngx_str_t *paths,
    ngx_uint_t *n, ngx_uint_t whole)
{
    ngx_str_t                     *all;
    ngx_uint_t                     nprograms, nanswers;
    ngx_mlsec_filter_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_filter_module);
    mcf->used = 1;

    nprograms = mcf->programs.nelts;
    nanswers = whole ? mcf->answers.nelts : 0;

    if (nprograms + nanswers == 0) {
        return paths;
    }

    all = ngx_palloc(cf->temp_pool,
                     (nprograms + nanswers + *n) * sizeof(ngx_str_t));
    if (all == NULL) {
        return NULL;
    }

    ngx_memcpy(all, mcf->programs.elts, nprograms * sizeof(ngx_str_t));
    ngx_memcpy(all + nprograms, mcf->answers.elts,
               nanswers * sizeof(ngx_str_t));
    ngx_memcpy(all + nprograms + nanswers, paths, *n * sizeof(ngx_str_t));

    *n += nprograms + nanswers;

    return all;
}


static const ngx_mlsec_filter_t *
ngx_mlsec_filter_compile_source(ngx_conf_t *cf, const char *directive,
    const ngx_mlsec_filter_source_t *source, ngx_uint_t whole)
{
    int                    rc;
    mlsec_mem_t            mem;
    mlsec_str_t            text;
    mlsec_filter_t        *program;
    ngx_mlsec_filter_t    *filter;
    mlsec_filter_error_t   error;

    filter = ngx_palloc(cf->pool, sizeof(ngx_mlsec_filter_t));
    if (filter == NULL) {
        return NULL;
    }

    mem = ngx_mlsec_mem(cf->pool);

    text.data = source->text.data;
    text.len = source->text.len;

    filter->bound = whole ? NGX_MLSEC_FILTER_VARIABLES
                          : NGX_MLSEC_FILTER_STATUS;

    rc = mlsec_filter_compile(&mem, text, ngx_mlsec_filter_names,
                              filter->bound, &program, &error);

    if (rc != MLSEC_OK) {

        if (rc == MLSEC_INVALID) {
            ngx_mlsec_filter_complain(cf, directive, source, &error);
        }

        return NULL;
    }

    filter->program = program;
    filter->used = ngx_mlsec_filter_used(&source->text, filter->bound);

    if (ngx_mlsec_filter_file_names(cf, source, &filter->files) != NGX_OK) {
        return NULL;
    }

    return filter;
}


static void
ngx_mlsec_filter_complain(ngx_conf_t *cf, const char *directive,
    const ngx_mlsec_filter_source_t *source, const mlsec_filter_error_t *error)
{
    ngx_uint_t  i, line;

    line = error->line;

    if (source->paths == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid program in \"%s\", line %ui, column %ui: "
                           "%s", directive, line, (ngx_uint_t) error->column,
                           error->reason);
        return;
    }

    for (i = 0; i + 1 < source->npaths && line > source->lines[i]; i++) {
        /* void */
    }

    if (i > 0) {
        line -= source->lines[i - 1];
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid program \"%V\" in \"%s\", line %ui, "
                       "column %ui: %s", &source->paths[i], directive, line,
                       (ngx_uint_t) error->column, error->reason);
}


/*
 * A bit for each variable that the text speaks of.  Most programs use none,
 * and a run then need not make their values.
 */

static ngx_uint_t
ngx_mlsec_filter_used(const ngx_str_t *text, ngx_uint_t bound)
{
    u_char             *p, *last;
    ngx_uint_t          i, used;
    const mlsec_str_t  *name;

    used = 0;
    last = text->data + text->len;

    for (p = text->data; p < last; p++) {

        if (*p != '$') {
            continue;
        }

        for (i = 0; i < bound; i++) {
            name = &ngx_mlsec_filter_names[i];

            if ((size_t) (last - p - 1) >= name->len
                && ngx_memcmp(p + 1, name->data, name->len) == 0)
            {
                used |= (ngx_uint_t) 1 << i;
            }
        }
    }

    return used;
}


static ngx_int_t
ngx_mlsec_filter_join(ngx_conf_t *cf, ngx_mlsec_filter_source_t *source,
    const ngx_str_t *texts)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i, lines;

    len = 0;
    lines = 0;

    for (i = 0; i < source->npaths; i++) {
        len += texts[i].len + 1;
        lines += ngx_mlsec_filter_count_lines(&texts[i]) + 1;
        source->lines[i] = lines;
    }

    p = ngx_pnalloc(cf->temp_pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    source->text.data = p;
    source->text.len = len;

    for (i = 0; i < source->npaths; i++) {
        p = ngx_cpymem(p, texts[i].data, texts[i].len);
        *p++ = '\n';
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_filter_file_names(ngx_conf_t *cf,
    const ngx_mlsec_filter_source_t *source, ngx_str_t *names)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    ngx_str_null(names);
    len = 0;

    if (source->paths == NULL) {
        return NGX_OK;
    }

    for (i = 0; i < source->npaths; i++) {
        len += source->paths[i].len + 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    names->data = p;
    names->len = len - 1;

    for (i = 0; i < source->npaths; i++) {
        p = ngx_cpymem(p, source->paths[i].data, source->paths[i].len);
        *p++ = ' ';
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_filter_count_lines(const ngx_str_t *text)
{
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < text->len; i++) {
        n += (text->data[i] == '\n');
    }

    return n;
}


const ngx_mlsec_filter_t *
ngx_mlsec_filter_conf(ngx_conf_t *cf, const ngx_mlsec_conf_place_t **place)
{
    ngx_mlsec_filter_loc_conf_t  *lcf;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_mlsec_filter_module);

    *place = &lcf->place;

    return lcf->filter;
}


const ngx_mlsec_filter_t *
ngx_mlsec_filter_get(ngx_http_request_t *r)
{
    const ngx_mlsec_filter_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_filter_module);

    return lcf->filter;
}


void
ngx_mlsec_filter_limits(ngx_http_request_t *r, uint64_t *steps,
    size_t *memory)
{
    const ngx_mlsec_filter_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_filter_module);

    *steps = lcf->max_steps;
    *memory = lcf->max_memory;
}


static void *
ngx_mlsec_filter_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_filter_main_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_filter_main_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&conf->programs, cf->pool, 2, sizeof(ngx_str_t))
        != NGX_OK
        || ngx_array_init(&conf->answers, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    return conf;
}


static void *
ngx_mlsec_filter_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_filter_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_filter_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /* conf->filter is not inherited, as the calls that it is for are not */

    conf->max_steps = NGX_CONF_UNSET_UINT;
    conf->max_memory = NGX_CONF_UNSET_SIZE;

    return conf;
}


static char *
ngx_mlsec_filter_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_filter_loc_conf_t  *prev = parent;
    ngx_mlsec_filter_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" or a "limit_except" inside a location is the location still */

    if ((clcf->noname || clcf->lmt_excpt) && conf->filter == NULL) {
        conf->filter = prev->filter;
        conf->place = prev->place;
    }

    ngx_conf_merge_uint_value(conf->max_steps, prev->max_steps,
                              NGX_MLSEC_FILTER_MAX_STEPS);
    ngx_conf_merge_size_value(conf->max_memory, prev->max_memory,
                              NGX_MLSEC_FILTER_MAX_MEMORY);

    return NGX_CONF_OK;
}
