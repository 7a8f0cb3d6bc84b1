"""Makes a data directory whose recordings play faster or slower, by commands in wav.scp.

Usage: utils/perturb_data_dir_speed.sh [options] <factor> <data-dir> <new-data-dir>
  e.g. utils/perturb_data_dir_speed.sh 0.9 data/train data/train_sp0.9
  --include-spk-prefix true   false: speakers keep their names

Names get the prefix sp<factor>-, as in Kaldi: a speaker whose speed changes sounds like another. utt2uniq tells which
utterances have the same origin. sox changes speed and pitch when the recordings are read. Times in segments, utt2dur
and reco2dur are divided by the factor. Features do not fit any more and are left out.
"""
import os
import re
import shutil

from shared import DataDir, Options, another_dir, die, is_number, run, say, show, usage_error, value_of, warn
from validate_data_dir import options as validate_options
from validate_data_dir import validate

# What was computed from the audio at its old speed.
STALE = ('feats.scp', 'cmvn.scp', 'vad.scp', 'utt2num_frames', 'utt2warp', 'spk2warp')
SHORTEST = 0.01  # seconds of a segment at its new speed; Kaldi drops shorter ones


def quoted(path):
    """A path as one word of a shell command."""
    if re.fullmatch(rb'[\w@%+=:,./-]+', path):
        return path
    return b"'" + path.replace(b"'", b"'\\''") + b"'"


def faster(value, factor):
    """What wav.scp says, with a change of speed after it."""
    value = value.strip()
    change = b'sox -t wav - -t wav - speed %s |' % factor
    if value.endswith(b'|'):
        return value[:-1].rstrip() + b' | ' + change
    if re.search(rb':\d+$', value):
        return b'wav-copy ' + quoted(value) + b' - | ' + change
    kind = b'-t wav ' if value.lower().endswith(b'.wav') or b'.' not in os.path.basename(value) else b''
    return b'sox ' + kind + quoted(value) + b' -t wav - speed %s |' % factor


def divide(seconds, factor):
    if not is_number(seconds):
        die(f'"{show(seconds)}" is not a number of seconds; utils/validate_data_dir.sh names the line')
    return b'%.6g' % (float(seconds) / factor)


def main():
    po = Options(__doc__)
    po.boolean('--include-spk-prefix', True)
    po.add_argument('factor')
    po.add_argument('source', metavar='data-dir')
    po.add_argument('target', metavar='new-data-dir')
    args = po.parse()
    factor = os.fsencode(args.factor)
    if not is_number(factor, above=0):
        usage_error(f"the factor '{args.factor}' is not a number above 0")
    source, target = args.source.rstrip('/'), args.target.rstrip('/')
    another_dir(source, target)
    if not shutil.which('sox'):
        warn('sox is not on PATH; what reads the new wav.scp needs it')
    data = DataDir(source)
    speed = float(factor)

    for name in STALE:
        data.tables.pop(name, None)
    if not data.has('utt2uniq'):
        data.tables['utt2uniq'] = {u: u + b' ' + u for u in data.utt2spk}
    if data.has('wav.scp'):
        data.tables['wav.scp'] = {key: key + b' ' + faster(value_of(line), factor)
                                  for key, line in data.tables['wav.scp'].items()}
    for name in ('utt2dur', 'reco2dur'):
        if data.has(name):
            data.tables[name] = {key: key + b' ' + divide(value_of(line), speed)
                                 for key, line in data.tables[name].items()}
    if data.has('segments'):
        data.check_segments()
        segments = {}
        for utterance, line in data.tables['segments'].items():
            words = line.split()
            words[2:4] = [divide(words[2], speed), words[3] if float(words[3]) == -1 else divide(words[3], speed)]
            if float(words[3]) == -1 or float(words[3]) > float(words[2]) + SHORTEST:
                segments[utterance] = b' '.join(words)
        if len(segments) < len(data.tables['segments']):
            warn(f'{len(data.tables["segments"]) - len(segments)} segments are dropped, shorter than {SHORTEST} s')
        data.tables['segments'] = segments
        data = data.subset([u for u in data.utt2spk if u in segments])

    prefix = b'sp' + factor + b'-'

    def with_prefix(name):
        return prefix + name

    def speaker(name):
        return prefix + name if args.include_spk_prefix else name

    # As Kaldi, whose recordings are named as its speakers are.
    data.rename(with_prefix, speaker, speaker).write(target)
    say(f'{target}: {source} at speed {args.factor}')
    check = validate_options().parse(['--no-feats', '--no-text', target] + ([] if args.include_spk_prefix
                                                                            else ['--no-spk-sort']))
    return 1 if validate(target, check) else 0


if __name__ == '__main__':
    run(main)
