# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The built-in runner has to fail what is wrong: each case here is a small
# test file, run by a process of its own, of which exactly the named
# assertions must fail, and the process with them.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use MlsecTest::Ports;
use Test::More;

my $Dir = tempdir(CLEANUP => 1);
my $Lib = abs_path('t/lib');

$ENV{TEST_NGINX_BUILTIN}   = 1;
$ENV{TEST_NGINX_RANDOMIZE} = 1;
$ENV{TEST_NGINX_PATIENCE}  = 0.5;           # s: most lines here never come
$ENV{TEST_NGINX_SERVROOT}  = "$Dir/servroot";
delete @ENV{qw(TEST_NGINX_USE_HUP TEST_NGINX_USE_VALGRIND MLSEC_SANITIZER_LOG
               TEST_NGINX_LD_PRELOAD TEST_NGINX_LOAD_MODULES
               TEST_NGINX_VERBOSE HARNESS_ACTIVE)};


# Runs TEXT as a test file with ENVIRONMENT on top.  HEAD, Perl code, goes in
# front of run_tests().  Returns exit status and output.
sub run_file {
    my ($text, $head, %environment) = @_;

    my $file = "$Dir/case.t";
    local %ENV = (%ENV, %environment);

    open my $fh, '>', $file or die "$file: $!";
    # a signal that the caller ignores, INT of a background job, ends nothing
    print {$fh} "\@SIG{qw(INT TERM)} = ('DEFAULT') x 2;\n",
        "use Test::Nginx::Socket 'no_plan';\n", $head // '',
        "no_shuffle();\nrun_tests();\n__DATA__\n\n$text\n";
    close $fh or die "$file: $!";

    open my $pipe, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1',
        $^X, "-I$Lib", $file or die "perl: $!";
    local $/;
    my $output = <$pipe>;
    close $pipe;

    return ($?, $output);
}


sub text_of {
    my ($path) = @_;

    open my $fh, '<', $path or return '';
    local $/;

    return <$fh> // '';
}


# Expects the assertions FAILED (what follows "not ok N - ") to fail and no
# others, and a line like SAID in the output.  A case that needs no process of
# its own (it has neither HEAD nor ENVIRONMENT) waits in @Waiting to share one.

my @Waiting;

sub fails {
    my ($name, $failed, $said, @file) = @_;

    if (@file == 1) {
        push @Waiting, [$name, $failed, $said, @file];
        return;
    }

    my ($status, $output) = run_file(@file);

    isnt($status, 0, "$name - exit status");
    judge($name, $failed, $said, $output);

    return;
}


sub judge {
    my ($name, $failed, $said, $output) = @_;

    my @failed = $output =~ /^not ok \d+ - (.*)$/mg;

    my $good = is_deeply(\@failed, $failed, "$name - fails");
    $good &= like($output, $said, "$name - says why");

    diag($output) if !$good;

    return;
}


# Runs the cases that wait as one file, with the blocks of each renamed to its
# number.
sub run_waiting {
    my @texts = map { $Waiting[$_][3] =~ s/^=== T$/=== T$_/mgr } 0 .. $#Waiting;

    my ($status, $output) = run_file(join "\n", @texts);
    my @output;
    my $current = 0;

    for my $line (split /^/, $output) {
        if ($line =~ s/^((?:not )?ok \d+ - T)(\d+)/$1/) {
            $current = $2;
        }
        $output[$current] .= $line;
    }

    isnt($status, 0, 'the cases in one file - exit status');
    judge(@{ $Waiting[$_] }[0 .. 2], $output[$_] // '') for 0 .. $#Waiting;

    return;
}


sub passes {
    my ($name, @file) = @_;

    my ($status, $output) = run_file(@file);

    is($status, 0, "$name - passes") or diag($output);

    return $output;
}


my $T = "=== T\n--- config\n    location /t { return 200 \"abc\\n\"; }\n";
my $G = "$T--- request\nGET /t\n";

# What is right passes: otherwise the failures below prove nothing.

passes('a plain block', "$G--- response_body\nabc\n");

# Responses

fails('status', ['T - status code'], qr/got: '200'/,
      "$G--- error_code: 404\n");
fails('default status', ['T - status code'], qr/expected: '200'/,
      "$T--- request\nGET /none\n");
fails('status like', ['T - status code like'], qr/doesn't match/,
      "$G--- error_code_like: ^5\n");
fails('body', ['T - response body'], qr/expected: 'abd/,
      "$G--- response_body\nabd\n");
fails('body without its line break', ['T - response body'], qr/expected: 'abc'/,
      "$G--- response_body chomp\nabc\n");
fails('body like', ['T - response body like'], qr/doesn't match/,
      "$G--- response_body_like: x\n");
fails('body unlike', ['T - response body unlike'], qr/matches/,
      "$G--- response_body_unlike: b\n");
fails('header', ['T - header Content-Length'], qr/expected: '5'/,
      "$G--- response_headers\nContent-Length: 5\n");
fails('missing header', ['T - header X-A'], qr/got: undef/,
      "$G--- response_headers\nX-A: 1\n");
fails('unwanted header', ['T - header Server is absent'], qr/got: 'nginx/,
      "$G--- response_headers\n! Server\n");
fails('header like is anchored', ['T - header Content-Length like'],
      qr/doesn't match/, "$T--- request\nGET /index.html\n"
      . "--- response_headers_like\nContent-Length: \\d\n");
fails('raw headers', ['T - raw response headers like'], qr/doesn't match/,
      "$G--- raw_response_headers_like: X-A\n");
fails('raw headers unlike', ['T - raw response headers unlike'], qr/matches/,
      "$G--- raw_response_headers_unlike: Server\n");

# Requests

fails('second of two requests', ['T, request 1 - status code'], qr/got: '404'/,
      "$T--- request eval\n['GET /t', 'GET /none']\n");
fails('second body', ['T, request 1 - response body'], qr/expected: 'x'/,
      "$T--- request eval\n['GET /t', 'GET /t']\n"
      . "--- response_body eval\n[\"abc\\n\", 'x']\n");
fails('an array that is too short', ['T, request 1 - response body like'],
      qr/the array has no element 1/,
      "$T--- request eval\n['GET /t', 'GET /t']\n"
      . "--- response_body_like eval\n['a']\n");
fails('a status too few', ['T, request 1 - status code'], qr/expected: undef/,
      "$T--- request eval\n['GET /t', 'GET /t']\n"
      . "--- error_code eval\n[200]\n");
fails('no array for two requests', ['T - block'], qr/must be an array/,
      "$T--- request eval\n['GET /t', 'GET /t']\n--- response_body\nabc\n");
fails('pipelined', ['T, request 1 - response body'], qr/expected: 'x'/,
      "$T--- pipelined_requests eval\n['GET /t', 'GET /t']\n"
      . "--- response_body eval\n[\"abc\\n\", 'x']\n");
fails('a second response nobody expects', ['T - connection'],
      qr/bytes after the end/, "$T--- raw_request eval\n"
      . "\"GET /t HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
      . "GET /t HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n\"\n");
fails('no request', ['T - block'], qr/no request/, $T);
fails('no request line', ['T - block'], qr/not a request line/,
      "$T--- request\n/t\n");
fails('timeout', ['T - connection'], qr/no end of the response within 0\.2/,
      "$G--- more_headers\nConnection: keep-alive\n--- timeout: 0.2\n");
fails('no response', ['T - status code'], qr/got: ''/,
      "=== T\n--- config\n    location /t { return 444; }\n"
      . "--- request\nGET /t\n");
fails('a body cut short', ['T - connection'], qr/ends after 3 of 9 bytes/,
      "=== T\n--- config\n    location /t {\n"
      . "        proxy_pass http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1;\n    }\n"
      . "--- tcp_listen: \$TEST_NGINX_RAND_PORT_1\n--- tcp_reply eval\n"
      . "\"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nabc\"\n"
      . "--- request\nGET /t\n--- response_body: abc\n");
fails('the mock was asked something else', ['T - tcp_query'], qr/expected: 'x'/,
      "=== T\n--- config\n    location /t {\n"
      . "        proxy_pass http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1;\n    }\n"
      . "--- tcp_listen: \$TEST_NGINX_RAND_PORT_1\n--- tcp_query: x\n"
      . "--- tcp_reply eval\n\"HTTP/1.0 200 OK\\r\\n\\r\\n\"\n"
      . "--- request\nGET /t\n");
fails('the mock was not asked', ['T - tcp_query'], qr/got: ''/,
      "$G--- tcp_listen: \$TEST_NGINX_RAND_PORT_1\n--- tcp_query: x\n"
      . "--- tcp_reply: y\n");

# Logs

fails('a line that is missing', ['T - error_log has "no such line"'],
      qr/the end of the log/, "$G--- error_log\nno such line\n");
fails('a line too many', ['T - error_log lacks "[error]"'],
      qr/No such file/, "$T--- request\nGET /none\n--- error_code: 404\n"
      . "--- no_error_log\n[error]\n[alert]\n");
fails('a second round without the line', ['T - error_log has "[notice]"'],
      qr/nothing was logged|end of the log/, $G
      . "--- log_level: notice\n--- error_log\n[notice]\n",
      "repeat_each(2);\n");
fails('access log', ['T - access_log has "GET /other"'], qr/GET \/t/,
      "$G--- access_log\nGET /t\nGET /other\n");
fails('a pattern over two lines', ['T - access_log has "(?^s:/t.*/t)"'],
      qr/the end of the log/, "=== T\n--- config\n    location /t {\n"
      . "        access_log \$TEST_NGINX_SERVER_ROOT/logs/access.log;\n" x 2
      . "        return 200 a;\n    }\n--- request\nGET /t\n"
      . "--- access_log eval\nqr{/t.*/t}s\n");
fails('grep without the expected', ['T - block'], qr/without --- grep_error/,
      "$G--- grep_error_log: x\n");
fails('grep', ['T - grep_error_log'], qr/got: ''/,
      "$G--- grep_error_log: no such line\n--- grep_error_log_out\nx\n");

# The life of nginx

fails('must_die that starts', ['T - nginx must not start'], qr/not ok/,
      "$T--- must_die\n");
fails('must_die with another code', ['T - exit code'], qr/expected: 3/,
      "=== T\n--- config\n    nonsense;\n--- must_die: 3\n");
fails('must_die without the word', ['T - error_log has "other word"'],
      qr/unknown directive "nonsense"/, "=== T\n--- config\n    nonsense;\n"
      . "--- must_die\n--- error_log\nother word\n");
fails('a start that fails, and the block after it', ['T - nginx'],
      qr/unknown directive "nonsense".*^ok \d+ - T - status code/ms,
      "=== T\n--- config\n    nonsense;\n--- request\nGET /t\n\n$G");
fails('a binary that is not there', ['T - nginx'], qr/cannot run \/no\/nginx/,
      $G, '', TEST_NGINX_BINARY => '/no/nginx');
fails('no config to begin with', ['T - block'], qr/no --- config/,
      "=== T\n--- request\nGET /t\n", '');

my $pid = <<'EOS';
sub slurp { open my $f, '<', shift or return ''; local $/; <$f> // '' }
sub pid { return slurp(server_root() . '/logs/nginx.pid') + 0 }

sub until_true {
    for (1 .. 3000) {
        return 1 if $_[0]->();
        select undef, undef, undef, 0.01;
    }
}

# killed, and so far gone that it has nothing open
sub end_it {
    my $n = pid();
    kill KILL => $n;
    until_true(sub { !-e "/proc/$n" || slurp("/proc/$n/stat") =~ /\) Z / });
    return shift;
}

# the workers, and the master has said so
sub end_workers {
    my $n = pid();
    kill SEGV => split ' ', slurp("/proc/$n/task/$n/children");
    until_true(sub { slurp(server_root() . '/logs/error.log') =~ /signal 11/ });
    return shift;
}
EOS

fails('nginx that crashes', ['T - nginx'], qr/killed by signal 11/,
      "$G--- response_body_filters eval\n\\&main::crash\n",
      "$pid\nsub crash { kill SEGV => pid(); shift }\n");
fails('a request to an nginx that is dead',
      ['T - connection', 'T - nginx', 'T, request 1 - status code'],
      qr/cannot connect.*killed by signal 9/s,
      "$T--- request eval\n['GET /t', 'GET /t']\n"
      . "--- response_body_filters eval\n\\&main::end_it\n", $pid);
fails('a worker that crashes', ['T - faults in the error log'],
      qr/worker process \d+ exited on signal 11/,
      "$G--- response_body_filters eval\n\\&main::end_workers\n",
      "$pid\nmaster_on();\n");
passes('a worker that is expected to crash',
       "$G--- response_body_filters eval\n\\&main::end_workers\n"
       . "--- error_log\nexited on signal 11\n", "$pid\nmaster_on();\n");
fails('a worker left behind', ['T - nginx'], qr/process \d+ .* was left behind/,
      "$G--- response_body_filters eval\n\\&main::orphan\n",
      "$pid\nmaster_on();\nsub orphan { kill KILL => pid(); shift }\n");

# Reports of checkers

my $report = "$Dir/asan";

fails('a sanitizer report', ["T - sanitizer report $report.77"],
      qr/heap-buffer-overflow/,
      "$G--- response_body_filters eval\n\\&main::report\n",
      "sub report { open my \$f, '>', \$ENV{MLSEC_SANITIZER_LOG} . '.77';"
      . " print \$f 'heap-buffer-overflow'; shift }\n",
      MLSEC_SANITIZER_LOG => $report);
passes('a sanitizer report of long ago', $G, '',
       MLSEC_SANITIZER_LOG => $report);

# A valgrind that always finds something, or never.

mkdir "$Dir/bin" or die "$Dir/bin: $!";
open my $fake, '>', "$Dir/bin/valgrind" or die "valgrind: $!";
print {$fake} <<'EOS';
#!/bin/sh
while :; do
    case $1 in
    --log-file=*) log=$(printf %s "${1#--log-file=}" | sed "s/%p/$$/") ;;
    -*) ;;
    *) break ;;
    esac
    shift
done
printf '%s' "$FAKE_REPORT" > "$log"
exec "$@"
EOS
close $fake or die "valgrind: $!";
chmod 0755, "$Dir/bin/valgrind";

fails('a valgrind report', ['T - valgrind report'], qr/Invalid read/,
      $G, '', PATH => "$Dir/bin:$ENV{PATH}", TEST_NGINX_USE_VALGRIND => 1,
      FAKE_REPORT => "==12== Invalid read of size 8\n==12== \n");
passes('a silent valgrind', $G, '', PATH => "$Dir/bin:$ENV{PATH}",
       TEST_NGINX_USE_VALGRIND => 1, FAKE_REPORT => '');

# The environment

my ($status, $output) = run_file(
    "=== T\n--- config\n    set \$x \$TEST_NGINX_NOT_SET;\n"
    . "--- request\nGET /t\n");

like($output, qr/^Bail out!.*TEST_NGINX_NOT_SET/m, 'an unset variable');
isnt($status, 0, 'an unset variable - exit status');

fails('HUP to a broken configuration', ['T - nginx'],
      qr/unknown directive "nonsense"/,
      "${G}\n=== T\n--- config\n    nonsense;\n--- request\nGET /t\n", '',
      TEST_NGINX_USE_HUP => 1);

mkdir "$Dir/precious" or die "$Dir/precious: $!";
open my $file, '>', "$Dir/precious/file" or die "file: $!";
close $file;

fails('a server root that is not ours', ['T - block'], qr/not removing/, $G,
      '', TEST_NGINX_SERVROOT => "$Dir/precious", TEST_NGINX_RANDOMIZE => 0);
ok(-f "$Dir/precious/file", 'what is not ours is left alone');

# However the test ends, nginx ends with it.  INT is ignored where this runs
# as a background job.

$SIG{INT} = 'DEFAULT';

for my $signal (qw(INT TERM KILL)) {
    my ($status) = run_file("$G--- response_body_filters eval\n\\&main::end\n",
                            "sub end { kill $signal => \$\$; shift }\n");

    isnt($status, 0, "$signal - exit status");

    my $running = 1;

    for (1 .. 2000) {
        $running = grep { text_of($_) =~ /nginx.*\Q$Dir\E\/servroot/ }
            glob '/proc/[0-9]*/cmdline';
        last if !$running;
        select undef, undef, undef, 0.01;
    }

    is($running, 0, "$signal - nginx is gone");
}

system 'rm', '-rf', glob "$Dir/servroot*";

# The shim: an installed Test::Nginx is preferred, whichever way @INC is set,
# unless the built-in is asked for.

mkdir $_ or die "$_: $!" for map { "$Dir/$_" } qw(real real/Test
                                                  real/Test/Nginx);
open $file, '>', "$Dir/real/Test/Nginx/Socket.pm" or die "Socket.pm: $!";
print {$file} "package Test::Nginx::Socket;\n"
    . "sub import { print qq{real \@_[1 .. \$#_]\\n} }\n1;\n";
close $file or die "Socket.pm: $!";

open $file, '>', "$Dir/probe.pl" or die "probe: $!";
print {$file} qq{use Test::Nginx::Socket "no_plan";\n}
    . qq{print defined &run_tests ? "built-in" : "", "\\n";\n};
close $file or die "probe: $!";

for my $case (
    ['lib first',      '', 1, qr/^real no_plan$/m, "-I$Lib", "-I$Dir/real"],
    ['real first',     '', 1, qr/^real no_plan$/m, "-I$Dir/real", "-I$Lib"],
    ['lib twice',      '', 1, qr/^real no_plan$/m, "-I$Lib", '-It/lib',
                                                   "-I$Dir/real"],
    ['absent',         '', 0, qr/^built-in$/m, "-I$Lib"],
    ['absent, relative', '', 0, qr/^built-in$/m, '-It/lib'],
    ['built-in asked', 1, 0, qr/^built-in$/m, "-I$Lib", "-I$Dir/real"],
) {
    my ($name, $built_in, $real, $expected, @inc) = @$case;
    local $ENV{TEST_NGINX_BUILTIN} = $built_in;
    local $ENV{PERL5LIB} = '';

    open my $pipe, '-|', $^X, @inc, "$Dir/probe.pl" or die "perl: $!";
    local $/;
    my $output = <$pipe>;
    close $pipe;

    like($output, $expected, "shim, $name");
    is(!!($output =~ /^real/m), !!$real, "shim, $name - only that one");
}

# Claims on ports, with the dice loaded so that both want the same block.

srand 1;
my $first = MlsecTest::Ports->claim_block;
srand 1;
my $second = MlsecTest::Ports->claim_block;
my $port   = $first->main;

isnt($second->main, $port, 'a claimed block is not claimed again');
is(MlsecTest::Ports::claim($port), undef, 'nor is its port');
isnt($first->named('a'), $first->named('b'), 'two names, two ports');
is($first->named('a'), $first->named('a'), 'one name, one port');
undef $first;
ok(MlsecTest::Ports::claim($port), 'a claim ends with its owner');

# Two files at a time share neither port nor directory.

my @running;

for my $n (1, 2) {
    my $text = join "\n", map {
        "=== T$_\n--- http_config\n    server { listen"
        . " \$TEST_NGINX_RAND_PORT_1; return 200 $n; }\n--- config\n"
        . "    location /t { proxy_pass"
        . " http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1; }\n"
        . "--- request\nGET /t\n--- response_body: $n\n"
    } 1 .. 10;

    open my $fh, '>', "$Dir/pair$n.t" or die "pair: $!";
    print {$fh} "use Test::Nginx::Socket 'no_plan';\nrun_tests();\n"
        . "__DATA__\n\n$text";
    close $fh or die "pair: $!";

    open my $pipe, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1',
        $^X, "-I$Lib", "$Dir/pair$n.t" or die "perl: $!";
    push @running, $pipe;
}

for my $pipe (@running) {
    local $/;
    my $output = <$pipe>;

    close $pipe;
    is($?, 0, 'one of two at a time') or diag($output);
}

my @left = glob "$Dir/servroot*";

is("@left", '', 'random server roots are removed');

run_waiting();

done_testing();
