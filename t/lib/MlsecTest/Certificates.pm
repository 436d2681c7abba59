# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# Makes certificates with openssl.
#
#   certificate($dir, 'ca', 'a CA of this test');
#   certificate($dir, 'good', 'u.example', ca => 'ca', san => 'DNS:u.example');
#
# writes DIR/NAME.pem and DIR/NAME.key, a key of P-256, good for two days (of
# one by a CA: days => N, -1 for one that has expired).  It
# signs itself unless ca is given, which is the name of another one.  Returns
# whether it could be made.

package MlsecTest::Certificates;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(certificate);


sub certificate {
    my ($dir, $name, $subject, %o) = @_;

    my $base = "$dir/$name";
    my @key  = (qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes),
                '-subj', "/CN=$subject", '-keyout', "$base.key");

    if (!$o{ca}) {
        return _openssl(qw(req -x509 -days 2), @key, '-out', "$base.pem",
                        $o{san} ? ('-addext', "subjectAltName=$o{san}") : ());
    }

    my @by = ('-CA', "$dir/$o{ca}.pem", '-CAkey', "$dir/$o{ca}.key",
              '-CAcreateserial');

    if ($o{san}) {
        open my $ext, '>', "$base.ext" or die "$base.ext: $!\n";
        print $ext "subjectAltName=$o{san}\n";
        close $ext or die "$base.ext: $!\n";
        push @by, '-extfile', "$base.ext";
    }

    return _openssl(qw(req -new), @key, '-out', "$base.csr")
        && _openssl(qw(x509 -req -days), $o{days} // 2, '-in', "$base.csr",
                    @by, '-out', "$base.pem");
}


# Quietly: where there is none, tests say so.
sub _openssl {
    return system('sh', '-c', 'exec "$@" >/dev/null 2>&1', 'sh', 'openssl', @_)
        == 0;
}


1;
