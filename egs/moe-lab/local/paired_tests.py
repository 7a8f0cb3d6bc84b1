"""Differences of word error rates over seeds and utterances: intervals, equivalence, and what could have been seen.

A system's result on a test set is one list of errors per seed, [[errors of each utterance] ...], in one order of utterances
for all systems; words are those of the references, the same for all. Two samples are behind it: the utterances, which both
systems have in common, so that they are paired; and the seeds, which are not (the first numbers that two networks of
different shapes begin with have nothing in common).

Everything here is Python's standard library; tests/cli/lab-statistics.sh compares with brute force, simulations and tables.
"""
import math
import os
import random
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from intervals import holm, mean, t_within, variance  # noqa: F401  (holm: for those who import this)

DRAWS = 1000
SEED = 20240416
LEVEL = 0.05
POWER = 0.8


def t_cdf(x, dof):
    """P(T <= x) of Student's t."""
    within = t_within(abs(x), dof)
    return 0.5 + 0.5 * within if x >= 0 else 0.5 - 0.5 * within


def t_quantile(p, dof):
    """The x with t_cdf(x, dof) = p, 0 < p < 1; dof may be a fraction or infinite."""
    low, high = -2000.0, 2000.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, dof) < p else (low, middle)
    return (low + high) / 2


def rate(errors, words):
    return 100.0 * sum(errors) / max(1, sum(words))


def rates(result, words):
    return [rate(errors, words) for errors in result]


class HierarchicalBootstrap:
    """Draws of (utterances, and seeds of each system) of one test set; the utterances of a draw are the same for all systems.

    S seeds drawn with replacement vary (S - 1) / S times as much as S new ones would, by half for two seeds; so what the
    draw of seeds adds to a mean is stretched by sqrt(S / (S - 1))."""

    def __init__(self, words, draws=DRAWS, seed=SEED):
        self.words, self.draws, self.seed = words, draws, seed
        rng = random.Random(seed)
        n = len(words)
        self.utterances = [rng.choices(range(n), k=n) for _ in range(draws)]
        self.known = {}  # means by name
        self.totals = [max(1, sum([words[i] for i in draw])) for draw in self.utterances]

    def means(self, result, name):
        """Word error rate of the system in each draw; name: of the system, for seeds drawn independently of others'."""
        known = self.known.get(name)
        if known and known[0] is result:
            return known[1]
        rng = random.Random(f'{self.seed} {name}')
        seeds = len(result)
        stretch = math.sqrt(seeds / (seeds - 1)) if seeds > 1 else 0.0
        out = []
        for draw, total in zip(self.utterances, self.totals):
            of_seed = [100.0 * sum([errors[i] for i in draw]) / total for errors in result]
            center = mean(of_seed)
            out.append(center + stretch * (mean(rng.choices(of_seed, k=seeds)) - center))
        self.known[name] = result, out
        return out


def interaction(result, words):
    """The variance of what is neither the training's nor the utterance's own: of one training on one utterance, in points,
    such that a training's rate on n utterances has this / n of it. 0 with one seed, where it cannot be told."""
    n, seeds = len(words), len(result)
    if seeds < 2 or n < 2:
        return 0.0
    scale, total = 100.0 * n / max(1, sum(words)), 0.0
    shares = [rate(errors, words) / 100 for errors in result]
    for i, w in enumerate(words):
        parts = [scale * (errors[i] - share * w) for errors, share in zip(result, shares)]
        center = mean(parts)
        total += sum((x - center)**2 for x in parts)
    return total / ((seeds - 1) * (n - 1))


def degrees_of_freedom(parts):
    """Satterthwaite's, of a sum of variances [(variance, degrees of freedom)]."""
    total = sum(v for v, _ in parts)
    below = sum(v * v / dof for v, dof in parts if v > 0)
    return total * total / below if below > 0 else math.inf


def compare(a, b, words, bootstrap=None, names=('a', 'b'), level=LEVEL):
    """WER(a) - WER(b) in points, a dict:
    difference; low, high: the interval at 1 - level; error: its standard error, dof: degrees of freedom; p: two-sided, of no
    difference; seeds: whether it covers seeds (False with one seed of either: then only utterances vary);
    variances, as detectable() wants them: training, of the rate of a system trained anew (nan with one seed); interaction;
    utterance, of the paired difference on one utterance."""
    if not words or not a or not b or any(len(errors) != len(words) for errors in a + b):
        raise ValueError('results of other utterances than the words, or none')
    bootstrap = bootstrap or HierarchicalBootstrap(words)
    center = mean(rates(a, words)) - mean(rates(b, words))
    draws = [x - y for x, y in zip(bootstrap.means(a, names[0]), bootstrap.means(b, names[1]))]
    n = len(words)
    over_seeds = [(variance(rates(r, words)) / len(r), len(r) - 1) for r in (a, b) if len(r) > 1]
    both = [interaction(r, words) for r in (a, b)]
    # The draws have the interaction of seeds and utterances three times: in those of utterances, and twice in those of
    # seeds, as each draw of utterances makes seeds differ anew (Owen 2007, the pigeonhole bootstrap).
    total = variance(draws) - 2 * sum(v / (n * len(r)) for v, r in zip(both, (a, b)))
    over_utterances = max(0.0, total - sum(v for v, _ in over_seeds))
    parts = over_seeds + [(over_utterances, max(1, n - 1))]
    dof, error = degrees_of_freedom(parts), math.sqrt(sum(v for v, _ in parts))
    half = t_quantile(1 - level / 2, dof) * error if error > 0 else 0.0
    p = 1.0 - t_within(abs(center) / error, dof) if error > 0 else float(center == 0)
    one_training = [max(0.0, variance(rates(r, words)) - v / n) for r, v in zip((a, b), both) if len(r) > 1]
    return dict(difference=center, low=center - half, high=center + half, error=error, dof=dof, p=p,
                seeds=len(a) > 1 and len(b) > 1,
                variances=dict(training=mean(one_training) if one_training else math.nan, interaction=mean(both),
                               utterance=over_utterances * n))


def equivalence(comparison, margin, level=LEVEL):
    """Two one-sided tests (Schuirmann 1987) of |difference| < margin on what compare() found: dict of p, the larger of the two;
    equivalent: p < level, which is that the interval at 1 - 2 level lies within the margin; no_worse: only that the
    difference is below the margin. Needs several seeds of both: where seeds are not known to agree, nothing is equivalent."""
    if margin <= 0:
        raise ValueError(f'a margin above 0 is needed, not {margin}')
    d, error, dof = (comparison[k] for k in ('difference', 'error', 'dof'))
    if error > 0:
        above, below = 1 - t_cdf((d + margin) / error, dof), t_cdf((d - margin) / error, dof)
    else:
        above, below = float(d <= -margin), float(d >= margin)
    p = max(above, below)
    return dict(margin=margin, p=p, equivalent=comparison['seeds'] and p < level, p_no_worse=below,
                no_worse=comparison['seeds'] and below < level)


def detectable(variances, seeds, utterances, level=LEVEL, power=POWER):
    """The least true difference in points that a two-sided test at `level` finds with probability `power`, where both systems
    have so many seeds and are tested on so many utterances; variances: {training, interaction, utterance} of compare(). With
    t in place of the noncentral t, which is a little too small for few degrees of freedom."""
    if seeds < 2:
        return math.inf  # one seed tells nothing of seeds
    of_mean = (variances['training'] + variances['interaction'] / utterances) / seeds
    parts = [(of_mean, seeds - 1)] * 2 + [(variances['utterance'] / utterances, max(1, utterances - 1))]
    dof = degrees_of_freedom(parts)
    return (t_quantile(1 - level / 2, dof) + t_quantile(power, dof)) * math.sqrt(sum(v for v, _ in parts))


def mean_variances(comparisons):
    """Those of several comparisons on one set of utterances in one."""
    return {k: mean([c['variances'][k] for c in comparisons]) for k in ('training', 'interaction', 'utterance')}


def power_curve(variances, utterances, seeds=(2, 3, 5, 8, 12, 20), factors=(1, 4, 16)):
    """Rows of text: the detectable difference for numbers of seeds, and of utterances as there are and more."""
    header = ['seeds'] + [f'{utterances * f} utterances' for f in factors]
    return header, [[str(s)] + [f'{detectable(variances, s, utterances * f):.2f}' for f in factors] for s in seeds]


def power_text(variances, utterances):
    header, rows = power_curve(variances, utterances)
    width = max(len(h) for h in header)
    lines = [f'Difference in points of WER that is found with probability {POWER:g} (two-sided, {100 * LEVEL:g} %); systems '
             f'trained anew scatter by {math.sqrt(variances["training"]):.2f} points']
    return '\n'.join(lines + ['  '.join(c.rjust(width) for c in row) for row in [header, *rows]]) + '\n'
