#!/usr/bin/env python3
"""Chooses the sampling rate and the shape of features from the audio of the training set, and writes conf/.

The rate is the lowest that makes up at least a tenth of the audio, but not above 16 kHz: so little or nothing has to be
invented above what was recorded. What has another rate is resampled when features are computed.
"""
import collections
import math
import os
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, die, expecting, number, read_text, run, text_lines, writing

LEAST_SHARE = 0.1
HIGHEST = 16000


def seconds_by_rate(path):
    rates = collections.Counter()
    for number_of_line, line in enumerate(text_lines(path), 1):
        with expecting(f'{path}:{number_of_line}: wanted "recording Hz channels seconds sound"'):
            _, rate, _, seconds, _ = line.rsplit(None, 4)
            rates[int(rate)] += float(seconds)
    return rates


def chosen_rate(rates):
    total = sum(rates.values())
    return min(HIGHEST, min(r for r, s in rates.items() if s >= LEAST_SHARE * total or s == max(rates.values())))


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--size', required=True)
    ap.add_argument('--models', required=True, type=str.split)
    ap.add_argument('--rate', type=number(0, whole=True), default=0, help='0: chosen')
    ap.add_argument('--epochs', default='', help='of the recipe; else those of the size')
    ap.add_argument('--learning-rate', default='', help='else that of the size and model')
    ap.add_argument('--templates', required=True, help='folder of fbank.conf and of one folder for each size')
    ap.add_argument('train', help='data directory')
    ap.add_argument('out', help='folder for conf files')
    args = ap.parse()
    rates = seconds_by_rate(f'{args.train}/reco2audio')
    if not rates:
        die(f'none of the audio of {args.train} can be read')
    rate = args.rate or chosen_rate(rates)
    bins = 80 if args.size == 'base' and rate > 8000 else 40
    os.makedirs(args.out, exist_ok=True)
    size = f'{args.templates}/{args.size}'
    files = {'fbank.conf': read_text(f'{args.templates}/fbank.conf') + f'sample-frequency={rate}\nnum-mel-bins={bins}\n'}
    train = dict(x.split('=', 1) for x in read_text(f'{size}/train.conf').splitlines() if '=' in x and x[0] != '#')
    train['epochs'] = args.epochs or train['epochs']
    utterances = len(text_lines(f'{args.train}/utt2spk'))
    with expecting(f'{size}/train.conf or --epochs'):
        steps = math.ceil(utterances / int(train['batch-size'])) * int(train['epochs'])
    # A short training is not to end while it still warms up.
    train['warmup-steps'] = str(max(1, min(int(train['warmup-steps']), steps // 8)))
    train['learning-rate'] = args.learning_rate or train['learning-rate']
    files['train.conf'] = '# nnet-train\n' + ''.join(f'{k}={v}\n' for k, v in train.items())
    for model in args.models:
        files[f'{model}.conf'] = read_text(f'{size}/{model}.conf') + f'feature-dim={bins}\n'
        own = f'{size}/{model}.train.conf'
        if os.path.exists(own):
            lines = read_text(own).splitlines(keepends=True)
            files[f'{model}.train.conf'] = ''.join(
                x for x in lines if not (args.learning_rate and x.startswith('learning-rate=')))
    for name, text in files.items():
        with writing(f'{args.out}/{name}') as f:
            f.write(text)


if __name__ == '__main__':
    run(main)
