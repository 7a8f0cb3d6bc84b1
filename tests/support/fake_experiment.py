#!/usr/bin/env python3
"""Writes what training, decoding and scoring leave behind, with made-up numbers, to test report.py.

Usage: fake_experiment.py <folder> <seeds> <error rate of dense> <error rate of moe>
"""
import json
import os
import random
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../utils'))
from u2moe_script import NUMBER, run, usage_error, writing


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with writing(path) as f:
        f.write(text)


def main():
    if len(sys.argv) != 5 or not all(map(NUMBER.match, sys.argv[3:])):
        usage_error('four arguments are needed: <folder> <seeds> <error rate of dense> <error rate of moe>')
    root, seeds = sys.argv[1], sys.argv[2].split()
    rates = {'dense': float(sys.argv[3]), 'moe': float(sys.argv[4])}
    utts = [f's-{i:03d}' for i in range(100)]
    write(f'{root}/data/test/text', ''.join(f'{u} one two three four five\n' for u in utts))
    write(f'{root}/data/test/utt2dur', ''.join(f'{u} 2.5\n' for u in utts))
    speed = dict(audio_seconds=250.0, wall_seconds=2.5, cpu_seconds=2.4,
                 rtf=dict(p50=0.01, p90=0.011, p99=0.02), precision='float32', threads=1,
                 machine='Some Processor; Highway AVX2')
    write(f'{root}/dump/test/fbank.1.json', json.dumps(speed))
    for model, rate in rates.items():
        for seed in seeds:
            exp = f'{root}/exp/{model}/{seed}'
            rng = random.Random(f'{model}{seed}')
            write(f'{exp}/info.json', json.dumps(dict(parameters=dict(
                total=1000 if model == 'dense' else 4700, feed_forward=500,
                active_per_frame=800 if model == 'dense' else 1200))))
            write(f'{exp}/log.jsonl', json.dumps(dict(
                epoch=1, dev_loss=2.5, wall_seconds=60, dev_seconds=1, cpu_seconds=50, frames=500000)) + '\n')
            if model == 'moe':
                write(f'{exp}/routing.json', json.dumps(dict(layers=[dict(
                    name='encoder.encoders.0.feed_forward', share=[0.25, 0.5, 0.25, 0.0],
                    entropy=0.75, mean_gates=[0.8, 0.2], dead_experts=1)])))
            for chunk in ('-1', '16'):
                base = f'{exp}/decode/test/{chunk}'
                write(f'{base}/forward.json', json.dumps(speed))
                for mode in ('greedy', 'prefix', 'rescoring'):
                    write(f'{base}/{mode}.json', json.dumps(
                        dict(audio_seconds=0, wall_seconds=0.25, cpu_seconds=0.25)))
                    for unit in ('wer', 'cer'):
                        rows = []
                        for u in utts:
                            s = sum(rng.random() < rate for _ in range(5))
                            rows.append(f'{u} #csid {5 - s} {s} 0 0\n')
                        write(f'{base}/{mode}.{unit}.per_utt', ''.join(rows))


if __name__ == '__main__':
    run(main)
