"""Names the letters of transcripts that a model's units lack, each once, with counts.

Usage: utils/unknown_letters.sh <units.txt> <text>...
  e.g. utils/unknown_letters.sh dump/units.txt data/dev/text data/test/text

Says nothing where there are none. To the model such a letter is <unk> (text-to-tokens --unk); in scoring, against the
transcript as it is, its word counts as an error.
"""
import re
import unicodedata

from shared import Options, read_lines, run, say, value_of

SHOWN = 20
SYMBOL = re.compile('<.+>')


def counted(n, what):
    return f'{n} {what}' + ('s' if n != 1 else '')


def shown(letter):
    name = unicodedata.name(letter, '')
    return f"'{letter}' U+{ord(letter):04X}" + (f' {name}' if name else '')


def main():
    po = Options(__doc__)
    po.add_argument('units', metavar='units.txt')
    po.add_argument('texts', metavar='text', nargs='+')
    args = po.parse()
    units = set()
    for line in read_lines(args.units):
        unit = line.split()[0].decode('utf-8') if line.split() else ''
        units.update([unit] if SYMBOL.fullmatch(unit) else unit)  # of a word piece, its letters
    for path in args.texts:
        count, utterances = {}, set()
        for line in read_lines(path):
            strange = [c for c in ''.join(value_of(line).decode('utf-8', 'replace').split()) if c not in units]
            for c in strange:
                count[c] = count.get(c, 0) + 1
            if strange:
                utterances.add(line.split()[0])
        if count:
            ordered = sorted(count, key=lambda c: (-count[c], c))
            names = ', '.join(f'{shown(c)} ({counted(count[c], "time")})' for c in ordered[:SHOWN])
            say(f'{path}: {counted(len(count), "letter")} that training has not, in {counted(len(utterances), "utterance")}: {names}'
                f'{", ..." if len(ordered) > SHOWN else ""}; to the model they are <unk>, in scoring they are errors')


if __name__ == '__main__':
    run(main)
