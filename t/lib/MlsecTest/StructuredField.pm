# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# A parser of structured fields (RFC 9651, 4.2), lists of items with
# parameters, written after the RFC's algorithms and knowing nothing of who
# sends them.  What the RFC says fails, fails here.
#
#   my $list = parse_list('"user";q=200;w=2');
#   [{ value => 'user', type => 'string', params => { q => 200, w => 2 },
#      types => { q => 'integer', w => 'integer' } }]
#
# Dies with what is wrong and where.

package MlsecTest::StructuredField;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(parse_list);


sub parse_list {
    my ($text) = @_;

    die "not ASCII\n" if $text =~ /[^\x00-\x7f]/;

    my @members;

    local $_ = $text;
    /\G +/gc;

    while ((pos() // 0) < length) {
        push @members, _item();
        last if /\G[ \t]*\z/gc;
        /\G[ \t]*,[ \t]*/gc or _fail('no comma');
        /\G\z/gc and _fail('a comma at the end');
    }

    return \@members;
}


sub _fail { die "$_[0] at " . (pos() // 0) . " of \"$_\"\n" }


sub _item {
    my ($value, $type) = _bare();
    my (%params, %types);

    while (/\G;/gc) {
        /\G */gc;
        /\G([a-z*][a-z0-9_.*-]*)/gc or _fail('no key');
        my $key = $1;
        my ($v, $t) = /\G=/gc ? _bare() : (1, 'boolean');
        # the last one counts, says the RFC; nobody has a reason to send two
        _fail("\"$key\" twice") if exists $params{$key};
        $params{$key} = $v;
        $types{$key} = $t;
    }

    return {
        value => $value, type => $type, params => \%params, types => \%types,
    };
}


sub _bare {
    if (/\G(-?[0-9]+)(?:\.([0-9]+))?/gc) {
        my ($whole, $fraction) = ($1, $2);
        my $digits = $whole =~ tr/0-9//;
        if (defined $fraction) {
            _fail('a decimal is too long')
                if $digits > 12 || length $fraction > 3;
            return ("$whole.$fraction", 'decimal');
        }
        _fail('an integer is too long') if $digits > 15;
        return ($whole + 0, 'integer');
    }
    my $char = qr/[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]/;

    if (/\G"((?:$char)*)"/gc) {
        return ($1 =~ s/\\(.)/$1/gr, 'string');
    }
    return ($1, 'token')
        if m{\G([A-Za-z*][!#\$%&'*+\-.^_`|~0-9A-Za-z:/]*)}gc;
    return ($1, 'bytes')
        if m{\G:([A-Za-z0-9+/=]*):}gc;
    return ($1 + 0, 'boolean') if /\G\?([01])/gc;

    return _fail('no item');
}


1;
