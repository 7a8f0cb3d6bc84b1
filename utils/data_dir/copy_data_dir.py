"""Copies a data directory, with other names for utterances and speakers if wanted.

Usage: utils/copy_data_dir.sh [options] <data-dir> <new-data-dir>
  e.g. utils/copy_data_dir.sh --utt-prefix=far- --spk-prefix=far- data/train data/train_far
  --utt-prefix, --utt-suffix   put before and after the names of utterances
  --spk-prefix, --spk-suffix   of speakers
  --validate-opts "--no-wav"   options for the check of the copy

Recordings keep their names where there are segments. With new names for utterances utt2uniq tells the old ones. stm,
glm and ctm are copied as they are.
"""
import os
import shutil

from shared import DataDir, Options, another_dir, run, say, writing
from validate_data_dir import options as validate_options
from validate_data_dir import validate


def main():
    po = Options(__doc__)
    for name in ('--utt-prefix', '--utt-suffix', '--spk-prefix', '--spk-suffix', '--validate-opts'):
        po.add_argument(name, default='')
    po.add_argument('source', metavar='data-dir')
    po.add_argument('target', metavar='new-data-dir')
    args = po.parse()
    source, target = args.source.rstrip('/'), args.target.rstrip('/')
    another_dir(source, target)
    data = DataDir(source)

    def add(prefix, suffix):
        before, after = os.fsencode(prefix), os.fsencode(suffix)
        return lambda name: before + name + after

    utterance = add(args.utt_prefix, args.utt_suffix)
    if (args.utt_prefix or args.utt_suffix) and not data.has('utt2uniq'):
        data.tables['utt2uniq'] = {u: u + b' ' + u for u in data.utt2spk}
    data = data.rename(utterance, add(args.spk_prefix, args.spk_suffix), lambda name: name)
    data.write(target)
    for name in ('stm', 'glm', 'ctm'):
        if os.path.isfile(f'{source}/{name}'):
            with open(f'{source}/{name}', 'rb') as old, writing(f'{target}/{name}', 'wb') as new:
                shutil.copyfileobj(old, new)
    say(f'{target}: copied from {source}')
    check = args.validate_opts.split() + [f'--no-{kind}' for kind, name in (('feats', 'feats.scp'), ('text', 'text'),
                                                                            ('wav', 'wav.scp')) if not data.has(name)]
    return 1 if validate(target, validate_options().parse(check + [target])) else 0


if __name__ == '__main__':
    run(main)
