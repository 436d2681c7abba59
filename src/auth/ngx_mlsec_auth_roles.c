/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_allow.h>


static uint64_t ngx_mlsec_role_of_rule(ngx_conf_t *cf,
    ngx_mlsec_auth_main_conf_t *mcf, const ngx_mlsec_allow_rule_t *allow);


ngx_int_t
ngx_mlsec_role_index(ngx_conf_t *cf, ngx_mlsec_auth_main_conf_t *mcf,
    ngx_str_t *name)
{
    ngx_uint_t         i;
    ngx_mlsec_role_t  *role;

    role = mcf->roles.elts;

    for (i = 0; i < mcf->roles.nelts; i++) {
        if (role[i].name.len == name->len
            && ngx_memcmp(role[i].name.data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    if (i == NGX_MLSEC_MAX_ROLES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "role \"%V\" is one too many, expected at most "
                           "%d roles", name, NGX_MLSEC_MAX_ROLES);
        return NGX_ERROR;
    }

    role = ngx_array_push(&mcf->roles);
    if (role == NULL) {
        return NGX_ERROR;
    }

    role->name = *name;
    role->mask = (uint64_t) 1 << i;
    role->declared = 0;

    return i;
}


char *
ngx_mlsec_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_main_conf_t  *mcf = conf;

    ngx_int_t          self, n;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_mlsec_role_t  *role;

    value = cf->args->elts;
    self = NGX_ERROR;

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_mlsec_conf_is_word(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid role \"%V\" in \"mlsec_role\", "
                               "expected letters, digits and . _ : -",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        n = ngx_mlsec_role_index(cf, mcf, &value[i]);

        if (n == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        role = mcf->roles.elts;

        if (i > 1) {
            role[self].mask |= (uint64_t) 1 << n;
            continue;
        }

        if (role[n].declared) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "role \"%V\" is declared twice in "
                               "\"mlsec_role\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        self = n;
        role[n].declared = 1;
    }

    mcf->declared = 1;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_mlsec_role_finish(ngx_conf_t *cf, ngx_mlsec_auth_main_conf_t *mcf)
{
    uint64_t           before;
    ngx_uint_t         i, changed;
    ngx_mlsec_role_t  *role;

    role = mcf->roles.elts;

    for (i = 0; mcf->declared && i < mcf->roles.nelts; i++) {
        if (!role[i].declared) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown role \"%V\" in \"mlsec_role\" or "
                          "\"mlsec_mtls\", declare it with "
                          "\"mlsec_role %V;\"", &role[i].name,
                          &role[i].name);
            return NGX_ERROR;
        }
    }

    do {
        changed = 0;

        for (i = 0; i < mcf->roles.nelts; i++) {
            before = role[i].mask;
            role[i].mask = ngx_mlsec_role_grants(mcf, before);
            changed |= role[i].mask != before;
        }

    } while (changed);

    return NGX_OK;
}


uint64_t
ngx_mlsec_role_grants(const ngx_mlsec_auth_main_conf_t *mcf, uint64_t roles)
{
    uint64_t                 grants;
    ngx_uint_t               i;
    const ngx_mlsec_role_t  *role;

    grants = roles;
    role = mcf->roles.elts;

    for (i = 0; i < mcf->roles.nelts; i++) {
        if (roles >> i & 1) {
            grants |= role[i].mask;
        }
    }

    return grants;
}


uint64_t
ngx_mlsec_role_bit(const ngx_mlsec_auth_main_conf_t *mcf, const u_char *name,
    size_t len)
{
    ngx_uint_t               i;
    const ngx_mlsec_role_t  *role;

    role = mcf->roles.elts;

    for (i = 0; i < mcf->roles.nelts; i++) {
        if (role[i].name.len == len
            && ngx_memcmp(role[i].name.data, name, len) == 0)
        {
            return (uint64_t) 1 << i;
        }
    }

    return 0;
}


ngx_int_t
ngx_mlsec_role_names(ngx_http_request_t *r, uint64_t roles, ngx_str_t *text)
{
    u_char                            *p;
    size_t                             len;
    ngx_uint_t                         i;
    const ngx_mlsec_role_t            *role;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    role = mcf->roles.elts;
    len = 0;

    for (i = 0; i < mcf->roles.nelts; i++) {
        len += (roles >> i & 1) ? role[i].name.len + 1 : 0;
    }

    text->len = 0;
    text->data = NULL;

    if (len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < mcf->roles.nelts; i++) {
        if (roles >> i & 1) {
            p = ngx_cpymem(p, role[i].name.data, role[i].name.len);
            *p++ = ',';
        }
    }

    text->len = len - 1;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_role_rules(ngx_conf_t *cf, ngx_mlsec_auth_main_conf_t *mcf,
    ngx_array_t **rules)
{
    ngx_uint_t                     i;
    const ngx_array_t             *lines;
    ngx_mlsec_auth_rule_t         *rule;
    const ngx_mlsec_allow_rule_t  *allow;

    lines = ngx_mlsec_allow_rules(cf);
    *rules = NULL;

    if (lines == NULL) {
        return NGX_OK;
    }

    *rules = ngx_array_create(cf->pool, lines->nelts,
                              sizeof(ngx_mlsec_auth_rule_t));
    if (*rules == NULL) {
        return NGX_ERROR;
    }

    allow = lines->elts;

    for (i = 0; i < lines->nelts; i++) {
        rule = ngx_array_push(*rules);
        if (rule == NULL) {
            return NGX_ERROR;
        }

        rule->methods = allow[i].methods;
        rule->roles = 0;

        if (allow[i].roles != NULL) {
            rule->roles = ngx_mlsec_role_of_rule(cf, mcf, &allow[i]);

            if (rule->roles == 0) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* 0 after an [emerg] */

static uint64_t
ngx_mlsec_role_of_rule(ngx_conf_t *cf, ngx_mlsec_auth_main_conf_t *mcf,
    const ngx_mlsec_allow_rule_t *allow)
{
    uint64_t           mask;
    ngx_int_t          n;
    ngx_str_t         *name;
    ngx_uint_t         i;
    ngx_mlsec_role_t  *role;

    mask = 0;
    name = allow->roles->elts;

    for (i = 0; i < allow->roles->nelts; i++) {
        n = ngx_mlsec_role_index(cf, mcf, &name[i]);

        if (n == NGX_ERROR) {
            return 0;
        }

        role = mcf->roles.elts;

        if (mcf->declared && !role[n].declared) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown role \"%V\" in \"mlsec_allow\", declare "
                          "it with \"mlsec_role %V;\" in %V:%ui", &name[i],
                          &name[i], &allow->place.file, allow->place.line);
            return 0;
        }

        mask |= (uint64_t) 1 << n;
    }

    return mask;
}


char *
ngx_mlsec_mtls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_main_conf_t  *mcf = conf;

    ngx_int_t          n;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_mlsec_mtls_t  *line;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        if (!ngx_mlsec_conf_is_word(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid name \"%V\" in \"mlsec_mtls\", "
                               "expected letters, digits and . _ : -",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    line = ngx_array_push(&mcf->mtls);
    if (line == NULL) {
        return NGX_CONF_ERROR;
    }

    line->subject = value[1];
    line->name = value[2];
    line->roles = 0;

    for (i = 3; i < cf->args->nelts; i++) {
        n = ngx_mlsec_role_index(cf, mcf, &value[i]);

        if (n == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        line->roles |= (uint64_t) 1 << n;
    }

    return NGX_CONF_OK;
}
