#!/usr/bin/env python3
"""Prints the units of a training text, one "unit id" a line: the letters in it and the word mark.

Usage: utils/make_units.py <text>  > <units.txt>
0 is <blank>, 1 <unk>, 2 <sos/eos>; then the letters in order of code point; last the word mark, which
stands for the space between words.
"""
import sys

from u2moe_script import run, text_lines

WORD_MARK = '\u2581'


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith('--'):
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(0 if sys.argv[1:] == ['--help'] else 2)
    letters = set()
    for line in text_lines(sys.argv[1]):
        letters.update(''.join(line.split()[1:]))
    if not letters:
        sys.exit(f'error: {sys.argv[1]} holds no text')
    sys.stdout.reconfigure(encoding='utf-8')
    for i, unit in enumerate(['<blank>', '<unk>', '<sos/eos>'] + sorted(letters) + [WORD_MARK]):
        print(unit, i)


if __name__ == '__main__':
    run(main)
