# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The life of a test file: its blocks one after the other, each with an nginx
# of its own unless it reuses the one of the block before.

package MlsecTest::Run;

use strict;
use warnings;

use List::Util qw(shuffle);
use Test::Builder;
use Time::HiRes qw(sleep);

use MlsecTest::Check qw(check_response);
use MlsecTest::Duration qw(seconds);
use MlsecTest::Log;
use MlsecTest::Request qw(exchanges);
use MlsecTest::Response qw(parse_responses);
use MlsecTest::ServRoot;
use MlsecTest::Server;
use MlsecTest::Skip qw(skip_of todo_of);
use MlsecTest::TcpMock;
use MlsecTest::Transport qw(talk);
use MlsecTest::Watch;

my $Test = Test::Builder->new;


sub new {
    my ($class, $settings) = @_;

    return bless {
        settings => $settings,
        root     => MlsecTest::ServRoot->new($settings),
        server   => MlsecTest::Server->new($settings),
        log      => MlsecTest::Log->new($settings),
        watch    => MlsecTest::Watch->new($settings),
    }, $class;
}


# Runs BLOCKS and ends the last nginx.
sub run {
    my ($self, @blocks) = @_;

    my $settings = $self->{settings};

    @blocks = shuffle @blocks if $settings->{shuffle};

    for my $block (@blocks) {
        $_->($block) for @{ $settings->{preprocessors} };
    }

    while (my $block = shift @blocks) {
        my $name = $block->name;

        $Test->note("=== $name") if $settings->{verbose};

        eval { $self->_block($block); 1 } or do {
            chomp(my $why = $@);
            $Test->ok(0, "$name - block");
            $Test->diag($why);
        };

        if (my $mock = delete $self->{mock}) {
            $mock->stop;
        }

        $self->_stop($name) if !$settings->{use_hup}
                               && (!@blocks || defined $blocks[0]->config);
    }

    $self->_stop('end of the file');
    $self->abandon;

    return;
}


# Ends everything without a word: for the end of the process.
sub abandon {
    my ($self) = @_;

    my $settings = $self->{settings};

    $self->{mock}->stop if $self->{mock};
    $self->{server}->kill_now;

    while (my $handler = shift @{ $settings->{cleanup_handlers} }) {
        $handler->();
    }

    if ($settings->{temporary_root} && !$settings->{keep_root}) {
        $self->{root}->wipe;
    }

    return;
}


sub _stop {
    my ($self, $name) = @_;

    return unless $self->{server}->is_running;

    my @wrong = $self->{server}->stop;

    $self->{watch}->look_after_stop($name, $self->{server}, @wrong);

    return;
}


sub _block {
    my ($self, $block) = @_;

    my $settings = $self->{settings};

    $settings->{ports}->next_block if defined $block->config;

    if (my ($n, $why) = skip_of($block, $settings)) {
        $Test->skip($why) for 1 .. $n * $settings->{repeat_each};
        return;
    }

    my (undef, $todo) = todo_of($block);

    $Test->todo_start($todo) if defined $todo;

    my $ok  = eval { $self->_run_block($block); 1 };
    my $why = $@;

    $Test->todo_end if defined $todo;

    die $why unless $ok;

    return;
}


sub _run_block {
    my ($self, $block) = @_;

    my $settings = $self->{settings};

    if (defined $block->must_die) {
        $self->_stop($block->name);
        $self->_must_die($block) for 1 .. $settings->{repeat_each};
        return;
    }

    if (defined $block->config) {
        $self->_start($block) or return;

    } elsif (!$self->{server}->is_running) {
        die "no --- config, and no nginx runs that could be reused\n";
    }

    $self->{watch}->excuse($block);

    for my $repeat (0 .. $settings->{repeat_each} - 1) {
        $self->_round($block, $repeat);
    }

    $self->{watch}->look($block->name);

    return;
}


# Writes the configuration of BLOCK and brings nginx up on it.  Returns false
# when that has failed, which is then reported.
sub _start {
    my ($self, $block) = @_;

    my $running = $self->{server}->is_running;

    $self->_prepare($block);

    my $failure = $running ? $self->{server}->reload : $self->{server}->start;

    return 1 unless $failure;

    $self->{server}->kill_now;
    $self->{watch}->death($block->name, $self->{server}, $failure->{why});

    return 0;
}


# Lays out the server's directory for BLOCK.  Under HUP the logs stay open and
# grow, and files of earlier blocks stay.
sub _prepare {
    my ($self, $block) = @_;

    if (!$self->{server}->is_running) {
        $self->{root}->prepare;
        $self->{log}->rewind;
    }

    $self->{watch}->rewind($self->{server}->is_running);

    if (defined(my $files = $block->user_files)) {
        $self->{root}->write_user_files($files);
    }

    my %sections = map { $_ => scalar $block->$_ }
        qw(main_config http_config config post_main_config log_level);

    $sections{log_level} =~ s/\s+//g if defined $sections{log_level};

    $self->{root}->write_conf(\%sections);

    return;
}


# nginx has to refuse the configuration: with any error, or with the exit code
# that the section names.
sub _must_die {
    my ($self, $block) = @_;

    my $name = $block->name;
    my $want = $block->must_die;

    $self->_prepare($block);
    $self->{watch}->excuse($block);

    my $failure = $self->{server}->start;

    if (!$failure) {
        $Test->ok(0, "$name - nginx must not start");
        $self->{server}->kill_now;

    } elsif ($want =~ /^\s*(\d+)\s*$/) {
        $Test->is_num($failure->{code} // -1, $1, "$name - exit code")
            or $Test->diag($failure->{why}, "\n", $failure->{stderr});

    } else {
        $Test->ok(defined $failure->{code}, "$name - nginx must not start")
            or $Test->diag($failure->{why}, "\n", $failure->{stderr});
    }

    $self->{log}->check($block, $name, 0);
    $self->{watch}->look_after_stop($name, $self->{server});

    return;
}


# One round of repeat_each(): all requests of the block.
sub _round {
    my ($self, $block, $repeat) = @_;

    my $settings = $self->{settings};
    my $name     = $block->name;
    my @work     = exchanges($block, $settings);

    die "the block has no request\n" unless @work;

    $self->{mock} = MlsecTest::TcpMock->start($block, $settings);

    my $i     = 0;
    my $count = 0;
    $count += @{ $_->{methods} } for @work;

    for my $exchange (@work) {
        for my $response ($self->_exchange($block, $exchange)) {
            check_response($block, $settings, $response, $i, $count)
                unless defined $block->ignore_response;

            sleep seconds($block->wait, 'wait')
                if defined $block->wait && $i == 0;

            $self->{log}->check($block, $name, $repeat);
            $i++;
        }
    }

    if (my $mock = delete $self->{mock}) {
        $mock->finish($name);
    }

    return;
}


# Makes one exchange and returns its responses, having reported what is wrong
# with the connection or the framing.  No byte at all is a response without a
# status, which `--- error_code:` with nothing behind it expects.
sub _exchange {
    my ($self, $block, $exchange) = @_;

    my $settings = $self->{settings};
    my $name     = $block->name;
    my $timeout  = seconds($block->timeout // $settings->{timeout}, 'timeout');
    my $result   = talk($settings->connect_port, $exchange->{packets},
                        $timeout * $settings->slowness);

    $self->_show($exchange, $result) if $settings->{verbose};

    my @methods   = @{ $exchange->{methods} };
    my @responses = parse_responses($result->{raw}, @methods);
    my $abort     = defined $block->abort;

    if ($result->{refused}) {
        $self->_broken($name, "cannot connect: $result->{refused}");

    } elsif ($result->{timed_out}) {
        $self->_broken($name, "no end of the response within $timeout s")
            unless $abort;

    } elsif (length $result->{raw} && !$abort
             && !defined $block->ignore_response)
    {
        for my $error (grep { defined } map { $_->{error} } @responses) {
            my $reset = $result->{reset} ? " ($result->{reset})" : '';

            $self->_broken($name, "$error$reset");
        }
    }

    return @responses;
}


sub _broken {
    my ($self, $name, $why) = @_;

    my $death = $self->{server}->death;

    $Test->ok(0, "$name - connection");
    $Test->diag($why);
    $self->{watch}->death($name, $self->{server}, $death) if $death;

    return;
}


sub _show {
    my ($self, $exchange, $result) = @_;

    $Test->note('> ' . $_->{data}) for @{ $exchange->{packets} };
    $Test->note('< ' . $result->{raw});

    return;
}


1;
