# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""One of three peers falls ill, in the four ways that there are, and is well
again: what plain requests and pages are told meanwhile.
"""

import time

from report import VIA, clean, seconds, show, upstream
from world import HANG, RESET, Gateway, Load, Service, stop_all, told, until

RATE, PAGES = 400, 100      # requests/s, pages/s of two parts each
ILL = 3                     # s
RULES = ("mlsec_outlier; mlsec_breaker; mlsec_retry attempt=300ms;"
         " mlsec_health uri=/health interval=200ms timeout=250ms"
         " 'match=.n == 0';")
PAGE = (" location = /page { mlsec_call a http://u/x timeout=1s"
        " 'fallback=json:{\"n\":0}';"
        " mlsec_call b http://u/x timeout=1s required; }")


def refuses(service):
    service.kill()


# name: (how it falls ill, rules, what plain requests and pages may lose)
CASES = {
    "refuses": (refuses, RULES, (0, 0)),
    "hangs": (lambda s: s.mood(HANG), RULES, (0, 0)),
    # what has come the beginning of is not asked for again, not for a part of a
    # page either: one that requires it is lost
    "resets in mid-body": (lambda s: s.mood(RESET), RULES,
                           ("reset", "reset")),
    # probes would go well every other time, too
    "500, every other": (
        lambda s: s.mood(500, share=0.5),
        "mlsec_outlier base=3s; mlsec_breaker;"
        " mlsec_retry on=connect,timeout,reset,500,502,503,504;", (0, 0))}


def well(service):
    service.mood()
    if service.process is None:
        service.start()


def sick():
    return {name: fall_ill(name, *case) for name, case in CASES.items()}


def fall_ill(name, how, rules, loses):
    services = [Service(delay=0.005) for _ in range(3)]
    gateway = Gateway("sick", upstream(services, rules), VIA + PAGE)
    load = Load(gateway, "/x", RATE)
    pages = Load(gateway, "/page", PAGES,
                 expected=b'{"a":{"n":0},"b":{"n":0}')
    time.sleep(1.5)
    one, start = services[0], time.monotonic()
    had = one.reached
    how(one)
    left = until(lambda: gateway.peer(one)["left_out"], ILL)
    at_ejection = one.reached
    time.sleep(max(0, start + ILL - time.monotonic()))
    reached, later = one.reached - had, one.reached - at_ejection
    calls = gateway.peer(one)["calls"]
    mended, had = time.monotonic(), one.reached
    well(one)
    back = until(lambda: one.reached > had + 10, 5)
    time.sleep(1)
    end = time.monotonic()
    results, pages = load.stop(), pages.stop()
    state = gateway.state()
    figures = {"case": name, **told(results, start, mended),
               "pages": told(pages, start, mended),
               "left out after s": seconds(left),
               "calls that reached it": reached,
               "of them when it was left out": later,
               "calls that failed": sum(calls[k] for k in (
                   "status", "connect", "timeout", "reset")),
               "called again after s": seconds(back),
               "lost after that": told(results, mended + (back or 0), end)[
                   "lost"],
               "retries": state["retries"]["made"],
               "retries refused": state["retries"]["refused"],
               "breaker opened": state["breaker"]["opened"]}
    page = figures["pages"]
    out = show(
        "sick", figures,
        *((f"no more {what} are lost than it had", lost <= calls[most])
          if most else (f"no {what} are lost", lost == 0)
          for what, lost, most in (("requests", figures["lost"], loses[0]),
                                   ("pages", page["lost"], loses[1]))),
        ("no wrong answer", figures["wrong"] == 0 and page["wrong"] == 0),
        ("left out within 1 s", left is not None and left < 1),
        ("none calls it after that but what was under way", later <= 5),
        ("called again within 2 s", back is not None and back < 2),
        ("none lost after that", figures["lost after that"] == 0),
        ("the service is called", state["breaker"]["opened"] == 0),
        clean(gateway))
    stop_all()
    return out
