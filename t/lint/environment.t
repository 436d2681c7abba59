#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/check-environment: the tables of docs/operations.md against the scripts.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

my $scripts = <<'END';
SERVICES='a A_URL -
b B_URL OLD_B_URL'
# a comment: bad COMMENTED
check() {
    [ -z "${PORT-}" ] || is_number "$PORT" 1 9 \
        || bad PORT 'a port'
    case ${MODE-} in
        *) bad MODE 'a word' ;;
    esac
    for name in FIRST SECOND; do
        bad "$name" 'x'
    done
    check_store STORE 'x'
    SCHEME=http INNER=$PORT
}
END

my $render = <<'END';
name_idle() {
    for name in SECOND \
                STORE OLD_STORE
    do
        say "$name"
    done
}
alias_of STORE OLD_STORE
PORT=${PORT:-80}
DIR=${DIR:-$TOP/x}
END

my $head = <<'END';
# Operations

| `OUTSIDE` | x | of the section |

## Environment

| variable | default | effect now |
|---|---|---|
END

my %rows = (
    PORT => '`80` | port', MODE => 'none | a word', FIRST => 'none | first',
    SECOND => 'none | none yet', STORE => 'none | none yet',
    OLD_STORE => 'none | none yet; other name of `STORE`',
    A_URL => 'none | a', B_URL => 'none | b',
    OLD_B_URL => 'none | other name of `B_URL`', DIR => '`x` | folder',
);

my @order = sort keys %rows;

sub page {
    my (%change) = @_;
    my %all = (%rows, %change);
    return $head . join('', map { defined $all{$_} ? "| `$_` | $all{$_} |\n" : () }
                        @order, grep { !exists $rows{$_} } sort keys %change);
}

sub line {
    my ($name) = @_;
    my $n = 9;
    for (@order) {
        return $n if $_ eq $name;
        $n++;
    }
    return $n;
}

my $compose = "services:\n  gateway:\n    environment:\n"
    . "      PORT:\n      A_URL: http://a\n      B_URL: \${B_URL:-\${OLD_B_URL}}\n"
    . "      MODE:\n      FIRST:\n      SECOND:\n      STORE:\n";

base('check-environment', {
    'docs/operations.md' => page(),
    'util/environment.sh' => $scripts,
    'util/render' => $render,
    'compose.yaml' => $compose,
});

clean();

my $page = 'docs/operations.md';

finds('no row', { $page => page(MODE => undef) },
    "util/environment.sh:7: MODE: no row in $page");
finds('no row for a service', { $page => page(A_URL => undef) },
    "util/environment.sh:1: A_URL: no row in $page");
finds('no row for a name in a loop', { $page => page(FIRST => undef) },
    "util/environment.sh:10: FIRST: no row in $page");
finds('no row for what a script defaults', { $page => page(DIR => undef) },
    "util/render:10: DIR: no row in $page");
finds('no script', { $page => page(ZED => 'none | x') },
    "$page:" . line('ZED') . ': ZED: no script reads it');
finds('a word of a comment is no variable',
    { $page => page(COMMENTED => 'none | x') },
    "$page:" . line('ZED') . ': COMMENTED: no script reads it');
finds('default', { $page => page(PORT => '`81` | port') },
    "$page:" . line('PORT') . ': PORT: the default is `80`, the row says `81`');
finds('an effect that is not there', { $page => page(SECOND => 'none | it') },
    "$page:" . line('SECOND')
    . ': SECOND: util/render says that it has no effect');
finds('an effect that is', { $page => page(MODE => 'none | none yet') },
    "$page:" . line('MODE') . ': MODE: util/render says that it has an effect');
finds('alias', { $page => page(OLD_B_URL => 'none | b') },
    "$page:" . line('OLD_B_URL')
    . ': OLD_B_URL: it is the other name of B_URL');
finds('no alias', { $page => page(MODE => 'none | other name of `PORT`') },
    "$page:" . line('MODE') . ': MODE: it is the other name of nothing');
finds('twice', { $page => page() . "| `PORT` | `80` | port |\n" },
    "$page:" . line('ZED') . ': PORT: also in line ' . line('PORT'));
finds('compose', { 'compose.yaml' => "$compose      WRONG: x\n" },
    'compose.yaml:11: WRONG: no script reads it');
finds('not passed on', { 'compose.yaml' => $compose =~ s/ +MODE:\n//r },
    'compose.yaml:1: MODE: is not passed on');
finds('no page', { $page => undef, 'compose.yaml' => undef,
        'util/environment.sh' => "x=\${MODE-}\n", 'util/render' => undef },
    "util/environment.sh:1: MODE: no row in $page");

done_testing();
