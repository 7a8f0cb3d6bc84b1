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


def t_quantile(dof):
    """The two-sided 95 % quantile of Student's t; dof may be a fraction or infinite."""
    if dof > 1e6:
        return 1.959964
    scale = math.exp(math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2)) / math.sqrt(dof * math.pi)

    def inside(x):  # probability of [-x, x], by the substitution t = sqrt(dof) tan(u)
        top, n = math.atan(x / math.sqrt(dof)), 400
        h = top / n
        f = [math.cos(i * h)**(dof - 1) for i in range(n + 1)]
        simpson = h / 3 * (f[0] + f[-1] + 4 * sum(f[1:-1:2]) + 2 * sum(f[2:-1:2]))
        return 2 * scale * math.sqrt(dof) * simpson

    low, high = 0.0, 2000.0
    for _ in range(80):
        mid = (low + high) / 2
        low, high = (mid, high) if inside(mid) < 0.95 else (low, mid)
    return low


class Bootstrap:
    """Resamples of one test set, drawn once, so that all models are judged on the same draws."""

    def __init__(self, utterances):
        rng = random.Random(SEED)
        self.utterances = sorted(utterances)
        n = len(self.utterances)
        self.draws = [rng.choices(range(n), k=n) for _ in range(SAMPLES)]

    def rates(self, errors, words):
        """100 * sum(errors) / sum(words) of each draw; errors and words in order of utterance."""
        out = []
        for draw in self.draws:
            total = sum([words[i] for i in draw])
            out.append(100.0 * sum([errors[i] for i in draw]) / max(1e-9, total))
        return out


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


def interval(center, draws, seed_terms):
    """seed_terms: (variance of the mean over seeds, seeds) for each model that enters."""
    between = sum(v for v, _ in seed_terms)
    if any(s == 1 for _, s in seed_terms):
        return percentiles(draws)
    spread = sum(v * v / (s - 1) for v, s in seed_terms)
    total = between + variance(draws)
    dof = total * total / spread if spread > 0 else math.inf
    half = t_quantile(dof) * math.sqrt(total)
    return center - half, center + half


def summarise(result, bootstrap):
    """{wer, low, high, seeds: [wer...], spread} of one model in one mode."""
    rates = [wer(counts) for counts in result]
    utterances = bootstrap.utterances
    words = [result[0][u][1] for u in utterances]
    draws = bootstrap.rates(mean_errors(result, utterances), words)
    low, high = interval(mean(rates), draws, [(variance(rates) / len(rates), len(rates))])
    return dict(wer=mean(rates), low=max(0.0, low), high=high, seeds=rates,
                spread=math.sqrt(variance(rates)))


def difference(a, b, bootstrap):
    """{difference, low, high, real} of WER(a) - WER(b) on the same utterances."""
    utterances = bootstrap.utterances
    words = [a[0][u][1] for u in utterances]
    errors = [x - y for x, y in zip(mean_errors(a, utterances), mean_errors(b, utterances))]
    rates = [[wer(counts) for counts in result] for result in (a, b)]
    center = mean(rates[0]) - mean(rates[1])
    low, high = interval(center, bootstrap.rates(errors, words),
                         [(variance(r) / len(r), len(r)) for r in rates])
    return dict(difference=center, low=low, high=high, real=low > 0 or high < 0)
