#!/usr/bin/env python3
"""Prints the epochs of lowest dev loss of a training log, in order of epoch, one a line.

Usage: utils/best_epochs.py <log.jsonl> <number>
"""
import json
import sys


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith('--'):
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(0 if sys.argv[1:] == ['--help'] else 2)
    with open(sys.argv[1], encoding='utf-8') as f:
        rows = {r['epoch']: r['dev']['loss'] for r in map(json.loads, filter(str.strip, f))}
    if not rows:
        sys.exit(f'best_epochs.py: error: {sys.argv[1]} holds no epoch')
    best = sorted(rows, key=lambda epoch: (rows[epoch], epoch))[:int(sys.argv[2])]
    print('\n'.join(str(epoch) for epoch in sorted(best)))


if __name__ == '__main__':
    main()
