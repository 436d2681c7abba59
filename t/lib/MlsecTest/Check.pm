# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What a block says about a response, one assertion a statement.
#
# The number of assertions is part of the format: `plan tests` in a test file
# counts them.  The status is always one; the first present of each of these
# groups counts, the others are ignored:
#
#     error_code_like, error_code
#     raw_response_headers_like, raw_response_headers_unlike (1 each)
#     response_headers, response_headers_like       (1 a line)
#     response_body, response_body_like, response_body_unlike

package MlsecTest::Check;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use Test::Builder;

use MlsecTest::Expand qw(expand expand_port);
use MlsecTest::Response;

our @EXPORT_OK = qw(check_response);

my $Test = Test::Builder->new;

my %FILTERS = (
    uc      => sub { uc $_[0] },
    lc      => sub { lc $_[0] },
    md5_hex => \&md5_hex,
);

use constant SHOWN => 2000;    # bytes of a response in a diagnostic


# Checks RESPONSE, number I of COUNT of BLOCK.  With more than one response
# each section must be an array, whose element I is used; error_code may be
# left out.  An array that is too short fails where its element is missing.
sub check_response {
    my ($block, $settings, $response, $i, $count) = @_;

    my $self = bless {
        block    => $block,
        settings => $settings,
        response => $response,
        i        => $i,
        count    => $count,
        name     => $block->name . ($count > 1 ? ", request $i" : ''),
        passed   => 1,
    }, __PACKAGE__;

    $self->_status;
    $self->_raw_headers;
    $self->_headers;
    $self->_body;

    $Test->diag($self->_shown) if !$self->{passed};

    return;
}


# Returns what section NAME wants of this response, undef when it is absent.
sub _wanted {
    my ($self, $name) = @_;

    my $value = $self->{block}->$name;

    return undef unless defined $value;

    if ($self->{count} > 1) {
        die "--- $name must be an array: there are $self->{count} requests\n"
            if ref $value ne 'ARRAY';
        $value = $value->[ $self->{i} ];

    } elsif (ref $value eq 'ARRAY') {
        $value = $value->[0];
    }

    return expand_port($value, $self->{settings});
}


sub _has {
    my ($self, $name) = @_;

    return defined $self->{block}->$name;
}


sub _status {
    my ($self) = @_;

    my $got = $self->{response}{status};

    if ($self->_has('error_code_like')) {
        return $self->_like($got, $self->_wanted('error_code_like'),
                            'status code like');
    }

    my $code = $self->_has('error_code') ? $self->_wanted('error_code') : 200;
    $code =~ s/\s+//g if defined $code;

    $self->_is($got, $code, 'status code');

    return;
}


sub _raw_headers {
    my ($self) = @_;

    my $head = $self->{response}{head};

    for my $section (map { "raw_response_headers_$_" } qw(like unlike)) {
        next unless $self->_has($section);

        my $compare = $section =~ /unlike/ ? '_unlike' : '_like';
        (my $what = $section) =~ tr/_/ /;

        $self->$compare($head, $self->_wanted($section), $what);
    }

    return;
}


sub _headers {
    my ($self) = @_;

    if (defined(my $lines = $self->_wanted('response_headers'))) {
        for my $line (_lines($lines)) {
            if ($line =~ /^!\s*(\S+)$/) {
                $self->_is($self->_header($1), undef, "header $1 is absent");
                next;
            }

            my ($name, $value) = _field($line, 'response_headers');
            $self->_is($self->_header($name), $value, "header $name");
        }

    } elsif (defined($lines = $self->_wanted('response_headers_like'))) {
        for my $line (_lines($lines)) {
            my ($name, $like) = _field($line, 'response_headers_like');
            $self->_like($self->_header($name) // '', qr/^$like$/,
                         "header $name like");
        }
    }

    return;
}


sub _lines { return grep { /\S/ } split /\r?\n/, $_[0] }


sub _field {
    my ($line, $section) = @_;

    my ($name, $value) = $line =~ /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/
        or die "--- $section: not \"Name: value\": $line\n";

    return ($name, $value);
}


# Returns the value of a field, several joined as RFC 9110 5.2 allows.
sub _header {
    my ($self, $name) = @_;

    my @values = MlsecTest::Response::values_of($self->{response}, $name);

    return @values ? join ', ', @values : undef;
}


sub _body {
    my ($self) = @_;

    my $body = $self->_filtered($self->{response}{body});

    if ($self->_has('response_body')) {
        my $exact = expand($self->_wanted('response_body'), $self->{settings});
        $self->_is($body, $exact, 'response body');

    } elsif ($self->_has('response_body_like')) {
        $self->_like($body, $self->_wanted('response_body_like'),
                     'response body like');

    } elsif ($self->_has('response_body_unlike')) {
        $self->_unlike($body, $self->_wanted('response_body_unlike'),
                       'response body unlike');
    }

    return;
}


# Applies `--- response_body_filters`: names, code references or arrays of
# them; in an array of arrays each request has its own.
sub _filtered {
    my ($self, $body) = @_;

    my $filters = $self->{block}->response_body_filters;

    return $body unless defined $filters;

    my @filters = ref $filters eq 'ARRAY' ? @$filters
                : ref $filters            ? $filters
                                          : split ' ', $filters;

    @filters = @{ $filters[ $self->{i} ] // [] } if ref $filters[0] eq 'ARRAY';

    for my $filter (@filters) {
        my $code = ref $filter eq 'CODE' ? $filter : $FILTERS{$filter};

        die "--- response_body_filters: no filter $filter\n" unless $code;

        $body = $code->($body);
    }

    return $body;
}


sub _is {
    my ($self, $got, $expected, $what) = @_;

    my $ok = $Test->is_eq($got, $expected, "$self->{name} - $what");

    $self->{passed} &&= $ok;

    return;
}


# A string is a pattern as it stands: the line break that ends a section is
# part of it.  A pattern that is missing fails.

sub _like {
    my ($self, $got, $like, $what) = @_;

    my $ok = defined $like
        ? $Test->like($got, qr/$like/s, "$self->{name} - $what")
        : $self->_missing($what);

    $self->{passed} &&= $ok;

    return;
}


sub _unlike {
    my ($self, $got, $like, $what) = @_;

    my $ok = defined $like
        ? $Test->unlike($got, qr/$like/s, "$self->{name} - $what")
        : $self->_missing($what);

    $self->{passed} &&= $ok;

    return;
}


sub _missing {
    my ($self, $what) = @_;

    $Test->ok(0, "$self->{name} - $what");
    $Test->diag("the array has no element $self->{i}");

    return 0;
}


sub _shown {
    my ($self) = @_;

    my $response = $self->{response};
    my $text     = "$response->{head}\r\n$response->{body}";

    $text = substr($text, 0, SHOWN) . '...' if length $text > SHOWN;
    $text =~ s/([^\n\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    $text =~ s/\\x0d\n/\n/g;

    return "the response was:\n$text";
}


1;
