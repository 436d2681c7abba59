#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A service whose name is followed: it comes after the gateway, moves, and the
# DNS goes away; the gateway is not reloaded.

use strict;
use warnings;

use FindBin '$Bin';
use lib $Bin, "$Bin/../lib";
use Run;
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Dns;

plan skip_all => 'the module is not built: make build' if !with_module();
plan skip_all => 'dnsmasq is not installed' if !MlsecTest::Dns->binary;

my $dir = run_dir();
my $dns = MlsecTest::Dns->start;
my ($port, $service) = map { $dns->spare($_) } qw(gateway service);

mkdir "$dir/service";
my $user = $> == 0 ? 'user root;' : '';
open my $f, '>', "$dir/service/nginx.conf" or die;
print $f <<"END";
$user
pid $dir/service/pid;
error_log $dir/service/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $dir/service/body;
    proxy_temp_path $dir/service/proxy;
    fastcgi_temp_path $dir/service/fastcgi;
    uwsgi_temp_path $dir/service/uwsgi;
    scgi_temp_path $dir/service/scgi;
    server {
        listen 127.0.0.2:$service;
        listen 127.0.0.3:$service;
        default_type application/json;
        location / { return 200 '{"at":"\$server_addr","jobs":[]}'; }
    }
}
END
close $f;
is((run({}, 'nginx', '-e', "$dir/service/error.log", '-c', "$dir/service/nginx.conf"))[0],
   0, 'the service runs') or die(slurp("$dir/service/error.log"));

my %env = (
    SERVICE_HOST => '127.0.0.1', SERVICE_PORT => $port,
    RESOLVER => $dns->address,
    TRAINING_SERVICE_URL => "http://training.test:$service");

END {
    my $code = $?;
    if (defined $dir) {
        run({ %env }, 'util/gateway', 'stop');
        my $pid = slurp("$dir/service/pid");
        kill 'TERM', $1 if $pid =~ /(\d+)/;
    }
    $? = $code;
}

sub ask_for {
    my ($path) = @_;
    my $reply = http($port, 'GET', $path);
    my $body = json($reply->{body});
    return ($reply, ref $body eq 'HASH' ? $body : {});
}

sub until_at {
    my ($address, $what) = @_;

    my $until = time + 30;
    my $said;

    do {
        (undef, $said) = ask_for('/services/training/x');
        sleep 0.05;
    } until ($said->{at} // '') eq $address || time > $until;

    is($said->{at}, $address, $what);
}

my ($status, $out, $err) = run({ %env }, 'util/gateway', 'start');
is($status, 0, 'the gateway runs') or die("$out$err");
like($out, qr/^mlsec: TRAINING_SERVICE_URL="[^"]*": host "training\.test" does not resolve now; it answers 503 until it does$/m,
     'it is said that the service is not there');

my ($reply, $said) = ask_for('/services/training/x');
is($reply->{status}, 503, 'not there: 503');
is($said->{message}, 'Service training has no address', 'and why');
is($said->{details}{error_type}, 'dns', 'in a word');
($reply) = ask_for('/training/jobs');
is($reply->{status}, 503, 'a plain route as well');

$dns->set('training.test' => ['127.0.0.2']);
until_at('127.0.0.2', 'it comes');
($reply) = ask_for('/training/jobs');
is($reply->{status}, 200, 'to plain routes too');

$dns->set('training.test' => ['127.0.0.3']);
until_at('127.0.0.3', 'it moves');

$dns->stop;
is_deeply([map { (ask_for('/services/training/x'))[1]{at} } 1 .. 5],
          [('127.0.0.3') x 5], 'the DNS is gone, the service is not');

unlike(slurp("$dir/logs/error.log"), qr/\[(?:alert|emerg|crit)\]/, 'no fault is logged');

done_testing();
