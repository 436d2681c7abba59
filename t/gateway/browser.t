#!/usr/bin/perl
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A browser and a single page application: it loads through the gateway, goes
# to deep links and reloads there, calls the API, opens a WebSocket, and shows
# what a dead service looks like.

use strict;
use warnings;

use FindBin '$Bin';
use lib "$Bin/../run", "$Bin/../lib";
use Run;
use MlsecTest::Browser;
use Test::More;

plan skip_all => 'the module is not built: make build' if !with_module();

my ($dir, $port) = (run_dir(), free_port());
my %env = (SERVICE_PORT => $port, DASHBOARD_ROOT => "$Bin/spa");
my $root = "http://127.0.0.1:$port";

my $browser = MlsecTest::Browser->start($dir, free_port())
    or plan skip_all => 'chromium or chromedriver is not installed';

END {
    my $code = $?;
    undef $browser;
    run(\%env, 'util/gateway', 'stop', '--quiet') if defined $dir;
    $? = $code;
}

my ($status, $out, $err) = run(\%env, 'util/gateway', 'start');
is($status, 0, 'the gateway runs') or die("$out$err");

sub shows {
    my ($title, $pattern, $name) = @_;
    my $text;
    ok($browser->wait_for(sub {
        return if !$browser->script(
            'return document.querySelector("#view")?.dataset.state === "shown"');
        $text = $browser->text('#view') // '';
        $text =~ /^\Q$title\E$/m && $text =~ $pattern;
    }), $name) or diag $text // 'nothing', $browser->console;
}

# ---- it loads, with what belongs to it ----

my ($address) = $out =~ m{^mlsec: open (\S+)$}m;
$browser->go("$root/");
shows('Overview', qr/^401\s+Unauthorized$/m, 'nobody is signed in');
my $complaints = '';
ok($browser->wait_for(sub {
    $complaints .= join "\n", $browser->console;
    return $complaints =~ /status of 401/;
}), 'and it says so') or diag $complaints;
$browser->go($address);
shows('Overview', qr/^jobs\s+ok$/m, 'the page calls the API and shows it');
is($browser->address, "$root/", 'the token is not in the address any more');
is($browser->script('return getComputedStyle(document.body).color'),
   'rgb(20, 30, 40)', 'its style sheet counts');

# ---- deep links: by the page itself, reloaded, opened ----

$browser->click('a[href="/models"]');
shows('Models', qr/^\S+\s+model$/m, 'a link inside the page');
is($browser->address, "$root/models", 'has an address of its own');
$browser->refresh;
shows('Models', qr/^\S+\s+model$/m,
      'which can be reloaded, though the API has a route of that name');
is($browser->script('return document.title'), 'Dashboard', 'as the page');
$browser->back;
shows('Overview', qr/^models\s+ok$/m, 'back');
$browser->go("$root/reports/services/training?from=mail");
shows('Service', qr/^status\s+healthy$/m, 'a deep link that is opened');
$browser->refresh;
shows('Service', qr/^status\s+healthy$/m, 'and reloaded');
is(join("\n", $browser->console), '', 'nothing to complain of');

# ---- the second time the assets are not asked for ----

is($browser->script(<<'END'), 0, 'a reload takes hashed assets from the cache');
return performance.getEntriesByType('resource')
    .filter((e) => e.name.includes('/assets/'))
    .reduce((sum, e) => sum + e.transferSize, 0);
END

# ---- a WebSocket of the page ----

is($browser->command('POST', '/execute/async', { args => [], script => <<'END' }), 'echo: hi', 'a WebSocket from the page');
const done = arguments[0];
const socket = new WebSocket(`ws://${location.host}/services/model-api/ws`);
socket.onopen = () => socket.send('hi');
socket.onmessage = (event) => done(`echo: ${event.data}`);
socket.onerror = () => done('refused');
END

# ---- a service dies ----

is((run(\%env, 'util/demo/control', 'kill', 'training'))[0], 0,
   'training is killed');
$browser->refresh;
shows('Service', qr/^502\s+Service training cannot be connected to\s+[0-9a-f]{32}$/m,
      'the error is shown: status, message and id of the envelope');
$browser->click('a[href="/"]');
shows('Overview', qr/^jobs\s+failed$/m, 'the overview has the part that failed');
shows('Overview', qr/^models\s+ok$/m, 'and the others');
is((run(\%env, 'util/demo/control', 'start', 'training'))[0], 0,
   'training is back');
$browser->go("$root/reports/services/training");
shows('Service', qr/^status\s+healthy$/m, 'and the page shows it');

done_testing();
