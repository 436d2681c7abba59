# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What the tests of util/ and conf/ share: commands with a clean environment,
# a run folder of their own, free ports, HTTP by hand.

package Run;

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use File::Temp 'tempdir';
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket 'SOCK_STREAM';

use lib dirname(__FILE__) . '/../lib';
use MlsecTest::Ports;

our @EXPORT = qw(top run_dir run free_port connect_to ask http until_true
                 sign_in spawn slurp json processes with_module
                 conf_without_programs);

my $top = abs_path(dirname(__FILE__) . '/../..');
my $dir;
my @spawned;

sub top { return $top; }

# Short, since unix sockets are made in it.
sub run_dir {
    my ($fresh) = @_;

    if ($fresh || !defined $dir) {
        $dir = tempdir('mlsec-XXXXXX', TMPDIR => 1, CLEANUP => 1);
        chmod 0755, $dir;
    }
    return $dir;
}

sub environment {
    my (%given) = @_;

    my %env = (PATH => '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin'
                       . ':/sbin:/bin',
               HOME => $ENV{HOME} // '/', RUN_DIR => run_dir(),
               RESOLV_CONF => '/dev/null');       # whatever this machine has

    for (qw(CONF_DIR MODULE BUILD_DIR NGINX_BINARY ASAN_OPTIONS
            UBSAN_OPTIONS TEST_NGINX_LD_PRELOAD)) {
        $env{$_} = $ENV{$_} if defined $ENV{$_};
    }
    if (!defined $env{MODULE} && $ENV{TEST_NGINX_LOAD_MODULES}) {
        ($env{MODULE}) = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    }
    $env{NGINX_BINARY} //= $ENV{TEST_NGINX_BINARY} if $ENV{TEST_NGINX_BINARY};

    return (%env, %given);
}

# True when the gateway can be started for real.
sub with_module {
    my %env = environment();
    return -f ($env{MODULE} // "$top/build/ngx_mlsec_module.so");
}

# A copy of conf without the hundred programs that the environment does not
# change: for tests that render it again and again. No nginx takes it.
sub conf_without_programs {
    my $copy = run_dir() . '/light';
    system('cp', '-r', "$top/conf", $copy) == 0 or die 'no copy of conf';
    unlink glob "$copy/filters/*.jq $copy/validate/*.jq";
    return $copy;
}

# run({ENV => value}, command...): (exit status, stdout, stderr)
sub run {
    my ($given, @command) = @_;
    my %env = environment(%$given);
    my @name = map { run_dir() . "/.$_.$$" } qw(out err);

    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $name[0] or POSIX::_exit(126);
        open STDERR, '>', $name[1] or POSIX::_exit(126);
        %ENV = %env;
        chdir $top;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my @text = map { slurp($_) } @name;
    unlink @name;
    return ($status, @text);
}

# In the background, in a process group of its own; killed at the end.
sub spawn {
    my ($given, $log, @command) = @_;
    my %env = environment(%$given);

    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        # a shell cannot trap what was ignored when it began: under nohup or
        # as a background job that is HUP and INT
        $SIG{$_} = 'DEFAULT' for qw(INT HUP TERM QUIT PIPE);
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>',  $log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        %ENV = %env;
        chdir $top;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    push @spawned, $pid;
    return $pid;
}

sub slurp {
    my ($name) = @_;
    open my $f, '<:raw', $name or return '';
    local $/;
    return <$f> // '';
}

# A port that no other test has, as long as this one runs.
my ($ports, $ports_given);

sub free_port {
    $ports //= MlsecTest::Ports->claim_block;
    return $ports->named(++$ports_given);
}

# A unix socket (a path) or a port of 127.0.0.1.
sub connect_to {
    my ($where) = @_;
    return $where =~ m{/}
        ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $where)
        : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$where");
}

# ask(where, bytes): all bytes until the end, at most 10 s of silence
sub ask {
    my ($where, $bytes) = @_;
    my $s = ref $where ? $where : connect_to($where);
    return undef if !$s;

    my $all = '';
    local $SIG{PIPE} = 'IGNORE';
    $s->blocking(1);
    syswrite $s, $bytes;
    my $select = IO::Select->new($s);
    while ($select->can_read(10)) {
        my $n = sysread $s, my $more, 65536;
        last if !$n;
        $all .= $more;
    }
    return $all;
}

my $token;

# From now on http() shows the token that the demo in DIR has made; it is
# returned. Each start has another one.
sub sign_in {
    my ($where) = @_;
    ($token) = slurp(($where // run_dir()) . '/demo/token') =~ /^(\S+)$/m;
    return $token;
}

# http(where, method, path, [body], {header => value}): a hash of status,
# headers (lower case), body
sub http {
    my ($where, $method, $path, $body, $headers) = @_;
    my $text = "$method $path HTTP/1.1\r\n";

    my %h = (Host => 'localhost', Connection => 'close',
             defined $token ? (Authorization => "Bearer $token") : (),
             %{ $headers // {} });
    $h{'Content-Length'} = length $body if defined $body;
    $text .= "$_: $h{$_}\r\n" for sort keys %h;
    my $reply = ask($where, "$text\r\n" . ($body // ''));
    return { status => 0, headers => {}, body => '' }
        if !defined $reply || $reply !~ m{\AHTTP/1\.[01] (\d+)};

    my $status = $1;
    my ($head, $rest) = split /\r\n\r\n/, $reply, 2;
    my %headers;
    for (split /\r\n/, $head) {
        $headers{lc $1} = $2 if /\A([^:]+):\s*(.*)\z/;
    }
    if (($headers{'transfer-encoding'} // '') eq 'chunked') {
        my $plain = '';
        while ($rest =~ s/\A([0-9a-f]+)\r\n//i && hex $1) {
            $plain .= substr $rest, 0, hex($1), '';
            $rest =~ s/\A\r\n//;
        }
        $rest = $plain;
    }
    return { status => $status, headers => \%headers, body => $rest // '' };
}

sub json {
    my ($text) = @_;
    my $value = eval { JSON::PP->new->utf8->allow_nonref->decode($text) };
    return $value;
}

# until_true(sub): polls; the generous limit only ends a hopeless wait
sub until_true {
    my ($test) = @_;
    for (1 .. 600) {
        my $value = $test->();
        return $value if $value;
        select undef, undef, undef, 0.05;
    }
    return undef;
}

# Numbers of the processes whose command line names this run folder.
sub processes {
    my ($mine) = @_;
    my @found;
    for my $name (glob '/proc/[0-9]*/cmdline') {
        my $line = slurp($name);
        my ($pid) = $name =~ m{/proc/(\d+)/};
        push @found, $pid if index($line, $mine) >= 0 && $pid != $$;
    }
    return @found;
}

END {
    my $status = $?;
    for my $pid (@spawned) {
        kill 'KILL', -$pid;
        waitpid $pid, 0;
    }
    $? = $status;
}

1;
