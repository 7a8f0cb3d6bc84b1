#!/usr/bin/env python3
"""Word pieces as the PyPI package sentencepiece cuts them, for tests/cli/word-pieces.sh.

  word_pieces.py probe
  word_pieces.py make <model> <units.txt> <folder> <seed>   <folder>/text, and what its ids and the way back must be

What is WeNet's way: text in capital letters; each Chinese character alone; the rest through SentencePiece; pieces looked up
in the units, else <unk>. The way back is the model's normal form of the runs, wherever units cover them.
"""
import random
import re
import sys
import unicodedata

import sentencepiece

MARK = '\u2581'
CHINESE = re.compile('([\u4e00-\u9fff])')


def runs_of(text):
    return [run for run in CHINESE.split(text.upper()) if run.strip()]


def pieces_of(model, text):
    for run in runs_of(text):
        if CHINESE.fullmatch(run):
            yield run
        else:
            yield from model.encode_as_pieces(run)


def random_letter(rng):
    while True:
        c = chr(rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x20, 0x3100), rng.randrange(0x4e00, 0x4e40),
                            rng.randrange(0xac00, 0xad00), rng.randrange(0xf900, 0x10000), rng.randrange(0x1f300, 0x1f600)]))
        # Unassigned ones have other properties in other versions of Unicode.
        if unicodedata.category(c) not in ('Cn', 'Cs', 'Co') and c != MARK:
            return c


def texts(model, units, rng):
    """Every piece, words of pieces, random letters, and both mixed."""
    pieces = [p for p in units if not p.startswith('<')]
    for p in pieces:
        yield p.replace(MARK, ' ')
        yield 'X' + p.replace(MARK, ' ') + 'x'
    for _ in range(2000):
        yield ''.join(rng.choice(pieces) for _ in range(rng.randrange(1, 12))).replace(MARK, ' ')
    for _ in range(2000):
        yield ''.join(random_letter(rng) for _ in range(rng.randrange(1, 12)))
    for _ in range(2000):
        yield ''.join(rng.choice([rng.choice(pieces).lower(), random_letter(rng), ' ', '\u4e2d\u6587'])
                      for _ in range(rng.randrange(1, 12))).replace(MARK, ' ')


def main():
    if sys.argv[1] == 'probe':
        return
    model_path, units_path, out, seed = sys.argv[2:]
    model = sentencepiece.SentencePieceProcessor(model_file=model_path)
    with open(units_path, encoding='utf-8') as f:
        units = {line.split()[0]: int(line.split()[1]) for line in f}
    rng = random.Random(int(seed))
    white = re.compile('[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+')
    with open(f'{out}/text', 'w', encoding='utf-8', newline='\n') as text, \
            open(f'{out}/ids', 'w', encoding='utf-8') as ids, open(f'{out}/back', 'w', encoding='utf-8', newline='\n') as back:
        for n, line in enumerate(texts(model, units, rng)):
            line = white.sub(' ', line).strip(' ')  # as the words of a transcript
            key = f'u{n:06d}'
            found = list(pieces_of(model, line))
            text.write(f'{key} {line}\n')
            ids.write(' '.join([key] + [str(units.get(p, units['<unk>'])) for p in found]) + '\n')
            if all(p in units for p in found):
                normal = ''.join(r if CHINESE.fullmatch(r) else model.normalize(r) for r in runs_of(line))
                back.write(' '.join([key] + normal.replace(MARK, ' ').split()) + '\n')


if __name__ == '__main__':
    main()
