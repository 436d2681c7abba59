# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A DNS server that gives the answers that no proper one can be told to give:
# an alias without what it stands for, errors for one type, answers that do
# not fit into a datagram, records without a port.  By UDP and TCP, on a port
# of 127.0.0.1.
#
#   my $dns = MlsecTest::DnsMock->start;
#   $dns->set('a.test A' => [[5, A => '127.0.0.2']], 'a.test AAAA' => 2);
#       TYPE of a name => its records, each [TTL, TYPE, DATA...], or an rcode;
#       {cut => 1, records => [...]}: by UDP nothing but that there is more.
#       A name of which nothing was said does not exist (rcode 3); a type of
#       a name of which others were has no records
#   $dns->address               "127.0.0.1:PORT", for "resolver"

package MlsecTest::DnsMock;

use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(AF_INET AF_INET6 inet_pton);
use Time::HiRes qw(stat);

use MlsecTest::Ports;

my %TYPE = (A => 1, CNAME => 5, AAAA => 28, SRV => 33);
my %NAME = reverse %TYPE;


sub start {
    my ($class) = @_;

    my $ports = MlsecTest::Ports->claim_block;
    my $self  = bless {
        dir => File::Temp->newdir('mlsec-mock-XXXXXXXX', TMPDIR => 1),
        ports => $ports, zone => {}, owner => $$,
    }, $class;
    my %at = (LocalAddr => '127.0.0.1', LocalPort => $ports->main);
    my $udp = IO::Socket::INET->new(%at, Proto => 'udp')
        or die "no UDP port for a DNS server: $!";
    my $tcp = IO::Socket::INET->new(%at, Listen => 16, ReuseAddr => 1)
        or die "no TCP port for a DNS server: $!";

    $self->set;
    $self->{pid} = fork // die "fork: $!";

    if ($self->{pid} == 0) {
        eval { $self->_serve($udp, $tcp) };
        POSIX::_exit(1);
    }

    return $self;
}


sub address { return '127.0.0.1:' . $_[0]{ports}->main }


# Another port that is nobody else's.
sub spare { return $_[0]{ports}->named($_[1]) }


sub set {
    my ($self, %zone) = @_;

    $self->{zone}{$_} = $zone{$_} for keys %zone;

    open my $out, '>', "$self->{dir}/new" or die "$self->{dir}: $!";
    print $out JSON::PP::encode_json($self->{zone});
    close $out or die "$self->{dir}: $!";
    rename "$self->{dir}/new", "$self->{dir}/zone" or die $!;

    return;
}


sub _serve {
    my ($self, $udp, $tcp) = @_;

    my $select = IO::Select->new($udp, $tcp);

    for ( ;; ) {
        for my $ready ($select->can_read) {
            if ($ready == $udp) {
                my $from = $udp->recv(my $query, 4096);
                $udp->send($self->_answer($query, 0), 0, $from);
                next;
            }

            if ($ready == $tcp) {
                $select->add($tcp->accept);
                next;
            }

            # queries are short: one of them is one piece
            my $query;

            if (!sysread $ready, $query, 4096) {
                $select->remove($ready);
                close $ready;
                next;
            }

            syswrite $ready, pack 'n/a*',
                $self->_answer(substr($query, 2), 1);
        }
    }

    return;
}


sub _answer {
    my ($self, $query, $tcp) = @_;

    my $end = 12;
    my @labels;

    while (my $n = ord substr $query, $end, 1) {
        push @labels, substr $query, $end + 1, $n;
        $end += $n + 1;
    }

    my ($type) = unpack 'n', substr $query, $end + 1, 2;

    my $name = lc join '.', @labels;
    my ($rcode, $cut, @records) = $self->_look_up($name, $NAME{$type} // '');

    $cut = 0 if $tcp;
    @records = () if $cut;

    return substr($query, 0, 2)
        . pack('nnnnn', 0x8180 | $rcode | ($cut ? 0x200 : 0), 1,
               scalar @records, 0, 0)
        . substr($query, 12, $end + 5 - 12)
        . join '', map { _record($name, @$_) } @records;
}


# What set() has said; read only when that is new, since reading takes longer
# than answering, and a gateway that begins asks for everything at once.
sub _zone {
    my ($self) = @_;

    my $is = join ' ', (stat "$self->{dir}/zone")[1, 7, 9];

    if (($self->{was} // '') ne $is) {
        open my $in, '<', "$self->{dir}/zone" or return;
        $is = join ' ', (stat $in)[1, 7, 9];
        $self->{read} = JSON::PP::decode_json(join '', <$in>);
        $self->{was}  = $is;
    }

    return $self->{read};
}


sub _look_up {
    my ($self, $name, $type) = @_;

    my $zone = $self->_zone or return 2;
    my $found = $zone->{"$name $type"};

    return grep({ /^\Q$name\E / } keys %$zone) ? (0, 0) : (3, 0)
        if !defined $found;
    return ($found, 0) if !ref $found;
    return (0, 0, @$found) if ref $found eq 'ARRAY';
    return (0, $found->{cut}, @{ $found->{records} });
}


sub _record {
    my ($name, $ttl, $type, @data) = @_;

    my $data = $type eq 'A' ? inet_pton(AF_INET, $data[0])
        : $type eq 'AAAA' ? inet_pton(AF_INET6, $data[0])
        : $type eq 'CNAME' ? _name($data[0])
        : pack('nnn', @data[0 .. 2]) . _name($data[3]);

    return _name($name) . pack('nnN n/a*', $TYPE{$type}, 1, $ttl, $data);
}


sub _name {
    my ($name) = @_;

    return join('', map { pack 'C/a*', $_ } split /\./, $name) . "\0";
}


sub DESTROY {
    my ($self) = @_;

    if ($self->{pid} && $self->{owner} == $$) {
        local $?;
        kill KILL => $self->{pid};
        waitpid $self->{pid}, 0;
    }

    return;
}


1;
