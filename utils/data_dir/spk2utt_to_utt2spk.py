"""Turns "speaker utterance utterance ..." lines into "utterance speaker" lines, in order of utterance.

Usage: utils/spk2utt_to_utt2spk.pl [<spk2utt>] > <utt2spk>
  e.g. utils/spk2utt_to_utt2spk.pl data/train/spk2utt > data/train/utt2spk
Without a file stdin is read.
"""
import sys

from shared import Complaints, Options, read_table, run, separate_places, show


def main():
    po = Options(__doc__)
    po.add_argument('spk2utt', nargs='?', default='/dev/stdin')
    args = po.parse()
    separate_places([args.spk2utt])
    utt2spk, complaints = {}, Complaints()
    for number, (speaker, line) in enumerate(read_table(args.spk2utt, 'keep one line').items(), 1):
        utterances = line.split()[1:]
        if not utterances:
            complaints.add(args.spk2utt, 'speakers without utterance', number,
                           f'speaker "{show(speaker)}" has no utterance')
        for utterance in utterances:
            if utt2spk.setdefault(utterance, speaker) != speaker:
                complaints.add(args.spk2utt, 'utterances of two speakers', number,
                               f'"{show(utterance)}" belongs to "{show(utt2spk[utterance])}" already')
    complaints.finish()
    sys.stdout.buffer.write(b''.join(u + b' ' + s + b'\n' for u, s in sorted(utt2spk.items())))
    sys.stdout.buffer.flush()


if __name__ == '__main__':
    run(main)
