#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# compose.yaml against what it starts: each service of the platform is there
# by its name, on its port, as hardened as the gateway, and the gateway's
# configuration is made of what is passed on.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin;
use Run;
use Test::More;

my $compose = slurp(top() . '/compose.yaml');
my ($services) = slurp(top() . '/util/environment.sh') =~ /^SERVICES='(.*?)'/ms;
my %url_of = map { (split / /)[0, 1] } split /\n/, $services;
my %alias = map { my @w = split / /; $w[2] eq '-' ? () : @w[1, 2] }
    split /\n/, $services;
my ($table) = slurp(top() . '/util/demo/listen.py') =~ /^PORTS = \{(.*?)\}/ms;
my %port = $table =~ /'([a-z-]+)': (\d+)/g;

# "  NAME:" and what is below it
my ($part) = $compose =~ /^services:\n(.*?)^networks:/ms;
my %block = $part =~ /^  ([a-z-]+):\n((?:    .*\n|\n|  #.*\n)*)/mg;
is(join(' ', sort keys %block), join(' ', sort 'gateway', keys %url_of),
   'the gateway and every service of the platform');

# ---- services: their names, their ports ----

my $gateway = $block{gateway};
my %env;
for my $name (sort keys %url_of) {
    my $variable = $url_of{$name};
    my $url = "http://$name:$port{$name}";
    my $default = $alias{$variable} ? "\${$alias{$variable}:-$url}" : $url;
    my $line = quotemeta "$variable: \${$variable:-$default}";
    like($gateway, qr/^      $line$/m, "$name: where the gateway looks");
    like($block{$name}, qr/^    <<: \*demo\n    command: \[$name\]$/m,
         "$name: the demo's");
    like($gateway, qr/^      $name: \*before$/m, "$name: before the gateway");
    $env{$variable} = $url;
}

# ---- hardened ----

my ($hardened) = $compose =~ /^x-hardened: &hardened\n((?:  .*\n)+)/m;
for ('read_only: true', "tmpfs:\n    - /tmp", "cap_drop:\n    - ALL",
     "security_opt:\n    - no-new-privileges:true")
{
    like($hardened, qr/^  \Q$_\E$/m, s/\n.*//r);
}
like($compose, qr/^x-demo: &demo\n  <<: \*hardened\n  profiles:\n    - demo$/m,
     'demo services too, and only with their profile');
like($gateway, qr/^    <<: \*hardened$/m, 'the gateway');
unlike($gateway, qr/profiles:/, 'which starts without one');

# ---- what the container makes of it ----

my ($passed) = $gateway =~ /^    environment:\n((?:      .*\n)+)/m;
my @names = $passed =~ /^      ([A-Z_]+):$/mg;
cmp_ok(scalar(@names), '>', 20, 'variables that are passed on');
my ($status, $out, $err) = run({ %env, MLSEC_DEMO => 'off',
                                 ACCESS_LOG => '/dev/stdout',
                                 ERROR_LOG => 'stderr',
                                 (map { $_ => '' } @names),
                                 # that of Docker's networks
                                 RESOLVER => '127.0.0.11' }, 'util/render');
is("$status|$err", '0|', 'the configuration is made');
my $upstreams = slurp(run_dir() . '/conf/upstreams.conf');
for my $name (sort keys %url_of) {
    like($upstreams, qr/^    mlsec_resolve $name:$port{$name};$/m,
         "$name: followed through the DNS");
    like(slurp(run_dir() . "/conf/to/$name.conf"), qr{^proxy_pass +http://$name}m,
         "$name: its routes go there");
}

done_testing();
