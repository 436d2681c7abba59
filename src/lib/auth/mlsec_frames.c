/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_frames.h>
#include <string.h>


#define MLSEC_FRAMES_CLOSE  8          /* opcode */


static void mlsec_frames_head(mlsec_frames_t *f, unsigned char c);


void
mlsec_frames_init(mlsec_frames_t *f)
{
    memset(f, 0, sizeof(mlsec_frames_t));
}


void
mlsec_frames_pass(mlsec_frames_t *f, mlsec_str_t bytes)
{
    size_t                n;
    const unsigned char  *p, *last;

    p = bytes.data;
    last = p + bytes.len;

    while (p < last) {

        /* a frame ends with its head when it has no payload */

        if (f->head == 0 || f->head < f->size) {
            mlsec_frames_head(f, *p++);

        } else {
            n = (uint64_t) (last - p) < f->payload ? (size_t) (last - p)
                                                   : (size_t) f->payload;
            f->payload -= n;
            p += n;
        }

        if (f->head >= 2 && f->head == f->size && f->payload == 0) {
            f->head = 0;
        }
    }
}


/*
 * Two bytes, the longer lengths, the mask.  The length of a frame that says
 * more than 2^63 is what it says: it never ends.
 */

static void
mlsec_frames_head(mlsec_frames_t *f, unsigned char c)
{
    switch (f->head++) {

    case 0:
        f->size = 2;
        f->payload = 0;
        f->ended |= (c & 0x0f) == MLSEC_FRAMES_CLOSE;
        break;

    case 1:
        f->lengths = (c & 0x7f) == 126 ? 2 : (c & 0x7f) == 127 ? 8 : 0;
        f->payload = f->lengths ? 0 : c & 0x7f;
        f->size = 2 + f->lengths + (c & 0x80 ? 4 : 0);
        break;

    default:
        if (f->head - 2 <= f->lengths) {
            f->payload = f->payload << 8 | c;
        }
    }
}


int
mlsec_frames_between(const mlsec_frames_t *f)
{
    return f->head == 0 && !f->ended;
}


size_t
mlsec_frames_close(unsigned char *dst, unsigned code, mlsec_str_t reason)
{
    dst[0] = 0x80 | MLSEC_FRAMES_CLOSE;
    dst[1] = (unsigned char) (2 + reason.len);
    dst[2] = (unsigned char) (code >> 8);
    dst[3] = (unsigned char) code;
    memcpy(dst + 4, reason.data, reason.len);

    return 4 + reason.len;
}
