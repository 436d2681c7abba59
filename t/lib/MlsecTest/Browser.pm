# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Chromium, driven through chromedriver by the WebDriver protocol (W3C).
#
#   my $b = MlsecTest::Browser->start($dir, $port) or skip: not installed
#   $b->go($url); $b->refresh; $b->click('css selector');
#   $b->text('css selector'), $b->address, $b->script('return 1 + 1')
#   $b->wait_for(sub { $b->text('h1') eq 'x' }), $b->console: error lines
#
# The browser ends with the object.

package MlsecTest::Browser;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;
use POSIX ();
use Run ();

my $http = HTTP::Tiny->new(timeout => 60);
my $json = JSON::PP->new->utf8->allow_nonref;

my @arguments = qw(--headless --no-sandbox --disable-gpu --disable-quic
                   --disable-dev-shm-usage --no-first-run
                   --disable-background-networking
                   --disable-component-update --disable-sync);

sub program {
    my ($name) = @_;
    return (grep { -x } map { "$_/$name" } qw(/usr/bin /usr/local/bin))[0];
}

sub start {
    my ($class, $dir, $port) = @_;
    my ($driver, $browser) = (program('chromedriver'), program('chromium'));
    return if !$driver || !$browser;

    my $pid = Run::spawn({}, "$dir/chromedriver.out", $driver,
                         "--port=$port");
    my $self = bless { port => $port, pid => $pid, owner => $$ }, $class;
    Run::until_true(sub {
        my $reply = $http->get("http://127.0.0.1:$port/status");
        $reply->{status} == 200 && $reply->{content} =~ /"ready":true/;
    }) or die 'chromedriver does not answer: '
        . Run::slurp("$dir/chromedriver.out");

    my $session = $self->command('POST', '', {
        capabilities => { alwaysMatch => {
            browserName => 'chrome',
            'goog:loggingPrefs' => { browser => 'ALL' },
            'goog:chromeOptions' => {
                binary => $browser,
                args => [@arguments, "--user-data-dir=$dir/chromium"] } } } });
    $self->{session} = "/$session->{sessionId}";
    return $self;
}

# One command; what it returns, or death with the driver's words.
sub command {
    my ($self, $method, $path, $body) = @_;
    my $reply = $http->request($method, "http://127.0.0.1:$self->{port}"
        . '/session' . ($self->{session} // '') . $path,
        { headers => { 'Content-Type' => 'application/json' },
          content => $method eq 'POST' ? $json->encode($body // {}) : '' });
    my $value = eval { $json->decode($reply->{content})->{value} };
    if ($reply->{status} != 200) {
        die "$method $path: $reply->{status} "
            . (ref $value ? $value->{message} : $reply->{content}) . "\n";
    }
    return $value;
}

sub go      { my ($self, $url) = @_;
              return $self->command('POST', '/url', { url => $url }); }
sub refresh { return shift->command('POST', '/refresh'); }
sub back    { return shift->command('POST', '/back'); }
sub address { return shift->command('GET', '/url'); }

sub script {
    my ($self, $text, @arguments) = @_;
    return $self->command('POST', '/execute/sync',
                          { script => $text, args => \@arguments });
}

# The text of the first match; undef when there is none.
sub text {
    my ($self, $selector) = @_;
    return $self->script('return document.querySelector(arguments[0])'
                         . '?.innerText', $selector);
}

sub click {
    my ($self, $selector) = @_;
    my $found = $self->command('POST', '/element',
        { using => 'css selector', value => $selector });
    my ($id) = values %$found;
    return $self->command('POST', "/element/$id/click");
}

sub wait_for {
    my ($self, $test) = @_;
    return Run::until_true($test);
}

# What the page has complained of since the last time.
sub console {
    my ($self) = @_;
    my $lines = $self->command('POST', '/se/log', { type => 'browser' });
    return map { $_->{message} } grep { $_->{level} eq 'SEVERE' } @$lines;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    eval { $self->command('DELETE', '') } if $self->{session};
    kill 'KILL', -$self->{pid};
}

1;
