/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/audit/mlsec_audit_heads.h>
#include <lib/audit/mlsec_audit_spool.h>


static int
add(mlsec_audit_spool_t *s, const char *line)
{
    unsigned char  *p;

    p = mlsec_audit_spool_room(s, strlen(line));

    if (p == NULL) {
        return 0;
    }

    memcpy(p, line, strlen(line));
    mlsec_audit_spool_add(s, strlen(line));

    return 1;
}


static void
test_spool(void)
{
    unsigned char        memory[16];
    mlsec_audit_spool_t  s;

    mlsec_audit_spool_init(&s, memory, sizeof(memory));
    tap_is_str(mlsec_audit_spool_next(&s, 100), tap_lit(""), "nothing");

    tap_ok(add(&s, "one\n") && add(&s, "two\n") && add(&s, "three\n"),
           "three lines");
    tap_ok(!add(&s, "abc\n"), "a fourth has no room");
    tap_is((long long) s.lines, 3, "three");
    tap_is_str(mlsec_audit_spool_next(&s, 100),
               tap_lit("one\ntwo\nthree\n"), "all of them");
    tap_is_str(mlsec_audit_spool_next(&s, 13), tap_lit("one\ntwo\n"),
               "whole lines");
    tap_is_str(mlsec_audit_spool_next(&s, 8), tap_lit("one\ntwo\n"),
               "that just fit");
    tap_is_str(mlsec_audit_spool_next(&s, 2), tap_lit("one\n"),
               "one at least");

    tap_is_str(mlsec_audit_spool_written(&s, 0), tap_lit(""), "none went");
    tap_ok(!s.torn && s.lines == 3, "nothing is torn");

    tap_is_str(mlsec_audit_spool_written(&s, 5), tap_lit("one"), "5 bytes");
    tap_ok(s.torn && s.lines == 2, "the second is torn");
    tap_is_str(mlsec_audit_spool_next(&s, 100), tap_lit("two\nthree\n"),
               "and comes again");

    tap_ok(add(&s, "abc\n"), "there is room again");
    tap_is_str(mlsec_audit_spool_written(&s, 2), tap_lit(""), "2 bytes");
    tap_ok(s.torn && s.lines == 3, "torn again");
    tap_is_str(mlsec_audit_spool_written(&s, 0), tap_lit(""), "none");
    tap_ok(s.torn, "still torn");
    tap_is_str(mlsec_audit_spool_written(&s, 14), tap_lit("abc"), "the rest");
    tap_ok(!s.torn && s.lines == 0 && s.first == memory && s.last == memory,
           "empty");
}


static int  living[8];


static int
alive(uint64_t pid)
{
    return pid < 8 && living[pid];
}


static void
test_heads(void)
{
    size_t               i;
    uint64_t             owner;
    mlsec_audit_head_t   head[4], one;
    mlsec_audit_slot_t  *a, *b, *c;
    mlsec_audit_heads_t *h;

    h = calloc(1, sizeof(mlsec_audit_heads_t));
    living[1] = living[2] = living[3] = 1;
    memset(&one, 0, sizeof(one));

    a = mlsec_audit_heads_join(h, 1);
    b = mlsec_audit_heads_join(h, 2);
    c = mlsec_audit_heads_join(h, 3);
    tap_ok(a != NULL && b != NULL && c != NULL && a != b && b != c,
           "a slot for each");

    for (i = 1; i <= 5; i++) {
        one.seq = i;
        one.hash[0] = (unsigned char) i;
        mlsec_audit_heads_set(a, &one);
    }

    one.seq = 9;
    mlsec_audit_heads_set(b, &one);
    mlsec_audit_heads_waiting(b, 7);

    tap_is((long long) mlsec_audit_heads_take(h, 3, alive, head, 4), 0,
           "all are at work");

    mlsec_audit_heads_leave(h, a);
    tap_is((long long) mlsec_atomic_load(&h->ended), 1, "one has ended");
    tap_is((long long) mlsec_audit_heads_take(h, 3, alive, head, 4), 1,
           "its head");
    tap_ok(head[0].seq == 5 && head[0].hash[0] == 5 && head[0].lost == 0,
           "the last one");
    tap_is((long long) mlsec_audit_heads_take(h, 2, alive, head, 4), 0,
           "only once");

    living[2] = 0;
    tap_is((long long) mlsec_audit_heads_take(h, 3, alive, head, 4), 1,
           "one has died");
    tap_ok(head[0].seq == 9 && head[0].lost == 7, "what it had not written");

    /* a killed one in the middle of setting its head, and of taking one */

    a = mlsec_audit_heads_join(h, 1);
    tap_ok(a == &h->slot[0] && mlsec_atomic_load(&a->waiting) == 0,
           "slots come again, empty");
    one.seq = 11;
    mlsec_audit_heads_set(a, &one);
    a->head[(mlsec_atomic_load(&a->turn) + 1) & 1].seq = 12;
    living[1] = 0;
    mlsec_atomic_store(&a->owner, 2 << 2 | 3);
    tap_ok(mlsec_audit_heads_take(h, 3, alive, head, 4) == 1
           && head[0].seq == 11, "the head that counts");

    a = mlsec_audit_heads_join(h, 1);
    mlsec_audit_heads_leave(h, a);
    tap_is((long long) mlsec_audit_heads_take(h, 3, alive, head, 4), 0,
           "one that wrote nothing");
    owner = mlsec_atomic_load(&a->owner);
    tap_is((long long) owner, 0, "is gone all the same");

    for (i = 0; mlsec_audit_heads_join(h, 5) != NULL; i++) { /* void */ }
    tap_is((long long) i, MLSEC_AUDIT_SLOTS - 1, "until all are taken");
    mlsec_audit_heads_set(NULL, &one);
    mlsec_audit_heads_waiting(NULL, 1);
    mlsec_audit_heads_leave(h, NULL);
    tap_is((long long) mlsec_audit_heads_take(h, 6, alive, head, 2), 0,
           "none of the dead had a line");
    tap_ok(mlsec_audit_heads_join(h, 6) != NULL, "but a slot");

    free(h);
}


int
main(void)
{
    test_spool();
    test_heads();

    return tap_done();
}
