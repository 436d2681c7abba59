#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/deps with stand-ins for dpkg-query, apt-get, id and sudo: what it asks
# them for, and its one line when it cannot.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin;
use Run;
use Test::More;

my $dir = run_dir();
my $policy = "$dir/policy-rc.d";

# A folder with the tools that the script needs and nothing else.
sub tools {
    my (%fake) = @_;
    my $bin = "$dir/bin";
    run({}, 'rm', '-rf', $bin);
    mkdir $bin;
    for my $tool (qw(sh dirname sed grep tr mkdir sort paste tail cat chmod rm printf
                     dpkg-query apt-get apt-cache id sudo))
    {
        if (!exists $fake{$tool}) {
            my ($real) = grep { -x } map { "$_/$tool" } '/bin', '/usr/bin';
            symlink $real, "$bin/$tool" if $real && $tool !~ /^(sudo|dpkg|apt|id)/;
        } elsif (defined $fake{$tool}) {
            open my $f, '>', "$bin/$tool" or die;
            print $f "#!/bin/sh\n", $fake{$tool};
            close $f;
            chmod 0755, "$bin/$tool";
        }
    }
    unlink "$dir/calls";
    return $bin;
}

sub deps {
    my ($bin, @groups) = @_;
    return run({ PATH => $bin, BUILD_DIR => "$dir/build", POLICY_RC => $policy },
               'util/deps', @groups);
}

my $note = "echo \"\${0##*/} \$*\" >> $dir/calls\n";
my $all_there = <<'END';
shift 2
[ "$*" != nginx-common ] || { printf installed; exit 0; }
for p in "$@"; do echo "installed $p"; done
END
my $none_there = "exit 1\n";
my %root = (id => "echo 0\n");
my %user = (id => "echo 1000\n");
my $run = 'nginx curl python3 ca-certificates';

# ---- nothing is missing ----

my $bin = tools(%user, 'dpkg-query' => $all_there, 'apt-get' => $note);
my ($status, $out, $err) = deps($bin, 'build', 'run', 'test', 'lint', 'asan',
                                'fuzz', 'bench');
is("$status|$out|$err", '0||', 'nothing is missing: silence');
is(slurp("$dir/calls"), '', 'and no apt-get');

# ---- one is missing, no way to become root ----

my $one = $all_there =~ s/do echo/do [ "\$p" = curl ] || echo/r;
for my $sudo (undef, "exit 1\n") {
    $bin = tools(%user, 'dpkg-query' => $one, 'apt-get' => $note, sudo => $sudo);
    ($status, $out, $err) = deps($bin, 'run');
    is("$status|$out|$err", "1||mlsec: packages are missing; as root: apt-get"
       . " install -y --no-install-recommends curl\n",
       'no root, ' . (defined $sudo ? 'sudo wants a password' : 'no sudo')
       . ': the command to type');
}
is(slurp("$dir/calls"), '', 'and nothing was tried');

# ---- sudo without a password ----

$bin = tools(%user, 'dpkg-query' => $one, 'apt-cache' => '', 'apt-get' => $note,
             sudo => $note . "shift; [ \"\$1\" = true ] || exec \"\$@\"\n");
($status, $out, $err) = deps($bin, 'run');
is("$status|$out|$err", "0|mlsec: installing curl\n|", 'sudo');
like(slurp("$dir/calls"), qr/^sudo -n sh \S+deps --as-root curl\napt-get .*install --no-install-recommends curl$/m,
     'installs what is missing and not more');
ok(!-e $policy, 'a nginx that is there is left alone: no policy');

# ---- root, all is missing ----

my $look = $note . "[ ! -e $policy ] || { cat $policy >> $dir/calls; }\n";
$bin = tools(%root, 'dpkg-query' => $none_there, 'apt-cache' => '', 'apt-get' => $look);
($status, $out, $err) = deps($bin, 'run');
is("$status|$out|$err", "0|mlsec: installing $run\n|", 'root');
like(slurp("$dir/calls"), qr/install --no-install-recommends \Q$run\E\n#!\/bin\/sh\nexit 101\n/,
     'nothing may start while nginx is installed');
ok(!-e $policy, 'and the policy is gone again');
unlike(slurp("$dir/calls"), qr/update/, 'no update when the lists know the packages');

open my $f, '>', $policy or die;
print $f 'own';
close $f;
deps($bin, 'run');
is(slurp($policy), 'own', 'a policy of the machine stays');
unlink $policy;

# ---- a package that the lists do not know ----

$bin = tools(%root, 'dpkg-query' => $none_there, 'apt-cache' => "exit 100\n",
             'apt-get' => $note);
($status) = deps($bin, 'run');
is($status, 0, 'empty lists');
like(slurp("$dir/calls"), qr/\Aapt-get -q update\napt-get [^\n]* install [^\n]*\n\z/,
     'update first, once');

# ---- the source is out of reach ----

$bin = tools(%root, 'dpkg-query' => $none_there, 'apt-cache' => '',
             'apt-get' => $note . "echo 'Err: Could not resolve host'\nexit 100\n");
($status, $out, $err) = deps($bin, 'run');
is("$status|$err", "1|mlsec: the Debian package source is out of reach (log:"
   . " $dir/build/deps.log); still missing: $run\n", 'out of reach: one line');
is(scalar(() = slurp("$dir/calls") =~ / install /g), 2, 'after a second try');
like(slurp("$dir/calls"), qr/install.*\n.*update\n.*install/, 'with new lists');
ok(!-e $policy, 'no policy is left behind');

$bin = tools(%root, 'dpkg-query' => $none_there, 'apt-cache' => '',
             'apt-get' => "echo \"E: The repository 'http://x bookworm Release'"
             . " does not have a Release file.\"\n"
             . "echo 'E: Unable to locate package nginx-dev'\nexit 100\n");
($status, $out, $err) = deps($bin, 'run');
is("$status|$err", "1|mlsec: the Debian package source has no list that can be"
   . " used (log: $dir/build/deps.log); still missing: $run\n",
   'a source without lists: one line');

$bin = tools(%root, 'dpkg-query' => $none_there, 'apt-cache' => '',
             'apt-get' => "echo 'E: Unable to locate package nginx-dev'\nexit 100\n");
($status, $out, $err) = deps($bin, 'run');
is("$status|$err", "1|mlsec: not in this system's package lists (made for Debian"
   . " 12; elsewhere use the container: docker compose up): nginx-dev\n",
   'another distribution: one line');

$bin = tools(%root, 'dpkg-query' => $none_there, 'apt-cache' => '',
             'apt-get' => "echo 'E: broken'\nexit 100\n");
($status, $out, $err) = deps($bin, 'run');
is("$status|$err", "1|" . "E: broken\n" x 3 . "mlsec: apt-get failed, the whole log is"
   . " $dir/build/deps.log\n", 'anything else: the end of the log');

# ---- no Debian at all ----

$bin = tools(%root, 'dpkg-query' => undef, 'apt-get' => undef);
($status, $out, $err) = deps($bin, 'run');
like("$status|$err", qr/^1\|mlsec: this machine has no apt-get; [^\n]*container[^\n]*\n\z/,
     'no apt-get: one line');
($status, $out, $err) = run({ PATH => $bin, SKIP_DEPS => 1 }, 'util/deps', 'run');
is("$status|$out|$err", '0||', 'SKIP_DEPS=1');

($status, $out, $err) = deps(tools(%root, 'dpkg-query' => '', 'apt-get' => ''), 'x');
like("$status|$err", qr/^1\|mlsec: deps: no group "x"/, 'an unknown group');

done_testing();
