"""Splits a data directory into N parts, for N jobs.

Usage: utils/split_data.sh [--per-utt] <data-dir> <N>
  e.g. utils/split_data.sh data/train 8     # data/train/split8/1 ... data/train/split8/8
  --per-utt   parts of equally many utterances, whoever speaks, in <data-dir>/split<N>utt/<I>; else no speaker is in
              two parts, and the folders are <data-dir>/split<N>/<I>

The parts, one after the other, have the utterances in their old order. Nothing is done where the parts are newer than
the tables they come from.
"""
import os

from shared import DataDir, Options, die, even_parts, keyed_by, positive, run, speaker_parts, write_lines


def newest(path):
    """The names of the tables and the time of the newest, in nanoseconds."""
    names = [n for n in sorted(os.listdir(path)) if keyed_by(n) and os.path.isfile(f'{path}/{n}')]
    return names, max((os.stat(f'{path}/{n}').st_mtime_ns for n in names), default=0)


def main():
    po = Options(__doc__)
    po.flag('--per-utt')
    po.add_argument('data', metavar='data-dir')
    po.add_argument('parts', metavar='N', type=positive)
    args = po.parse()
    path, parts = args.data.rstrip('/'), args.parts
    out = f'{path}/split{parts}' + ('utt' if args.per_utt else '')
    if not os.path.isfile(f'{path}/utt2spk'):
        die(f'no file {path}/utt2spk')

    # The last thing written says of which tables the parts are.
    names, time = newest(path)
    done = f'{out}/.done'
    if os.path.isfile(done) and os.stat(done).st_mtime_ns > time:
        with open(done, encoding='utf-8') as f:
            if f.read().split() == names:
                return
    data = DataDir(path)
    utterances = list(data.utt2spk)
    if args.per_utt:
        if len(utterances) < parts:
            die(f'{path} has {len(utterances)} utterances, too few for {parts} parts')
        sizes, lists = even_parts(len(utterances), parts), []
        for size in sizes:
            lists.append(utterances[:size])
            utterances = utterances[size:]
    else:
        speakers = len(set(data.utt2spk.values()))
        if speakers < parts:
            die(f'{path} has {speakers} speakers, too few for {parts} parts; take fewer parts, or --per-utt')
        lists = speaker_parts(data.utt2spk, parts)
    if os.path.exists(done):
        os.remove(done)
    for i, chosen in enumerate(lists, 1):
        data.subset(chosen).write(f'{out}/{i}')
    write_lines(done, [name.encode() for name in names])


if __name__ == '__main__':
    run(main)
