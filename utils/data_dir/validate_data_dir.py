"""Checks a Kaldi data directory and names what is wrong with file and line.

Usage: utils/validate_data_dir.sh [options] <data-dir>
  e.g. utils/validate_data_dir.sh --no-feats data/train
  --no-feats, --no-text, --no-wav   feats.scp, text, wav.scp may be absent; they are checked where present
  --no-spk-sort     utt2spk need not be in order of speaker as well as of utterance
  --non-print       text may hold control characters
  --no-file-check   do not look whether the files that wav.scp, feats.scp, ... name are there

Needed are utt2spk, spk2utt, text, wav.scp and feats.scp. Checked where present: segments, vad.scp, cmvn.scp, and all
that is called utt2*, spk2* or reco2*. Tables are UTF-8 text with Unix line ends, sorted by key in byte order (as
LC_ALL=C sort does), one line a key, and have the same utterances, speakers or recordings. The exit status is 0 if
nothing but warnings came up.
"""
import os
import re

from shared import (ESSENTIAL, Options, keyed_by, line_problem, read_lines, run, say, segment_problem, show,
                    spk2utt_table, value_of)

MOST = 10  # complaints about one file before the rest is only counted
# In transcripts: white space that is neither space nor tab divides words for some tools and not for others.
ODD_SPACE = re.compile(r'[^\S \t]')
CONTROL = re.compile(r'[\x01-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f]')


class Report:
    """Counts errors and warnings and prints the first ones of each file."""

    def __init__(self):
        self.errors = 0
        self.of_file = {}

    def error(self, path, number, text):
        self.errors += 1
        self.of_file[path] = self.of_file.get(path, 0) + 1
        if self.of_file[path] <= MOST:
            say(f'error: {path}:{number}: {text}')

    def no_file(self, text):
        self.errors += 1
        say(f'error: {text}')

    @staticmethod
    def warning(path, numbers, text):
        say(f'warning: {path}:{numbers[0]}: {text}' + (f' ({len(numbers)} lines)' if len(numbers) > 1 else ''))

    def finish(self):
        for path, count in self.of_file.items():
            if count > MOST:
                say(f'error: {path}: {count - MOST} complaints more')


def check_bytes(path, lines, report):
    """What can be wrong with a text file of any kind."""
    warnings = {}
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            if number == 1 and line.startswith(b'\xef\xbb\xbf'):
                report.error(path, number, 'a byte order mark; remove it (utils/fix_data_dir.sh does so)')
            try:
                line.decode('utf-8')
            except UnicodeDecodeError as e:
                report.error(path, number, f'not UTF-8 at byte {e.start + 1} of the line: "{show(line[:60])}"; '
                             'convert the file, e.g. with iconv -f latin1 -t utf-8')
        if b'\r' in line:
            report.error(path, number, 'a carriage return; turn the file into Unix lines '
                         '(utils/fix_data_dir.sh does so)')
        if b'\0' in line:
            report.error(path, number, 'a zero byte; this is not a text file')
        if not line.strip():
            report.error(path, number, 'an empty line; remove it (utils/fix_data_dir.sh does so)')
        if b'\t' in line:
            warnings.setdefault('a tab instead of a space; utils/fix_data_dir.sh replaces it', []).append(number)
        if line[:1] == b' ' or line[-1:] == b' ':
            warnings.setdefault('a space at the start or end of the line; utils/fix_data_dir.sh removes it',
                                []).append(number)
    for text, numbers in warnings.items():
        report.warning(path, numbers, text)


def check_order(path, keys, report):
    last = None
    for number, key in enumerate(keys, 1):
        if key is None:
            continue
        if last is not None and key <= last:
            if key == last:
                report.error(path, number, f'"{show(key)}" is there twice; keep one of its lines '
                             '(utils/fix_data_dir.sh keeps the first)')
            else:
                report.error(path, number, f'"{show(key)}" comes after "{show(last)}": not in byte order; '
                             'sort it with LC_ALL=C sort')
        last = key


def check_same(path, table, other_path, other, report):
    """Both files have the same keys. table, other: {key: line number}."""
    for key, number in table.items():
        if key not in other:
            report.error(path, number, f'"{show(key)}" is in {path}, not in {other_path}')
    for key, number in other.items():
        if key not in table:
            report.error(other_path, number, f'"{show(key)}" is in {other_path}, not in {path}')


def check_text(path, lines, non_print, report):
    empty = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) == 1:
            empty.append(number)
        for symbol in (b'<s>', b'</s>', b'#0'):
            if symbol in words[1:]:
                report.error(path, number, f'the word {show(symbol)} has a meaning of its own in language models; '
                             'remove it')
        text = line.decode('utf-8', 'replace')
        odd = ODD_SPACE.search(text.rstrip('\r'))
        if odd:
            report.error(path, number, f'white space U+{ord(odd.group()):04X} at character {odd.start() + 1}; '
                         'write a space instead')
        control = None if non_print else CONTROL.search(text)
        if control:
            report.error(path, number, f'control character U+{ord(control.group()):04X} at character '
                         f'{control.start() + 1}; remove it, or allow it with --non-print')
    if empty:
        report.warning(path, empty, 'an empty transcript')


class Files:
    """Whether the files are there that the values of a table name."""

    def __init__(self):
        self.known = {}

    def problem(self, value):
        value = value.strip()
        if value.endswith(b'|'):
            return None
        if value.startswith(b'~'):
            return 'nobody expands "~"; write the whole path'
        path = re.sub(rb'(:\d+)?(\[[^\]]*\])?$', b'', value)
        if path not in self.known:
            self.known[path] = os.path.exists(path)
        if self.known[path] or os.path.exists(value):
            return None
        text = f'no file "{show(path)}"'
        if not path.startswith(b'/'):
            text += f' in {os.getcwd()}'
        return text + ('; a command needs a "|" at its end' if b' ' in value else '')


def check_table(path, name, lines, args, files, report):
    """Returns {key: number of its line}."""
    check_bytes(path, lines, report)
    keys = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        keys.append(words[0] if words else None)
        problem = words and line_problem(name, words)
        if problem:
            report.error(path, number, problem)
        elif words and name.endswith('.scp') and not args.no_file_check:
            problem = files.problem(value_of(line))
            if problem:
                report.error(path, number, f'"{show(words[0])}": {problem}')
    check_order(path, keys, report)
    if name == 'text':
        check_text(path, lines, args.non_print, report)
    if name == 'reco2file_and_channel':
        digits = [n for n, line in enumerate(lines, 1) if line.split()[-1:] in ([b'1'], [b'2'])]
        if digits:
            report.warning(path, digits, 'channels are called A and B, not 1 and 2')
    return {key: number for number, key in enumerate(keys, 1) if key is not None}


def check_speakers(path, lines, spk2utt_path, spk2utt_lines, sort, report):
    pairs = [line.split() for line in lines]
    pairs = [(number, pair) for number, pair in enumerate(pairs, 1) if len(pair) == 2]
    if sort:
        for (_, last), (number, pair) in zip(pairs, pairs[1:]):
            if pair[1] < last[1] and pair[0] > last[0]:
                report.error(path, number, f'speaker "{show(pair[1])}" comes after "{show(last[1])}": in order of '
                             'utterance, not of speaker; begin the names of utterances with their speaker, '
                             'or allow it with --no-spk-sort')
                break
    want = spk2utt_table({pair[0]: pair[1] for _, pair in pairs})
    found = [b' '.join(line.split()) for line in spk2utt_lines]
    if list(want.values()) != found:
        both = enumerate(zip(want.values(), found), 1)
        number = next((i for i, (w, f) in both if w != f), min(len(want), len(found)) + 1)
        report.error(spk2utt_path, number, f'{spk2utt_path} does not follow from utt2spk; make it with '
                     f'utils/utt2spk_to_spk2utt.pl {path} > {spk2utt_path}')
    if len(want) == 1 and len(pairs) > 1:
        report.warning(path, [1], 'all utterances are of one speaker; where speakers are not known, each utterance is '
                       'better a speaker of its own')
    return want


def check_times(path, lines, reco2dur_lines, report):
    durations = {}
    for line in reco2dur_lines:
        words = line.split()
        if words and not line_problem('reco2dur', words):
            durations[words[0]] = float(words[1])
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and not segment_problem(words) and words[1] in durations:
            duration = durations[words[1]]
            # extract-segments cuts up to half a second off
            if float(words[2]) >= duration or float(words[3]) > duration + 0.5:
                report.error(path, number, f'the segment from {show(words[2])} to {show(words[3])} s does not lie '
                             f'in recording "{show(words[1])}" of {duration:g} s')


def validate(data, args):
    """Number of errors."""
    report, files = Report(), Files()
    if not os.path.isdir(data):
        say(f"error: no directory '{data}'")
        return 1
    optional = dict(text=args.no_text and '--no-text', **{'feats.scp': args.no_feats and '--no-feats',
                                                          'wav.scp': args.no_wav and '--no-wav'})
    present = [n for n in os.listdir(data) if keyed_by(n) and os.path.isfile(f'{data}/{n}')]
    for name, hint in (('utt2spk', ''), ('spk2utt', '; utils/utt2spk_to_spk2utt.pl makes it'),
                       ('text', '; allow that with --no-text'), ('wav.scp', '; allow that with --no-wav'),
                       ('feats.scp', '; make it with make_fbank.sh, or allow that with --no-feats')):
        if name in present and os.path.getsize(f'{data}/{name}') == 0:
            report.no_file(f'{data}/{name} is empty')
        elif name not in present and not optional.get(name):
            report.no_file(f'{data}/{name} is missing{hint}')
    if 'segments' in present and 'wav.scp' not in present:
        report.no_file(f'{data}/wav.scp is missing, and segments needs it')
    if report.errors:
        return report.errors

    present.sort(key=lambda name: (name not in ESSENTIAL, ESSENTIAL.index(name) if name in ESSENTIAL else 0, name))
    lines = {name: read_lines(f'{data}/{name}') for name in present}
    tables = {name: check_table(f'{data}/{name}', name, lines[name], args, files, report) for name in present}
    speakers = check_speakers(f'{data}/utt2spk', lines['utt2spk'], f'{data}/spk2utt', lines['spk2utt'],
                              not args.no_spk_sort, report)

    source = {'utterance': (f'{data}/utt2spk', tables['utt2spk']),
              'speaker': (f'{data}/spk2utt', {s: n for n, s in enumerate(speakers, 1)})}
    source['recording'] = source['utterance']
    if 'segments' in tables:
        used = {}
        for number, line in enumerate(lines['segments'], 1):
            words = line.split(None, 2)
            if len(words) > 1:
                used.setdefault(words[1], number)
        source['recording'] = (f'{data}/segments', used)
        check_times(f'{data}/segments', lines['segments'], lines.get('reco2dur', []), report)
    for name, table in tables.items():
        if name not in ('utt2spk', 'spk2utt'):
            check_same(f'{data}/{name}', table, *source[keyed_by(name)], report)
    report.finish()
    if report.errors:
        errors = 'an error' if report.errors == 1 else f'{report.errors} errors'
        say(f'{data}: {errors}; utils/fix_data_dir.sh {data} sorts, drops what is not in all tables and keeps the old '
            'files')
    else:
        say(f'{data}: {len(tables["utt2spk"])} utterances of {len(speakers)} speakers, in order')
    return report.errors


def options():
    po = Options(__doc__)
    for name in ('--no-feats', '--no-text', '--no-wav', '--no-spk-sort', '--non-print', '--no-file-check'):
        po.flag(name)
    po.add_argument('data', metavar='data-dir')
    return po


def main():
    args = options().parse()
    return 1 if validate(args.data.rstrip('/') or '/', args) else 0


if __name__ == '__main__':
    run(main)
