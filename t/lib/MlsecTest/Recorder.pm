# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Services that remember what they were asked and answer with bodies nobody
# can know beforehand: every answer has a number drawn from the seed.
#
#   my $recorder = MlsecTest::Recorder->start($log, $seed,
#       { training => '/dir/training.sock', 'model-api' => 8000 });
#   my @calls = $recorder->calls;     # since the last time
#
# With a file as the last argument, what stands there is answered instead:
# {"SERVICE METHOD PATH": {body, or text, and status}}. It is replaced, not
# written to.
#
# A call: service, method, target, headers (lower case), body, reply (its
# body), reply_type. A body of more than 1 MB is written as "md5:HEX". With
# X-Want-Status the answer has that status, with X-Want-Header that header,
# with X-Want-Delay it comes so many seconds later. A path with "download"
# answers bytes that are no text; one with "recommendations" a bare array.
#
# Before the body of a request is in, "head" is written too; heads() has
# these. A connection that ends before that writes "gone", with what has come
# of the body; gone() has these.

package MlsecTest::Recorder;

use strict;
use warnings;

use Digest::MD5 'md5_hex';
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket 'SOCK_STREAM';
use Time::HiRes ();

my $json = JSON::PP->new->latin1->canonical;
my $ascii = JSON::PP->new->ascii->canonical->allow_nonref;

sub start {
    my ($class, $log, $seed, $where, $bodies) = @_;

    my %listen;
    for my $name (sort keys %$where) {
        my $at = $where->{$name};
        my $s = $at =~ m{/}
            ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $at,
                                    Listen => 64)
            : IO::Socket::INET->new(LocalAddr => "127.0.0.1:$at",
                                    Listen => 64, ReuseAddr => 1);
        die "listen $at: $!" if !$s;
        chmod 0666, $at if $at =~ m{/};
        $listen{ fileno $s } = [$name, $s];
    }

    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        srand $seed;
        open my $out, '>>:raw', $log or POSIX::_exit(1);
        $out->autoflush(1);
        eval { serve(\%listen, $out, $bodies) };
        print {$out} $json->encode({ event => 'died', text => "$@" }), "\n";
        POSIX::_exit(1);
    }
    return bless { pid => $pid, log => $log, at => 0, owner => $$ }, $class;
}

sub serve {
    my ($listen, $out, $bodies) = @_;
    my $select = IO::Select->new(map { $_->[1] } values %$listen);
    my (%client, @later);
    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my $next = @later ? $later[0]{due} - Time::HiRes::time() : undef;
        for my $s ($select->can_read(defined $next && $next < 0 ? 0 : $next)) {
            if (my $at = $listen->{ fileno $s }) {
                my $new = $at->[1]->accept or next;
                $client{ fileno $new } = { name => $at->[0], text => '' };
                $select->add($new);
                next;
            }
            my $state = $client{ fileno $s };
            if (!sysread $s, $state->{text}, 65536, length $state->{text}) {
                print {$out} $json->encode({ event => 'gone',
                    target => $state->{call}{target},
                    bytes => length $state->{text} }), "\n"
                    if $state->{call} && !is_probe($state->{call});
                delete $client{ fileno $s };
                $select->remove($s);
                close $s;
                next;
            }
            while (my $call = take($state, $out)) {
                my $wait = $call->{headers}{'x-want-delay'} // 0;
                my @reply = ($s, $call, answer($call, $bodies));
                if (!$wait) {
                    reply($out, @reply);
                    next;
                }
                @later = sort { $a->{due} <=> $b->{due} } @later,
                    { due => Time::HiRes::time() + $wait, reply => \@reply };
            }
        }
        reply($out, @{ shift(@later)->{reply} })
            while @later && $later[0]{due} <= Time::HiRes::time();
    }
}

sub reply {
    my ($out, $s, $call, $bytes) = @_;
    print {$out} $json->encode({ event => 'call', %$call }), "\n"
        if !is_probe($call);
    send_all($s, $bytes) if $s->opened;
}

# mlsec_health asks whenever it likes; no request of a client has caused it
sub is_probe {
    my ($call) = @_;
    return ($call->{headers}{'user-agent'} // '') eq 'mlsec_health';
}

sub send_all {
    my ($s, $bytes) = @_;
    while (length $bytes) {
        my $n = syswrite $s, $bytes or last;
        substr $bytes, 0, $n, '';
    }
}

# The next request of a connection once it is all there.
sub take {
    my ($state, $out) = @_;

    if (!$state->{call}) {
        $state->{text} =~ s/\A(.*?)\r\n\r\n//s or return;
        my ($first, @lines) = split /\r\n/, $1;
        my %call = (service => $state->{name}, body => '');
        @call{qw(method target version)} = split / /, $first, 3;
        for (@lines) {
            my ($name, $value) = /\A([^:]+):[ \t]*(.*)\z/s or next;
            push @{ $call{headers}{ lc $name } }, $value;
        }
        $_ = join ', ', @$_ for values %{ $call{headers} };
        $state->{call} = \%call;
        print {$out} $json->encode({ event => 'head', %call }), "\n"
            if !is_probe(\%call);
    }

    my $call = $state->{call};
    if (($call->{headers}{'transfer-encoding'} // '') eq 'chunked') {
        while ($state->{text} =~ /\A([0-9a-f]+)\r\n/i) {
            my ($size, $skip) = (hex $1, length($1) + 2);
            return if length $state->{text} < $skip + $size + 2;
            $call->{body} .= substr $state->{text}, $skip, $size;
            substr $state->{text}, 0, $skip + $size + 2, '';
            last if !$size;
        }
        # the last chunk has been taken when nothing of the body is left
        return if length $state->{text} || !length $call->{body};
    }
    else {
        my $length = $call->{headers}{'content-length'} // 0;
        return if length $state->{text} < $length;
        $call->{body} = substr $state->{text}, 0, $length, '';
    }
    $call->{body} = 'md5:' . md5_hex($call->{body})
        if length $call->{body} > 1 << 20;
    delete $state->{call};
    return $call;
}

# what stands in the file, which is made anew under its name
my ($all, $have) = ({}, '');

sub given {
    my ($call, $bodies) = @_;
    my $is = $bodies && join '/', (Time::HiRes::stat($bodies))[1, 7, 9]
        or return;
    if ($is ne $have) {
        open my $f, '<:raw', $bodies or return;
        local $/;
        ($all, $have) = ($json->decode(<$f>), $is);
    }
    return $all->{"$call->{service} $call->{method} "
                  . $call->{target} =~ s/\?.*//sr};
}

sub answer {
    my ($call, $bodies) = @_;
    my $given = given($call, $bodies);
    my $number = int rand 1e9;
    my $status = $call->{headers}{'x-want-status'} // 200;
    my $extra = '';

    $call->{reply_type} = 'application/json';
    if ($given) {
        $status = $given->{status} // $status;
        $call->{reply} = $given->{text} // $ascii->encode($given->{body});
    }
    elsif ($call->{target} =~ /download/) {
        $call->{reply} = join '', map { chr int rand 256 } 1 .. 5000;
        $call->{reply_type} = 'text/csv';
        $extra = 'Content-Disposition: attachment; '
            . "filename=\"$number.csv\"\r\n";
    }
    elsif ($call->{target} =~ /recommendations/) {
        $call->{reply} = qq(["do $number"]);
    }
    else {
        $call->{reply} = qq({"number":$number,"by":"$call->{service}"});
    }
    $call->{number} = $number;
    $extra .= "$call->{headers}{'x-want-header'}\r\n"
        if defined $call->{headers}{'x-want-header'};

    return "HTTP/1.1 $status Said\r\nContent-Type: $call->{reply_type}\r\n"
        . 'Content-Length: ' . length($call->{reply}) . "\r\n$extra\r\n"
        . ($call->{method} eq 'HEAD' ? '' : $call->{reply});
}

sub events {
    my ($self) = @_;
    open my $f, '<:raw', $self->{log} or return;
    seek $f, $self->{at}, 0;
    my @events;
    while (my $line = <$f>) {
        last if $line !~ /\n\z/;
        $self->{at} += length $line;
        push @events, $json->decode($line);
    }
    return @events;
}

sub calls {
    my ($self) = @_;
    return grep { $_->{event} eq 'call' } $self->events;
}

sub heads {
    my ($self) = @_;
    return grep { $_->{event} eq 'head' } $self->events;
}

sub gone {
    my ($self) = @_;
    return grep { $_->{event} eq 'gone' } $self->events;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!);
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
