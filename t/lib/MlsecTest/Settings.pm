# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What the environment and the functions of a test file decide, in one hash.
# Read once when the runner is loaded; a test file may change it until
# run_tests(), except for the root directory and the claimed ports.

package MlsecTest::Settings;

use strict;
use warnings;

use Cwd ();
use MlsecTest::Ports;


# Returns the settings and exports what tests refer to as $TEST_NGINX_*.
# Dies when TEST_NGINX_RANDOMIZE finds no free block of ports.
sub new {
    my ($class) = @_;

    my $root = $ENV{TEST_NGINX_SERVROOT} || 't/servroot';
    my $port = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
    my $ports;

    if ($ENV{TEST_NGINX_RANDOMIZE}) {
        $ports = MlsecTest::Ports->claim_block;
        $port  = $ports->main;
        $root .= "_$port";

    } else {
        $ports = MlsecTest::Ports->new;
    }

    my $self = bless {
        binary             => $ENV{TEST_NGINX_BINARY} || 'nginx',
        load_modules       => [split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // ''],
        root               => Cwd::abs_path('.') . "/$root",
        port               => $port,
        ports              => $ports,
        client_port        => $ENV{TEST_NGINX_CLIENT_PORT} || 0,
        temporary_root     => !!$ENV{TEST_NGINX_RANDOMIZE},
        use_hup            => !!$ENV{TEST_NGINX_USE_HUP},
        valgrind           => $ENV{TEST_NGINX_USE_VALGRIND} || '',
        ld_preload         => $ENV{TEST_NGINX_LD_PRELOAD} // '',
        sanitizer_log      => $ENV{MLSEC_SANITIZER_LOG} // '',
        shuffle            => !$ENV{TEST_NGINX_NO_SHUFFLE},
        keep_root          => !!$ENV{TEST_NGINX_NO_CLEAN},
        verbose            => !!$ENV{TEST_NGINX_VERBOSE},
        timeout            => $ENV{TEST_NGINX_TIMEOUT} || 10,         # s
        settle             => 3 * ($ENV{TEST_NGINX_SLEEP} || 0.015),  # s
        patience           => $ENV{TEST_NGINX_PATIENCE} || 10,        # s
        log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
        master             => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
        workers            => 1,
        worker_connections => 64,
        root_location      => 1,
        repeat_each        => 1,
        env_lines          => [],
        preprocessors      => [],
        cleanup_handlers   => [],
    }, $class;

    if ($root =~ m{^/}) {
        $self->{root} = $root;
    }

    $self->{master} = 'on' if $self->{use_hup};

    $self->export;

    return $self;
}


# Publishes ports and root directory to the text of the tests.
sub export {
    my ($self) = @_;

    $ENV{TEST_NGINX_SERVER_ROOT} = $self->{root};
    $ENV{TEST_NGINX_SERVER_PORT} = $self->{port};

    return;
}


sub html_dir { return $_[0]{root} . '/html' }

sub connect_port { return $_[0]{client_port} || $_[0]{port} }

sub error_log { return $_[0]{root} . '/logs/error.log' }

sub access_log { return $_[0]{root} . '/logs/access.log' }

sub conf_file { return $_[0]{root} . '/conf/nginx.conf' }

sub pid_file { return $_[0]{root} . '/logs/nginx.pid' }


# Everything takes about this many times longer than on bare metal: valgrind
# runs one instruction as twenty.
sub slowness { return $_[0]{valgrind} ? 20 : 1 }


1;
