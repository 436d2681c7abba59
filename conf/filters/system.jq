# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After answer.jq: what mlsec_system says, for whoever shows it. Part: system.
# The limits of a container come before those of the machine.

def figure: if type == "number" then . else null end;
def machine: part("system");
def cpu: machine | .cpu | object;
def memory: machine | .memory | object;
def cgroup: machine | .cgroup | object;
def disk: machine | .disk | object;
def percent($part; $whole):
    if ($part | type) == "number" and ($whole | type) == "number"
    then pct($part; $whole) | round2 else null end;

def memory_limit: (cgroup | .memory_limit_bytes | figure)
    // (memory | .total_bytes | figure);
def memory_used:
    if cgroup | .memory_limit_bytes | type == "number"
    then cgroup | .memory_bytes | figure
    else memory | .used_bytes | figure end;
def cpu_percent: cpu | .busy_percent | figure;
def memory_percent: percent(memory_used; memory_limit);
def disk_percent: disk | .used_percent | figure;

def resource_usage:
    {cpu_percent: cpu_percent, memory_percent: memory_percent,
     disk_percent: disk_percent};
