/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What docs/internals/leases.md says of leases, tried: what is admitted too
 * much is within the bound, what is admitted is what the limit allows, an
 * outage is survived.
 */

#include "../tap.h"
#include "lease_world.h"


static world_result_t  result;


static double
offered(const world_conf_t *c)
{
    double    sum;
    unsigned  i;

    for (i = 0, sum = 0; i < c->gateways; i++) {
        sum += c->offered[i];
    }

    return sum;
}


/* Units that all together may admit too much: a lease each. */

static double
bound(const world_conf_t *c)
{
    return (double) c->gateways
           * (double) mlsec_lease_size(c->burst, c->share);
}


static double
allowed(const world_conf_t *c, unsigned seconds)
{
    return (double) c->burst + (double) c->rate * seconds;
}


static void
random_world(world_conf_t *c)
{
    unsigned  i;
    double    sum, weight[WORLD_GATEWAYS];

    static const uint64_t  rates[] = { 3, 10, 100, 1000 };
    static const uint64_t  shares[] = { 100, 1000, 5000, 10000 };
    static const unsigned  everys[] = { 10, 100, 200 };

    memset(c, 0, sizeof(world_conf_t));

    c->gateways = 1 + (unsigned) tap_random(WORLD_GATEWAYS);
    c->rate = rates[tap_random(4)];
    c->burst = c->rate * (1 + tap_random(3));
    c->share = shares[tap_random(4)];
    c->every = everys[tap_random(3)];
    c->trip = 1 + (unsigned) tap_random(10);
    c->seconds = 30;
    c->seed = 1 + tap_random(1000000);

    for (i = 0, sum = 0; i < c->gateways; i++) {
        weight[i] = (double) (1 + tap_random(100) * tap_random(100));
        sum += weight[i];
    }

    for (i = 0; i < c->gateways; i++) {
        c->offered[i] = weight[i] / sum * (double) c->rate * 2
                        * (double) (1 + tap_random(3));
    }
}


static void
test_random(void)
{
    unsigned      i, bad_over, bad_under;
    double        part, worst_over, least;
    world_conf_t  c;

    worst_over = -1e9;
    least = 1e9;

    for (i = 0, bad_over = bad_under = 0; i < 100; i++) {
        random_world(&c);
        world_run(&c, &result);

        if (result.over > bound(&c) + 0.01) {
            bad_over++;
            tap_diag("%u gateways, %llu r/s burst %llu, share %llu, every %u, "
                     "trip %u, seed %llu: %.2f over, bound %.0f", c.gateways,
                     (unsigned long long) c.rate,
                     (unsigned long long) c.burst,
                     (unsigned long long) c.share, c.every, c.trip,
                     (unsigned long long) c.seed, result.over, bound(&c));
        }

        part = (double) result.admitted / (double) result.ideal;

        /* a unit or two of a hundred are the luck of who comes when */

        if (part < (result.ideal > 1000 ? 0.98 : 0.95)) {
            bad_under++;
            tap_diag("%u gateways, %llu r/s burst %llu, share %llu, every %u, "
                     "trip %u, seed %llu, offered %.0f: %.4f of the limit",
                     c.gateways, (unsigned long long) c.rate,
                     (unsigned long long) c.burst,
                     (unsigned long long) c.share, c.every, c.trip,
                     (unsigned long long) c.seed, offered(&c), part);
        }

        worst_over = result.over - bound(&c) > worst_over
                     ? result.over - bound(&c) : worst_over;
        least = part < least ? part : least;
    }

    tap_diag("100 worlds: %.2f units beside the bound at worst, %.4f of the "
             "limit at least", worst_over, least);
    tap_is(bad_over, 0, "random worlds: never over the bound");
    tap_is(bad_under, 0, "random worlds: 98 % of what an ideal limiter admits");
}


static void
test_three(world_conf_t *c)
{
    uint64_t  admitted;

    memset(c, 0, sizeof(world_conf_t));
    c->gateways = 3;
    c->rate = 100;
    c->burst = 200;
    c->share = 1000;
    c->every = 100;
    c->trip = 2;
    c->seconds = 30;
    c->seed = 7;
    c->offered[0] = 140;
    c->offered[1] = 40;
    c->offered[2] = 20;

    world_run(c, &result);
    admitted = result.admitted;

    tap_ok(admitted <= allowed(c, 30) + bound(c), "three: %llu, %.0f + %.0f",
           (unsigned long long) admitted, allowed(c, 30), bound(c));
    tap_ok(admitted >= allowed(c, 30) * 0.98, "three: and 98 %% of %.0f",
           allowed(c, 30));
    tap_ok(result.messages < admitted,
           "three: %llu messages for %llu requests",
           (unsigned long long) result.messages,
           (unsigned long long) result.asked);

    c->way = WORLD_SPLIT;
    world_run(c, &result);
    tap_ok((double) result.admitted < 0.95 * (double) admitted,
           "three: a part for each would have admitted %llu",
           (unsigned long long) result.admitted);

    c->way = WORLD_COUNTERS;
    world_run(c, &result);
    tap_ok(result.admitted > 0, "three: counters of windows %llu, %.1f over",
           (unsigned long long) result.admitted, result.over);
    c->way = WORLD_LEASES;
}


/* Who stays below the limit does not notice that there is one. */

static void
test_below(world_conf_t c)
{
    unsigned  i;

    for (i = 0; i < 3; i++) {
        c.offered[i] *= 0.4;
    }

    world_run(&c, &result);
    tap_is((long long) result.admitted, (long long) result.asked,
           "below the limit: all are admitted");
    tap_ok(result.waited * 20 < result.asked,
           "below the limit: %llu of %llu had to wait for the store",
           (unsigned long long) result.waited,
           (unsigned long long) result.asked);
}


static void
test_outage(world_conf_t c)
{
    unsigned  i;
    uint64_t  during, after;

    c.seconds = 60;
    c.down = 20;
    c.up = 40;

    world_run(&c, &result);

    for (i = 20, during = after = 0; i < 40; i++) {
        during += result.second[i];
        after += result.second[i + 20];
    }

    tap_ok(during <= 20 * c.rate + c.burst, "outage: %llu in 20 s",
           (unsigned long long) during);
    tap_ok(during >= 20 * c.rate / 2, "outage: not nothing");
    tap_ok(result.back > 0 && result.back <= 2000,
           "outage: in touch again after %llu ms",
           (unsigned long long) result.back);
    tap_ok(after <= allowed(&c, 20) + bound(&c),
           "outage: afterwards %llu, nothing is told twice",
           (unsigned long long) after);
    tap_ok((double) after >= 20 * (double) c.rate * 0.98,
           "outage: afterwards all of the limit");
    tap_ok(result.over <= bound(&c) + (double) c.burst,
           "outage: %.1f over in all", result.over);
}


int
main(void)
{
    world_conf_t  c;

    (void) tap_seed();

    test_random();
    test_three(&c);
    test_below(c);
    test_outage(c);

    return tap_done();
}
