/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/aggregate/mlsec_body.h>

#include <string.h>


typedef enum {
    MLSEC_BODY_STATUS_LINE = 0,
    MLSEC_BODY_HEADER,
    MLSEC_BODY_SIZED,
    MLSEC_BODY_TO_END,                 /* of the connection */
    MLSEC_BODY_CHUNK_SIZE,
    MLSEC_BODY_CHUNK,
    MLSEC_BODY_CHUNK_LINE,             /* the end of line behind a chunk */
    MLSEC_BODY_TRAILER
} mlsec_body_state_e;


static int mlsec_body_line(mlsec_body_t *b, unsigned char c);
static int mlsec_body_line_end(mlsec_body_t *b);
static int mlsec_body_header(mlsec_body_t *b);
static int mlsec_body_headers_end(mlsec_body_t *b);
static int mlsec_body_length(mlsec_body_t *b, const char *value);
static int mlsec_body_coding(mlsec_body_t *b, const char *value);
static int mlsec_body_chunk_size(mlsec_body_t *b);
static int mlsec_body_bytes(mlsec_body_t *b, const unsigned char *data,
    size_t len, size_t *used);


void
mlsec_body_init(mlsec_body_t *b, unsigned status, unsigned char *data,
    size_t room)
{
    memset(b, 0, sizeof(mlsec_body_t));
    mlsec_cache_merge_init(&b->cache);

    b->data = data;
    b->room = room;
    b->bodiless = (status == 204 || status == 304);
}


int
mlsec_body_feed(mlsec_body_t *b, const unsigned char *data, size_t len)
{
    int     rc;
    size_t  i, used;

    rc = MLSEC_EMPTY;

    for (i = 0; i < len && rc == MLSEC_EMPTY; i += used) {
        used = 1;

        switch (b->state) {

        case MLSEC_BODY_SIZED:
        case MLSEC_BODY_TO_END:
        case MLSEC_BODY_CHUNK:
            rc = mlsec_body_bytes(b, data + i, len - i, &used);
            break;

        default:
            rc = mlsec_body_line(b, data[i]);
        }
    }

    return rc;
}


int
mlsec_body_end(const mlsec_body_t *b)
{
    return b->state == MLSEC_BODY_TO_END ? MLSEC_OK : MLSEC_INVALID;
}


/*
 * The beginning of a line is kept, in lower case: that is enough for the
 * three headers and the sizes that matter.
 */

static int
mlsec_body_line(mlsec_body_t *b, unsigned char c)
{
    int  rc;

    if (c == '\n') {

        if (b->n && b->n <= MLSEC_BODY_LINE && b->line[b->n - 1] == '\r') {
            b->n--;
        }

        rc = mlsec_body_line_end(b);
        b->n = 0;

        return rc;
    }

    if (b->n < MLSEC_BODY_LINE) {
        b->line[b->n] = (c >= 'A' && c <= 'Z') ? (unsigned char) (c | 0x20)
                                               : c;
    }

    /* stays above the limit, however long the line is */

    if (b->n <= MLSEC_BODY_LINE) {
        b->n++;
    }

    return MLSEC_EMPTY;
}


static int
mlsec_body_line_end(mlsec_body_t *b)
{
    switch (b->state) {

    case MLSEC_BODY_STATUS_LINE:
        b->state = MLSEC_BODY_HEADER;
        return MLSEC_EMPTY;

    case MLSEC_BODY_HEADER:
        return b->n ? mlsec_body_header(b) : mlsec_body_headers_end(b);

    case MLSEC_BODY_CHUNK_SIZE:
        return mlsec_body_chunk_size(b);

    case MLSEC_BODY_CHUNK_LINE:
        b->state = MLSEC_BODY_CHUNK_SIZE;
        return b->n ? MLSEC_INVALID : MLSEC_EMPTY;

    default: /* MLSEC_BODY_TRAILER */
        return b->n ? MLSEC_EMPTY : MLSEC_OK;
    }
}


static int
mlsec_body_header(mlsec_body_t *b)
{
    char         line[MLSEC_BODY_LINE + 1];
    size_t       i;
    mlsec_str_t  value;

    static const char  cache[] = "cache-control:";
    static const char  length[] = "content-length:";
    static const char  coding[] = "transfer-encoding:";

    i = b->n < MLSEC_BODY_LINE ? b->n : MLSEC_BODY_LINE;

    memcpy(line, b->line, i);

    while (i && b->n <= MLSEC_BODY_LINE
           && (line[i - 1] == ' ' || line[i - 1] == '\t'))
    {
        i--;
    }

    line[i] = '\0';

    if (strncmp(line, length, sizeof(length) - 1) == 0) {
        i = sizeof(length) - 1;
        i += strspn(line + i, " \t");

        return b->n > MLSEC_BODY_LINE ? MLSEC_INVALID
                                      : mlsec_body_length(b, line + i);
    }

    if (strncmp(line, coding, sizeof(coding) - 1) == 0) {
        i = sizeof(coding) - 1;
        i += strspn(line + i, " \t");

        return b->n > MLSEC_BODY_LINE ? MLSEC_INVALID
                                      : mlsec_body_coding(b, line + i);
    }

    /* of a line that is too long nothing is believed, rather than a part */

    if (strncmp(line, cache, sizeof(cache) - 1) == 0
        && b->n <= MLSEC_BODY_LINE)
    {
        value.data = (const unsigned char *) line + sizeof(cache) - 1;
        value.len = i - (sizeof(cache) - 1);
        mlsec_cache_merge_add(&b->cache, value);
    }

    return MLSEC_EMPTY;
}


/* A second length that says something else is how responses are smuggled. */

static int
mlsec_body_length(mlsec_body_t *b, const char *value)
{
    uint64_t  n;

    if (*value == '\0' || strlen(value) > 18) {
        return MLSEC_INVALID;
    }

    for (n = 0; *value; value++) {

        if (*value < '0' || *value > '9') {
            return MLSEC_INVALID;
        }

        n = n * 10 + (unsigned) (*value - '0');
    }

    if (b->sized && b->left != n) {
        return MLSEC_INVALID;
    }

    b->sized = 1;
    b->left = n;

    return MLSEC_EMPTY;
}


static int
mlsec_body_coding(mlsec_body_t *b, const char *value)
{
    if (b->chunked || strcmp(value, "chunked") != 0) {
        return MLSEC_INVALID;
    }

    b->chunked = 1;

    return MLSEC_EMPTY;
}


static int
mlsec_body_headers_end(mlsec_body_t *b)
{
    if (b->bodiless) {
        return MLSEC_OK;
    }

    if (b->chunked) {
        b->state = MLSEC_BODY_CHUNK_SIZE;
        return MLSEC_EMPTY;
    }

    if (!b->sized) {
        b->state = MLSEC_BODY_TO_END;
        return MLSEC_EMPTY;
    }

    b->state = MLSEC_BODY_SIZED;

    if (b->left > b->room) {
        return MLSEC_NOMEM;
    }

    return b->left ? MLSEC_EMPTY : MLSEC_OK;
}


/* RFC 9112, 7.1: hexadecimal digits, and perhaps an extension. */

static int
mlsec_body_chunk_size(mlsec_body_t *b)
{
    unsigned       i, end, digit;
    unsigned char  c;

    end = b->n < MLSEC_BODY_LINE ? b->n : MLSEC_BODY_LINE;
    b->left = 0;

    for (i = 0; i < end; i++) {
        c = b->line[i];

        if (c >= '0' && c <= '9') {
            digit = c - '0';

        } else if (c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10;

        } else {
            break;
        }

        if (i == 15) {
            return MLSEC_INVALID;
        }

        b->left = b->left * 16 + digit;
    }

    if (i == 0
        || (i < end && b->line[i] != ';' && b->line[i] != ' '
            && b->line[i] != '\t'))
    {
        return MLSEC_INVALID;
    }

    if (b->left > b->room - b->len) {
        return MLSEC_NOMEM;
    }

    b->state = b->left ? MLSEC_BODY_CHUNK : MLSEC_BODY_TRAILER;

    return MLSEC_EMPTY;
}


static int
mlsec_body_bytes(mlsec_body_t *b, const unsigned char *data, size_t len,
    size_t *used)
{
    if (b->state != MLSEC_BODY_TO_END && len > b->left) {
        len = (size_t) b->left;
    }

    *used = len;

    if (len > b->room - b->len) {
        return MLSEC_NOMEM;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;

    if (b->state == MLSEC_BODY_TO_END) {
        return MLSEC_EMPTY;
    }

    b->left -= len;

    if (b->left) {
        return MLSEC_EMPTY;
    }

    if (b->state == MLSEC_BODY_SIZED) {
        return MLSEC_OK;
    }

    b->state = MLSEC_BODY_CHUNK_LINE;

    return MLSEC_EMPTY;
}
