#!/usr/bin/env python3
"""Chooses the sampling rate and the shape of features from the audio of the training set, and writes conf/.

The rate is the lowest that makes up at least a tenth of the audio, but not above 16 kHz: so little or nothing has to be
invented above what was recorded. What has another rate is resampled when features are computed.
"""
import argparse
import collections
import math
import os
import sys

LEAST_SHARE = 0.1
HIGHEST = 16000


def seconds_by_rate(path):
    rates = collections.Counter()
    with open(path, encoding='utf-8') as f:
        for line in f:
            _, rate, _, seconds, _ = line.rsplit(None, 4)
            rates[int(rate)] += float(seconds)
    return rates


def chosen_rate(rates):
    total = sum(rates.values())
    return min(HIGHEST, min(r for r, s in rates.items() if s >= LEAST_SHARE * total or s == max(rates.values())))


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    ap.add_argument('--size', required=True)
    ap.add_argument('--models', required=True, type=str.split)
    ap.add_argument('--rate', type=int, default=0, help='0: chosen')
    ap.add_argument('--epochs', default='', help='of the recipe; else those of the size')
    ap.add_argument('--learning-rate', default='', help='else that of the size and model')
    ap.add_argument('--templates', required=True, help='folder of fbank.conf and of one folder for each size')
    ap.add_argument('train', help='data directory')
    ap.add_argument('out', help='folder for conf files')
    args = ap.parse_args()
    rates = seconds_by_rate(f'{args.train}/reco2audio')
    if not rates:
        sys.exit(f'choose.py: error: none of the audio of {args.train} can be read')
    rate = args.rate or chosen_rate(rates)
    bins = 80 if args.size == 'base' and rate > 8000 else 40
    os.makedirs(args.out, exist_ok=True)
    size = f'{args.templates}/{args.size}'
    files = {'fbank.conf': read(f'{args.templates}/fbank.conf') + f'sample-frequency={rate}\nnum-mel-bins={bins}\n'}
    train = dict(x.split('=', 1) for x in read(f'{size}/train.conf').splitlines() if '=' in x and x[0] != '#')
    train['epochs'] = args.epochs or train['epochs']
    with open(f'{args.train}/utt2spk', encoding='utf-8') as f:
        steps = math.ceil(sum(1 for _ in f) / int(train['batch-size'])) * int(train['epochs'])
    # A short training is not to end while it still warms up.
    train['warmup-steps'] = str(max(1, min(int(train['warmup-steps']), steps // 8)))
    train['learning-rate'] = args.learning_rate or train['learning-rate']
    files['train.conf'] = '# nnet-train\n' + ''.join(f'{k}={v}\n' for k, v in train.items())
    for model in args.models:
        files[f'{model}.conf'] = read(f'{size}/{model}.conf') + f'feature-dim={bins}\n'
        own = f'{size}/{model}.train.conf'
        if os.path.exists(own):
            lines = read(own).splitlines(keepends=True)
            files[f'{model}.train.conf'] = ''.join(
                x for x in lines if not (args.learning_rate and x.startswith('learning-rate=')))
    for name, text in files.items():
        with open(f'{args.out}/{name}.tmp', 'w', encoding='utf-8') as f:
            f.write(text)
        os.replace(f'{args.out}/{name}.tmp', f'{args.out}/{name}')


if __name__ == '__main__':
    main()
