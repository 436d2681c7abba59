# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# One nginx, run in the foreground as a child of the test, from its start to
# the proof that nothing of it is left.
#
# Because nginx does not become a daemon, waitpid() tells its exit status and
# frees its entry at once, and no init process has to notice an orphan.  The
# child leads a process group, so that workers which outlive their master are
# found.  "Ready" is the pid file: nginx writes it after it has bound every
# listening socket, so a client that connects then waits in the backlog, and
# no probing connection appears in any log.

package MlsecTest::Server;

use strict;
use warnings;

use Config ();
use File::Temp ();
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use constant {
    START_LIMIT => 30,        # s, until the pid file is there
    QUIT_LIMIT  => 15,        # s, from QUIT to the exit
    QUIT_AGAIN  => 0.5,       # s, from QUIT to QUIT
    TERM_LIMIT  => 5,         # s, from TERM to the exit
    POLL        => 0.001,     # s
    PR_SET_PDEATHSIG => 1,
};

my %PRCTL = (x86_64 => 157, aarch64 => 167);


sub new {
    my ($class, $settings) = @_;

    return bless { settings => $settings, pid => undef }, $class;
}


sub is_running { return defined $_[0]{pid} }


# Starts nginx on the configuration that is in place.  Returns nothing when it
# is ready, else a hash: {why}, one line; {code}, its exit code where it has
# exited; {stderr}, what it wrote.
sub start {
    my ($self) = @_;

    my $settings = $self->{settings};

    unlink $settings->pid_file;
    $self->{stderr} = File::Temp->new(TEMPLATE => 'mlsec-nginx-XXXXXXXX',
                                      TMPDIR   => 1);
    $self->_spawn;

    my $deadline = time + START_LIMIT * $settings->slowness;

    while (time < $deadline) {
        return if $self->_pid_file_is_written;

        if (defined(my $status = $self->_reap)) {
            return {
                why    => 'nginx did not start: ' . status_text($status),
                code   => $status & 127 ? undef : $status >> 8,
                stderr => $self->stderr_text,
            };
        }

        sleep POLL;
    }

    $self->kill_now;

    return {
        why    => 'nginx wrote no pid file within the time limit',
        stderr => $self->stderr_text,
    };
}


sub _spawn {
    my ($self) = @_;

    my @command = $self->command;
    my $parent  = $$;
    my $preload = $self->{settings}{ld_preload};
    my $pid     = fork // die "fork: $!\n";

    if ($pid) {
        $self->{pid} = $pid;
        return;
    }

    setpgrp 0, 0;

    if (my $prctl = $PRCTL{ (split /-/, $Config::Config{archname})[0] }) {
        syscall $prctl, PR_SET_PDEATHSIG, POSIX::SIGTERM(), 0, 0, 0;
        POSIX::_exit(127) if getppid != $parent;
    }

    open STDIN, '<', '/dev/null' or POSIX::_exit(127);
    open STDOUT, '>>', $self->{stderr}->filename or POSIX::_exit(127);
    open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
    $ENV{LD_PRELOAD} = $preload if length $preload;

    # A failure is told on STDERR, which is read like nginx's own words.
    { no warnings 'exec'; exec { $command[0] } @command; }
    syswrite STDERR, "cannot run $command[0]: $!\n";
    POSIX::_exit(127);
}


# Returns the command line of nginx, valgrind in front of it when asked for.
sub command {
    my ($self) = @_;

    my $settings = $self->{settings};
    my @nginx    = ($settings->{binary}, '-e', $settings->error_log,
                    '-p', "$settings->{root}/", '-c', $settings->conf_file);

    return @nginx unless $settings->{valgrind};

    my @options = $settings->{valgrind} eq '1'
        ? qw(--leak-check=full --num-callers=50)
        : split ' ', $settings->{valgrind};

    (my $own = __FILE__) =~ s{[^/]+$}{nginx.supp};

    $self->{valgrind_log} = File::Temp->newdir(TMPDIR => 1);

    return ('valgrind', '-q', @options, '--gen-suppressions=all',
            (map { "--suppressions=$_" } grep { -f } $own,
                                                     'valgrind.suppress'),
            "--log-file=$self->{valgrind_log}/%p", @nginx);
}


sub _pid_file_is_written {
    my ($self) = @_;

    open my $fh, '<', $self->{settings}->pid_file or return 0;
    my $line = <$fh> // '';

    return $line eq "$self->{pid}\n";
}


# Returns the wait status of nginx once it has exited, else nothing.
sub _reap {
    my ($self) = @_;

    return undef if waitpid($self->{pid}, WNOHANG) != $self->{pid};

    my $status = $?;

    $self->{group} = delete $self->{pid};

    return $status;
}


# Stops nginx with QUIT.  Returns the list of what was wrong with its end, one
# line each: a crash, an exit code, a refusal to exit, processes left behind.
sub stop {
    my ($self) = @_;

    return unless defined $self->{pid};

    my @wrong;
    my $slowness = $self->{settings}->slowness;

    my $status = $self->_quit(QUIT_LIMIT * $slowness);

    if (!defined $status) {
        push @wrong, 'nginx was still running ' . QUIT_LIMIT * $slowness
                     . ' s after QUIT';
        kill TERM => $self->{pid};
        $status = $self->_wait(TERM_LIMIT * $slowness);
    }

    if (!defined $status) {
        push @wrong, 'nginx did not obey TERM either';
        kill KILL => -$self->{pid};
        $self->_wait(TERM_LIMIT);

    } elsif ($status != 0) {
        push @wrong, 'nginx ended badly: ' . status_text($status);
    }

    push @wrong, $self->_leftovers;

    return @wrong;
}


# A signal that arrives just before nginx waits for events is noticed after
# the next event, which may never come: so it is sent again.
sub _quit {
    my ($self, $limit) = @_;

    my $deadline = time + $limit;

    while (time < $deadline) {
        kill QUIT => $self->{pid};

        my $status = $self->_wait(QUIT_AGAIN);
        return $status if defined $status;
    }

    return undef;
}


sub _wait {
    my ($self, $limit) = @_;

    my $deadline = time + $limit;
    my $status;

    while (!defined($status = $self->_reap) && time < $deadline) {
        sleep POLL;
    }

    return $status;
}


# Kills what is left of the process group; returns one line for each process.
sub _leftovers {
    my ($self) = @_;

    my $group = $self->{group} or return;
    my @left;

    return unless kill 0 => -$group;

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $stat or next;
        my ($pid, $name, $state, $of)
            = (<$fh> // '') =~ /^(\d+) \((.*)\) (\S) \d+ (\d+) / or next;

        push @left, "process $pid ($name) was left behind"
            if $of == $group && $state !~ /[ZX]/;
    }

    kill KILL => -$group;

    return @left;
}


# Ends nginx without asking, for the ways out on which nobody reads a report.
sub kill_now {
    my ($self) = @_;

    return unless defined $self->{pid};

    kill KILL => -$self->{pid}, $self->{pid};
    $self->_wait(TERM_LIMIT);
    $self->_leftovers;

    return;
}


# Returns "exit code 1" style words when nginx has exited by itself.
sub death {
    my ($self) = @_;

    return unless defined $self->{pid};

    my $status = $self->_reap;

    return defined $status
        ? join '; ', 'nginx died: ' . status_text($status), $self->_leftovers
        : undef;
}


# Loads the new configuration with HUP and waits until only new workers serve.
# Returns nothing, or a hash as start() does.
sub reload {
    my ($self) = @_;

    my $log      = $self->{settings}->error_log;
    my $from     = -s $log // 0;
    my $deadline = time + QUIT_LIMIT * $self->{settings}->slowness;
    my %old;

    until (%old || time > $deadline) {
        %old = map { $_ => 1 } $self->_workers;
        sleep POLL;
    }

    kill HUP => $self->{pid};

    while (time < $deadline) {
        my @now = $self->_workers;

        return if @now && !grep { $old{$_} } @now;

        if (defined(my $status = $self->_reap)) {
            return { why => 'nginx died on HUP: ' . status_text($status),
                     stderr => $self->stderr_text };
        }

        if (my ($line) = _text_from($log, $from) =~ /^(.*\[emerg\].*)$/m) {
            return { why => "nginx refused the configuration: $line",
                     stderr => '' };
        }

        sleep POLL;
    }

    return { why => 'the old workers did not exit after HUP', stderr => '' };
}


sub _workers {
    my ($self) = @_;

    my $pid = $self->{pid};

    return split ' ', _text_from("/proc/$pid/task/$pid/children", 0);
}


sub stderr_text {
    my ($self) = @_;

    return $self->{stderr} ? _text_from($self->{stderr}->filename, 0) : '';
}


# Returns what valgrind reported, once nginx has been stopped.
sub valgrind_text {
    my ($self) = @_;

    my $dir = $self->{valgrind_log} or return '';

    return join '', map { _text_from($_, 0) } sort glob "$dir/*";
}


sub _text_from {
    my ($path, $offset) = @_;

    open my $fh, '<:raw', $path or return '';
    seek $fh, $offset, 0;
    local $/;

    return <$fh> // '';
}


sub status_text {
    my ($status) = @_;

    return $status & 127
        ? 'killed by signal ' . ($status & 127)
        : 'exit code ' . ($status >> 8);
}


1;
