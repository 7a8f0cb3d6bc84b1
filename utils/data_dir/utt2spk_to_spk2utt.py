"""Turns "utterance speaker" lines into "speaker utterance utterance ..." lines, in order of speaker.

Usage: utils/utt2spk_to_spk2utt.pl [<utt2spk>] > <spk2utt>
  e.g. utils/utt2spk_to_spk2utt.pl data/train/utt2spk > data/train/spk2utt
Without a file stdin is read.
"""
import sys

from shared import Options, read_table, run, second_words, separate_places, spk2utt_table


def main():
    po = Options(__doc__)
    po.add_argument('utt2spk', nargs='?', default='/dev/stdin')
    args = po.parse()
    separate_places([args.utt2spk])
    utt2spk = second_words(args.utt2spk, read_table(args.utt2spk, 'keep one line'), 'utterance speaker')
    sys.stdout.buffer.write(b''.join(line + b'\n' for line in spk2utt_table(utt2spk).values()))
    sys.stdout.buffer.flush()


if __name__ == '__main__':
    run(main)
