/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * foreach=: a part whose answer is a list, with a call for each element of
 * another list.  Each item is a part like any other, with a subrequest, a time
 * and a verdict of its own.  The part with foreach= has no subrequest: it is
 * counted as running from the moment the list is known until the last item
 * has ended, and its body is then put together out of theirs.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_mem.h>
#include <lib/aggregate/mlsec_items.h>


static const mlsec_str_t *ngx_mlsec_group_list(ngx_mlsec_group_t *group,
    ngx_str_t *body, const ngx_mlsec_need_t *need, ngx_uint_t max);
static ngx_int_t ngx_mlsec_group_item(ngx_mlsec_group_t *group);
static void ngx_mlsec_group_rest(ngx_mlsec_group_t *group,
    ngx_mlsec_err_e error);
static void ngx_mlsec_group_end(ngx_mlsec_group_t *group);
static void ngx_mlsec_group_close(ngx_mlsec_group_t *group,
    ngx_mlsec_err_e error);
static ngx_int_t ngx_mlsec_group_body(ngx_mlsec_group_t *group);
static ngx_uint_t ngx_mlsec_group_element(const ngx_mlsec_part_t *item,
    mlsec_str_t *text);


ngx_int_t
ngx_mlsec_group_open(ngx_mlsec_part_t *part, ngx_str_t *body)
{
    ngx_uint_t                     i;
    ngx_pool_t                    *pool;
    ngx_mlsec_link_t              *links;
    ngx_mlsec_group_t             *group;
    ngx_mlsec_aggregate_t         *a;
    const ngx_mlsec_need_t        *need;
    const ngx_mlsec_chain_conf_t  *chain;

    a = part->aggregate;
    pool = a->request->pool;
    chain = part->call->chain;

    need = chain->needs.elts;
    need += chain->foreach;

    group = ngx_pcalloc(pool, sizeof(ngx_mlsec_group_t));
    if (group == NULL) {
        return NGX_ERROR;
    }

    group->part = part;
    group->values = ngx_mlsec_group_list(group, body, need, chain->max);

    if (group->values == NULL) {
        return NGX_ERROR;
    }

    group->items = ngx_pcalloc(pool, group->nitems * sizeof(ngx_mlsec_part_t)
                                     + 1);
    links = ngx_pcalloc(pool, group->nitems * sizeof(ngx_mlsec_link_t) + 1);

    if (group->items == NULL || links == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < group->nitems; i++) {
        links[i].values = part->link->values;
        links[i].group = group;
        links[i].index = i;
        links[i].item = 1;

        group->items[i].call = part->call;
        group->items[i].aggregate = a;
        group->items[i].link = &links[i];
    }

    group->open = 1;
    group->following = a->groups;
    a->groups = group;

    part->link->group = group;
    part->started = ngx_current_msec;

    a->running++;
    a->required += part->call->required;

    return NGX_OK;
}


/*
 * The elements, up to max; sets group->nitems and group->over.
 */

static const mlsec_str_t *
ngx_mlsec_group_list(ngx_mlsec_group_t *group, ngx_str_t *body,
    const ngx_mlsec_need_t *need, ngx_uint_t max)
{
    mlsec_str_t    text, value, *values;
    mlsec_items_t  items;

    values = ngx_palloc(group->part->aggregate->request->pool,
                        max * sizeof(mlsec_str_t));
    if (values == NULL) {
        return NULL;
    }

    text.data = body->data;
    text.len = body->len;

    mlsec_items_init(&items, text, need->path);

    while (mlsec_items_next(&items, &value) == MLSEC_OK) {

        if (group->nitems == max) {
            group->over = 1;
            break;
        }

        values[group->nitems++] = value;
    }

    return values;
}


ngx_int_t
ngx_mlsec_group_fill(ngx_mlsec_group_t *group)
{
    const ngx_mlsec_chain_conf_t  *chain;

    chain = group->part->call->chain;

    while (group->next < group->nitems
           && group->running < chain->concurrency)
    {
        if (ngx_mlsec_chain_late(group->part->aggregate)) {
            ngx_mlsec_group_rest(group, NGX_MLSEC_ERR_TIMEOUT);
            break;
        }

        if (ngx_mlsec_group_item(group) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (group->next == group->nitems && group->running == 0) {
        ngx_mlsec_group_end(group);
    }

    return NGX_OK;
}


/*
 * Starts the next item.  Where there is nothing to ask for, nothing is asked:
 * null stays null.
 */

static ngx_int_t
ngx_mlsec_group_item(ngx_mlsec_group_t *group)
{
    int                rc;
    mlsec_mem_t        mem;
    mlsec_str_t        text;
    ngx_mlsec_part_t  *item;

    item = &group->items[group->next];

    mem = ngx_mlsec_mem(item->aggregate->request->pool);

    rc = mlsec_items_scalar(&mem, group->values[group->next], &text);

    if (rc == MLSEC_NOMEM) {
        return NGX_ERROR;
    }

    group->next++;

    if (rc == MLSEC_DECLINED) {
        item->skipped = 1;
        return NGX_OK;
    }

    group->called++;

    if (rc == MLSEC_BADTYPE) {
        ngx_mlsec_chain_fail(item, NGX_MLSEC_ERR_DEPENDENCY);
        return NGX_OK;
    }

    item->link->text.data = (u_char *) text.data;
    item->link->text.len = text.len;

    return ngx_mlsec_chain_launch(item);
}


/*
 * Ends the items that have not been started.
 */

static void
ngx_mlsec_group_rest(ngx_mlsec_group_t *group, ngx_mlsec_err_e error)
{
    ngx_mlsec_part_t   *item;
    mlsec_json_type_e   type;

    while (group->next < group->nitems) {
        type = mlsec_json_type(group->values[group->next]);
        item = &group->items[group->next++];

        if (type == MLSEC_JSON_NONE || type == MLSEC_JSON_NULL) {
            item->skipped = 1;
            continue;
        }

        group->called++;
        ngx_mlsec_chain_fail(item, error);
    }
}


void
ngx_mlsec_group_stop(ngx_mlsec_group_t *group, ngx_mlsec_err_e error)
{
    ngx_uint_t  i;

    for (i = 0; i < group->next; i++) {
        ngx_mlsec_part_stop(&group->items[i], error);
    }

    /* the answer is an error then, and has no place for a list */

    if (error == NGX_MLSEC_ERR_CANCELED) {
        ngx_mlsec_group_close(group, error);
        return;
    }

    ngx_mlsec_group_rest(group, error);
    ngx_mlsec_group_end(group);
}


static void
ngx_mlsec_group_end(ngx_mlsec_group_t *group)
{
    ngx_uint_t         i;
    ngx_mlsec_part_t  *item;

    for (i = 0; i < group->nitems; i++) {
        item = &group->items[i];

        group->failed += (item->error != NGX_MLSEC_ERR_NONE);
        group->part->incomplete |= item->incomplete;
    }

    ngx_mlsec_group_close(group, ngx_mlsec_group_body(group) == NGX_OK
                                 ? NGX_MLSEC_ERR_NONE
                                 : NGX_MLSEC_ERR_TOO_LARGE);

    if (group->over) {
        ngx_log_error(NGX_LOG_ERR,
                      group->part->aggregate->request->connection->log, 0,
                      "mlsec aggregate: list is longer than max=%ui, "
                      "part: \"%V\"",
                      group->nitems, &group->part->call->name);
    }
}


static void
ngx_mlsec_group_close(ngx_mlsec_group_t *group, ngx_mlsec_err_e error)
{
    ngx_uint_t  i;

    group->open = 0;

    ngx_mlsec_part_end(group->part, error);

    for (i = 0; i < group->nitems; i++) {
        group->part->attempts += group->items[i].attempts;
    }
}


static ngx_int_t
ngx_mlsec_group_body(ngx_mlsec_group_t *group)
{
    u_char       *p;
    size_t        len;
    ngx_uint_t    i;
    mlsec_str_t   text;

    len = 2;

    for (i = 0; i < group->nitems; i++) {

        if (ngx_mlsec_group_element(&group->items[i], &text)) {
            len += text.len + 1;
        }
    }

    p = ngx_pnalloc(group->part->aggregate->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    group->part->body.data = p;

    *p++ = '[';

    for (i = 0; i < group->nitems; i++) {

        if (!ngx_mlsec_group_element(&group->items[i], &text)) {
            continue;
        }

        if (p != group->part->body.data + 1) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, text.data, text.len);
    }

    *p++ = ']';

    group->part->body.len = p - group->part->body.data;

    return NGX_OK;
}


/*
 * 1: *text is set; 0: the item leaves no place in the list.
 */

static ngx_uint_t
ngx_mlsec_group_element(const ngx_mlsec_part_t *item, mlsec_str_t *text)
{
    ngx_str_t  body;

    if (!ngx_mlsec_part_result(item, &body)) {

        if (!item->skipped
            && item->call->fallback == NGX_MLSEC_FALLBACK_OMIT)
        {
            return 0;
        }

        ngx_str_set(&body, "null");
    }

    text->data = body.data;
    text->len = body.len;

    *text = mlsec_json_trim(*text);

    return 1;
}


ngx_mlsec_part_t *
ngx_mlsec_group_failed(ngx_mlsec_aggregate_t *a, ngx_mlsec_part_t *failed)
{
    ngx_uint_t          i;
    ngx_mlsec_part_t   *item;
    ngx_mlsec_group_t  *group;

    for (group = a->groups; group; group = group->following) {

        for (i = 0; i < group->next; i++) {
            item = &group->items[i];

            if (item->cancel) {
                item->cancel = 0;
                ngx_mlsec_capture_cancel(&item->capture, 0);
            }
        }

        if (group->part->call->required && !group->part->error) {
            failed = ngx_mlsec_chain_cause(failed,
                                        ngx_mlsec_part_failure(group->part));
        }
    }

    return failed;
}


void
ngx_mlsec_group_wake(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t          i;
    ngx_mlsec_part_t   *item;
    ngx_mlsec_group_t  *group;

    for (group = a->groups; group; group = group->following) {

        if (!group->open || group->part->call->upstream != NULL) {
            continue;
        }

        for (i = 0; i < group->next; i++) {
            item = &group->items[i];

            if (item->running && ngx_mlsec_capture_in_phase(&item->capture)) {
                (void) ngx_http_post_request(item->capture.request, NULL);
            }
        }
    }
}


void
ngx_mlsec_group_time_out(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t          i;
    ngx_mlsec_group_t  *group;

    for (group = a->groups; group; group = group->following) {

        for (i = 0; i < group->next; i++) {
            ngx_mlsec_part_tick(&group->items[i]);
        }
    }
}


ngx_msec_t
ngx_mlsec_group_first(const ngx_mlsec_aggregate_t *a, ngx_msec_t first)
{
    ngx_uint_t                i;
    const ngx_mlsec_part_t   *item;
    const ngx_mlsec_group_t  *group;

    for (group = a->groups; group; group = group->following) {

        for (i = 0; i < group->next; i++) {
            item = &group->items[i];

            if (item->running
                && (ngx_msec_int_t) (ngx_mlsec_part_due(item) - first) < 0)
            {
                first = ngx_mlsec_part_due(item);
            }
        }
    }

    return first;
}


ngx_mlsec_err_e
ngx_mlsec_group_error(const ngx_mlsec_part_t *part)
{
    ngx_uint_t                i;
    const ngx_mlsec_group_t  *group;

    group = part->link->group;

    if (part->error || group == NULL) {
        return part->error;
    }

    for (i = 0; i < group->next; i++) {

        if (group->items[i].error) {
            return group->items[i].error;
        }
    }

    return group->over ? NGX_MLSEC_ERR_TOO_LARGE : NGX_MLSEC_ERR_NONE;
}


ngx_uint_t
ngx_mlsec_group_incomplete(const ngx_mlsec_aggregate_t *a)
{
    const ngx_mlsec_group_t  *group;

    for (group = a->groups; group; group = group->following) {

        if (ngx_mlsec_group_error(group->part)) {
            return 1;
        }
    }

    return 0;
}


void
ngx_mlsec_group_entries(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w)
{
    ngx_uint_t          i;
    ngx_mlsec_call_t    call;
    ngx_mlsec_part_t    over;
    ngx_mlsec_group_t  *group;

    group = part->link->group;

    if (group == NULL) {
        return;
    }

    for (i = 0; i < group->nitems + group->over; i++) {

        if (i < group->nitems && !group->items[i].error) {
            continue;
        }

        if (w->pos - w->start > 1) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_json_lit(w, "{");

        if (i < group->nitems) {
            ngx_mlsec_aggregate_entry(&group->items[i], w);

        } else {
            ngx_memzero(&over, sizeof(ngx_mlsec_part_t));

            /* nothing stands in for what was not asked for */

            call = *part->call;
            call.fallback = NGX_MLSEC_FALLBACK_NONE;

            over.call = &call;
            over.aggregate = part->aggregate;
            over.error = NGX_MLSEC_ERR_TOO_LARGE;
            over.elapsed = part->elapsed;

            ngx_mlsec_aggregate_entry(&over, w);
        }

        ngx_mlsec_json_lit(w, "}");
    }
}


void
ngx_mlsec_group_cache_control(const ngx_mlsec_part_t *part,
    mlsec_cache_merge_t *merge)
{
    ngx_uint_t                i;
    mlsec_str_t               text;
    const ngx_mlsec_part_t   *item;
    const ngx_mlsec_group_t  *group;

    group = part->link->group;

    for (i = 0; i < group->next; i++) {
        item = &group->items[i];

        if (item->skipped) {
            continue;
        }

        text.data = item->cache_control.data;
        text.len = item->cache_control.len;

        mlsec_cache_merge_add(merge, text);
    }
}
