"""Copies a data directory as people make them into one that all tools read, and says what was mended or left out.

Usage: utils/clean_data_dir.sh [--from <folder>] <data-dir> <new-data-dir>
  e.g. utils/clean_data_dir.sh corpus/train data/train
  --from       one more folder that paths of wav.scp may be relative to (utils/wav_paths.sh --help)

Reads wav.scp, segments, text, utt2spk (or spk2utt; without either, each utterance is its own speaker), and what tables
of labels utt2* there are, where an utterance without a label gets "unlabelled". Mended: byte order marks, carriage returns, empty lines, order, paths of wav.scp,
white space, letters not composed (NFC), invisible characters, symbols of language models (<s>). Left out, with a line "utterance reason" in
<new-data-dir>/dropped: utterances without audio, text or segment, lines that say two things of one utterance, text
that is not UTF-8, names that hold what nobody sees.
"""
import os
import re
import unicodedata

from shared import BYTE_ORDER_MARK, DataDir, Options, another_dir, die, read_bytes, run, say, segment_problems, show
from dropped import Dropped
from u2moe_text import is_invisible, key_problem, split_words
from validate_data_dir import CONTROL
from wav_paths import places_of, resolve

WORD_MARK = '\u2581'
NO_WORDS = ('<s>', '</s>', '#0')  # have a meaning of their own in language models
OWN = ('wav.scp', 'segments', 'text', 'utt2spk', 'spk2utt')
NO_LABELS = ('utt2num_frames', 'utt2dur', 'utt2uniq', 'utt2warp')  # made of what was there another time
NO_LABEL = b'unlabelled'


class Mended:
    """Counts what was put right."""

    def __init__(self):
        self.counts = {}

    def add(self, what, count=1):
        self.counts[what] = self.counts.get(what, 0) + count

    def tell(self, path):
        for what, count in self.counts.items():
            say(f'{path}: mended: {what} ({count})')


def read_loosely(path, mended):
    """{key: value} (bytes) of a table, and the keys with two values."""
    data, name = read_bytes(path), os.path.basename(path)
    with open(path, 'rb') as f:
        marked = f.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK
    if marked:
        mended.add(f'byte order mark in {name}')
    table, twice = {}, set()
    for line in data.replace(b'\r\n', b'\n').split(b'\n'):
        words = line.split(None, 1)
        if not words:
            continue
        value = words[1].strip() if len(words) > 1 else b''
        if words[0] in table and table[words[0]] != value:
            twice.add(words[0])
        table.setdefault(words[0], value)
    if b'\r\n' in data:
        mended.add(f'carriage returns in {name}')
    return table, twice


def clean_text(text, mended):
    """The words of a transcript (str), or why they cannot be used -> (text, reason or None)."""
    composed = unicodedata.normalize('NFC', text)
    if composed != text:
        mended.add('texts with letters that were not composed')
    shown = CONTROL.sub(' ', composed.replace('\0', ' '))
    if shown != composed:
        mended.add('texts with control characters')
    # What is unassigned or for private use may be a letter that others know.
    visible = ''.join(c for c in shown if not is_invisible(c) or unicodedata.category(c) in ('Cn', 'Co'))
    if visible != shown:
        mended.add('texts with invisible characters')
    words = split_words(visible)
    if any(w in NO_WORDS for w in words):
        mended.add('texts with symbols of language models')
        words = [w for w in words if w not in NO_WORDS]
    words = ' '.join(words)
    if WORD_MARK in words:
        return words, f'its text holds the word mark {WORD_MARK}'
    return words, None if words else 'its text is empty'


def clean_label(label):
    """One word of UTF-8."""
    return b'_'.join(label.decode('utf-8', 'replace').encode('utf-8').split() or [NO_LABEL])


def name_problem(utterance, recording, speaker, path):
    """What tools could not take in the names (bytes) of an utterance, or None -> (reason, detail)."""
    for what, name in (('name', utterance), ('recording', recording), ('speaker', speaker)):
        try:
            problem = key_problem(name.decode('utf-8'))
        except UnicodeDecodeError:
            return f'its {what} is not UTF-8', show(name)
        if problem:
            return f'its {what} holds what nobody sees', problem
    try:
        path.decode('utf-8')
    except UnicodeDecodeError:
        return 'the path of its audio is not UTF-8', show(path)
    return None


def speakers(tables, utterances, path):
    if 'utt2spk' in tables:
        return {u: s.split()[0] for u, s in tables['utt2spk'].items() if s}
    if 'spk2utt' in tables:
        say(f'{path}: no utt2spk; the speakers are those of spk2utt')
        return {u: s for s, us in tables['spk2utt'].items() for u in us.split()}
    say(f'{path}: neither utt2spk nor spk2utt; each utterance counts as its own speaker')
    return {u: u for u in utterances}


def main():
    po = Options(__doc__)
    po.add_argument('--from', dest='first')
    po.add_argument('source', metavar='data-dir')
    po.add_argument('target', metavar='new-data-dir')
    args = po.parse()
    another_dir(args.source, args.target)
    source = args.source.rstrip('/')
    for name, why in (('wav.scp', 'the audio'), ('text', 'the transcripts')):
        if not os.path.isfile(f'{source}/{name}'):
            die(f'{source} has no {name}, which names {why}')
    mended, dropped = Mended(), Dropped()
    tables, twice = {}, {}
    for name in sorted(os.listdir(source)):
        known = name in OWN or re.fullmatch(r'utt2\w+', name)
        if known and name not in NO_LABELS and os.path.isfile(f'{source}/{name}'):
            tables[name], twice[name] = read_loosely(f'{source}/{name}', mended)

    texts, waves, segments = tables['text'], tables['wav.scp'], tables.get('segments')
    of = {}
    utterances = sorted(set(texts) | set(waves if segments is None else segments) | set(tables.get('utt2spk', {})))
    of = speakers(tables, utterances, source)
    places, resolved, lost = places_of(f'{source}/wav.scp', args.first), {}, set()
    for key, value in waves.items():
        where, there = resolve(os.fsdecode(value), places)
        resolved[key] = os.fsencode(where)
        if not there:
            lost.add(key)

    out = {name: {} for name in ('wav.scp', 'text', 'utt2spk')}
    if segments is not None:
        out['segments'] = {}
    for u in utterances:
        recording = u
        if u not in texts:
            dropped.add(u, 'it has no text')
            continue
        if segments is not None:
            if u not in segments:
                dropped.add(u, 'it has no segment')
                continue
            problems = segment_problems([u] + segments[u].split())
            if problems:
                dropped.add(u, 'its segment is wrong', problems[0])
                continue
            recording = segments[u].split()[0]
        if recording not in waves:
            dropped.add(u, 'wav.scp does not name its audio')
            continue
        if recording in lost:
            dropped.add(u, 'there is no such audio file', show(waves[recording]))
            continue
        if u not in of:
            dropped.add(u, 'it has no speaker')
            continue
        problem = name_problem(u, recording, of[u], resolved[recording])
        if problem:
            dropped.add(u, *problem)
            continue
        double = next((n for n in sorted(twice) if u in twice[n] or n == 'wav.scp' and recording in twice[n]), None)
        if double:
            dropped.add(u, f'{double} has two lines for it that differ')
            continue
        try:
            text, reason = clean_text(texts[u].decode('utf-8'), mended)
        except UnicodeDecodeError:
            text, reason = '', 'its text is not UTF-8'
        if reason:
            dropped.add(u, reason)
            continue
        out['text'][u] = u + b' ' + text.encode('utf-8')
        out['utt2spk'][u] = u + b' ' + of[u]
        out['wav.scp'][recording] = recording + b' ' + resolved[recording]
        if segments is not None:
            out['segments'][u] = u + b' ' + segments[u]
    if not out['text']:
        dropped.tell(source, len(utterances))
        die(f'{source} holds no utterance that can be used')
    for name, table in tables.items():
        if name not in OWN:
            without = [u for u in out['text'] if not table.get(u)]
            if without:
                mended.add(f'utterances without a label in {name}', len(without))
            out[name] = {u: u + b' ' + clean_label(table.get(u, b'')) for u in out['text']}
    mended.tell(source)
    dropped.tell(source, len(utterances))
    os.makedirs(args.target, exist_ok=True)
    DataDir(args.target, out).write(args.target)
    dropped.write(f'{args.target}/dropped')
    say(f'{args.target}: {len(out["text"])} utterances')


if __name__ == '__main__':
    run(main)
