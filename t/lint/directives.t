#!/usr/bin/perl

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# util/check-directives: one planted fault each.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Planted;

my $c = 'src/limit/ngx_mlsec_limit_module.c';
my $page = 'docs/directives/limit.md';
my $variables = 'docs/variables.md';

# A table, its merge calls and its page; %change replaces texts in them.

my $source = <<'C';
#define NGX_MLSEC_ANYWHERE  (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF \
                             |NGX_HTTP_LOC_CONF)
#define NGX_MLSEC_WINDOW    (10 * 1000)

static ngx_conf_enum_t  ngx_mlsec_limit_modes[] = {
    { ngx_string("local"), NGX_MLSEC_LOCAL },
    { ngx_string("closed"), NGX_MLSEC_CLOSED },
    { ngx_null_string, 0 }
};

static ngx_command_t  ngx_mlsec_limit_commands[] = {

    { ngx_string("mlsec_limit"),        /* { */
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_2MORE,
      ngx_mlsec_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_limit_dry_run"),
      NGX_MLSEC_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_limit_conf_t, dry_run),
      NULL },

    { ngx_string("mlsec_limit_window"),
      NGX_MLSEC_ANYWHERE|NGX_CONF_TAKE12,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_limit_conf_t, window),
      NULL },

    { ngx_string("mlsec_limit_size"),
      NGX_MLSEC_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_limit_conf_t, size),
      NULL },

    { ngx_string("mlsec_limit_fail"),
      NGX_MLSEC_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_limit_conf_t, fail),
      &ngx_mlsec_limit_modes },

      ngx_null_command
};

static ngx_http_variable_t  ngx_mlsec_limit_vars[] = {

    { ngx_string("mlsec_limit_status"), NULL, ngx_mlsec_limit_status,
      0, 0, 0 },

    { ngx_string("mlsec_limit_left_"), NULL, ngx_mlsec_limit_left,
      0, NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


static char *
ngx_mlsec_limit_merge(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_limit_conf_t *prev = parent;
    ngx_mlsec_limit_conf_t *conf = child;

    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_msec_value(conf->window, prev->window, NGX_MLSEC_WINDOW);
    ngx_conf_merge_size_value(conf->size, prev->size, (size_t) 8 * 1024);
    ngx_conf_merge_uint_value(conf->fail, prev->fail, NGX_MLSEC_LOCAL);

    return NGX_CONF_OK;
}


static void
ngx_mlsec_other_merge(ngx_mlsec_other_conf_t *conf)
{
    ngx_conf_init_value(conf->dry_run, 1);
}
C

my $text = <<'MD';
# Limits

What they are.

```nginx http
error_log stderr;
```

## mlsec_limit

| **Syntax:** | `mlsec_limit zone=NAME rate=RATE [burst=N] [on \| off]` |
|---|---|
| **Default:** | none |
| **Context:** | location, if in location |

```nginx location
return 204;     # mlsec_limit zone=a rate=1r/s
```

## mlsec_limit_dry_run

**Syntax:** `mlsec_limit_dry_run on | off`<br>
**Default:** `mlsec_limit_dry_run off;`<br>
**Context:** http, server, location<br>
**Phase:** precontent

    ## mlsec_limit_quoted

```text file=part.conf
## mlsec_limit_fenced
keepalive_timeout 5s;
```

```nginx server
include part.conf;      # mlsec_limit_dry_run on
```

## `mlsec_limit_window`

- **Syntax:** `mlsec_limit_window TIME`, `mlsec_limit_window TIME step=N`
- **Default:** `10s`
- **Context:** `http`, `server`,
  `location`

```nginx upstream
keepalive 4;            # mlsec_limit_window 10s
```

### mlsec_limit_size

**Syntax:** `mlsec_limit_size SIZE`
**Default:** `mlsec_limit_size 8k`
**Context:** http, server, location

```nginx main
load_module modules/ngx_mlsec_module.so;
worker_processes 1;
events { worker_connections 64; }
http {
    server { listen unix:main.sock; }   # mlsec_limit_size, mlsec_limit_fail
}
```

## mlsec_limit_fail

**Syntax:** `mlsec_limit_fail local | closed`
**Default:** `mlsec_limit_fail local`
**Context:** http, server, location
MD

my $vars = "## \$mlsec_limit_status\n\nx\n\n## `\$mlsec_limit_left_NAME`\n";

base('check-directives', {
    $c => $source, $page => $text, $variables => $vars,
});

$ENV{TEST_NGINX_BINARY} = '/nonexistent';
delete $ENV{LINT_STRICT};

clean();

# finds(), with a text of the page or of the source replaced.

sub page {
    my ($what, $from, $to, @expected) = @_;

    my $at = index $text, $from;
    die("$what: not in the page") if $at < 0;
    my $new = $text;
    substr($new, $at, length $from, $to);
    finds($what, { $page => $new }, map { "$page:$_" } @expected);
}

sub source {
    my ($what, $from, $to, @expected) = @_;

    my $at = index $source, $from;
    die("$what: not in the source") if $at < 0;
    my $new = $source;
    substr($new, $at, length $from, $to);
    finds($what, { $c => $new }, @expected);
}

# both ways

finds('directive without a section', {
    $page => $text =~ s/## mlsec_limit_fail\n/## Failures\n/r,
}, "$c:41: mlsec_limit_fail: not in $page");

finds('section without a directive', {
    $page => "$text\n## mlsec_gone\n\n    mlsec_gone\n",
}, "$page:70: mlsec_gone: no example",
   "$page:70: mlsec_gone: not in the C tables");

finds('section twice', { $page => "$text\n## mlsec_limit_fail\n" },
    "$page:70: mlsec_limit_fail: described twice");

finds('no page', { $page => undef },
    map { "$c:$_: not in $page" } '13: mlsec_limit', '20: mlsec_limit_dry_run',
          '27: mlsec_limit_window', '34: mlsec_limit_size',
          '41: mlsec_limit_fail');

finds('page of another name', {
    $page => $text =~ s/## mlsec_limit_fail\n.*//sr,
    'docs/directives/auth.md' => ($text =~ /(## mlsec_limit_fail\n.*)/s)[0]
        . "\n```nginx http\n# mlsec_limit_fail\n```\n",
}, "docs/directives/auth.md:1: mlsec_limit_fail: belongs in $page",
   "$c:41: mlsec_limit_fail: not in $page");

finds('root module', {
    'ngx_mlsec_module.c' => "static ngx_command_t  c[] = {\n"
        . "{ ngx_string(\"mlsec_zone\"), NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,\n"
        . "  f, 0, 0, NULL },\n  ngx_null_command\n};\n",
}, 'ngx_mlsec_module.c:2: mlsec_zone: not in docs/directives/core.md');

# contexts

page('context left out', "**Context:** http, server, location<br>",
     "**Context:** http, location<br>",
     '24: mlsec_limit_dry_run: Context is http, location, in C http, '
     . 'location, server');

page('context too many', "location, if in location", "location, upstream",
     '14: mlsec_limit: Context is location, upstream, in C if in location, '
     . 'location');

page('no context', "**Context:** http, server, location<br>\n", '',
     '20: mlsec_limit_dry_run: Context is missing, in C http, location, '
     . 'server');

source('context taken away', 'NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|',
       'NGX_HTTP_LOC_CONF|',
       "$page:14: mlsec_limit: Context is if in location, location, in C "
       . 'location');

source('unknown flag', '|NGX_HTTP_LIF_CONF', '|NGX_HTTP_LIF_CONF|NGX_ODD',
       "$c:13: mlsec_limit: unknown flag NGX_ODD");

source('entry of another shape', "      ngx_conf_set_enum_slot,\n", '',
       "$page:64: mlsec_limit_fail: not in the C tables",
       "$c:41: cannot read this ngx_command_t entry");

# arguments

page('no syntax', '**Syntax:** `mlsec_limit_size SIZE`', '',
     '49: mlsec_limit_size: no Syntax');

page('syntax of another', '`mlsec_limit_size SIZE`', '`mlsec_limit_sized S`',
     '51: Syntax must begin with mlsec_limit_size');

page('too many arguments', 'mlsec_limit_size SIZE', 'mlsec_limit_size S [x]',
     '51: mlsec_limit_size: C takes 1 arguments, the page 1, 2');

page('repeated argument', 'mlsec_limit_size SIZE', 'mlsec_limit_size S...',
     '51: mlsec_limit_size: C takes 1 arguments, the page '
     . '1, 2, 3, 4, 5, 6, 7, 8, more');

page('form left out', ', `mlsec_limit_window TIME step=N`', '',
     '40: mlsec_limit_window: C takes 1, 2 arguments, the page 1');

page('two needed', 'zone=NAME rate=RATE [', 'zone=NAME [rate=RATE] [',
     '11: mlsec_limit: C takes 2 or more arguments, the page 1');

page('flag with other words', 'dry_run on | off`', 'dry_run yes | no`',
     '22: mlsec_limit_dry_run: Syntax must be "mlsec_limit_dry_run on | off"');

source('arguments of the code', 'NGX_CONF_TAKE12', 'NGX_CONF_TAKE123',
       "$page:40: mlsec_limit_window: C takes 1, 2, 3 arguments, the page "
       . '1, 2');

# defaults

page('no default', "**Default:** `mlsec_limit_size 8k`\n", '',
     '49: mlsec_limit_size: no Default');

page('flag', 'mlsec_limit_dry_run off;', 'mlsec_limit_dry_run on;',
     '23: mlsec_limit_dry_run: default: page says "on", C 0');

page('flag without', '`mlsec_limit_dry_run off;`', 'none',
     '23: mlsec_limit_dry_run: default: page says none, C 0');

page('time', '`10s`', '`1m`', '41: mlsec_limit_window: default: page says '
     . '"1m", C NGX_MLSEC_WINDOW');

page('time in another unit', '`10s`', '`10000ms`');

page('size', 'mlsec_limit_size 8k', 'mlsec_limit_size 8m',
     '52: mlsec_limit_size: default: page says "8m", C (size_t) 8 * 1024');

page('word', 'mlsec_limit_fail local`', 'mlsec_limit_fail closed`',
     '67: mlsec_limit_fail: default: page says "closed", C NGX_MLSEC_LOCAL');

source('default of the code', '(10 * 1000)', '(60 * 1000)',
       "$page:41: mlsec_limit_window: default: page says \"10s\", "
       . 'C NGX_MLSEC_WINDOW');

# A table with a text, a number and a time in seconds, less their defaults.

sub small {
    my ($what, $values, @expected) = @_;

    my @rows = (['name', 'str', '"RateLimit"'], ['most', 'uint', '16'],
                ['keep', 'sec', '60 * 60'], ['rest', 'uint', 'ngx_ncpu']);
    my $table = join '', map {
        "{ ngx_string(\"mlsec_$_->[0]\"), NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,\n"
        . "ngx_conf_set_slot, 0, offsetof(ngx_mlsec_t, $_->[0]), NULL },\n"
    } @rows;
    my $calls = join '', map {
        "ngx_conf_init_$_->[1]_value(conf->$_->[0], $_->[2]);\n"
    } grep { $_->[1] ne 'str' } @rows;

    finds($what, {
        $c => "static ngx_command_t  c[] = {\n$table\nngx_null_command\n};\n"
            . "static char *\nngx_mlsec_init(ngx_mlsec_t *conf)\n{\n$calls}\n"
            . "static char *\nngx_mlsec_merge(ngx_mlsec_t *conf)\n{\n"
            . "ngx_conf_merge_str_value(conf->name, prev->name, "
            . "\"RateLimit\");\n}\n",
        $page => join('', map {
            "## mlsec_$_->[0]\n**Syntax:** `mlsec_$_->[0] X`\n"
            . "**Default:** $values->{$_->[0]}\n**Context:** http\n"
        } @rows) . "```nginx http\n# mlsec_name mlsec_most mlsec_keep "
          . "mlsec_rest\n```\n",
        $variables => undef,
    }, map { "$page:$_" } @expected);
}

my %good = (name => '`RateLimit`', most => '`16`', keep => '`1h`',
            rest => 'by the number of processors');

small('defaults of other kinds', \%good);
small('text', { %good, name => '`Rate-Limit`' },
      '3: mlsec_name: default: page says "Rate-Limit", C "RateLimit"');
small('no text', { %good, name => 'none' },
      '3: mlsec_name: default: page says none, C "RateLimit"');
small('number', { %good, most => '`17`' },
      '7: mlsec_most: default: page says "17", C 16');
small('seconds', { %good, keep => '`1d`' },
      '11: mlsec_keep: default: page says "1d", C 60 * 60');

# What could not be compared is said with -v.

{
    my $dir = tree({ $c => $source, $page => $text, $variables => $vars });
    my (undef, @lines) = run($dir,
                             "$FindBin::Bin/../../util/check-directives",
                             '-v', $dir);
    is_deeply(\@lines, ["$page:13: mlsec_limit: default not compared",
              'check-directives ok (7 names)'], 'figures with -v');
}

# variables

finds('variable without a section', { $variables => $vars =~ s/status/x/r },
    "$variables:1: \$mlsec_limit_x: not in the C tables",
    "$c:53: \$mlsec_limit_status: not in $variables");

finds('prefix without a section', { $variables => $vars =~ s/NAME/name/r },
    "$variables:5: \$mlsec_limit_left_name: not in the C tables",
    "$c:56: \$mlsec_limit_left_: not in $variables");

# examples

page('example of nowhere', '```nginx server', '```nginx',
     '34: the example must say where it stands: nginx main or http or '
     . 'upstream or server or location');

page('no example', '# mlsec_limit zone=a', '# zone=a',
     '9: mlsec_limit: no example');

my %built = ('build/ngx_mlsec_module.so' => "none\n");

finds('nginx missing', { %built },
    'skipped: examples not run: nginx not installed');

# A stand-in for nginx, which finds fault with lines that hold a word.

my $fake = tree({ 'nginx' => <<'SH' });
#!/bin/sh
while [ "$1" != -p ]; do shift; done
cd "$2" || exit 1
if [ ! -f conf/snippets/x.conf ]; then
    echo "nginx: [emerg] conf/ is missing" >&2; exit 1
fi
case $(cat conf/part.conf 2>&1) in *FAULT*)
    echo "nginx: [emerg] fault in $2conf/part.conf:2"; exit 1 ;;
esac >&2
awk -v p="$2" '
    function fault(text) { print "nginx: [emerg] " text; bad = 1; exit }
    /^load_module/ && NR > 1 { fault("1#1: twice") }
    /VERSION/ { fault("module \"x.so\" version 1 instead of 2") }
    /FAULT/ { fault("1#1: fault in " p "conf/lint.conf:" NR) }
    END { exit bad }' conf/lint.conf >&2
SH
$ENV{TEST_NGINX_BINARY} = "$fake/nginx";
$built{'conf/snippets/x.conf'} = "\n";

sub example {
    my ($what, $from, $to, @expected) = @_;

    finds($what, { %built, $page => $text =~ s/\Q$from/$to/r },
        map { "$page:$_" } @expected);
}

example('all accepted', 'x', 'x');

example('location', 'return 204;', "\nFAULT;", '18: nginx -t: fault');
example('server', 'include part.conf;', 'FAULT', '35: nginx -t: fault');
example('upstream', 'keepalive 4;', 'FAULT', '46: nginx -t: fault');
example('main', 'worker_processes 1;', 'FAULT', '57: nginx -t: fault');
example('file', 'keepalive_timeout 5s;', 'FAULT',
        '20: nginx -t: fault in conf/part.conf:2');
example('ground, in each section but main', 'error_log stderr;', 'FAULT',
        map { "$_: nginx -t: fault" } 6);

finds('another nginx', {
    %built, $page => $text =~ s/return 204/VERSION/r,
}, 'skipped: examples not run: module "x.so" version 1 instead of 2');

# The real nginx takes what is put together.  Any module serves as ours, since
# the examples here hold its names in comments only.

my ($nginx) = grep { -x } '/usr/sbin/nginx', '/usr/local/sbin/nginx';
my ($so) = glob '/usr/lib/nginx/modules/ngx_http_*.so';

SKIP: {
    skip 'no nginx with a dynamic module here', 5 if !$nginx || !$so;

    $ENV{TEST_NGINX_BINARY} = $nginx;
    my $dir = tree({ $c => $source, $page => $text, $variables => $vars,
                     'build/x' => '' });
    symlink $so, "$dir/build/ngx_mlsec_module.so" or die "symlink: $!";

    my @check = ("$FindBin::Bin/../../util/check-directives", $dir);
    my ($code, @lines) = run($dir, @check);
    is_deeply([$code, @lines], [0, 'check-directives ok (7 names)'],
              'nginx takes the examples');

    for my $case (['return 204;', 'return 2044 x y z;', 17,
                   'invalid number of arguments in "return" directive'],
                  ['keepalive 4;', 'keepalive none;', 46,
                   'invalid value "none" in "keepalive" directive'],
                  ['include part.conf;', 'listen;', 35,
                   'invalid number of arguments in "listen" directive'],
                  ['worker_processes 1;', 'worker_processes x;', 57,
                   '"worker_processes" directive invalid value'])
    {
        my ($from, $to, $line, $message) = @$case;
        open my $out, '>', "$dir/$page" or die "$page: $!";
        print $out $text =~ s/\Q$from/$to/r;
        close $out or die "$page: $!";
        (undef, @lines) = run($dir, @check);
        like($lines[0], qr/^\Q$page:$line: nginx -t: $message/, $message);
    }
}

done_testing();
