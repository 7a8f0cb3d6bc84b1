#!/usr/bin/env python3
"""Joins recordings of the Free Spoken Digit Dataset into utterances of 3 to 7 digits of one speaker.

The lists (which recordings, gains, pauses, noise) follow from --seed alone and are those of the
prepared corpus; the low noise in the pauses is drawn anew. Writes <out>/data/{train,dev,test_clean}
with wav.scp, text, utt2spk, spk2utt, utt2dur, utt2parts, utt2gain and ref.ctm, and the lists of
test_noisy, whose audio add-noise makes. Recordings 0-4 of each digit and speaker are for test, 5-7 for
dev, the rest for training, so test speakers, but no test recordings, occur in training.
"""
import array
import math
import os
import random
import sys
import time
import wave

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, die, number, run, writing

RATE = 8000
WORDS = 'ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE'.split()
SETS = [  # name, tag in utterance names, first and last recording, utterances
    ('train', 'tr', 8, 49, 1200),
    ('dev', 'dv', 5, 7, 120),
    ('test_clean', 'tc', 0, 4, 150),
]
FADE = RATE * 4 // 1000  # samples, against clicks
PEAK = 0.97 * 32767


class Deck:
    """Deals its cards in random order, all of them before any again."""

    def __init__(self, cards, rng):
        self.cards, self.rng, self.left = list(cards), rng, []

    def deal(self):
        if not self.left:
            self.left = self.cards[:]
            self.rng.shuffle(self.left)
        return self.left.pop()


def from_db(x):
    return 10.0**(x / 20.0)


def rms(x):
    return math.sqrt(sum(v * v for v in x) / len(x))


def load(path):
    try:
        reader = wave.open(path)
    except (wave.Error, EOFError) as e:
        die(f'{path}: not a WAV file of 16 bits ({e})')
    with reader as w:
        if (w.getframerate(), w.getnchannels(), w.getsampwidth()) != (RATE, 1, 2):
            die(f'{path}: wanted {RATE} Hz, one channel, 16 bit')
        frames = w.readframes(w.getnframes())
    if len(frames) < 2:
        die(f'{path}: no samples')
    pcm = array.array('h', frames[:len(frames) // 2 * 2])
    if sys.byteorder == 'big':
        pcm.byteswap()
    offset = sum(pcm) / len(pcm)  # some speakers were recorded with one
    x = [v - offset for v in pcm]
    fade = min(len(x) // 2, FADE)
    for i in range(fade):
        x[i] *= i / fade
        x[-1 - i] *= i / fade
    return x


def join(parts, audio, rng, noise):
    """Returns samples, [(start, length)] of the digits, and the gain in dB."""
    gains = [from_db(rng.uniform(-1.5, 1.5)) for _ in parts]
    clips = [[v * g for v in audio[p]] for p, g in zip(parts, gains)]
    level = rms([v for clip in clips for v in clip])
    floor = max(1.0, level * from_db(-rng.uniform(30.0, 45.0)))
    pauses = [int(rng.uniform(0.050, 0.250) * RATE) for _ in range(len(parts) + 1)]
    x, spans = [], []
    for pause, clip in zip(pauses, clips + [[]]):
        x += [noise.gauss(0, floor) for _ in range(pause)]
        if clip:
            spans.append((len(x), len(clip)))
            x += clip
    gain = rng.uniform(-6.0, 6.0)
    peak = max(max(x), -min(x))
    if peak * from_db(gain) > PEAK:
        gain = 20.0 * math.log10(PEAK / peak)
    scale = from_db(gain)
    return [v * scale for v in x], spans, gain


def write_wav(path, x):
    pcm = array.array('h', [max(-32768, min(32767, round(v))) for v in x])
    if sys.byteorder == 'big':
        pcm.byteswap()
    with writing(path, 'wb') as f, wave.open(f, 'wb') as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(pcm.tobytes())


def write_table(path, rows):
    with writing(path) as f:
        f.writelines(f'{k} {rows[k]}\n' for k in sorted(rows))


def write_lists(folder, utts):
    speakers = {}
    for utt in sorted(utts):
        speakers.setdefault(utts[utt]['spk'], []).append(utt)
    os.makedirs(folder, exist_ok=True)
    write_table(f'{folder}/text', {k: ' '.join(u['words']) for k, u in utts.items()})
    write_table(f'{folder}/utt2spk', {k: u['spk'] for k, u in utts.items()})
    write_table(f'{folder}/spk2utt', {s: ' '.join(v) for s, v in speakers.items()})
    write_table(f'{folder}/utt2dur', {k: f'{u["samples"] / RATE:.4f}' for k, u in utts.items()})
    write_table(f'{folder}/utt2parts', {k: u['parts'] for k, u in utts.items()})
    write_table(f'{folder}/utt2gain', {k: f'{u["gain"]:.2f}' for k, u in utts.items()})
    with writing(f'{folder}/ref.ctm') as f:
        for k in sorted(utts):
            for (start, n), word in zip(utts[k]['spans'], utts[k]['words']):
                f.write(f'{k} 1 {start / RATE:.4f} {n / RATE:.4f} {word}\n')


def make_set(args, name, tag, first, last, count):
    rng = random.Random(f'{args.seed}-{name}')  # a stream per set
    noise = random.Random(rng.randrange(2**31))
    audio = {}
    for stem in sorted(f[:-4] for f in os.listdir(args.fsdd) if f.endswith('.wav')):
        digit, speaker, index = (stem.split('_') + ['', ''])[:3]
        if stem.count('_') != 2 or not (digit.isascii() and digit.isdigit() and index.isascii() and index.isdigit()):
            die(f'{args.fsdd}/{stem}.wav: recordings are called as 7_theo_3.wav')
        if first <= int(index) <= last:
            audio[int(digit), speaker, int(index)] = load(f'{args.fsdd}/{stem}.wav')
    speakers = sorted({s for _, s, _ in audio})
    if len(audio) != 10 * len(speakers) * (last - first + 1) or not speakers:
        die(f'{args.fsdd}: {len(audio)} recordings for {name}, not 10 digits x {len(speakers)} '
                 f'speakers x {last - first + 1}')
    folder = f'{args.out}/data/{name}'
    os.makedirs(f'{folder}/wav', exist_ok=True)
    utts, scp, began = {}, {}, time.time()
    for n, speaker in enumerate(speakers):
        deck = Deck(sorted(r for r in audio if r[1] == speaker), rng)
        for k in range(count // len(speakers)):
            parts = [deck.deal() for _ in range(rng.randint(3, 7))]
            x, spans, gain = join(parts, audio, rng, noise)
            utt = f'{speaker}-{tag}{k:04d}'
            scp[utt] = f'data/{name}/wav/{utt}.wav'
            write_wav(f'{args.out}/{scp[utt]}', x)
            utts[utt] = dict(spk=speaker, words=[WORDS[d] for d, _, _ in parts], spans=spans,
                             gain=gain, samples=len(x),
                             parts=' '.join('%d_%s_%d' % p for p in parts))
        left = (time.time() - began) * (len(speakers) - n - 1) / (n + 1)
        print(f'{name}: {n + 1} of {len(speakers)} speakers, {left:.0f}s left', file=sys.stderr)
    write_lists(folder, utts)
    write_table(f'{folder}/wav.scp', scp)
    return utts


def make_noisy_lists(args, clean):
    rng = random.Random(f'{args.seed}-test_noisy')
    rng.randrange(2**31)
    snr = {}
    for utt in sorted(clean):
        snr[utt.replace('-tc', '-tn')] = f'{rng.choice(["pink", "white"])} {rng.uniform(0.0, 15.0):.2f}'
    folder = f'{args.out}/data/test_noisy'
    write_lists(folder, {k.replace('-tc', '-tn'): u for k, u in clean.items()})
    write_table(f'{folder}/utt2snr', snr)


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--fsdd', required=True, help='folder of the recordings, as 7_theo_3.wav')
    ap.add_argument('--out', required=True, help='folder that will contain data/')
    ap.add_argument('--seed', type=number(whole=True), default=20240229)
    args = ap.parse()
    for row in SETS:
        utts = make_set(args, *row)
    make_noisy_lists(args, utts)


if __name__ == '__main__':
    run(main)
