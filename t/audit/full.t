# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# An audit log that cannot be written: what is lost is counted in the log
# itself, no worker waits, and with "block" nothing is changed that has no
# record. A file that is as large as it may get, one that is always full, a
# pipe that nobody reads.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Fcntl qw(O_RDWR O_NONBLOCK);
use File::Temp ();
use POSIX ();
use Test::More;

use MlsecTest::Audit;
use MlsecTest::Instance;
use MlsecTest::Until;

use constant LIMIT => 65536;        # bytes of a file

my $dir = File::Temp->newdir('mlsec-audit-XXXXXX', TMPDIR => 1);
chmod 0755, "$dir";

# a pipe with a reader, or nginx would wait for one
POSIX::mkfifo("$dir/pipe", 0666) or die "mkfifo: $!";
sysopen my $pipe, "$dir/pipe", O_RDWR|O_NONBLOCK or die "pipe: $!";

# the limit can be taken away later: it is the soft one
open my $out, '>', "$dir/nginx" or die $!;
print {$out} "#!/bin/sh\nexec prlimit --fsize=@{[LIMIT]}: ",
    $ENV{TEST_NGINX_BINARY} || 'nginx', ' "$@"', "\n";
close $out or die $!;
chmod 0755, "$dir/nginx";

my $audit = MlsecTest::Audit->new("$dir/audit.log");
my $nginx = do {
    local $ENV{TEST_NGINX_BINARY} = "$dir/nginx";
    local $SIG{XFSZ} = 'IGNORE';

    MlsecTest::Instance->start(http => "
    access_log off;
    error_log \$DIR/logs/error.log error;
    mlsec_audit_log $dir/audit.log buffer=8k flush=20ms;
    ", server => "
    mlsec_errors on;
    error_log \$DIR/logs/error.log error;
    mlsec_allow GET,POST;
    location = /no { mlsec_fail 403 no; }
    location = /open { proxy_pass http://unix:\$DIR/http.sock:/done; }
    location = /block {
        mlsec_audit_log $dir/audit.log block;
        proxy_pass http://unix:\$DIR/http.sock:/done;
    }
    location = /full {
        mlsec_audit_log /dev/full block;
        proxy_pass http://unix:\$DIR/http.sock:/done;
    }
    location = /full/no { mlsec_audit_log /dev/full; mlsec_fail 403 no; }
    location = /pipe { mlsec_audit_log $dir/pipe buffer=8k flush=0;
                       mlsec_fail 403 no; }
    location = /done { mlsec_audit_log off; access_log \$DIR/logs/done.log;
                       mlsec_respond '{}'; }
    location = /metrics { mlsec_audit_log off; mlsec_metrics; }
    ");
};


sub post { return $nginx->get($_[0], method => 'POST', body => 'x') }


# how often something has been done, which is logged a moment later
sub done {
    my ($want) = @_;
    my $have;

    for (1 .. 500) {
        $have = () = $nginx->log_file('done.log') =~ /\n/g;
        last if $have == $want;
        select undef, undef, undef, 0.02;
    }

    return $have;
}


sub dropped {
    my ($log) = @_;

    return ($nginx->get('/metrics')->{body}
            =~ /^mlsec_audit_dropped_total\{log="\Q$log\E"\} (\d+)/m)[0];
}


# until the file is full, and the buffer, and more

my $asked = 0;

for (1 .. 2000) {
    is($nginx->get('/no')->{status}, 403, 'refused') if $asked == 0;
    $nginx->get('/no') if $asked;
    $asked++;
    last if $asked % 20 == 0 && dropped("$dir/audit.log");
}

ok(dropped("$dir/audit.log"), 'some are dropped');
is(-s "$dir/audit.log", LIMIT, 'the file is full');
unlike($audit->text, qr/\n\z/, 'within a line');
my @stuck = $nginx->error_log =~ /mlsec\ audit:\ cannot\ write,\ what\ the\ buffer
    \ does\ not\ hold\ will\ be\ dropped,\ path:\ "(.*?)"/gx;
is((grep { $_ eq "$dir/audit.log" } @stuck), 1, 'it is said, once');

is($nginx->get('/no')->{status}, 403, 'who is refused is refused');
$asked++;

# what changes something: let through, or not

is(post('/open')->{status}, 200, 'a change without "block"');
$asked++;
is(done(1), 1, 'happens');

my $blocked = post('/block');
$asked++;
is($blocked->{status}, 503, 'with "block" it is refused');
is($blocked->{headers}{'retry-after'}, 5, 'for now');
like($blocked->{body}, qr/"message":"Changes\ are\ not\ taken\ now:\ they\ cannot
    \ be\ recorded".*"details":\{"error_type":"audit"\}/x, 'and says so');
is(done(1), 1, 'it has not happened');
is($nginx->get('/block')->{status}, 200, 'a read is let through');
is(done(2), 2, 'and happens');

is(post('/full')->{status}, 503, 'a disk that is always full');
is($nginx->get('/full/no')->{status}, 403, 'who is refused is refused');
is(done(2), 2, 'nothing has happened');

# room again

my ($worker) = $nginx->worker_pids;
is(system('prlimit', '--pid', $worker, '--fsize=unlimited:'), 0, 'room');
ok($nginx->wait_log(qr/it\ can\ be\ written\ again,\ \d+\ records\ have\ been
                       \ dropped,\ path:\ "\Q$dir\E/x, 10), 'it can be written');
is($nginx->get('/no')->{status}, 403, 'one more');
$asked++;

my ($code, $said, @lines);

# the torn line is there, and the same line whole
sub lines {
    @lines = map { eval { JSON::PP->new->utf8->decode($_) } // () }
             split /\n/, $audit->text;
    return @lines;
}

# lines of what was asked for, which are written a moment later
sub have {
    return scalar grep { $_->{event} =~ /^(?:deny|write|intent)$/ } lines();
}

my $dropped = dropped("$dir/audit.log");

# an intent that could not be written has a place among the dropped ones
until_ok(10, sub { have() + $dropped >= $asked + 1 }, 'all are there, or counted');
is(have() + $dropped, $asked + 1, 'and none of them twice');
my ($lost) = grep { $_->{event} eq 'dropped' } @lines;
is($lost->{records}, $dropped, 'in the log');

($code, $said) = $audit->verify;
is($code, 0, 'what is there is right') or diag($said);
like($said, qr/note: the beginning of a line, which is whole in /,
    'but for a torn line');
like($said, qr/note: $dropped records could not be written before this line/,
    'it is told what is missing');

# the intent, then the result

is(post('/block')->{status}, 200, 'changes are taken again');
is(done(3), 3, 'and happen');
until_ok(10, sub {
    return grep { $_ } map {
        my $w = $_;
        $w->{event} eq 'write' && $w->{path} eq '/block'
            && (grep { $_->{event} eq 'intent'
                       && $_->{request_id} eq $w->{request_id}
                       && $_->{seq} < $w->{seq} } @lines)
    } lines();
}, 'with an intent before and a result after it');

# a pipe: nobody reads, nobody waits; then what is read is whole lines

for (1 .. 200) {
    $nginx->get('/pipe')->{status} == 403 or last;
}
ok(dropped("$dir/pipe"), 'a pipe that nobody reads drops records');
is($nginx->get('/pipe')->{status}, 403, 'and stops nobody');

my $text = '';
for (1 .. 500) {
    1 while sysread $pipe, $text, 65536, length $text;
    last if $text =~ /"event":"dropped"/;
    $nginx->get('/pipe');
    select undef, undef, undef, 0.02;
}
like($text, qr/"event":"dropped"/, 'until somebody reads');

$nginx->finish;
1 while sysread $pipe, $text, 65536, length $text;
open $out, '>', "$dir/read" or die $!;
print {$out} $text;
close $out or die $!;
($code, $said) = $audit->verify('--ended', "$dir/read");
is($code, 0, 'what was read is right') or diag($said);
unlike($said, qr/beginning of a line/, 'and not torn');

like($nginx->error_log, qr/mlsec audit: \d+ records are lost, path: "\/dev\/full"/,
    'what could not be written at all');

done_testing();
