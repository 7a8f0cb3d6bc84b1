#!/usr/bin/env python3
"""Compares trained models: error rates with intervals, speed by stage, and what the experts do.

Reads what utils/steps/{train,decode,score,routing}.sh left under --exp/<model>/<seed>, prints the
report, and writes report.txt, report.json and wer-vs-rtf.png into --out.

  e.g. utils/report.py --title "Two models" --models "moe dense" --seeds "1 2" --sets test --chunks "-1 16"
"""
import glob
import json
import os
import subprocess

import intervals
import report_labels
import report_plot
import report_text
import speed_stats
from u2moe_script import Error, Options, die, expecting, positive, read_text, run, text_lines, write_json, writing
from u2moe_script import read_json as read_any_json
from u2moe_text import read_entries, split_words

MODES = ['greedy', 'prefix', 'rescoring']


def read_json(path):
    try:
        return read_any_json(path)
    except FileNotFoundError:
        raise Error(f'{path} is missing: has its stage been run for all models and seeds?') from None


def read_counts(path):
    """{utterance: (errors, words)} from the lines "utterance #csid c s i d" of compute-wer --per-utt."""
    counts = {}
    try:
        # Lines of words may hold anything, keys are told from the right.
        with open(path, encoding='utf-8', errors='replace', newline='\n') as f:
            for line in f:
                words = line.rsplit(maxsplit=5)
                if len(words) != 6 or words[1] != '#csid':
                    continue
                with expecting(f'{path}: not of compute-wer --per-utt'):
                    c, s, i, d = map(int, words[2:])
                counts[words[0]] = (s + i + d, c + s + d)
    except FileNotFoundError:
        raise Error(f'{path} is missing: score first (--stage 4)') from None
    if not counts:
        raise Error(f'{path} holds no utterance')
    return counts


def read_table(path):
    """The words of each line."""
    try:
        return [[key] + split_words(value) for key, value in read_entries(path)]
    except FileNotFoundError:
        raise Error(f'{path} is missing: make the data first (--stage 1)') from None


def training(exp):
    """Sums of log.jsonl, one line per epoch."""
    try:
        text = read_text(f'{exp}/log.jsonl')
    except FileNotFoundError:
        raise Error(f'{exp}/log.jsonl is missing: train first (--stage 3)') from None
    with expecting(f'{exp}/log.jsonl is not a log of nnet-train'):
        rows = [json.loads(line) for line in text.split('\n') if line.strip()]
        return training_sums(rows)


def training_sums(rows):
    cpu, frames = sum(r['cpu_seconds'] for r in rows), sum(r['frames'] for r in rows)
    return dict(epochs=len(rows), wall_seconds=sum(r['wall_seconds'] + r['dev_seconds'] for r in rows),
                cpu_seconds=cpu, frames=frames, frames_per_cpu_second=frames / max(cpu, 1e-9),
                best_dev_loss=min(r['dev_loss'] for r in rows))


def collect_results(args, model):
    """{(set, chunk, mode, unit): result as utils/intervals.py has it}; unit is wer or cer."""
    results = {}
    for name in args.sets:
        for chunk in args.chunks:
            for mode in MODES:
                base = f'decode/{name}/{chunk}/{mode}'
                for unit in ('wer', 'cer'):
                    results[name, chunk, mode, unit] = [
                        read_counts(f'{args.exp}/{model}/{seed}/{base}.{unit}.per_utt')
                        for seed in args.seeds]
    return results


def normalisation(args):
    """What was done to both sides in scoring, "lowercase (1a2b3c4d)", of all results; they are not comparable else."""
    found = {}
    for model in args.models:
        for seed in args.seeds:
            for path in sorted(glob.glob(f'{args.exp}/{model}/{seed}/decode/*/*/*.wer.json')):
                name, chunk = path.split('/')[-3:-1]
                if name in args.sets and chunk in args.chunks:
                    wer = read_json(path)
                    steps, digits = wer.get('normalize', 'none'), wer.get('normalize_hash', '')
                    found.setdefault(f'{steps} ({digits})' if digits else steps, path)
    if len(found) > 1:
        (a, one), (b, other) = list(found.items())[:2]
        die(f'{one} was normalised by {a}, but {other} by {b}; score all of them anew (--stage 4)')
    return next(iter(found), 'none')


def pool_speed(files, audio=None):
    return speed_stats.pool([read_json(f) for f in files], audio)


def collect_speed(args, model):
    """{chunk: {stage: real-time factors}}, the sets and seeds pooled."""
    out = {}
    for chunk in args.chunks:
        folders = [f'{args.exp}/{model}/{seed}/decode/{name}/{chunk}'
                   for seed in args.seeds for name in args.sets]
        row = {'encoder': pool_speed([f'{d}/forward.json' for d in folders])}
        for mode in MODES:
            row[mode] = pool_speed([f'{d}/{mode}.json' for d in folders],
                                   row['encoder']['audio_seconds'])
        out[chunk] = row
    return out


def feature_speed(args):
    files = [f for name in args.sets for f in sorted(glob.glob(f'{args.dump}/{name}/fbank.*.json'))]
    return pool_speed(files) if files else None


def test_sets(args):
    out = {}
    for name in args.sets:
        lines = read_table(f'{args.data}/{name}/text')
        seconds = sum(float(x[1]) for x in read_table(f'{args.data}/{name}/utt2dur'))
        out[name] = dict(utterances=len(lines), words=sum(len(x) - 1 for x in lines), seconds=seconds)
    return out


def build(args):
    system = ' '.join(os.uname()[i] for i in (0, 2, 4))
    report = dict(title=args.title, system=system, processors=os.cpu_count(), sets=test_sets(args), seeds=args.seeds,
                  chunks=args.chunks, processes=args.processes, normalize=normalisation(args), cut=args.cut, models={},
                  differences=[], features=feature_speed(args))
    counts = {}
    for model in args.models:
        runs = {seed: training(f'{args.exp}/{model}/{seed}') for seed in args.seeds}
        info = read_json(f'{args.exp}/{model}/{args.seeds[0]}/info.json')
        routing = {}
        for seed in args.seeds:
            path = f'{args.exp}/{model}/{seed}/routing.json'
            if os.path.exists(path):
                routing[seed] = read_json(path)
        counts[model] = collect_results(args, model)
        report['models'][model] = dict(
            parameters=info['parameters']['total'],
            active_per_frame=info['parameters']['active_per_frame'],
            feed_forward=info['parameters']['feed_forward'],
            training=runs, speed=collect_speed(args, model), routing=routing, results=[])
    report['models'] = dict(sorted(report['models'].items(), key=lambda x: x[1]['active_per_frame']))

    draws = {name: intervals.Bootstrap(counts[args.models[0]][name, args.chunks[0], MODES[0], 'wer'][0])
             for name in args.sets}
    report['labels'] = {
        name: report_labels.by_label(f'{args.data}/{name}', *(
            {m: counts[m][name, args.chunks[0], 'rescoring', unit] for m in report['models']} for unit in ('wer', 'cer')))
        for name in args.sets}
    baseline = args.baseline if args.baseline in report['models'] else next(iter(report['models']))
    report['baseline'] = baseline
    for model in report['models']:
        for (name, chunk, mode, unit), result in counts[model].items():
            where = dict(set=name, chunk=chunk, mode=mode, unit=unit)
            report['models'][model]['results'].append(
                {**where, **intervals.summarise(result, draws[name])})
            if model != baseline and unit == 'wer':
                other = counts[baseline][name, chunk, mode, unit]
                report['differences'].append(
                    {'model': model, **where, **intervals.difference(result, other, draws[name])})
    return report


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--title', required=True)
    ap.add_argument('--models', required=True, type=str.split, help='as "dense moe"')
    ap.add_argument('--seeds', required=True, type=str.split)
    ap.add_argument('--sets', required=True, type=str.split)
    ap.add_argument('--chunks', required=True, type=str.split, help='-1: whole utterances')
    ap.add_argument('--baseline', default='dense', help='model the others are compared with')
    ap.add_argument('--data', default='data')
    ap.add_argument('--dump', default='dump')
    ap.add_argument('--exp', default='exp')
    ap.add_argument('--out', default='exp/report')
    ap.add_argument('--processes', type=positive, default=1, help='decoding processes at a time')
    ap.add_argument('--cut', default='false', choices=['true', 'false'],
                    help='true: a shortened run, whose figures mean nothing')
    args = ap.parse()
    with expecting('the files of these models, seeds and sets do not fit together'):
        report = build(args)

    os.makedirs(args.out, exist_ok=True)
    text = report_text.render(report)
    with writing(f'{args.out}/report.txt') as f:
        f.write(text)
    write_json(f'{args.out}/report.json', report, ensure_ascii=False)
    print(text, end='')
    try:
        report_plot.plot(report, f'{args.out}/wer-vs-rtf')
    except (OSError, subprocess.CalledProcessError) as e:
        die(f'gnuplot could not draw {args.out}/wer-vs-rtf.png: {e}')
    print(f'\nFiles: {args.out}/report.txt, report.json, wer-vs-rtf.png')


if __name__ == '__main__':
    run(main)
