# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# What the test files of parts have in common: http://u, a service behind the
# gateway; http://dead, where nobody listens; http://down, which nginx does not
# ask; and what each block gets unless it says something else.
#
#   use Test::Nginx::Socket 'no_plan';
#   use MlsecTest::Parts;
#
#   parts(fixed => 1, service => <<'EOT');
#       location = /ok { return 200 '{"ok":1}'; }
#   EOT
#
#   run_tests();
#
# parts() takes
#
#   service  directives of the server behind http://u; without, there is none
#   upstream more directives of the upstream u
#   http     what more there is in http{}
#   config   what stands before the "config" of each block
#   fixed    1: bodies go through fixed(), where a block has no
#            response_body_filters of its own
#   repeat   how often each block runs, 2
#
# A block without "http_config" has $Http; one that adds to it says
# "--- http_config eval: $::Http . '...'".  Each "config" begins with the
# include of mlsec_parts.conf, unless the block has a section "no_parts".
#
# Only what every runner of Test::Nginx format has is used here.

package MlsecTest::Parts;

use strict;
use warnings;

use Cwd ();
use Exporter 'import';

our @EXPORT = qw(parts fixed $Http);

our $Http;

my $Include = "include \$TEST_NGINX_MLSEC_CONF/mlsec_parts.conf;\n";
my $Time    = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/;

BEGIN { $ENV{TEST_NGINX_MLSEC_CONF} ||= Cwd::cwd() . '/conf' }


sub parts {
    my (%o) = @_;

    my $config = $o{config} // '';

    _runner('repeat_each')->($o{repeat} // 2);
    $ENV{TEST_NGINX_HTML_DIR} ||= _runner('html_dir')->();

    $Http = _http(%o);

    _runner('add_block_preprocessor')->(sub {
        my ($block) = @_;

        my $own = $config . ($block->config // '');

        $own = $Include . $own if !defined $block->no_parts;
        $block->set_value(config => $own);

        $block->set_value(http_config => $Http)
            if !defined $block->http_config;

        $block->set_value(response_body_filters => [\&fixed])
            if $o{fixed} && !defined $block->response_body_filters;
    });

    return;
}


# A body, without what differs from run to run.
sub fixed {
    my ($body) = @_;

    $body =~ s/"elapsed_ms":\d+/"elapsed_ms":0/g;
    $body =~ s/"timestamp":"$Time"/"timestamp":"T"/;
    $body =~ s/"request_id":"[0-9a-f]{32}"/"request_id":"R"/;

    return $body;
}


# A function of the runner, as the test file has got it: Test::Nginx exports
# into the file that uses it, and keeps a plan and blocks by file.
sub _runner {
    my ($name) = @_;

    return main->can($name)
        // die "$name: Test::Nginx::Socket must be used before parts()\n";
}


sub _http {
    my (%o) = @_;

    my $more = $o{upstream} // '';

    my $server = defined $o{service} ? <<"EOT" : '';
    server {
        listen unix:\$TEST_NGINX_HTML_DIR/u.sock;
$o{service}
    }
EOT

    return <<"EOT" . $server . ($o{http} // '');
    upstream u {
        server unix:\$TEST_NGINX_HTML_DIR/u.sock;
        $more
    }

    upstream dead {
        server unix:\$TEST_NGINX_HTML_DIR/nobody.sock;
    }

    upstream down {
        server 127.0.0.1:1 down;
        server 127.0.0.1:2 down;
    }

EOT
}


1;
