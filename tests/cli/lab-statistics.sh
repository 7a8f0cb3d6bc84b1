#!/usr/bin/env bash
# egs/moe-lab's statistics beside tables, brute force and simulations.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 >/dev/null; then
  skip lab-statistics "no python3"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/egs/moe-lab/local:$root/utils

check "Student's quantiles are those of tables" python3 - <<'PY'
from paired_tests import t_cdf, t_quantile
import math
for p, dof, want in [(.975, 1, 12.7062), (.975, 2, 4.30265), (.975, 4, 2.77645), (.95, 4, 2.13185), (.8, 32, .85300),
                     (.975, 32, 2.03693), (.975, math.inf, 1.95996), (.8, math.inf, .84162), (.05, 10, -1.81246)]:
    assert abs(t_quantile(p, dof) - want) < 2e-4, (p, dof, t_quantile(p, dof))
    assert abs(t_cdf(want, dof) - p) < 1e-5
assert abs(t_quantile(.5, 3)) < 1e-9
PY
check "detectable differences are those of the two-sample t test" python3 - <<'PY'
from paired_tests import detectable
import math
# Cohen's tables: two groups of 17 find d = 1 with power 0.80; of 26, d = 0.8; of 64, d = 0.5.
def least(training, utterance, seeds, utterances, interaction=0):
    return detectable(dict(training=training, utterance=utterance, interaction=interaction), seeds, utterances)
for n, d in [(17, 1), (26, .8), (64, .5)]:
    assert abs(least(1, 0, n, 1) - d) < 0.02 * d, (n, least(1, 0, n, 1))
# Without seeds it is 2.8 standard errors of the paired mean.
assert abs(least(0, 25, 3, 10000) - (1.95996 + .84162) * 5 / 100) < 1e-4
assert least(1, 1, 1, 100) == math.inf
a = [least(1, 50, s, 100) for s in (2, 3, 5, 20)]
assert a == sorted(a, reverse=True)
assert least(1, 50, 3, 100) > least(1, 50, 3, 400)
# What is of one training and one utterance alone counts once for each pair of them.
assert least(0, 0, 4, 50, 30) == least(30 / 50, 0, 4, 1)
PY
check "a difference by hand, and the awkward cases" python3 - <<'PY'
from paired_tests import compare, equivalence
words = [4, 1, 5]
a, b = [[1, 0, 2], [2, 0, 2]], [[1, 1, 0], [1, 0, 0]]
c = compare(a, b, words)
assert abs(c['difference'] - (35 - 15)) < 1e-9 and c['low'] < 20 < c['high'] and c['seeds']
same = compare(a, a, words, names=('x', 'x'))
assert same['difference'] == 0 and abs(same['p'] - 1) < 1e-12 and same['low'] == -same['high']
sure = compare([[1, 0, 2]] * 2, [[1, 0, 2]] * 2, words)  # nothing varies
assert sure['low'] == sure['high'] == sure['difference'] == 0 and sure['p'] == 1 and equivalence(sure, 0.1)['equivalent']
one = compare(a[:1], b[:1], words)
assert not one['seeds'] and not equivalence(one, 1000)['equivalent'] and not equivalence(one, 1000)['no_worse']
for bad in [lambda: compare(a, [[1, 2]], words), lambda: compare([], b, words), lambda: compare(a, b, []),
            lambda: equivalence(c, 0)]:
    try:
        bad()
    except ValueError:
        continue
    raise AssertionError('no error')
mirrored = compare(b, a, words, names=('b', 'a'))
assert abs(mirrored['difference'] + c['difference']) < 1e-12 and abs(mirrored['error'] - c['error']) < 1e-9
PY
check "the bootstrap's variance is that of all samples there are" python3 - <<'PY'
# Every choice of 3 utterances of 3 and of 2 seeds of 2, each as likely as the others, counted one by one.
import itertools, math
from paired_tests import HierarchicalBootstrap, mean
words, result = [4, 1, 5], [[1, 0, 2], [3, 1, 1]]
exact = []
for u in itertools.product(range(3), repeat=3):
    total = sum(words[i] for i in u)
    of_seed = [100 * sum(e[i] for i in u) / total for e in result]
    center = mean(of_seed)
    for s in itertools.product(range(2), repeat=2):
        exact.append(center + math.sqrt(2) * (mean([of_seed[k] for k in s]) - center))
draws = HierarchicalBootstrap(words, draws=40000).means(result, 'a')
def moments(x):
    m = mean(x)
    return m, mean([(v - m)**2 for v in x])
(m, v), (want_m, want_v) = moments(draws), moments(exact)
assert abs(m - want_m) < 0.02 * want_m and abs(v - want_v) < 0.03 * want_v, (m, want_m, v, want_v)
PY
check "intervals cover, power and equivalence are as told" python3 - <<'PY'
# Trainings whose error rate is normal around the system's, utterances that are harder or easier for all.
import random
from paired_tests import HierarchicalBootstrap, compare, detectable, equivalence, mean_variances
rng = random.Random(5)
UTTERANCES, SEEDS, TRIALS, SPREAD = 120, 4, 250, 0.02
words = [5] * UTTERANCES
def system(level, ease):
    out = []
    for _ in range(SEEDS):
        p = level + rng.gauss(0, SPREAD)
        out.append([sum(rng.random() < min(1, max(0, p * e)) for _ in range(5)) for e in ease])
    return out
def trial(difference, margin):
    ease = [rng.choice((0.4, 1.0, 1.6)) for _ in range(UTTERANCES)]
    c = compare(system(0.2 + difference, ease), system(0.2, ease), words, HierarchicalBootstrap(words, 200, rng.random()))
    return c, equivalence(c, margin)
# Trainings differ by 2 points; each word is another chance to err; the ease of an utterance is the same for all.
true = dict(training=(100 * SPREAD)**2, interaction=0.2 * 0.8 / 5 * 1e4, utterance=0)
shown = detectable(true, SEEDS, UTTERANCES)
seen = []
covered = found = wrong = 0
for _ in range(TRIALS):
    c, _ = trial(0.0, 1.0)
    covered += c['low'] <= 0 <= c['high']
    seen.append(c)
    c, e = trial(shown / 100, shown)  # a difference as large as the margin is not within it
    found += c['p'] < 0.05
    wrong += e['equivalent']
told = mean_variances(seen)
print(shown, covered / TRIALS, found / TRIALS, wrong / TRIALS, told)
assert abs(told['training'] - true['training']) < 0.2 * true['training'], told
assert abs(told['interaction'] - true['interaction']) < 0.1 * true['interaction'], told
assert 0.92 <= covered / TRIALS <= 0.995, covered
assert 0.70 <= found / TRIALS <= 0.92, found
assert wrong / TRIALS <= 0.08, wrong
PY
check "Holm's step-down by its definition" python3 - <<'PY'
import random
from paired_tests import holm
assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
assert holm([]) == [] and holm([0.05]) == [True] and holm([0.051]) == [False]
rng = random.Random(1)
for _ in range(200):
    p = [rng.random()**3 for _ in range(rng.randint(1, 6))]
    def falls(i):  # all hypotheses with a p as small must fall too
        ranks = sorted(p)
        return all(ranks[r] <= 0.05 / (len(p) - r) for r in range(ranks.index(p[i]) + 1))
    assert holm(p) == [falls(i) for i in range(len(p))]
PY
check "the power curve" python3 - <<'PY'
from paired_tests import power_curve, power_text, detectable
v = dict(training=1.0, interaction=100.0, utterance=300.0)
header, rows = power_curve(v, 150)
assert header[1] == '150 utterances' and len(rows) == 6 and rows[1][1] == f'{detectable(v, 3, 150):.2f}'
text = power_text(v, 150)
assert 'scatter by 1.00 points' in text and len(text.splitlines()) == 8
PY
