# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What has to be true of every attack that is refused: what the client is told,
# that no service has seen anything of it, and that the audit log has one line.
#
#   my $attack = MlsecTest::Attack->new($nginx);    # logs/seen.log, audit.log
#   $attack->refused('J2: alg none', $want, sub { $got });     # one test
#   $attack->finish                                 # one: no line too many
#
# $nginx: its services write logs/seen.log, its mlsec_audit_log is
# logs/audit.log with flush=0.

package MlsecTest::Attack;

use strict;
use warnings;

use JSON::PP ();
use Test::More ();
use Time::HiRes qw(sleep time);

use constant PATIENCE => 10;            # s, until the line is there

my $Json = JSON::PP->new->utf8;


sub new {
    my ($class, $nginx) = @_;

    return bless { dir => $nginx->dir . '/logs', denied => 0, expected => 0,
                   at => 0, rows => {} }, $class;
}


# Requests that services have seen.
sub seen {
    my ($self) = @_;

    open my $in, '<', "$self->{dir}/seen.log" or return 0;

    return scalar(() = <$in>);
}


# Lines of refusals in the audit log; those that are new are read.
sub denied {
    my ($self) = @_;

    open my $in, '<', "$self->{dir}/audit.log" or return 0;
    seek $in, $self->{at}, 0;

    while (my $line = <$in>) {
        last if $line !~ /\n\z/;
        $self->{at} = tell $in;

        my $record = $Json->decode($line);

        next if $record->{event} ne 'deny';
        $self->{denied}++;
        $self->{last} = $record;
    }

    return $self->{denied};
}


# One test: what DO returns is WANT, and the rest.
sub refused {
    my ($self, $name, $want, $do) = @_;

    my $before = $self->seen;
    my $got    = $do->();
    my $until  = time + PATIENCE;

    $self->{expected}++;
    $self->{rows}{$1}++ if $name =~ /\A([A-Z]\d+): /;

    sleep 0.002 while $self->denied < $self->{expected} && time < $until;

    my $services = $self->seen - $before;
    my $lines    = 1 + $self->denied - $self->{expected};

    $self->{expected} = $self->denied;

    return Test::More::is("$got, services: $services, audit: $lines",
                          "$want, services: 0, audit: 1", $name);
}


# So many other refusals have come meanwhile.
sub more {
    my ($self, $n) = @_;

    $self->{expected} += $n;

    return;
}


# The record of the last refusal.
sub record { return $_[0]{last} }


# Rows of tables, "J1 J2 ...", that had refusals.
sub rows {
    my ($self) = @_;

    return join ' ', sort { ($a =~ /(\d+)/)[0] <=> ($b =~ /(\d+)/)[0]
                            || $a cmp $b } keys %{ $self->{rows} };
}


sub finish {
    my ($self) = @_;

    return Test::More::is($self->denied, $self->{expected},
                          'the audit log has one line each');
}


1;
