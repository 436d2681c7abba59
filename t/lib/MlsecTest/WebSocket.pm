# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The client's side of RFC 6455, as far as tests need it: whole messages in
# one frame, masked.
#
#   my $w = MlsecTest::WebSocket->open($port, '/ws', Origin => 'http://a');
#   $w->{status}, $w->{headers}{lower_case}, $w->{body} when it is not 101
#   $w->send(1, 'text');  my ($opcode, $data) = $w->receive;  # () at the end

package MlsecTest::WebSocket;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;

use constant PATIENCE => 30;            # seconds of silence

sub open {
    my ($class, $port, $path, %headers) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
        or return bless { status => 0, body => "$!" }, $class;
    binmode $s;
    my $self = bless { socket => $s, text => '' }, $class;
    my %all = (Host => "127.0.0.1:$port", Upgrade => 'websocket',
               Connection => 'Upgrade', 'Sec-WebSocket-Version' => 13,
               'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==', %headers);

    # undef: without it
    $self->raw("GET $path HTTP/1.1\r\n" . join('', map { "$_: $all{$_}\r\n" }
               grep { defined $all{$_} } sort keys %all) . "\r\n");
    while ($self->{text} !~ /\r\n\r\n/) {
        last if !$self->more;
    }
    $self->{text} =~ s/\A(.*?)\r\n\r\n//s or return $self;
    my ($first, @lines) = split /\r\n/, $1;
    ($self->{status}) = $first =~ m{\AHTTP/1\.1 (\d+)};
    for (@lines) {
        $self->{headers}{lc $1} = $2 if /\A([^:]+): *(.*)\z/;
    }
    if ($self->{status} != 101) {
        my $length = $self->{headers}{'content-length'} // 0;
        while (length $self->{text} < $length) {
            last if !$self->more;
        }
        $self->{body} = $self->{text};
    }
    return $self;
}

# More bytes are there: true. The end, or nothing for long: false.
sub more {
    my ($self) = @_;
    my $select = IO::Select->new($self->{socket});
    return 0 if !$select->can_read(PATIENCE);
    return sysread $self->{socket}, $self->{text}, 65536,
        length $self->{text};
}

sub raw {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes or return;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

sub frame {
    my ($opcode, $data) = @_;
    my $n = length $data;
    my $mask = "\x12\x34\x56\x78";
    my $size = $n < 126 ? pack 'C', 0x80 | $n
        : $n < 65536 ? pack 'Cn', 0x80 | 126, $n : pack 'CQ>', 0x80 | 127, $n;
    return pack('C', 0x80 | $opcode) . $size . $mask
        . ($data ^ substr $mask x ($n / 4 + 1), 0, $n);
}

sub send {
    my ($self, $opcode, $data) = @_;
    return $self->raw(frame($opcode, $data));
}

sub receive {
    my ($self) = @_;
    while (1) {
        if ($self->{text} =~ /\A(.)([\x00-\x7d]|\x7e..|\x7f.{8})/s) {
            my ($opcode, $size) = (ord($1) & 15, $2);
            my $head = 1 + length $size;
            my $n = length $size == 1 ? ord $size
                : unpack length $size == 3 ? 'x n' : 'x Q>', $size;
            if (length $self->{text} >= $head + $n) {
                my $data = substr $self->{text}, $head, $n;
                substr $self->{text}, 0, $head + $n, '';
                return ($opcode, $data);
            }
        }
        $self->more or return;
    }
}

# "OPCODE DATA" of the next message, "end" when there is none
sub next_message {
    my ($self) = @_;
    my @message = $self->receive;
    return @message ? "@message" : 'end';
}

1;
