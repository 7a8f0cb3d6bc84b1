#!/usr/bin/env python3
"""The sentences that a language model is trained on: a text without those of other texts.

Usage: utils/lm_text.py [options] <text> [<other text> ...]  > <sentences>
  e.g. utils/lm_text.py corpus.txt data/dev/text data/test/text > train.txt
  --keys false    each line of <text> begins with a key, as in Kaldi's tables; the other texts' lines always do

Sentences are lines; blank ones go. Left out are those that the other texts have too, letter for letter once case,
width, punctuation and white space are set aside, and those that a model cannot be trained on: with the words <s>, </s>
or <unk>, or with a word of more than 200 bytes. Names ending in .gz are decompressed. What was left out is told.
"""
import gzip
import unicodedata

from u2moe_script import Options, die, run, say, separate_places, usage_error
from u2moe_text import BYTE_ORDER_MARK, split_words

MARKS = frozenset(('<s>', '</s>', '<unk>', '<UNK>'))
LONGEST_WORD = 200


def lines_of(path):
    """The lines of a text as words."""
    opened = gzip.open(path, 'rb') if path.endswith('.gz') else open(path, 'rb')
    with opened as f:
        for number, line in enumerate(f, 1):
            if number == 1 and line.startswith(BYTE_ORDER_MARK):
                line = line[len(BYTE_ORDER_MARK):]
            try:
                yield split_words(line.decode('utf-8'))
            except UnicodeDecodeError as e:
                die(f'{path}:{number}: not UTF-8 at byte {e.start + 1}; convert the file, e.g. with iconv -t UTF-8')


def plain(words):
    """What two spellings of one sentence share."""
    text = unicodedata.normalize('NFKC', ' '.join(words)).casefold()
    return ''.join(c for c in unicodedata.normalize('NFD', text) if unicodedata.category(c)[0] in 'LMN')


def main():
    options = Options(__doc__)
    options.boolean('--keys', False)
    options.add_argument('texts', nargs='*')
    args = options.parse()
    if not args.texts:
        usage_error('expected a text, and perhaps others')
    separate_places(args.texts)
    others = {}  # what a sentence has, and whose it is
    for path in args.texts[1:]:
        for words in lines_of(path):
            others.setdefault(plain(words[1:]), path)
    others.pop('', None)
    kept, odd, shared = 0, 0, dict.fromkeys(args.texts[1:], 0)
    for words in lines_of(args.texts[0]):
        if args.keys:
            words = words[1:]
        if not words:
            continue
        other = others.get(plain(words)) if others else None
        if other:
            shared[other] += 1
        elif any(w in MARKS or len(w.encode()) > LONGEST_WORD for w in words):
            odd += 1
        else:
            kept += 1
            print(' '.join(words))
    for path, count in shared.items():
        say(f'{count} sentences of {path} are left out')
    if odd:
        say(f'{odd} sentences with marks such as <s> or words of more than {LONGEST_WORD} bytes are left out')
    say(f'{kept} sentences of {args.texts[0]} remain')
    if not kept:
        die(f'{args.texts[0]}: no sentence is left to train on')


if __name__ == '__main__':
    run(main)
