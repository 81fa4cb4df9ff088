"""Probes sites as the predecessor did: requests, and then the status regex.

Reads JSON lines with url, method, timeout, verify, headers and regex, and writes one line for each:
the status or the exception, and whether the site is up.
"""
import json
import re
import signal
import sys

import requests



class NoEnd(Exception):
    """requests has a time limit for each read, and none for the whole."""


def no_end(*_):
    raise NoEnd


signal.signal(signal.SIGALRM, no_end)

for line in sys.stdin:
    case = json.loads(line)
    session = requests.Session()
    signal.alarm(10)
    try:
        answer = session.request(
            case["method"],
            case["url"],
            timeout=case["timeout"],
            verify=case["verify"],
            headers={key: value.encode("latin-1", "replace") for key, value in case["headers"].items()},
            allow_redirects=case["method"] == "GET",
        )
        said = str(answer.status_code)
        up = re.match(case["regex"], said) is not None
    except Exception as error:  # the predecessor, too, took every exception for a dead site
        said, up = type(error).__name__, False
    signal.alarm(0)
    print(json.dumps({"up": up, "said": said}), flush=True)
