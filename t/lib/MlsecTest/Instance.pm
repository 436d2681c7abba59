# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# One nginx for tests that need another client than Test::Nginx has: started
# in the foreground in a directory of its own, on unix sockets only, so that
# no port is shared with anybody.
#
#   my $nginx = MlsecTest::Instance->start(
#       http   => '...',             inside http{}
#       server => '...',             inside its server{}
#       main   => '...', events => '...', workers => 1,
#   );
#   $nginx->socket, $nginx->dir, $nginx->pid, $nginx->worker_pids
#   $nginx->client               an MlsecTest::Client that is connected
#   $nginx->worker_clients       one of each worker
#   $nginx->finish               quits, checks exit status and logs: tests
#
# $CONF in a text is the directory of mlsec_parts.conf, $DIR the one of the
# instance.  The binary and the modules come from TEST_NGINX_BINARY and
# TEST_NGINX_LOAD_MODULES, as for Test::Nginx; MLSEC_SANITIZER_LOG is the
# log_path that was given to a sanitizer.

package MlsecTest::Instance;

use strict;
use warnings;

use Cwd ();
use File::Temp ();
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(time sleep);

use MlsecTest::Client;

use constant {
    START_LIMIT => 20,      # s
    QUIT_LIMIT  => 20,      # s
};

my $FAULT = qr{ \[(?:alert|emerg)\] |exited on signal|Assertion .* failed};
my $STDERR = qr{runtime error: |==ERROR: \w+Sanitizer};


sub start {
    my ($class, %o) = @_;

    my $dir = File::Temp->newdir('mlsec-nginx-XXXXXXXX', TMPDIR => 1);

    chmod 0755, $dir;
    mkdir "$dir/$_" for qw(logs html);

    my $self = bless {
        dir => $dir, owner => $$, allow => [], options => \%o,
        reports => { map { $_ => 1 } _reports() },
    }, $class;

    $self->configure(%o);
    $self->_spawn;

    return $self;
}


sub dir    { return "$_[0]{dir}" }
sub pid    { return $_[0]{pid} }
sub socket { return "$_[0]{dir}/http.sock" }


sub client {
    my ($self, $name) = @_;

    return MlsecTest::Client->new($self->{dir} . '/' . ($name // 'http')
                                  . '.sock');
}


# One request on a connection of its own; returns the response.
sub get {
    my ($self, $path, %o) = @_;

    my $client = $self->client;

    $client->request($path, %o);

    return $client->response($o{limit} // 10);
}


# Writes nginx.conf anew.
sub configure {
    my ($self, %o) = @_;

    my $load = join '', map { "load_module $_;\n" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user = $> == 0 ? "user root;\n" : '';

    my $text = $load . $user . 'worker_processes ' . ($o{workers} // 1) . ";\n"
        . <<'TEXT' . ($o{main} // '')
daemon off;
pid $DIR/logs/nginx.pid;
error_log $DIR/logs/error.log info;
env ASAN_OPTIONS; env UBSAN_OPTIONS; env LSAN_OPTIONS; env LD_PRELOAD;
TEXT
        . <<'EVENTS' . ($o{events} // '')

events {
    worker_connections 2048;
EVENTS
        . <<'HTTP' . ($o{http} // '')

}
http {
    access_log $DIR/logs/access.log;
    client_body_temp_path $DIR/client_body;
    proxy_temp_path $DIR/proxy;
    fastcgi_temp_path $DIR/fastcgi;
    uwsgi_temp_path $DIR/uwsgi;
    scgi_temp_path $DIR/scgi;
    default_type text/plain;
HTTP
        . <<'SERVER' . ($o{server} // '') . "    }\n}\n";

    server {
        listen unix:$DIR/http.sock;
        root $DIR/html;
SERVER

    my $conf = $ENV{TEST_NGINX_MLSEC_CONF} // Cwd::cwd() . '/conf';

    $text =~ s/\$DIR\b/$self->{dir}/g;
    $text =~ s/\$CONF\b/$conf/g;

    $self->write_file('nginx.conf', $text);

    return;
}


sub write_file {
    my ($self, $name, $text) = @_;

    open my $out, '>', "$self->{dir}/$name" or die "$name: $!";
    binmode $out;
    print $out $text;
    close $out or die "$name: $!";

    return;
}


sub error_log  { return $_[0]->_read('logs/error.log') }
sub access_log { return $_[0]->_read('logs/access.log') }


# A file of logs/.  What is logged at the end of a request comes after its
# answer: wait for it, or read it after finish(), when all of it is there.
sub log_file { return $_[0]->_read("logs/$_[1]") }


# Waits until the error log matches; true when it does.
sub wait_log {
    my ($self, $pattern, $limit) = @_;

    return _wait_until($limit, sub { $self->error_log =~ $pattern });
}


sub signal {
    my ($self, $signal) = @_;

    return kill $signal => $self->{pid};
}


# The pids of the children of the master process, oldest first.
sub worker_pids {
    my ($self) = @_;

    my @pids;

    # a moment without any: all have been killed
    _wait_until(START_LIMIT, sub {
        @pids = $self->_children;
        return @pids || !-e "/proc/$self->{pid}";
    });

    return @pids;
}


sub _children {
    my ($self) = @_;

    my $pid = $self->{pid};

    open my $in, '<', "/proc/$pid/task/$pid/children" or return;

    return split ' ', <$in> // '';
}


# A client of each worker, in the order of worker_pids: while one is asked for
# its connection the others are stopped, so that none of them can take it.
sub worker_clients {
    my ($self, $name) = @_;

    my @pids = $self->worker_pids;
    my @clients;

    for my $pid (@pids) {
        my @others = grep { $_ != $pid } @pids;

        for my $other (@others) {
            kill STOP => $other;
            _wait_until(START_LIMIT, sub { _state($other) =~ /[TZ]/ });
        }

        my $client = $self->client($name);

        # an answer: it has been accepted
        $client->request('/');
        $client->response(START_LIMIT);
        kill CONT => @others;

        push @clients, $client;
    }

    return @clients;
}


# The state of a process as the kernel names it, "Z" when there is none.
sub _state {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return 'Z';

    return (<$in> // '') =~ /\) (\S)/ ? $1 : 'Z';
}


# Resident memory of a process in kB.
sub rss {
    my ($self, $pid) = @_;

    open my $in, '<', "/proc/$pid/status" or return;

    my ($kb) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$in>;

    return $kb;
}


# Waits until the master has ended; returns its wait status, undef when it
# has not within LIMIT seconds.
sub wait_exit {
    my ($self, $limit) = @_;

    my $status;

    _wait_until($limit, sub {
        return unless waitpid($self->{pid}, WNOHANG) == $self->{pid};
        $status = $?;
        return 1;
    });

    $self->{pid} = undef if defined $status;

    return $status;
}


# A line of the log that is expected here and no fault.
sub allow {
    my ($self, $pattern) = @_;

    push @{ $self->{allow} }, $pattern;

    return;
}


# Two tests: nginx quits with status 0; no alert, crash or report is logged.
sub finish {
    my ($self, $name) = @_;

    $name = defined $name ? "$name: " : '';

    if (defined $self->{pid}) {
        $self->signal('QUIT');

        my $status = $self->wait_exit(QUIT_LIMIT);

        Test::More::is($status, 0, "${name}nginx quits");

    } else {
        Test::More::pass("${name}nginx has quit");
    }

    my @faults = $self->faults;

    Test::More::is(join("\n", @faults), '', "${name}no fault is logged");

    return;
}


sub faults {
    my ($self) = @_;

    my @lines = grep { $_ =~ $FAULT } split /\n/, $self->error_log;

    push @lines, grep { $_ =~ $STDERR } split /\n/, $self->_read('stderr');

    for my $report (grep { !$self->{reports}{$_} } _reports()) {
        open my $in, '<', $report or next;
        push @lines, grep { defined } (<$in>)[0 .. 40];
    }

    for my $allow (@{ $self->{allow} }) {
        @lines = grep { $_ !~ $allow } @lines;
    }

    return @lines;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    return if $$ != $self->{owner} || !defined $self->{pid};

    kill TERM => $self->{pid};

    unless (defined $self->wait_exit(5)) {
        kill KILL => $self->worker_pids, $self->{pid};
        waitpid $self->{pid}, 0;
    }

    return;
}


sub _spawn {
    my ($self) = @_;

    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $pid    = fork // die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>', "$self->{dir}/stderr" or POSIX::_exit(126);
        open STDOUT, '>&', \*STDERR or POSIX::_exit(126);
        open STDIN, '<', '/dev/null' or POSIX::_exit(126);
        exec $binary, '-p', "$self->{dir}/", '-c', "$self->{dir}/nginx.conf",
            '-e', "$self->{dir}/logs/error.log" or POSIX::_exit(127);
    }

    $self->{pid} = $pid;

    my $up = _wait_until(START_LIMIT, sub {
        return -1 if waitpid($pid, WNOHANG) == $pid;
        return -s "$self->{dir}/logs/nginx.pid";
    });

    if (!$up || $up < 0) {
        $self->{pid} = undef if $up;
        die "nginx did not start:\n", $self->_read('stderr'),
            $self->error_log;
    }

    # the pid file is there before the workers are
    my $workers = $self->{options}{workers} // 1;

    return if ($self->{options}{main} // '') =~ /master_process\s+off/;

    _wait_until(START_LIMIT, sub {
        my @pids = $self->_children;
        return @pids >= $workers;
    });

    return;
}


sub _read {
    my ($self, $name) = @_;

    open my $in, '<', "$self->{dir}/$name" or return '';

    local $/;

    return scalar <$in> // '';
}


sub _reports {
    my $prefix = $ENV{MLSEC_SANITIZER_LOG} or return;

    return glob "$prefix.*";
}


sub _wait_until {
    my ($limit, $code) = @_;

    my $until = time + $limit;

    while (1) {
        my $result = $code->();

        return $result if $result;
        return if time > $until;
        sleep 0.005;
    }
}


1;
