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

from shared import (BYTE_ORDER_MARK, ESSENTIAL, MOST, Options, keyed_by, line_problems, run, say, segment_problems, show,
                    spk2utt_table, value_of)
from u2moe_script import other_encoding
from u2moe_text import WHITE_SPACE, code_point_name, is_invisible, is_white_space
from wav_paths import found_in, places_of

# In transcripts: white space that is neither space nor tab divides words here and is part of them for other tools.
ODD_SPACE = re.compile('[' + WHITE_SPACE.replace(' ', '').replace('\t', '') + ']')
CONTROL = re.compile(r'[\x01-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]')
EMPTY_LINE = 'an empty line; remove it (utils/fix_data_dir.sh does so)'


class Report:
    """Counts errors and warnings and prints the first ones of each kind of each file."""

    def __init__(self):
        self.errors = 0
        self.of_kind = {}

    def error(self, path, number, kind, text):
        self.errors += 1
        count = self.of_kind[path, kind] = self.of_kind.get((path, kind), 0) + 1
        if count <= MOST:
            say(f'error: {path}:{number}: {text}')

    def of_file(self, text):
        self.errors += 1
        say(f'error: {text}')

    @staticmethod
    def warning(path, numbers, text):
        say(f'warning: {path}:{numbers[0]}: {text}' + (f' ({len(numbers)} lines)' if len(numbers) > 1 else ''))

    def finish(self):
        for (path, kind), count in self.of_kind.items():
            if count > MOST:
                say(f'error: {path}: {count - MOST} complaints more: {kind}')


def read_for_check(path, report):
    """The lines of a file, what is wrong with it as a whole reported: nothing there would compare with other files."""
    try:
        with open(path, 'rb') as f:
            data = f.read()
    except OSError as e:
        report.of_file(f'{path}: {e.strerror}')
        return []
    encoding = other_encoding(data)
    if encoding:
        report.of_file(f'{path} is {encoding.upper()}, not UTF-8; convert it with iconv -f {encoding.upper()} -t UTF-8 '
                       '(utils/fix_data_dir.sh does so)')
        data = data.decode(encoding, 'replace').encode('utf-8', 'replace')  # the other checks go on
    elif data.startswith(BYTE_ORDER_MARK):
        report.error(path, 1, 'byte order marks', 'a byte order mark (U+FEFF); remove it (utils/fix_data_dir.sh does so)')
        data = data[len(BYTE_ORDER_MARK):]
    lines = data.split(b'\n')
    if not lines[-1]:
        lines.pop()
    return lines


def check_bytes(path, lines, report, space_after=False):
    """What can be wrong with a text file of any kind. space_after: as Kaldi's tools and ours write words and numbers."""
    warnings = {}
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            check_characters(path, number, line, report)
        if b'\r' in line:
            report.error(path, number, 'carriage returns', 'a carriage return; turn the file into Unix lines '
                         '(utils/fix_data_dir.sh does so)')
        if b'\0' in line:
            report.error(path, number, 'zero bytes', 'a zero byte; this is not a text file')
        if not line.strip():
            report.error(path, number, 'empty lines', EMPTY_LINE)
        if b'\t' in line:
            warnings.setdefault('a tab instead of a space; utils/fix_data_dir.sh replaces it', []).append(number)
        if line[:1] == b' ' or line.endswith(b'  ' if space_after else b' '):
            warnings.setdefault('a space at the start or end of the line; utils/fix_data_dir.sh removes it',
                                []).append(number)
    for text, numbers in warnings.items():
        report.warning(path, numbers, text)


def check_characters(path, number, line, report):
    """A line that is not ASCII: whether it is UTF-8, and whether one can see what its key is."""
    try:
        line.decode('utf-8')
    except UnicodeDecodeError as e:
        report.error(path, number, 'not UTF-8', f'not UTF-8 at byte {e.start + 1} of the line: "{show(line[:60])}"; '
                     'convert the file, e.g. with iconv -f latin1 -t utf-8')
    key = (line.split(None, 1) or [b''])[0].decode('utf-8', 'replace')
    for c in dict.fromkeys(key):
        if is_invisible(c) and not CONTROL.match(c):
            report.error(path, number, 'invisible characters in keys', f'{code_point_name(c)} in the key '
                         f'"{show(key.encode())}", where nobody sees it' +
                         ('; two files with byte order marks were joined (utils/fix_data_dir.sh removes it)'
                          if c == '\ufeff' else '; remove it'))
        elif is_white_space(c):
            report.error(path, number, 'white space in keys', f'{code_point_name(c)} in "{show(key.encode())}", where a '
                         'space or tab must end the key')


def check_order(path, keys, report):
    last, seen = None, set()
    for number, key in enumerate(keys, 1):
        if key is None:
            continue
        if key in seen:
            report.error(path, number, 'keys twice', f'"{show(key)}" is there twice; keep one of its lines '
                         '(utils/fix_data_dir.sh keeps the first)')
        if last is not None and key < last:
            report.error(path, number, 'lines out of order', f'"{show(key)}" comes after "{show(last)}": not in byte '
                         'order; sort it with LC_ALL=C sort')
        last = key
        seen.add(key)


def check_same(path, table, other_path, other, report):
    """Both files have the same keys. table, other: {key: line number}."""
    for one_path, one, two_path, two in ((path, table, other_path, other), (other_path, other, path, table)):
        for key, number in one.items():
            if key not in two:
                report.error(one_path, number, f'in {one_path}, not in {two_path}',
                             f'"{show(key)}" is in {one_path}, not in {two_path}')


def check_text(path, lines, non_print, report):
    empty, invisible = [], {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) == 1:
            empty.append(number)
        for symbol in (b'<s>', b'</s>', b'#0'):
            if symbol in words[1:]:
                report.error(path, number, 'symbols of language models', f'the word {show(symbol)} has a meaning of its '
                             'own in language models; remove it')
        text = line.decode('utf-8', 'replace').rstrip('\r')
        for odd in {m.group(): m for m in reversed(list(ODD_SPACE.finditer(text)))}.values():
            report.error(path, number, 'white space', f'white space U+{ord(odd.group()):04X} at character '
                         f'{odd.start() + 1}; write a space instead (utils/fix_data_dir.sh does so)')
        for control in () if non_print else {m.group(): m for m in reversed(list(CONTROL.finditer(text)))}.values():
            report.error(path, number, 'control characters', f'control character U+{ord(control.group()):04X} at '
                         f'character {control.start() + 1}; remove it, or allow it with --non-print')
        if not text.isascii():
            for c in set(text.split(None, 1)[1]) if len(words) > 1 else ():
                if is_invisible(c) and not CONTROL.match(c) and c != '\ufffd':
                    invisible.setdefault(c, []).append((number, text.index(c) + 1))
    for c, places in sorted(invisible.items()):
        report.warning(path, [number for number, _ in places], f'{code_point_name(c)} at character {places[0][1]}: '
                       'nobody sees it, but it makes another word; remove it')
    if empty:
        report.warning(path, empty, 'an empty transcript')


class Files:
    """Whether the files are there that the values of a table name."""

    def __init__(self, folder):
        self.known = {}
        self.places = places_of(f'{folder}/wav.scp')

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
            place = found_in(os.fsdecode(path), self.places)
            if place:
                return f'{text}, but in {place}; utils/wav_paths.sh writes whole paths'
        return text + ('; a command needs a "|" at its end' if b' ' in value else '')


def check_table(path, name, lines, args, files, report):
    """Returns {key: number of its line}."""
    check_bytes(path, lines, report, name in ('text', 'utt2dur', 'utt2num_frames', 'reco2dur'))
    keys = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        keys.append(words[0] if words else None)
        problems = words and line_problems(name, words)
        for problem in problems:
            report.error(path, number, 'wrong lines', problem)
        if words and not problems and name.endswith('.scp') and not args.no_file_check:
            problem = files.problem(value_of(line))
            if problem:
                report.error(path, number, 'files', f'"{show(words[0])}": {problem}')
    check_order(path, keys, report)
    if name == 'text':
        check_text(path, lines, args.non_print, report)
    if name == 'reco2file_and_channel':
        digits = [n for n, line in enumerate(lines, 1) if line.split()[-1:] in ([b'1'], [b'2'])]
        if digits:
            report.warning(path, digits, 'channels are called A and B, not 1 and 2')
    table = {}
    for number, key in enumerate(keys, 1):
        if key is not None:
            table.setdefault(key, number)
    return table


def speaker_order_remedy(last, this):
    """last, this: (utterance, speaker) that are in order of utterance but not of speaker. What to do about it."""
    if last[0].startswith(last[1]) and this[0].startswith(this[1]):
        # 1_2 after 13: the longer speaker goes on with a character below what follows the shorter one.
        short, long = sorted((last, this), key=lambda pair: len(pair[1]))
        after, against = short[0][len(short[1]):][:1], long[1][len(short[1]):][:1]
        return (f'both names begin with their speaker, but "{show(after)}" sorts after "{show(against)}": make speakers '
                'equally long, numbers by zero padding (01, 13), or put "-" after the speaker, which sorts before '
                'digits and letters')
    return 'begin the names of utterances with their speaker'


def check_speakers(path, lines, spk2utt_path, spk2utt_lines, sort, report):
    """utt2spk, and, where it is there (lines not None), spk2utt, which must follow from it. Returns the speakers."""
    pairs = [line.split() for line in lines]
    pairs = [(number, pair) for number, pair in enumerate(pairs, 1) if len(pair) == 2]
    if sort:
        for (_, last), (number, pair) in zip(pairs, pairs[1:]):
            if pair[1] < last[1] and pair[0] > last[0]:
                report.error(path, number, 'order of speakers', f'speaker "{show(pair[1])}" comes after '
                             f'"{show(last[1])}": in order of utterance, not of speaker; '
                             f'{speaker_order_remedy(last, pair)}, or allow it with --no-spk-sort')
    want = spk2utt_table({pair[0]: pair[1] for _, pair in reversed(pairs)})
    if spk2utt_lines is not None:
        check_spk2utt(path, want, spk2utt_path, spk2utt_lines, report)
    # A part of a set may have one speaker; a name that its utterances do not have stands for "nobody knows".
    if len(want) == 1 and len(pairs) > 1 and not all(pair[0].startswith(pair[1]) for _, pair in pairs):
        report.warning(path, [1], 'all utterances are of one speaker; where speakers are not known, each utterance is '
                       'better a speaker of its own')
    return want


def check_spk2utt(path, want, spk2utt_path, lines, report):
    remedy = f'make it with utils/utt2spk_to_spk2utt.pl {path} > {spk2utt_path}'
    found = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0] in found:
            continue
        found[words[0]] = number
        wanted = want.get(words[0], b'').split()
        if not wanted:
            report.error(spk2utt_path, number, 'other speakers', f'{spk2utt_path} does not follow from utt2spk: nobody '
                         f'there is called "{show(words[0])}"; {remedy}')
        elif words != wanted:
            odd = sorted(set(words[1:]) ^ set(wanted[1:]))
            what = f'"{show(odd[0])}" {"is not there" if odd[0] in wanted else "is not of this speaker"}' if odd else \
                'not in order, or twice'
            report.error(spk2utt_path, number, 'other utterances', f'{spk2utt_path} does not follow from utt2spk: '
                         f'"{show(words[0])}": {what}; {remedy}')
    for number, speaker in enumerate(want, 1):
        if speaker not in found:
            report.error(spk2utt_path, number, 'speakers missing', f'{spk2utt_path} does not follow from utt2spk: '
                         f'"{show(speaker)}" is not there; {remedy}')


def check_times(path, lines, reco2dur_lines, report):
    durations = {}
    for line in reco2dur_lines:
        words = line.split()
        if words and not line_problems('reco2dur', words):
            durations[words[0]] = float(words[1])
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and not segment_problems(words) and words[1] in durations:
            duration = durations[words[1]]
            # extract-segments cuts up to half a second off
            if float(words[2]) >= duration or float(words[3]) > duration + 0.5:
                report.error(path, number, 'times', f'the segment from {show(words[2])} to {show(words[3])} s does not '
                             f'lie in recording "{show(words[1])}" of {duration:g} s')


def check_presence(data, args, report):
    """The names of the tables that are there; reports those that must be there and are not, or hold nothing."""
    optional = dict(text=args.no_text, **{'feats.scp': args.no_feats, 'wav.scp': args.no_wav})
    present = []
    for name in os.listdir(data):
        if keyed_by(name) and os.path.isfile(f'{data}/{name}'):
            present.append(name)
        elif keyed_by(name) and os.path.isdir(f'{data}/{name}'):
            report.of_file(f'{data}/{name} is a directory, not a table')
    for name, hint in (('utt2spk', ''), ('spk2utt', '; utils/utt2spk_to_spk2utt.pl makes it'),
                       ('text', '; allow that with --no-text'), ('wav.scp', '; allow that with --no-wav'),
                       ('feats.scp', '; make it with make_fbank.sh, or allow that with --no-feats')):
        if name in present and os.path.getsize(f'{data}/{name}') == 0:
            report.of_file(f'{data}/{name} is empty')
            present.remove(name)
        elif name == 'wav.scp' and name not in present and 'segments' in present:
            report.of_file(f'{data}/wav.scp is missing, and segments needs it')
        elif name not in present and not optional.get(name) and not os.path.isdir(f'{data}/{name}'):
            report.of_file(f'{data}/{name} is missing{hint}')
    present.sort(key=lambda name: (name not in ESSENTIAL, ESSENTIAL.index(name) if name in ESSENTIAL else 0, name))
    return present


def validate(data, args):
    """Number of errors. Whatever is missing or wrong, the rest is checked too."""
    report, files = Report(), Files(data)
    if not os.path.isdir(data):
        say(f"error: no directory '{data}'")
        return 1
    present = check_presence(data, args, report)
    lines = {name: read_for_check(f'{data}/{name}', report) for name in present}
    tables = {name: check_table(f'{data}/{name}', name, lines[name], args, files, report) for name in present}
    speakers = check_speakers(f'{data}/utt2spk', lines.get('utt2spk', []), f'{data}/spk2utt',
                              lines.get('spk2utt') if 'utt2spk' in present else None, not args.no_spk_sort, report)

    # Without utt2spk another table says which utterances there are, as far as one can tell.
    decides = next((n for n in ('utt2spk', 'text', 'feats.scp', 'segments', *present) if tables.get(n) and
                    keyed_by(n) == 'utterance'), None)
    source = {}
    if decides:
        source['utterance'] = source['recording'] = (f'{data}/{decides}', tables[decides])
    if 'utt2spk' in present:
        source['speaker'] = (f'{data}/spk2utt' if 'spk2utt' in present else f'the speakers of {data}/utt2spk',
                             {s: n for n, s in enumerate(speakers, 1)})
    if 'segments' in tables:
        used = {}
        for number, line in enumerate(lines['segments'], 1):
            words = line.split(None, 2)
            if len(words) > 1:
                used.setdefault(words[1], number)
        source['recording'] = (f'{data}/segments', used)
        check_times(f'{data}/segments', lines['segments'], lines.get('reco2dur', []), report)
    for name, table in tables.items():
        if name not in ('spk2utt', decides) and keyed_by(name) in source:
            check_same(f'{data}/{name}', table, *source[keyed_by(name)], report)
    # What the comparisons above do not say: of an utterance that one table alone has, which others lack it.
    audio = 'segments' if 'segments' in tables else 'wav.scp'
    if 'text' in tables and tables.get(audio) and decides not in ('text', audio):
        unknown = {key: n for key, n in tables['text'].items() if key not in tables[decides] and key not in tables[audio]}
        for key, number in unknown.items():
            report.error(f'{data}/text', number, f'in text, not in {audio}', f'"{show(key)}" is in {data}/text, not in '
                         f'{data}/{audio}')
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
