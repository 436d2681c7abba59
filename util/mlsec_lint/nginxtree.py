# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Where nginx's headers and those that its configure generates are.

NGINX_SRC is nginx's source tree (default: that of Debian's nginx-dev);
NGX_OBJS is the folder with ngx_auto_config.h (default: build/objs of the tree
that is checked, which is Debian's; with NGINX_SRC the newest other one).
"""

import glob
import os
import re
import shutil

DEBIAN_SRC = '/usr/share/nginx/src'
DIRS = ('core', 'event', 'event/modules', 'event/quic', 'os/unix', 'http',
        'http/modules', 'http/v2', 'http/v3')


def source_dir():
    """The nginx source tree, or None."""
    top = os.path.abspath(os.environ.get('NGINX_SRC') or DEBIAN_SRC)
    return top if os.path.isfile(top + '/src/core/nginx.h') else None


def objs_dir(root):
    """The folder of the generated headers, or None."""
    top = os.environ.get('NGX_OBJS')
    if top:
        top = os.path.abspath(top)
        return top if os.path.isfile(top + '/ngx_auto_config.h') else None
    found = [os.path.dirname(name) for depth in ('', '*/', '*/*/', '*/*/*/')
             for name in glob.glob(f'{root}/build/{depth}ngx_auto_config.h')]
    first = f'{root}/build/objs'
    if first in found and not os.environ.get('NGINX_SRC'):
        return first
    others = [name for name in found if name != first] or found
    return max(others, key=os.path.getmtime) if others else None


def include_flags(root):
    """(flags, None) for compiling against nginx, or (None, reason)."""
    source, objs = source_dir(), objs_dir(root)
    if source is None:
        return None, 'nginx-dev not installed'
    if objs is None:
        return None, 'no ngx_auto_config.h below build/ (make build)'
    dirs = [f'{source}/src/{d}' for d in DIRS] + [objs]
    makefile = os.path.join(objs, 'Makefile')
    if os.path.isfile(makefile):
        with open(makefile, encoding='utf-8') as handle:
            text = handle.read().replace('\\\n', ' ')
        match = re.search(r'^ALL_INCS = (.*)$', text, re.M)
        for word in match.group(1).split() if match else []:
            if word != '-I':
                dirs.append(os.path.normpath(os.path.join(source, word)))
    known = [d for d in dict.fromkeys(dirs) if os.path.isdir(d)
             and d not in (root, os.path.join(root, 'src'))]
    return [f for d in known for f in ('-isystem', d)], None


def binary():
    """The nginx to test configurations with, or None."""
    name = os.environ.get('TEST_NGINX_BINARY')
    if name:
        return shutil.which(name)
    return shutil.which('nginx') or shutil.which('/usr/sbin/nginx')
