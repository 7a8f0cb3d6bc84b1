#!/usr/bin/env python3
"""Prints "<model>/<seed>" of the training with the lowest dev loss in a report.json."""
from u2moe_script import Options, expecting, read_json, run


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('report', metavar='report.json')
    args = ap.parse()
    with expecting(f'{args.report}: not a report of make-report'):
        print(min((one['best_dev_loss'], f'{name}/{seed}') for name, m in read_json(args.report)['models'].items()
                  for seed, one in m['training'].items())[1])


if __name__ == '__main__':
    run(main)
