# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# TCP ports that two test files running at the same time never share.
#
# "Ask the kernel for a free port, close it, hand it to nginx" is a race: two
# files may be given the same number before either nginx binds it.  A port is
# therefore claimed first, by binding an abstract unix socket that carries its
# number: only one process on the host can, and the kernel drops the claim
# when that process ends, however it ends.  All ports lie below the ephemeral
# range, so no outgoing connection takes one meanwhile.

package MlsecTest::Ports;

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(AF_UNIX SOCK_STREAM SOMAXCONN pack_sockaddr_un);

use constant {
    LOWEST     => 12_000,
    BLOCK_SIZE => 20,
    BLOCKS     => 1_000,
};


# A source of ports for a file whose main port is given.
sub new {
    my ($class) = @_;

    return bless { claims => [], named => {}, spare => undef }, $class;
}


# A source that owns a whole block of ports: the first is the main port, the
# others serve $TEST_NGINX_RAND_PORT_n.  Dies when every block is taken.
sub claim_block {
    my ($class) = @_;

    my $self  = $class->new;
    my $first = int rand BLOCKS;

    for my $i (0 .. BLOCKS - 1) {
        my $port = LOWEST + BLOCK_SIZE * (($first + $i) % BLOCKS);

        next unless is_free($port);

        my $claim = claim($port) or next;

        push @{ $self->{claims} }, $claim;
        $self->{main}  = $port;
        $self->{spare} = [$port + 1 .. $port + BLOCK_SIZE - 1];

        return $self;
    }

    die "no free block of ports from ", LOWEST, " up\n";
}


sub main { return $_[0]{main} }


# Forgets the names given so far: a new block of the test file begins.
sub next_block {
    my ($self) = @_;

    $self->{named} = {};

    return;
}


# Returns the port that this block calls NAME, always the same one.
sub named {
    my ($self, $name) = @_;

    return $self->{named}{$name} //= $self->_fresh;
}


sub _fresh {
    my ($self) = @_;

    my %taken = map { $_ => 1 } grep { defined } values %{ $self->{named} };

    if ($self->{spare}) {
        for my $port (@{ $self->{spare} }) {
            return $port if !$taken{$port} && is_free($port);
        }
    }

    for (1 .. 1000) {
        my $port = LOWEST + int rand BLOCK_SIZE * BLOCKS;

        next if $taken{$port} || $port % BLOCK_SIZE == 0 || !is_free($port);

        my $claim = claim($port) or next;

        push @{ $self->{claims} }, $claim;

        return $port;
    }

    die "no free port for a \$TEST_NGINX_RAND_PORT\n";
}


# Returns a socket that holds the claim on PORT while it is open, or nothing
# when another process has it.
sub claim {
    my ($port) = @_;

    socket my $claim, AF_UNIX, SOCK_STREAM, 0 or die "socket: $!\n";
    bind $claim, pack_sockaddr_un("\0mlsec-test-port-$port") or return;

    return $claim;
}


# True when nothing listens on PORT, on any address.
sub is_free {
    my ($port) = @_;

    return !!IO::Socket::INET->new(
        LocalAddr => '0.0.0.0',
        LocalPort => $port,
        Proto     => 'tcp',
        ReuseAddr => 1,
        Listen    => SOMAXCONN,
    );
}


1;
