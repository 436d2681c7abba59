/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* One process for all, and who follows it. */


#include "tap.h"
#include <lib/mlsec_leader.h>


static uint32_t  dead;


static int
alive(void *ctx, uint32_t pid)
{
    return ctx == NULL && pid != dead;
}


static const mlsec_process_t  us = { alive, NULL, 1000 };
static const mlsec_process_t  them = { alive, NULL, 2000 };


int
main(void)
{
    mlsec_atomic_t  leader = { 0 };

    tap_is(mlsec_leader_is_there(&leader, &us, 1000), 0, "nobody");
    tap_is(mlsec_leader_ask(&leader, &us, 1000, 500), 1, "the first");
    tap_is(mlsec_leader_ask(&leader, &them, 1400, 500), 0, "one only");
    tap_is(mlsec_leader_is_there(&leader, &them, 1400), 1, "it is there");
    tap_is(mlsec_leader_is_there(&leader, &us, 1400), 1, "it is us");
    tap_is(mlsec_leader_ask(&leader, &us, 1400, 500), 1, "again");
    tap_is(mlsec_leader_ask(&leader, &them, 1899, 500), 0, "still");
    tap_is(mlsec_leader_is_there(&leader, &them, 1900), 0, "late");
    tap_is(mlsec_leader_is_there(&leader, &us, 1900), 0, "late, for itself");
    tap_is(mlsec_leader_ask(&leader, &them, 1900, 500), 1,
           "it has not asked in time");
    tap_is(mlsec_leader_ask(&leader, &us, 1900, 500), 0, "replaced");

    mlsec_leader_resign(&leader, us.self);
    tap_is(mlsec_leader_ask(&leader, &us, 1900, 500), 0,
           "only the leader resigns");
    mlsec_leader_resign(&leader, them.self);
    tap_is(mlsec_leader_is_there(&leader, &us, 1900), 0, "resigned");
    tap_is(mlsec_leader_ask(&leader, &us, 1900, 500), 1, "another one");

    dead = us.self;
    tap_is(mlsec_leader_is_there(&leader, &them, 1901), 0, "dead");
    tap_is(mlsec_leader_ask(&leader, &them, 1901, 500), 1, "it has died");

    return tap_done();
}
