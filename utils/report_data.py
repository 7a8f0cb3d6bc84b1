"""What trainings, decodings and scorings left behind, read for the report: which experiments there are, and their files."""
import collections
import glob
import json
import os
import re

import speed_stats
from u2moe_script import Error, die, expecting, read_json, read_text
from u2moe_text import printable, read_entries, split_words

MODES = ['greedy', 'prefix', 'rescoring']  # in this order, others after them
SPEED = {'encoder': 'forward', 'greedy': 'greedy', 'prefix': 'prefix', 'rescoring': 'rescoring'}  # stage: its --stats file

# name of the model; {seed: folder}, "" where the folder is the only training.
Experiment = collections.namedtuple('Experiment', 'name runs')
# counts: {utterance: (errors, words)}; totals: (correct, substitutions, insertions, deletions); wrong: utterances with errors.
Scores = collections.namedtuple('Scores', 'counts totals wrong')


def is_run(folder):
    return os.path.isdir(f'{folder}/decode') or os.path.exists(f'{folder}/log.jsonl')


def subfolders(folder):
    return sorted((e.path for e in os.scandir(folder) if e.is_dir()), key=natural)


def natural(text):
    return [(0, int(x), '') if x.isdigit() else (1, 0, x) for x in re.findall('[0-9]+|[^0-9]+', text)]


def runs_of(folder):
    """[(model, seed, folder)]: a training, the seeds of a model, or all models of a recipe's exp."""
    path = os.path.realpath(folder)
    name = os.path.basename(path)
    if is_run(folder):
        seed = name if name.isdigit() else ''
        return [(os.path.basename(os.path.dirname(path)) if seed else name, seed, folder)]
    runs = [(name, os.path.basename(f), f) for f in subfolders(folder) if is_run(f)]
    return runs or [(os.path.basename(m), os.path.basename(f), f) for m in subfolders(folder) for f in subfolders(m)
                    if is_run(f)]


def find_experiments(arguments):
    """The experiments of the arguments FOLDER or NAME=FOLDER, in their order."""
    found, origin = {}, {}
    for argument in arguments:
        name, equals, folder = argument.partition('=')
        if not equals or os.path.isdir(argument):
            name, folder = '', argument
        folder = folder.rstrip('/') or folder
        if not os.path.isdir(folder):
            die(f'{printable(folder, 300)}: there is no such folder; give those of trained models, such as exp/moe, or their '
                'parent')
        runs = runs_of(folder)
        if not runs:
            die(f'{printable(folder, 300)}: no training in it or below it (no log.jsonl, no decode/); train, decode and score '
                'first, or leave it out')
        if name and len({model for model, _, _ in runs}) > 1:
            die(f'{printable(folder, 300)} has several models, so it cannot be called {printable(name)}; name one folder each')
        for model, seed, run in runs:
            model = name or model
            home = os.path.realpath(folder if len(runs) == 1 and not seed else os.path.dirname(os.path.realpath(run)))
            if origin.setdefault(model, (home, run))[0] != home or seed in found.get(model, {}):
                die(f'two experiments are named {printable(model)}: {printable(origin[model][1], 300)} and '
                    f'{printable(run, 300)}; give one another name: NAME={printable(run, 300)}')
            found.setdefault(model, {})[seed] = run
    return [Experiment(name, runs) for name, runs in found.items()]


def results_in(run):
    """{(set, chunk, mode)} of what was scored in a run."""
    out = set()
    for path in glob.glob(f'{glob.escape(run)}/decode/*/*/*.wer.per_utt'):
        name, chunk, file = path.split('/')[-3:]
        out.add((name, chunk, file[:-len('.wer.per_utt')]))
    return out


def chunk_order(chunk):
    """Whole utterances first, then from large chunks to small ones."""
    number = int(chunk) if re.fullmatch('-?[0-9]{1,9}', chunk) else 0
    return (number >= 0, -number, chunk)


def mode_order(mode):
    return (MODES.index(mode) if mode in MODES else len(MODES), mode)


def lines_of(path):
    """The lines of compute-wer --per-utt."""
    try:
        with open(path, encoding='utf-8', errors='replace', newline='\n') as f:
            yield from f
    except FileNotFoundError:
        raise Error(f'{path} is missing: score first (--stage 4)') from None


def read_scores(path):
    """Scores of the lines "utterance #csid c s i d" of compute-wer --per-utt."""
    counts, totals, wrong = {}, [0, 0, 0, 0], 0
    for line in lines_of(path):
        # Lines of words may hold anything, keys are told from the right.
        words = line.rsplit(maxsplit=5)
        if len(words) != 6 or words[1] != '#csid' or ' ' in words[0]:
            continue
        with expecting(f'{path}: not of compute-wer --per-utt'):
            numbers = c, s, i, d = tuple(map(int, words[2:]))
        if words[0] in counts:
            die(f'{path} has the utterance {printable(words[0])} twice; score anew')
        counts[words[0]] = (s + i + d, c + s + d)
        totals = [a + b for a, b in zip(totals, numbers)]
        wrong += s + i + d > 0
    if not counts:
        die(f'{path} holds no utterance')
    return Scores(counts, tuple(totals), wrong)


def read_alignments(path):
    """{utterance: [(C, S, D or I, word of the reference or '', word of the hypothesis or '')]} of compute-wer --per-utt."""
    out, rows = {}, {}
    for line in lines_of(path):
        key, _, rest = line.partition(' ')
        kind = rest.split(maxsplit=1)[0] if rest.strip() else ''
        if kind == '#csid':
            ref, hyp, ops = (rows.get(k, []) for k in ('ref', 'hyp', 'op'))
            if not len(ref) == len(hyp) == len(ops) or not set(ops) <= set('CSDI'):
                die(f'{path}: the lines of {printable(key)} do not fit together; score anew')
            out[key] = [(op, '' if op == 'I' else a, '' if op == 'D' else b) for op, a, b in zip(ops, ref, hyp)]
            rows = {}
        elif kind in ('ref', 'hyp', 'op'):
            rows[kind] = split_words(rest)[1:]
    return out


def read_log(run):
    """The epochs of log.jsonl, or None without one."""
    path = f'{run}/log.jsonl'
    try:
        text = read_text(path)
    except FileNotFoundError:
        return None
    rows = []
    for number, line in enumerate(text.split('\n'), 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as e:
            raise Error(f'{path}:{number}: not a line of nnet-train\'s log ({e}); if the training was cut off, let it go on '
                        'to its end (--stage 3)') from None
        if not isinstance(rows[-1], dict):
            die(f'{path}:{number}: not a line of nnet-train\'s log')
    if not rows:
        die(f'{path} is empty: the training has not done one epoch; let it go on (--stage 3)')
    return rows


def training_sums(rows, path='log.jsonl'):
    with expecting(f'{path} is not a log of nnet-train'):
        cpu, frames = sum(r['cpu_seconds'] for r in rows), sum(r['frames'] for r in rows)
        dev = [r['dev_loss'] for r in rows if r.get('dev_loss') is not None]
        return dict(epochs=len(rows), wall_seconds=sum(r['wall_seconds'] + r['dev_seconds'] for r in rows),
                    cpu_seconds=cpu, frames=frames, frames_per_cpu_second=frames / max(cpu, 1e-9),
                    best_dev_loss=min(dev) if dev else None)


def optional_json(path):
    try:
        return read_json(path)
    except FileNotFoundError:
        return None


def read_parameters(run):
    info = optional_json(f'{run}/info.json')
    if info is None:
        return None
    with expecting(f'{run}/info.json is not of nnet-info --json'):
        return {key: int(info['parameters'][key]) for key in ('total', 'active_per_frame', 'feed_forward')}


def read_routing(run):
    """{label: statistics of moe-route-stats --json} of routing.json ("") and routing.<label>.json."""
    out = {}
    for path in sorted(glob.glob(f'{glob.escape(run)}/routing.json') + glob.glob(f'{glob.escape(run)}/routing.*.json')):
        label = os.path.basename(path)[len('routing'):-len('.json')].lstrip('.')
        with expecting(f'{path} is not of moe-route-stats --json'):
            stats = read_json(path)
            for layers in [stats['layers'], *stats.get('groups', {}).values()]:
                for layer in layers:
                    (str(layer['name']), float(layer['entropy']), float(max(layer['share']) + sum(layer['share']) + sum(layer['mean_gates'])),
                     int(layer['dead_experts']), int(layer.get('rows', 0)))
        out[label] = stats
    return out


def pool_speed(files, audio=None):
    """Pooled statistics of --stats files, None where one is not there; as rtf-report has them."""
    rows = [optional_json(f) for f in files]
    if not rows or None in rows:
        return None
    with expecting(f'{", ".join(files[:3])}{", ..." if len(files) > 3 else ""}: not all of them are --stats files of a tool'):
        return speed_stats.pool(rows, audio)


def data_of(experiment, given, name):
    """The folder data, dump or so that the recipe of an experiment has beside exp, or the given one; None if there is none."""
    if given:
        return given
    run = os.path.realpath(next(iter(experiment.runs.values())))
    for _ in range(4):
        run = os.path.dirname(run)
        if os.path.isdir(f'{run}/{name}'):
            return os.path.relpath(f'{run}/{name}')
    return None


def read_table(path):
    """The words of each line."""
    try:
        return [[key] + split_words(value) for key, value in read_entries(path)]
    except FileNotFoundError:
        raise Error(f'{path} is missing: make the data first (--stage 1)') from None
