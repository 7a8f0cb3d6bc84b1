"""ctm_errors.py <name> <reference.ctm> <hypothesis.ctm>: one row of a table, how far the word boundaries of a CTM file with
the same words are from the reference's, in milliseconds. Knows nothing of ctc-align. Columns: begins, ends, all; of each the
median and the 90th percentile of the absolute errors. Exit status 1 if the words differ.
"""
import sys


def read(path):
    words = {}
    with open(path, encoding='utf-8') as f:
        for line in f:
            recording, _, begin, duration, word = line.split()[:5]
            words.setdefault(recording, []).append((word, float(begin), float(begin) + float(duration)))
    return words


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def main():
    name, reference, hypothesis = sys.argv[1], read(sys.argv[2]), read(sys.argv[3])
    begins, ends = [], []
    for recording, words in reference.items():
        other = hypothesis.get(recording, [])
        if [w[0] for w in words] != [w[0] for w in other]:
            print(f'{recording}: other words', file=sys.stderr)
            return 1
        for (_, b, e), (_, b2, e2) in zip(words, other):
            begins.append(1000 * abs(b2 - b))
            ends.append(1000 * abs(e2 - e))
    cells = [f'{quantile(x, q):.0f}' for x in (begins, ends, begins + ends) for q in (0.5, 0.9)]
    print('|', name, '|', ' | '.join(cells), '|')
    return 0


if __name__ == '__main__':
    sys.exit(main())
