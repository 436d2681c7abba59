# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Faults that no block has to ask about: alerts, crashes, failed assertions,
# reports of a sanitizer or of valgrind, an nginx that does not end.  Each adds
# one "not ok" when it happens and nothing when it does not, so that a plan
# counts the same here and under a runner that only warns.

package MlsecTest::Watch;

use strict;
use warnings;

use Test::Builder;

use MlsecTest::Log;

use constant SHOWN => 60;    # lines of a report in a diagnostic

my $Test = Test::Builder->new;

# nginx logs the death of a worker by a signal as an alert.
my $FAULT  = qr{^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[alert\]|Assertion .* failed};
my $STDERR = qr/Assertion .* failed|: runtime error: |==ERROR: \w+Sanitizer/;


# Reports that exist already belong to somebody else.
sub new {
    my ($class, $settings) = @_;

    my $self = bless { settings => $settings, at => 0, excused => [] }, $class;

    $self->{known} = { map { $_ => 1 } $self->_reports };

    return $self;
}


# Begins a new list of expected lines and, unless GROWING, a new error.log.
sub rewind {
    my ($self, $growing) = @_;

    $self->{at}      = 0 unless $growing;
    $self->{excused} = [];

    return;
}


# A fault line that BLOCK has an error_log, no_error_log or grep_error_log
# pattern for has been judged there.
sub excuse {
    my ($self, $block) = @_;

    push @{ $self->{excused} },
        map { MlsecTest::Log::regex($_) }
        map { @{ MlsecTest::Log::patterns(scalar $block->$_) } }
        qw(error_log no_error_log grep_error_log);

    return;
}


# Looks at what has appeared since the last call; NAME is the block to blame.
sub look {
    my ($self, $name) = @_;

    my $faults = join '', grep { $self->_is_fault($_) } $self->_new_lines;

    _fault("$name - faults in the error log", $faults) if length $faults;

    for my $path (grep { !$self->{known}{$_}++ } $self->_reports) {
        _fault("$name - sanitizer report $path", _head($path));
    }

    return;
}


# After nginx has been stopped: what stop() found wrong, then the last lines.
sub look_after_stop {
    my ($self, $name, $server, @wrong) = @_;

    $self->death($name, $server, @wrong) if @wrong;

    my $valgrind = $server->valgrind_text;

    _fault("$name - valgrind report", $valgrind) if $valgrind =~ /^==\d+== \S/m;

    my $stderr = $server->stderr_text;

    _fault("$name - faults on standard error", $stderr) if $stderr =~ $STDERR;

    $self->look($name);

    return;
}


# Reports an nginx that did not start, died or did not end, with the words of
# its last moments.
sub death {
    my ($self, $name, $server, @wrong) = @_;

    _fault("$name - nginx", join "\n", @wrong, $server->stderr_text,
           MlsecTest::Log::tail($self->_whole_log));

    return;
}


sub _fault {
    my ($name, $text) = @_;

    my @lines = split /\n/, $text;

    if (@lines > SHOWN) {
        splice @lines, SHOWN;
        push @lines, '...';
    }

    $Test->ok(0, $name);
    $Test->diag(join "\n", @lines);

    return;
}


sub _is_fault {
    my ($self, $line) = @_;

    return 0 if $line !~ $FAULT || $line =~ / \[debug\] /;

    return !grep { $line =~ $_ } @{ $self->{excused} };
}


sub _new_lines {
    my ($self) = @_;

    open my $fh, '<:raw', $self->{settings}->error_log or return;
    seek $fh, $self->{at}, 0;

    my @lines = <$fh>;

    # A line that is still being written is left for the next call.
    pop @lines if @lines && $lines[-1] !~ /\n\z/;
    $self->{at} += length join '', @lines;

    return @lines;
}


sub _whole_log {
    my ($self) = @_;

    open my $fh, '<:raw', $self->{settings}->error_log or return '';
    local $/;

    return <$fh> // '';
}


# The files that a sanitizer told to use log_path=PREFIX has written.
sub _reports {
    my ($self) = @_;

    my $prefix = $self->{settings}{sanitizer_log};

    return unless length $prefix;

    my ($dir, $base) = $prefix =~ m{^(.*/)?([^/]*)$}s;

    $dir //= './';
    opendir my $handle, $dir or return;

    return map { "$dir$_" } sort grep { /^\Q$base\E\./ } readdir $handle;
}


sub _head {
    my ($path) = @_;

    open my $fh, '<:raw', $path or return "$path: $!";
    read $fh, my $text, 8192;

    return $text // '';
}


1;
