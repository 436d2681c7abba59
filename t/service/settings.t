# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Who says to nginx whether there is another attempt: a location with mlsec_via
# itself, where all of its requests go to one upstream, or a copy of what it
# says. Which of the two it is nobody sees, at the first request and later.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $json = \&MlsecTest::Faulty::json;
my %seen;

# at first not well, then well, and so on
my $faulty = MlsecTest::Faulty->start(replies => {
    '/second' => sub { return $json->('{"ok":1}', status => $seen{second}++ % 2 ? 200 : 503) },
    '/except/second' => sub { return $json->('{"ok":1}', status => $seen{except}++ % 2 ? 200 : 503) },
    '/never'  => sub { return $json->('{}', status => 503) },
    '/hangs'  => sub { return $seen{hangs}++ % 2 ? $json->('{"ok":1}') : ['hang'] },
});
my $address = $faulty->address;
my $servers = "server $address max_fails=0; server 127.0.0.1:@{[$faulty->port]} max_fails=0;";
my $stock = 'proxy_next_upstream http_503;';

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    upstream again { $servers mlsec_service again; mlsec_retry min=1000 base=1ms; }
    upstream hasty { $servers mlsec_service hasty; mlsec_retry min=1000 base=1ms attempt=700ms; }
    upstream once { $servers mlsec_service once; mlsec_breaker volume=1000; }
    upstream stock { $servers }
    map \$arg_to \$to { default again; stock stock; once once; }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    location /plain/ { proxy_pass http://again/; }
    location /via/ { mlsec_via again; proxy_pass http://again/; }
    location /hasty/ { proxy_pass http://hasty/; }
    location /via-hasty/ { mlsec_via hasty; proxy_pass http://hasty/; }
    location /stock/ { mlsec_via again; proxy_pass http://again/; $stock proxy_next_upstream_tries 1; }
    location /off/ { mlsec_via again; proxy_pass http://again/; proxy_next_upstream off; }
    location /if/ {
        mlsec_via again; rewrite ^/if(/.*) \$1 break; proxy_pass http://again;
        if (\$arg_x) { proxy_pass http://again; }
    }
    location /except/ {
        mlsec_via again; proxy_pass http://again;
        limit_except POST { proxy_pass http://again; }
    }
    location /once/ { mlsec_via once; proxy_pass http://once/; }
    location /once-stock/ { mlsec_via once; proxy_pass http://once/; $stock }
    location /which/ { mlsec_via again; rewrite ^/which(/.*) \$1 break; proxy_pass http://\$to; $stock }
    location /other/ { mlsec_via again; proxy_pass http://stock/; $stock }
    location /outer/ {
        mlsec_via again; proxy_pass http://again/;
        location /outer/inner/ { proxy_pass http://stock/; $stock }
    }
    location = /part/second { mlsec_call a /via/second; mlsec_call b /b; }
    location = /b { mlsec_respond 1; }
});

my $client = $nginx->client;

sub ask {
    my ($path, %o) = @_;
    my ($page) = $path =~ m{((?:/except)?/[a-z]+(?:\?.*)?)$};
    my $before = $faulty->count('request', $page);

    $client->request($path, %o);

    my $r = $client->response(10) // { status => 'none', body => '' };

    return join ' ', $r->{status}, $faulty->count('request', $page) - $before;
}

for my $time (1 .. 3) {
    is(ask("/$_/second"), '200 2', "$time. /$_/: another attempt")
        for qw(plain via stock if except outer once-stock which other outer/inner part);
    is(ask('/if/second?x=1'), '200 2', "$time. /if/: of the block");
    is(ask('/which/second?to=stock'), '200 2', "$time. /which/: nginx's own");
    is(ask("/$_/hangs"), '200 2', "$time. /$_/: attempt=") for qw(hasty via-hasty);
    is(ask('/via/second', headers => ['X-Request-Deadline-Ms: 5000']), '200 2', "$time. /via/: a deadline");

    is(ask('/via/second', method => 'POST', body => 'x'), '503 1', "$time. /via/: POST, none");
    is(ask('/via/second'), '200 1', "$time. /via/: at once");
    is(ask('/via/never'), '503 2', "$time. /via/: in vain");
    is(ask('/off/second'), '503 1', "$time. /off/: none");
    is(ask('/off/second'), '200 1', "$time. /off/: at once");
    is(ask('/once/second'), '503 1', "$time. /once/: no mlsec_retry");
    is(ask('/which/second?to=once'), '200 1', "$time. /which/: at once");
    is(ask('/which/never?to=once'), '503 2', "$time. /which/: nginx's own, in vain");
}

done_testing;
