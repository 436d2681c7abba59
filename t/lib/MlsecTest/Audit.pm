# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What is in an audit log, and what mlsec-audit says of it.
#
#   my $audit = MlsecTest::Audit->new("$dir/logs/audit.log");
#   $audit->records             its whole lines, as hashes; dies of a bad one
#   $audit->requests            those of requests
#   $audit->wait(sub { ... })   until it is true of the records, 10 s at most
#   $audit->verify(@arguments)  (exit code, what was printed)

package MlsecTest::Audit;

use strict;
use warnings;

use Cwd ();
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $Tool = ($ENV{BUILD_DIR} // Cwd::cwd() . '/build') . '/mlsec-audit';
my $Json = JSON::PP->new->utf8;


sub new {
    my ($class, $path) = @_;

    return bless { path => $path }, $class;
}


sub path { return $_[0]{path} }


sub text {
    my ($self) = @_;

    open my $in, '<', $self->{path} or return '';
    binmode $in;
    local $/;

    return scalar <$in> // '';
}


# The last line may be seen while it is being written: it is none yet.
sub records {
    my ($self) = @_;

    return map { $Json->decode($_) } $self->text =~ /^(.*)\n/mg;
}


sub requests {
    my ($self) = @_;

    return grep { $_->{event} =~ /^(?:deny|intent|write)$/ } $self->records;
}


sub wait {
    my ($self, $test, $limit) = @_;

    my $until = time + ($limit // 10);

    while (1) {
        my $result = $test->($self->records);

        return $result if $result;
        return if time > $until;
        sleep 0.02;
    }
}


sub verify {
    my ($self, @arguments) = @_;

    @arguments = ($self->{path}) if !@arguments;

    return $self->tool('verify', @arguments);
}


sub tool {
    my ($self, @arguments) = @_;

    open my $out, '-|', $Tool, @arguments or die "$Tool: $!";
    local $/;
    my $text = <$out>;
    close $out;

    return ($? >> 8, $text // '');
}


1;
