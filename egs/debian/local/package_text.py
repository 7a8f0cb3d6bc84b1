#!/usr/bin/env python3
"""Plain sentences of unpacked Debian packages, to train language models on: manual pages, help of programs, their
messages, fortune cookies; written as those of the recordings: as prepare.py does it, and normalised by the same steps.

Reads the folder that contains usr/. Writes <out>/<lang>.txt, a sentence a line, none twice, and <out>/counts.txt, and
prints that. What dev or test say is left out: a sentence that is one of their texts, or that holds one of four or more
words, or that is part of one and has as many.

  e.g. local/package_text.py --langs "cs da" --without "out/data/dev/text out/data/test/text" corpus out/lm
"""
import collections
import gettext
import glob
import gzip
import html
import os
import re
import subprocess
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
sys.path.append(os.path.dirname(os.path.realpath(__file__)))
from prepare import spoken
from u2moe_script import Error, Options, die, run, say, writing
from u2moe_text import read_entries, split_words

END = re.compile(r'(?<=[.!?…:;])["»”\')]*\s+')
SHORTEST, LONGEST, LONG = 2, 30, 4  # words; texts of LONG words or more are not held either
CYRILLIC = {'be', 'bg', 'ru'}


def of_script(lang, words):
    """Whether nine in ten letters are of the language's script."""
    block = (0x400, 0x530) if lang in CYRILLIC else (0x370, 0x400) if lang == 'el' else (0x61, 0x250)
    letters = [c for c in words if c not in " '"]
    return bool(letters) and sum(block[0] <= ord(c) < block[1] for c in letters) >= 0.9 * len(letters)


def read(path):
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as f:
        return f.read().decode('utf-8', 'ignore')


def fortunes(root, lang):
    base = f'{root}/usr/share/games/fortunes'
    folders = [f'{base}/{lang}'] if lang != 'en' else [base]
    for folder in folders:
        for path in sorted(glob.glob(f'{folder}/*')):
            if not os.path.isfile(path) or os.path.islink(path) or path.endswith(('.dat', '.u8')):
                continue
            for cookie in re.split(r'^%.*$', read(path), flags=re.M):
                # Who said it stands on a line of its own.
                yield re.split(r'^\s*(?:--|—|-- )', cookie, flags=re.M)[0]


def manual_pages(root, lang):
    for path in sorted(glob.glob(f'{root}/usr/share/man/{lang}/man*/*')):
        paragraph = []
        for line in read(path).split('\n'):
            if line.startswith(('.', "'")) or not line.strip():
                if not re.match(r'\.(B|I|BR|BI|IR|RB|RI|IB)\b', line):  # a word within a sentence
                    yield ' '.join(paragraph)
                    paragraph = []
                    continue
                line = re.sub(r'^\.\w+ *', '', line).replace('"', '')
            paragraph.append(re.sub(r'\\f.|\\[&|^/,]|\\-', '', line))
        yield ' '.join(paragraph)


def program_help(root, lang):
    name = 'en-US' if lang == 'en' else lang
    for path in sorted(glob.glob(f'{root}/usr/share/libreoffice/help/{name}/text/**/*.html', recursive=True)):
        for paragraph in re.findall(r'<p[^>]*>(.*?)</p>', read(path), flags=re.S):
            yield html.unescape(re.sub(r'<[^>]*>', '', paragraph))


def messages(root, lang):
    for path in sorted(glob.glob(f'{root}/usr/share/locale/{lang}/LC_MESSAGES/*.mo')):
        with open(path, 'rb') as f:
            try:
                catalog = gettext.GNUTranslations(f)._catalog
            except (OSError, UnicodeError, ValueError) as e:
                say(f'{path} is left out: {e}')
                continue
        for key, text in catalog.items():
            if key and '%' not in text and '<' not in text:
                yield text.replace('_', '')


def normalized(sentences, args):
    """The sentences through normalize-text, the recipe's cleaning."""
    if args.normalize == 'none' or not sentences:
        return sentences
    lines = ''.join(f's{i} {s}\n' for i, s in enumerate(sentences))
    done = subprocess.run(['normalize-text', '--print-args=false', f'--normalize={args.normalize}',
                           f'--normalize-map={args.normalize_map}', 'ark:-', 'ark,t:-'], input=lines.encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Error(f'normalize-text failed: {done.stderr.decode("utf-8", "replace").strip()[-500:]}')
    return [line.partition(' ')[2].strip() for line in done.stdout.decode().split('\n') if line]


SOURCES = [('fortune cookies', fortunes), ('manual pages', manual_pages), ('program help', program_help),
           ('messages', messages)]


class Said:
    """The texts of dev and test."""

    def __init__(self, tables):
        self.texts, self.long, self.parts = set(), set(), set()
        for table in tables:
            for _, value in read_entries(table):
                words = split_words(value)
                self.texts.add(' '.join(words))
                if len(words) >= LONG:
                    self.long.add(tuple(words))
                for i in range(len(words) - LONG + 1):
                    for j in range(i + LONG, len(words) + 1):
                        self.parts.add(tuple(words[i:j]))
        self.lengths = sorted({len(x) for x in self.long})

    def holds(self, sentence):
        words = tuple(sentence.split())
        if sentence in self.texts or words in self.parts:
            return True
        return any(words[i:i + n] in self.long for n in self.lengths for i in range(len(words) - n + 1))


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--langs', required=True, type=str.split)
    ap.add_argument('--without', required=True, type=str.split, help='texts of dev and test sets')
    ap.add_argument('--normalize', default='none', help='steps of normalize-text')
    ap.add_argument('--normalize-map', default='')
    ap.add_argument('root', help='folder that contains usr/')
    ap.add_argument('out')
    args = ap.parse()
    said = Said(args.without)
    os.makedirs(args.out, exist_ok=True)
    rows = []
    for lang in args.langs:
        sentences = {}
        for name, source in SOURCES:
            why, before = collections.Counter(), len(sentences)
            raw = [spoken(sentence)[0] for text in source(args.root, lang) for sentence in END.split(text)]
            for words in normalized([s for s in raw if s], args):
                if not SHORTEST <= len(words.split()) <= LONGEST or not of_script(lang, words):
                    why['other'] += 1
                elif said.holds(words):
                    why['said'] += 1
                else:
                    sentences.setdefault(words)
            new = list(sentences)[before:]
            if new or why['said']:
                rows.append((lang, name, len(new), sum(len(s.split()) for s in new), why['said']))
        if not sentences:
            say(f'{lang}: no text; its model will know what the training set says')
        with writing(f'{args.out}/{lang}.txt') as f:
            f.writelines(f'{s}\n' for s in sentences)
    if not rows:
        die(f'{args.root} holds no text in {" ".join(args.langs)}')
    with writing(f'{args.out}/counts.txt') as f:
        for lang, name, count, words, left_out in rows:
            f.write(f'{lang}: {name}: {count} sentences, {words} words; {left_out} said in dev or test left out\n')
    with open(f'{args.out}/counts.txt', encoding='utf-8') as f:
        print(f.read(), end='')


if __name__ == '__main__':
    run(main)
