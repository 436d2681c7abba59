# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A DNS server (dnsmasq) on a port of 127.0.0.1, whose answers a test changes
# while it runs.
#
#   my $dns = MlsecTest::Dns->start(ttl => 30);
#   $dns->set('a.test' => ['127.0.0.2', '::1'], 'b.test' => []);
#   $dns->srv('_http._tcp.a.test' => [[TARGET, PORT, PRIORITY, WEIGHT], ...]);
#   $dns->address                "127.0.0.1:PORT", for "resolver"
#   $dns->stop; $dns->run        gone, and there again on the same port
#
# Names under test. that were not set do not exist; others are refused.
# Answers are good for ttl seconds, 1.

package MlsecTest::Dns;

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time sleep);

use MlsecTest::Ports;

use constant START_LIMIT => 10;     # s


# Where the server is; undef where there is none.
sub binary {
    my ($found) = grep { -x $_ } map { "$_/dnsmasq" }
        split(/:/, $ENV{PATH} // ''), '/usr/sbin';

    return $found;
}


sub start {
    my ($class, %o) = @_;

    my $dir  = File::Temp->newdir('mlsec-dns-XXXXXXXX', TMPDIR => 1);
    my $self = bless {
        dir => $dir, owner => $$, hosts => {}, srv => {},
        ports => MlsecTest::Ports->claim_block, ttl => $o{ttl} // 1,
    }, $class;

    chmod 0755, $dir;
    $self->_write;
    $self->run;

    return $self;
}


sub port    { return $_[0]{ports}->main }
sub address { return '127.0.0.1:' . $_[0]->port }


# Another port that is nobody else's.
sub spare { return $_[0]{ports}->named($_[1]) }


sub set {
    my ($self, %hosts) = @_;

    $self->{hosts}{$_} = $hosts{$_} for keys %hosts;
    $self->_write;

    kill HUP => $self->{pid} if $self->{pid};

    return;
}


sub srv {
    my ($self, %srv) = @_;

    $self->{srv}{$_} = $srv{$_} for keys %srv;
    $self->stop;
    $self->run;

    return;
}


sub _write {
    my ($self) = @_;

    open my $out, '>', "$self->{dir}/new" or die "$self->{dir}: $!";

    for my $name (sort keys %{ $self->{hosts} }) {
        print $out "$_ $name\n" for @{ $self->{hosts}{$name} };
    }

    close $out or die "$self->{dir}: $!";
    rename "$self->{dir}/new", "$self->{dir}/hosts" or die $!;

    return;
}


sub run {
    my ($self) = @_;

    my @srv;

    for my $name (sort keys %{ $self->{srv} }) {
        push @srv, map { "--srv-host=" . join ',', $name, @$_ }
            @{ $self->{srv}{$name} };
    }

    $self->{pid} = fork // die "fork: $!";

    if ($self->{pid} == 0) {
        open STDERR, '>', "$self->{dir}/log";
        open STDOUT, '>&', \*STDERR;
        my @options = (
            '--keep-in-foreground', '--conf-file=/dev/null',
            '--log-facility=-', '--port=' . $self->port,
            '--listen-address=127.0.0.1', '--bind-interfaces',
            '--no-resolv', '--no-hosts', "--addn-hosts=$self->{dir}/hosts",
            "--local-ttl=$self->{ttl}", '--local=/test/',
            '--user=' . getpwuid($>), "--pid-file=$self->{dir}/pid",
        );

        exec { binary() } 'dnsmasq', @options, @srv or POSIX::_exit(126);
    }

    my $until = time + START_LIMIT;

    while (time < $until) {
        return if IO::Socket::INET->new(PeerAddr => $self->address);
        sleep 0.02;
    }

    die "dnsmasq does not start: $self->{dir}/log\n";
}


sub stop {
    my ($self) = @_;

    if (my $pid = delete $self->{pid}) {
        kill KILL => $pid;
        waitpid $pid, 0;
    }

    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);

    $self->stop if $$ == $self->{owner};

    return;
}


1;
