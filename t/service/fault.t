# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The envelope of plain proxy_pass says which service did not serve, and why;
# where nginx's own page is wanted, nothing is changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use JSON::PP ();
use Test::More;

use MlsecTest::Faulty;
use MlsecTest::Instance;

my $faulty = MlsecTest::Faulty->start(replies => {
    '/close' => [['close']],
    '/redis' => [[out => "-ERR unknown command\r\n"], ['close']],
    '/tls' => [[out => "\x15\x03\x01\0\x02\x02\x46"], ['close']],
});
my $hole  = MlsecTest::Faulty::Blackhole->new;
my $nginx = MlsecTest::Instance->start(http => qq{
    error_log \$DIR/logs/error.log alert;
    mlsec_zone mlsec:1m;
    upstream faulty {
        zone faulty 64k; server @{[$faulty->address]} max_fails=0;
        mlsec_service training;
    }
    upstream none { server unix:\$DIR/nobody.sock; mlsec_service none; }
    upstream hole { server @{[$hole->address]}; mlsec_service hole; }
    upstream down { server unix:\$DIR/nobody.sock down; mlsec_service down; }
    upstream two {
        server unix:\$DIR/nobody.sock max_fails=0;
        server @{[$faulty->address]} max_fails=0;
        mlsec_service two;
    }
    upstream stock { server unix:\$DIR/nobody.sock; }
}, server => qq{
    include \$CONF/mlsec_parts.conf;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 300ms;
    mlsec_errors on;

    location /faulty/ { proxy_pass http://faulty/; }
    location /faulty/hang/ { proxy_pass http://faulty/hang/; proxy_read_timeout 300ms; }
    location /none/ { proxy_pass http://none/; }
    location /hole/ { proxy_pass http://hole/; }
    location /down/ { proxy_pass http://down/; }
    location /two/ { proxy_pass http://two/; proxy_next_upstream error; }
    location /stock/ { proxy_pass http://stock/; }
    location /own/ { proxy_pass http://none/; error_page 502 /page; }
    location = /page { return 200 own; }
    location /html/ { mlsec_errors off; proxy_pass http://none/; }
});


sub says {
    my ($path, $status, $message, $details) = @_;

    my $reply = $nginx->get($path);
    my $body  = eval { JSON::PP::decode_json($reply->{body}) } // {};

    is($reply->{status}, $status, "$path: status");
    is($body->{message}, $message, "$path: message");
    is($body->{detail}, $message, "$path: detail");
    is_deeply($body->{details}, $details, "$path: details");
}


sub fault { return { service => $_[0], error_type => $_[1] } }

says('/none/', 502, 'Service none cannot be connected to',
     fault('none', 'connect'));
says('/hole/', 504, 'Service hole did not accept the connection in time',
     fault('hole', 'connection_timeout'));
says('/faulty/hang/x', 504, 'Service training did not answer in time',
     fault('training', 'timeout'));
says('/faulty/close', 502,
     'Service training closed the connection before the end of its answer',
     fault('training', 'reset'));
for my $what ('redis', 'tls') {
    says("/faulty/$what", 502, 'Service training does not speak HTTP',
         fault('training', 'reset'));
}
says('/down/', 502, 'Service down has no peer that takes requests',
     fault('down', 'no_peer'));

# a later attempt decides
for my $n (1, 2) {
    my $reply = $nginx->get('/two/ok/x');

    is($reply->{status}, 200, "two: the other peer answers, $n");
    unlike($reply->{body}, qr/error_type/, "two: as if nothing were, $n");
}

# what the service says itself
is($nginx->get('/faulty/status/502')->{status}, 502, 'passed');
unlike($nginx->get('/faulty/status/502')->{body}, qr/error_type/,
       'passed: untouched');

# without any of our directives in the upstream
says('/stock/', 502, 'Bad Gateway', {});

# another page, no envelope
is($nginx->get('/own/')->{body}, 'own', 'error_page wins');
like($nginx->get('/html/')->{body}, qr/<h1>502 Bad Gateway/, 'nginx\'s page');

$nginx->finish('faults');
done_testing;
