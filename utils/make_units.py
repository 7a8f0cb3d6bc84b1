#!/usr/bin/env python3
"""Prints the units of a training text, one "unit id" a line: the letters in it and the word mark.

Usage: utils/make_units.py <text>  > <units.txt>
  e.g. utils/make_units.py data/train/text > units.txt
0 is <blank>, 1 <unk>, 2 <sos/eos>; then the letters in order of code point; last the word mark, which
stands for the space between words. White space of any kind separates words, as in text-to-tokens.
"""
import os
import sys

from u2moe_text import BadText, TextWatch, read_entries, split_words, write_stdout

WORD_MARK = '\u2581'


def say(text):
    print(f'make_units.py: {text}', file=sys.stderr)


def make_units(path):
    """The units of a text, in the order of their ids; None where it holds no letter."""
    letters, watch = set(), TextWatch(path)
    for key, value in read_entries(path):
        watch.look(key, value)
        letters.update(''.join(split_words(value)))
        if WORD_MARK in value:
            watch.note('U+2581', 'is within a word, though it is the unit for the space between words:', key)
    watch.report(lambda text: say(f'warning: {text}'), say)
    return ['<blank>', '<unk>', '<sos/eos>'] + sorted(letters - {WORD_MARK}) + [WORD_MARK] if letters else None


def main(args):
    sys.stderr.reconfigure(encoding='utf-8', errors='backslashreplace')
    if args == ['--help']:
        write_stdout(__doc__.strip() + '\n')
        return 0
    if len(args) != 1 or args[0].startswith('--'):
        say('error: expected one argument, the text' + (f', not {" ".join(args)}' if args else '') + '. Try --help.')
        return 2
    units = make_units(args[0])
    if units is None:
        say(f'error: {args[0]} holds no text')
        return 1
    write_stdout(''.join(f'{unit} {i}\n' for i, unit in enumerate(units)))
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing more is said at the end
        sys.exit(1)
    except BadText as error:
        say(f'error: {error}')
        sys.exit(1)
    except OSError as error:
        say(f'error: {error.filename or "standard output"}: {error.strerror}')
        sys.exit(1)
