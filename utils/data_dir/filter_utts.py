"""Drops utterances of a data directory that cannot be used or should not be, and counts them with reasons.

Usage: utils/filter_utts.sh [options] <data-dir>
  e.g. utils/filter_utts.sh --min-seconds 0.3 --max-seconds 20 data/train
  --min-seconds 0, --max-seconds 0   shorter or longer ones; 0: no limit
  --max-letters-per-second 0         texts that can hardly belong to their audio; 0: no limit
  --max-share 1        more than this share dropped is an error: something else is wrong, and nothing is written
  --labels true        drop those whose letters do not fit into their encoder frames: CTC needs a frame for each
                       letter and each space, and one more between two equal letters
  --tokens FILE        the units that training reads, such as word pieces, as text-to-tokens writes them in text (ark,t):
                       these are counted instead of letters
  --frame-shift 0.01, --frame-length 0.025, --subsampling 4   seconds, and frames to an encoder frame

Reads what is there: reco2audio (utils/steps/audio_facts.sh: drops recordings that are not in it, and silent ones),
segments, utt2num_frames (else frames follow from the durations), feats.scp. Where reco2audio is there, utt2dur is made
anew. Appends "utterance reason" to <data-dir>/dropped.
"""
import math

from dropped import Dropped
from shared import DataDir, Options, die, read_table, run, say, second_words
from u2moe_script import number

WORD_MARK = '\u2581'
LEAST_SEGMENT = 0.1  # of extract-segments


def encoder_frames(frames, subsampling):
    """Encoder frames of so many feature frames, as src/layer/subsampling.cc: convolutions without padding."""
    for kernel, stride in {4: ((3, 2), (3, 2)), 6: ((3, 2), (5, 3)), 8: ((3, 2), (3, 2), (3, 2))}[subsampling]:
        frames = (frames - kernel) // stride + 1 if frames >= kernel else 0
    return frames


def frames_needed(units):
    """Encoder frames that the CTC path of these units takes at least."""
    return max(1, len(units) + sum(a == b for a, b in zip(units, units[1:])))


def letters_of(text):
    return WORD_MARK.join(text.split())


class Facts:
    """Durations and frames of the utterances of a directory."""

    def __init__(self, data, shift, length):
        self.data, self.shift, self.length = data, shift, length
        self.audio = {r: line.split() for r, line in data.tables.get('reco2audio', {}).items()}
        self.frames_known = {}
        if data.has('utt2num_frames'):
            known = second_words(f'{data.path}/utt2num_frames', data.tables['utt2num_frames'], 'utterance frames')
            self.frames_known = {u: int(n) for u, n in known.items()}
        self.durations = {}
        if data.has('utt2dur'):
            durations = second_words(f'{data.path}/utt2dur', data.tables['utt2dur'], 'utterance seconds')
            self.durations = {u: float(s) for u, s in durations.items()}

    def of_audio(self, u):
        """(seconds, None), or (0, why there are none)."""
        segment = None
        if self.data.has('segments'):
            segment = self.data.tables['segments'][u].split()
        facts = self.audio.get(segment[1] if segment else u)
        if facts is None:
            return 0, 'its audio cannot be read'
        if facts[4] == b'silent':
            return 0, 'its audio is silent'
        seconds = float(facts[3])
        if segment:
            if len(segment) == 5 and int(segment[4]) >= int(facts[2]):
                return 0, 'its segment names a channel that the recording has not'
            start, end = float(segment[2]), float(segment[3])
            if start >= seconds or end > seconds + 0.5:  # as extract-segments has it
                return 0, 'its segment lies outside the recording'
            end = seconds if end == -1 else min(end, seconds)
            rate = int(facts[1])
            if math.floor(end * rate) <= math.floor(start * rate) + math.floor(LEAST_SEGMENT * rate):
                return 0, f'its segment is not longer than {LEAST_SEGMENT:g} s'
            seconds = end - start
        return seconds, None

    def seconds(self, u):
        if self.audio:
            return self.of_audio(u)
        return self.durations.get(u), None

    def frames(self, u, seconds):
        if u in self.frames_known:
            return self.frames_known[u]
        return int((seconds - self.length) / self.shift + 1e-6) + 1 if seconds >= self.length else 0


def main():
    po = Options(__doc__)
    names = ('min-seconds', 'max-seconds', 'max-letters-per-second', 'max-share', 'frame-shift', 'frame-length')
    for name, default in zip(names, ('0', '0', '0', '1', '0.01', '0.025')):
        po.add_argument(f'--{name}', type=number(0), default=float(default))
    po.boolean('--labels', True)
    po.add_argument('--tokens')
    po.add_argument('--subsampling', type=int, choices=[4, 6, 8], default=4)
    po.add_argument('data', metavar='data-dir')
    args = po.parse()
    shortest, longest, density, max_share, shift, length = (
        getattr(args, n.replace('-', '_')) for n in names)
    data = DataDir(args.data.rstrip('/'))
    facts, dropped, keep, durations = Facts(data, shift, length), Dropped(), [], {}
    tokens = read_table(args.tokens) if args.tokens else {}
    units = 'units' if args.tokens else 'letters'

    def reason_against(u):
        seconds, why = facts.seconds(u)
        if why:
            return why
        text = ' '.join(line[len(u):].decode('utf-8', 'replace').split()) if (line := data.tables['text'].get(u)) else ''
        if seconds is not None:
            durations[u] = seconds
            if seconds < shortest:
                return f'shorter than {shortest:g} s'
            if longest and seconds > longest:
                return f'longer than {longest:g} s'
            if density and len(text.replace(' ', '')) > density * seconds:
                return f'more than {density:g} letters a second'
        if data.has('feats.scp') and u not in data.tables['feats.scp']:
            return 'it has no features'
        if args.labels and (seconds is not None or u in facts.frames_known):
            said = letters_of(text)
            if args.tokens:
                said = tokens[u].split()[1:] if u in tokens else []
            if encoder_frames(facts.frames(u, seconds), args.subsampling) < frames_needed(said):
                return f'more {units} than encoder frames'
        return None

    for u in sorted(data.utt2spk):
        why = reason_against(u)
        if why:
            dropped.add(u, why)
        else:
            keep.append(u)
    total = len(data.utt2spk)
    dropped.tell(data.path, total)
    if not keep:
        die(f'{data.path}: no utterance remains')
    if len(dropped) > max_share * total:
        die(f'{data.path}: {len(dropped)} of {total} utterances would be left out; --max-share {max_share:g} allows '
            f'{int(max_share * total)}')
    if facts.audio:
        data.tables['utt2dur'] = {u: u + b' %.6g' % durations[u] for u in keep}
    if dropped or facts.audio:
        data.subset(keep).write(data.path)
        dropped.write(f'{data.path}/dropped', append=True)
    hours = '' if len(durations) < len(keep) else f', {sum(durations[u] for u in keep) / 3600:.2f} h'
    say(f'{data.path}: {len(keep)} of {total} utterances stay{hours}')


if __name__ == '__main__':
    run(main)
