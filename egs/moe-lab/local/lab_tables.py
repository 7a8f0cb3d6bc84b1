"""The tables of docs/moe-lab.md, each from {system: {seed: result}} of a task."""
import os

import lab
import paired_tests
from u2moe_script import die, expecting, read_json

ANCHORS = ['dense', 'dense-active', 'plain', 'dense-wide']
MARGIN = 0.1  # of the WER of what is compared with: docs/moe-lab.md says why, and it was written before any result
NOTHING = 'No results yet: `egs/moe-lab/run.sh`.'


def markdown(header, rows):
    return '\n'.join(['| ' + ' | '.join(header) + ' |', '|---' * len(header) + '|'] +
                     ['| ' + ' | '.join(map(str, row)) + ' |' for row in rows])


def chunk_name(chunk):
    return 'whole' if chunk == '-1' else f'chunk {chunk}'


def conditions(results):
    """[(set, chunk)] in order of what most systems have."""
    out = []
    for seeds in results.values():
        for result in seeds.values():
            out += [(s, c) for s, r in result['results'].items() for c in r['chunks'] if (s, c) not in out]
    return sorted(out, key=lambda x: (x[0], x[1] != '-1', -int(x[1])))


class Comparisons:
    """Differences between systems of one task, each computed once."""

    def __init__(self, results):
        self.results, self.bootstraps, self.known, self.read = results, {}, {}, {}

    def errors(self, system, condition):
        key = system, condition
        if key not in self.read:
            self.read[key] = lab.errors_of(self.results[system], *condition) if system in self.results else None
        return self.read[key]

    def compare(self, a, b, condition):
        """What paired_tests.compare says of a - b, with equivalence; None where one of them has no such results."""
        key = a, b, condition
        if key not in self.known:
            one, other = self.errors(a, condition), self.errors(b, condition)
            self.known[key] = None
            if one and other and one[1] != other[1]:
                die(f'{a} and {b} were tested on different utterances of {condition[0]}: run them anew on the same data')
            if one and other:
                words = one[1]
                if condition not in self.bootstraps:
                    self.bootstraps[condition] = paired_tests.HierarchicalBootstrap(words)
                bootstrap = self.bootstraps[condition]
                c = paired_tests.compare(one[0], other[0], words, bootstrap, (a, b))
                margin = MARGIN * paired_tests.mean(paired_tests.rates(other[0], words))
                if margin > 0:
                    c.update(equivalence=paired_tests.equivalence(c, margin))
                self.known[key] = c
        return self.known[key]

    def against(self, baseline, systems, condition):
        """{system: comparison with the baseline}, each with 'falls': whether it holds after Holm's correction over them."""
        found = {s: self.compare(s, baseline, condition) for s in systems if s != baseline}
        return dict(zip(found, corrected(list(found.values()))))


comparisons_known = {}


def comparisons_of(results):
    """The one Comparisons of a task's results, which are as they were read."""
    return comparisons_known.setdefault(id(results), Comparisons(results))


def corrected(found):
    """Copies of comparisons (None stays), each with 'falls': whether no difference falls by Holm's procedure over them."""
    there = [c for c in found if c]
    falls = iter(paired_tests.holm([c['p'] for c in there]))
    return [dict(c, falls=next(falls)) if c else None for c in found]


def rate_text(comparisons, system, condition):
    got = comparisons.errors(system, condition)
    if not got:
        return '-'
    rates = paired_tests.rates(*got)
    return f'{paired_tests.mean(rates):.2f} ({" ".join(f"{r:.1f}" for r in rates)})'


def verdict(c):
    """In words: a - b."""
    text = f'{c["difference"]:+.2f} [{c["low"]:+.2f}, {c["high"]:+.2f}]'
    if not c['seeds']:
        return f'{text} (one seed)'
    if c['low'] <= 0 <= c['high']:
        equal = c.get('equivalence', {}).get('equivalent')
        return f'{text} no difference{", equivalent" if equal else ""}'
    word = 'fewer errors' if c['difference'] < 0 else 'more errors'
    return f'{text} {word}{"" if c.get("falls", True) else " (not after Holm)"}'


def systems():
    rows = []
    for name in lab.system_names():
        s = lab.System(name)
        rows.append([f'`{name}`', s.what, s.source, {'active': 'equal cost', 'total': 'equal size', 'anchor': 'anchor'}[s.compares],
                     'yes' if s.streams else 'no'])
    return markdown(['system', 'what it is', 'source', 'beside plain', 'streams'], rows)


def anchors(results):
    """Dense, plain, wide: WER, and the differences that the question is about."""
    if not results:
        return NOTHING
    comparisons, out = comparisons_of(results), []
    names = [s for s in ANCHORS if s in results]
    rows = [[f'{name}, {chunk_name(chunk)}'] + [rate_text(comparisons, s, (name, chunk)) for s in names]
            for name, chunk in conditions(results)]
    out.append('WER in % after rescoring, mean (seeds):\n\n' + markdown(['', *names], rows))
    pairs = [p for p in [('plain', 'dense'), ('plain', 'dense-wide'), ('dense-wide', 'dense'), ('plain', 'dense-active')]
             if p[0] in results and p[1] in results]
    rows = []
    for condition in conditions(results):
        found = corrected([comparisons.compare(a, b, condition) for a, b in pairs])
        if any(found):
            rows.append([f'{condition[0]}, {chunk_name(condition[1])}'] + [verdict(c) if c else '-' for c in found])
    if rows:
        out.append('Differences in points with 95 % intervals over seeds and utterances; Holm over each row; equivalent: within '
                   f'{100 * MARGIN:.0f} % of the second one\'s errors (TOST):\n\n' +
                   markdown(['', *(f'{a} - {b}' for a, b in pairs)], rows))
    if any(len(results[s]) < 2 for s in names):
        out.append('Where there is one seed the interval covers utterances only: it does not tell of other trainings.')
    return '\n\n'.join(out)


def order(results):
    known = [s for s in ANCHORS if s in results]
    return known + sorted(s for s in results if s not in known)


def laboratory(results):
    """All systems against plain, at equal cost and at equal size."""
    if not results:
        return NOTHING
    comparisons, out = comparisons_of(results), []
    conditions_there = conditions(results)
    for kind, title in (('active', 'At the cost of plain'), ('total', 'At the size of plain')):
        names = [s for s in order(results) if s != 'plain' and lab.System(s).compares in (kind, 'anchor')]
        found = {c: comparisons.against('plain', names, c) for c in conditions_there}
        rows = [[f'`{s}`', len(results[s])] + [verdict(found[c][s]) if found[c][s] else '-' for c in conditions_there] for s in names]
        if rows and 'plain' in results:
            plain = [rate_text(comparisons, 'plain', c) for c in conditions_there]
            out.append(f'{title}; WER minus that of plain in points, Holm over each column:\n\n' + markdown(
                ['system', 'seeds', *(f'{name}, {chunk_name(chunk)}' for name, chunk in conditions_there)],
                [['`plain` itself', len(results['plain']), *plain], *rows]))
    return '\n\n'.join(out) or NOTHING


def mean_of(seeds, get):
    values = [get(r) for r in seeds.values()]
    values = [v for v in values if v is not None]
    return sum(values) / len(values) if values else None


def cell(value, form):
    return '-' if value is None else form.format(value)


def encoder_time(seeds, chunk):
    """CPU time of the encoder over audio: as measured alone, else while others were trained; None where neither is there."""
    quiet = mean_of(seeds, lambda r: r.get('quiet_speed', {}).get(chunk, {}).get('cpu'))
    return quiet if quiet is not None else mean_of(seeds, lambda r: r['speed'].get(chunk, {}).get('encoder', {}).get('cpu'))


def cost(results):
    """What each system takes, and what its experts do, means over seeds."""
    if not results:
        return NOTHING
    chunks = list(dict.fromkeys(c for _, c in conditions(results)))
    rows = []
    for s in order(results):
        seeds = results[s]
        one = next(iter(seeds.values()))

        def routed(key, chunk='-1'):
            return mean_of(seeds, lambda r: r['routing'].get(chunk, {}).get(key))
        small = chunks[-1] if chunks[-1] in one['routing'] else '-1'
        t = [r['training'] for r in seeds.values()]
        rows.append([f'`{s}`', f'{one["parameters"]["total"] / 1e6:.2f}', f'{one["parameters"]["active_per_frame"] / 1e6:.2f}',
                     f'{one["parameters"]["bytes"] / 1e6:.1f}', '{:g}{}, {}'.format(t[0]['learning_rate'], '^' * t[0]['rate_at_edge'], t[0]['warmup_steps']),
                     ' '.join(f'{x["epochs"]}{"" if x["stopped"] == "patience" else "+"}' for x in t),
                     cell(mean_of(seeds, lambda r: r['training']['cpu_seconds'] / 60), '{:.1f}'),
                     cell(mean_of(seeds, lambda r: r['training']['frames_per_cpu_second']), '{:,.0f}'),
                     cell(mean_of(seeds, lambda r: r['training']['peak_memory_mb']), '{:.0f}'),
                     *(cell(encoder_time(seeds, c), '{:.5f}') for c in chunks),
                     cell(routed('max_load'), '{:.2f}'), cell(routed('entropy'), '{:.3f}'), cell(routed('dead_experts'), '{:.1f}'),
                     cell(routed('experts_per_row'), '{:.2f}'), cell(routed('dropped'), '{:.3f}'), cell(routed('distinct_experts_per_chunk', small), '{:.2f}'),
                     cell(routed('switch_rate'), '{:.2f}'), cell(routed('agreement'), '{:.2f}')])
    header = ['system', 'parameters, M', 'active', 'MB', 'rate, warm-up', 'epochs', 'CPU min', 'frames/CPU s', 'peak MB',
              *(f'RTF {chunk_name(c)}' for c in chunks), 'max load', 'entropy', 'dead', 'experts/frame', 'dropped', 'distinct/chunk',
              'switches', 'agreement']
    machines = sorted({r['machine'] for seeds in results.values() for r in seeds.values()})
    hours = sum(r['training']['seconds'] for seeds in results.values() for r in seeds.values()) / 3600
    return markdown(header, rows) + (f'\n\nTraining took {hours:.1f} hours of processes in all. rate: ^ at the edge of those tried. '
                                     'epochs: with + the budget ended before dev did. RTF: CPU time of encoder and CTC head over '
                                     f'audio. distinct/chunk: at {chunk_name(chunks[-1])}. Machines: ' + '; '.join(machines) + '.')


def experts(task, results):
    """What the experts of mixtures tell, and which ones each language uses."""
    rows = []
    for s in order(results):
        seeds = results[s]
        one = next(iter(seeds.values()))
        if '-1' in one['routing']:
            labels = one['routing']['-1']['tells']
            rows.append([f'`{s}`'] + [cell(100 * mean_of(seeds, lambda r, k=k: r['routing']['-1']['tells'].get(k, 0)), '{:.1f}')
                                      for k in labels])
            header = ['system', *labels]
    if not rows:
        return f'{task}: {NOTHING}'
    out = [f'{task}: share of a label\'s entropy that the experts tell beyond chance, %, mean over layers and seeds:\n\n' +
           markdown(header, rows)]
    plain = next(iter(results.get('plain', {}).values()), None)
    share = plain['routing'].get('-1', {}).get('share_by_label') if plain else None
    if share:
        layers = plain['routing']['-1']['layers']
        first = f'tells_{list(plain["routing"]["-1"]["tells"])[0]}'
        encoder = [i for i, layer in enumerate(layers) if layer['name'].startswith('encoder')] or range(len(layers))
        best = max(encoder, key=lambda i: layers[i][first])
        number = len(next(iter(share.values()))[best])
        out.append(f'Experts that each language uses in `{layers[best]["name"]}` of plain, seed {plain["seed"]}, the layer of the encoder that tells most; '
                   f'% of its choices (even: {100 / number:.1f}):\n\n' +
                   markdown(['', *map(str, range(number))],
                            [[label] + [f'{100 * x:.0f}' for x in rows_of[best]] for label, rows_of in share.items()]))
    return '\n\n'.join(out)


def power(task, results):
    """The power curve of what the anchors scattered."""
    comparisons, found = comparisons_of(results), []
    condition = next(iter(conditions(results)), None)
    for a, b in (('plain', 'dense'), ('plain', 'dense-wide'), ('dense-wide', 'dense')):
        c = comparisons.compare(a, b, condition) if condition else None
        if c and c['seeds']:
            found.append((c, len(comparisons.errors(a, condition)[1])))
    if not found:
        return f'{task}: two seeds at least of plain, dense or dense-wide are needed for a power curve.'
    text = paired_tests.power_text(paired_tests.mean_variances([c for c, _ in found]), found[0][1])
    return f'{task}, {condition[0]}, {chunk_name(condition[1])}:\n\n' + '\n'.join('    ' + x for x in text.rstrip().split('\n'))


def effect(folder, task):
    """What --find-effect tried."""
    path = f'{folder}/{task}/effect.json'
    if not os.path.exists(path):
        return f'Not looked for yet: `egs/moe-lab/run.sh --tasks {task} --find-effect true`.'
    import find_effect
    with expecting(f'{path} is not of find_effect.py'):
        found = read_json(path)
        seconds = sum(r['seconds'] for r in found['tried'])
        text = find_effect.summary(found['tried'])
        return '\n'.join('    ' + x for x in text.rstrip().split('\n')).replace('    \n', '\n') + (
            f'\n\nSeeds {" ".join(map(str, found["seeds"]))}, {seconds / 3600:.1f} hours'
            f'{"" if found["complete"] else "; the time ended before the list did"}.')
