"""Word error rates with intervals over seeds and utterances, and paired differences.

A result is a list, one entry per seed, of {utterance: (errors, words)}. The test utterances are a
sample, and so are the seeds; both move a WER. With one seed only the utterances can be resampled.
With S > 1 seeds the variance is s^2 / S (s^2: between the seeds) plus that of the bootstrap over
utterances of the seeds' mean, and the interval is Student's with Satterthwaite's degrees of freedom,
because two or three seeds are far too few to resample.
"""
import math
import random

from speed_stats import quantile

SAMPLES = 1000
SEED = 20240416


def t_within(x, dof):
    """The probability that |t| <= x for Student's t; dof may be a fraction or infinite."""
    if dof > 1e6:
        return math.erf(x / math.sqrt(2))
    scale = math.exp(math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2)) / math.sqrt(dof * math.pi)
    top, n = math.atan(x / math.sqrt(dof)), 400  # of [-x, x], by the substitution t = sqrt(dof) tan(u)
    h = top / n
    f = [math.cos(i * h)**(dof - 1) for i in range(n + 1)]
    simpson = h / 3 * (f[0] + f[-1] + 4 * sum(f[1:-1:2]) + 2 * sum(f[2:-1:2]))
    return 2 * scale * math.sqrt(dof) * simpson


def t_quantile(dof):
    """The two-sided 95 % quantile of Student's t; dof may be a fraction or infinite."""
    if dof > 1e6:
        return 1.959964
    low, high = 0.0, 2000.0
    for _ in range(80):
        mid = (low + high) / 2
        low, high = (mid, high) if t_within(mid, dof) < 0.95 else (low, mid)
    return low


class Bootstrap:
    """Resamples of one test set, drawn once, so that all models are judged on the same draws."""

    def __init__(self, utterances):
        rng = random.Random(SEED)
        self.utterances = sorted(utterances)
        n = len(self.utterances)
        self.draws = [rng.choices(range(n), k=n) for _ in range(SAMPLES)]
        self.totals = {}  # words of each draw, by those of the utterances: nearly all results have the same

    def sums(self, values):
        return [sum([values[i] for i in draw]) for draw in self.draws]

    def rates(self, errors, words):
        """100 * sum(errors) / sum(words) of each draw; errors and words in order of utterance."""
        words = tuple(words)
        if words not in self.totals:
            self.totals[words] = self.sums(words)
        return [100.0 * e / max(1e-9, total) for e, total in zip(self.sums(errors), self.totals[words])]


def wer(counts):
    return 100.0 * sum(e for e, _ in counts.values()) / max(1, sum(w for _, w in counts.values()))


def mean(xs):
    return sum(xs) / len(xs)


def variance(xs):
    m = mean(xs)
    return sum((x - m)**2 for x in xs) / (len(xs) - 1) if len(xs) > 1 else 0.0


def mean_errors(result, utterances):
    return [mean([counts[u][0] for counts in result]) for u in utterances]


def percentiles(xs):
    return quantile(xs, 0.025), quantile(xs, 0.975)


def spread(draws, seed_terms):
    """(standard deviation, Student's degrees of freedom) over seeds and utterances."""
    between = sum(v for v, _ in seed_terms)
    within = sum(v * v / (s - 1) for v, s in seed_terms)
    total = between + variance(draws)
    return math.sqrt(total), total * total / within if within > 0 else math.inf


def interval(center, draws, seed_terms):
    """seed_terms: (variance of the mean over seeds, seeds) for each model that enters."""
    if any(s == 1 for _, s in seed_terms):
        return percentiles(draws)
    deviation, dof = spread(draws, seed_terms)
    half = t_quantile(dof) * deviation
    return center - half, center + half


def p_value(center, draws, seed_terms):
    """Two-sided, of a difference of 0: from the draws themselves with one seed, else Student's."""
    if any(s == 1 for _, s in seed_terms):
        least = min(sum(x <= 0 for x in draws), sum(x >= 0 for x in draws))
        return min(1.0, 2 * (least + 1) / (len(draws) + 1))
    deviation, dof = spread(draws, seed_terms)
    return 1.0 - t_within(abs(center) / deviation, dof) if deviation > 0 else float(center == 0)


def holm(p_values, level=0.05):
    """Which of several hypotheses fall, by Holm's step-down procedure: [bool...] in the order given."""
    fallen = [False] * len(p_values)
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[i] > level / (len(p_values) - rank):
            break
        fallen[i] = True
    return fallen


def summarise(result, bootstrap, known=None):
    """{wer, low, high, seeds: [wer...], spread} of one model in one mode; known: (low, high), where they are."""
    rates = [wer(counts) for counts in result]
    if known is None:
        utterances = bootstrap.utterances
        words = [result[0][u][1] for u in utterances]
        draws = bootstrap.rates(mean_errors(result, utterances), words)
        known = interval(mean(rates), draws, [(variance(rates) / len(rates), len(rates))])
    low, high = known
    return dict(wer=mean(rates), low=max(0.0, low), high=high, seeds=rates,
                spread=math.sqrt(variance(rates)))


def difference(a, b, bootstrap):
    """{difference, low, high, real, p} of WER(a) - WER(b) on the same utterances."""
    utterances = bootstrap.utterances
    words = [a[0][u][1] for u in utterances]
    errors = [x - y for x, y in zip(mean_errors(a, utterances), mean_errors(b, utterances))]
    rates = [[wer(counts) for counts in result] for result in (a, b)]
    center = mean(rates[0]) - mean(rates[1])
    draws, terms = bootstrap.rates(errors, words), [(variance(r) / len(r), len(r)) for r in rates]
    low, high = interval(center, draws, terms)
    return dict(difference=center, low=low, high=high, real=low > 0 or high < 0, p=p_value(center, draws, terms))
