# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A strict parser of HTTP/1.x responses (RFC 9112), written for finding faults
# in the sender: what a browser would forgive is an error here.

package MlsecTest::Response;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(parse_responses);

my $TOKEN = qr/[!#\$%&'*+\-.^_`|~0-9A-Za-z]+/;


# Takes everything that came over one connection and the methods that were
# sent over it.  Returns a response for each method:
#
#     status, version, reason   of the status line
#     head                      status line and header lines, as sent
#     headers, trailers         [[name, value], ...] in the order sent
#     body                      decoded
#     error                     what is wrong with it, else undef
#
# After a response with an error no further one is found on the connection.
# Bytes after the last response are an error of that response.
sub parse_responses {
    my ($raw, @methods) = @_;

    my $self = bless { raw => $raw, at => 0 }, __PACKAGE__;
    my @responses;

    for my $method (@methods) {
        my $broken = @responses && $responses[-1]{error};

        push @responses, $broken
            ? _empty('no response: the one before it is broken')
            : $self->_response($method);
    }

    my $last = $responses[-1];

    if (!$last->{error} && $self->{at} < length $raw) {
        $last->{error} = length($raw) - $self->{at}
            . ' bytes after the end of the response: '
            . substr $raw, $self->{at}, 60;
    }

    return @responses;
}


sub _empty {
    my ($error) = @_;

    return { status => '', version => '', reason => '', head => '',
             headers => [], trailers => [], body => '', error => $error };
}


# Returns the next final response; interim ones (1xx, but for the 101 that
# ends HTTP on the connection) are passed over.
sub _response {
    my ($self, $method) = @_;

    while (1) {
        my $response = _empty();

        eval {
            $self->_head($response);
            $self->_body($response, $method)
                unless $response->{status} =~ /^1/;
            1;
        } or do {
            chomp($response->{error} = $@);
            return $response;
        };

        return $response if $response->{status} !~ /^1/;

        if ($response->{status} == 101) {
            $response->{body} = $self->_rest;
            return $response;
        }
    }
}


# Reads the status line and the header lines.
sub _head {
    my ($self, $response) = @_;

    my $start = $self->{at};
    my $line  = $self->_line('the status line');

    @$response{qw(version status reason)}
        = $line =~ /^HTTP\/(1\.[01]) ([1-9]\d\d)(?: ([^\x00-\x08\x0a-\x1f]*))?$/
        or die "bad status line: $line\n";

    $response->{reason} //= '';
    $response->{headers} = $self->_fields('the header section');
    $response->{head}    = substr $self->{raw}, $start,
                                  $self->{at} - $start - 2;

    return;
}


# Returns the field lines up to the empty line, and steps over that.
sub _fields {
    my ($self, $where) = @_;

    my @fields;

    while (length(my $line = $self->_line($where))) {
        my ($name, $value) = $line =~ /^($TOKEN):[ \t]*(.*?)[ \t]*$/s
            or die "bad field line in $where: $line\n";

        die "control character in field $name\n"
            if $value =~ /[\x00-\x08\x0a-\x1f\x7f]/;

        push @fields, [$name, $value];
    }

    return \@fields;
}


# Returns the next line without its CRLF.
sub _line {
    my ($self, $where) = @_;

    my $end = index $self->{raw}, "\r\n", $self->{at};

    die $self->{at} == length $self->{raw} && $where eq 'the status line'
        ? "no response\n"
        : "the response ends in $where\n" if $end < 0;

    my $line = substr $self->{raw}, $self->{at}, $end - $self->{at};

    die "bare CR or LF in $where: $line\n" if $line =~ /[\r\n]/;

    $self->{at} = $end + 2;

    return $line;
}


# Returns the values of the fields named NAME.
sub values_of {
    my ($response, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
        @{ $response->{headers} };
}


# Reads the body by RFC 9112 6.3: none, chunked, counted, or up to the end.
sub _body {
    my ($self, $response, $method) = @_;

    my @length   = values_of($response, 'Content-Length');
    my @transfer = values_of($response, 'Transfer-Encoding');

    die "Content-Length and Transfer-Encoding together\n"
        if @length && @transfer;
    die "more than one Content-Length\n" if @length > 1;
    die "bad Content-Length: $length[0]\n" if @length && $length[0] !~ /^\d+$/;
    die "unknown Transfer-Encoding: @transfer\n"
        if @transfer && lc "@transfer" ne 'chunked';

    return if $method eq 'HEAD' || $response->{status} =~ /^(?:204|304)$/;

    if (@transfer) {
        $self->_chunked($response);

    } elsif (@length) {
        my $have = length($self->{raw}) - $self->{at};

        $response->{body} = substr $self->{raw}, $self->{at}, $length[0];
        $self->{at} += length $response->{body};

        die "the body ends after $have of $length[0] bytes\n"
            if $have < $length[0];

    } else {
        $response->{body} = $self->_rest;
    }

    return;
}


sub _rest {
    my ($self) = @_;

    my $rest = substr $self->{raw}, $self->{at};

    $self->{at} = length $self->{raw};

    return $rest;
}


sub _chunked {
    my ($self, $response) = @_;

    while (1) {
        my $line = $self->_line('a chunk size');

        my ($hex) = $line =~ /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/
            or die "bad chunk size: $line\n";
        my $size = hex $hex;

        last if $size == 0;

        my $have = length($self->{raw}) - $self->{at};

        $response->{body} .= substr $self->{raw}, $self->{at}, $size;

        die "the body ends in a chunk, after $have of $size bytes\n"
            if $have < $size;

        $self->{at} += $size;

        die "no CRLF after a chunk\n"
            if substr($self->{raw}, $self->{at}, 2) ne "\r\n";

        $self->{at} += 2;
    }

    $response->{trailers} = $self->_fields('the trailer section');

    return;
}


1;
