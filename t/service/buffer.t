# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The page that a worker has ready for an answer: whatever an answer is like,
# it is the one that nginx alone passes on, and no two answers are ever mixed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;
use MlsecTest::Until;

use constant MANY => 150;       # more than a worker has pages for

my %seen;


# An answer of so many header fields, which are told apart, and bytes of each.
sub fields {
    my ($n, $length) = @_;

    return MlsecTest::Faulty::json('{"ok":1}',
        lines => [map { "X-Field-$_: $_" . 'y' x $length } 1 .. $n]);
}


my $dir = File::Temp->newdir('mlsec-buffer-XXXXXXXX', TMPDIR => 1);

my $faulty = MlsecTest::Faulty->start(replies => {
    '/small'    => [MlsecTest::Faulty::json('{"ok":1}')],
    '/fields'   => [fields(40, 20)],
    '/nearly'   => [fields(3, 1150)],
    '/too-big'  => [fields(4, 1250)],
    '/large'    => [MlsecTest::Faulty::json('"' . join('', 1 .. 30_000) . '"')],
    '/chunked'  => [MlsecTest::Faulty::chunked('"' . join('', 1 .. 9_000) . '"')],
    '/drip'     => [[drip => "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", 0.002], [out => '{"ok":1}']],
    '/moved'    => [MlsecTest::Faulty::json('{}', lines => ['X-Accel-Redirect: /via/fields'])],
    '/half'     => sub { return $seen{half}++ % 2
        ? MlsecTest::Faulty::json('{"ok":1}')
        : ([out => "HTTP/1.1 200 OK\r\nX-Half: 1\r\nX-Le"], ['reset']) },
    '/kept'     => [MlsecTest::Faulty::json('{"ok":1}', lines => ['Cache-Control: max-age=60'])],
    (map { ("/held/$_" => [[until => "$dir/go"], MlsecTest::Faulty::json(qq{"$_"} . ' ' x $_)]) } 1 .. MANY),
});
my $address = $faulty->address;

my $nginx = MlsecTest::Instance->start(workers => 1, http => qq{
    mlsec_zone mlsec:1m;
    proxy_cache_path \$DIR/cache keys_zone=c:1m;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream plain { server $address max_fails=0; }
    upstream u {
        server $address max_fails=0; server 127.0.0.1:@{[$faulty->port]} max_fails=0;
        keepalive 4; mlsec_service u; mlsec_breaker volume=1000; mlsec_retry min=1000 base=1ms;
    }
    server {
        listen unix:\$DIR/said.sock;
        request_pool_size 4080;
        error_log \$DIR/logs/debug.log debug;
        location /via/ { mlsec_via u; proxy_pass http://u/; }
    }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    error_log \$DIR/logs/debug.log debug;
    location /plain/ { proxy_pass http://plain/; }
    location /via/ { mlsec_via u; proxy_pass http://u/; }
    location /raw/ { mlsec_via u; proxy_pass http://u/; proxy_buffering off; }
    location /other/ { mlsec_via u; proxy_pass http://u/; proxy_buffer_size 8k; }
    location /cached/ {
        mlsec_via u; proxy_pass http://u/; proxy_cache c; proxy_cache_valid 200 1m;
        add_header X-Cache \$upstream_cache_status;
    }
    location /parts/ { mlsec_call a http://u/fields; mlsec_call b http://u/small; }
});


# What a client sees: status, body, and the fields that are told apart.
sub ask {
    my ($path) = @_;

    my $r = $nginx->get($path) // return 'none';
    my $h = $r->{headers};

    return join ' ', $r->{status}, $r->{body}, map { "$_=$h->{$_}" } sort grep { /\Ax-field/ } keys %$h;
}


for my $path (qw(small fields nearly large chunked drip half)) {
    my $plain = ask($path eq 'half' ? '/plain/small' : "/plain/$path");

    like($plain, qr/\A200 /, "$path: as nginx alone answers");

    for my $way (qw(via raw other cached via)) {
        is(ask("/$way/$path"), $plain, "$path: $way");
    }
}

for my $way (qw(plain via raw)) {
    like(ask("/$way/too-big"), qr/\A502 /, "a header of more than a page: $way");
}

like(ask('/other/too-big'), qr/\A200 .*x-field-4/, 'and with one that it has room in');

is(ask('/via/moved'), ask('/plain/fields'), 'two answers of one request');
is(ask('/parts/'), '200 {"a":{"ok":1},"b":{"ok":1}}', 'and of parts');

for my $status (qw(MISS HIT)) {
    my $r = $nginx->get('/cached/kept');

    is("$r->{body} $r->{headers}{'x-cache'}", qq({"ok":1} $status), "a cache: $status");
}


# more at once than there are pages, all of them complete and one's own

my @clients = map { $nginx->client } 1 .. MANY;

$clients[$_ - 1]->request("/via/held/$_") for 1 .. MANY;

until_ok(10, sub { grep({ "@$_" =~ m{\Arequest /held/} } $faulty->events) == MANY }, 'all are with the service');
open my $go, '>', "$dir/go" or die;
close $go;

my @wrong = grep { ($clients[$_ - 1]->response(10) // { body => '' })->{body} ne qq{"$_"} . ' ' x $_ } 1 .. MANY;

is("@wrong", '', 'each has its own');


# what nginx allocates for a request on a connection that is kept

sub allocated {
    my ($path, $name) = @_;

    my $client = $nginx->client($name);

    for (1 .. 2) {
        $client->request($path);
        $client->response(10);
    }

    my $log = "@{[$nginx->dir]}/logs/debug.log";
    my $at = -s $log;

    $client->request($path);
    $client->response(10);
    $client->close;

    until_ok(10, sub { (-s $log) > $at }, "$path is in the log");

    open my $file, '<', $log or die "$log: $!";
    seek $file, $at, 0;
    my @sizes = map { /(?:malloc|posix_memalign): [0-9A-F]+:(\d+)/ ? $1 : () } <$file>;

    return join ' ', sort { $a <=> $b } grep { $_ >= 4000 } @sizes;
}

SKIP: {
    my $said = `$ENV{TEST_NGINX_BINARY} -V 2>&1`;

    skip 'needs --with-debug', 6 if $said !~ /--with-debug/;
    skip 'nothing is kept ready under a sanitizer', 6 if $ENV{MLSEC_SANITIZER_LOG};

    is(allocated('/via/small'), '12288', 'one block, and no page for the answer');
    is(allocated('/via/small', 'said'), '4080 4080', 'the size that was said');
    is(allocated('/plain/small'), '4096 12288', 'plain: the page');
}

$nginx->finish;

done_testing;
