#!/usr/bin/env python3
"""Says which versions of packages are used, and compares what they hold with what the recipe was written for.

Prints a table by language: utterances, seconds, words, distinct words. Differences are warnings.
"""
import os
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, expecting, run, say, text_lines, warn

SLACK = 0.02  # of the utterances of a language


def table(path):
    with expecting(f'{path}: not a table of "key value"'):
        return {x[0]: x[1].strip() for x in (line.split(None, 1) for line in text_lines(path)) if x and x[0][0] != '#'}


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--versions', help='"name version" of the packages used')
    ap.add_argument('--expect', action='store_true', help='compare the counts')
    ap.add_argument('data', help='data directory')
    args = ap.parse()
    here = os.path.dirname(os.path.abspath(__file__))
    if args.versions:
        known = {k: v.split()[0] for k, v in table(f'{here}/packages.txt').items()}
        for name, version in sorted(table(args.versions).items()):
            say(f'{name} {version}')
            if version != known.get(name, version):
                warn(f'this recipe was written for {name} {known[name]}; texts and counts may differ')
    lang, text, dur = (table(f'{args.data}/{name}') for name in ('utt2lang', 'text', 'utt2dur'))
    expected = {k: [int(x) for x in v.split()] for k, v in table(f'{here}/counts.txt').items()}
    rows = {}
    for utt, name in lang.items():
        if utt not in text or utt not in dur:
            continue
        row = rows.setdefault(name, [0, 0.0, 0, set()])
        words = text[utt].split()
        row[0] += 1
        with expecting(f'{args.data}/utt2dur: {utt}: not a number of seconds'):
            row[1] += float(dur[utt])
        row[2] += len(words)
        row[3].update(words)
    print(f'{"":<10}{"utterances":>11}{"seconds":>9}{"words":>8}{"distinct":>10}')
    for name, (n, seconds, words, distinct) in sorted(rows.items(), key=lambda x: -x[1][1]):
        print(f'{name:<10}{n:>11}{seconds:>9.0f}{words:>8}{len(distinct):>10}')
        want = expected.get(name)
        if args.expect and want and abs(n - want[0]) > SLACK * want[0]:
            warn(f'{name}: {n} utterances, where the recipe was written for {want[0]}')
    total = [sum(r[i] for r in rows.values()) for i in range(3)]
    print(f'{"all":<10}{total[0]:>11}{total[1]:>9.0f}{total[2]:>8}')


if __name__ == '__main__':
    run(main)
