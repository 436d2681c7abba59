# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

package MlsecTest::Token;

# Keys and tokens for tests, made by openssl alone: any header, any payload.
#
#   my $t = MlsecTest::Token->new;      # a folder with key files, gone at exit
#   $t->dir                             # public.pem, jwks.json (kid k1)
#   $t->sign($header, $payload)         # JSON texts; RS256 with k1
#   $t->token(%claims)                  # a good one but for %claims

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256 sha256_hex);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

my $Json = JSON::PP->new->canonical->utf8->allow_nonref;

sub new {
    my $class = shift;
    my $dir   = File::Temp->newdir('mlsec-token-XXXXXX', TMPDIR => 1);
    my $self  = bless { dir => $dir }, $class;

    chmod 0755, "$dir";
    $self->_run('openssl genrsa -out key.pem 2048');
    $self->_run('openssl rsa -in key.pem -pubout -out public.pem');

    my $n = $self->_run('openssl rsa -in key.pem -noout -modulus');
    $n =~ s/.*Modulus=([0-9A-F]+).*/$1/s;

    $self->write('jwks.json', $self->jwks('k1', pack 'H*', $n));
    $self->{n} = pack 'H*', $n;

    return $self;
}

sub dir { "$_[0]{dir}" }

sub jwks {
    my ($self, $kid, $n) = @_;

    return $Json->encode({ keys => [{ kty => 'RSA', kid => $kid,
        use => 'sig', e => 'AQAB', n => encode_base64url($n // $self->{n}) }]
    });
}

sub write {
    my ($self, $name, $text) = @_;

    open my $f, '>', "$self->{dir}/$name.new" or die "$name: $!";
    print {$f} $text;
    close $f or die "$name: $!";
    rename "$self->{dir}/$name.new", "$self->{dir}/$name" or die "$name: $!";

    return "$self->{dir}/$name";
}

sub read {
    my ($self, $name) = @_;

    open my $f, '<', "$self->{dir}/$name" or die "$name: $!";
    local $/;
    return <$f>;
}

sub _run {
    my ($self, $command) = @_;
    my $out = `cd $self->{dir} && $command 2>/dev/null`;

    die "$command failed" if $?;
    return $out;
}

sub sign {
    my ($self, $header, $payload) = @_;
    my $input = encode_base64url($header) . '.' . encode_base64url($payload);

    $self->write('input', $input);
    my $sig = $self->_run('openssl dgst -sha256 -sign key.pem input');

    return "$input." . encode_base64url($sig);
}

sub hmac {
    my ($self, $header, $payload, $secret) = @_;
    my $input = encode_base64url($header) . '.' . encode_base64url($payload);

    return "$input." . encode_base64url(hmac_sha256($input, $secret));
}

sub payload {
    my ($self, %claims) = @_;
    my %all = (iss => 'https://id.example', aud => 'gateway', sub => 'ann',
               exp => time + 600, iat => time, roles => ['viewer'], %claims);

    delete @all{grep { !defined $all{$_} } keys %all};
    return $Json->encode(\%all);
}

sub token {
    my ($self, %claims) = @_;

    return $self->sign('{"alg":"RS256","kid":"k1","typ":"JWT"}',
                       $self->payload(%claims));
}

# A line of a file of API keys, and what the client sends for it.
sub api_key {
    my ($self, $id, %more) = @_;
    my $secret = "secret-of-$id-" . 'x' x 24;

    return ($Json->encode({ id => $id, sha256 => sha256_hex($secret), %more })
            . "\n", "$id.$secret");
}

1;
