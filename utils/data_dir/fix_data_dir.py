"""Mends a Kaldi data directory: cleans lines, sorts, and keeps only the utterances that all its tables have.

Usage: utils/fix_data_dir.sh [options] <data-dir>
  e.g. utils/fix_data_dir.sh data/train
  --utt-extra-files "a b"   more files keyed by utterance to sort and filter
  --spk-extra-files "a b"   more files keyed by speaker
  --drop-missing-audio false   drop recordings whose file is not there

Byte order marks, carriage returns, tabs and spaces around lines go, UTF-16 becomes UTF-8, and white space of other
kinds in text becomes a space; gone are empty lines, lines that are not UTF-8 or not what their table needs, and all lines of a key but the first. An utterance stays if it is in utt2spk and in each
of text, feats.scp, utt2lang, segments (with its recording in wav.scp) or wav.scp that is there, and its speaker in
each of cmvn.scp and spk2gender. spk2utt is made from utt2spk. What was dropped is said; the old form of each file that
changed is kept in <data-dir>/.backup. utt2dur and utt2num_frames can be made again, so they go if they lack an
utterance.
"""
import os

from shared import (BYTE_ORDER_MARK, MOST, DataDir, Options, die, keyed_by, line_problems, run, say, show,
                    spk2utt_table, value_of, warn, write_lines, writing)
from u2moe_script import other_encoding
from validate_data_dir import ODD_SPACE, Files, speaker_order_remedy


def lines_of(path):
    """The lines of a file in whatever encoding its first bytes name; without a byte order mark at the start of any, as
    joined files have them."""
    with open(path, 'rb') as f:
        data = f.read()
    encoding = other_encoding(data)
    if encoding:
        try:
            data = data.decode(encoding).encode('utf-8')
        except UnicodeDecodeError as e:
            die(f'{path}: {encoding.upper()} with an error at byte {e.start + 1}; nothing was changed')
        warn(f'{path}: {encoding.upper()} becomes UTF-8')
    lines = data.split(b'\n')
    if not lines[-1]:
        lines.pop()
    for line in lines:
        while line.startswith(BYTE_ORDER_MARK):
            line = line[len(BYTE_ORDER_MARK):]
        yield line


def clean_line(name, line):
    """The line as it should be; files named in .scp may hold tabs."""
    line = line.strip()
    if name == 'text' and not line.isascii():
        try:
            line = ODD_SPACE.sub(' ', line.decode('utf-8')).strip().encode('utf-8')
        except UnicodeDecodeError:
            pass  # it will be dropped
    if name.endswith('.scp'):
        key = line.split(None, 1)[:1]
        return b' '.join(key + [value_of(line)]) if key else b''
    return line.replace(b'\t', b' ')


def clean_table(path, name, files):
    """{key: line} of what is good in a file."""
    table, dropped, doubles = {}, [], []
    for number, line in enumerate(lines_of(path), 1):
        line = clean_line(name, line)
        words = line.split()
        if not words:
            continue
        try:
            line.decode('utf-8')
            problem = b'\0' in line and 'a zero byte' or keyed_by(name) and '; '.join(line_problems(name, words))
        except UnicodeDecodeError as e:
            problem = f'not UTF-8 at byte {e.start + 1}'
        if not problem and files and name == 'wav.scp':
            problem = files.problem(value_of(line))
        if problem:
            dropped.append((number, f'"{show(words[0])}": {problem}'))
        elif words[0] not in table:
            table[words[0]] = line
        elif table[words[0]] != line:
            doubles.append((number, f'"{show(words[0])}" again, with another value'))
    for found, what in ((dropped, 'dropped'), (doubles, 'kept the first line')):
        for number, problem in found[:MOST]:
            warn(f'{path}:{number}: {what}: {problem}')
        if len(found) > MOST:
            warn(f'{path}: {what}: {len(found) - MOST} lines more')
    return table


def common_utterances(data):
    """The utterances that every essential table has, and whose speaker the tables of speakers have."""
    utterances = set(data.utt2spk)
    if data.has('segments'):
        if not data.has('wav.scp'):
            die(f'{data.path}/segments is there but {data.path}/wav.scp is not')
        recordings = data.tables['wav.scp']
        lost = [u for u, line in data.tables['segments'].items() if line.split(None, 2)[1] not in recordings]
        if lost:
            warn(f'{len(lost)} segments, "{show(min(lost))}" first, have no recording in {data.path}/wav.scp')
        utterances -= set(lost)
    for name in ('text', 'feats.scp', 'utt2lang', 'segments') + (() if data.has('segments') else ('wav.scp',)):
        if data.has(name):
            lost = utterances - set(data.tables[name])
            if lost:
                warn(f'{len(lost)} utterances, "{show(min(lost))}" first, are not in {data.path}/{name}')
            utterances -= lost
    for name in ('cmvn.scp', 'spk2gender'):
        if data.has(name):
            lost = {data.utt2spk[u] for u in utterances} - set(data.tables[name])
            if lost:
                warn(f'{len(lost)} speakers, "{show(min(lost))}" first, are not in {data.path}/{name}')
            utterances = {u for u in utterances if data.utt2spk[u] not in lost}
    return utterances


def remove_incomplete(data):
    """What can be made again goes if it lacks an utterance; of other extras we can only warn."""
    utterances, speakers = set(data.utt2spk), set(data.utt2spk.values())
    recordings = data.recordings(utterances)
    all_keys = dict(utterance=utterances, speaker=speakers, recording=recordings)
    for name in list(data.tables):
        lost = all_keys[keyed_by(name)] - set(data.tables[name])
        if not lost:
            continue
        if name in ('utt2dur', 'utt2num_frames', 'reco2dur'):
            warn(f'{data.path}/{name} lacks "{show(min(lost))}": removed, make it again')
            del data.tables[name]
        else:
            more = f' and {len(lost) - 1} more' if len(lost) > 1 else ''
            warn(f'{data.path}/{name} lacks "{show(min(lost))}"{more}')


def fix(path, extra_utt=(), extra_spk=(), drop_missing_audio=False):
    if not os.path.isfile(f'{path}/utt2spk'):
        die(f'no file {path}/utt2spk')
    names = [n for n in sorted(os.listdir(path)) if keyed_by(n) and n != 'spk2utt' and os.path.isfile(f'{path}/{n}')]
    files = Files(path) if drop_missing_audio else None
    data = DataDir(path, {name: clean_table(f'{path}/{name}', name, files) for name in names})
    total = len(data.utt2spk)
    utterances = common_utterances(data)
    if not utterances:
        die(f'no utterance of {path} is in all its tables; nothing was changed')
    data = data.subset(utterances)
    remove_incomplete(data)

    speakers = set(data.utt2spk.values())
    tables = dict(data.tables, spk2utt=spk2utt_table(data.utt2spk))
    for extra, keep in ((extra_utt, utterances), (extra_spk, speakers)):
        for name in extra:
            if os.path.isfile(f'{path}/{name}') and name not in tables:
                table = clean_table(f'{path}/{name}', name, None)
                tables[name] = {key: line for key, line in table.items() if key in keep}
    save(path, tables, [n for n in names if n not in tables])
    order = sorted(data.utt2spk)
    for last, this in zip(order, order[1:]):
        if data.utt2spk[this] < data.utt2spk[last]:
            remedy = speaker_order_remedy((last, data.utt2spk[last]), (this, data.utt2spk[this]))
            warn(f'{path}/utt2spk is in order of utterance, not of speaker: "{show(this)}" of '
                 f'"{show(data.utt2spk[this])}" comes after "{show(last)}" of "{show(data.utt2spk[last])}"; {remedy}')
            break
    say(f'{path}: kept {"all" if len(utterances) == total else f"{len(utterances)} of"} {total} utterances')


def save(path, tables, removed):
    """Writes what changed; the old form goes to .backup first."""
    backup, changed = f'{path}/.backup', []
    for name in list(tables) + removed:
        new = [tables[name][key] for key in sorted(tables[name])] if name in tables else None
        old = f'{path}/{name}'
        if os.path.isfile(old):
            with open(old, 'rb') as f:
                content = f.read()
            if new is not None and content == b''.join(line + b'\n' for line in new):
                continue
            os.makedirs(backup, exist_ok=True)
            with writing(f'{backup}/{name}', 'wb') as f:
                f.write(content)
        changed.append(name)
        if new is None:
            os.remove(old)
        else:
            write_lines(old, new)
    if changed:
        say(f'{path}: changed {" ".join(changed)}; the old files are in {backup}')


def main():
    po = Options(__doc__)
    po.add_argument('--utt-extra-files', default='')
    po.add_argument('--spk-extra-files', default='')
    po.boolean('--drop-missing-audio', False)
    po.add_argument('data', metavar='data-dir')
    args = po.parse()
    fix(args.data.rstrip('/') or '/', args.utt_extra_files.split(), args.spk_extra_files.split(),
        args.drop_missing_audio)


if __name__ == '__main__':
    run(main)
