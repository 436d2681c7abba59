# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# mlsec_retry where nginx speaks HTTP/2 to the service: what may be sent twice
# goes by the method that the service gets, as it does with HTTP/1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use MlsecTest::Instance;

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($minor, $patch) = `$binary -v 2>&1` =~ m{nginx/1\.(\d+)\.(\d+)};

plan(skip_all => '"proxy_http_version 2" needs nginx 1.29.4')
    if $minor < 29 || ($minor == 29 && $patch < 4);

my $nginx = MlsecTest::Instance->start(workers => 1, http => q{
    mlsec_zone mlsec:1m;
    server { listen unix:$DIR/ill; http2 on; location / { return 503; } }
    server { listen unix:$DIR/well; http2 on; location / { return 200 $request_method; } }
    upstream u {
        server unix:$DIR/ill max_fails=0; server unix:$DIR/well max_fails=0;
        mlsec_retry min=1000;
    }
}, server => q{
    proxy_http_version 2;
    location = / { proxy_pass http://u; }
    location = /put { proxy_pass http://u; proxy_method PUT; }
    location = /post { proxy_pass http://u; proxy_method POST; }
    location = /patch { proxy_pass http://u; proxy_method PATCH; }
});

# Statuses and methods of two requests: the first peer of one of them is ill.
sub told {
    my ($path, $method, @headers) = @_;

    return join ' ', sort map {
        my $r = $nginx->get($path, method => $method, headers => [@headers]);
        $r->{status} == 200 && $method ne 'HEAD' ? "$r->{status} $r->{body}" : $r->{status};
    } 1, 2;
}

is(told('/', 'HEAD'), '200 200', 'HEAD');
is(told('/', $_), "200 $_ 200 $_", $_) for qw(GET PUT DELETE OPTIONS);
is(told('/', $_), "200 $_ 503", $_) for qw(POST PATCH PROPFIND);
is(told('/', 'POST', 'Idempotency-Key: k'), '200 POST 200 POST', 'POST with Idempotency-Key');
is(told('/put', 'POST'), '200 PUT 200 PUT', 'POST is made PUT');
is(told('/post', 'GET'), '200 POST 503', 'GET is made POST');
is(told('/patch', 'GET'), '200 PATCH 503', 'GET is made PATCH');

$nginx->finish('HTTP/2');
done_testing;
