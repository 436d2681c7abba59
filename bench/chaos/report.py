# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""What all scenarios of bench/chaos have in common: the upstream that is in
trouble, figures, aims.
"""

MISSED = []

VIA = "location = /x { mlsec_via u; proxy_pass http://u; }"


def show(name, figures, *aims):
    """A line of figures and one for each aim: (what, met)."""
    print(f"{name:9}", ", ".join(
        f"{k} {v}" for k, v in figures.items() if not isinstance(v, list)),
        flush=True)
    for what, met in aims:
        print(f"{'':9}   {what}: {'met' if met else 'MISSED'}", flush=True)
        if not met:
            MISSED.append(f"{name}: {what}")
    figures["aims"] = {what: bool(met) for what, met in aims}
    return figures


def seconds(value):
    return "never" if value is None else round(value, 3)


def upstream(services, rules, name="u", balancer=""):
    servers = " ".join(f"server {s.address};" for s in services)
    return (f"upstream {name} {{ zone {name} 64k; {balancer} {servers}"
            f" keepalive 32;"
            f" mlsec_service {name}; {rules} }}")


def clean(gateway, fine="(?!)"):
    faults = gateway.faults(fine)
    for line in faults[:3]:
        print(" " * 12 + line)
    return ("nothing in the log above [error]", not faults)
