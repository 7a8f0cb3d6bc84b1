#!/usr/bin/env python3
"""Writes results as egs/moe-lab keeps them, with made-up numbers.

Usage: fake_lab.py <folder> <task> <seeds> <system>=<error rate>...
"""
import os
import random
import sys

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), '../..')
sys.path[:0] = [f'{ROOT}/utils', f'{ROOT}/egs/moe-lab/local']
import lab
from u2moe_script import run, usage_error

WORDS, LAYERS = [3 + i % 3 for i in range(120)], ['encoder.encoders.0.feed_forward', 'decoder.left_decoder.decoders.0.feed_forward']


def errors(rate, rng):
    return ' '.join(str(sum(rng.random() < rate for _ in range(w))) for w in WORDS)


def result(task, system, seed, rate):
    rng = random.Random(f'{task}{system}{seed}')
    rate += rng.gauss(0, 0.003)
    chunks = {c: {} for c in ('-1', '16')}
    for modes in chunks.values():
        for mode in lab.MODES:
            text = errors(rate, rng)
            wrong = sum(lab.numbers(text))
            modes[mode] = dict(errors=wrong, words=sum(WORDS), wer=round(100 * wrong / sum(WORDS), 3), errors_by_utterance=text)
    mixture = 'dense' not in system
    tells = dict(lang=0.3, unit=0.2, position=0.0)
    routing = {c: dict(
        max_load=1.9, mean_max_load=1.5, entropy=0.9, dead_experts=0, experts_per_row=2, dropped=0, distinct_experts_per_chunk=5.5,
        switch_rate=0.4, agreement=0.1, empty_by_position=[0] * 10, tells=tells,
        layers=[dict(name=n, entropy=0.9, max_load=1.5, dead=0, **{f'tells_{k}': v for k, v in tells.items()}) for n in LAYERS],
        share_by_label={x: [[0.5, 0.25, 0.25, 0.0]] * 2 for x in ('de', 'fi')} if c == '-1' else {}) for c in chunks} if mixture else {}
    return dict(format=lab.FORMAT, task=task, cut=False, system=system, seed=seed, recipe='0' * 12, options={},
                training=dict(epochs=9, best_epoch=7, stopped='patience', learning_rate=0.003, warmup_steps=300, rate_at_edge=False, seconds=100.0,
                              cpu_seconds=90.0, frames_per_second=9000, frames_per_cpu_second=10000, peak_memory_mb=50.0,
                              least_expert_load=0.2, dev_loss=[9.0, 8.0]),
                parameters=dict(total=4000000 if mixture else 1000000, active_per_frame=800000, feed_forward=500, bytes=16000000),
                results={'test': dict(utterances=f'{len(WORDS)} 0123456789ab', words_by_utterance=' '.join(map(str, WORDS)),
                                      chunks=chunks)},
                speed={c: dict(encoder=dict(rtf=0.002, cpu=0.0011 if mixture else 0.001)) for c in chunks}, routing=routing,
                decoding_memory_mb=30.0, machine='Some Processor')


def main():
    if len(sys.argv) < 5:
        usage_error('a folder, a task, seeds and systems are needed')
    folder, task, seeds = sys.argv[1:4]
    for argument in sys.argv[4:]:
        system, _, rate = argument.partition('=')
        for seed in seeds.split():
            try:
                lab.write_result(lab.result_path(folder, task, system, seed), result(task, system, int(seed), float(rate)))
            except ValueError:
                usage_error(f'"{argument}" is not <system>=<error rate>, or "{seeds}" are no seeds')


if __name__ == '__main__':
    run(main)
