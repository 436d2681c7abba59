/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_timer.h>
#include <redis/ngx_mlsec_redis_client.h>


/*
 * Subscriptions have a connection of their own: one that is subscribed takes
 * no other commands.  It is made with the first subscription, and kept.
 *
 * Each entry asks for its channel by itself; the server does not mind being
 * asked twice.  It is told to stop when the last entry of a channel has gone.
 */

#define NGX_MLSEC_REDIS_BEAT  10000          /* ms, between two PING */


typedef struct {
    uint32_t                     generation; /* not 0 */
    ngx_str_t                    channel;    /* data NULL: the entry is free */
    ngx_mlsec_redis_message_pt   handler;    /* NULL: nobody is there */
    void                        *owner;
    unsigned                     asked:1;
    unsigned                     confirmed:1;
} ngx_mlsec_redis_entry_t;


struct ngx_mlsec_redis_pubsub_s {
    const ngx_mlsec_redis_t     *conf;
    ngx_mlsec_redis_link_t       link;
    ngx_array_t                  entries;    /* ngx_mlsec_redis_entry_t * */
    ngx_event_t                  beat;
    ngx_connection_t             dummy;      /* of beat */
    ngx_event_t                  give_up;    /* posted: it was refused */
    mlsec_redis_error_e          refused;    /* by what */
    unsigned                     ping:1;     /* to be sent */
};


static ngx_mlsec_redis_pubsub_t *ngx_mlsec_redis_pubsub_begin(
    const ngx_mlsec_redis_t *redis);
static ngx_mlsec_redis_entry_t *ngx_mlsec_redis_entry(
    ngx_mlsec_redis_pubsub_t *pubsub, uint32_t *slot);
static ngx_uint_t ngx_mlsec_redis_shared(
    const ngx_mlsec_redis_pubsub_t *pubsub, const ngx_str_t *channel);
static void ngx_mlsec_redis_pubsub_ready(ngx_mlsec_redis_link_t *link);
static void ngx_mlsec_redis_pubsub_fill(ngx_mlsec_redis_link_t *link);
static ngx_int_t ngx_mlsec_redis_pubsub_put(ngx_mlsec_redis_link_t *link,
    const char *command, const ngx_str_t *channel);
static void ngx_mlsec_redis_pubsub_reply(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply);
static void ngx_mlsec_redis_pubsub_again(ngx_mlsec_redis_pubsub_t *pubsub);
static ngx_uint_t ngx_mlsec_redis_is(const mlsec_redis_reply_t *reply,
    const char *word);
static void ngx_mlsec_redis_pubsub_tell(ngx_mlsec_redis_pubsub_t *pubsub,
    const mlsec_str_t *channel, ngx_mlsec_redis_event_e event,
    const mlsec_str_t *payload);
static void ngx_mlsec_redis_pubsub_lost(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error);
static void ngx_mlsec_redis_pubsub_beat(ngx_event_t *ev);
static void ngx_mlsec_redis_pubsub_refused(ngx_event_t *ev);


static const ngx_mlsec_redis_link_events_t  ngx_mlsec_redis_pubsub_events = {
    ngx_mlsec_redis_pubsub_ready,
    ngx_mlsec_redis_pubsub_fill,
    ngx_mlsec_redis_pubsub_reply,
    ngx_mlsec_redis_pubsub_lost
};


ngx_int_t
ngx_mlsec_redis_subscribe(ngx_mlsec_redis_t *redis, const ngx_str_t *channel,
    ngx_mlsec_redis_message_pt handler, void *owner,
    ngx_mlsec_redis_ticket_t *ticket)
{
    u_char                    *copy;
    ngx_mlsec_redis_entry_t   *entry;
    ngx_mlsec_redis_client_t  *client;

    ticket->slot = 0;
    ticket->generation = 0;

    client = redis->client;

    if (client == NULL) {
        return NGX_OK;
    }

    if (client->pubsub == NULL) {
        client->pubsub = ngx_mlsec_redis_pubsub_begin(redis);

        if (client->pubsub == NULL) {
            return NGX_ERROR;
        }
    }

    entry = ngx_mlsec_redis_entry(client->pubsub, &ticket->slot);
    copy = ngx_alloc(channel->len + 1, ngx_cycle->log);

    if (entry == NULL || copy == NULL) {

        if (copy != NULL) {
            ngx_free(copy);
        }

        return NGX_ERROR;
    }

    ngx_memcpy(copy, channel->data, channel->len);

    entry->channel.data = copy;
    entry->channel.len = channel->len;
    entry->handler = handler;
    entry->owner = owner;
    entry->asked = 0;
    entry->confirmed = 0;

    ticket->generation = entry->generation;

    ngx_mlsec_redis_link_wake(&client->pubsub->link);

    return NGX_OK;
}


static ngx_mlsec_redis_pubsub_t *
ngx_mlsec_redis_pubsub_begin(const ngx_mlsec_redis_t *redis)
{
    ngx_pool_t                *pool;
    ngx_mlsec_redis_pubsub_t  *pubsub;

    pool = ngx_cycle->pool;

    pubsub = ngx_pcalloc(pool, sizeof(ngx_mlsec_redis_pubsub_t));

    if (pubsub == NULL
        || ngx_array_init(&pubsub->entries, pool, 4, sizeof(void *)) != NGX_OK)
    {
        return NULL;
    }

    pubsub->conf = redis;

    ngx_mlsec_timer_init(&pubsub->beat, &pubsub->dummy,
                         ngx_mlsec_redis_pubsub_beat, pubsub, ngx_cycle->log);

    pubsub->give_up.handler = ngx_mlsec_redis_pubsub_refused;
    pubsub->give_up.data = &pubsub->dummy;
    pubsub->give_up.log = ngx_cycle->log;

    ngx_mlsec_redis_link_init(&pubsub->link, redis,
                              &ngx_mlsec_redis_pubsub_events, pubsub, "-sub");

    ngx_add_timer(&pubsub->beat, NGX_MLSEC_REDIS_BEAT);

    return pubsub;
}


static ngx_mlsec_redis_entry_t *
ngx_mlsec_redis_entry(ngx_mlsec_redis_pubsub_t *pubsub, uint32_t *slot)
{
    ngx_uint_t                 i;
    ngx_mlsec_redis_entry_t  **entry;

    entry = pubsub->entries.elts;

    for (i = 0; i < pubsub->entries.nelts; i++) {

        if (entry[i]->channel.data == NULL) {
            *slot = (uint32_t) i;
            return entry[i];
        }
    }

    entry = ngx_array_push(&pubsub->entries);
    if (entry == NULL) {
        return NULL;
    }

    *entry = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_mlsec_redis_entry_t));
    if (*entry == NULL) {
        pubsub->entries.nelts--;
        return NULL;
    }

    (*entry)->generation = 1;
    *slot = (uint32_t) i;

    return *entry;
}


void
ngx_mlsec_redis_unsubscribe(ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_ticket_t ticket)
{
    ngx_mlsec_redis_entry_t   *entry;
    ngx_mlsec_redis_pubsub_t  *pubsub;

    if (redis->client == NULL || redis->client->pubsub == NULL) {
        return;
    }

    pubsub = redis->client->pubsub;

    if (ticket.slot >= pubsub->entries.nelts) {
        return;
    }

    entry = ((ngx_mlsec_redis_entry_t **) pubsub->entries.elts)[ticket.slot];

    if (entry->generation != ticket.generation || entry->handler == NULL) {
        return;
    }

    entry->handler = NULL;
    entry->owner = NULL;
    entry->generation++;

    if (entry->generation == 0) {
        entry->generation = 1;
    }

    if (pubsub->link.state == NGX_MLSEC_REDIS_READY && entry->asked) {
        ngx_mlsec_redis_link_wake(&pubsub->link);
        return;
    }

    ngx_free(entry->channel.data);
    ngx_str_null(&entry->channel);
}


static ngx_uint_t
ngx_mlsec_redis_shared(const ngx_mlsec_redis_pubsub_t *pubsub,
    const ngx_str_t *channel)
{
    ngx_uint_t                 i;
    ngx_mlsec_redis_entry_t  **entry;

    entry = pubsub->entries.elts;

    for (i = 0; i < pubsub->entries.nelts; i++) {

        if (entry[i]->handler != NULL && entry[i]->channel.len == channel->len
            && ngx_memcmp(entry[i]->channel.data, channel->data, channel->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* What there is to be asked for, fill() sees. */

static void
ngx_mlsec_redis_pubsub_ready(ngx_mlsec_redis_link_t *link)
{
    /* void */
}


static void
ngx_mlsec_redis_pubsub_fill(ngx_mlsec_redis_link_t *link)
{
    ngx_uint_t                  i;
    ngx_mlsec_redis_entry_t   **entry;
    ngx_mlsec_redis_pubsub_t   *pubsub;

    pubsub = link->owner;
    entry = pubsub->entries.elts;

    for (i = 0; i < pubsub->entries.nelts; i++) {

        if (entry[i]->channel.data == NULL) {
            continue;
        }

        if (entry[i]->handler == NULL) {

            if (!ngx_mlsec_redis_shared(pubsub, &entry[i]->channel)) {
                (void) ngx_mlsec_redis_pubsub_put(link, "UNSUBSCRIBE",
                                                  &entry[i]->channel);
            }

            ngx_free(entry[i]->channel.data);
            ngx_str_null(&entry[i]->channel);
            continue;
        }

        if (!entry[i]->asked
            && ngx_mlsec_redis_pubsub_put(link, "SUBSCRIBE",
                                          &entry[i]->channel)
               == NGX_OK)
        {
            entry[i]->asked = 1;
            ngx_mlsec_redis_link_expect(link, 1);
        }
    }

    if (pubsub->ping
        && ngx_mlsec_redis_pubsub_put(link, "PING", NULL) == NGX_OK)
    {
        pubsub->ping = 0;
        ngx_mlsec_redis_link_expect(link, 1);
    }
}


static ngx_int_t
ngx_mlsec_redis_pubsub_put(ngx_mlsec_redis_link_t *link, const char *command,
    const ngx_str_t *channel)
{
    mlsec_str_t  args[2];

    args[0].data = (const u_char *) command;
    args[0].len = ngx_strlen(command);

    if (channel == NULL) {
        return ngx_mlsec_redis_link_command(link, args, 1);
    }

    args[1].data = channel->data;
    args[1].len = channel->len;

    return ngx_mlsec_redis_link_command(link, args, 2);
}


/*
 * [subscribe CHANNEL n], [unsubscribe CHANNEL n], [message CHANNEL PAYLOAD],
 * [pong ""], or an error: the user may not see a channel.
 */

static void
ngx_mlsec_redis_pubsub_reply(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply)
{
    const mlsec_redis_reply_t  *e;
    ngx_mlsec_redis_pubsub_t   *pubsub;

    pubsub = link->owner;
    e = reply->element;

    if (reply->type == MLSEC_REDIS_ERROR) {
        pubsub->refused = mlsec_redis_classify(reply);
        ngx_post_event(&pubsub->give_up, &ngx_posted_events);

    } else if (reply->type == MLSEC_REDIS_ARRAY && reply->n == 3
               && ngx_mlsec_redis_is(&e[0], "message")
               && e[2].type == MLSEC_REDIS_STRING)
    {
        ngx_mlsec_metrics_add(pubsub->conf->metrics,
                              NGX_MLSEC_REDIS_WORD_MESSAGES, 1);
        ngx_mlsec_redis_pubsub_tell(pubsub, &e[1].str,
                                    NGX_MLSEC_REDIS_MESSAGE, &e[2].str);

    } else if (reply->type == MLSEC_REDIS_ARRAY && reply->n == 3
               && ngx_mlsec_redis_is(&e[0], "subscribe"))
    {
        ngx_mlsec_redis_link_expect(link, 0);
        ngx_mlsec_redis_pubsub_again(pubsub);
        ngx_mlsec_redis_pubsub_tell(pubsub, &e[1].str,
                                    NGX_MLSEC_REDIS_SUBSCRIBED, NULL);

    } else {
        ngx_mlsec_redis_link_expect(link, 0);
    }

    ngx_mlsec_redis_link_forget(link);
}


static void
ngx_mlsec_redis_pubsub_again(ngx_mlsec_redis_pubsub_t *pubsub)
{
    if (ngx_mlsec_redis_shared_found(&pubsub->conf->shared->messages)
        == MLSEC_STANDING_AGAIN)
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec redis: subscribed again, server: \"%V\"",
                      &pubsub->conf->shown);
    }
}


static ngx_uint_t
ngx_mlsec_redis_is(const mlsec_redis_reply_t *reply, const char *word)
{
    return reply->type == MLSEC_REDIS_STRING
           && reply->str.len == ngx_strlen(word)
           && ngx_memcmp(reply->str.data, word, reply->str.len) == 0;
}


/*
 * channel: NULL: all.  A handler may subscribe and unsubscribe: entries stay
 * where they are, the array of them may not.
 */

static void
ngx_mlsec_redis_pubsub_tell(ngx_mlsec_redis_pubsub_t *pubsub,
    const mlsec_str_t *channel, ngx_mlsec_redis_event_e event,
    const mlsec_str_t *payload)
{
    ngx_uint_t                i, n;
    ngx_mlsec_redis_entry_t  *entry;

    n = pubsub->entries.nelts;

    for (i = 0; i < n; i++) {
        entry = ((ngx_mlsec_redis_entry_t **) pubsub->entries.elts)[i];

        if (entry->handler == NULL
            || (channel != NULL
                && (entry->channel.len != channel->len
                    || ngx_memcmp(entry->channel.data, channel->data,
                                  channel->len)
                       != 0)))
        {
            continue;
        }

        if (event == NGX_MLSEC_REDIS_SUBSCRIBED) {

            if (entry->confirmed || !entry->asked) {
                continue;
            }

            entry->confirmed = 1;

        } else if (!entry->confirmed) {
            continue;
        }

        if (event == NGX_MLSEC_REDIS_LOST) {
            entry->confirmed = 0;
        }

        entry->handler(entry->owner, event, payload);
    }
}


static void
ngx_mlsec_redis_pubsub_lost(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error)
{
    ngx_uint_t                  i;
    ngx_mlsec_redis_entry_t   **entry;
    ngx_mlsec_redis_pubsub_t   *pubsub;

    pubsub = link->owner;
    pubsub->ping = 0;

    if (ngx_mlsec_redis_shared_lost(&pubsub->conf->shared->messages, error,
                                    0))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mlsec redis: not subscribed, server: \"%V\", "
                      "error: \"%s\"", &pubsub->conf->shown,
                      mlsec_redis_error_name(error));
    }

    entry = pubsub->entries.elts;

    for (i = 0; i < pubsub->entries.nelts; i++) {
        entry[i]->asked = 0;

        if (entry[i]->handler == NULL && entry[i]->channel.data != NULL) {
            ngx_free(entry[i]->channel.data);
            ngx_str_null(&entry[i]->channel);
        }
    }

    ngx_mlsec_redis_pubsub_tell(pubsub, NULL, NGX_MLSEC_REDIS_LOST, NULL);
}


static void
ngx_mlsec_redis_pubsub_beat(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_mlsec_redis_pubsub_t  *pubsub;

    c = ev->data;
    pubsub = c->data;

    if (pubsub->link.state == NGX_MLSEC_REDIS_READY) {
        pubsub->ping = 1;
        ngx_mlsec_redis_link_wake(&pubsub->link);
    }

    ngx_add_timer(ev, NGX_MLSEC_REDIS_BEAT);
}


/*
 * Tried again like a connection that fails: the user may be given the right.
 */

static void
ngx_mlsec_redis_pubsub_refused(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_mlsec_redis_pubsub_t  *pubsub;

    c = ev->data;
    pubsub = c->data;

    ngx_mlsec_redis_link_renew(&pubsub->link, pubsub->refused);
}


void
ngx_mlsec_redis_pubsub_end(ngx_mlsec_redis_pubsub_t *pubsub)
{
    ngx_mlsec_redis_link_end(&pubsub->link);
}


ngx_uint_t
ngx_mlsec_redis_pubsub_view(const ngx_mlsec_redis_pubsub_t *pubsub,
    ngx_mlsec_redis_state_e *state)
{
    ngx_uint_t                 i, n;
    ngx_mlsec_redis_entry_t  **entry;

    n = 0;
    entry = pubsub->entries.elts;

    for (i = 0; i < pubsub->entries.nelts; i++) {
        n += entry[i]->handler != NULL && entry[i]->confirmed;
    }

    *state = pubsub->link.state;

    return n;
}
