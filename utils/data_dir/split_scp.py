"""Cuts a table of one line per utterance into N parts, in order.

Usage: utils/split_scp.pl [--utt2spk=<utt2spk>] <table> <part-1> ... <part-N>
       utils/split_scp.pl -j <N> <I> [--one-based] [--utt2spk=<utt2spk>] <table> [<part>]
  e.g. utils/split_scp.pl data/train/wav.scp exp/wav.1.scp exp/wav.2.scp
  --utt2spk     no speaker is in two parts; else the parts have equally many lines, the first ones one more
  -j N I        writes one part only, to a file or to stdout; I counts from 0, or with --one-based from 1
"""
import re
import sys

from shared import Options, die, even_parts, read_lines, read_table, run, second_words, separate_places, show, \
    speaker_parts, usage_error, write_lines


def parts_of(path, parts, utt2spk_path):
    lines = read_lines(path)
    if not utt2spk_path:
        if len(lines) < parts:
            die(f'{path} has {len(lines)} lines, too few for {parts} parts')
        result = []
        for size in even_parts(len(lines), parts):
            result.append(lines[:size])
            lines = lines[size:]
        return result
    of = second_words(utt2spk_path, read_table(utt2spk_path), 'utterance speaker')
    table = read_table(path)
    lost = [u for u in table if u not in of]
    if lost:
        die(f'"{show(lost[0])}" of {path} is not in {utt2spk_path}')
    speakers = len({of[u] for u in table})
    if speakers < parts:
        die(f'{path} has lines of {speakers} speakers, too few for {parts} parts')
    return [[table[u] for u in part] for part in speaker_parts({u: of[u] for u in table}, parts)]


def main():
    po = Options(__doc__)
    po.add_argument('--utt2spk')
    po.add_argument('-j', nargs=2, metavar=('N', 'I'))
    po.flag('--one-based')
    po.add_argument('table')
    po.add_argument('out', nargs='*')
    args = po.parse()
    if not args.j:
        if not args.out:
            usage_error('a table and the files to write are needed')
        separate_places([args.table] + [args.utt2spk] * bool(args.utt2spk), args.out, prints=False)
        for path, lines in zip(args.out, parts_of(args.table, len(args.out), args.utt2spk)):
            write_lines(path, lines)
        return
    if not all(re.fullmatch('[0-9]{1,9}', x) for x in args.j):
        usage_error(f'-j {" ".join(args.j)}: two numbers are needed')
    parts, job = int(args.j[0]), int(args.j[1]) - args.one_based
    if not 0 <= job < parts or len(args.out) > 1:
        usage_error(f'-j {" ".join(args.j)}: there is no such part, or more than one file to write')
    separate_places([args.table] + [args.utt2spk] * bool(args.utt2spk), args.out, prints=not args.out)
    lines = parts_of(args.table, parts, args.utt2spk)[job]
    if args.out:
        write_lines(args.out[0], lines)
    else:
        sys.stdout.buffer.write(b''.join(line + b'\n' for line in lines))
        sys.stdout.buffer.flush()


if __name__ == '__main__':
    run(main)
