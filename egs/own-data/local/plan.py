#!/usr/bin/env python3
"""Prints what a recipe is about to do: the data, what was left out of it, the units, the models, and how long it takes."""
import collections
import glob
import os
import sys

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, expecting, positive, read_json, run, text_lines

WORD_MARK = '\u2581'
LABELS_SHOWN = 8


def table(path):
    """{key: rest of the line}, or {} where the file is not there."""
    if not os.path.exists(path):
        return {}
    return {x[0]: x[1].strip() if len(x) > 1 else '' for x in (line.split(None, 1) for line in text_lines(path)) if x}


def conf(path):
    return dict(line.strip().split('=', 1) for line in text_lines(path) if '=' in line and line[0] != '#')


def hours(seconds):
    if seconds < 600:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


def counted(counter, shown=LABELS_SHOWN):
    names = [f'{name} {count}' for name, count in counter.most_common(shown)]
    return ', '.join(names) + (f', and {len(counter) - shown} more' if len(counter) > shown else '')


def describe_sets(args, out):
    for name in args.sets:
        folder = f'{args.data}/{name}'
        durations, speakers = table(f'{folder}/utt2dur'), table(f'{folder}/utt2spk')
        total = sum(float(x) for x in durations.values())
        out.append(f'  {name}: {len(durations)} utterances, {hours(total)}, {len(set(speakers.values()))} speakers, '
                   f'{sum(len(t.split()) for t in table(f"{folder}/text").values())} words')
        for path in sorted(glob.glob(f'{folder}/utt2*')):
            label = os.path.basename(path)[4:]
            if label not in ('spk', 'dur', 'num_frames'):
                values = collections.Counter(table(path).values())
                if len(values) <= 50:
                    out.append(f'    {label}: {counted(values)}')
        dropped = collections.Counter(x.split(' (')[0] for x in table(f'{folder}/dropped').values())
        for reason, count in dropped.items():
            out.append(f'    left out: {count}: {reason}')
        if dropped:
            out.append(f'      (all of them: {folder}/dropped)')


def describe_audio(args, out, rate):
    seconds, stereo = collections.Counter(), set()
    for name in args.sets:
        folder = f'{args.data}/{name}'
        facts = {recording: line.split() for recording, line in table(f'{folder}/reco2audio').items()}
        segments = {u: line.split()[0] for u, line in table(f'{folder}/segments').items()}
        for u, length in table(f'{folder}/utt2dur').items():
            seconds[int(facts[segments.get(u, u)][0])] += float(length)
        # Sets that were split off have parts of the same recordings.
        waves = table(f'{folder}/wav.scp')
        stereo |= {waves[recording] for recording, fact in facts.items() if fact[1] != '1'}
    out.append('  recorded at ' + ', '.join(f'{hz} Hz ({hours(s)})' for hz, s in sorted(seconds.items())))
    down, up = (sum(s for hz, s in seconds.items() if test(hz)) for test in (lambda x: x > rate, lambda x: x < rate))
    todo = [f'{hours(s)} are resampled {where}' for s, where in ((down, 'down'), (up, 'up')) if s]
    out.append(f'  features at {rate} Hz' + (': ' + ', '.join(todo) if todo else '; nothing has to be resampled'))
    if stereo:
        out.append(f'  {len(stereo)} recordings have several channels: the first is taken, unless segments names another')


def overlap(args, out):
    """Texts of other sets that training has too."""
    train = set(table(f'{args.data}/train/text').values())
    for name in args.sets[1:]:
        texts = table(f'{args.data}/{name}/text')
        same = sum(t in train for t in texts.values())
        if same:
            out.append(f'  note: {same} of the {len(texts)} texts of {name} stand in train too')


def plan(args, fbank, train):
    """The lines to print."""
    out = ['What will be done', 'Data']
    describe_sets(args, out)
    describe_audio(args, out, int(fbank['sample-frequency']))
    letters = sorted({c for t in table(f'{args.data}/train/text').values() for c in t if c != ' '})
    rest = 'the word mark, <blank>, <unk>, <sos/eos>' if args.units == 'char' else 'joined to word pieces'
    out.append(f'Units: {args.units}: {len(letters)} letters of the training texts, {rest}')
    out.append('  ' + ''.join(letters[:100]) + (' ...' if len(letters) > 100 else ''))
    overlap(args, out)
    seconds = sum(float(x) for x in table(f'{args.data}/train/utt2dur').values())
    epochs = int(train['epochs'])
    out.append(f'Training: size {args.size}, {epochs} epochs, {len(args.seeds)} seed(s), {args.jobs} at a time, '
               f'features of {fbank["num-mel-bins"]} filters')
    all_of_them = longest = 0.0
    for model in args.models:
        folder = f'{args.measure}/exp/{model}/{args.seeds[0]}'
        with expecting(f'{folder}: not what a training of an epoch leaves'):
            parameters = read_json(f'{folder}/info.json')['parameters']
            row = read_json(f'{folder}/log.jsonl')  # a line
            one = seconds * 100 * epochs * row['wall_seconds'] / max(1, row['frames'])
        all_of_them += one * len(args.seeds)
        longest = max(longest, one)
        out.append(f'  {model}: {parameters["total"]:,} parameters, {parameters["active_per_frame"]:,} of encoder and CTC '
                   f'head at work on a frame; about {hours(one)}')
    out.append(f'  altogether about {hours(max(longest, all_of_them / args.jobs))}, from one epoch on a few utterances: '
               'a rough measure')
    return out


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--data', default='data')
    ap.add_argument('--conf', default='conf')
    ap.add_argument('--measure', required=True, help='folder of one epoch on a few utterances')
    ap.add_argument('--models', required=True, type=str.split)
    ap.add_argument('--seeds', required=True, type=str.split)
    ap.add_argument('--sets', required=True, type=str.split)
    ap.add_argument('--jobs', type=positive, required=True, help='trainings at a time')
    ap.add_argument('--size', required=True)
    ap.add_argument('--units', default='char')
    args = ap.parse()
    fbank, train = conf(f'{args.conf}/fbank.conf'), conf(f'{args.conf}/train.conf')
    with expecting(f'{args.conf}: not as choose.py writes it, or {args.data} is not as utils/filter_utts.sh leaves it'):
        print('\n'.join(plan(args, fbank, train)))


if __name__ == '__main__':
    run(main)
