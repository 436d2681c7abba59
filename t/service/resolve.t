# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_resolve: the addresses of a service are what its name stands for, in
# all workers, while it changes under load, over reloads and dead workers, and
# as long as the DNS does not say something else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::IP;
use JSON::PP ();
use List::Util qw(sum0 uniq);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use MlsecTest::Dns;
use MlsecTest::Instance;
use MlsecTest::Until;

plan skip_all => 'dnsmasq is not installed' unless MlsecTest::Dns->binary;

# longer than max= below: nginx's resolver would keep answers for so long
my $dns  = MlsecTest::Dns->start(ttl => 30);
my $port = $dns->spare('service');
my $tell = $dns->spare('second');

my $ipv6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => $port,
                               Listen => 1, ReuseAddr => 1);
my $six  = $ipv6 ? "listen [::1]:$port;" : '';
undef $ipv6;

# Services at many addresses of the loopback network, each says which it is.
my $services = MlsecTest::Instance->start(workers => 1, http => qq{
    log_format which '\$server_addr \$uri';
    server {
        @{[join "\n", map { "listen 127.0.0.$_:$port;" } 2 .. 9]}
        listen 127.0.0.9:$tell;
        $six
        keepalive_timeout 60s;
        access_log \$DIR/logs/which.log which;
        location / { return 200 \$server_addr:\$server_port; }
        location = /one/kept { return 200 \$server_addr:\$connection_requests; }
    }
});

my $often = 'min=100ms max=200ms';

sub options {
    my (%o) = @_;

    return (workers => $o{workers} // 4, http => qq{
    mlsec_zone mlsec:1m;
    resolver @{[$dns->address]} @{[$o{ipv6} ? '' : 'ipv6=off']};
    resolver_timeout 1s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 1s;
    @{[$o{http}]}
    }, server => qq{
    include \$CONF/mlsec_parts.conf;
    mlsec_errors on;
    add_header X-Pid \$pid;
    location = /state { mlsec_services; }
    location /admin/ { mlsec_services admin; }
    @{[join "\n", map { "location /$_ { mlsec_via $_; proxy_pass http://$_; }" } @{ $o{to} }]}
    @{[$o{server} // '']}
    });
}


sub service {
    my ($nginx, $name) = @_;

    my $all = JSON::PP::decode_json($nginx->get('/state')->{body})->{services};
    my ($one) = grep { $_->{name} eq $name } @$all;

    return $one;
}

sub addresses {
    my ($nginx, $name) = @_;

    return join ' ', sort map { $_->{address} =~ s/:$port$//r }
        @{ service($nginx, $name)->{peers} };
}

sub addresses_are {
    my ($nginx, $name, $expected, $what) = @_;

    return until_ok(10, sub { addresses($nginx, $name) eq $expected }, $what);
}

# How many of N requests each address has had.
sub shares {
    my ($nginx, $path, $n) = @_;

    my %n;

    for (1 .. $n) {
        my $r = $nginx->get($path);
        $n{$r->{status} == 200 ? $r->{body} =~ s/:$port$//r : $r->{status}}++;
    }

    return \%n;
}

# Clients that never stop, until they are told; what they were answered.
sub clients {
    my ($nginx, $path, $n) = @_;

    my @clients;

    for (1 .. $n) {
        pipe my $in, my $out or die "pipe: $!";

        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            my (%n, $stop);

            local $SIG{TERM} = sub { $stop = 1 };

            while (!$stop) {
                my $r = eval { $nginx->get($path) };
                last if !$r && $stop;      # the signal broke off its wait
                $n{$r ? $r->{status} : 'none'}++;
                sleep 0.001;
            }

            print $out JSON::PP::encode_json(\%n);
            close $out;
            POSIX::_exit(0);
        }

        push @clients, { pid => $pid, in => $in };
    }

    return \@clients;
}

sub answered {
    my ($clients) = @_;

    my %sum;

    for my $client (@$clients) {
        kill TERM => $client->{pid};
        my $n = JSON::PP::decode_json(readline $client->{in});
        waitpid $client->{pid}, 0;
        $sum{$_} += $n->{$_} for keys %$n;
    }

    return \%sum;
}

sub new_workers {
    my ($nginx, $do) = @_;

    my @old = $nginx->worker_pids;

    $do->();

    return until_ok(10, sub {
        my %now = map { $_ => 1 } $nginx->worker_pids;
        return %now && !grep { $now{$_} } @old;
    }, 'new workers');
}


my $nginx = MlsecTest::Instance->start(options(to => [qw(late live one keyed slow probed)],
http => qq{
    upstream late { mlsec_resolve late.test:$port $often; mlsec_service late; }
    upstream live { zone live 256k; mlsec_resolve live.test:$port $often; keepalive 8; mlsec_service live; }
    upstream one { zone one 64k; mlsec_resolve one.test:$port $often slots=1; mlsec_service one; keepalive 8; }
    upstream keyed { hash \$arg_k; mlsec_resolve keyed.test:$port $often; mlsec_service keyed; }
    upstream ring { hash \$arg_k consistent; mlsec_resolve keyed.test:$port $often slots=4; mlsec_service ring; }
    upstream drawn { zone drawn 64k; random; mlsec_resolve drawn.test:$port $often; keepalive 4; mlsec_service drawn; }
    upstream least { least_conn; mlsec_resolve keyed.test:$port $often; mlsec_service least; }
    upstream slow { zone slow 64k; mlsec_resolve slow.test:$port $often; mlsec_service slow; }
    upstream probed { keepalive 4; mlsec_resolve probed.test:$port $often; mlsec_service probed;
        mlsec_health uri=/health interval=100ms timeout=500ms; mlsec_outlier consecutive=2 base=60s; }
    upstream literal { mlsec_resolve 127.0.0.5:$port; }
}, server => qq{
    location /ring { proxy_pass http://ring; }
    location /least { proxy_pass http://least; }
    location /drawn { proxy_pass http://drawn; }
    location /literal { mlsec_call a http://literal/x as=text; }
    location = /part { mlsec_call a http://late/x as=text; mlsec_call b http://live/x as=text; }
    location = /required { mlsec_call a http://late/x as=text required; }
    proxy_next_upstream off;
}));

# ---- a name that does not exist yet

$dns->set('live.test' => ['127.0.0.2']);
until_ok(10, sub { $nginx->get('/live')->{status} == 200 }, 'live: has its first address');

until_ok(10, sub { service($nginx, 'late')->{resolve}{empty_in_a_row} >= 3 },
         'late: asked again and again');
is(service($nginx, 'late')->{resolve}{last}, 'empty', 'late: no such name');

{
    my $r = $nginx->get('/late');

    is($r->{status}, 503, 'late: 503 with mlsec_via');
    like($r->{body}, qr/^\{"error":true,"status_code":503,"message":"Service late has no address",.*"details":\{"service":"late","error_type":"dns"\}\}$/,
         'late: the envelope');
    like($r->{headers}{'retry-after'} // '', qr/^[1-5]$/, 'late: Retry-After');

    $r = $nginx->get('/part');
    is($r->{status}, 200, 'late: an optional part');
    like($r->{body}, qr/^\{"a":null,"b":"127\.0\.0\.2:$port","errors":\[\{"service":"late","part":"a","error_type":"dns","status_code":503,"attempts":0,"elapsed_ms":\d+\}\]\}$/,
         'late: fails at once');

    $r = $nginx->get('/required');
    is($r->{status}, 503, 'late: a required part');
    like($r->{body}, qr/"details":\{"service":"late",.*"error_type":"dns"/, 'late: its envelope');
    ok($r->{headers}{'retry-after'}, 'late: its Retry-After');
}

$dns->set('late.test' => ['127.0.0.3']);
until_ok(10, sub { $nginx->get('/late')->{status} == 200 }, 'late: works when the name is there');
is($nginx->get('/late')->{body}, "127.0.0.3:$port", 'late: at its address');
like($nginx->get('/literal')->{body}, qr/"127\.0\.0\.5:$port"/, 'an address needs no DNS');

# ---- answers that change under load

{
    my $clients = clients($nginx, '/live', 2);

    for my $set ([2, 3], [3], [3, 4, 5], [6], [2]) {
        my @addresses = map { "127.0.0.$_" } @$set;

        $dns->set('live.test' => \@addresses);
        addresses_are($nginx, 'live', "@addresses", "live: @$set");
    }

    my %workers;

    until_ok(10, sub {
        my $r = $nginx->get('/live');

        $workers{$r->{headers}{'x-pid'}}{$r->{body}}++;

        return keys %workers == 4;
    }, 'live: all workers have answered');

    is(join(' ', uniq map { keys %$_ } values %workers), "127.0.0.2:$port",
       'live: and know of the same address, at once');

    new_workers($nginx, sub { $nginx->signal('HUP') });
    $dns->set('live.test' => ['127.0.0.7']);
    addresses_are($nginx, 'live', '127.0.0.7', 'live: after a reload');

    for my $pid ($nginx->worker_pids) {
        kill KILL => $pid;
    }

    $nginx->allow(qr/exited on signal 9/);
    $dns->set('live.test' => ['127.0.0.8']);
    addresses_are($nginx, 'live', '127.0.0.8', 'live: after all workers were killed');

    my $n = answered($clients);
    my $lost = delete $n->{none} // 0;     # whose worker was killed

    is_deeply([keys %$n], [200], "live: no failed request of $n->{200}")
        or diag(explain($n));
    cmp_ok($n->{200}, '>', 100, 'live: and there were many');
    cmp_ok($lost, '<=', 8, "live: connections of killed workers: $lost");
}

# ---- keepalive: the place stays, the address does not

{
    $dns->set('one.test' => ['127.0.0.2']);
    addresses_are($nginx, 'one', '127.0.0.2', 'one: the first address');

    my $all = 40;
    my $n = shares($nginx, '/one', $all);
    is_deeply($n, { '127.0.0.2' => $all }, 'one: it is called');

    my ($kept) = sort { $b <=> $a }
        map { $nginx->get('/one/kept')->{body} =~ /:(\d+)$/ } 1 .. 8;
    cmp_ok($kept, '>', 3, 'one: connections to it are kept');

    $dns->set('one.test' => ['127.0.0.3']);
    addresses_are($nginx, 'one', '127.0.0.3', 'one: the same place, another address');
    $n = shares($nginx, '/one', $all);
    is_deeply($n, { '127.0.0.3' => $all }, 'one: no old connection is used');
    is($nginx->get('/one')->{body}, "127.0.0.3:$port", 'one: kept ones neither');
    like($nginx->error_log, qr/1 addresses are not used, there are more than "slots=", service: "one"/,
         'one: more addresses than places')
        if do { $dns->set('one.test' => ['127.0.0.3', '127.0.0.4']);
                $nginx->wait_log(qr/addresses are not used/, 10) };
    is(addresses($nginx, 'one'), '127.0.0.3', 'one: the one that is there stays');
}

# ---- balancers

{
    my @both = ('127.0.0.2', '127.0.0.3');

    $dns->set('keyed.test' => \@both);
    addresses_are($nginx, $_, "@both", "$_: two addresses") for qw(keyed ring least);

    for my $path (qw(keyed ring)) {
        my %of;

        for my $k (1 .. 40) {
            push @{ $of{$k} }, $nginx->get("/$path?k=$k")->{body} for 1 .. 2;
        }

        is(scalar(grep { uniq(@$_) != 1 } values %of), 0, "$path: a key has one address");
        is(scalar(uniq map { @$_ } values %of), 2, "$path: keys are spread");
    }

    is_deeply([sort keys %{ shares($nginx, '/least', 40) }], \@both, 'least_conn: both');

    # one of the two refuses: no server is behind it
    $dns->set('keyed.test' => ['127.0.0.2', '127.0.0.200']);
    addresses_are($nginx, 'least', '127.0.0.2 127.0.0.200', 'least_conn: one is dead');
}

# random looks at weights once; it is told of others
{
    $dns->set('drawn.test' => ['127.0.0.4']);
    addresses_are($nginx, 'drawn', '127.0.0.4', 'drawn: one address');
    is_deeply([keys %{ shares($nginx, '/drawn', 10) }], ['127.0.0.4'], 'drawn: is called');
    $dns->set('drawn.test' => ['127.0.0.4', '127.0.0.5', '127.0.0.6']);
    addresses_are($nginx, 'drawn', '127.0.0.4 127.0.0.5 127.0.0.6', 'drawn: three');

    # one of them without a call: 2e-17
    my $n = shares($nginx, '/drawn', 100);
    is(join(' ', sort keys %$n), '127.0.0.4 127.0.0.5 127.0.0.6', 'drawn: all of them are called');
    cmp_ok((sort { $b <=> $a } values %$n)[0], '<', 70, 'drawn: none has most of the calls');
}

# ---- slow start

{
    $dns->set('slow.test' => ['127.0.0.2']);
    addresses_are($nginx, 'slow', '127.0.0.2', 'slow: one address');

    my $started = time;

    $dns->set('slow.test' => ['127.0.0.2', '127.0.0.3']);
    addresses_are($nginx, 'slow', '127.0.0.2 127.0.0.3', 'slow: a new one');

    my $n = shares($nginx, '/slow', 44)->{'127.0.0.3'} // 0;

    # in its first seconds it has 1/11, 2/12, 3/13
    SKIP: {
        skip 'the machine is too slow to see it', 1 if time - $started > 2.5;
        ok($n >= 1 && $n <= 15, "slow: it starts with few requests: $n of 44");
    }
}

# ---- probes, and what is held against an address

{
    my @both = ('127.0.0.4', '127.0.0.5');
    my $probes = sub {
        my ($address) = @_;
        open my $in, '<', $services->dir . '/logs/which.log' or die $!;
        return scalar grep { $_ eq "$address /health\n" } <$in>;
    };

    $dns->set('probed.test' => \@both);
    addresses_are($nginx, 'probed', "@both", 'probed: two addresses');
    until_ok(10, sub { $probes->('127.0.0.4') > 2 && $probes->('127.0.0.5') > 2 }, 'probed: both are');

    my $r = $nginx->get("/admin/probed/drain?peer=127.0.0.5:$port", method => 'POST',
                        headers => ['Content-Length: 0']);
    is($r->{status}, 200, 'probed: one is drained');
    is_deeply([keys %{ shares($nginx, '/probed', 20) }], ['127.0.0.4'], 'probed: by all workers');

    $dns->set('probed.test' => ['127.0.0.4']);
    addresses_are($nginx, 'probed', '127.0.0.4', 'probed: it is gone');

    my $now = $probes->('127.0.0.5');
    my $other = $probes->('127.0.0.4');

    until_ok(10, sub { $probes->('127.0.0.4') > $other + 5 }, 'probed: the other one is probed');
    cmp_ok($probes->('127.0.0.5') - $now, '<=', 1, 'probed: this one is not any more');

    # others come first, so that it has another place
    $dns->set('probed.test' => ['127.0.0.6', '127.0.0.7']);
    addresses_are($nginx, 'probed', '127.0.0.6 127.0.0.7', 'probed: others');
    $dns->set('probed.test' => ['127.0.0.5', '127.0.0.6', '127.0.0.7']);
    addresses_are($nginx, 'probed', '127.0.0.5 127.0.0.6 127.0.0.7', 'probed: it is back');

    my %state = map { $_->{address} => $_->{state} } @{ service($nginx, 'probed')->{peers} };

    is_deeply(\%state, { "127.0.0.5:$port" => 'drained', "127.0.0.6:$port" => 'up',
                         "127.0.0.7:$port" => 'up' }, 'probed: and drained as before');
}

# ---- the DNS is gone: the last good list, over a reload too

{
    my $age = service($nginx, 'live')->{resolve}{age_ms};

    cmp_ok($age, '<', 5000, 'gone: the list is new');
    $dns->stop;
    until_ok(20, sub { service($nginx, 'live')->{resolve}{last} eq 'failed' }, 'gone: it is noticed');

    my $resolve = service($nginx, 'live')->{resolve};

    like($resolve->{reason}, qr/^(?:timed out|other)$/, 'gone: the reason');
    cmp_ok($resolve->{age_ms}, '>', 500, 'gone: the age of the list');
    ok($nginx->wait_log(qr/\[warn\] .*mlsec service: no answer for "live\.test:$port", (?:timed out|other), its addresses stay, service: "live"/, 10),
       'gone: logged');

    is_deeply(shares($nginx, '/live', 10), { '127.0.0.8' => 10 }, 'gone: the service is called');

    my $clients = clients($nginx, '/live', 1);

    new_workers($nginx, sub { $nginx->signal('HUP') });

    is_deeply([keys %{ answered($clients) }], [200], 'gone: a reload loses nothing');
    is(addresses($nginx, 'live'), '127.0.0.8', 'gone: the list is there after it');

    $dns->run;
    until_ok(20, sub { service($nginx, 'live')->{resolve}{last} eq 'ok' }, 'gone: back again');
}

# ---- an empty answer is believed the third time

{
    my (%seen, $r);

    $dns->set('live.test' => []);

    until_ok(15, sub {
        my $s = service($nginx, 'live');

        $seen{$s->{resolve}{empty_in_a_row}}{scalar @{ $s->{peers} }}++;

        return @{ $s->{peers} } == 0;
    }, 'empty: believed in the end');

    is_deeply([map { join ',', keys %{ $seen{$_} // { 1 => 1 } } } 0 .. 2], [1, 1, 1],
              'empty: not before the third time');
    is($nginx->get('/live')->{status}, 503, 'empty: no address');

    $dns->set('live.test' => ['127.0.0.2']);
    until_ok(10, sub { $nginx->get('/live')->{status} == 200 }, 'empty: and back');
}

$nginx->finish('names');

# ---- SRV and IPv6

$dns->set(map { ("n$_.test" => ["127.0.0.$_"]) } 2 .. 9);
$dns->set('six.test' => ['::1']);
$dns->srv('_http._tcp.srv.test' => [['n2.test', $port, 1, 30], ['n3.test', $port, 1, 10],
                                    ['n4.test', $port, 7, 5], ['n9.test', $tell, 7, 0]]);

$nginx = MlsecTest::Instance->start(options(to => [qw(srv six plain)], workers => 2,
    http => qq{
    upstream srv { zone srv 256k; mlsec_resolve _http._tcp.srv.test srv $often; mlsec_service srv; keepalive 4; }
    upstream plain { mlsec_resolve srv.test:1 srv $often; mlsec_service plain; }
    upstream ttl { mlsec_resolve n2.test:$port; mlsec_service ttl; }
    upstream longest { mlsec_resolve n3.test:$port max=3s; mlsec_service longest; }
    upstream shortest { mlsec_resolve n4.test:$port min=50s; mlsec_service shortest; }
    upstream six { mlsec_resolve six.test:$port $often; mlsec_service six; }
    }, ipv6 => $six));

addresses_are($nginx, 'srv', "127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.9:$tell", 'srv: all records');
addresses_are($nginx, 'plain', "127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.9:$tell", 'srv: of a plain name');

{
    my %backup = map { $_->{address} => $_->{backup} ? 1 : 0 } @{ service($nginx, 'srv')->{peers} };

    is_deeply(\%backup, { "127.0.0.2:$port" => 0, "127.0.0.3:$port" => 0,
                          "127.0.0.4:$port" => 1, "127.0.0.9:$tell" => 1 }, 'srv: priority');

    my $n = shares($nginx, '/srv', 40);
    is_deeply([sort keys %$n], ['127.0.0.2', '127.0.0.3'], 'srv: no backup without need');
    ok($n->{'127.0.0.3'} >= 8 && $n->{'127.0.0.3'} <= 12, "srv: weight: $n->{'127.0.0.3'} of 40");

    # nobody listens where the first ones are said to be
    $dns->srv('_http._tcp.srv.test' => [['n2.test', $dns->spare('nobody'), 1, 30],
                                        ['n4.test', $port, 7, 5]]);
    addresses_are($nginx, 'srv', '127.0.0.2:' . $dns->spare('nobody') . ' 127.0.0.4', 'srv: changed');

    $n = shares($nginx, '/srv', 20);
    is_deeply($n, { '127.0.0.4' => 20 }, 'srv: the backup is called when the others fail')
        or diag(explain($n));
}

addresses_are($nginx, $_->[0], $_->[1], "$_->[0]: an address")
    for ['ttl', '127.0.0.2'], ['longest', '127.0.0.3'], ['shortest', '127.0.0.4'];

{
    my %next = map { $_ => service($nginx, $_)->{resolve}{next_ms} } qw(ttl longest shortest);

    ok($next{ttl} > 10_000 && $next{ttl} <= 30_000, "next: with the TTL: $next{ttl}");
    ok($next{longest} <= 3000, "next: not later than max=: $next{longest}");
    ok($next{shortest} > 30_000 && $next{shortest} <= 50_000, "next: not before min=: $next{shortest}");
}

SKIP: {
    skip 'no IPv6 here', 2 unless $six;

    addresses_are($nginx, 'six', '[::1]', 'six: AAAA');
    is($nginx->get('/six')->{body}, "::1:$port", 'six: is called');
}

$nginx->finish('srv');
$services->finish('services');

done_testing();
