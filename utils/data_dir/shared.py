"""What the tools for data directories share: tables, what they are keyed by, options, words to the user.

Tables are bytes throughout: their order is byte order whatever the locale, as Kaldi's readers want it, and a line that
is not UTF-8 can still be named.
"""
import argparse
import os
import re
import sys

sys.stderr.reconfigure(encoding='utf-8', errors='backslashreplace')
PROG = os.environ.get('DATA_DIR_TOOL') or os.path.basename(sys.argv[0])
NUMBER = re.compile(rb'[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$')


def say(text):
    print(f'{PROG}: {text}', file=sys.stderr)


def warn(text):
    say(f'warning: {text}')


def die(text):
    say(f'error: {text}')
    sys.exit(1)


def usage_error(text):
    say(f'error: {text}. Try --help.')
    sys.exit(2)


def show(value):
    """Bytes of a table as text for a message."""
    return value.decode('utf-8', 'backslashreplace')


class Options(argparse.ArgumentParser):
    """Options as Kaldi's scripts take them, --name VALUE or --name=VALUE; --help prints the tool's docstring."""

    def __init__(self, doc):
        super().__init__(add_help=False, allow_abbrev=False, prog=PROG)
        self.doc = doc
        self.add_argument('--help', action='store_true')

    def boolean(self, name, default):
        """An option with the value true or false."""
        self.add_argument(name, default=str(default).lower(), choices=['true', 'false'])

    def flag(self, name):
        self.add_argument(name, action='store_true')

    def parse(self, argv=None):
        argv = sys.argv[1:] if argv is None else argv
        if '--help' in argv:
            print(self.doc.strip())
            sys.exit(0)
        args = self.parse_args(list(self.joined(argv)))
        for name, value in vars(args).items():
            if value in ('true', 'false'):
                setattr(args, name, value == 'true')
        return args

    def joined(self, argv):
        """--name VALUE as --name=VALUE, so that the value may begin with a hyphen."""
        rest = iter(argv)
        for arg in rest:
            action = self._option_string_actions.get(arg)
            value = next(rest, None) if arg.startswith('--') and action and action.nargs is None else None
            yield arg if value is None else f'{arg}={value}'

    def error(self, message):
        usage_error(message)


def run(main):
    """Calls main(); what the system refuses ends with a message, not with a trace."""
    try:
        sys.exit(main())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except OSError as e:
        die(f'{e.filename}: {e.strerror}' if e.filename else str(e))


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return int(text)


def keyed_by(name):
    """'utterance', 'speaker' or 'recording': what the lines of this file begin with. None: not a table we know."""
    if name in ('text', 'feats.scp', 'vad.scp', 'segments') or re.fullmatch(r'utt2\w+', name):
        return 'utterance'
    if name == 'cmvn.scp' or re.fullmatch(r'spk2\w+', name):
        return 'speaker'
    if name == 'wav.scp' or re.fullmatch(r'reco2\w+', name):
        return 'recording'
    return None


# Without these an utterance cannot be used; fix_data_dir drops it, as Kaldi does. The others are extras.
ESSENTIAL = ('utt2spk', 'text', 'feats.scp', 'segments', 'utt2lang', 'wav.scp')


def line_problem(name, words):
    """What is wrong with the words of a line of the table called name, or None. words is not empty."""
    n = len(words)
    if name in ('utt2spk', 'utt2dur', 'utt2num_frames', 'utt2lang', 'utt2uniq', 'utt2warp', 'spk2gender', 'spk2warp',
                'reco2dur'):
        if n != 2:
            return f'found {n} words, needs 2: "{show(b" ".join(words))}"'
    elif name == 'segments':
        return segment_problem(words)
    elif name == 'reco2file_and_channel':
        if n != 3 or words[2] not in (b'A', b'B', b'1', b'2'):
            return f'needs "recording file channel" with channel A or B: "{show(b" ".join(words))}"'
    elif n < 2 and name != 'text':
        return f'found only "{show(words[0])}"; a value must follow'
    if name in ('utt2dur', 'reco2dur', 'utt2warp', 'spk2warp') and not (NUMBER.match(words[1]) and float(words[1]) > 0):
        return f'needs a number above 0, not "{show(words[1])}"'
    if name == 'utt2num_frames' and not (words[1].isdigit() and int(words[1]) > 0):
        return f'needs a whole number above 0, not "{show(words[1])}"'
    if name == 'spk2gender' and words[1] not in (b'm', b'f'):
        return f'needs m or f, not "{show(words[1])}"'
    return None


def segment_problem(words):
    if len(words) not in (4, 5):
        return f'found {len(words)} words, needs 4 or 5: utterance recording start end [channel]'
    for time in words[2:4]:
        if not NUMBER.match(time):
            return f'"{show(time)}" is not a time in seconds'
    start, end = float(words[2]), float(words[3])
    if start < 0:
        return f'the segment starts before its recording, at {show(words[2])} s'
    if end != -1 and end <= start:  # -1: the end of the recording, as in extract-segments
        return f'the segment ends before it starts: from {show(words[2])} to {show(words[3])} s'
    if len(words) == 5 and not words[4].isdigit():
        return f'the channel "{show(words[4])}" is not a number'
    return None


def read_lines(path):
    """Lines of a file without their ends; what it holds after the last end of line is a line too."""
    with open(path, 'rb') as f:
        lines = f.read().split(b'\n')
    if not lines[-1]:
        lines.pop()
    return lines


def read_table(path, repair='utils/fix_data_dir.sh mends it'):
    """{key: line} in the order of the file. Ends the program where two lines have a key or one has none."""
    table = {}
    for number, line in enumerate(read_lines(path), 1):
        words = line.split(None, 1)
        if not words:
            die(f'{path}:{number}: an empty line; {repair}')
        if line.endswith(b'\r'):
            die(f'{path}:{number}: a carriage return at the end of the line; {repair}')
        if words[0] in table:
            die(f'{path}:{number}: "{show(words[0])}" is there twice; {repair}')
        table[words[0]] = line
    return table


def value_of(line):
    """What follows the key of a line."""
    words = line.split(None, 1)
    return words[1] if len(words) > 1 else b''


def with_key(key, line):
    """The line with another key."""
    value = value_of(line)
    return key + b' ' + value if value else key


def spk2utt_table(utt2spk):
    """The table spk2utt that follows from {utterance: speaker}."""
    of = {}
    for utterance in sorted(utt2spk):
        of.setdefault(utt2spk[utterance], []).append(utterance)
    return {speaker: b' '.join([speaker] + of[speaker]) for speaker in sorted(of)}


def second_words(path, table, what):
    """{key: second word} of a table like utt2spk."""
    result = {}
    for number, (key, line) in enumerate(table.items(), 1):
        words = line.split()
        if len(words) != 2:
            die(f'{path}:{number}: wanted "{what}", found: {show(line)}')
        result[key] = words[1]
    return result


class DataDir:
    """The tables of a directory, {name: {key: line}}, that can be filtered and written together.

    utt2spk decides which utterances there are, spk2utt follows from it.
    """

    def __init__(self, path, tables=None):
        self.path = path
        self.tables = {} if tables is None else tables
        if tables is None:
            if not os.path.isfile(f'{path}/utt2spk'):
                die(f'no file {path}/utt2spk')
            for name in sorted(os.listdir(path)):
                if keyed_by(name) and name != 'spk2utt' and os.path.isfile(f'{path}/{name}'):
                    self.tables[name] = read_table(f'{path}/{name}')
        self.utt2spk = second_words(f'{path}/utt2spk', self.tables['utt2spk'], 'utterance speaker')

    def has(self, name):
        return name in self.tables

    def recordings(self, utterances):
        """The recordings of some utterances: those of segments, or, without it, the utterances themselves."""
        if not self.has('segments'):
            return set(utterances)
        segments = self.tables['segments']
        recordings = set()
        for u in utterances:
            if u in segments:
                words = segments[u].split(None, 2)
                if len(words) < 2:
                    die(f'{self.path}/segments: "{show(u)}" has no recording')
                recordings.add(words[1])
        return recordings

    def subset(self, utterances):
        """The directory with these utterances alone, in their old order, with their speakers and recordings."""
        keys = dict(utterance=set(utterances), recording=self.recordings(utterances),
                    speaker={self.utt2spk[u] for u in utterances})
        tables = {}
        for name, table in self.tables.items():
            keep = keys[keyed_by(name)]
            tables[name] = {key: line for key, line in table.items() if key in keep}
        return DataDir(self.path, tables)

    def rename(self, utterance, speaker, recording):
        """The directory with names changed by three functions of the old name. Without segments a recording is called
        as its utterance."""
        change = dict(utterance=utterance, speaker=speaker,
                      recording=recording if self.has('segments') else utterance)
        tables = {}
        for name, table in self.tables.items():
            new_name = change[keyed_by(name)]
            tables[name] = {new_name(key): with_key(new_name(key), line) for key, line in table.items()}
            if name == 'utt2spk':
                tables[name] = {utterance(u): utterance(u) + b' ' + speaker(s) for u, s in self.utt2spk.items()}
            elif name == 'segments':
                for key, line in tables[name].items():
                    words = line.split()
                    words[1] = recording(words[1])
                    tables[name][key] = b' '.join(words)
        return DataDir(self.path, tables)

    def write(self, path):
        """Writes all tables, sorted, and spk2utt; each appears when it is complete. Tables of path that this directory
        does not have would belong to other data, so they are removed."""
        os.makedirs(path, exist_ok=True)
        tables = dict(self.tables, spk2utt=spk2utt_table(self.utt2spk))
        for name in os.listdir(path):
            if keyed_by(name) and name not in tables and os.path.isfile(f'{path}/{name}'):
                os.remove(f'{path}/{name}')
        for name, table in tables.items():
            write_lines(f'{path}/{name}', [table[key] for key in sorted(table)])


def write_lines(path, lines):
    part = f'{path}.{os.getpid()}.tmp'  # two jobs may split the same directory
    with open(part, 'wb') as f:
        f.write(b''.join(line + b'\n' for line in lines))
    os.replace(part, path)


def another_dir(source, target):
    """A tool that writes a directory does not write it over the one that it reads."""
    if os.path.realpath(source) == os.path.realpath(target):
        usage_error(f"'{target}' is read and written; give another directory to write")


def even_parts(count, parts):
    """Sizes of parts of count things that differ by at most one; the first ones are the larger ones, as in Kaldi."""
    return [count // parts + (i < count % parts) for i in range(parts)]


def speaker_parts(utt2spk, parts):
    """Splits utterances into parts of whole speakers, in order of speaker, about equally many utterances in each."""
    of = {}
    for utterance, speaker in utt2spk.items():
        of.setdefault(speaker, []).append(utterance)
    speakers = sorted(of)
    result, taken, begin = [], 0, 0
    for part in range(parts):
        goal = len(utt2spk) * (part + 1) / parts
        end = begin
        last = len(speakers) - (parts - part - 1)  # each part still to come needs a speaker
        # A speaker belongs here if that brings the total nearer to its goal.
        while end < last and (end == begin or part == parts - 1 or
                              abs(taken + len(of[speakers[end]]) - goal) <= abs(taken - goal)):
            taken += len(of[speakers[end]])
            end += 1
        result.append([u for s in speakers[begin:end] for u in of[s]])
        begin = end
    return result
