"""Replaces numbers by their symbols.

Usage: utils/int2sym.pl [-f <fields>] <symbols> [<numbers>] > <text>
  e.g. utils/int2sym.pl -f 2- units.txt hyp.int
  -f   fields to convert, from 1: 2, 2-, -4 or 2-4; all if not given

<symbols> has lines "symbol number". Without numbers stdin is read.
"""
from shared import die, show
from symbols import read_symbols, run_convert


def converter(args):
    table = {number: symbol for symbol, number in read_symbols(args.symbols)}

    def one(word, place):
        if not word.isdigit():
            die(f'{place}"{show(word)}" is not a number; choose fields with -f')
        if word not in table:
            die(f'{place}{args.symbols} has no symbol {show(word)}')
        return table[word]
    return one


if __name__ == '__main__':
    run_convert(__doc__, converter)
