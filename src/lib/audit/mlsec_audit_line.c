/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE                    /* gmtime_r() */
#endif

#include <lib/audit/mlsec_audit.h>
#include <lib/mlsec_text.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>


/*
 * The longest of each field, escaped; together with the rest of a line they
 * are below MLSEC_AUDIT_LINE, which a test of the longest line proves.
 */

#define MLSEC_AUDIT_SHORT  64
#define MLSEC_AUDIT_WORD   128
#define MLSEC_AUDIT_TEXT   384
#define MLSEC_AUDIT_PATH   1024


typedef struct {
    unsigned char   *pos;
    unsigned         cut;              /* a field was too long */
} mlsec_audit_writer_t;


static void mlsec_audit_lit(mlsec_audit_writer_t *w, const char *text);
static void mlsec_audit_number(mlsec_audit_writer_t *w, const char *key,
    uint64_t value);
static void mlsec_audit_time(mlsec_audit_writer_t *w, int64_t ms);
static void mlsec_audit_text(mlsec_audit_writer_t *w, const char *key,
    mlsec_str_t text, size_t max);
static void mlsec_audit_list(mlsec_audit_writer_t *w, const char *key,
    mlsec_str_t list, size_t max);
static void mlsec_audit_after(mlsec_audit_writer_t *w,
    const mlsec_audit_record_t *record);
static void mlsec_audit_hash_member(mlsec_audit_writer_t *w, const char *key,
    const unsigned char *hash);


static const char  *mlsec_audit_names[MLSEC_AUDIT_EVENTS] = {
    "start", "reopen", "heads", "deny", "intent", "write", "dropped", "end"
};


const char *
mlsec_audit_event_name(mlsec_audit_event_e event)
{
    return mlsec_audit_names[event];
}


int
mlsec_audit_digest_init(mlsec_audit_digest_t *d)
{
    d->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    d->ctx = EVP_MD_CTX_new();

    if (d->md == NULL || d->ctx == NULL) {
        mlsec_audit_digest_free(d);
        return MLSEC_NOMEM;
    }

    return MLSEC_OK;
}


void
mlsec_audit_digest_free(mlsec_audit_digest_t *d)
{
    EVP_MD_free(d->md);
    EVP_MD_CTX_free(d->ctx);

    d->md = NULL;
    d->ctx = NULL;
}


int
mlsec_audit_digest(const mlsec_audit_digest_t *d, mlsec_str_t text,
    unsigned char *hash)
{
    if (EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1
        || EVP_DigestUpdate(d->ctx, text.data, text.len) != 1
        || EVP_DigestFinal_ex(d->ctx, hash, NULL) != 1)
    {
        return MLSEC_NOMEM;
    }

    return MLSEC_OK;
}


int
mlsec_audit_chain_init(mlsec_audit_chain_t *c, const unsigned char *random)
{
    memset(c, 0, sizeof(mlsec_audit_chain_t));

    (void) mlsec_audit_hex(c->head.chain, random, MLSEC_AUDIT_NAME / 2);

    return mlsec_audit_digest_init(&c->digest);
}


void
mlsec_audit_chain_free(mlsec_audit_chain_t *c)
{
    mlsec_audit_digest_free(&c->digest);
}


size_t
mlsec_audit_line(mlsec_audit_chain_t *c, const mlsec_audit_record_t *record,
    unsigned char *dst)
{
    mlsec_str_t           text;
    unsigned char         hash[MLSEC_AUDIT_HASH];
    mlsec_audit_writer_t  w;

    w.pos = dst;
    w.cut = 0;

    mlsec_audit_lit(&w, MLSEC_AUDIT_BEGIN);
    memcpy(w.pos, c->head.chain, MLSEC_AUDIT_NAME);
    w.pos += MLSEC_AUDIT_NAME;
    mlsec_audit_lit(&w, "\"");
    mlsec_audit_number(&w, "seq", c->head.seq + 1);
    mlsec_audit_time(&w, record->time);
    mlsec_audit_number(&w, "worker", record->worker);
    mlsec_audit_lit(&w, ",\"event\":\"");
    mlsec_audit_lit(&w, mlsec_audit_names[record->event]);
    mlsec_audit_lit(&w, "\"");

    if (record->status) {
        mlsec_audit_number(&w, "status", record->status);
    }

    if (record->event == MLSEC_AUDIT_DROPPED) {
        mlsec_audit_number(&w, "records", record->count);
    }

    mlsec_audit_text(&w, "policy", record->policy, MLSEC_AUDIT_WORD);
    mlsec_audit_text(&w, "reason", record->reason, MLSEC_AUDIT_TEXT);
    mlsec_audit_text(&w, "request_id", record->request_id, MLSEC_AUDIT_WORD);
    mlsec_audit_text(&w, "identity", record->identity, MLSEC_AUDIT_TEXT);
    mlsec_audit_list(&w, "roles", record->roles, MLSEC_AUDIT_TEXT);
    mlsec_audit_text(&w, "tenant", record->tenant, MLSEC_AUDIT_WORD);
    mlsec_audit_text(&w, "client", record->client, MLSEC_AUDIT_SHORT);
    mlsec_audit_text(&w, "method", record->method, MLSEC_AUDIT_SHORT);
    mlsec_audit_text(&w, "route", record->route, MLSEC_AUDIT_TEXT);
    mlsec_audit_text(&w, "path", record->path, MLSEC_AUDIT_PATH);

    if (w.cut) {
        mlsec_audit_lit(&w, ",\"cut\":true");
    }

    mlsec_audit_after(&w, record);
    mlsec_audit_hash_member(&w, "prev", c->head.hash);

    text.data = dst;
    text.len = (size_t) (w.pos - dst);

    if (mlsec_audit_digest(&c->digest, text, hash) != MLSEC_OK) {
        return 0;
    }

    mlsec_audit_hash_member(&w, "hash", hash);
    mlsec_audit_lit(&w, "}\n");

    memcpy(c->head.hash, hash, sizeof(hash));
    c->head.seq++;

    return (size_t) (w.pos - dst);
}


static void
mlsec_audit_lit(mlsec_audit_writer_t *w, const char *text)
{
    size_t  len;

    len = strlen(text);
    memcpy(w->pos, text, len);
    w->pos += len;
}


static void
mlsec_audit_key(mlsec_audit_writer_t *w, const char *key)
{
    mlsec_audit_lit(w, ",\"");
    mlsec_audit_lit(w, key);
    mlsec_audit_lit(w, "\":");
}


static void
mlsec_audit_number(mlsec_audit_writer_t *w, const char *key, uint64_t value)
{
    mlsec_audit_key(w, key);
    w->pos = mlsec_text_u64(w->pos, value);
}


/* RFC 3339, UTC, milliseconds */

static void
mlsec_audit_time(mlsec_audit_writer_t *w, int64_t ms)
{
    size_t     n;
    time_t     seconds;
    unsigned   rest;
    struct tm  tm;

    seconds = (time_t) (ms / 1000);
    rest = (unsigned) (ms % 1000);

    mlsec_audit_key(w, "time");

    if (ms < 0 || gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 8099) {
        mlsec_audit_lit(w, "null");
        return;
    }

    n = strftime((char *) w->pos, sizeof("\"2025-01-09T10:30:00."),
                 "\"%Y-%m-%dT%H:%M:%S.", &tm);
    w->pos += n;
    *w->pos++ = (unsigned char) ('0' + rest / 100);
    *w->pos++ = (unsigned char) ('0' + rest / 10 % 10);
    *w->pos++ = (unsigned char) ('0' + rest % 10);
    mlsec_audit_lit(w, "Z\"");
}


static void
mlsec_audit_text(mlsec_audit_writer_t *w, const char *key, mlsec_str_t text,
    size_t max)
{
    size_t  len;

    if (text.len == 0) {
        return;
    }

    /* a byte becomes six at most, and never none: no need to look at all */

    if (text.len > max) {
        text.len = max;
        w->cut = 1;
    }

    for (len = mlsec_text_escaped_len(text); len > max;
         len = mlsec_text_escaped_len(text))
    {
        text.len -= (len - max + 5) / 6;
        w->cut = 1;
    }

    mlsec_audit_key(w, key);
    mlsec_audit_lit(w, "\"");
    w->pos = mlsec_text_escape(w->pos, text);
    mlsec_audit_lit(w, "\"");
}


/* max: of the whole array, less its brackets */

static void
mlsec_audit_list(mlsec_audit_writer_t *w, const char *key, mlsec_str_t list,
    size_t max)
{
    size_t                len;
    unsigned char        *start;
    mlsec_str_t           name;
    const unsigned char  *end, *comma;

    if (list.len == 0) {
        return;
    }

    mlsec_audit_key(w, key);
    mlsec_audit_lit(w, "[");
    start = w->pos;
    end = list.data + list.len;
    name.data = list.data;

    for ( ;; ) {
        comma = memchr(name.data, ',', (size_t) (end - name.data));
        name.len = (size_t) ((comma != NULL ? comma : end) - name.data);
        len = mlsec_text_escaped_len(name) + sizeof("\"\",") - 1;

        if (len > max - (size_t) (w->pos - start)) {
            w->cut = 1;
            break;
        }

        mlsec_audit_lit(w, w->pos == start ? "\"" : ",\"");
        w->pos = mlsec_text_escape(w->pos, name);
        mlsec_audit_lit(w, "\"");

        if (comma == NULL) {
            break;
        }

        name.data = comma + 1;
    }

    mlsec_audit_lit(w, "]");
}


static void
mlsec_audit_after(mlsec_audit_writer_t *w, const mlsec_audit_record_t *record)
{
    size_t                     i;
    const mlsec_audit_head_t  *head;

    if (record->nafter == 0) {
        return;
    }

    mlsec_audit_key(w, "after");

    for (i = 0; i < record->nafter && i < MLSEC_AUDIT_AFTER; i++) {
        head = &record->after[i];

        mlsec_audit_lit(w, i ? ",{\"chain\":\"" : "[{\"chain\":\"");
        memcpy(w->pos, head->chain, MLSEC_AUDIT_NAME);
        w->pos += MLSEC_AUDIT_NAME;
        mlsec_audit_lit(w, "\"");
        mlsec_audit_number(w, "seq", head->seq);
        mlsec_audit_hash_member(w, "hash", head->hash);

        if (head->lost) {
            mlsec_audit_number(w, "lost", head->lost);
        }

        mlsec_audit_lit(w, "}");
    }

    mlsec_audit_lit(w, "]");
}


static void
mlsec_audit_hash_member(mlsec_audit_writer_t *w, const char *key,
    const unsigned char *hash)
{
    mlsec_audit_key(w, key);
    mlsec_audit_lit(w, "\"");
    w->pos = mlsec_audit_hex(w->pos, hash, MLSEC_AUDIT_HASH);
    mlsec_audit_lit(w, "\"");
}


unsigned char *
mlsec_audit_hex(unsigned char *dst, const unsigned char *p, size_t n)
{
    size_t  i;

    static const char  digits[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        *dst++ = (unsigned char) digits[p[i] >> 4];
        *dst++ = (unsigned char) digits[p[i] & 15];
    }

    return dst;
}
