/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_health.h>


static ngx_int_t ngx_mlsec_param(ngx_conf_t *cf,
    const ngx_mlsec_param_t *param, ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_param_number(ngx_conf_t *cf,
    const ngx_mlsec_param_t *param, ngx_str_t *value, unsigned *field);
static ngx_int_t ngx_mlsec_health_check(ngx_conf_t *cf,
    const ngx_mlsec_health_t *health);
static ngx_int_t ngx_mlsec_health_header(ngx_conf_t *cf, ngx_str_t *value,
    void *field);
static ngx_uint_t ngx_mlsec_health_own(const ngx_str_t *name);
static ngx_uint_t ngx_mlsec_health_text(const ngx_str_t *text, u_char first);


static const ngx_mlsec_param_t  ngx_mlsec_breaker_params[] = {
    { "ratio=", NGX_MLSEC_PARAM_SHARE,
      offsetof(ngx_mlsec_service_conf_t, breaker.ratio), 100, NULL },
    { "volume=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, breaker.volume), 1000000, NULL },
    { "window=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, breaker.window), 0, NULL },
    { "open=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, breaker.open), 0, NULL },
    { "max_open=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, breaker.max_open), 0, NULL },
    { "trials=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, breaker.trials),
      MLSEC_BREAKER_TRIALS_MAX, NULL },
    { "slow=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, breaker.slow), 0, NULL },
    { "slow_ratio=", NGX_MLSEC_PARAM_SHARE,
      offsetof(ngx_mlsec_service_conf_t, breaker.slow_ratio), 100, NULL },
    { NULL, 0, 0, 0, NULL }
};


static const ngx_mlsec_param_t  ngx_mlsec_inflight_params[] = {
    { "queue=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, queue), MLSEC_GATE_QUEUE_MAX, NULL },
    { "wait=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, wait), 0, NULL },
    { NULL, 0, 0, 0, NULL }
};


static const ngx_mlsec_param_t  ngx_mlsec_outlier_params[] = {
    { "consecutive=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, outlier.consecutive), 255, NULL },
    { "base=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, outlier.base), 0, NULL },
    { "max=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, outlier.max), 0, NULL },
    { NULL, 0, 0, 0, NULL }
};


static const ngx_mlsec_param_t  ngx_mlsec_health_params[] = {
    { "uri=", NGX_MLSEC_PARAM_TEXT,
      offsetof(ngx_mlsec_service_conf_t, health.uri), 0, NULL },
    { "host=", NGX_MLSEC_PARAM_TEXT,
      offsetof(ngx_mlsec_service_conf_t, health.host), 0, NULL },
    { "header=", NGX_MLSEC_PARAM_OWN,
      offsetof(ngx_mlsec_service_conf_t, health), 0, ngx_mlsec_health_header },
    { "port=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, health.port), 65535, NULL },
    { "interval=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, health.interval), 0, NULL },
    { "jitter=", NGX_MLSEC_PARAM_SHARE_OR_NONE,
      offsetof(ngx_mlsec_service_conf_t, health.jitter), 100, NULL },
    { "timeout=", NGX_MLSEC_PARAM_TIME,
      offsetof(ngx_mlsec_service_conf_t, health.timeout), 0, NULL },
    { "fails=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, health.rule.fails), 255, NULL },
    { "passes=", NGX_MLSEC_PARAM_NUMBER,
      offsetof(ngx_mlsec_service_conf_t, health.rule.passes), 255, NULL },
    { "expect=", NGX_MLSEC_PARAM_STATUSES,
      offsetof(ngx_mlsec_service_conf_t, health.expect), 0, NULL },
    { "match=", NGX_MLSEC_PARAM_TEXT,
      offsetof(ngx_mlsec_service_conf_t, health.match), 0, NULL },
    { "match_file=", NGX_MLSEC_PARAM_TEXT,
      offsetof(ngx_mlsec_service_conf_t, health.match_file), 0, NULL },
    { "tls", NGX_MLSEC_PARAM_WORD,
      offsetof(ngx_mlsec_service_conf_t, health.secure), 0, NULL },
    { "sni=", NGX_MLSEC_PARAM_TEXT,
      offsetof(ngx_mlsec_service_conf_t, health.sni), 0, NULL },
    { "trusted=", NGX_MLSEC_PARAM_TEXT,
      offsetof(ngx_mlsec_service_conf_t, health.trusted), 0, NULL },
    { NULL, 0, 0, 0, NULL }
};


char *
ngx_mlsec_breaker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    char                  *rv;
    mlsec_breaker_conf_t  *breaker;

    if (scf->breaks) {
        return "is duplicate";
    }

    scf->breaks = 1;
    breaker = &scf->breaker;

    rv = ngx_mlsec_params(cf, scf, 1, ngx_mlsec_breaker_params,
                          "\"ratio=\", \"volume=\", \"window=\", \"open=\", "
                          "\"max_open=\", \"trials=\", \"slow=\" or "
                          "\"slow_ratio=\"");
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (breaker->slow_ratio && breaker->slow == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"slow_ratio=\" without \"slow=\" in "
                           "\"mlsec_breaker\", "
                           "say from which time on a call is slow");
        return NGX_CONF_ERROR;
    }

    breaker->ratio = breaker->ratio ? breaker->ratio : 50;
    breaker->volume = breaker->volume ? breaker->volume : 20;
    breaker->window = breaker->window ? breaker->window : 10000;
    breaker->open = breaker->open ? breaker->open : 5000;
    breaker->trials = breaker->trials ? breaker->trials : 3;
    breaker->slow_ratio = breaker->slow_ratio ? breaker->slow_ratio : 80;

    if (breaker->max_open == 0) {
        breaker->max_open = ngx_max(breaker->open, 120000);
    }

    if (breaker->open > breaker->max_open) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"open=\" is longer than \"max_open=\" in "
                           "\"mlsec_breaker\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_mlsec_max_inflight(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    char       *rv;
    ngx_int_t   n;
    ngx_str_t  *value;

    if (scf->max_inflight) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 1000000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" in \"mlsec_max_inflight\", "
                           "expected 1-1000000", &value[1]);
        return NGX_CONF_ERROR;
    }

    scf->max_inflight = n;

    rv = ngx_mlsec_params(cf, scf, 2, ngx_mlsec_inflight_params,
                          "\"queue=\" or \"wait=\"");
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (scf->wait && scf->queue == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"wait=\" without \"queue=\" in "
                           "\"mlsec_max_inflight\", "
                           "say how many calls may wait");
        return NGX_CONF_ERROR;
    }

    scf->wait = scf->wait ? scf->wait : 1000;

    return NGX_CONF_OK;
}


char *
ngx_mlsec_outlier(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    char                  *rv;
    mlsec_outlier_conf_t  *outlier;

    if (scf->ejects) {
        return "is duplicate";
    }

    scf->ejects = 1;
    outlier = &scf->outlier;

    rv = ngx_mlsec_params(cf, scf, 1, ngx_mlsec_outlier_params,
                          "\"consecutive=\", \"base=\" or \"max=\"");
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    outlier->consecutive = outlier->consecutive ? outlier->consecutive : 5;
    outlier->base = outlier->base ? outlier->base : 30000;

    if (outlier->max == 0) {
        outlier->max = ngx_max(outlier->base, 300000);
    }

    if (outlier->base > outlier->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"base=\" is longer than \"max=\" in "
                           "\"mlsec_outlier\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * A probe by HTTP, or without "uri=" by a connection alone.
 */

char *
ngx_mlsec_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    char                *rv;
    ngx_mlsec_health_t  *health;

    if (scf->probes) {
        return "is duplicate";
    }

    scf->probes = 1;
    health = &scf->health;
    health->jitter = 20;

    rv = ngx_mlsec_params(cf, scf, 1, ngx_mlsec_health_params,
                          "\"uri=\", \"host=\", \"header=\", \"port=\", "
                          "\"interval=\", \"jitter=\", \"timeout=\", "
                          "\"fails=\", "
                          "\"passes=\", \"expect=\", \"match=\", "
                          "\"match_file=\", \"tls\", \"sni=\" or "
                          "\"trusted=\"");
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_mlsec_health_check(cf, health) != NGX_OK
        || ngx_mlsec_match_compile(cf, health) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    health->interval = health->interval ? health->interval : 5000;
    health->timeout = health->timeout ? health->timeout : 2000;
    health->rule.fails = health->rule.fails ? health->rule.fails : 3;
    health->rule.passes = health->rule.passes ? health->rule.passes : 2;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_health_check(ngx_conf_t *cf, const ngx_mlsec_health_t *health)
{
    const char  *only;

    if (health->uri.len && !ngx_mlsec_health_text(&health->uri, '/')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"uri=\" in "
                           "\"mlsec_health\", expected a path such as "
                           "\"/health\", escaped", &health->uri);
        return NGX_ERROR;
    }

    if (health->host.len && !ngx_mlsec_health_text(&health->host, 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"host=\" in "
                           "\"mlsec_health\", expected a name such as "
                           "\"training.internal\"", &health->host);
        return NGX_ERROR;
    }

    if (health->sni.len && !ngx_mlsec_health_text(&health->sni, 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"sni=\" in "
                           "\"mlsec_health\", expected a name such as "
                           "\"training.internal\"", &health->sni);
        return NGX_ERROR;
    }

    only = health->host.len ? "host=" : health->headers.len ? "header="
           : health->expect ? "expect="
           : health->match.len ? "match="
           : health->match_file.len ? "match_file=" : NULL;

    if (health->uri.len == 0 && only != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" without \"uri=\" in \"mlsec_health\", "
                           "a probe without it only connects", only);
        return NGX_ERROR;
    }

    only = health->sni.len ? "sni=" : health->trusted.len ? "trusted=" : NULL;

    if (!health->secure && only != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" without \"tls\" in \"mlsec_health\", "
                           "a probe without it does not encrypt", only);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Its value may be a secret, and is not told.
 */

static ngx_int_t
ngx_mlsec_health_header(ngx_conf_t *cf, ngx_str_t *value, void *field)
{
    ngx_mlsec_health_t *health = field;

    u_char     *p, *text, *last;
    ngx_str_t   name;

    last = value->data + value->len;
    p = ngx_mlsec_conf_header_colon(value);

    name.data = value->data;
    name.len = p ? (size_t) (p - name.data) : 0;

    for (text = p; p && p < last; p++) {

        if (*p < ' ' || *p == 0x7f) {
            text = NULL;
        }
    }

    if (text == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid header in \"mlsec_health\", "
                           "expected \"header=Name: value\"");
        return NGX_ERROR;
    }

    if (ngx_mlsec_health_own(&name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "header \"%V\" in \"mlsec_health\" is the "
                           "probe's own, see \"host=\"", &name);
        return NGX_ERROR;
    }

    do {
        text++;
    } while (text < last && *text == ' ');

    p = ngx_pnalloc(cf->pool, health->headers.len + name.len
                              + sizeof(": \r\n") - 1 + (last - text));
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "%V%V: %*s\r\n", &health->headers, &name,
                       (size_t) (last - text), text);

    health->headers.data = p;
    health->headers.len = last - p;
    health->named |= (name.len == sizeof("User-Agent") - 1
                      && ngx_strncasecmp(name.data, (u_char *) "User-Agent",
                                         name.len)
                         == 0);

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_health_own(const ngx_str_t *name)
{
    ngx_uint_t  i;

    static const char * const  own[] = {
        "Host", "Connection", "Content-Length", "Transfer-Encoding",
        "Expect", "Upgrade", "TE", NULL
    };

    for (i = 0; own[i]; i++) {

        if (name->len == ngx_strlen(own[i])
            && ngx_strncasecmp(name->data, (u_char *) own[i], name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * What can stand in a request line and in a header without ending it.
 */

static ngx_uint_t
ngx_mlsec_health_text(const ngx_str_t *text, u_char first)
{
    size_t  i;

    if (first && text->data[0] != first) {
        return 0;
    }

    for (i = 0; i < text->len; i++) {

        if (text->data[i] <= ' ' || text->data[i] >= 0x7f) {
            return 0;
        }
    }

    return 1;
}


char *
ngx_mlsec_params(ngx_conf_t *cf, ngx_mlsec_service_conf_t *scf,
    ngx_uint_t first, const ngx_mlsec_param_t *params, const char *expected)
{
    ngx_str_t   *args, value;
    ngx_uint_t   i, n;

    args = cf->args->elts;

    scf->used = 1;
    scf->needs = (const char *) args[0].data;
    ngx_mlsec_conf_here(cf, &scf->place);

    for (i = first; i < cf->args->nelts; i++) {

        for (n = 0; params[n].name; n++) {

            if (ngx_mlsec_conf_param(&args[i], params[n].name, &value)
                && (params[n].type != NGX_MLSEC_PARAM_WORD || value.len == 0))
            {
                break;
            }
        }

        if (params[n].name == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown parameter \"%V\" in \"%V\", "
                               "expected %s", &args[i], &args[0], expected);
            return NGX_CONF_ERROR;
        }

        if (ngx_mlsec_param(cf, &params[n], &value,
                            (u_char *) scf + params[n].offset)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_param(ngx_conf_t *cf, const ngx_mlsec_param_t *param,
    ngx_str_t *value, void *field)
{
    u_char       what[128];
    ngx_str_t   *args;
    ngx_msec_t   msec;

    args = cf->args->elts;

    switch (param->type) {

    case NGX_MLSEC_PARAM_TIME:
        *ngx_snprintf(what, sizeof(what) - 1, "\"%s\" of \"%V\"",
                      param->name, &args[0]) = '\0';

        if (ngx_mlsec_conf_msec(cf, (const char *) what, value, &msec)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        *(uint64_t *) field = msec;
        return NGX_OK;

    case NGX_MLSEC_PARAM_STATUSES:
        *ngx_snprintf(what, sizeof(what) - 1, "\"%s\" in \"%V\"",
                      param->name, &args[0]) = '\0';

        return ngx_mlsec_conf_statuses(cf, (const char *) what, value, field);

    case NGX_MLSEC_PARAM_WORD:
        *(unsigned *) field = 1;
        return NGX_OK;

    case NGX_MLSEC_PARAM_TEXT:

        if (value->len) {
            *(ngx_str_t *) field = *value;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty \"%s\" in \"%V\", leave it out",
                           param->name, &args[0]);
        return NGX_ERROR;

    case NGX_MLSEC_PARAM_OWN:
        return param->read(cf, value, field);

    default:
        return ngx_mlsec_param_number(cf, param, value, field);
    }
}


static ngx_int_t
ngx_mlsec_param_number(ngx_conf_t *cf, const ngx_mlsec_param_t *param,
    ngx_str_t *value, unsigned *field)
{
    size_t      len;
    ngx_int_t   n;
    ngx_str_t  *args;
    ngx_uint_t  share;

    args = cf->args->elts;
    len = value->len;
    share = (param->type != NGX_MLSEC_PARAM_NUMBER);

    if (share) {
        len = (len && value->data[len - 1] == '%') ? len - 1 : 0;
    }

    n = ngx_atoi(value->data, len);

    if (n >= (param->type != NGX_MLSEC_PARAM_SHARE_OR_NONE)
        && n <= param->max)
    {
        *field = n;
        return NGX_OK;
    }

    if (share) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"%s\" in \"%V\", "
                           "expected a share such as \"50%%\"",
                           value, param->name, &args[0]);
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"%s\" in \"%V\", "
                       "expected a number, 1-%i",
                       value, param->name, &args[0], param->max);

    return NGX_ERROR;
}
