/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Not a test: bench_lease plot|table, in figures the world of
 * t/unit/lib/limit/lease_world.h.
 *
 *   plot    the drawing of docs/internals/leases.md, as SVG
 *   table   what is admitted, too much of it, and what that costs
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/limit/lease_world.h"


#define PLOT_SECONDS  60
#define PLOT_LEFT     60
#define PLOT_TOP      50
#define PLOT_WIDTH    720
#define PLOT_HEIGHT   300
#define PLOT_MOST     250                        /* units in a second */


static void
three(world_conf_t *c, world_way_e way)
{
    memset(c, 0, sizeof(world_conf_t));

    c->way = way;
    c->gateways = 3;
    c->rate = 100;
    c->burst = 200;
    c->share = 1000;
    c->every = 100;
    c->trip = 2;
    c->seconds = PLOT_SECONDS;
    c->seed = 1;
    c->offered[0] = 140;
    c->offered[1] = 40;
    c->offered[2] = 20;
    c->down = 25;
    c->up = 40;
}


static double
plot_x(double second)
{
    return PLOT_LEFT + second * PLOT_WIDTH / PLOT_SECONDS;
}


static double
plot_y(double units)
{
    return PLOT_TOP + PLOT_HEIGHT - units * PLOT_HEIGHT / PLOT_MOST;
}


static void
plot_line(const world_result_t *r, const char *color, const char *more)
{
    unsigned  i;

    printf("<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s "
           "points=\"", color, more);

    for (i = 0; i < PLOT_SECONDS; i++) {
        printf("%.1f,%.1f ", plot_x(i + 0.5), plot_y(r->second[i]));
    }

    printf("\"/>\n");
}


static void
plot_axes(const world_conf_t *c)
{
    unsigned  i;

    printf("<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" "
           "fill=\"#f3dede\"/>\n", plot_x(c->down), PLOT_TOP,
           plot_x(c->up) - plot_x(c->down), PLOT_HEIGHT);
    printf("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">no store</text>\n",
           plot_x((c->down + c->up) / 2.0), PLOT_TOP + 16);

    for (i = 0; i <= PLOT_MOST; i += 50) {
        printf("<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" "
               "stroke=\"%s\"/>\n", PLOT_LEFT, PLOT_LEFT + PLOT_WIDTH,
               plot_y(i), plot_y(i), i == 100 ? "#444" : "#ddd");
        printf("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%u</text>\n",
               PLOT_LEFT - 6, plot_y(i) + 4, i);
    }

    for (i = 0; i <= PLOT_SECONDS; i += 10) {
        printf("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%u s</text>\n",
               plot_x(i), PLOT_TOP + PLOT_HEIGHT + 18, i);
    }
}


static void
plot(void)
{
    unsigned              i;
    world_conf_t          c;
    world_result_t        r;

    static const struct {
        world_way_e       way;
        const char       *color;
        const char       *more;
        const char       *name;
        int               x;
    } lines[] = {
        { WORLD_SPLIT, "#999999", " stroke-dasharray=\"2 3\"",
          "a third for each, nobody talks", PLOT_LEFT },
        { WORLD_COUNTERS, "#d08020", " stroke-dasharray=\"6 3\"",
          "counters of windows, told every 100 ms", PLOT_LEFT + 230 },
        { WORLD_LEASES, "#2060c0", "", "leases of 10 %", PLOT_LEFT + 520 }
    };

    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
           "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
           "<!-- SPDX-FileCopyrightText: The ngx_mlsec_module authors -->\n"
           "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
           "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
           PLOT_LEFT + PLOT_WIDTH + 20, PLOT_TOP + PLOT_HEIGHT + 30);
    printf("<text x=\"%d\" y=\"18\">admitted in a second by three gateways "
           "that get 140, 40 and 20 requests, limit 100r/s burst 200</text>\n",
           PLOT_LEFT);

    three(&c, WORLD_LEASES);
    plot_axes(&c);

    for (i = 0; i < 3; i++) {
        three(&c, lines[i].way);
        world_run(&c, &r);
        plot_line(&r, lines[i].color, lines[i].more);

        printf("<line x1=\"%d\" x2=\"%d\" y1=\"36\" y2=\"36\" stroke=\"%s\" "
               "stroke-width=\"2\"%s/>\n"
               "<text x=\"%d\" y=\"40\">%s</text>\n",
               lines[i].x, lines[i].x + 24, lines[i].color, lines[i].more,
               lines[i].x + 30, lines[i].name);
    }

    printf("</svg>\n");
}


static void
table_row(world_conf_t *c)
{
    uint64_t        lease;
    world_result_t  r;

    world_run(c, &r);
    lease = mlsec_lease_size(c->burst, c->share);

    printf("| %u | %llu r/s, %llu | %.0f %% | %.1f %% | %.1f | %llu | "
           "%.1f %% | %.0f |\n", c->gateways, (unsigned long long) c->rate,
           (unsigned long long) c->burst, (double) c->share / 100,
           100 * (double) r.admitted / (double) r.ideal,
           r.over > 0 ? r.over : 0,
           (unsigned long long) (c->gateways * lease),
           100 * (double) r.waited / (double) r.asked,
           (double) r.messages / c->seconds);
}


static void
table(void)
{
    unsigned      i, j, k, n;
    world_conf_t  c;

    static const unsigned  gateways[] = { 1, 3, 8 };
    static const unsigned  rates[] = { 10, 100, 10000 };
    static const unsigned  shares[] = { 100, 1000, 5000 };

    printf("| gateways | rate, burst | lease | of the ideal | too much | bound "
           "| had to ask | messages/s |\n|---|---|---|---|---|---|---|---|\n");

    for (i = 0; i < 3; i++) {

        for (j = 0; j < 3; j++) {

            for (k = 0; k < 3; k++) {
                three(&c, WORLD_LEASES);
                c.down = c.up = 0;
                c.seconds = 30;
                c.gateways = gateways[i];
                c.rate = rates[j];
                c.burst = 2 * c.rate;
                c.share = shares[k];

                /* twice the limit in all, the first gets the most of it */

                for (n = 0; n < c.gateways; n++) {
                    c.offered[n] = 2.0 * (double) c.rate
                                   * 2 * (c.gateways - n)
                                   / (c.gateways * (c.gateways + 1));
                }

                table_row(&c);
            }
        }
    }
}


int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "plot") == 0) {
        plot();
        return 0;
    }

    if (argc == 2 && strcmp(argv[1], "table") == 0) {
        table();
        return 0;
    }

    fprintf(stderr, "usage: bench_lease plot|table\n");

    return 2;
}
