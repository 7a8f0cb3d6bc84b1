"""Prints the lines of a table whose key is in a list.

Usage: utils/filter_scp.pl [--exclude] [-f N] <list> [<table>] > <lines>
  e.g. utils/filter_scp.pl data/dev/utt2spk data/all/text > data/dev/text
  --exclude   the lines whose key is not in the list
  -f N        the key is the N-th word of the line, from 1

Only the first word of each line of the list counts. Without a table stdin is read. Lines are printed as they are.
"""
import sys

from shared import Options, die, lines_with_ends, positive, read_lines, run, separate_places


def main():
    po = Options(__doc__)
    po.flag('--exclude')
    po.add_argument('-f', type=positive, default=1, metavar='N')
    po.add_argument('list')
    po.add_argument('table', nargs='?')
    args = po.parse()
    separate_places([args.list, args.table])
    keys = set()
    for number, line in enumerate(read_lines(args.list), 1):
        words = line.split(None, 1)
        if not words:
            die(f'{args.list}:{number}: an empty line')
        keys.add(words[0])
    name = args.table or 'stdin'
    with open(args.table, 'rb') if args.table else sys.stdin.buffer as table:
        for number, line in lines_with_ends(name, table):
            words = line.split(None, args.f)
            if len(words) < args.f:
                die(f'{name}:{number}: there is no word {args.f} in this line')
            if (words[args.f - 1] in keys) != args.exclude:
                sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == '__main__':
    run(main)
