#!/usr/bin/env python3
"""Writes what training, decoding and scoring leave behind, with made-up numbers, to test make-report.

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
    words = 'one two three four five'.split()
    write(f'{root}/data/test/text', ''.join(f'{u} {" ".join(words)}\n' for u in utts))
    write(f'{root}/data/test/utt2dur', ''.join(f'{u} 2.5\n' for u in utts))
    write(f'{root}/data/test/utt2lang', ''.join(f'{u} {"de" if i % 2 else "en"}\n' for i, u in enumerate(utts)))
    speed = dict(audio_seconds=250.0, wall_seconds=2.5, cpu_seconds=2.4,
                 rtf=dict(p50=0.01, p90=0.011, p99=0.02), precision='float32', threads=1,
                 utterance_rtf=[0.05] + [0.01 + 0.0001 * i for i in range(99)], stages=dict(attention=0.5, other=2.0),
                 machine='Some Processor; Highway AVX2')
    write(f'{root}/dump/test/fbank.1.json', json.dumps(speed))
    for model, rate in rates.items():
        for seed in seeds:
            exp = f'{root}/exp/{model}/{seed}'
            rng = random.Random(f'{model}{seed}')
            write(f'{exp}/info.json', json.dumps(dict(parameters=dict(
                total=1000 if model == 'dense' else 4700, feed_forward=500,
                active_per_frame=800 if model == 'dense' else 1200))))
            write(f'{exp}/log.jsonl', ''.join(json.dumps(dict(
                epoch=e, train_loss=9 / e, train_ctc=20 / e, dev_loss=7.5 / e, dev_ctc=15 / e, **load, wall_seconds=20,
                dev_seconds=1, cpu_seconds=50 / 3, frames=500000 / 3)) + '\n'
                for e in (1, 2, 3) for load in [dict(min_expert_load=0.1 * e) if model == 'moe' else {}]))
            if model == 'moe':
                layers = [dict(name='encoder.encoders.0.feed_forward', rows=10, share=[0.25, 0.5, 0.25, 0.0], entropy=0.75,
                               mean_gates=[0.8, 0.2], dead_experts=1)]
                write(f'{exp}/routing.json', json.dumps(dict(layers=layers, groups=dict(de=layers, en=layers))))
            for chunk in ('-1', '16'):
                base = f'{exp}/decode/test/{chunk}'
                write(f'{base}/forward.json', json.dumps(speed))
                for mode in ('greedy', 'prefix', 'rescoring'):
                    write(f'{base}/{mode}.json', json.dumps(
                        dict(audio_seconds=0, wall_seconds=0.25, cpu_seconds=0.25)))
                    for unit in ('wer', 'cer'):
                        rows, errors = [], 0
                        for u in utts:
                            wrong = [rng.random() < rate for _ in range(5)]
                            errors += sum(wrong)
                            hyp = [w[:-1] if x else w for w, x in zip(words, wrong)]
                            ops = ['S' if x else 'C' for x in wrong]
                            rows.append(f'{u} ref  {" ".join(words)}\n{u} hyp  {" ".join(hyp)}\n{u} op   {" ".join(ops)}\n'
                                        f'{u} #csid {5 - sum(wrong)} {sum(wrong)} 0 0\n')
                        write(f'{base}/{mode}.{unit}.per_utt', ''.join(rows))
                        write(f'{base}/{mode}.{unit}.json', json.dumps(dict(
                            normalize='none', errors=errors, units=500, interval95=[errors / 5 - 3, errors / 5 + 3])))


if __name__ == '__main__':
    run(main)
