# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# From the sections of a block to the bytes that go out.
#
# The result is a list of exchanges, one connection each:
#
#     packets   [{data, delay}, ...]: bytes, and seconds to wait before them
#     methods   [METHOD, ...]: one for each response that is expected

package MlsecTest::Request;

use strict;
use warnings;

use Exporter 'import';

use MlsecTest::Expand qw(expand);

our @EXPORT_OK = qw(exchanges);


# Returns the exchanges of BLOCK, an empty list when it has no request.  Dies
# with a reason when a section cannot be understood.
sub exchanges {
    my ($block, $settings) = @_;

    if (defined(my $raw = $block->raw_request)) {
        return _raw($raw, scalar $block->raw_request_middle_delay // 0);
    }

    my $headers = $block->more_headers;

    if (defined(my $list = $block->pipelined_requests)) {
        die "--- pipelined_requests is not an array\n"
            unless ref $list eq 'ARRAY';
        return _pipelined($list, $headers, $settings);
    }

    my $request = $block->request;

    return unless defined $request;

    my @requests = ref $request eq 'ARRAY' ? @$request : ($request);

    return map {
        my ($packets, $method)
            = _request($requests[$_], _headers_of($headers, $_), 1);
        { packets => $packets, methods => [$method] };
    } 0 .. $#requests;
}


sub _raw {
    my ($raw, $delay) = @_;

    my @parts  = ref $raw eq 'ARRAY' ? @$raw : ($raw);
    my $method = join('', @parts) =~ /^\s*([A-Z]+) / ? $1 : 'GET';
    my @packets;

    for my $i (0 .. $#parts) {
        push @packets, { data => $parts[$i], delay => $i ? $delay : 0 };
    }

    return { packets => \@packets, methods => [$method] };
}


sub _pipelined {
    my ($list, $headers, $settings) = @_;

    my (@packets, @methods);

    for my $i (0 .. $#$list) {
        my ($packets, $method)
            = _request(expand($list->[$i], $settings),
                       _headers_of($headers, $i), $i == $#$list);

        push @packets, @$packets;
        push @methods, $method;
    }

    return { packets => _joined(@packets), methods => \@methods };
}


# Returns the packets with those that need no pause glued to the one before.
sub _joined {
    my @packets = @_;
    my @joined;

    for my $packet (@packets) {
        if (@joined && !$packet->{delay}) {
            $joined[-1]{data} .= $packet->{data};

        } else {
            push @joined, {%$packet};
        }
    }

    return \@joined;
}


# The headers of request I: an array gives each its own.
sub _headers_of {
    my ($headers, $i) = @_;

    return ref $headers eq 'ARRAY' ? $headers->[$i] // '' : $headers // '';
}


# Returns the packets and the method of one request.  SPEC is its text, or an
# array whose elements are packets: text, or {value, delay_before}.
sub _request {
    my ($spec, $more_headers, $is_last) = @_;

    my @parts;

    for my $part (ref $spec eq 'ARRAY' ? @$spec : ($spec)) {
        push @parts, ref $part eq 'HASH'
            ? { text => $part->{value}, delay => $part->{delay_before} // 0 }
            : { text => $part, delay => 0 };
    }

    die "a request is empty\n" if grep { !defined $_->{text} } @parts;

    my ($headers, $given)      = _header_lines($more_headers, $is_last);
    my ($line, $method, $body) = _parse(join '', map { $_->{text} } @parts);

    # A body that the test does not count itself has no space around it.
    if (!$given->{'content-length'} && !$given->{'transfer-encoding'}) {
        $body =~ s/\A\s+|\s+\z//g;
        $parts[-1]{text} =~ s/\s+\z//;
        $headers .= 'Content-Length: ' . length($body) . "\r\n"
            if length $body;
    }

    return (_cut("$line$headers\r\n$body", \@parts), $method);
}


# Returns request line, method and body of the text of a request.
sub _parse {
    my ($text) = @_;

    $text =~ s/\A(?:[ \t]*(?:\#[^\n]*)?\n)+//;

    my ($line, $body) = split /\r?\n/, $text, 2;

    my ($method, $rest) = ($line // '') =~ /^\s*([A-Za-z]+)(?:\s+(.*?))?\s*$/
        or die 'not a request line: "', $line // '', "\"\n";

    $rest //= '';

    my $version = $rest =~ s/(?:^|\s+)(HTTP\/\d+\.\d+)$// ? $1 : 'HTTP/1.1';
    my $uri     = length $rest ? $rest : '/';

    return ("$method $uri $version\r\n", $method, $body // '');
}


# Returns the header lines of a request, and a hash of the names, in lower case,
# that the test gave.
sub _header_lines {
    my ($more, $is_last) = @_;

    my @lines = grep { /\S/ && !/^\s*#/ } split /\r?\n/, $more;
    my %given;

    for (@lines) {
        $given{ lc $1 } = 1 if /^\s*([^:\s]+)\s*:/;
    }

    my @own;

    push @own, 'Host: localhost' unless $given{host};
    push @own, 'Connection: ' . ($is_last ? 'close' : 'keep-alive')
        unless $given{connection};

    return (join('', map { "$_\r\n" } @own, @lines), \%given);
}


# Cuts DATA where the parts of the request meet.  The lengths of the parts are
# those of the text, so everything that was added belongs to the first.
sub _cut {
    my ($data, $parts) = @_;

    return [{ data => $data, delay => $parts->[0]{delay} }] if @$parts == 1;

    my @packets;
    my $end = length $data;

    for my $part (reverse @$parts[1 .. $#$parts]) {
        my $start = $end - length $part->{text};
        $start = 0 if $start < 0;

        unshift @packets, { data  => substr($data, $start, $end - $start),
                            delay => $part->{delay} };
        $end = $start;
    }

    unshift @packets, { data  => substr($data, 0, $end),
                        delay => $parts->[0]{delay} };

    return \@packets;
}


1;
