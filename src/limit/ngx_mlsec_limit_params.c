/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_template.h>
#include <limit/ngx_mlsec_limit_conf.h>


#define NGX_MLSEC_LIMIT_NAME_LEN  64             /* bytes */


static ngx_mlsec_limit_t *ngx_mlsec_limit_line(ngx_conf_t *cf,
    ngx_mlsec_limit_loc_conf_t *lcf, mlsec_limit_kind_e kind);
static ngx_int_t ngx_mlsec_limit_param(ngx_conf_t *cf,
    ngx_mlsec_limit_t *limit, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_limit_param_of(ngx_conf_t *cf,
    ngx_mlsec_limit_t *limit, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_limit_zone_of(ngx_conf_t *cf,
    ngx_mlsec_limit_t *limit, ngx_str_t *name);
static ngx_int_t ngx_mlsec_limit_name(ngx_conf_t *cf,
    ngx_mlsec_limit_t *limit, ngx_str_t *name);
static ngx_int_t ngx_mlsec_limit_value(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_limit_value_t *value);
static ngx_int_t ngx_mlsec_limit_finish(ngx_conf_t *cf,
    ngx_mlsec_limit_t *limit);
static ngx_int_t ngx_mlsec_limit_constant(ngx_conf_t *cf,
    ngx_mlsec_limit_t *limit);
static ngx_int_t ngx_mlsec_limit_compare(ngx_conf_t *cf,
    const ngx_mlsec_limit_t *limit);


char *
ngx_mlsec_limit_rate_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_limit_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (lcf->limits != NULL) {
            return "is duplicate";
        }

        lcf->off = 1;
        lcf->limits = ngx_array_create(cf->pool, 1,
                                       sizeof(ngx_mlsec_limit_t *));

        return lcf->limits ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    return ngx_mlsec_limit_line(cf, lcf, MLSEC_LIMIT_RATE) ? NGX_CONF_OK
                                                           : NGX_CONF_ERROR;
}


char *
ngx_mlsec_limit_conn_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_limit_t  *limit;

    limit = ngx_mlsec_limit_line(cf, conf, MLSEC_LIMIT_COUNT);

    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    limit->zone->counts = 1;

    return NGX_CONF_OK;
}


static ngx_mlsec_limit_t *
ngx_mlsec_limit_line(ngx_conf_t *cf, ngx_mlsec_limit_loc_conf_t *lcf,
    mlsec_limit_kind_e kind)
{
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_mlsec_limit_t   *limit, **slot;

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_limit_t));
    if (limit == NULL) {
        return NULL;
    }

    limit->kind = kind;
    limit->terms.cost = 1;
    ngx_mlsec_conf_here(cf, &limit->place);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_mlsec_limit_param(cf, limit, &value[i]) != NGX_OK) {
            return NULL;
        }
    }

    if (ngx_mlsec_limit_finish(cf, limit) != NGX_OK) {
        return NULL;
    }

    if (lcf->limits == NULL) {
        lcf->limits = ngx_array_create(cf->pool, NGX_MLSEC_LIMIT_MAX,
                                       sizeof(ngx_mlsec_limit_t *));
        if (lcf->limits == NULL) {
            return NULL;
        }
    }

    if (lcf->off || lcf->limits->nelts == NGX_MLSEC_LIMIT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           lcf->off ? "\"%s\" beside \"mlsec_limit off\""
                                    : "more than 8 limits with \"%s\"",
                           ngx_mlsec_limit_directive(limit));
        return NULL;
    }

    slot = ngx_array_push(lcf->limits);
    if (slot == NULL) {
        return NULL;
    }

    *slot = limit;

    return limit;
}


const char *
ngx_mlsec_limit_directive(const ngx_mlsec_limit_t *limit)
{
    return limit->kind == MLSEC_LIMIT_COUNT ? "mlsec_limit_conn"
                                            : "mlsec_limit";
}


static ngx_int_t
ngx_mlsec_limit_param(ngx_conf_t *cf, ngx_mlsec_limit_t *limit,
    ngx_str_t *arg)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (ngx_mlsec_conf_param(arg, "zone=", &value)) {
        return ngx_mlsec_limit_zone_of(cf, limit, &value);
    }

    if (ngx_mlsec_conf_param(arg, "name=", &value)) {
        return ngx_mlsec_limit_name(cf, limit, &value);
    }

    if (ngx_mlsec_conf_param(arg, "change=", &value) && value.len) {
        limit->change = value;
        return NGX_OK;
    }

    if (ngx_strcmp(arg->data, "dry_run") == 0) {
        limit->dry = 1;
        return NGX_OK;
    }

    rc = ngx_mlsec_limit_when(cf, limit, arg);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_mlsec_limit_param_of(cf, limit, arg);
}


/* Those that only one of the two directives has. */

static ngx_int_t
ngx_mlsec_limit_param_of(ngx_conf_t *cf, ngx_mlsec_limit_t *limit,
    ngx_str_t *arg)
{
    ngx_str_t    value;
    mlsec_str_t  text;

    if (limit->kind == MLSEC_LIMIT_COUNT) {

        if (!ngx_mlsec_conf_param(arg, "max=", &value)) {
            goto unknown;
        }

        text.data = value.data;
        text.len = value.len;

        if (mlsec_rate_number(text, 1000000, &limit->max) != MLSEC_OK
            || limit->max == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" in \"mlsec_limit_conn\", "
                               "expected a number of requests at once, "
                               "1-1000000", arg);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(arg, "quota=", &value)) {
        limit->kind = MLSEC_LIMIT_QUOTA;
        return ngx_mlsec_limit_value(cf, &value, &limit->rate);
    }

    if (ngx_mlsec_conf_param(arg, "rate=", &value)) {
        return ngx_mlsec_limit_value(cf, &value, &limit->rate);
    }

    if (ngx_mlsec_conf_param(arg, "burst=", &value)) {
        return ngx_mlsec_limit_value(cf, &value, &limit->burst);
    }

    if (ngx_mlsec_conf_param(arg, "cost=", &value)) {
        return ngx_mlsec_limit_value(cf, &value, &limit->cost);
    }

    if (ngx_mlsec_conf_param(arg, "count=", &value)) {
        return ngx_mlsec_conf_statuses(cf, "\"count=\" of \"mlsec_limit\"",
                                       &value, &limit->count);
    }

unknown:

    value = ngx_mlsec_conf_param_name(arg);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"%s\", expected %s",
                       &value, ngx_mlsec_limit_directive(limit),
                       limit->kind == MLSEC_LIMIT_COUNT
                       ? "\"zone=\", \"max=\", \"when=\", \"unless=\", "
                         "\"name=\", \"change=\" or \"dry_run\""
                       : "\"zone=\", \"rate=\", \"quota=\", \"burst=\", "
                         "\"cost=\", \"count=\", \"when=\", \"unless=\", "
                         "\"name=\", \"change=\" or \"dry_run\"");

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_limit_zone_of(ngx_conf_t *cf, ngx_mlsec_limit_t *limit,
    ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_mlsec_limit_zone_t      **zone;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_limit_module);
    zone = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {

        if (zone[i]->name.len == name->len
            && ngx_strncmp(zone[i]->name.data, name->data, name->len) == 0)
        {
            limit->zone = zone[i];
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "no zone \"%V\" for \"%s\", add \"mlsec_limit_zone "
                       "%V:16m key=...;\" to \"http\" before this line",
                       name, ngx_mlsec_limit_directive(limit), name);

    return NGX_ERROR;
}


/* The name goes into headers, as a string of structured fields. */

static ngx_int_t
ngx_mlsec_limit_name(ngx_conf_t *cf, ngx_mlsec_limit_t *limit,
    ngx_str_t *name)
{
    size_t  i;
    u_char  c, lower;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];
        lower = (u_char) (c | 0x20);

        if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9')
            && c != '_' && c != '-' && c != '.')
        {
            break;
        }
    }

    if (i < name->len || i == 0 || i > NGX_MLSEC_LIMIT_NAME_LEN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" of a limit in \"%s\", "
                           "expected 1 to 64 of A-Z a-z 0-9 _ - .",
                           name, ngx_mlsec_limit_directive(limit));
        return NGX_ERROR;
    }

    limit->name = *name;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_limit_value(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_limit_value_t *value)
{
    if (value->text.data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" for a parameter of \"mlsec_limit\" that "
                           "has a value already (there is one of \"rate=\" "
                           "and \"quota=\")", text);
        return NGX_ERROR;
    }

    value->text = *text;

    if (ngx_http_script_variables_count(text) == 0) {
        return NGX_OK;
    }

    value->pieces = ngx_mlsec_template_compile(cf, "mlsec_limit", text);

    return value->pieces ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_limit_finish(ngx_conf_t *cf, ngx_mlsec_limit_t *limit)
{
    mlsec_str_t                    name;
    const char                    *missing;
    ngx_mlsec_limit_t            **slot;
    ngx_mlsec_limit_main_conf_t   *mcf;

    missing = NULL;

    if (limit->zone == NULL) {
        missing = "zone=";

    } else if (limit->kind == MLSEC_LIMIT_COUNT && limit->max == 0) {
        missing = "max=";

    } else if (limit->kind != MLSEC_LIMIT_COUNT
               && limit->rate.text.data == NULL)
    {
        missing = "rate=";
    }

    if (missing) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no \"%s\" in \"%s\"",
                           missing, ngx_mlsec_limit_directive(limit));
        return NGX_ERROR;
    }

    if (limit->name.len == 0
        && ngx_mlsec_limit_name(cf, limit, &limit->zone->name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    name.data = limit->name.data;
    name.len = limit->name.len;
    limit->policy = mlsec_limit_policy(name);

    if (ngx_mlsec_limit_constant(cf, limit) != NGX_OK
        || ngx_mlsec_limit_compare(cf, limit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the length of a quota's day or month is not always the same */

    if (limit->constant && limit->kind != MLSEC_LIMIT_QUOTA
        && ngx_mlsec_limit_policy_header(cf->pool, limit, &limit->terms,
                                         &limit->header)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_limit_module);

    slot = ngx_array_push(&mcf->limits);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = limit;

    ngx_mlsec_conf_use(cf, &ngx_mlsec_limit_module);

    return NGX_OK;
}


/*
 * What has no variable in it is checked now, with what is fit for the rest in
 * place of a variable.
 */

static ngx_int_t
ngx_mlsec_limit_constant(ngx_conf_t *cf, ngx_mlsec_limit_t *limit)
{
    ngx_int_t   rc;
    ngx_str_t   values[3];
    const char *what;

    if (limit->kind == MLSEC_LIMIT_COUNT) {
        limit->constant = 1;
        return NGX_OK;
    }

    if (limit->kind == MLSEC_LIMIT_QUOTA && limit->burst.text.data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"burst=\" beside \"quota=\" in "
                           "\"mlsec_limit\", expected it beside \"rate=\"");
        return NGX_ERROR;
    }

    values[0] = limit->rate.text;
    values[1] = limit->burst.text;
    values[2] = limit->cost.text;

    if (limit->rate.pieces) {

        if (limit->kind == MLSEC_LIMIT_QUOTA) {
            ngx_str_set(&values[0], "1/day");

        } else {
            ngx_str_set(&values[0], "1r/s");
        }
    }

    if (limit->burst.pieces) {
        ngx_str_null(&values[1]);
    }

    if (limit->cost.pieces) {
        ngx_str_null(&values[2]);
    }

    rc = ngx_mlsec_limit_terms_read(limit, values, &limit->terms, &what);

    if (rc == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%s\" in \"mlsec_limit\", expected a "
                           "rate such as \"100r/s\" (r/m, r/h, r/d), a quota "
                           "such as \"1000/day\" or \"1000/month\", a burst "
                           "and a cost in whole numbers", what);
        return NGX_ERROR;
    }

    limit->off = (rc == NGX_DECLINED);

    limit->constant = (rc == NGX_OK && limit->rate.pieces == NULL
                       && limit->burst.pieces == NULL
                       && limit->cost.pieces == NULL);

    return NGX_OK;
}


/*
 * Limits of one name and zone share their state, so they have to be the same
 * limit.
 */

static ngx_int_t
ngx_mlsec_limit_compare(ngx_conf_t *cf, const ngx_mlsec_limit_t *limit)
{
    ngx_uint_t                    i;
    ngx_mlsec_limit_t           **other;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_limit_module);
    other = mcf->limits.elts;

    for (i = 0; i < mcf->limits.nelts; i++) {

        if (other[i]->zone != limit->zone
            || other[i]->policy != limit->policy)
        {
            continue;
        }

        if (other[i]->kind == limit->kind
            && other[i]->max == limit->max
            && ngx_mlsec_conf_same(&other[i]->name, &limit->name)
            && ngx_mlsec_conf_same(&other[i]->rate.text, &limit->rate.text)
            && ngx_mlsec_conf_same(&other[i]->burst.text,
                                    &limit->burst.text))
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "limit \"%V\" of zone \"%V\" is another one in "
                           "%V:%ui, give this one a \"name=\" of its own",
                           &limit->name, &limit->zone->name,
                           &other[i]->place.file, other[i]->place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}
