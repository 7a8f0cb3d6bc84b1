"""Writes utt2dur, the seconds of each utterance, into a data directory.

Usage: utils/get_utt2dur.sh [options] <data-dir>
  e.g. utils/get_utt2dur.sh data/train
  --frame-shift 0.01   seconds from frame to frame, where only features tell the duration
  --nj, --cmd, --read-entire-file   of Kaldi's script, without effect: the headers of the audio are enough

They come from segments, else from the audio of wav.scp, else from utt2num_frames or feats.scp. A utt2dur that has all
utterances is left alone.
"""
import re
import tempfile

from shared import (DataDir, NUMBER, Options, asked, die, is_number, run, say, second_words, show, usage_error, value_of,
                    warn, write_lines)


def durations_of(data, recordings):
    """As wav-to-duration finds them."""
    wavs = data.tables.get('wav.scp', {})
    with tempfile.NamedTemporaryFile(suffix='.scp') as scp:
        scp.write(b''.join(wavs[r] + b'\n' for r in sorted(recordings) if r in wavs))
        scp.flush()
        return asked('wav-to-duration', f'scp:{scp.name}')


def from_segments(data):
    data.check_segments()
    segments = {u: line.split() for u, line in data.tables['segments'].items()}
    # The end -1 is that of the recording.
    open_ended = {words[1] for words in segments.values() if float(words[3]) == -1}
    ends = {}
    if open_ended and data.has('reco2dur'):
        ends = {key: value_of(line) for key, line in data.tables['reco2dur'].items()}
    if open_ended - set(ends):
        ends = durations_of(data, open_ended)
    for recording in open_ended:
        if not is_number(ends.get(recording, b''), above=0):
            die(f'the length of recording "{show(recording)}", whose end a segment needs, is not known; look at '
                f'{data.path}/wav.scp and reco2dur')
    return {u: b'%.6g' % (float(ends[words[1]] if float(words[3]) == -1 else words[3]) - float(words[2]))
            for u, words in segments.items()}


def durations(data, frame_shift):
    path = data.path
    if data.has('segments'):
        return from_segments(data), 'segments'
    if data.has('wav.scp') and data.moved:
        return durations_of(data, data.tables['wav.scp']), 'wav.scp'
    if data.has('wav.scp'):
        return asked('wav-to-duration', f'scp:{path}/wav.scp'), 'wav.scp'
    if data.has('utt2num_frames'):
        frames = second_words(f'{path}/utt2num_frames', data.tables['utt2num_frames'], 'utterance frames')
    elif data.has('feats.scp'):
        frames = asked('feat-to-len', f'scp:{path}/feats.scp')
    else:
        die(f'{path} has none of segments, wav.scp, utt2num_frames and feats.scp')
    bad = next((u for u, n in frames.items() if not re.fullmatch(rb'[0-9]{1,18}', n)), None)
    if bad is not None:
        die(f'{path}/utt2num_frames: "{show(bad)}": "{show(frames[bad])}" is not a number of frames')
    return {u: b'%.6g' % (int(n) * frame_shift) for u, n in frames.items()}, 'features'


def main():
    po = Options(__doc__)
    po.add_argument('--frame-shift', default='0.01')
    for name in ('--nj', '--cmd', '--read-entire-file'):
        po.add_argument(name)
    po.add_argument('data', metavar='data-dir')
    args = po.parse()
    if not NUMBER.match(args.frame_shift.encode()) or not float(args.frame_shift) > 0:
        usage_error(f"--frame-shift {args.frame_shift}: a number of seconds above 0 is needed")
    data = DataDir(args.data.rstrip('/'))
    if data.has('utt2dur') and set(data.tables['utt2dur']) == set(data.utt2spk):
        say(f'{data.path}/utt2dur is there')
        return
    seconds, source = durations(data, float(args.frame_shift))
    lost = [u for u in data.utt2spk if u not in seconds]
    if lost:
        warn(f'{len(lost)} utterances, "{show(min(lost))}" first, have no duration')
    found = [u for u in sorted(data.utt2spk) if u in seconds]
    write_lines(f'{data.path}/utt2dur', [u + b' ' + seconds[u] for u in found])
    say(f'{data.path}/utt2dur: {sum(float(seconds[u]) for u in found):.6g} s in {len(found)} utterances, from {source}')


if __name__ == '__main__':
    run(main)
