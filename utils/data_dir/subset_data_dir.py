"""Copies a data directory with a part of its utterances.

Usage: utils/subset_data_dir.sh [--first|--last|--shortest|--speakers|--per-spk] <data-dir> <N> <new-data-dir>
       utils/subset_data_dir.sh (--utt-list|--spk-list) <list> <data-dir> <new-data-dir>
  e.g. utils/subset_data_dir.sh --shortest data/train 5 data/train_5short
  (none)       N utterances spread evenly over the directory
  --first, --last   the first or last N
  --shortest   the N shortest by utt2num_frames, utt2dur, segments or feats.scp, the first of these that is there
  --speakers   speakers drawn by chance, the same at each call, until they have N utterances
  --per-spk    N utterances of each speaker, spread evenly, or all if there are fewer
  --utt-list, --spk-list   the utterances or speakers that begin the lines of a file

segments, recordings and tables of speakers are cut to what the utterances need.
"""
import hashlib
import os
import re

from shared import (DataDir, Options, another_dir, asked, die, is_number, read_lines, run, say, second_words, show,
                    usage_error, warn)


def evenly(things, count):
    """count of the things, in order, as far apart as can be."""
    total = len(things)
    return [x for i, x in enumerate(things, 1) if i * count // total > (i - 1) * count // total]


def lengths(data):
    """{utterance: length}, in whatever unit is at hand."""
    for name in ('utt2num_frames', 'utt2dur'):
        if data.has(name):
            found = second_words(f'{data.path}/{name}', data.tables[name], name)
            bad = next((u for u, n in found.items() if not is_number(n)), None)
            if bad is not None:
                die(f'{data.path}/{name}: "{show(bad)}": "{show(found[bad])}" is not a number')
            return {u: float(n) for u, n in found.items()}
    if data.has('segments'):
        data.check_segments()
        times = {u: line.split()[2:4] for u, line in data.tables['segments'].items()}
        if all(float(end) >= 0 for _, end in times.values()):
            return {u: float(end) - float(start) for u, (start, end) in times.items()}
    if data.has('feats.scp'):
        return {u: float(n) for u, n in asked('feat-to-len', f'scp:{data.path}/feats.scp').items()}
    die(f'--shortest needs utt2num_frames, utt2dur, segments with times, or feats.scp in {data.path}')


def shortest(data, count):
    length = lengths(data)
    lost = [u for u in data.utt2spk if u not in length]
    if lost:
        die(f'"{show(lost[0])}" of {data.path}/utt2spk has no length')
    return sorted(data.utt2spk, key=lambda u: (length[u], u))[:count]


def by_speaker(data):
    of = {}
    for utterance, speaker in data.utt2spk.items():
        of.setdefault(speaker, []).append(utterance)
    return of


def some_speakers(data, count):
    """Whole speakers until there are count utterances. A speaker's place in the draw does not depend on the others."""
    of, chosen = by_speaker(data), []
    for speaker in sorted(of, key=lambda s: (hashlib.md5(s).digest(), s)):
        if len(chosen) >= count:
            break
        chosen += of[speaker]
    return chosen


def per_speaker(data, count):
    """As Kaldi: the first utterance and then every k-th, with the largest k that leaves enough."""
    chosen = []
    for utterances in by_speaker(data).values():
        step = max(1, len(utterances) // count)
        chosen += utterances[:count * step:step]
    return chosen


def listed(path, known, what):
    """The names that begin the lines of a file."""
    names = {words[0] for words in (line.split() for line in read_lines(path)) if words}
    strange = names - set(known)
    if strange:
        warn(f'{path}: {len(strange)} {what} are not there, "{show(min(strange))}" first')
    return names


def main():
    po = Options(__doc__)
    ways = po.add_mutually_exclusive_group()
    for name in ('--first', '--last', '--shortest', '--speakers', '--per-spk', '--utt-list', '--spk-list'):
        ways.add_argument(name, action='store_true')
    po.add_argument('args', nargs='*')
    args = po.parse()
    if len(args.args) != 3:
        usage_error('three arguments are needed: a data directory, a number (or first a list) and a new directory')
    if args.utt_list or args.spk_list:
        names, source, target = args.args
    else:
        source, number, target = args.args
        if not re.fullmatch('[0-9]{1,18}', number) or int(number) == 0:
            usage_error(f"'{number}' is not a number of utterances above 0")
        count = int(number)
    another_dir(source, target)
    data = DataDir(source)
    total = len(data.utt2spk)
    utterances = list(data.utt2spk)

    if args.utt_list:
        chosen = [u for u in listed(names, utterances, 'utterances') if u in data.utt2spk]
    elif args.spk_list:
        speakers = listed(names, data.utt2spk.values(), 'speakers')
        chosen = [u for u in utterances if data.utt2spk[u] in speakers]
    elif args.speakers:
        chosen = some_speakers(data, count)
    elif args.per_spk:
        chosen = per_speaker(data, count)
    elif count > total:
        die(f'{source} has {total} utterances, {count} were asked for')
    elif args.first:
        chosen = utterances[:count]
    elif args.last:
        chosen = utterances[-count:]
    elif args.shortest:
        chosen = shortest(data, count)
    else:
        chosen = evenly(utterances, count)
    if not chosen:
        die(f'{os.path.normpath(source)} has no utterance of those asked for')
    data.subset(chosen).write(target)
    say(f'{target}: {len(chosen)} of the {total} utterances of {source}')


if __name__ == '__main__':
    run(main)
