/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/redis/mlsec_redis_reader.h>
#include <hiredis/hiredis.h>
#include <string.h>


#define MLSEC_REDIS_DEPTH  7               /* arrays in each other */


/* what the functions of a reader get: an int before 1.0 */

#if (HIREDIS_MAJOR >= 1)
typedef size_t  mlsec_redis_count_t;
#else
typedef int     mlsec_redis_count_t;
#endif


static int mlsec_redis_announces(const redisReader *reader, size_t left);
static mlsec_redis_reply_t *mlsec_redis_node(const redisReadTask *task,
    mlsec_redis_type_e type);
static void *mlsec_redis_take(mlsec_redis_reader_t *r, size_t size);
static void *mlsec_redis_string(const redisReadTask *task, char *text,
    size_t len);
static void *mlsec_redis_array(const redisReadTask *task,
    mlsec_redis_count_t n);
static size_t mlsec_redis_depth(const redisReadTask *task);
static void *mlsec_redis_integer(const redisReadTask *task, long long value);
static void *mlsec_redis_nil(const redisReadTask *task);
static void mlsec_redis_keep(void *reply);
static int mlsec_redis_reply_fill(mlsec_redis_reply_t *to,
    const mlsec_redis_reply_t *from, const mlsec_mem_t *mem);

#if (HIREDIS_MAJOR >= 1)
static void *mlsec_redis_double(const redisReadTask *task, double value,
    char *text, size_t len);
static void *mlsec_redis_bool(const redisReadTask *task, int value);
#endif


static redisReplyObjectFunctions  mlsec_redis_functions = {
    .createString = mlsec_redis_string,
    .createArray = mlsec_redis_array,
    .createInteger = mlsec_redis_integer,
    .createNil = mlsec_redis_nil,
    .freeObject = mlsec_redis_keep,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = mlsec_redis_double,
    .createBool = mlsec_redis_bool,
#endif
};


int
mlsec_redis_reader_init(mlsec_redis_reader_t *r, const mlsec_mem_t *mem,
    size_t max)
{
    redisReader  *reader;

    memset(r, 0, sizeof(mlsec_redis_reader_t));

    reader = redisReaderCreateWithFunctions(&mlsec_redis_functions);

    if (reader == NULL) {
        return MLSEC_NOMEM;
    }

    reader->privdata = r;

    r->hiredis = reader;
    r->mem = *mem;
    r->max = max;
    r->left = max;

    return MLSEC_OK;
}


void
mlsec_redis_reader_free(mlsec_redis_reader_t *r)
{
    if (r->hiredis != NULL) {
        redisReaderFree(r->hiredis);
        r->hiredis = NULL;
    }
}


mlsec_redis_error_e
mlsec_redis_reader_feed(mlsec_redis_reader_t *r, const unsigned char *data,
    size_t len)
{
    return redisReaderFeed(r->hiredis, (const char *) data, len) == REDIS_OK
           ? MLSEC_REDIS_OK : MLSEC_REDIS_NOMEM;
}


mlsec_redis_error_e
mlsec_redis_reader_next(mlsec_redis_reader_t *r, mlsec_redis_reply_t **reply)
{
    void         *found;
    redisReader  *reader;

    reader = r->hiredis;
    found = NULL;
    *reply = NULL;

    if (redisReaderGetReply(reader, &found) != REDIS_OK) {
        return r->large ? MLSEC_REDIS_TOO_LARGE
               : r->starved ? MLSEC_REDIS_NOMEM
               : r->foreign ? MLSEC_REDIS_PROTOCOL
               : reader->err == REDIS_ERR_OOM ? MLSEC_REDIS_NOMEM
               : MLSEC_REDIS_PROTOCOL;
    }

    if (found != NULL) {
        *reply = found;
        r->left = r->max;
        return MLSEC_REDIS_OK;
    }

    /* a text is read when all of it is there: what waits for that counts */

    return reader->len - reader->pos > r->left
           || mlsec_redis_announces(reader, r->left) ? MLSEC_REDIS_TOO_LARGE
                                                     : MLSEC_REDIS_OK;
}


/*
 * Whether what is waited for is a text of more than "left" bytes.  One of
 * half a gigabyte would else be waited for until the time is up, and swallow
 * what comes after it.  hiredis has read the "$" then, and nothing more.
 */

static int
mlsec_redis_announces(const redisReader *reader, size_t left)
{
    size_t  i, len;

    if (reader->pos == 0 || reader->buf[reader->pos - 1] != '$') {
        return 0;
    }

    for (i = reader->pos, len = 0; i < reader->len; i++) {

        if (reader->buf[i] == '\r') {
            return len > left;
        }

        if (reader->buf[i] < '0' || reader->buf[i] > '9') {
            return 0;
        }

        if (len <= left) {
            len = len * 10 + (size_t) (reader->buf[i] - '0');
        }
    }

    return 0;
}


/*
 * Elements of an array stand in one piece, which was allocated with it.
 */

static mlsec_redis_reply_t *
mlsec_redis_node(const redisReadTask *task, mlsec_redis_type_e type)
{
    mlsec_redis_reply_t   *node, *array;
    mlsec_redis_reader_t  *r;

    r = task->privdata;

    if (task->parent != NULL) {
        array = task->parent->obj;
        node = &array->element[task->idx];

    } else {
        node = mlsec_redis_take(r, sizeof(mlsec_redis_reply_t));

        if (node == NULL) {
            return NULL;
        }
    }

    memset(node, 0, sizeof(mlsec_redis_reply_t));
    node->type = type;

    return node;
}


static void *
mlsec_redis_take(mlsec_redis_reader_t *r, size_t size)
{
    void  *p;

    if (size > r->left) {
        r->large = 1;
        return NULL;
    }

    p = r->mem.alloc(r->mem.ctx, size);

    if (p == NULL) {
        r->starved = 1;
        return NULL;
    }

    r->left -= size;

    return p;
}


static void *
mlsec_redis_string(const redisReadTask *task, char *text, size_t len)
{
    void                  *p;
    mlsec_redis_type_e     type;
    mlsec_redis_reply_t   *node;
    mlsec_redis_reader_t  *r;

    r = task->privdata;

    switch (task->type) {

    case REDIS_REPLY_STRING:
        type = MLSEC_REDIS_STRING;
        break;

    case REDIS_REPLY_STATUS:
        type = MLSEC_REDIS_STATUS;
        break;

    case REDIS_REPLY_ERROR:
        type = MLSEC_REDIS_ERROR;
        break;

    default:
        r->foreign = 1;
        return NULL;
    }

    node = mlsec_redis_node(task, type);

    if (node == NULL || len == 0) {
        return node;
    }

    p = mlsec_redis_take(r, len);

    if (p == NULL) {
        return NULL;
    }

    memcpy(p, text, len);
    node->str.data = p;
    node->str.len = len;

    return node;
}


static void *
mlsec_redis_array(const redisReadTask *task, mlsec_redis_count_t n)
{
    mlsec_redis_reply_t   *node;
    mlsec_redis_reader_t  *r;

    r = task->privdata;

    /* a count is a few bytes, what it asks for is not: compared unmultiplied */

    if (task->type != REDIS_REPLY_ARRAY || (long long) n < 0
        || mlsec_redis_depth(task) > MLSEC_REDIS_DEPTH)
    {
        r->foreign = 1;
        return NULL;
    }

    if ((size_t) n > r->left / sizeof(mlsec_redis_reply_t)) {
        r->large = 1;
        return NULL;
    }

    node = mlsec_redis_node(task, MLSEC_REDIS_ARRAY);

    if (node == NULL || n == 0) {
        return node;
    }

    node->element = mlsec_redis_take(r, n * sizeof(mlsec_redis_reply_t));

    if (node->element == NULL) {
        return NULL;
    }

    node->n = (size_t) n;
    memset(node->element, 0, node->n * sizeof(mlsec_redis_reply_t));

    return node;
}


/* hiredis has a bound of its own, until 1.0. */

static size_t
mlsec_redis_depth(const redisReadTask *task)
{
    size_t  depth;

    for (depth = 1; task->parent != NULL; depth++) {
        task = task->parent;
    }

    return depth;
}


static void *
mlsec_redis_integer(const redisReadTask *task, long long value)
{
    mlsec_redis_reply_t  *node;

    node = mlsec_redis_node(task, MLSEC_REDIS_INTEGER);

    if (node != NULL) {
        node->integer = value;
    }

    return node;
}


static void *
mlsec_redis_nil(const redisReadTask *task)
{
    return mlsec_redis_node(task, MLSEC_REDIS_NIL);
}


/* The memory is somebody else's. */

static void
mlsec_redis_keep(void *reply)
{
    (void) reply;
}


#if (HIREDIS_MAJOR >= 1)

static void *
mlsec_redis_double(const redisReadTask *task, double value, char *text,
    size_t len)
{
    mlsec_redis_reader_t  *r = task->privdata;

    (void) value;
    (void) text;
    (void) len;

    r->foreign = 1;

    return NULL;
}


static void *
mlsec_redis_bool(const redisReadTask *task, int value)
{
    (void) value;

    return mlsec_redis_double(task, 0, NULL, 0);
}

#endif


mlsec_redis_reply_t *
mlsec_redis_reply_copy(const mlsec_redis_reply_t *reply,
    const mlsec_mem_t *mem)
{
    mlsec_redis_reply_t  *copy;

    copy = mem->alloc(mem->ctx, sizeof(mlsec_redis_reply_t));

    if (copy == NULL || mlsec_redis_reply_fill(copy, reply, mem) != MLSEC_OK) {
        return NULL;
    }

    return copy;
}


/* At most MLSEC_REDIS_DEPTH deep. */

static int
mlsec_redis_reply_fill(mlsec_redis_reply_t *to,
    const mlsec_redis_reply_t *from, const mlsec_mem_t *mem)
{
    void    *p;
    size_t   i;

    *to = *from;

    if (from->str.len != 0) {
        p = mem->alloc(mem->ctx, from->str.len);

        if (p == NULL) {
            return MLSEC_NOMEM;
        }

        memcpy(p, from->str.data, from->str.len);
        to->str.data = p;
    }

    if (from->n == 0) {
        return MLSEC_OK;
    }

    to->element = mem->alloc(mem->ctx, from->n * sizeof(mlsec_redis_reply_t));

    if (to->element == NULL) {
        return MLSEC_NOMEM;
    }

    for (i = 0; i < from->n; i++) {

        if (mlsec_redis_reply_fill(&to->element[i], &from->element[i], mem)
            != MLSEC_OK)
        {
            return MLSEC_NOMEM;
        }
    }

    return MLSEC_OK;
}
