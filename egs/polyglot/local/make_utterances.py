#!/usr/bin/env python3
"""Draws the utterances of the polyglot corpus: which words, language, voice, pitch, speed, noise.

Writes, for each set, data/<set>/{text,utt2spk,utt2lang,utt2snr} and corpus/<set>.tsv, which tells
the synthesiser what to say. Everything follows from --seed. The voices of dev and of the test sets
are not in train. test_noisy says the same as test_clean, recorded once, with more noise.
"""
import os
import random
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, die, number, run, usage_error, text_lines, writing

# Voice variants of espeak-ng, those that 1.50 (Ubuntu 22.04) has too. A voice is a speaker in the sense of utt2spk.
VOICES = {
    'train': 'f1 f2 f3 f4 m1 m2 m3 m4 m5 m6 Andrea Annie Denis Gene Lee Michael'.split(),
    'dev': 'Mario Jacky linda max'.split(),
    'test': 'f5 m7 m8 Andy belinda paul'.split(),
}
PITCH = (35, 65)     # of 0 to 99
SPEED = (130, 185)   # words per minute
WORDS = (2, 4)       # per utterance
PAUSES = 0.3         # share of the utterances that pause between words
SNR = {'train': (5, 40), 'dev': (10, 40), 'test_clean': (30, 45), 'test_noisy': (5, 20)}  # dB


class Deck:
    """Deals its cards in random order, all of them before any again."""

    def __init__(self, cards, rng):
        self.cards, self.rng, self.left = list(cards), rng, []

    def deal(self):
        if not self.left:
            self.left = self.cards[:]
            self.rng.shuffle(self.left)
        return self.left.pop()


def read_words(path, topics, per_topic):
    """The first per_topic words (0: all) under each of the headings "# <topic>" of a list."""
    words, topic, found, taken = [], None, set(), 0
    for line_number, line in enumerate(text_lines(path), 1):
        if line.startswith('#'):
            topic = line[1:].strip()
            found.add(topic)
            taken = 0
        elif not line.isalpha() or line != line.lower():
            die(f'{path}:{line_number}: "{line}" is not one word in small letters')
        elif topic in topics and (per_topic == 0 or taken < per_topic):
            words.append(line)
            taken += 1
    if not found.issuperset(topics):
        die(f'{path} has no topic {" ".join(sorted(set(topics) - found))}')
    return words


def draw(name, tag, count, langs, words, seed):
    rng = random.Random(f'{seed}-{name}')  # a stream per set: one set's size leaves the others alone
    voices = VOICES[name]
    decks = {lang: Deck(words[lang], rng) for lang in langs}
    speakers, languages = Deck(voices, rng), Deck(langs, rng)
    for n in range(count):
        voice, lang = speakers.deal(), languages.deal()
        said = [decks[lang].deal() for _ in range(rng.randint(*WORDS))]
        yield dict(utt=f'{voice}-{lang.split("-")[0]}-{tag}{n:04d}', voice=voice, lang=lang, words=said,
                   pitch=rng.randint(*PITCH), speed=rng.randint(*SPEED),
                   pauses=rng.random() < PAUSES)


def write_lines(path, lines):
    with writing(path) as f:
        f.writelines(line + '\n' for line in sorted(lines, key=lambda s: s.encode('utf-8')))


def write_data(folder, utts, snr, seed):
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(f'{seed}-{os.path.basename(folder)}-noise')
    write_lines(f'{folder}/text', [f'{u["utt"]} {" ".join(u["words"])}' for u in utts])
    write_lines(f'{folder}/utt2spk', [f'{u["utt"]} {u["voice"]}' for u in utts])
    write_lines(f'{folder}/utt2lang', [f'{u["utt"]} {u["lang"].split("-")[0]}' for u in utts])
    write_lines(f'{folder}/utt2snr', [f'{u["utt"]} {rng.choice(["white", "pink"])} {rng.uniform(*snr):.2f}'
                                      for u in utts])


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--words', default='local/words', help='folder of <language>.txt')
    ap.add_argument('--langs', required=True, help='languages of espeak-ng, as "de en-us"')
    ap.add_argument('--per-topic', type=number(0, whole=True), default=0, help='words of each topic; 0: all')
    ap.add_argument('--topics', required=True, type=str.split, help='as "days months numbers colours"')
    ap.add_argument('--train', type=number(0, whole=True), required=True, help='utterances of the training set')
    ap.add_argument('--dev', type=number(0, whole=True), required=True)
    ap.add_argument('--test', type=number(0, whole=True), required=True)
    ap.add_argument('--seed', type=number(whole=True), default=1)
    ap.add_argument('--corpus', required=True, help='folder of the lists for the synthesiser')
    ap.add_argument('--data', required=True, help='folder of the data directories')
    args = ap.parse()

    langs = args.langs.split()
    if not langs:
        usage_error('--langs names no language')
    words = {lang: read_words(f'{args.words}/{lang}.txt', args.topics, args.per_topic) for lang in langs}
    os.makedirs(args.corpus, exist_ok=True)
    for name, tag, count in [('train', 'tr', args.train), ('dev', 'dv', args.dev),
                             ('test', 'tc', args.test)]:
        utts = list(draw(name, tag, count, langs, words, args.seed))
        write_lines(f'{args.corpus}/{name}.tsv', [
            '\t'.join([u['utt'], f'{u["lang"]}+{u["voice"]}', str(u['pitch']), str(u['speed']),
                       (', ' if u['pauses'] else ' ').join(u['words'])]) for u in utts])
        if name == 'test':
            write_data(f'{args.data}/test_clean', utts, SNR['test_clean'], args.seed)
            for u in utts:
                u['utt'] = u['utt'].replace('-tc', '-tn')
            write_data(f'{args.data}/test_noisy', utts, SNR['test_noisy'], args.seed)
        else:
            write_data(f'{args.data}/{name}', utts, SNR[name], args.seed)


if __name__ == '__main__':
    run(main)
