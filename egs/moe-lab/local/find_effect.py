#!/usr/bin/env python3
"""Looks on dev for sizes at which the wide dense model beats the dense one by more than can be seen; prints the power curve.

Usage: local/find_effect.py [options] <task> <task-dir>
  e.g. local/find_effect.py --results ../../docs/results --until $(($(date +%s) + 10800)) polyglot out/polyglot
  --results DIR     <DIR>/<task>/effect.json: all that was tried
  --until SECONDS   of the clock: then trainings stop, and the next call goes on with them; 0: no limit
  --narrow "128 64 32 16"   hidden-dim of dense that are tried; wide has 8 times as many
  --epochs "12 24 48"       epochs that each is trained for, at most
  --seeds "901 902 903"     of training; never those of results
  --jobs 1          trainings at a time
  --cut true        the shortened task, two sizes

An effect is there where the mean difference on dev is above what two systems of as many seeds and utterances would show with
probability 0.8 (paired_tests.py). Then the search ends. Each size is compared at the rate that dev chooses for it.
"""
import concurrent.futures
import os
import time

import lab
import paired_tests
from run_system import Late, Runner
from u2moe_script import Error, Options, die, expecting, positive, read_json, run, say, usage_error


class Sized(lab.System):
    """A dense system of one width."""

    def __init__(self, name, hidden):
        super().__init__('dense')
        self.name, self.model = name, {'hidden-dim': str(hidden)}


def dev_errors(runner, system, seed, rate, epochs):
    """[errors of each dev utterance] and [their words] of a training, whole utterances, rescored."""
    if runner.late():
        raise Late()
    exp = f'{runner.folder(system, seed)}-{epochs}'
    runner.train(system, seed, exp, rate, epochs)
    if not os.path.exists(f'{exp}/decode/dev/-1/rescoring.wer.per_utt'):
        runner.decode(system, exp, [runner.task.dev], ['-1'])
    scores = runner.scores(exp, runner.task.dev, ['-1'])
    return lab.numbers(scores['chunks']['-1']['rescoring']['errors_by_utterance']), lab.numbers(scores['words_by_utterance'])


def try_one(runner, narrow, epochs, seeds, jobs, known):
    """What is told of one size, or was told before by one of known; None where the time is over."""
    begin = time.time()
    systems = {name: Sized(f'effect-{name}-{hidden}', hidden) for name, hidden in (('dense', narrow), ('wide', 8 * narrow))}
    recipe = lab.hash_of([seeds, *(s.recipe(runner.task, None, epochs) for s in systems.values())])
    for row in known:
        if row.get('recipe') == recipe:
            return row
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:  # of tools that run elsewhere
        rates = dict(zip(systems, pool.map(runner.choose_rate, systems.values())))
        if None in rates.values() or runner.late():
            return None
        runs = [(name, seed) for seed in seeds for name in reversed(list(systems))]  # the longest first
        done = dict(zip(runs, pool.map(lambda run: dev_errors(runner, systems[run[0]], run[1], rates[run[0]], epochs), runs)))
    results = {name: [done[name, seed][0] for seed in seeds] for name in systems}
    words = done[runs[0]][1]
    c = paired_tests.compare(results['wide'], results['dense'], words)
    return dict(hidden=[narrow, 8 * narrow], epochs=epochs, recipe=recipe, rates=rates,
                wer={name: [round(x, 2) for x in paired_tests.rates(r, words)] for name, r in results.items()},
                difference=round(c['difference'], 3), low=round(c['low'], 3), high=round(c['high'], 3), variances=c['variances'],
                utterances=len(words), detectable=round(paired_tests.detectable(c['variances'], len(seeds), len(words)), 3),
                seconds=round(time.time() - begin))


def is_effect(row):
    return row['difference'] < 0 and -row['difference'] > row['detectable'] and row['high'] < 0


def summary(rows):
    """The table and what follows from it."""
    lines = [f'{"dense":>6} {"wide":>6} {"epochs":>6}  {"WER dense":>24}  {"WER wide":>24}  difference [95 %]      detectable']
    for r in rows:
        wers = ['{:>24}'.format(' '.join(f'{x:.1f}' for x in r['wer'][name])) for name in ('dense', 'wide')]
        lines.append(f'{r["hidden"][0]:>6} {r["hidden"][1]:>6} {r["epochs"]:>6}  {wers[0]}  {wers[1]}  '
                     f'{r["difference"]:+.2f} [{r["low"]:+.2f}, {r["high"]:+.2f}]  {r["detectable"]:>8.2f}{"  *" * is_effect(r)}')
    found = [r for r in rows if is_effect(r)]
    if found:
        lines.append(f'An effect: {found[0]["hidden"][1]} wide beats {found[0]["hidden"][0]} after {found[0]["epochs"]} epochs.')
    elif rows:
        lines.append('No effect was found: at these sizes capacities cannot be compared. What could have been seen:')
        lines.append(paired_tests.power_text(paired_tests.mean_variances(rows), rows[0]['utterances']))
    else:
        lines.append('Nothing was tried: the time was over before.')
    return '\n'.join(lines)


def main():
    ap = Options(__doc__)
    ap.add_argument('task')
    ap.add_argument('dir')
    ap.add_argument('--results', required=True)
    ap.add_argument('--until', type=int, default=0)
    ap.add_argument('--narrow', default='')
    ap.add_argument('--epochs', default='')
    ap.add_argument('--seeds', default='')
    ap.add_argument('--jobs', type=positive, default=1)
    ap.boolean('--cut', False)
    args = ap.parse()

    def list_of(option, text, least):
        if not text.split() or not all(x.isdigit() and int(x) >= least for x in text.split()):
            usage_error(f'--{option} are numbers from {least}, not "{text}"')
        return [int(x) for x in text.split()]
    seeds = list_of('seeds', args.seeds or ('901 902' if args.cut else '901 902 903'), 901)
    if len(seeds) < 2:
        usage_error('--seeds: two at least, else nothing is known of how they differ')
    narrow = list_of('narrow', args.narrow or ('8 4' if args.cut else '128 64 32 16'), 1)
    epochs = list_of('epochs', args.epochs or ('2' if args.cut else '12 24 48'), 1)
    task = lab.Task(args.task, os.path.realpath(args.dir), args.cut)
    if task.grid_seed in seeds:
        die(f'seed {task.grid_seed} chooses rates; give others')
    runner = Runner(task, os.path.realpath(args.results), args.until)
    path = f'{runner.results}/{task.name}/effect.json'
    rows, whole, known = [], True, []
    if os.path.exists(path):
        with expecting(f'{path} is not a search of the laboratory'):
            known = list(read_json(path)['tried'])
    for e in epochs:
        for n in narrow:
            try:
                row = try_one(runner, n, e, seeds, args.jobs, known)
            except Late:
                row = None
            except Error as error:
                say(f'{n} and {8 * n}, {e} epochs: {error}')
                continue
            if row is None:
                whole = False
                break
            rows.append(row)
            say(f'{n} against {8 * n}, {e} epochs: {row["difference"]:+.2f} points, {row["detectable"]:.2f} can be seen')
            lab.write_result(path, dict(task=task.name, seeds=seeds, data=task.data_hash(), complete=False, tried=rows))
            if is_effect(row):
                break
        if not whole or (rows and is_effect(rows[-1])):
            break
    lab.write_result(path, dict(task=task.name, seeds=seeds, data=task.data_hash(), complete=whole, tried=rows))
    print(summary(rows))
    return 0


if __name__ == '__main__':
    run(main)
