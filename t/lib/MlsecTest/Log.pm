# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What a block says about the log files.
#
# A log is read from where the last check stopped, so each request sees its
# own lines.  nginx may still be writing when the response is complete: the
# reader waits a settling time, and for lines that have to come a while more,
# TEST_NGINX_PATIENCE seconds at most, which costs something only where they do
# not come.

package MlsecTest::Log;

use strict;
use warnings;

use Test::Builder;
use Time::HiRes qw(sleep time);

use MlsecTest::Expand qw(expand);

use constant {
    POLL     => 0.005,   # s
    SHOWN    => 20,      # lines of a log in a diagnostic
};

my $Test = Test::Builder->new;


sub new {
    my ($class, $settings) = @_;

    return bless { settings => $settings, at => {} }, $class;
}


# Forgets the positions: new log files begin.
sub rewind {
    my ($self) = @_;

    $self->{at} = {};

    return;
}


# Makes the checks of BLOCK after a request.  REPEAT and I tell which one of
# repeat_each() and which request of the block it is, NAME says it in words.
sub check {
    my ($self, $block, $name, $repeat) = @_;

    my $settings = $self->{settings};
    my %want     = map { $_ => patterns(scalar $block->$_) }
        qw(error_log no_error_log access_log);
    my $grep     = $block->grep_error_log;

    return unless defined $grep || grep { @$_ } values %want;

    sleep $settings->{settle} * $settings->slowness;

    my $error  = $self->_text($settings->error_log, $want{error_log});
    my $access = $self->_text($settings->access_log, $want{access_log});

    _has($error, $_, "$name - error_log has", 1) for @{ $want{error_log} };
    _has($error, $_, "$name - error_log lacks", 0) for @{ $want{no_error_log} };
    _has($access, $_, "$name - access_log has", 1) for @{ $want{access_log} };

    $self->_grep($block, $grep, $error, $name, $repeat) if defined $grep;

    return;
}


# Returns the patterns of a section as an array of regular expressions and
# strings: each line of text is a string, an array may hold both.
sub patterns {
    my ($value) = @_;

    return [] unless defined $value;

    my @patterns;

    for my $item (ref $value eq 'ARRAY' ? @$value : ($value)) {
        push @patterns, ref $item ? $item
                                  : grep { length } split /\n/, $item // '';
    }

    return \@patterns;
}


# Returns PATTERN as a regular expression: a string stands for itself.
sub regex {
    my ($pattern) = @_;

    return ref $pattern ? $pattern : qr/\Q$pattern\E/;
}


# Returns what was appended to a file since the last call, waiting for every
# one of PATTERNS.
sub _text {
    my ($self, $path, $patterns) = @_;

    my $settings = $self->{settings};
    my $deadline = time + $settings->{patience} * $settings->slowness;
    my $from     = $self->{at}{$path} // 0;
    my $text;

    while (1) {
        $text = _read($path, $from);

        my @missing = grep { !defined _line($text, $_) } @$patterns;

        last if !@missing || time > $deadline;

        sleep POLL;
    }

    $self->{at}{$path} = $from + length $text;

    return $text;
}


sub _read {
    my ($path, $from) = @_;

    open my $fh, '<:raw', $path or return '';
    seek $fh, $from, 0;
    local $/;

    return <$fh> // '';
}


sub _has {
    my ($text, $pattern, $what, $expected) = @_;

    my $line = _line($text, $pattern);

    return if $Test->ok(defined $line == !!$expected, "$what \"$pattern\"");

    $Test->diag($expected ? tail($text) : "found: $line");

    return;
}


# The first line that PATTERN matches: no pattern matches over several.
sub _line {
    my ($text, $pattern) = @_;

    my $regex = regex($pattern);

    for my $line (split /^/, $text) {
        return $line if $line =~ $regex;
    }

    return undef;
}


# Returns the last lines of a log, without the debug ones where others exist.
sub tail {
    my ($text) = @_;

    my @lines = grep { !/ \[debug\] / } split /\n/, $text;

    return 'nothing was logged above level debug' unless @lines;

    splice @lines, 0, @lines - SHOWN if @lines > SHOWN;

    return join "\n", 'the end of the log:', @lines;
}


# `--- grep_error_log PATTERN`: all that matches, a line each, is compared
# with grep_error_log_out, one assertion.
sub _grep {
    my ($self, $block, $pattern, $text, $name, $repeat) = @_;

    my $expected = $block->grep_error_log_out
        // die "--- grep_error_log without --- grep_error_log_out\n";

    if (ref $expected eq 'ARRAY') {
        $expected = $expected->[$repeat];
    }

    my $regex = regex(ref $pattern ? $pattern : $pattern =~ s/\n\z//r);
    my $found = '';

    while ($text =~ /($regex)/g) {
        $found .= "$1\n";
    }

    $Test->is_eq($found, expand($expected // '', $self->{settings}),
                 "$name - grep_error_log");

    return;
}


1;
