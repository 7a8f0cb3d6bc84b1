#!/usr/bin/env python3
"""Prints the options of the recipe that makes a task's data, each with a zero byte behind it, for make_data.sh.

Usage: local/task_options.py [--cut true] <task>
"""
import shlex
import sys

import lab
from u2moe_script import Options, run


def main():
    ap = Options(__doc__)
    ap.add_argument('task')
    ap.boolean('--cut', False)
    args = ap.parse()
    sys.stdout.write(''.join(f'{x}\0' for x in shlex.split(lab.Task(args.task, '', args.cut).data_options)))


if __name__ == '__main__':
    run(main)
