# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# $TEST_NGINX_* in the text of a test.

package MlsecTest::Expand;

use strict;
use warnings;

use Exporter 'import';
use Test::Builder;

our @EXPORT_OK = qw(expand expand_port);


# Returns TEXT with each $TEST_NGINX_NAME replaced: $TEST_NGINX_RAND_PORT_n by
# a free port, any other by the environment variable of that name.  A name
# that is not set ends the whole run: the environment is wrong for every file.
sub expand {
    my ($text, $settings) = @_;

    return $text unless defined $text && !ref $text;

    $text =~ s{\$(TEST_NGINX_[A-Z0-9_]+)}{
        _value($1, $settings)
    }gex;

    return $text;
}


sub _value {
    my ($name, $settings) = @_;

    if ($name =~ /^TEST_NGINX_RAND_PORT_\d+$/) {
        return $settings->{ports}->named($name);
    }

    return $ENV{$name} if defined $ENV{$name};

    Test::Builder->new->BAIL_OUT("environment variable $name is not set");
}


# Returns an expected value with $ServerPort replaced by the port in use.
sub expand_port {
    my ($text, $settings) = @_;

    return $text if !defined $text || ref $text;

    $text =~ s/\$ServerPort\b/$settings->{port}/g;

    return $text;
}


1;
