"""Splits a data directory in two, such that no text stands on both sides and, where possible, no speaker either.

Usage: utils/split_off_set.sh [options] <data-dir> <rest-dir> <part-dir>
  e.g. utils/split_off_set.sh --share 0.05 --max-utts 1000 data/all data/train data/dev
  --share 0.1          about this share of the utterances goes to <part-dir>
  --max-utts 2000      but no more
  --by auto            speaker: whole speakers; text: whole texts, the same speakers on both sides; auto: by speaker
                       where that can be done, else by text, else (where a few texts are all there is) any utterances
  --strata "utt2lang utt2spk"   tables, where they are there: splitting by text takes the share of each combination
  --seed 1             of the draw

Two texts are the same if their letters and digits are, whatever their case and punctuation. What splitting by speaker
leaves with a text on both sides is left out of the side where it costs less, and counted.
"""
import hashlib
import unicodedata

from dropped import Dropped
from shared import DataDir, Options, another_dir, die, positive, run, say, usage_error, value_of
from u2moe_script import number

MOST_LOST = 0.1  # of all utterances, when splitting by speaker leaves texts on both sides


def text_key(text):
    """What is compared of a text (bytes)."""
    folded = unicodedata.normalize('NFKC', text.decode('utf-8', 'replace')).casefold()
    return ' '.join(''.join(c if unicodedata.category(c)[0] in 'LMN' else ' ' for c in folded).split()) or folded


class Splitter:
    def __init__(self, data, share, most, strata, seed):
        self.data, self.seed = data, seed
        self.text = {u: text_key(value_of(data.tables['text'][u])) for u in data.utt2spk}
        self.utterances = sorted(data.utt2spk)
        self.goal = max(1, min(round(share * len(self.utterances)), most))
        tables = [data.tables[name] for name in strata if data.has(name)]
        self.stratum = {u: tuple(value_of(t.get(u, b'')) for t in tables) for u in self.utterances}

    def drawn(self, names):
        """The names in an order of chance that does not depend on which others there are."""
        names = [n if isinstance(n, bytes) else n.encode('utf-8') for n in names]
        return sorted(names, key=lambda n: (hashlib.md5(b'%d ' % self.seed + n).digest(), n))

    def by_speaker(self):
        """(part, left out), or None if whole speakers give no good part."""
        of = {}
        for u in self.utterances:
            of.setdefault(self.data.utt2spk[u], []).append(u)
        if len(of) < 4 or len(of) == len(self.utterances):
            return None
        part = []
        for speaker in self.drawn(of):
            if len(part) < self.goal and len(part) + len(of[speaker]) <= 1.5 * self.goal:
                part += of[speaker]
        if len(part) < 0.5 * self.goal:
            return None
        inside = set(part)
        rest = [u for u in self.utterances if u not in inside]
        shared = {self.text[u] for u in part} & {self.text[u] for u in rest}
        of_part, of_rest = ([u for u in side if self.text[u] in shared] for side in (part, rest))
        if len(part) - len(of_part) >= 0.5 * self.goal:
            lost = of_part
        elif len(of_rest) <= MOST_LOST * len(self.utterances):
            lost = of_rest
        else:
            return None
        return [u for u in part if u not in set(lost)], lost

    def by_text(self):
        """The part, or None if too few texts make up too many utterances."""
        groups = {}
        for u in self.utterances:
            groups.setdefault(self.text[u], []).append(u)
        strata = {}
        for us in groups.values():
            strata.setdefault(self.stratum[us[0]], []).append(us)
        part, want = [], 0.0
        for key in sorted(strata):
            count = sum(len(us) for us in strata[key])
            want += self.goal * count / len(self.utterances)
            by_first = {us[0]: us for us in strata[key]}
            room = len(by_first)
            for first in self.drawn(by_first):
                us = by_first[first]
                if room > 1 and len(part) + len(us) <= want + 0.5:
                    part += us
                    room -= 1
        return part if len(part) >= max(1, 0.5 * self.goal) else None

    def any(self):
        return self.drawn(self.utterances)[:self.goal]


def main():
    po = Options(__doc__)
    po.add_argument('--share', type=number(0), default=0.1)
    po.add_argument('--max-utts', type=positive, default=2000)
    po.add_argument('--by', choices=['auto', 'speaker', 'text'], default='auto')
    po.add_argument('--strata', default='utt2lang utt2spk')
    po.add_argument('--seed', type=number(0, whole=True), default=1)
    for name in ('data-dir', 'rest-dir', 'part-dir'):
        po.add_argument(name)
    args = po.parse()
    source, rest_dir, part_dir = (getattr(args, n).rstrip('/') for n in ('data-dir', 'rest-dir', 'part-dir'))
    share = args.share
    if not 0 < share < 1:
        usage_error(f"--share {share:g}: a share between 0 and 1 is needed")
    another_dir(source, rest_dir)
    another_dir(source, part_dir)
    another_dir(rest_dir, part_dir)
    data = DataDir(source)
    if not data.has('text'):
        die(f'{source} has no text')
    if len(data.utt2spk) < 2:
        die(f'{source} has {len(data.utt2spk)} utterances: nothing to split')
    lost = [u for u in data.utt2spk if u not in data.tables['text']]
    if lost:
        die(f'{source}/text lacks {len(lost)} utterances; utils/fix_data_dir.sh drops them')
    splitter, dropped = Splitter(data, share, args.max_utts, args.strata.split(), args.seed), Dropped()
    part, how, out = None, '', []
    if args.by in ('auto', 'speaker'):
        found = splitter.by_speaker()
        if found:
            (part, out), how = found, 'whole speakers, no text on both sides'
        elif args.by == 'speaker':
            die(f'{source}: its speakers cannot be split such that about {splitter.goal} utterances go to {part_dir} '
                'and no text stands on both sides; try --by text')
    if not part:
        part, how = splitter.by_text(), 'no text on both sides, speakers on both'
    if not part:
        if args.by == 'text':
            die(f'{source}: too few texts make up too many of its utterances; --by auto splits them all the same')
        part, how = splitter.any(), 'a few texts are all there is, so texts and speakers stand on both sides'
    for u in out:
        dropped.add(u, 'its text stands on the other side too')
    dropped.tell(source, len(splitter.utterances))
    taken = set(part) | set(out)
    rest = [u for u in splitter.utterances if u not in taken]
    if not rest:
        die(f'{source}: nothing would remain in {rest_dir}')
    for utterances, path in ((rest, rest_dir), (part, part_dir)):
        data.subset(utterances).write(path)
    dropped.write(f'{rest_dir}/dropped', append=True)
    say(f'{part_dir}: {len(part)} of the {len(data.utt2spk)} utterances of {source}, {len(rest)} stay in {rest_dir}: {how}')


if __name__ == '__main__':
    run(main)
