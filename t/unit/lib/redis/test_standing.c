/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What several processes say together of something that comes and goes. */


#include "../tap.h"
#include <lib/redis/mlsec_standing.h>


#define LOST   MLSEC_STANDING_LOST
#define FIRST  MLSEC_STANDING_FIRST
#define AGAIN  MLSEC_STANDING_AGAIN
#define QUIET  MLSEC_STANDING_QUIET

/* causes */

#define CLOSED   3
#define TIMEOUT  4
#define AUTH     5


static uint32_t          dead;
static mlsec_standing_t  standing;


static int
alive(void *ctx, uint32_t pid)
{
    return ctx == NULL && pid != dead;
}


static mlsec_standing_e
lost(uint32_t pid, unsigned cause, int telling)
{
    mlsec_process_t  process = { alive, NULL, pid };

    return mlsec_standing_lost(&standing, pid, &process, cause, telling);
}


static mlsec_standing_e
found(uint32_t pid)
{
    mlsec_process_t  process = { alive, NULL, pid };

    return mlsec_standing_found(&standing, pid, &process);
}


int
main(void)
{
    tap_is(found(1), FIRST, "the first to find it says so");
    tap_is(found(2), QUIET, "the second does not");
    tap_is(found(3), QUIET, "nor the third");

    tap_is(lost(2, CLOSED, 0), LOST, "the first to lose it says so");
    tap_is(lost(1, CLOSED, 0), QUIET, "the second does not");
    tap_is(lost(3, TIMEOUT, 0), QUIET, "nor with another cause");
    tap_is(lost(3, AUTH, 1), LOST, "but with one that somebody has to know");
    tap_is(lost(1, AUTH, 1), QUIET, "once");
    tap_is(lost(2, CLOSED, 0), QUIET, "and not the others again");

    tap_is(found(2), QUIET, "the first one that is back is silent");
    tap_is(found(1), QUIET, "so is the second");
    tap_is(lost(1, CLOSED, 0), QUIET, "one flaps meanwhile");
    tap_is(found(3), QUIET, "the other one is back");
    tap_is(found(1), AGAIN, "and the last one says so");
    tap_is(found(1), QUIET, "once");

    tap_is(lost(1, AUTH, 1), LOST, "lost with a cause that is worth a line");
    tap_is(lost(2, AUTH, 1), QUIET, "which is the same one");
    dead = 2;
    tap_is(found(1), AGAIN, "who has died is not waited for");

    tap_is(lost(3, CLOSED, 0), LOST, "lost by one");
    mlsec_standing_leave(&standing, 3);
    tap_is(found(4), AGAIN, "who ends is found again by a successor");

    tap_is(lost(1, CLOSED, 0), LOST, "lost by many");
    tap_is(lost(1 + MLSEC_STANDING_SLOTS, CLOSED, 0), QUIET,
           "numbers may be large");
    tap_is(found(1 + MLSEC_STANDING_SLOTS), AGAIN, "and share a place");

    standing = (mlsec_standing_t) { { 0 }, { { 0 } } };
    tap_is(lost(1, CLOSED, 0), LOST, "never there");
    tap_is(found(1), AGAIN, "and then there");

    return tap_done();
}
