#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/check-words and util/check-commits.  What they look for is put together
# here from halves, so that this file may be checked as well.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

my $util = "$FindBin::Bin/../../util";
my $home = '/ho' . 'me/';
my $mark = '<' x 7;

base('check-words', {
    'README.md' => "Title\n=======\n\nA framework/work/x, \$TOP${home}x and "
        . "http://127.0.0.1${home}x; the issue is #1.\n",
    'bin' => "\0${home}x\n",
});

clean();

finds('home', { 'a.conf' => "x\nroot ${home}me/html;\n" },
    "a.conf:2: a path of one machine: \"$home\"");

for my $top ('wo' . 'rk', 'ro' . 'ot', 'Us' . 'ers') {
    finds("/$top", { 'a.sh' => "ls '/$top/x'\n" },
        "a.sh:1: a path of one machine: \"/$top/\"");
}

finds('issue', { 'a.c' => "/* see is" . "sue #12 */\n" },
    'a.c:1: an issue of one tracker: "is' . 'sue #12"');

finds('pull request', { 'a.c' => "/* see pull req" . "uest #1 */\n" },
    'a.c:1: an issue of one tracker: "pull req' . 'uest #1"');

for my $host ('deb.debian', 'registry.npmjs', 'pypi', 'proxy.golang') {
    finds($host, { 'Dockerfile' => "RUN curl https://$host" . ".org/x\n" },
        "Dockerfile:1: the host of a registry: \"$host" . '.org"');
}

finds('merge marker', { 'a.c' => "x\n$mark HEAD\n=======\n" },
    "a.c:2: a merge marker: \"$mark\"");

finds('who wrote it', { 'a.md' => "Co-Authored" . "-By: x\n" },
    'a.md:1: who or what wrote it: "Co-Authored' . '-By"');

# commit messages

my $dir = tree({ 'a' => "1\n" });

sub git {
    my ($code, @lines) = run($dir, 'git', '-C', $dir, '-c', 'user.name=t',
                             '-c', 'user.email=t@localhost', @_);
    die("git @_: @lines") if $code;
    return $lines[0];
}

sub commit {
    my ($message) = @_;

    git('commit', '-q', '--allow-empty', '--cleanup=verbatim', '-m', $message);
    return git('rev-parse', '--short', 'HEAD');
}

sub commits {
    my ($what, $args, @expected) = @_;

    my ($code, @lines) = run($dir, "$util/check-commits", '-C', $dir, @$args);
    is_deeply([@lines], [@expected], $what);
    is($code, @expected > 1 ? 1 : 0, "$what: exit code");
}

git('init', '-q');
commit('limit: count in thousandths' . "\n\nBecause.\n");
commit('limit, auth: ' . 'x' x 47);
commits('clean history', [], 'check-commits ok (2 commits)');

for my $case (['No area', '"No area" does not read `area: what`'],
              ['limit: ' . 'x' x 54, '61 columns (at most 60)'],
              ['limit: period.', 'the subject ends with a period'],
              ["limit: x\nbody", 'no empty line after the subject', 2],
              ["limit: x\n\nsee ${home}x",
               "a path of one machine: \"$home\"", 3])
{
    my ($message, $expected, $line) = @$case;
    my $id = commit($message);
    commits($expected, ['-n', 1], "$id:" . ($line // 1) . ": $expected",
            'check-commits 1 finding (1 commits)');
}

commits('range', ['HEAD~6..HEAD~5'], 'check-commits ok (1 commits)');

git('update-ref', 'refs/remotes/origin/main', 'HEAD');
commits('what origin has is left alone', [], 'check-commits ok (0 commits)');

my ($code) = run($dir, "$util/check-commits", '-C', $dir, 'nothing..HEAD');
is($code, 1, 'unknown range');

# In a checkout what git ignores is not looked at, what is new is.

$dir = tree({ '.gitignore' => "out\n", 'out' => $home, 'new' => $home });
git('init', '-q');
my (undef, @lines) = run($dir, "$util/check-words", $dir);
is_deeply(\@lines, ["new:1: a path of one machine: \"$home\"",
          'check-words 1 finding (2 files)'], 'ignored and new files');

done_testing();
