"""The --stats files of the tools (src/util/speed-report.h), pooled over sets, jobs and seeds."""
import math

QUANTILES = {'p50': 0.5, 'p90': 0.9, 'p99': 0.99}
NOTES = ('machine', 'threads', 'precision', 'chunk_size', 'num_left_chunks', 'streams')


def quantile(values, q):
    """Linear interpolation between the two values around place q (n - 1), as src/base/quantile.h has it."""
    values = sorted(values)
    place = q * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def pool(rows, audio=None):
    """Real-time factors of several measurements of one tool; audio: seconds, where they do not say.

    Each file's first utterance warms up memory and caches: it counts in the totals and in first
    (their mean), not in the quantiles of utterances.
    """
    total = sum(r['audio_seconds'] for r in rows) or audio
    if not total:
        raise ValueError('no seconds of audio are known')
    out = dict(wall=sum(r['wall_seconds'] for r in rows) / total,
               cpu=sum(r['cpu_seconds'] for r in rows) / total, audio_seconds=total)
    lists = [r['utterance_rtf'] for r in rows if r.get('utterance_rtf')]
    if lists:
        out['utterances'] = sum(map(len, lists))
        out['first'] = sum(x[0] for x in lists) / len(lists)
        rest = [v for x in lists for v in (x[1:] or x)]
        out.update({name: quantile(rest, q) for name, q in QUANTILES.items()})
    stages = {}
    for r in rows:
        for stage, seconds in r.get('stages', {}).items():
            stages[stage] = stages.get(stage, 0) + seconds
    out['stages'] = stages
    out.update({note: rows[0][note] for note in NOTES if note in rows[0]})
    return out
