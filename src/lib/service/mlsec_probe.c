/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_probe.h>


/*
 * The states are places in "HTTP/1.1 200 ": the number of bytes of it that
 * have been seen.  Then those of the rest of an interim response.
 */

#define MLSEC_PROBE_MINOR    7
#define MLSEC_PROBE_STATUS   9
#define MLSEC_PROBE_END      12

#define MLSEC_PROBE_LINE     13          /* in a line */
#define MLSEC_PROBE_START    14          /* at the start of one */
#define MLSEC_PROBE_CR       15          /* behind a CR at the start of one */


static int
mlsec_probe_digit(mlsec_probe_t *p, unsigned char c)
{
    if (c < '0' || c > '9') {
        return MLSEC_INVALID;
    }

    p->status = p->status * 10 + (c - '0');

    return MLSEC_EMPTY;
}


static int
mlsec_probe_end(mlsec_probe_t *p, unsigned char c)
{
    if ((c != ' ' && c != '\r' && c != '\n')
        || p->status < 100 || p->status > 599)
    {
        return MLSEC_INVALID;
    }

    if (p->status >= 200) {
        return MLSEC_OK;
    }

    p->state = (c == '\n') ? MLSEC_PROBE_START : MLSEC_PROBE_LINE;

    return MLSEC_EMPTY;
}


/* The headers of an interim response. */

static void
mlsec_probe_skip(mlsec_probe_t *p, unsigned char c)
{
    if (c != '\n') {
        p->state = (p->state == MLSEC_PROBE_START && c == '\r')
                   ? MLSEC_PROBE_CR : MLSEC_PROBE_LINE;

    } else if (p->state == MLSEC_PROBE_LINE) {
        p->state = MLSEC_PROBE_START;

    } else {
        p->state = 0;
        p->status = 0;
    }
}


static int
mlsec_probe_byte(mlsec_probe_t *p, unsigned char c)
{
    static const char  line[] = "HTTP/1.x ";

    if (p->state >= MLSEC_PROBE_LINE) {
        mlsec_probe_skip(p, c);
        return MLSEC_EMPTY;
    }

    if (p->state == MLSEC_PROBE_END) {
        return mlsec_probe_end(p, c);
    }

    if (p->state >= MLSEC_PROBE_STATUS) {
        p->state++;
        return mlsec_probe_digit(p, c);
    }

    if (p->state == MLSEC_PROBE_MINOR) {
        p->state++;
        return (c >= '0' && c <= '9') ? MLSEC_EMPTY : MLSEC_INVALID;
    }

    return (c == (unsigned char) line[p->state++]) ? MLSEC_EMPTY
                                                   : MLSEC_INVALID;
}


int
mlsec_probe_feed(mlsec_probe_t *p, const unsigned char *data, size_t len)
{
    int     rc;
    size_t  i;

    for (i = 0; i < len; i++) {
        rc = mlsec_probe_byte(p, data[i]);

        if (rc != MLSEC_EMPTY) {

            /* the byte behind the status is the first of the rest */

            p->used = i;

            return rc;
        }
    }

    return MLSEC_EMPTY;
}
