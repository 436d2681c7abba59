# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# An HTTP/1.1 client on a unix socket that gives its test every freedom: bytes
# are sent as they are, several requests before the first response, and the
# connection is dropped when the test says so.

package MlsecTest::Client;

use strict;
use warnings;

use Errno qw(EINTR);
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);


sub new {
    my ($class, $path) = @_;

    my $sock = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";

    binmode $sock;

    return bless { sock => $sock, in => '', methods => [] }, $class;
}


# Sends a request.  method, headers (list of lines), body, version.
sub request {
    my ($self, $path, %o) = @_;

    my $method  = $o{method} // 'GET';
    my $version = $o{version} // '1.1';
    my @lines   = ("$method $path HTTP/$version", 'Host: localhost',
                   @{ $o{headers} // [] });

    push @lines, 'Content-Length: ' . length $o{body} if defined $o{body};

    $self->send(join("\r\n", @lines, '', '') . ($o{body} // ''));
    push @{ $self->{methods} }, $method;

    return;
}


sub send {
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


# A request that was sent by send(): what the next response answers.
sub expect {
    my ($self, $method) = @_;

    push @{ $self->{methods} }, $method;

    return;
}


sub close {
    my ($self) = @_;

    return close $self->{sock};
}


# The next response: {status}, {reason}, {headers} (lower-case name => value,
# several joined by ", "), {raw} (the header), {body}, {time} (s).  Undef when
# none comes within LIMIT seconds or the connection ends before its end.
sub response {
    my ($self, $limit) = @_;

    my $start  = time;
    my $until  = $start + $limit;
    my $method = shift @{ $self->{methods} } // 'GET';
    my $response;

    do {
        $self->_fill($until) or return while $self->{in} !~ /\r\n\r\n/;

        $self->{in} =~ s/\A(.*?\r\n)\r\n//s;
        $response = _parse_header($1) or return;

    } while ($response->{status} >= 100 && $response->{status} < 200
             && $response->{status} != 101);

    my $h = $response->{headers};

    if ($method eq 'HEAD' || $response->{status} =~ /^(?:204|304)$/) {
        $response->{body} = '';

    } elsif (($h->{'transfer-encoding'} // '') eq 'chunked') {
        $response->{body} = $self->_chunked($until) // return;

    } elsif (defined $h->{'content-length'}) {
        $response->{body} = $self->_take($h->{'content-length'}, $until)
            // return;

    } else {
        1 while $self->_fill($until);
        $response->{body} = $self->{in};
        $self->{in} = '';
    }

    $response->{time} = time - $start;

    return $response;
}


# True when the peer closes the connection within LIMIT seconds without a
# further byte.
sub is_closed {
    my ($self, $limit) = @_;

    return if length $self->{in};

    my $ended = !$self->_fill(time + $limit);

    return $ended && $self->{ended};
}


sub _parse_header {
    my ($text) = @_;

    my ($line, @lines) = split /\r\n/, $text;
    my ($status, $reason) = $line =~ m{^HTTP/1\.[01] (\d{3})(?: (.*))?$}
        or return;
    my %headers;

    for (@lines) {
        my ($name, $value) = /^([^:\s]+):\s*(.*?)\s*$/ or return;

        $name = lc $name;
        $headers{$name} = exists $headers{$name}
            ? "$headers{$name}, $value" : $value;
    }

    return {
        status => $status, reason => $reason, headers => \%headers,
        raw => $text,
    };
}


sub _take {
    my ($self, $n, $until) = @_;

    $self->_fill($until) or return while length $self->{in} < $n;

    return substr $self->{in}, 0, $n, '';
}


sub _line {
    my ($self, $until) = @_;

    $self->_fill($until) or return while $self->{in} !~ /\r\n/;

    $self->{in} =~ s/\A(.*?)\r\n//s;

    return $1;
}


sub _chunked {
    my ($self, $until) = @_;

    my $body = '';

    while (1) {
        my $line = $self->_line($until) // return;
        my ($size) = $line =~ /^([0-9a-f]+)\s*(?:;.*)?$/i or return;

        if (hex $size == 0) {
            1 while length($self->_line($until) // return);
            return $body;
        }

        $body .= $self->_take(hex $size, $until) // return;
        length $self->_line($until) // return;
    }
}


sub _fill {
    my ($self, $until) = @_;

    while (1) {
        my $left = $until - time;

        return if $left <= 0;
        return unless IO::Select->new($self->{sock})->can_read($left);

        my $n = sysread $self->{sock}, $self->{in}, 65536, length $self->{in};

        next if !defined $n && $! == EINTR;

        $self->{ended} = 1 unless $n;

        return $n;
    }
}


1;
