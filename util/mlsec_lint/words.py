# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""What no file and no commit message of the project may say.

The patterns are written so that they do not find themselves.
"""

import re

HOSTS = ('deb.debian[.]org', 'security.debian[.]org', 'snapshot.debian[.]org',
         'archive.ubuntu[.]com', 'registry.npmjs[.]org', 'pypi[.]org',
         'pythonhosted[.]org', 'proxy.golang[.]org', 'crates[.]io',
         'rubygems[.]org', 'docker[.]io', 'ghcr[.]io', 'quay[.]io')
RULES = (
    ('a path of one machine',
     re.compile(r'(?<![\w.$}/-])/(work|home|root|Users|tmp/bash_jobs)/')),
    ('an issue of one tracker', re.compile(r'(?i)\bissues?\s+[#]\s?\d*|'
                                           r'\bpull request\s+[#]\d*')),
    ('the host of a registry',
     re.compile(r'(?<![\w-])(' + '|'.join(HOSTS) + r')\b')),
    ('a merge marker', re.compile(r'^([<]{7}|[>]{7}|[|]{7})( |$)')),
    ('who or what wrote it',
     re.compile(r'(?i)\b(co-authored[-]by|claud[e]\b|anthropi[c]|copilo[t]\b'
                r'|subagen[t]|generated (by|with) a[i]\b)')),
)


def find(text):
    """(line, what, words) of each place that a rule finds."""
    for line, row in enumerate(text.split('\n'), 1):
        for what, rule in RULES:
            match = rule.search(row)
            if match:
                yield line, what, match.group().strip()
