#!/usr/bin/env python3
"""Trains SentencePiece's word pieces on a training text: their model, and the units.

Usage: utils/make_word_pieces.py [options] <text> <folder>
  e.g. utils/make_word_pieces.py --pieces 100 data/train/text exp
  --pieces 500   how many SentencePiece makes, with its <unk>, <s> and </s>; fewer where the text gives no more
Writes <folder>/bpe.model and <folder>/units.txt: 0 is <blank>, 1 <unk>, the last <sos/eos>, between them the pieces and
each Chinese character of the text, in order of code point, as in WeNet. Chinese characters are units of their own, which
SentencePiece does not see (text-to-tokens --bpe-model). The same text gives the same files. Needs spm_train of the Debian
package sentencepiece.
"""
import os
import re
import subprocess
import tempfile

from u2moe_script import Error, Options, positive, run, say, separate_places, warn, writing
from u2moe_text import TextWatch, read_entries, split_words

CHINESE = re.compile('[\u4e00-\u9fff]')  # where WeNet parts text
LONGEST_LINE = 1 << 20


def read_text(path):
    """(lines without Chinese characters, these characters)."""
    lines, chinese, watch = [], set(), TextWatch(path)
    for key, value in read_entries(path):
        watch.look(key, value)
        chinese.update(CHINESE.findall(value))
        words = split_words(CHINESE.sub(' ', value))
        if words:
            lines.append(' '.join(words))
    watch.report(warn, say)
    if not lines and not chinese:
        raise Error(f'{path} holds no text')
    if not lines:
        raise Error(f'{path} holds Chinese characters only, which are units of their own: take letters (make_units.py)')
    return lines, chinese


def train(lines, pieces, path):
    """The bytes of the model, and its pieces."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/text', 'w', encoding='utf-8', newline='\n') as f:
            f.writelines(line + '\n' for line in lines)
        command = ['spm_train', '--input=text', '--model_prefix=m', f'--vocab_size={pieces}', '--model_type=unigram',
                   '--character_coverage=1.0', '--hard_vocab_limit=false', f'--max_sentence_length={LONGEST_LINE}',
                   '--num_threads=1']  # more sum in another order
        try:
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, env=dict(os.environ, LC_ALL='C'), check=False)
        except FileNotFoundError:
            raise Error('spm_train is not installed, which trains word pieces: apt-get install sentencepiece, '
                        'or make deps') from None
        log = done.stderr.decode('utf-8', 'replace')
        if done.returncode != 0:
            needed = re.search(r'smaller than required_chars\. \d+ vs (\d+)', log)
            if needed:
                raise Error(f'{path} has so many letters that {needed[1]} pieces are the fewest, not {pieces}: '
                            f'--pieces {needed[1]} or more')
            raise Error(f'spm_train failed on {path}: {" ".join(log.split()[-60:])}')
        with open(f'{folder}/m.model', 'rb') as f:
            model = f.read()
        with open(f'{folder}/m.vocab', encoding='utf-8', newline='\n') as f:
            return model, [line.split('\t')[0] for line in f.read().split('\n') if line]


def main():
    po = Options(__doc__)
    po.add_argument('--pieces', type=positive, default=500)
    po.add_argument('text')
    po.add_argument('folder')
    args = po.parse()
    outputs = [f'{args.folder}/{name}' for name in ('bpe.model', 'units.txt')]
    separate_places([args.text], outputs, prints=False)
    lines, chinese = read_text(args.text)
    model, pieces = train(lines, args.pieces, args.text)
    if len(pieces) < args.pieces:
        say(f'{args.text} gives {len(pieces)} pieces, not {args.pieces}')
    units = ['<blank>', '<unk>'] + sorted(set(pieces[3:]) | chinese) + ['<sos/eos>']
    with writing(outputs[0], 'wb') as f:
        f.write(model)
    with writing(outputs[1]) as f:
        f.writelines(f'{unit} {i}\n' for i, unit in enumerate(units))


if __name__ == '__main__':
    run(main)
