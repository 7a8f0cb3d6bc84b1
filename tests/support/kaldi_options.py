"""The options of tools whose names are Kaldi's, against kaldi-options.json: {tool: {option: [type, default]}}, taken
from Kaldi's registrations.

    kaldi_options.py tools               prints the tools
    kaldi_options.py check TOOL < HELP   prints what the tool's --help lacks or has otherwise
"""
import json
import os
import re
import sys

# In every tool of Kaldi's.
STANDARD = {'config': ['string', ''], 'help': ['bool', 'false'], 'print-args': ['bool', 'true'], 'verbose': ['int', '0']}
# What differs on purpose: (tool, option) -> what --help says here, and why.
DELIBERATE = {
    ('extract-feature-segments', 'frame-length'): ('float 25', 'whole numbers only would be arbitrary'),
    ('extract-feature-segments', 'frame-shift'): ('float 10', 'whole numbers only would be arbitrary'),
}


def known():
    with open(os.path.join(os.path.dirname(__file__), 'kaldi-options.json')) as f:
        return json.load(f)


def same(kind, ours, theirs):
    if kind in ('int', 'float'):
        return float(ours) == float(theirs)
    return ours == theirs


def check(tool, text):
    rows = {name: (kind, default.strip('"'))
            for name, kind, default in re.findall(r'^  --(\S+) \((\w+), default (.*)\)$', text, re.M)}
    for name, (kind, default) in sorted({**STANDARD, **known()[tool]}.items()):
        if name not in rows:
            yield f'{tool} has no --{name}'
        elif (tool, name) in DELIBERATE:
            if ' '.join(rows[name]) != DELIBERATE[tool, name][0]:
                yield f'{tool} --{name}: {rows[name]} is not what is meant to differ'
        elif rows[name][0] != kind:
            yield f'{tool} --{name}: {rows[name][0]}, in Kaldi {kind}'
        elif not same(kind, rows[name][1], default):
            yield f'{tool} --{name}: default {rows[name][1]}, in Kaldi {default}'


if __name__ == '__main__':
    if sys.argv[1] == 'tools':
        print('\n'.join(known()))
    else:
        for line in check(sys.argv[2], sys.stdin.read()):
            print(line)
