# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# `--- tcp_listen`: a server that takes one connection, reads one query, sends
# one reply and closes.  It runs in a child process, which hands the query
# back through a pipe.

package MlsecTest::TcpMock;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Socket qw(SOCK_STREAM);
use Test::Builder;
use Time::HiRes qw(sleep time);

use MlsecTest::Duration qw(seconds);
use MlsecTest::Expand qw(expand);

use constant {
    CHUNK => 65536,    # bytes a read
    POLL  => 0.002,    # s
};

my $Test = Test::Builder->new;


# Starts the server that BLOCK asks for; returns nothing when it asks for
# none.  Dies when the address cannot be bound.
sub start {
    my ($class, $block, $settings) = @_;

    my $address = $block->tcp_listen;

    return unless defined $address;

    $address = expand($address, $settings);
    $address =~ s/^\s+|\s+$//g;

    my $self = bless {
        block    => $block,
        settings => $settings,
        listener => _listen($address, $settings),
        timeout  => 1 + seconds($block->timeout // $settings->{timeout},
                                'timeout'),
    }, $class;

    pipe $self->{report}, my $report or die "pipe: $!\n";
    pipe my $wait, $self->{hold} or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP __DIE__);
        close $self->{report};
        close $self->{hold};

        my $ok = eval { $self->_serve($report, $wait); 1 };
        syswrite STDERR, "# tcp mock: $@" unless $ok;
        POSIX::_exit($ok ? 0 : 1);
    }

    close $report;
    close $wait;
    close delete $self->{listener};
    $self->{pid} = $pid;

    return $self;
}


# Returns a listening socket on a port number or, when ADDRESS ends in .sock,
# a path; a relative one lies under html/.
sub _listen {
    my ($address, $settings) = @_;

    if ($address =~ /\.sock$/) {
        my $path = $address =~ m{^/} ? $address
                                     : $settings->html_dir . "/$address";

        unlink $path;
        my $listener = IO::Socket::UNIX->new(
            Local => $path, Type => SOCK_STREAM, Listen => 1,
        ) or die "--- tcp_listen $path: $!\n";

        chmod 0777, $path;

        return $listener;
    }

    return IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $address,
        Proto     => 'tcp',
        ReuseAddr => 1,
        Listen    => 1,
    ) || die "--- tcp_listen $address: $@\n";
}


# The child: one connection from accept to close.  REPORT takes the query;
# WAIT is readable once the parent is done with the block.
sub _serve {
    my ($self, $report, $wait) = @_;

    my $ready = IO::Select->new($self->{listener}, $wait);
    my @can   = $ready->can_read;

    return unless grep { $_ == $self->{listener} } @can;

    my $client = $self->{listener}->accept or die "accept: $!\n";

    close $self->{listener};

    my $query = $self->_read_query($client);

    syswrite $report, $query if length $query;
    close $report;

    $self->_send_reply($client, $query);

    if (defined $self->{block}->tcp_no_close) {
        IO::Select->new($wait)->can_read;
    }

    close $client;

    return;
}


# Returns tcp_query_len bytes, or as many as one read brings.
sub _read_query {
    my ($self, $client) = @_;

    my $wanted   = $self->{block}->tcp_query_len;
    my $shutdown = $self->{block}->tcp_shutdown;
    my $query    = '';

    if (defined $shutdown && $shutdown =~ /^\s*0\s*$/) {
        shutdown $client, 0;
        return $query;
    }

    do {
        my $readable = IO::Select->new($client)->can_read($self->{timeout});
        return $query unless $readable;

        my $got = sysread $client, $query, CHUNK, length $query;
        return $query unless $got;
    } while (defined $wanted && length $query < $wanted);

    return $query;
}


sub _send_reply {
    my ($self, $client, $query) = @_;

    my $block = $self->{block};
    my $reply = $block->tcp_reply;
    my $delay = seconds($block->tcp_reply_delay // 0, 'tcp_reply_delay');

    $reply = $reply->($query) if ref $reply eq 'CODE';

    for my $part (ref $reply eq 'ARRAY' ? @$reply : ($reply // '')) {
        sleep $delay if $delay;
        _send($client, $part) or last;
    }

    my $shutdown = $block->tcp_shutdown;

    if (defined $shutdown && $shutdown =~ /^\s*([12])\s*$/) {
        shutdown $client, $1;
    }

    return;
}


# Sends all of DATA; returns false when the peer is gone.
sub _send {
    my ($client, $data) = @_;

    my $at = 0;

    while ($at < length $data) {
        my $sent = syswrite $client, $data, length($data) - $at, $at;
        return 0 unless $sent;
        $at += $sent;
    }

    return 1;
}


# Checks tcp_query and tcp_query_len, an assertion each, and ends the server.
sub finish {
    my ($self, $name) = @_;

    my $block = $self->{block};
    my $query = $self->_reported;

    if (defined(my $expected = $block->tcp_query)) {
        $Test->is_eq($query, $expected, "$name - tcp_query");
    }

    if (defined(my $length = $block->tcp_query_len)) {
        $Test->is_num(length $query, $length, "$name - tcp_query_len");
    }

    $self->stop;

    return;
}


# Returns the query that the child took, '' when nobody came.
sub _reported {
    my ($self) = @_;

    my $query = '';
    my $watch = IO::Select->new($self->{report});

    while ($watch->can_read($self->{settings}{settle})) {
        last unless sysread $self->{report}, $query, CHUNK, length $query;
    }

    return $query;
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    close delete $self->{hold};

    my $deadline = time + 0.1;

    while (waitpid($pid, WNOHANG) != $pid) {
        if (time > $deadline) {
            kill KILL => $pid;
            waitpid $pid, 0;
            last;
        }
        sleep POLL;
    }

    return;
}


1;
