# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A real redis-server in a directory of its own, on a unix socket and on a
# loopback port that nobody else has.
#
#   my $redis = MlsecTest::Redis->start(args => [...], tls => $certs);
#   $redis->socket, $redis->port, $redis->tls_port, $redis->pid
#   $redis->cli('SET', 'a', 1)       what redis-cli prints, without the newline
#   $redis->signal("STOP")
#   $redis->kill; $redis->restart    kill -9; the same again, empty
#
# args: further ones of redis-server.  tls: [CA, certificate, key].
# MlsecTest::Redis->missing: why there is none, for plan skip_all.

package MlsecTest::Redis;

use strict;
use warnings;

use File::Temp ();
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(time sleep);

use MlsecTest::Ports;

use constant START_LIMIT => 20;     # s


sub missing {
    return if grep { -x "$_/redis-server" } split /:/, $ENV{PATH};
    return 'no redis-server';
}


sub start {
    my ($class, %o) = @_;

    my $dir = File::Temp->newdir('mlsec-redis-XXXXXXXX', TMPDIR => 1);
    chmod 0755, $dir;

    my $ports = MlsecTest::Ports->claim_block;
    my $self  = bless {
        dir => $dir, owner => $$, args => $o{args} // [], tls => $o{tls},
        ports => $ports, port => $ports->main,
        tls_port => $o{tls} ? $ports->named('tls') : undef,
    }, $class;

    $self->restart;

    return $self;
}


sub dir      { return "$_[0]{dir}" }
sub socket   { return "$_[0]{dir}/redis.sock" }
sub port     { return $_[0]{port} }
sub tls_port { return $_[0]{tls_port} }
sub pid      { return $_[0]{pid} }


# Starts the server; with what it had is gone.
sub restart {
    my ($self, @more) = @_;

    $self->kill if $self->{pid};
    unlink $self->socket;

    my @tls = $self->{tls}
        ? ('--tls-port', $self->{tls_port}, '--tls-auth-clients', 'no',
           '--tls-ca-cert-file', $self->{tls}[0],
           '--tls-cert-file', $self->{tls}[1],
           '--tls-key-file', $self->{tls}[2])
        : ();
    my @command = ('redis-server',
        '--bind', '127.0.0.1', '--port', $self->{port},
        '--unixsocket', $self->socket, '--unixsocketperm', '777',
        '--dir', $self->dir, '--save', '', '--appendonly', 'no',
        '--daemonize', 'no', '--logfile', $self->dir . '/log',
        '--enable-debug-command', 'yes', @tls, @{ $self->{args} }, @more);

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec @command or POSIX::_exit(127);
    }

    $self->{pid} = $pid;

    my $until = time + START_LIMIT;

    while (!IO::Socket::UNIX->new(Peer => $self->socket)) {
        die 'redis-server does not start: ' . $self->log
            if time > $until || waitpid($pid, POSIX::WNOHANG()) == $pid;
        sleep 0.01;
    }

    return $self;
}


sub log {
    my ($self) = @_;

    open my $in, '<', $self->dir . '/log' or return '';
    local $/;

    return scalar <$in>;
}


sub signal {
    my ($self, $name) = @_;

    CORE::kill($name => $self->{pid});

    return;
}


sub kill {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    CORE::kill(KILL => $pid);
    waitpid $pid, 0;

    return;
}


sub cli {
    my ($self, @args) = @_;

    my @auth = $self->{auth} ? ('--no-auth-warning', @{ $self->{auth} }) : ();

    open my $out, '-|', 'redis-cli', '-s', $self->socket, @auth, @args
        or die "redis-cli: $!";
    local $/;
    my $text = <$out> // '';
    close $out;
    chomp $text;

    return $text;
}


# Names of the connections that gateways have, sorted.
sub clients {
    my ($self) = @_;

    return sort map { /\bname=(mlsec-\S+)/ ? $1 : () }
        split /\n/, $self->cli('CLIENT', 'LIST');
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    $self->kill if $$ == $self->{owner};

    return;
}


1;
