# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A TCP proxy between the gateway and a server, which does to connections what
# a network does.  A process of its own; it listens on a loopback port.
#
#   my $proxy = MlsecTest::TcpProxy->start(to => '127.0.0.1:6379' | '/a.sock');
#   $proxy->port
#   $proxy->mode('pass')        bytes go through
#   $proxy->mode('blackhole')   none do, in both directions, nothing is closed
#   $proxy->mode('reset')       all connections get a TCP reset, new ones too
#   $proxy->mode('drip', 0.01)  a byte of the server's at a time
#   $proxy->mode('say', TEXT)   new connections are told TEXT at once
#   $proxy->mode('answer', TEXT)  each command is answered with TEXT, and the
#                               server does not hear of it
#   $proxy->mode('delay', 5)    what the server says comes so many seconds late
#   $proxy->mode('cut')         some bytes of a reply, then a TCP reset
#   $proxy->to(ADDRESS)         another server: connections are closed
#   $proxy->count               connections that were accepted
#
# A change takes effect at once, on connections that are there too.

package MlsecTest::TcpProxy;

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EINPROGRESS);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);


sub start {
    my ($class, %o) = @_;

    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                         Listen => 128, ReuseAddr => 1)
        or die "no port for the proxy: $!";

    socketpair my $mine, my $its, Socket::AF_UNIX(), Socket::SOCK_STREAM(), 0
        or die "socketpair: $!";

    my $self = bless {
        to => $o{to}, port => $listener->sockport, owner => $$,
        control => $mine, seen => 0,
    }, $class;

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        close $mine;
        $SIG{$_} = 'IGNORE' for qw(PIPE INT HUP);
        $SIG{TERM} = 'DEFAULT';
        eval { $self->_serve($listener, $its); 1 }
            or print STDERR "# proxy: $@";
        POSIX::_exit(0);
    }

    $self->{pid} = $pid;
    close $its;

    return $self;
}


sub port { return $_[0]{port} }


# Returns when the mode is in force.
sub mode {
    my ($self, @words) = @_;

    return $self->_ask(join "\t", 'mode', @words);
}


sub to {
    my ($self, $address) = @_;

    return $self->_ask("to\t$address");
}


sub count {
    my ($self) = @_;

    return $self->_ask('count');
}


sub _ask {
    my ($self, $line) = @_;

    syswrite $self->{control}, "$line\n";
    my $answer = '';

    while ($answer !~ /\n\z/) {
        sysread $self->{control}, $answer, 4096, length $answer
            or die 'the proxy has gone';
    }
    chomp $answer;

    return $answer;
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    kill KILL => $pid;
    waitpid $pid, 0;

    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    $self->stop if $$ == $self->{owner};

    return;
}


sub _serve {
    my ($self, $listener, $control) = @_;

    my ($mode, $value, $accepted) = ('pass', '', 0);
    my %pair;       # fileno => {sock, other, out}
    my @late;       # [when, entry, bytes]
    my $select = IO::Select->new($listener, $control);

    my $drop = sub {
        my ($sock, $reset) = @_;
        my $entry = delete $pair{fileno $sock} or return;

        for my $one ($entry, delete $pair{fileno $entry->{other}}) {
            next unless $one;
            $one->{sock}->setsockopt(SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0)
                if $reset;
            $select->remove($one->{sock});
            close $one->{sock};
        }
    };

    while (1) {
        my $wait = $mode eq 'drip' ? ($value || 0.01) : @late ? 0.005 : 1;

        while (@late && $late[0][0] <= time) {
            my (undef, $entry, $bytes) = @{ shift @late };
            syswrite $entry->{other}, $bytes if defined fileno $entry->{other};
        }

        my @ready = $select->can_read($mode eq 'blackhole' ? 0.005 : $wait);

        for my $sock (@ready) {
            if ($sock == $control) {
                my $n = sysread $control, my $line, 65536;
                return unless $n;

                for (split /\n/, $line) {
                    my ($word, @args) = split /\t/;

                    if ($word eq 'count') {
                        syswrite $control, "$accepted\n";
                        next;
                    }
                    if ($word eq 'to') {
                        $self->{to} = $args[0];
                        $drop->($_, 0)
                            for map { $_->{sock} }
                                grep { $_->{server} } values %pair;
                        syswrite $control, "ok\n";
                        next;
                    }
                    ($mode, $value) = (@args, '');
                    $_->[0] = 0 for @late;      # order is kept
                    my @all = $mode eq 'reset'
                        ? map { $_->{sock} }
                              grep { $_->{server} } values %pair
                        : ();
                    $drop->($_, 1) for @all;
                    syswrite $control, "ok\n";
                }
                next;
            }

            if ($sock == $listener) {
                my $client = $listener->accept or next;
                $accepted++;

                if ($mode eq 'reset') {
                    $client->setsockopt(SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0);
                    close $client;
                    next;
                }
                if ($mode eq 'say') {
                    syswrite $client, $value =~ s/\\r\\n/\r\n/gr;
                }
                my $server = $self->{to} =~ m{^/}
                    ? IO::Socket::UNIX->new(Peer => $self->{to})
                    : IO::Socket::INET->new(PeerAddr => $self->{to});
                if (!$server) {
                    close $client;
                    next;
                }
                $pair{fileno $client} = { sock => $client, other => $server };
                $pair{fileno $server} = {
                    sock => $server, other => $client, server => 1,
                };
                $select->add($client, $server);
                next;
            }

            next if $mode eq 'blackhole';

            my $entry = defined fileno $sock ? $pair{fileno $sock} : undef;
            next unless $entry;

            my $one = $mode eq 'drip' && $entry->{server};
            my $n = sysread $sock, my $bytes, $one ? 1 : 65536;
            if (!$n) {
                $drop->($sock, 0);
                next;
            }
            if ($mode eq 'answer' && !$entry->{server}) {
                my $calls = () = $bytes =~ /^\*\d+\r$/mg;
                syswrite $sock,
                    ($value =~ s/\\r\\n/\r\n/gr) x ($calls || 1);
                next;
            }
            next if $mode eq 'answer';
            if ($mode eq 'delay' && $entry->{server}) {
                push @late, [time + $value, $entry, $bytes];
                next;
            }
            if ($mode eq 'cut' && $entry->{server}) {
                syswrite $entry->{other}, $bytes, $n > 3 ? 3 : $n;
                $drop->($sock, 1);
                next;
            }
            my $at = 0;
            while ($at < $n) {
                my $sent = syswrite $entry->{other}, $bytes, $n - $at, $at;
                if (!defined $sent) {
                    $drop->($sock, 0);
                    last;
                }
                $at += $sent;
            }
            sleep $value || 0.01 if $one;
        }
        sleep 0.005 if $mode eq 'blackhole';
    }
}


1;
