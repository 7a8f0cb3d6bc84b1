"""All figures of the report, each computed here and nowhere else: what report.json holds, and the text and the page show."""
import collections
import glob
import os

import intervals
import report_data as data
import report_labels
from u2moe_script import die, expecting, warn
from u2moe_text import printable


def choose(args, experiments):
    """Sets, chunks and modes: those that were asked for, which all must have; else those there are."""
    there = {e.name: {seed: data.results_in(run) for seed, run in e.runs.items()} for e in experiments}
    for e in experiments:
        for seed in args.seeds or []:
            if seed not in e.runs:
                die(f'{printable(e.name)} has no training with seed {printable(seed)}: train it first (--stage 3)')
        if args.seeds:
            there[e.name] = {s: there[e.name][s] for s in args.seeds}
        if not any(there[e.name].values()):
            folder = next(iter(e.runs.values()))
            die(f'{folder} has no scores (decode/<set>/<chunk>/*.wer.per_utt): decode and score it first '
                '(utils/steps/decode.sh, score.sh), or leave it out')
    found = set().union(*(results for runs in there.values() for results in runs.values()))
    sets = args.sets or sorted({r[0] for r in found}, key=data.natural)
    chunks = args.chunks or sorted({r[1] for r in found}, key=data.chunk_order)
    modes = sorted({r[2] for r in found if r[0] in sets and r[1] in chunks}, key=data.mode_order)
    strict = bool(args.sets and args.chunks)
    return sets, chunks, (data.MODES if strict and set(modes) <= set(data.MODES) else modes), strict, there


def read_result(runs, path):
    """[Scores of each seed]."""
    return [data.read_scores(f'{run}/{path}') for run in runs.values()]


def collect_results(experiment, runs, there, sets, chunks, modes, strict):
    """{(set, chunk, mode, unit): [Scores...]}; unit is wer or cer. What a seed lacks is left out, and told."""
    results = {}
    for name in sets:
        for chunk in chunks:
            for mode in modes:
                lacking = [s for s, found in there.items() if (name, chunk, mode) not in found]
                if lacking and not strict:
                    if len(lacking) < len(there):
                        warn(f'{experiment.name}: seed {" ".join(lacking)} has no result of {name}, chunk {chunk}, {mode}: left out')
                    continue
                for unit in ('wer', 'cer'):
                    path = f'decode/{name}/{chunk}/{mode}.{unit}.per_utt'
                    if strict or unit == 'wer' or all(os.path.exists(f'{run}/{path}') for run in runs.values()):
                        results[name, chunk, mode, unit] = read_result(runs, path)
    return results


def check_same_utterances(results):
    """Ends where results of one set are of different utterances, or count other words: they cannot be compared."""
    first = {}
    for model, of_model in results.items():
        for (name, chunk, mode, unit), seeds in of_model.items():
            for scores in seeds:
                where = f'{model}, chunk {chunk}, {mode}'
                other, one = first.setdefault((name, unit), (where, scores))
                differ = one.counts.keys() ^ scores.counts.keys()
                if differ:
                    die(f'{name}: {other} and {where} were scored on different utterances ({printable(min(differ))} is only in '
                        'one); report them apart, or score them on the same data')
                if any(one.counts[u][1] != w for u, (_, w) in scores.counts.items()):
                    die(f'{name}: {other} and {where} were scored against different texts; score all of them anew (--stage 4)')


def scoring(runs, sets, chunks, modes):
    """The .wer.json and .cer.json beside results, {(set, chunk, mode, unit): [(path, JSON) of each seed]} where all are there,
    and what was done to both sides in scoring, "lowercase (1a2b3c4d)", of all; they are not comparable else."""
    found, steps = {}, {}
    for name in sets:
        for chunk in chunks:
            for mode, unit in [(m, u) for m in modes for u in ('wer', 'cer')]:
                paths = [f'{run}/decode/{name}/{chunk}/{mode}.{unit}.json' for run in runs.values()]
                rows = [data.optional_json(p) for p in paths]
                for path, row in zip(paths, rows):
                    if row is not None:
                        with expecting(f'{path} is not of compute-wer --json'):
                            label, digits = row.get('normalize', 'none'), row.get('normalize_hash', '')
                        steps.setdefault(f'{label} ({digits})' if digits else label, path)
                if None not in rows:
                    found[name, chunk, mode, unit] = list(zip(paths, rows))
    return found, steps


def told_interval(beside, scores):
    """The interval that compute-wer printed for the only seed, None where it has none; its counts must be those of per_utt."""
    if not beside or len(beside) != 1:
        return None
    path, row = beside[0]
    with expecting(f'{path} is not of compute-wer --json'):
        c, s, i, d = scores.totals
        if 'errors' in row and (row['errors'], row['units']) != (s + i + d, c + s + d):
            die(f'{path} counts {row["errors"]} errors in {row["units"]} words, and the .per_utt beside it {s + i + d} in '
                f'{c + s + d}: they are of different scorings; score anew (--stage 4)')
        low, high = row.get('interval95') or (None, None)
        return None if low is None else (float(low), float(high))


def summary(seeds, draws, beside):
    """{wer, low, high, seeds, spread, substitutions, deletions, insertions, sentences}: % of words, and of utterances."""
    out = intervals.summarise([s.counts for s in seeds], draws, told_interval(beside, seeds[0]))
    for name, place in (('substitutions', 1), ('insertions', 2), ('deletions', 3)):
        rates = [100.0 * s.totals[place] / max(1, s.totals[0] + s.totals[1] + s.totals[3]) for s in seeds]
        out[name] = intervals.mean(rates)
    out['sentences'] = intervals.mean([100.0 * s.wrong / len(s.counts) for s in seeds])
    return out


def differences(report, results, draws):
    """Of every model from the baseline, in words; significant: after Holm's correction over the models of one comparison."""
    out = []
    base = results[report['baseline']]
    keys = list(dict.fromkeys(k for m in report['models'] for k in results[m] if k[3] == 'wer'))
    for key in keys:
        rows = []
        for model in report['models']:
            if model != report['baseline'] and key in results[model] and key in base:
                a, b = ([s.counts for s in x[key]] for x in (results[model], base))
                rows.append({'model': model, **dict(zip(('set', 'chunk', 'mode', 'unit'), key)),
                             **intervals.difference(a, b, draws[key[0]])})
        for row, falls in zip(rows, intervals.holm([r['p'] for r in rows])):
            row['significant'] = row['real'] and (falls or len(rows) == 1)
        out += rows
    order = {m: i for i, m in enumerate(report['models'])}
    return sorted(out, key=lambda d: order[d['model']])


def collect_speed(runs, sets, chunks):
    """{chunk: {stage: real-time factors}}, the sets and seeds pooled; without what was not measured."""
    out = {}
    for chunk in chunks:
        folders = [f'{run}/decode/{name}/{chunk}' for run in runs.values() for name in sets
                   if os.path.isdir(f'{run}/decode/{name}/{chunk}')]
        row = {}
        for stage, file in data.SPEED.items():
            audio = row['encoder']['audio_seconds'] if 'encoder' in row else None
            if stage == 'encoder' or audio:
                pooled = data.pool_speed([f'{d}/{file}.json' for d in folders], audio)
                if pooled:
                    row[stage] = pooled
        if row:
            out[chunk] = row
    return out


def total_rtf(report, speed, mode):
    """Wall seconds per second of audio of all that a mode needs, features included; None where a part was not measured."""
    stages = ['encoder', 'greedy' if mode == 'greedy' else 'prefix'] + ['rescoring'] * (mode == 'rescoring')
    if mode not in data.MODES or any(s not in speed for s in stages):
        return None
    features = report['features']['wall'] if report['features'] else 0
    return features + sum(speed[s]['wall'] for s in stages)


def facts_of_sets(sets, results, data_dirs, speed_folders):
    """{set: {utterances, words, seconds}}; the seconds are those of utt2dur, or what the encoder was given, or None."""
    out = {}
    for name in sets:
        scores = next((r[k][0] for r in results.values() for k in r if k[0] == name and k[3] == 'wer'), None)
        if scores:
            path = next((p for d in data_dirs for p in [f'{d}/{name}/utt2dur'] if os.path.exists(p)), None)
            if path:
                with expecting(f'{path}: not the seconds of each utterance'):
                    seconds = sum(float(x[1]) for x in data.read_table(path) if x[0] in scores.counts)
            else:
                rows = [data.optional_json(f) for f in speed_folders(name)]
                seconds = next((r['audio_seconds'] for r in rows if r and r.get('audio_seconds')), None)
            out[name] = dict(utterances=len(scores.counts), words=sum(w for _, w in scores.counts.values()), seconds=seconds)
    return out


def main_condition(report, name=None):
    """(chunk, mode) that is looked at closely: the first chunk, the last mode that any model has there."""
    for chunk in report['chunks']:
        modes = {r['mode'] for m in report['models'].values() for r in m['results']
                 if r['chunk'] == chunk and (name is None or r['set'] == name)}
        if modes:
            return chunk, sorted((m for m in modes if m in data.MODES), key=data.mode_order)[-1] if modes & set(data.MODES) \
                else min(modes)
    return report['chunks'][0], report['modes'][-1]


def labels_of(report, results, data_dirs):
    out = {}
    for name in report['sets']:
        chunk, mode = main_condition(report, name)
        folder = next((d for d in data_dirs if os.path.isdir(f'{d}/{name}')), None)
        chosen = [{m: [s.counts for s in r[name, chunk, mode, unit]] for m, r in results.items()
                   if (name, chunk, mode, unit) in r} for unit in ('wer', 'cer')]
        known = next(iter(chosen[0].values()), [{}])[0]
        out[name] = report_labels.by_label(f'{folder}/{name}', *chosen, known) if folder and known else {}
    return out


def build(args, experiments):
    """The report, and what only its page shows: {model: {seed: rows of the log}}, the folders of runs."""
    sets, chunks, modes, strict, there = choose(args, experiments)
    runs = {e.name: {s: e.runs[s] for s in there[e.name]} for e in experiments}
    results, beside, steps = {}, {}, {}
    for e in experiments:
        results[e.name] = collect_results(e, runs[e.name], there[e.name], sets, chunks, modes, strict)
        beside[e.name], found = scoring(runs[e.name], sets, chunks, modes)
        steps.update({k: v for k, v in found.items() if k not in steps})
    if len(steps) > 1:
        (a, one), (b, other) = list(steps.items())[:2]
        die(f'{one} was normalised by {a}, but {other} by {b}; score all of them anew (--stage 4)')
    check_same_utterances(results)

    dumps = list(dict.fromkeys(filter(None, (data.data_of(e, args.dump, 'dump') for e in experiments))))
    data_dirs = list(dict.fromkeys(filter(None, (data.data_of(e, args.data, 'data') for e in experiments))))
    if args.data and strict:
        for name in sets:
            data.read_table(f'{args.data}/{name}/text')
    features = [f for d in dumps[:1] for name in sets for f in sorted(glob.glob(f'{glob.escape(d)}/{name}/fbank.*.json'))]
    report = dict(title=args.title, system=' '.join(os.uname()[i] for i in (0, 2, 4)), processors=os.cpu_count(), sets={},
                  seeds=args.seeds or sorted({s for r in runs.values() for s in r if s}, key=data.natural), chunks=chunks,
                  modes=modes, processes=args.processes, normalize=next(iter(steps), 'none'), cut=args.cut, models={},
                  differences=[], features=data.pool_speed(features))
    report['sets'] = facts_of_sets(sets, results, data_dirs, lambda name: (
        f'{run}/decode/{name}/{c}/forward.json' for of in runs.values() for run in of.values() for c in chunks))
    logs = {}
    for model, of in runs.items():
        logs[model] = {s: rows for s, rows in ((s, data.read_log(run)) for s, run in of.items()) if rows}
        if strict and len(logs[model]) < len(of):
            missing = next(run for s, run in of.items() if s not in logs[model])
            die(f'{missing}/log.jsonl is missing: train first (--stage 3)')
        parameters = data.read_parameters(next(iter(of.values()))) or {}
        report['models'][model] = dict(
            parameters=parameters.get('total'), active_per_frame=parameters.get('active_per_frame'),
            feed_forward=parameters.get('feed_forward'),
            training={s: data.training_sums(rows, f'{of[s]}/log.jsonl') for s, rows in logs[model].items()},
            speed=collect_speed(of, sets, chunks), routing={}, results=[])
        for seed, run in of.items():
            for label, stats in data.read_routing(run).items():
                report['models'][model]['routing'].setdefault(seed, stats if not label else None)
                logs.setdefault(('routing', model, seed), {})[label] = stats
        report['models'][model]['routing'] = {s: r for s, r in report['models'][model]['routing'].items() if r}
    report['models'] = dict(sorted(report['models'].items(), key=lambda x: (x[1]['active_per_frame'] or 0)))

    draws = {}
    for of_model in results.values():
        for key, seeds in of_model.items():
            if key[0] not in draws:
                draws[key[0]] = intervals.Bootstrap(seeds[0].counts)
    report['baseline'] = args.baseline or ('dense' if 'dense' in report['models'] else next(iter(report['models'])))
    for model, entry in report['models'].items():
        for key, seeds in results[model].items():
            name = key[0]
            entry['results'].append({**dict(zip(('set', 'chunk', 'mode', 'unit'), key)), **summary(
                seeds, draws[name], beside[model].get(key))})
    report['differences'] = differences(report, results, draws)
    report['labels'] = labels_of(report, {m: results[m] for m in report['models']}, data_dirs)
    return report, dict(logs={m: logs[m] for m in report['models']}, runs=runs, data=data_dirs,
                        routing={k[1:]: v for k, v in logs.items() if isinstance(k, tuple)})


def looked_at(report, details):
    """{set: {model: {utterance: alignment}}} of the first seeds in the main condition, for those who want to see words."""
    out = {}
    for name in report['sets']:
        chunk, mode = main_condition(report, name)
        for model in report['models']:
            run = next(iter(details['runs'][model].values()))
            path = f'{run}/decode/{name}/{chunk}/{mode}.wer.per_utt'
            if os.path.exists(path):
                out.setdefault(name, {})[model] = data.read_alignments(path)
    return out


def confusions(alignments):
    """{S, D, I: Counter of (word of the reference, word of the hypothesis)} of {utterance: alignment}."""
    out = {op: collections.Counter() for op in 'SDI'}
    for alignment in alignments.values():
        for op, a, b in alignment:
            if op != 'C':
                out[op][a, b] += 1
    return out


def worst(of_models, most):
    """The utterances of most errors summed over the models, [(utterance, {model: errors})]; ties by key."""
    errors = {}
    for model, alignments in of_models.items():
        for utterance, alignment in alignments.items():
            errors.setdefault(utterance, {})[model] = sum(op != 'C' for op, _, _ in alignment)
    rows = sorted(errors.items(), key=lambda x: (-sum(x[1].values()), x[0]))
    return [r for r in rows[:most] if sum(r[1].values())]
