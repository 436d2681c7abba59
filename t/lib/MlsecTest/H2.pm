# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# An HTTP/2 client without TLS (prior knowledge) on a unix socket, for tests
# that choose the frames: a body in pieces, a reset in mid-flight, many streams
# at once.  Headers are sent as literals (RFC 7541, 6.2.3), so that no state
# of a header table is kept; of a response's header only the status is read.

package MlsecTest::H2;

use strict;
use warnings;

use Errno qw(EINTR);
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8,

    END_STREAM => 0x1, ACK => 0x1, END_HEADERS => 0x4, PADDED => 0x8,

    WINDOW => 0x3fff_ffff,    # octets that the peer may send ahead
};


sub new {
    my ($class, $path) = @_;

    my $sock = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";

    binmode $sock;

    my $self = bless {
        sock => $sock, in => '', next => 1, streams => {}, window => 65535,
    }, $class;

    $self->_send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->_frame(SETTINGS, 0, 0, pack 'nN', 4, WINDOW);     # initial window
    $self->_frame(WINDOW_UPDATE, 0, 0, pack 'N', WINDOW - 65535);

    return $self;
}


# Opens a stream.  method, headers (list of [name, value]), end => 0 when data
# will follow.  Returns its number.
sub request {
    my ($self, $path, %o) = @_;

    my $id = $self->{next};

    $self->{next} += 2;
    $self->{streams}{$id} = { body => '', data => 0 };

    my $block = join '', map { _literal(@$_) } (
        [':method', $o{method} // 'GET'], [':scheme', 'http'],
        [':authority', 'localhost'], [':path', $path],
        @{ $o{headers} // [] });

    $self->_frame(HEADERS, END_HEADERS | (($o{end} // 1) ? END_STREAM : 0),
                  $id, $block);

    return $id;
}


# Sends a piece of a body, not longer than what the peer lets through at once.
sub data {
    my ($self, $id, $bytes, $end) = @_;

    $self->_frame(DATA, $end ? END_STREAM : 0, $id, $bytes);

    return;
}


# Sends a body of any length, and waits for the peer's windows.
sub body {
    my ($self, $id, $bytes, $limit) = @_;

    my $until = time + $limit;

    $self->_read(0.05);
    $self->{streams}{$id}{window} //= $self->{initial} // 65535;

    while (length $bytes) {
        my $n = 16384;

        for my $room (length $bytes, $self->{window},
                      $self->{streams}{$id}{window})
        {
            $n = $room if $room < $n;
        }

        if ($n <= 0) {
            return if time > $until;
            $self->_read(0.05);
            next;
        }

        my $piece = substr $bytes, 0, $n, '';

        $self->{window} -= $n;
        $self->{streams}{$id}{window} -= $n;
        $self->data($id, $piece, !length $bytes);
    }

    return 1;
}


sub reset {
    my ($self, $id) = @_;

    $self->_frame(RST_STREAM, 0, $id, pack 'N', 8);     # CANCEL
    delete $self->{streams}{$id};

    return;
}


sub close {
    my ($self) = @_;

    return close $self->{sock};
}


# The response on a stream: {status}, {body}, {reset} (error code of the
# peer's RST_STREAM).  Undef when it has not ended within LIMIT seconds.
sub response {
    my ($self, $id, $limit) = @_;

    my $until  = time + $limit;
    my $stream = $self->{streams}{$id};

    while (!$stream->{ended} && !defined $stream->{reset}) {
        return if time > $until || $self->{closed};
        $self->_read($until - time);
    }

    delete $self->{streams}{$id};

    return $stream;
}


sub goaway { return $_[0]{goaway} }


# True when the peer answers a ping within LIMIT seconds.
sub ping {
    my ($self, $limit) = @_;

    my $until = time + $limit;

    $self->{pong} = 0;
    $self->_frame(PING, 0, 0, 'mlsectes');

    until ($self->{pong}) {
        return 0 if time > $until || $self->{closed};
        $self->_read($until - time);
    }

    return 1;
}


sub _literal {
    my ($name, $value) = @_;

    return "\x10" . _string($name) . _string($value);
}


sub _string {
    my ($text) = @_;

    my $length = length $text;

    return chr($length) . $text if $length < 127;

    my $out = "\x7f";

    for ($length -= 127; $length >= 128; $length >>= 7) {
        $out .= chr(0x80 | ($length & 0x7f));
    }

    return $out . chr($length) . $text;
}


sub _frame {
    my ($self, $type, $flags, $id, $payload) = @_;

    my $length = length $payload;

    return $self->_send(pack('CnCCN', $length >> 16, $length & 0xffff, $type,
                             $flags, $id) . $payload);
}


sub _send {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{sock}, $bytes;

        next if !defined $n && $! == EINTR;
        return unless defined $n;

        substr($bytes, 0, $n) = '';
    }

    return 1;
}


sub _read {
    my ($self, $limit) = @_;

    return if $limit <= 0 || $self->{closed};
    return unless IO::Select->new($self->{sock})->can_read($limit);

    my $n = sysread $self->{sock}, $self->{in}, 65536, length $self->{in};

    if (!$n) {
        $self->{closed} = 1 if defined $n || $! != EINTR;
        return;
    }

    while (length $self->{in} >= 9) {
        my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $self->{in};
        my $length = $high << 16 | $low;

        last if length $self->{in} < 9 + $length;

        my $payload = substr $self->{in}, 9, $length;

        substr($self->{in}, 0, 9 + $length) = '';
        $self->_take($type, $flags, $id & 0x7fff_ffff, $payload);
    }

    return;
}


sub _take {
    my ($self, $type, $flags, $id, $payload) = @_;

    my $stream = $self->{streams}{$id} // {};

    if ($type == DATA) {
        $stream->{body} .= $payload;

    } elsif ($type == HEADERS) {
        $stream->{status} //= _status($payload);

    } elsif ($type == RST_STREAM) {
        $stream->{reset} = unpack 'N', $payload;

    } elsif ($type == GOAWAY) {
        $self->{goaway} = 1;

    } elsif ($type == PING) {
        if ($flags & ACK) {
            $self->{pong} = 1;

        } else {
            $self->_frame(PING, ACK, 0, $payload);
        }

    } elsif ($type == WINDOW_UPDATE) {
        my $n = unpack 'N', $payload;

        if ($id) {
            $stream->{window} = ($stream->{window} // $self->{initial}
                                 // 65535) + $n;

        } else {
            $self->{window} += $n;
        }

    } elsif ($type == SETTINGS && !($flags & ACK)) {
        while ($payload =~ s/\A(..)(....)//s) {
            $self->{initial} = unpack 'N', $2 if unpack('n', $1) == 4;
        }

        $self->_frame(SETTINGS, ACK, 0, '');
    }

    $stream->{ended} = 1
        if ($type == DATA || $type == HEADERS) && $flags & END_STREAM;

    return;
}


# The status is the first field: an entry of the static table, or a literal
# with the name of one.
sub _status {
    my ($block) = @_;

    $block =~ s/\A[\x20-\x3f]//;     # size of the table

    my $first = ord $block;
    my @known = (200, 204, 206, 304, 400, 404, 500);

    return $known[$first - 0x88] if $first >= 0x88 && $first <= 0x8e;
    return substr $block, 2, 3 if substr($block, 1, 1) eq "\x03";

    # three digits in Huffman code
    return;
}


1;
