# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""A list of exceptions, a line each: `target  reason`."""


class Allowed:
    """The allow-list: what it names, and which entries were needed."""

    def __init__(self, tree, report, path):
        self.path = path
        self.entries, self.used = {}, set()
        text = tree.read(path) if path in tree.files else ''
        for line, row in enumerate(text.split('\n'), 1):
            target, _, reason = row.strip().partition(' ')
            if not target or target.startswith('#'):
                continue
            if not reason.strip():
                report.add(self.path, line, f'{target}: the reason is missing')
            if target in self.entries:
                report.add(self.path, line, f'{target}: listed twice')
            self.entries[target] = line

    def permits(self, target):
        """Whether the target is listed; marks its entry as needed."""
        if target in self.entries:
            self.used.add(target)
        return target in self.entries

    def report_stale(self, report):
        """Each entry that nothing needed."""
        for target, line in self.entries.items():
            if target not in self.used:
                report.add(self.path, line, f'{target}: stale, remove it')
