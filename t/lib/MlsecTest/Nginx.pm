# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The functions that a test file in Test::Nginx format calls, on top of
# Test::Base, which reads the blocks.  What a block does is in MlsecTest::Run.

package MlsecTest::Nginx;

use strict;
use warnings;

use Test::Base ();
use Test::Builder;

use MlsecTest::Run;
use MlsecTest::Settings;

our @ISA    = ('Test::Base');
our @EXPORT = qw(
    run_tests repeat_each
    no_shuffle no_long_string no_root_location
    workers worker_connections master_on master_off master_process_enabled
    log_level timeout use_hup env_to_nginx
    server_port server_root html_dir $ServerPort
    add_block_preprocessor add_cleanup_handler bail_out
);

our $ServerPort;

my $Settings = MlsecTest::Settings->new;
my $Run;

$ServerPort = $Settings->{port};


# Runs every block of the file.
sub run_tests() {
    $Run = MlsecTest::Run->new($Settings);
    $Run->run(Test::Base::blocks());

    return;
}


# Each of these sets a value when it is given one, and returns the value.

sub repeat_each(@) { return _setting('repeat_each', @_) }

sub workers(@) { return _setting('workers', @_) }

sub worker_connections(@) { return _setting('worker_connections', @_) }

sub log_level(@) { return _setting('log_level', @_) }

sub timeout(@) { return _setting('timeout', @_) }

sub master_process_enabled(@) {
    $Settings->{master} = $_[0] ? 'on' : 'off' if @_;

    return $Settings->{master} eq 'on';
}


sub _setting {
    my ($name, @value) = @_;

    $Settings->{$name} = $value[0] if @value;

    return $Settings->{$name};
}


sub server_port(@) {
    my ($port) = @_;

    if (defined $port) {
        $Settings->{port} = $ServerPort = $port;
        $Settings->export;
    }

    return $Settings->{port};
}


sub server_root() { return $Settings->{root} }

sub html_dir() { return $Settings->html_dir }

sub no_shuffle() { $Settings->{shuffle} = 0; return }

sub no_root_location() { $Settings->{root_location} = 0; return }

sub master_on() { $Settings->{master} = 'on'; return }

sub master_off() { $Settings->{master} = 'off'; return }

# Long strings are never cut in the diagnostics of this runner.
sub no_long_string() { return }


# One nginx for all blocks, given each new configuration with HUP.
sub use_hup() {
    $Settings->{use_hup} = 1;
    $Settings->{master}  = 'on';

    return;
}


# Adds `env` directives: "NAME" passes a variable on, "NAME=value" sets it.
sub env_to_nginx(@) {
    push @{ $Settings->{env_lines} }, @_;

    return;
}


# CODE is called with each block before it runs and may change it with
# $block->set_value(section => value).
sub add_block_preprocessor(&) {
    push @{ $Settings->{preprocessors} }, $_[0];

    return;
}


# CODE is called after the last block, also when the file ends early.
sub add_cleanup_handler(&) {
    push @{ $Settings->{cleanup_handlers} }, $_[0];

    return;
}


# Ends the whole run of all files.
sub bail_out(@) {
    $Run->abandon if $Run;

    Test::Builder->new->BAIL_OUT(join '', @_);
}


# The ways out that are no normal end: exit, die, a signal.

my $Owner = $$;

for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { exit 1 } if ($SIG{$signal} // '') ne 'IGNORE';
}

END {
    if ($$ == $Owner) {
        local $?;
        $Run->abandon if $Run;
    }
}


1;
