#!/usr/bin/env python3
"""A list of hot words to try biasing with: words of a test set that its training set knows least, and as many that the
test set does not hold, which only do harm. A person's list of names is like that; what is best for one is not.

Writes one word a line, sorted; words of --letters letters at least. Of the test set's it takes those that the training texts
have the fewest times, at most --size and a fifth of all its words; the others come from the training texts, the rarest too.

  e.g. utils/hot_words.py --letters 2 data/train/text data/test/text hot_words.test
"""
import collections

from u2moe_script import Options, die, positive, run, say, writing
from u2moe_text import read_entries, split_words


def count(path):
    return collections.Counter(w for _, value in read_entries(path) for w in split_words(value))


def choose(train, test, size, letters):
    """(words of the test set, distractors)"""
    def rarest(words):
        return sorted((w for w in words if len(w) >= letters), key=lambda w: (train[w], w))

    size = min(size, max(1, len(test) // 5))
    targets = rarest(test)[:size]
    # Evenly out of the alphabet, as the rarest are many.
    others = [w for w in rarest(train) if w not in test]
    rare = sorted(w for w in others if train[w] == train[others[0]]) if others else []
    if len(rare) < len(targets):
        return targets, others[:len(targets)]
    return targets, [rare[i * len(rare) // len(targets)] for i in range(len(targets))] if targets else []


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--size', type=positive, default=50, help='words of the test set at most')
    ap.add_argument('--letters', type=positive, default=4, help='of a word at least')
    ap.add_argument('train', help='text of the training set')
    ap.add_argument('test', help='text of the test set')
    ap.add_argument('out')
    args = ap.parse()
    targets, others = choose(count(args.train), count(args.test), args.size, args.letters)
    if not targets:
        die(f'{args.test} has no word of {args.letters} letters')
    with writing(args.out) as f:
        f.writelines(f'{w}\n' for w in sorted(targets + others))
    say(f'{len(targets)} words of {args.test} and {len(others)} others')


if __name__ == '__main__':
    run(main)
