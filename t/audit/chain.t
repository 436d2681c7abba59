# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The chains of an audit log: over several workers under load, a worker that is
# killed, a reload, a file that is opened anew, a restart; each record is there
# once. And what mlsec-audit says when somebody has changed the files.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Temp ();
use POSIX ();
use Test::More;

use MlsecTest::Audit;
use MlsecTest::Instance;
use MlsecTest::Metrics;

use constant {
    CLIENTS  => 4,
    REQUESTS => 100,            # of each, each time
};

my $dir   = File::Temp->newdir('mlsec-audit-XXXXXX', TMPDIR => 1);
my $path  = "$dir/audit.log";
my $audit = MlsecTest::Audit->new($path);
my $asked = 0;
my ($nginx, $code, $said, %master);

chmod 0755, "$dir";


sub start {
    $nginx = MlsecTest::Instance->start(workers => 2,
        http => "mlsec_audit_log $path flush=100ms;", server => q{
        mlsec_errors on;
        location = /no { mlsec_fail 403 no; }
        location = /yes { mlsec_allow GET,POST; mlsec_respond '{}'; }
        location = /metrics { mlsec_metrics; }
        location = /json { mlsec_metrics json; }
    });
    $master{ $nginx->pid } = 1;
}


# Clients that ask at once, half of them for what is refused.
sub load {
    my @pids;

    for my $i (1 .. CLIENTS) {
        my $pid = fork // die "fork: $!";

        if ($pid) {
            push @pids, $pid;
            next;
        }

        for (1 .. REQUESTS) {
            $i & 1 ? $nginx->get('/no')
                   : $nginx->get('/yes', method => 'POST', body => 'x');
        }

        POSIX::_exit(0);
    }

    waitpid $_, 0 for @pids;
    $asked += CLIENTS * REQUESTS;
}


sub lines { return map { split /\n/, MlsecTest::Audit->new($_)->text } @_ }


sub requests {
    return scalar map { MlsecTest::Audit->new($_)->requests } @_;
}


sub good {
    my ($name, @arguments) = @_;

    ($code, $said) = $audit->verify(@arguments);
    ok($code == 0 && $said =~ /^good: /m, $name) or diag($said);
}


sub write_lines {
    my ($name, @lines) = @_;

    open my $out, '>', "$dir/$name" or die $!;
    print {$out} join '', map { "$_\n" } @lines;
    close $out or die $!;

    return "$dir/$name";
}


start();
ok($audit->wait(sub { @_ == 2 }), 'each worker begins a chain');
my @workers = $nginx->worker_pids;
is_deeply([sort map { $_->{worker} } $audit->records], [sort @workers],
    'its own');
is((grep { $_->{event} ne 'start' || $_->{after} } $audit->records), 0,
    'after nothing');

load();
ok($audit->wait(sub { grep({ $_->{event} =~ /deny|write/ } @_) == $asked }),
    'each request has a record');
good('all of it is right');

my %seen = map { $_->{worker} => 1 } $audit->requests;
is(keys %seen, 2, 'of both workers');

# a worker that is killed: the next one names how far it has come

kill KILL => $workers[0];
ok($audit->wait(sub {
    grep { $_->{event} eq 'start' && @{ $_->{after} // [] } } @_;
}), 'a killed worker has a successor');

my ($next) = grep { $_->{event} eq 'start' && $_->{after} } $audit->records;
my ($last) = reverse grep { $_->{worker} == $workers[0] } $audit->records;
is_deeply($next->{after}, [{ map { $_ => $last->{$_} } qw(chain seq hash) }],
    'which names its last line');
$nginx->allow(qr/exited on signal 9/);
good('that is right, too');

# a reload: the old ones end, the new ones name them

@workers = $nginx->worker_pids;
$nginx->signal('HUP');
ok($audit->wait(sub {
    my %old = map { $_ => 1 } @workers;
    my @end = grep { $_->{event} eq 'end' && $old{ $_->{worker} } } @_;
    my %named = map { $_->{chain} => 1 } map { @{ $_->{after} // [] } } @_;
    2 == grep { $named{ $_->{chain} } } @end;
}, 20), 'after a reload the old chains have ended and are named');

load();
ok($audit->wait(sub { grep({ $_->{event} =~ /deny|write/ } @_) == $asked }),
    'records go on');
good('and are right');

# rotation under load: the chains go on in the new file

my $pid = fork // die "fork: $!";
if (!$pid) {
    load();
    POSIX::_exit(0);
}
rename $path, "$path.1" or die $!;
$nginx->signal('USR1');
waitpid $pid, 0;
$asked += CLIENTS * REQUESTS;

for (1 .. 1000) {
    last if requests("$path.1", $path) == $asked
            && 2 == grep { $_->{event} eq 'reopen' } $audit->records;
    select undef, undef, undef, 0.02;
}
is(requests("$path.1", $path), $asked, 'none is lost or twice');
ok(-s $path, 'the new file has lines');

good('both files', "$path.1", $path);
good('the new one alone', $path);
like($said, qr/^\Q$path\E:\d+: note: chain [0-9a-f]{16} goes on from another /m,
    'which goes on from another');

my ($first) = $audit->records;
is($first->{event}, 'reopen', 'it begins with where it goes on from');
my ($before) = reverse grep { $_->{chain} eq $first->{chain} }
               MlsecTest::Audit->new("$path.1")->records;
is($first->{prev}, $before->{hash}, 'the last line of the old one');

($code, $said) = $audit->verify($path, "$path.1");
is($code, 1, 'in the wrong order they are not right');

# what is counted: all that has happened, by all workers

my $metrics = $nginx->get('/metrics')->{body};
my ($deny, $write) = map {
    $metrics =~ /^mlsec_audit_records_total\{log="\Q$path\E",event="$_"\} (\d+)$/m
} qw(deny write);
is($deny + $write, $asked, 'counted');
like($metrics, qr/^mlsec_audit_dropped_total\{log="\Q$path\E"\} 0$/m,
    'none was dropped');
like($nginx->get('/json')->{body}, qr/"deny":$deny,.*"write":$write,/,
    'as JSON, too');

# a stop, a start: the new chains name the last lines of the file

$nginx->finish('first');
good('after a stop all chains have ended', '--ended', "$path.1", $path);

like($nginx->error_log, qr/mlsec\ audit:\ chain\ has\ ended,\ path:\ "\Q$path\E",
                           \ head:\ [0-9a-f]{16}\ \d+\ [0-9a-f]{64}$/mx,
    'where they have ended is in the error log');

my @ends = map { $_->{hash} } grep { $_->{event} eq 'end' }
           $audit->records;
my ($ok, $heads) = $audit->tool('heads', "$path.1", $path);
is($ok, 0, 'heads');
is((grep { $heads =~ /^[0-9a-f]{16} \d+ $_$/m } @ends), 2, 'of both');
open my $out, '>', "$dir/heads" or die $!;
print {$out} $heads;
close $out or die $!;
good('they are still there', '--heads', "$dir/heads", "$path.1", $path);

my @stopped = lines($path);

start();
ok($audit->wait(sub {
    my %named = map { $_->{hash} => 1 } map { @{ $_->{after} // [] } } @_;
    2 == grep { $named{$_} } @ends;
}), 'after a start the last lines are named');
$nginx->finish('second');
good('all of it', '--ended', "$path.1", $path);

my @all = lines($path);
my $cut = write_lines('cut', @stopped[0 .. $#stopped - 1],
                      @all[@stopped .. $#all]);
($code, $said) = $audit->verify("$path.1", $cut);
is($code, 1, 'the last line before the start is missed');
like($said, qr/^\Q$cut\E:\d+: the lines of chain [0-9a-f]{16} after this one/m,
    'with the place');

# changes

my @lines = lines("$path.1", $path);
my $whole = write_lines('whole', @lines);
good('as one file', '--ended', '--quiet', $whole);
is($said, sprintf("good: %d lines of 7 chains, 0 records dropped, 0 faults\n",
    scalar @lines), 'what is said of it');

my ($i) = grep { $lines[$_] =~ /"event":"deny"/ } 200 .. $#lines;
my ($chain, $seq) = $lines[$i] =~ /"chain":"(\w+)","seq":(\d+)/;
my $line = $i + 1;

for my $case (
    ['a status', sub { $_[$i] =~ s/"status":403/"status":200/ },
     qr/^FILE:$line: the line has been changed/],
    ['one bit', sub { $_[$i] =~ s/mlsec_fail/mlsec_faim/ },
     qr/^FILE:$line: the line has been changed/],
    ['a line less', sub { splice @{ $_[-1] }, $i, 1 },
     qr/^FILE:\d+: lines $seq to $seq of chain $chain are missing before/],
    ['a line twice', sub { splice @{ $_[-1] }, $i, 0, $_[$i] },
     qr/^FILE:@{[$line + 1]}: line $seq of chain $chain comes twice/],
    ['a line elsewhere', sub {
         push @{ $_[-1] }, splice @{ $_[-1] }, $i, 1;
     }, qr/^FILE:@{[scalar @lines]}: line $seq of chain $chain is out of/m],
    ['the last line less', sub { pop @{ $_[-1] } },
     qr/^FILE:\d+: chain \w+ has not ended with this line/],
    ['the end of a line less', sub { $_[-1][-1] =~ s/.{30}\z// },
     qr/^FILE:@{[scalar @lines]}: this is the beginning of a line/],
    ['a word', sub { splice @{ $_[-1] }, $i, 0, 'hello' },
     qr/^FILE:$line: this is no line of an audit log/],
) {
    my ($name, $change, $finds) = @$case;
    my @changed = @lines;

    $change->(@changed, \@changed);
    # elements of @_ are those of @changed
    my $file = write_lines('changed', @changed);

    ($code, $said) = $audit->verify('--ended', '--quiet', $file);
    is($code, 1, "$name: not right");
    like($said =~ s/\Q$file\E/FILE/gr, $finds, "$name: where");
}

($code, $said) = $audit->verify("$dir/absent");
is($code, 2, 'no file: it cannot be told');

done_testing();
