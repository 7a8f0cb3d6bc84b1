#!/usr/bin/env python3
"""Puts the report of egs/fsdd beside the reference that WeNet's classes gave on the same data.

Reads the results.json of the prepared corpus and exp/report/report.json. A figure is "no worse" if our mean over
seeds is at most the reference's mean over its seeds plus half of our 95 % interval (seeds and utterances).
"""
import os
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, die, expecting, read_json, run

NAMES = {'dense': 'dense', 'moe': 'moe', 'dense-wide': 'dense_big'}  # ours: the reference's
FIGURES = [  # title, set, our mode, the reference's, unit, the reference's field, judged
    ('clean rescoring WER', 'test_clean', 'rescoring', 'attention_rescoring_r0.3', 'wer', 'wer', True),
    ('clean rescoring letters-only CER', 'test_clean', 'rescoring', 'attention_rescoring_r0.3', 'cer', 'cer_letters', True),
    ('clean greedy letters-only CER', 'test_clean', 'greedy', 'ctc_greedy_search', 'cer', 'cer_letters', True),
    ('clean greedy WER', 'test_clean', 'greedy', 'ctc_greedy_search', 'wer', 'wer', False),
    ('noisy rescoring WER', 'test_noisy', 'rescoring', 'attention_rescoring_r0.3', 'wer', 'wer', False),
]


def reference_seeds(reference, name, figure):
    """The reference's value of each seed, whole utterances."""
    _, test, _, mode, _, field, _ = figure
    runs = [reference['models'][name]['results']]
    runs += [s['results'] for s in reference['seed_check'] if s['model'] == name]
    return [r[field] for run in runs for r in run
            if (r['test'], r['mode'], r['chunk']) == (test, mode, -1)]


def ours(report, name, figure):
    _, test, mode, _, unit, _, _ = figure
    for r in report['models'][name]['results']:
        if (r['set'], r['chunk'], r['mode'], r['unit']) == (test, '-1', mode, unit):
            return r
    die(f'the report has no {mode} {unit} of {test} for {name}')


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('results', help='results.json of the prepared corpus')
    ap.add_argument('report', nargs='?', default='exp/report/report.json')
    args = ap.parse()
    reference, report = read_json(args.results), read_json(args.report)
    with expecting(f'{args.results} and {args.report} are not the two results that --help tells of'):
        compare(reference, report)


def compare(reference, report):
    def listed(values):
        return ' '.join(f'{v:.2f}' for v in values)

    row = '  {:<34}{:<12}{:>9}  {:<18}{:>7}  {:<16}{:<18}{}'
    print('Beside the reference (WeNet model and decoder classes on the same data), whole utterances, %')
    print(row.format('', 'model', 'reference', '(seeds)', 'u2moe', '[95 %]', '(seeds)', '').rstrip())
    for figure in FIGURES:
        for name, other in NAMES.items():
            if name not in report['models']:
                continue
            want = reference_seeds(reference, other, figure)
            got = ours(report, name, figure)
            mean = sum(want) / len(want)
            verdict = ''
            if figure[-1]:
                verdict = 'no worse' if got['wer'] <= mean + (got['high'] - got['wer']) else 'WORSE'
            print(row.format(figure[0], name, f'{mean:.2f}', f'({listed(want)})', f'{got["wer"]:.2f}',
                             f'[{got["low"]:.2f}, {got["high"]:.2f}]', f'({listed(got["seeds"])})',
                             verdict).rstrip())
    print('Training frames per CPU second, one thread (machines differ: see sgemm in `make bench`)')
    for name, other in NAMES.items():
        if name in report['models']:
            want = reference['models'][other]['bench']['train_frames_per_cpu_s']
            runs = report['models'][name]['training'].values()
            got = sum(r['frames'] for r in runs) / sum(r['cpu_seconds'] for r in runs)
            print(f'  {name:<12}{want:9,.0f} {got:9,.0f}  {got / want:.2f} times the reference')


if __name__ == '__main__':
    run(main)
