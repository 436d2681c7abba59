/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Where a stream of WebSocket frames stands, byte by byte. */


#include "../tap.h"
#include <lib/auth/mlsec_frames.h>


/* Heads, and how many bytes of payload follow. */

static const struct {
    const char  *name;
    const char  *head;
    size_t       head_len;
    size_t       payload;
} frames[] = {
    { "no payload", "\x81\x00", 2, 0 },
    { "one byte", "\x82\x01", 2, 1 },
    { "125 bytes", "\x81\x7d", 2, 125 },
    { "126 bytes", "\x81\x7e\x00\x7e", 4, 126 },
    { "a short length written long", "\x81\x7e\x00\x01", 4, 1 },
    { "a length of 0 written long", "\x81\x7e\x00\x00", 4, 0 },
    { "65535 bytes", "\x81\x7e\xff\xff", 4, 65535 },
    { "65536 bytes", "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10, 65536 },
    { "a fragment", "\x01\x02", 2, 2 },
    { "a masked one", "\x81\x83\x01\x02\x03\x04", 6, 3 },
    { "a masked one without payload", "\x89\x80\x01\x02\x03\x04", 6, 0 },
    { "a masked long one", "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01"
      "\x7e\x7f\x88\xff", 14, 65537 },
    { "a ping", "\x89\x04", 2, 4 }
};


#define FRAMES  (sizeof(frames) / sizeof(frames[0]))


static void
test_each(void)
{
    size_t          i, n, len, inside;
    mlsec_frames_t  f;
    unsigned char  *text;

    text = malloc(70000);

    for (i = 0; i < FRAMES; i++) {
        len = frames[i].head_len + frames[i].payload;
        memset(text, 0x88, len);               /* of what a close begins with */
        memcpy(text, frames[i].head, frames[i].head_len);

        mlsec_frames_init(&f);
        tap_ok(mlsec_frames_between(&f), "%s: before", frames[i].name);

        for (n = 0, inside = 0; n < len; n++) {
            mlsec_frames_pass(&f, (mlsec_str_t) { text + n, 1 });
            inside += !mlsec_frames_between(&f);
        }

        tap_is((long long) inside, (long long) len - 1, "inside of it");
        tap_ok(mlsec_frames_between(&f), "behind it");
    }

    free(text);
}


/* All of them one after the other, cut anywhere. */

static void
test_pieces(void)
{
    size_t          i, n, len, step, wrong, ends[FRAMES];
    mlsec_frames_t  f;
    unsigned char  *text;

    text = calloc(1, 400000);
    len = 0;

    for (i = 0; i < FRAMES; i++) {
        memcpy(text + len, frames[i].head, frames[i].head_len);
        len += frames[i].head_len + frames[i].payload;
        ends[i] = len;
    }

    for (step = 1; step < 5000; step += step / 3 + 1) {
        mlsec_frames_init(&f);
        wrong = 0;

        for (n = 0; n < len; ) {
            i = step < len - n ? step : len - n;
            mlsec_frames_pass(&f, (mlsec_str_t) { text + n, i });
            n += i;

            for (i = 0; i < FRAMES && ends[i] != n; i++) { /* void */ }
            wrong += mlsec_frames_between(&f) != (i < FRAMES);
        }

        tap_is((long long) wrong, 0, "pieces");
    }

    mlsec_frames_init(&f);
    mlsec_frames_pass(&f, (mlsec_str_t) { text, len });
    tap_ok(mlsec_frames_between(&f), "in one piece");
    free(text);
}


static void
test_close(void)
{
    size_t          len;
    mlsec_frames_t  f;
    unsigned char   dst[MLSEC_FRAMES_CLOSE_MAX + 2];

    len = mlsec_frames_close(dst, 1008, tap_lit("over"));
    tap_ok(len == 8 && memcmp(dst, "\x88\x06\x03\xf0over", 8) == 0, "1008");

    mlsec_frames_init(&f);
    mlsec_frames_pass(&f, (mlsec_str_t) { dst, len - 1 });
    tap_ok(!mlsec_frames_between(&f), "inside of a close");
    mlsec_frames_pass(&f, (mlsec_str_t) { dst + len - 1, 1 });
    tap_ok(!mlsec_frames_between(&f), "nothing after it");

    len = mlsec_frames_close(dst, 1000, tap_lit(""));
    tap_ok(len == 4 && memcmp(dst, "\x88\x02\x03\xe8", 4) == 0, "no reason");

    /* one that says it is longer than anything */

    mlsec_frames_init(&f);
    mlsec_frames_pass(&f, tap_lit("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"
                                  "\x88\x00\x88\x00"));
    tap_ok(!mlsec_frames_between(&f) && !f.ended, "2^64 - 1 bytes");
}


int
main(void)
{
    test_each();
    test_pieces();
    test_close();

    return tap_done();
}
