#!/usr/bin/env python3
"""Prints "<model>/<seed>" of the training with the lowest dev loss in a report.json."""
import json
import sys


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        models = json.load(f)['models']
    print(min((run['best_dev_loss'], f'{name}/{seed}') for name, m in models.items()
              for seed, run in m['training'].items())[1])


if __name__ == '__main__':
    main()
