#!/usr/bin/env python3
"""summarize.py INDEX_JSON --spec SPEC_JSON

Judges the index.json of an Autobahn test suite report, of servers (fuzzing
client) or of clients (fuzzing server), and prints per agent: how many cases
ended in which way, time per section, and every case that was not plainly OK.

A case passes only when both its behaviour and its closing behaviour are OK.
NON-STRICT and UNCLEAN fail; so does a case that SPEC_JSON selects and that is
not in the report. INFORMATIONAL passes for the three cases where the RFC leaves
the answer open.

Exit status: 0 all passed, 1 a case failed or is missing, 2 no usable report.
"""
import argparse
import collections
import json
import re
import sys
import textwrap

# Every case of autobahntestsuite 25.10.1: section -> number of cases.
GROUPS = {
    "1.1": 8, "1.2": 8, "2": 11, "3": 7, "4.1": 5, "4.2": 5, "5": 20,
    "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4, "6.5": 5, "6.6": 11, "6.7": 4,
    "6.8": 2, "6.9": 4, "6.10": 3, "6.11": 5, "6.12": 8, "6.13": 5, "6.14": 10,
    "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5, "6.20": 7,
    "6.21": 8, "6.22": 34, "6.23": 7, "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13,
    "7.9": 9, "7.13": 2, "9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9, "9.5": 6,
    "9.6": 6, "9.7": 6, "9.8": 6, "10.1": 1,
    **{f"12.{i}": 18 for i in range(1, 6)},
    **{f"13.{i}": 18 for i in range(1, 8)},
}
ALL = [f"{group}.{i}" for group, count in GROUPS.items() for i in range(1, count + 1)]
assert len(ALL) == 517

# Sending on after a close frame, and close codes nobody has registered.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}


def numeric(case):
    return tuple(int(part) for part in case.split("."))


def select(patterns):
    """As upstream: a pattern is anchored at its start only."""
    selected = set()
    for pattern in patterns:
        expression = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        selected |= {case for case in ALL if expression.match(case)}
    return selected


def passed(case, result):
    ways = {result["behavior"], result["behaviorClose"]}
    return ways == {"OK"} or (ways <= {"OK", "INFORMATIONAL"} and case in INFORMATIONAL)


def counts(results, key):
    counter = collections.Counter(result[key] for result in results.values())
    return ", ".join(f"{way} {count}" for way, count in sorted(counter.items()))


def report(agent, results, expected):
    """Prints an agent's results; True when every expected case passed."""
    cases = sorted(results, key=numeric)
    failed = [case for case in cases if not passed(case, results[case])]
    missing = sorted(expected - set(results), key=numeric)
    seconds = sum(result["duration"] for result in results.values()) / 1000

    print(f"{agent}: {len(results)} of {len(expected)} cases in {seconds:.1f} s")
    print(f"  behaviour: {counts(results, 'behavior')}")
    print(f"  closing:   {counts(results, 'behaviorClose')}")

    sections = collections.defaultdict(list)
    for case in cases:
        sections[numeric(case)[0]].append(case)
    for section, members in sorted(sections.items()):
        duration = sum(results[case]["duration"] for case in members) / 1000
        bad = sum(case in failed for case in members)
        print(f"  section {section:<3} {len(members):4} cases {duration:7.1f} s"
              f"  {f'{bad} FAILED' if bad else 'passed'}")

    informational = [case for case in cases if case not in failed and case in INFORMATIONAL]
    if informational:
        print(f"  informational: {' '.join(informational)}")
    for case in failed:
        result = results[case]
        print(f"  FAILED {case}: {result['behavior']}, closing {result['behaviorClose']}"
              f" (code {result['remoteCloseCode']}, {result['duration']} ms)")
    if missing:
        print(textwrap.fill(f"MISSING {len(missing)}: {' '.join(missing)}", 78,
                            initial_indent="  ", subsequent_indent="    "))
    good = bool(results) and not failed and not missing
    print(f"  result: {'PASS' if good else 'FAIL'}")
    return good


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("index")
    parser.add_argument("--spec", required=True)
    arguments = parser.parse_args()
    try:
        with open(arguments.index, encoding="utf-8") as file:
            index = json.load(file)
        with open(arguments.spec, encoding="utf-8") as file:
            spec = json.load(file)
    except (OSError, ValueError) as error:
        print(f"summarize: {error}", file=sys.stderr)
        return 2
    if not index:
        print("summarize: the report is empty", file=sys.stderr)
        return 2
    expected = select(spec["cases"]) - select(spec.get("exclude-cases", []))
    good = [report(agent, index[agent], expected) for agent in sorted(index)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
