"""The claims of arXiv 2404.16407 and what the results say to each: supported, contradicted, or neither."""
import lab_tables
import paired_tests

# The claim, and what is compared: (a, b, 'no worse' or 'better') of word errors, or 'speed' of real-time factors.
CLAIMS = [
    ('The mixture has the errors of a dense model with as many parameters', [('plain', 'dense-wide', 'no worse')]),
    ('... and fewer than the dense model of an expert\'s width', [('plain', 'dense', 'better')]),
    ('... at the real-time factor of that small one', [('plain', 'dense', 'speed')]),
    ('No auxiliary loss is needed', [('plain', 'plain-balance', 'no worse'), ('plain', 'plain-z', 'no worse'),
                                     ('plain', 'switch', 'no worse')]),
    ('No embedding network is needed', [('plain', 'speech-moe', 'no worse')]),
    ('(ours) A router that learns is needed', [('plain', 'fixed-random', 'better'), ('plain', 'uniform-random', 'better')]),
]
FASTER = 1.1  # times the other's CPU time: up to that it is the same speed


def of_errors(c, kind):
    """What one comparison a - b says."""
    e = c.get('equivalence')
    if e is None or not c['seeds']:
        return 'cannot tell'
    real = c['p'] < paired_tests.LEVEL and c.get('falls', True)
    if kind == 'no worse':
        return 'supports' if e['no_worse'] else 'contradicts' if real and c['difference'] > 0 else 'cannot tell'
    if real:
        return 'supports' if c['difference'] < 0 else 'contradicts'
    return 'contradicts' if e['equivalent'] else 'cannot tell'


def of_speed(results, a, b, chunk):
    x, y = (lab_tables.encoder_time(results[s], chunk) for s in (a, b))
    if not x or not y:
        return None
    return ('supports' if x <= FASTER * y else 'contradicts'), f'{x / y:.2f} times'


def rows_of(task, results, claim, tests):
    comparisons, rows = lab_tables.comparisons_of(results), []
    for a, b, kind in tests:
        if a not in results or b not in results:
            rows.append([claim, task, f'{a}, {b}', '-', 'cannot tell: not both were trained'])
            continue
        if kind == 'speed':
            for chunk in dict.fromkeys(c for _, c in lab_tables.conditions(results)):
                told = of_speed(results, a, b, chunk)
                if told:
                    rows.append([claim, task, f'CPU time of {a} to {b}, {lab_tables.chunk_name(chunk)}', told[1], told[0]])
            continue
        there = lab_tables.conditions(results)
        found = lab_tables.corrected([comparisons.compare(a, b, c) for c in there])
        for (name, chunk), one in zip(there, found):
            if one is None:
                continue
            rows.append([claim, task, f'{a} {kind} than {b}: {name}, {lab_tables.chunk_name(chunk)}', lab_tables.verdict(one),
                         of_errors(one, kind)])
    return rows


def table(found):
    """found: {task: results}."""
    rows = []
    for claim, tests in CLAIMS:
        of_claim = [row for task, results in found.items() if results for row in rows_of(task, results, claim, tests)]
        for n, row in enumerate(of_claim):
            rows.append([row[0] if n == 0 else '', *row[1:]])
    if not rows:
        return lab_tables.NOTHING
    return lab_tables.markdown(['claim', 'task', 'what was compared', 'found', 'this evidence'], rows)
