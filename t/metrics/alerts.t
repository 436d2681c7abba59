# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# conf/prometheus: what is shipped loads, each alert has a case that passes, and
# what the pages show is what is shipped.

use strict;
use warnings;

use FindBin;
use Test::More;

my $top = "$FindBin::Bin/../..";
my $dir = "$top/conf/prometheus";


sub slurp {
    my ($name) = @_;

    open my $in, '<', $name or die "$name: $!";
    local $/;

    return scalar <$in>;
}

plan skip_all => 'promtool is not installed'
    if !grep { -x "$_/promtool" } split /:/, $ENV{PATH};

my $said = `promtool check config $dir/prometheus.yml 2>&1`;
is($?, 0, 'promtool check config') or diag($said);

$said = `promtool check rules --lint=all --lint-fatal $dir/alerts.yml 2>&1`;
is($?, 0, 'promtool check rules') or diag($said);

$said = `promtool test rules $dir/alerts.test.yml 2>&1`;
is($?, 0, 'promtool test rules') or diag($said);

my $rules = slurp("$dir/alerts.yml");
my $tests = slurp("$dir/alerts.test.yml");
my $page  = slurp("$top/docs/operations.md");
my @alerts = $rules =~ /^ +- alert: (\w+)$/mg;

cmp_ok(scalar @alerts, '>=', 10, 'alerts');

for my $alert (@alerts) {
    like($tests, qr/alertname: $alert\n +exp_alerts:/, "$alert fires in a case");
    like($page, qr/^\| .*`$alert`/m, "$alert is on the page");
}

my ($shown) = $page =~ /```yaml\n(rule_files:.*?)```/s;
ok(index(slurp("$dir/prometheus.yml"), $shown) >= 0,
   'the page shows the scrape configuration that is shipped');

done_testing();
