# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# One connection: packets out, everything that comes back in.

package MlsecTest::Transport;

use strict;
use warnings;

use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(talk);

use constant CHUNK => 65536;    # bytes a read


# Sends PACKETS ([{data, delay}]) to PORT on loopback and reads until the
# server closes or TIMEOUT seconds pass in which neither side moved.  Returns
# a hash:
#
#     raw        every byte received
#     timed_out  true when the server fell silent without closing
#     reset      the error that ended the connection, where one did
#     refused    the error of connect(), where it failed
#
# Reading goes on while packets wait for their turn, and after a failed write:
# a server may answer and close before it has read everything.
sub talk {
    my ($port, $packets, $timeout) = @_;

    my %result = (raw => '');
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $port,
        Proto    => 'tcp',
        Timeout  => $timeout,
    ) or return { %result, refused => "$@" };

    $socket->blocking(0);
    binmode $socket;
    local $SIG{PIPE} = 'IGNORE';

    my @queue    = map { {%$_} } @$packets;
    my $due      = @queue ? time + $queue[0]{delay} : undef;
    my $deadline = time + $timeout;
    my $watch    = IO::Select->new($socket);

    while (1) {
        my $now     = time;
        my $writing = @queue && $now >= $due;

        $deadline = $due + $timeout if @queue && $due > $now;

        # one look when the time is up: this process may have been asleep
        # while the response came
        my $late  = $now >= $deadline;
        my $until = @queue && !$writing ? $due : $deadline;
        my ($readable, $writable) = IO::Select->select(
            $watch, $writing ? $watch : undef, undef,
            $late ? 0 : $until - $now);

        if ($late && !grep { @{ $_ // [] } } $readable, $writable) {
            $result{timed_out} = 1;
            last;
        }

        if ($writable && @$writable) {
            $deadline = time + $timeout if _write($socket, \@queue, \%result);
            $due = time + $queue[0]{delay} if @queue && delete $queue[0]{fresh};
        }

        if ($readable && @$readable) {
            my $got = _read($socket, \%result);
            last if defined $got && $got == 0;
            $deadline = time + $timeout if $got;
        }
    }

    close $socket;

    return \%result;
}


# Writes what the socket takes of the first packet.  Returns the number of
# bytes; a failure empties the queue.
sub _write {
    my ($socket, $queue, $result) = @_;

    my $packet = $queue->[0];
    my $wrote  = length $packet->{data}
        ? syswrite $socket, $packet->{data}
        : 0;

    if (!defined $wrote) {
        return 0 if _is_transient();

        $result->{write_error} = "$!";
        @$queue = ();
        return 0;
    }

    substr $packet->{data}, 0, $wrote, '';

    if (!length $packet->{data}) {
        shift @$queue;
        $queue->[0]{fresh} = 1 if @$queue;
    }

    return $wrote;
}


# Returns the number of bytes read, 0 at the end, undef for "not yet".
sub _read {
    my ($socket, $result) = @_;

    my $got = sysread $socket, $result->{raw}, CHUNK, length $result->{raw};

    return $got if defined $got;
    return undef if _is_transient();

    $result->{reset} = "$!";

    return 0;
}


sub _is_transient {
    return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
}


1;
