# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A service that misbehaves on demand: a process of its own that listens on a
# TCP port and on a unix socket and lets the path of a request choose the
# fault.  What happens to its connections is written to a log, so that a test
# can tell when the gateway has let go of one.
#
#   my $faulty = MlsecTest::Faulty->start(replies => {'/x' => [[out => ...]]});
#   $faulty->address            "127.0.0.1:PORT" for "server" in an upstream{}
#   $faulty->wait_for('gone', '/hang/a', 2)      did the peer leave that request
#   $faulty->count('request', '/hang/a')
#
# A reply is a list of steps, carried out in order:
#
#   [out => BYTES]             send
#   [wait => SECONDS]          do nothing
#   [until => FILE]            do nothing until there is such a file
#   [drip => BYTES, SECONDS]   send a byte each SECONDS
#   [loop => BYTES]            send for ever
#   [hang]                     do nothing for ever
#   [close]                    close as a program does that ends
#   [reset]                    close with a TCP reset
#
# Ready-made paths are listed in %MODES.  /_wait/EVENT/PATH answers
# {"EVENT":true} as soon as the log has that event (within 10 s, else false),
# for tests that can look at the log only by a request.

package MlsecTest::Faulty;

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EINPROGRESS);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

use constant {
    WAIT_LIMIT => 10,           # s, of /_wait
    LOOP_ROOM  => 262_144,      # bytes that a loop keeps ready to be sent
};


# path prefix => the steps for what follows it, split at the slashes
my %MODES = (
    ok       => sub { return json(qq({"name":"$_[0]"})) },
    status   => sub { return json(qq({"status":$_[0]}), status => $_[0]) },
    slow     => sub {
        return [wait => $_[0] / 1000], json(qq({"name":"$_[1]"}));
    },
    hang     => sub { return ['hang'] },
    'half-header' => sub {
        return [out => "HTTP/1.1 200 OK\r\nContent-Ty"], ['hang'];
    },
    'half-body' => sub { return header(length => 100), [out => '{"a":'],
                         ['hang'] },
    drip     => sub {
        return header(length => 100), [drip => '[' . ' ' x 99, $_[0] / 1000];
    },
    'drip-header' => sub {
        return [drip => "HTTP/1.1 200 OK\r\nX-Long: " . 'x' x 100,
                $_[0] / 1000];
    },
    size     => sub { return json('"' . 'x' x ($_[0] - 2) . '"') },
    'size-chunked' => sub {
        return chunked('"' . 'x' x ($_[0] - 2) . '"');
    },
    'size-announced' => sub {
        return header(length => $_[0]), [out => '"'], [loop => 'x' x 16384];
    },
    endless  => sub {
        return header(chunked => 1), [out => "1\r\n\"\r\n"],
            [loop => "4000\r\n" . 'x' x 0x4000 . "\r\n"];
    },
    'header-bomb' => sub {
        return [out => "HTTP/1.1 200 OK\r\nX-Bomb: " . 'b' x $_[0]
                . "\r\nContent-Length: 2\r\n\r\n{}"];
    },
);


sub header {
    my (%o) = @_;

    my $status = $o{status} // 200;
    my $text   = "HTTP/1.1 $status Status\r\n"
        . 'Content-Type: ' . ($o{type} // 'application/json') . "\r\n";

    $text .= "Content-Length: $o{length}\r\n" if defined $o{length};
    $text .= "Transfer-Encoding: chunked\r\n" if $o{chunked};
    $text .= "$_\r\n" for @{ $o{lines} // [] };

    return [out => "$text\r\n"];
}


sub json {
    my ($body, %o) = @_;

    my $head = header(length => length $body, %o);

    return [out => $head->[1] . $body];
}


sub chunked {
    my ($body, %o) = @_;

    return header(chunked => 1, %o),
        [out => sprintf("%x\r\n", length $body) . $body . "\r\n0\r\n\r\n"];
}


# Starts the service.  port: to listen on, any without it.  replies: path =>
# steps, or => code that is given the request ({method}, {path}, {headers},
# {body}) and returns steps.
sub start {
    my ($class, %o) = @_;

    my $dir = File::Temp->newdir('mlsec-faulty-XXXXXXXX', TMPDIR => 1);
    my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 511,
                                    LocalPort => $o{port}, ReuseAddr => 1)
        or die "no TCP port for the faulty service: $!";
    my $unix = IO::Socket::UNIX->new(Local => "$dir/sock", Listen => 511)
        or die "no unix socket for the faulty service: $!";

    chmod 0755, $dir;
    chmod 0666, "$dir/sock";

    pipe my $life, my $hold or die "pipe: $!";

    my $self = bless {
        dir => $dir, file => "$dir/log", port => $tcp->sockport,
        replies => $o{replies} // {}, owner => $$, hold => $hold,
    }, $class;

    open $self->{log}, '>>', $self->{file} or die "$self->{file}: $!";
    $self->{log}->autoflush(1);

    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        close $hold;
        $SIG{$_} = 'IGNORE' for qw(PIPE INT HUP);
        $SIG{TERM} = 'DEFAULT';
        eval { $self->_serve([$tcp, $unix], $life); 1 }
            or print STDERR "faulty service: $@";
        POSIX::_exit(0);
    }

    $self->{pid} = $pid;

    return $self;
}


sub port    { return $_[0]{port} }
sub address { return "127.0.0.1:$_[0]{port}" }
sub path    { return "$_[0]{dir}/sock" }


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    waitpid $pid, 0;

    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    $self->stop if $$ == $self->{owner};

    return;
}


# The log: a list of [EVENT, PATH].
#   request  a whole request has come        gone   the peer left it unanswered
#   done     it has been answered            idle   the peer closed in between
sub events {
    my ($self) = @_;

    open my $in, '<', $self->{file} or die "$self->{file}: $!";

    my @events = map { chomp; [split / /, $_, 2] } grep { /\n\z/ } <$in>;

    return @events;
}


sub count {
    my ($self, $event, $path) = @_;

    return scalar grep {
        $_->[0] eq $event && (!defined $path || $_->[1] eq $path)
    } $self->events;
}


# Waits until the log has an event at least TIMES times.  Returns the seconds
# that it took, undef when it did not come within LIMIT seconds.
sub wait_for {
    my ($self, $event, $path, $limit, $times) = @_;

    my $start = time;

    while (1) {
        return time - $start
            if $self->count($event, $path) >= ($times // 1);
        return if time - $start > $limit;
        sleep 0.005;
    }
}


sub _serve {
    my ($self, $listeners, $life) = @_;

    $self->{select} = IO::Select->new($life, @$listeners);
    $self->{conns}  = {};
    $self->{waits}  = [];
    $self->{seen}   = {};

    my %listener = map { fileno $_ => 1 } @$listeners;

    $_->blocking(0) for @$listeners;

    while (1) {
        $self->_advance($_) for values %{ $self->{conns} };

        my $write = IO::Select->new(
            map { $_->{sock} } grep { length $_->{out} }
                values %{ $self->{conns} });

        my ($can_read, $can_write) = IO::Select->select(
            $self->{select}, $write, undef, $self->_next_time);

        for my $sock (@{ $can_write // [] }) {
            my $conn = $self->{conns}{fileno $sock} or next;
            $self->_flush($conn);
        }

        for my $sock (@{ $can_read // [] }) {
            return if $sock == $life;

            my $fd = fileno $sock;

            next unless defined $fd;

            if ($listener{$fd}) {
                $self->_accept($sock);

            } elsif (my $conn = $self->{conns}{$fd}) {
                $self->_read($conn);
            }
        }
    }
}


sub _accept {
    my ($self, $listener) = @_;

    while (my $sock = $listener->accept) {
        $sock->blocking(0);
        binmode $sock;
        $self->{select}->add($sock);
        $self->{conns}{fileno $sock} = {
            sock => $sock, in => '', out => '', steps => [], path => undef,
        };
    }

    return;
}


sub _read {
    my ($self, $conn) = @_;

    my $n = sysread $conn->{sock}, $conn->{in}, 65536, length $conn->{in};

    if (!defined $n) {
        return if $! == EAGAIN || $! == EINTR;
        return $self->_left($conn);
    }

    return $self->_left($conn) if $n == 0;

    $self->_next_request($conn) unless defined $conn->{path};

    return;
}


sub _next_request {
    my ($self, $conn) = @_;

    my $end = index $conn->{in}, "\r\n\r\n";

    return if $end < 0;

    my ($line, @lines) = split /\r\n/, substr $conn->{in}, 0, $end;
    my ($method, $path) = split / /, $line;
    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @lines;
    my $length  = $headers{'content-length'} // 0;

    return if length $conn->{in} < $end + 4 + $length;

    my $body = substr $conn->{in}, $end + 4, $length;

    substr($conn->{in}, 0, $end + 4 + $length) = '';

    $conn->{path} = $path;
    $self->_note(request => $path);

    my $request = {
        method => $method, path => $path, headers => \%headers,
        body => $body, lines => \@lines,
    };

    $conn->{steps} = [$self->_reply($conn, $request)];
    $self->_advance($conn);

    return;
}


sub _reply {
    my ($self, $conn, $request) = @_;

    my $path  = $request->{path};
    my $reply = $self->{replies}{$path}
        // $self->{replies}{ $path =~ s/\?.*//sr };

    if (defined $reply) {
        return $reply->($request) if ref $reply eq 'CODE';
        return map { [@$_] } @$reply;
    }

    my (undef, $mode, @rest) = split m{/}, $path;

    if (($mode // '') eq '_wait') {
        my $event = shift @rest;

        $conn->{wait} = {
            event => $event, path => join('/', '', @rest),
            until => time + WAIT_LIMIT,
        };

        return ['watch'];
    }

    my $code = $MODES{ $mode // '' };

    return $code ? $code->(@rest) : json('{"unknown":true}', status => 404);
}


# Carries out what is due of a connection's reply.
sub _advance {
    my ($self, $conn) = @_;

    while (defined $conn->{path}) {
        my $step = $conn->{steps}[0];

        if (!defined $step) {
            return if length $conn->{out};

            $self->_note(done => $conn->{path});
            $conn->{path} = undef;

            return $self->_next_request($conn);
        }

        my ($what, $bytes, $seconds) = @$step;

        if ($what eq 'out') {
            $conn->{out} .= $bytes;
            $self->_flush($conn) or return;

        } elsif ($what eq 'wait') {
            $step->[2] //= time + $bytes;
            return if time < $step->[2];

        } elsif ($what eq 'until') {
            return unless -e $bytes;

        } elsif ($what eq 'drip') {
            $step->[3] //= time;

            return if time < $step->[3];

            $conn->{out} .= substr $bytes, 0, 1;
            $self->_flush($conn) or return;
            $step->[1] = substr $bytes, 1;
            $step->[3] += $seconds;

            next if length $step->[1];

        } elsif ($what eq 'loop') {
            $conn->{out} .= $bytes while length $conn->{out} < LOOP_ROOM;
            return;

        } elsif ($what eq 'watch') {
            my $wait = $conn->{wait};
            my $seen = $self->{seen}{"$wait->{event} $wait->{path}"};

            return unless $seen || time > $wait->{until};

            splice @{ $conn->{steps} }, 1, 0,
                json(sprintf '{"%s":%s}', $wait->{event},
                     $seen ? 'true' : 'false');

        } elsif ($what eq 'hang') {
            return;

        } else {
            return if length $conn->{out};

            $conn->{sock}->setsockopt(SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0)
                if $what eq 'reset';

            $self->_note($what => $conn->{path});
            return $self->_drop($conn);
        }

        shift @{ $conn->{steps} };
    }

    return;
}


# Seconds until a step is due.
sub _next_time {
    my ($self) = @_;

    my $next = 1;
    my $now  = time;

    for my $conn (values %{ $self->{conns} }) {
        my $step = $conn->{steps}[0];

        next unless defined $conn->{path} && $step;

        my $due = $step->[0] eq 'wait'  ? $step->[2]
                : $step->[0] eq 'drip'  ? $step->[3]
                : $step->[0] =~ /^(?:watch|until)$/ ? $now + 0.01
                :                         undef;

        next unless defined $due;

        $next = $due - $now if $due - $now < $next;
    }

    return $next > 0 ? $next : 0;
}


sub _flush {
    my ($self, $conn) = @_;

    while (length $conn->{out}) {
        my $n = syswrite $conn->{sock}, $conn->{out};

        if (!defined $n) {
            return 1 if $! == EAGAIN;
            next if $! == EINTR;
            $self->_left($conn);
            return 0;
        }

        substr($conn->{out}, 0, $n) = '';
    }

    return 1;
}


sub _left {
    my ($self, $conn) = @_;

    $self->_note(defined $conn->{path} ? (gone => $conn->{path})
                                       : (idle => '-'));

    return $self->_drop($conn);
}


sub _drop {
    my ($self, $conn) = @_;

    my $sock = $conn->{sock};

    $conn->{path} = undef;
    $self->{select}->remove($sock);
    delete $self->{conns}{fileno $sock};
    close $sock;

    return;
}


sub _note {
    my ($self, $event, $path) = @_;

    return if $path =~ m{^/_wait/};

    $self->{seen}{"$event $path"}++;
    syswrite $self->{log}, "$event $path\n";

    return;
}


# A TCP address at which a connection is never established: the kernel's
# queue of a listening socket that nobody accepts from is full, so that it
# answers no SYN any more.
package MlsecTest::Faulty::Blackhole;

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(pack_sockaddr_in sockaddr_in inet_aton AF_INET SOCK_STREAM);
use Time::HiRes qw(time sleep);


sub new {
    my ($class) = @_;

    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no port for the black hole: $!";

    listen $listener, 0 or die "listen: $!";

    my $self = bless { listener => $listener, fill => [] }, $class;

    for (1 .. 8) {
        socket my $sock, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
        $sock->blocking(0);
        connect $sock, pack_sockaddr_in($self->port, inet_aton('127.0.0.1'));
        push @{ $self->{fill} }, $sock;
    }

    return $self;
}


sub port    { return $_[0]{listener}->sockport }
sub address { return '127.0.0.1:' . $_[0]->port }


# How many sockets of others are trying to connect right now: in /proc/net/tcp
# state 02 is SYN_SENT.  Those of its own give up after some two minutes.
sub waiting {
    my ($self) = @_;

    my $port = sprintf '%04X', $self->port;
    my %own  = map { sprintf('%04X', (sockaddr_in(getsockname $_))[0]) => 1 }
        @{ $self->{fill} };

    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";

    return scalar grep {
        /^\s*\d+: [0-9A-F]{8}:(\S+) [0-9A-F]{8}:$port 02 / && !$own{$1}
    } <$in>;
}


# Waits until exactly N sockets are connecting; true when that happened.
sub wait_for {
    my ($self, $n, $limit) = @_;

    my $until = time + $limit;

    while ($self->waiting != $n) {
        return 0 if time > $until;
        sleep 0.005;
    }

    return 1;
}


1;
