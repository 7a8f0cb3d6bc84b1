"""Puts data directories together.

Usage: utils/combine_data.sh [options] <new-data-dir> <data-dir> ...
  e.g. utils/combine_data.sh data/train_all data/train data/train_sp0.9 data/train_sp1.1
  --extra-files "a b"   more files to put together, one line a key
  --skip-fix false      do not run fix_data_dir.sh on the result

A table is put together if all directories have it; else it is left out, and said so. utt2uniq and segments are made
where only some have them: an utterance is its own origin, and the whole of its recording. Two directories may share an
utterance, speaker or recording only if they say the same of it.
"""
from shared import (Complaints, DataDir, Options, another_dir, keyed_by, read_table, run, say, second_words, show, usage_error,
                    warn, write_lines)
from fix_data_dir import fix


def merge(name, parts, complaints):
    """One table of [(directory, table)]."""
    merged, origin = {}, {}
    for path, table in parts:
        for number, (key, line) in enumerate(table.items(), 1):
            if merged.setdefault(key, line) != line:
                complaints.add(f'{path}/{name}', 'other values', number, f'"{show(key)}" has another value in '
                               f'{origin[key]}/{name}; give one of them other names first (utils/copy_data_dir.sh '
                               '--utt-prefix --spk-prefix), or remove the file')
            origin.setdefault(key, path)
    return merged


def whole_segments(data):
    """Segments that are whole recordings, for a directory without."""
    ends = {}
    if data.has('utt2dur'):
        ends = second_words(f'{data.path}/utt2dur', data.tables['utt2dur'], 'utterance seconds')
    return {u: b'%s %s 0 %s' % (u, u, ends.get(u, b'-1')) for u in data.utt2spk}


def main():
    po = Options(__doc__)
    po.add_argument('--extra-files', default='')
    po.boolean('--skip-fix', False)
    po.add_argument('dirs', nargs='*')
    args = po.parse()
    if len(args.dirs) < 2:
        usage_error('a directory to write and the ones to put together are needed')
    target, sources = args.dirs[0].rstrip('/'), [d.rstrip('/') for d in args.dirs[1:]]
    for source in sources:
        another_dir(source, target)
    parts = [DataDir(source) for source in sources]
    for name, fill in (('segments', whole_segments), ('utt2uniq', lambda d: {u: u + b' ' + u for u in d.utt2spk})):
        if any(d.has(name) for d in parts):
            for data in parts:
                if not data.has(name):
                    data.tables[name] = fill(data)
    tables, complaints = {}, Complaints()
    for name in sorted({name for data in parts for name in data.tables}):
        lacking = [data.path for data in parts if not data.has(name)]
        if lacking:
            warn(f'{name} is left out: {lacking[0]} does not have it')
        else:
            tables[name] = merge(name, [(data.path, data.tables[name]) for data in parts], complaints)
    for name in args.extra_files.split():
        if not keyed_by(name):
            tables[name] = merge(name, [(source, read_table(f'{source}/{name}')) for source in sources], complaints)
    complaints.finish()
    extra = {name: tables.pop(name) for name in list(tables) if not keyed_by(name)}
    combined = DataDir(target, tables)
    combined.write(target)
    for name, table in extra.items():
        write_lines(f'{target}/{name}', [table[key] for key in sorted(table)])
    if not args.skip_fix:
        fix(target)
    say(f'{target}: {len(combined.utt2spk)} utterances put together, of {len(parts)} directories')


if __name__ == '__main__':
    run(main)
