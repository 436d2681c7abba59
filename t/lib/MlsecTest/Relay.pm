# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A small TCP proxy in front of a server, that can do what networks do.
#
#   my $relay = MlsecTest::Relay->start(socket => '/path');   or port => N
#   $relay->port
#   $relay->mode('pass')     bytes go both ways, at first
#   $relay->mode('hole')     connections are taken, no byte goes on
#   $relay->mode('reset')    each connection is reset, and each new one
#   $relay->mode('cut')      the next bytes from the server: half, then reset
#   $relay->mode('garbage')  the next bytes from the server are others

package MlsecTest::Relay;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);

use constant CHUNK => 65536;    # bytes a read


sub start {
    my ($class, %o) = @_;

    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        Listen => 64) or die "relay: $!";

    socketpair(my $mine, my $other, Socket::AF_UNIX(),
               Socket::SOCK_STREAM(), 0) or die "socketpair: $!";

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $SIG{PIPE} = 'IGNORE';
        close $mine;
        _serve($listener, $other, \%o);
        POSIX::_exit(0);
    }

    close $other;

    return bless {
        pid => $pid, owner => $$, port => $listener->sockport,
        control => $mine,
    }, $class;
}


sub port { return $_[0]{port} }


# Returns when the relay does so.
sub mode {
    my ($self, $mode) = @_;

    syswrite $self->{control}, "$mode\n";
    sysread $self->{control}, my $byte, 1;

    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    return if $$ != $self->{owner};

    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;

    return;
}


sub _serve {
    my ($listener, $control, $o) = @_;

    my $mode = 'pass';
    my $set  = IO::Select->new($listener, $control);
    my (%peer, %server);

    my $drop = sub {
        my ($sock, $reset) = @_;

        my @pair = grep { $_ } $sock, $peer{$sock};

        for my $s (@pair) {
            setsockopt $s, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $reset;
            $set->remove($s);
            delete $peer{$s};
            close $s;
        }
    };

    while (1) {
        my @ready = $set->can_read;

        for my $sock (@ready) {

            if ($sock == $control) {
                sysread $control, my $text, 64 or return;
                ($mode) = $text =~ /(\w+)\n\z/;

                my @all = $set->handles;

                for my $s ($mode eq 'reset' ? @all : ()) {
                    $drop->($s, 1) if $peer{$s};
                }

                syswrite $control, '.';
                last;
            }

            if ($sock == $listener) {
                my $client = $listener->accept or next;

                if ($mode eq 'reset') {
                    setsockopt $client, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
                    close $client;
                    next;
                }

                my $server = $o->{socket}
                    ? IO::Socket::UNIX->new(Peer => $o->{socket})
                    : IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                            PeerPort => $o->{port});

                next unless $server;

                ($peer{$client}, $peer{$server}) = ($server, $client);
                $server{$server} = 1;
                $set->add($client, $server);
                next;
            }

            next unless $peer{$sock};       # closed with its other end

            my $n = sysread $sock, my $bytes, CHUNK;

            if (!$n) {
                $drop->($sock, 0);
                last;
            }

            next if $mode eq 'hole';

            if ($mode eq 'cut' && $server{$sock}) {
                syswrite $peer{$sock}, substr $bytes, 0, length($bytes) / 2;
                $drop->($sock, 1);
                $mode = 'pass';
                last;
            }

            if ($mode eq 'garbage' && $server{$sock}) {
                $bytes = "\x00!?\r\n" x 20;
                $mode = 'pass';
            }

            syswrite $peer{$sock}, $bytes;
        }
    }
}


1;
