# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""What nginx's configure would read from our `config`.

The file is a shell script that nginx sources.  It is run here in the same
way, with stand-ins for the scripts of nginx's auto/ that it may source.
"""

import os
import subprocess
import tempfile

STANDINS = {
    'feature': 'ngx_found=yes\n',
    'have': ':\n', 'nohave': ':\n', 'define': ':\n', 'have_headers': ':\n',
    'module': 'for f in $ngx_module_srcs; do echo "src $f"; done\n'
              'for f in $ngx_module_deps; do echo "dep $f"; done\n'
              'for m in $ngx_module_name; do echo "$ngx_module_type $m"; done'
              '\n',
}
RUN = 'ngx_addon_dir=$1; ngx_module_link=$2; . "$1/config"'

# named after the filter language, not a filter of responses
LANGUAGE = ('ngx_mlsec_filter_module',)


def run(root, link='DYNAMIC'):
    """({kind: [file relative to root]}, error) of `config`.

    The kinds HTTP, HTTP_AUX_FILTER ... list names of modules.
    """
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(os.path.join(top, 'auto'))
        for name, text in STANDINS.items():
            with open(os.path.join(top, 'auto', name), 'w',
                      encoding='utf-8') as handle:
                handle.write(text)
        done = subprocess.run(['sh', '-c', RUN, 'sh', root, link], cwd=top,
                              capture_output=True, text=True, check=False)
    listed = {'src': [], 'dep': []}
    for line in done.stdout.split('\n'):
        kind, _, path = line.partition(' ')
        if kind in ('src', 'dep'):
            listed[kind].append(os.path.relpath(path, root))
        elif kind:
            listed.setdefault(kind, []).append(path)
    error = done.stderr.strip().split('\n')[-1]
    return listed, error or 'exits with an error' if done.returncode else ''


def line_in_config(text, name):
    """The line of config that names a file, else 1."""
    base = os.path.basename(name)
    for line, row in enumerate(text.split('\n'), 1):
        if base in row:
            return line
    return 1


def check_static(root, report, listed):
    """--add-module: the same files, and filters where nginx has filters."""
    static, error = run(root, 'ADDON')
    if error:
        report.add('config', 1, f'does not run for --add-module: {error}')
        return
    for kind in ('src', 'dep'):
        for name in sorted(set(listed[kind]) ^ set(static[kind])):
            report.add('config', 1, f'{name} is not in both kinds of build')
    for kind, modules in static.items():
        for name in modules:
            if (kind == 'HTTP' and name.endswith('_filter_module')
                    and name not in LANGUAGE):
                report.add('config', 1, f'{name} is no filter in a server '
                           'built with --add-module')


def check(tree, report, names):
    """Compares the sources with what `config` lists, both ways."""
    if 'config' not in tree.files:
        if names:
            report.add('config', 1, 'no such file: nothing builds src/')
        return
    text = tree.read('config')
    listed, error = run(tree.root)
    if error:
        report.add('config', 1, f'does not run: {error}')
        return
    check_static(tree.root, report, listed)
    for kind, suffix in (('src', '.c'), ('dep', '.h')):
        for name in names:
            if name.endswith(suffix) and name not in listed[kind]:
                report.add('config', 1, f'{name} is not in ngx_module_{kind}s')
        for name in listed[kind]:
            if not os.path.isfile(tree.path(name)):
                report.add('config', line_in_config(text, name),
                           f'{name} is listed but does not exist')
            if listed[kind].count(name) > 1:
                report.add('config', line_in_config(text, name),
                           f'{name} is listed twice')
