#!/usr/bin/env python3
"""Prints the units of a training text, one "unit id" a line: the letters in it and the word mark.

Usage: utils/make_units.py <text>  > <units.txt>
  e.g. utils/make_units.py data/train/text > units.txt
0 is <blank>, 1 <unk>, 2 <sos/eos>; then the letters in order of code point; last the word mark, which
stands for the space between words. White space of any kind separates words, as in text-to-tokens.
"""
import sys

from u2moe_script import Error, run, say, separate_places, usage_error, warn
from u2moe_text import TextWatch, read_entries, split_words

WORD_MARK = '\u2581'


def make_units(path):
    """The units of a text, in the order of their ids."""
    letters, watch = set(), TextWatch(path)
    for key, value in read_entries(path):
        watch.look(key, value)
        letters.update(''.join(split_words(value)))
        if WORD_MARK in value:
            watch.note('U+2581', 'is within a word, though it is the unit for the space between words:', key)
    watch.report(warn, say)
    if not letters:
        raise Error(f'{path} holds no text')
    return ['<blank>', '<unk>', '<sos/eos>'] + sorted(letters - {WORD_MARK}) + [WORD_MARK]


def main():
    args = sys.argv[1:]
    if args == ['--help']:
        print(__doc__.strip())
        return
    if len(args) != 1 or args[0].startswith('--'):
        usage_error('expected one argument, the text' + (f', not {" ".join(args)}' if args else ''))
    separate_places([args[0]])
    for i, unit in enumerate(make_units(args[0])):
        print(unit, i)


if __name__ == '__main__':
    run(main)
