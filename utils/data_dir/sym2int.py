"""Replaces symbols by their numbers.

Usage: utils/sym2int.pl [--map-oov <symbol>] [-f <fields>] <symbols> [<text>] > <numbers>
  e.g. utils/sym2int.pl --map-oov "<unk>" -f 2- units.txt text
  --map-oov   symbol, or its number, that stands for what the table lacks; without it that is an error
  -f          fields to convert, from 1: 2, 2-, -4 or 2-4; all if not given

<symbols> has lines "symbol number". Without a text stdin is read.
"""
import os

from shared import die, show, warn
from symbols import read_symbols, run_convert

MOST = 20  # warnings


def converter(args):
    table = dict(read_symbols(args.symbols))
    other = os.fsencode(args.map_oov) if args.map_oov is not None else None
    if other is not None and not other.isdigit():
        if other not in table:
            die(f'--map-oov {args.map_oov}: {args.symbols} has no such symbol')
        other = table[other]
    warned = 0

    def one(word, place):
        nonlocal warned
        number = table.get(word)
        if number is not None:
            return number
        if other is None:
            die(f'{place}"{show(word)}" is not in {args.symbols}; --map-oov takes another symbol for it')
        warned += 1
        if warned <= MOST:
            last = ' (no more such warnings)' if warned == MOST else ''
            warn(f'{place}"{show(word)}" becomes {show(other)}{last}')
        return other
    return one


if __name__ == '__main__':
    run_convert(__doc__, converter, lambda po: po.add_argument('--map-oov'))
