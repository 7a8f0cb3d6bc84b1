"""What the tools for data directories share: tables, what they are keyed by, options, words to the user.

Tables are bytes throughout: their order is byte order whatever the locale, as Kaldi's readers want it, and a line that
is not UTF-8 can still be named.
"""
import os
import re
import subprocess
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))  # utils
from u2moe_script import (Error, Options, die, other_encoding, positive, read_bytes, run, say, separate_places,
                          usage_error, warn, writing)
from u2moe_text import BYTE_ORDER_MARK, printable, refuse_mark

NUMBER = re.compile(rb'[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\Z')
MOST = 10  # complaints of one kind about one file before the rest is only counted


def show(value):
    """Bytes of a table as text for a message; what one would not see is written as \\u{200B}."""
    return printable(value.decode('utf-8', 'backslashreplace'), 300)


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


def line_problems(name, words):
    """What is wrong with the words of a line of the table called name: all of it. words is not empty."""
    n = len(words)
    if name == 'segments':
        return segment_problems(words)
    if name == 'reco2file_and_channel':
        if n != 3 or words[2] not in (b'A', b'B', b'1', b'2'):
            return [f'needs "recording file channel" with channel A or B: "{show(b" ".join(words))}"']
        return []
    found = []
    if name in ('utt2spk', 'utt2dur', 'utt2num_frames', 'utt2lang', 'utt2uniq', 'utt2warp', 'spk2gender', 'spk2warp',
                'reco2dur'):
        if n != 2:
            found.append(f'found {n} words, needs 2: "{show(b" ".join(words))}"')
    elif n < 2 and name != 'text':
        found.append(f'found only "{show(words[0])}"; a value must follow')
    if n < 2:
        return found
    if name in ('utt2dur', 'reco2dur', 'utt2warp', 'spk2warp') and not is_number(words[1], above=0):
        found.append(f'needs a number above 0, not "{show(words[1])}"')
    if name == 'utt2num_frames' and not (words[1].isdigit() and int(words[1][:18]) > 0):
        found.append(f'needs a whole number above 0, not "{show(words[1])}"')
    if name == 'spk2gender' and words[1] not in (b'm', b'f'):
        found.append(f'needs m or f, not "{show(words[1])}"')
    return found


def is_number(word, above=float('-inf')):
    """Whether a word is a number that is not infinite."""
    return bool(NUMBER.match(word)) and above < float(word) < float('inf')


def segment_problems(words):
    if len(words) not in (4, 5):
        return [f'found {len(words)} words, needs 4 or 5: utterance recording start end [channel]']
    found = [f'"{show(time)}" is not a time in seconds' for time in words[2:4] if not is_number(time)]
    if is_number(words[2]) and float(words[2]) < 0:
        found.append(f'the segment starts before its recording, at {show(words[2])} s')
    elif not found and float(words[3]) != -1 and float(words[3]) <= float(words[2]):
        # -1: the end of the recording, as in extract-segments
        found.append(f'the segment ends before it starts: from {show(words[2])} to {show(words[3])} s')
    if len(words) == 5 and not words[4].isdigit():
        found.append(f'the channel "{show(words[4])}" is not a number')
    return found


def read_lines(path):
    """Lines of a file without their ends and without a byte order mark; what it holds after the last end of line is a
    line too."""
    lines = read_bytes(path).split(b'\n')
    if not lines[-1]:
        lines.pop()
    for place, line in enumerate(lines, 1):
        refuse_mark(line, f'{path}:{place}')
    return lines


def lines_with_ends(name, file):
    """(number, line) of an open file of bytes, without a byte order mark; name is for messages."""
    for place, line in enumerate(file, 1):
        if place == 1 and other_encoding(line):
            die(f'{name}: this is {other_encoding(line).upper()}, not UTF-8; convert it with iconv -t UTF-8')
        if place == 1 and line.startswith(BYTE_ORDER_MARK):
            line = line[len(BYTE_ORDER_MARK):]
            if not line:
                return
        refuse_mark(line, f'{name}:{place}')
        yield place, line


class Complaints:
    """Collects what is wrong with files, so that one defect does not hide the next, and ends the script with all."""

    def __init__(self):
        self.found = {}  # {(path, kind): texts}

    def add(self, path, kind, place, text):
        self.found.setdefault((path, kind), []).append(f'{path}:{place}: {text}')

    def finish(self):
        """Prints all but the last, with which the script ends; returns where there was none."""
        texts = []
        for (path, kind), all_of_kind in self.found.items():
            texts += all_of_kind[:MOST]
            if len(all_of_kind) > MOST:
                texts.append(f'{path}: {len(all_of_kind) - MOST} more: {kind}')
        for text in texts[:-1]:
            say(f'error: {text}')
        if texts:
            die(texts[-1])


def read_table(path, repair='utils/fix_data_dir.sh mends it', complaints=None):
    """{key: line} in the order of the file. Ends the script where two lines have a key or one has none; with
    complaints, the caller does."""
    table, mine = {}, complaints or Complaints()
    for place, line in enumerate(read_lines(path), 1):
        words = line.split(None, 1)
        if not words:
            mine.add(path, 'empty lines', place, f'an empty line; {repair}')
            continue
        if line.endswith(b'\r'):
            mine.add(path, 'carriage returns', place, f'a carriage return at the end of the line; {repair}')
        if words[0] in table:
            mine.add(path, 'keys twice', place, f'"{show(words[0])}" is there twice; {repair}')
        table.setdefault(words[0], line)
    if complaints is None:
        mine.finish()
    return table


def value_of(line):
    """What follows the key of a line; the space that Kaldi's tools and ours write after numbers does not count."""
    words = line.split(None, 1)
    return words[1].rstrip() if len(words) > 1 else b''


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
    result, complaints = {}, Complaints()
    for place, (key, line) in enumerate(table.items(), 1):
        words = line.split()
        if len(words) != 2:
            complaints.add(path, 'wrong numbers of words', place, f'wanted "{what}", found: {show(line)}')
        else:
            result[key] = words[1]
    complaints.finish()
    return result


class DataDir:
    """The tables of a directory, {name: {key: line}}, that can be filtered and written together.

    utt2spk decides which utterances there are, spk2utt follows from it. Paths of wav.scp that hold from the directory,
    not from the working directory, are whole ones here, as the tables are written elsewhere; `moved` tells that.
    """

    def __init__(self, path, tables=None):
        self.path = path
        self.moved = False
        self.tables = {} if tables is None else tables
        if tables is None:
            if not os.path.isfile(f'{path}/utt2spk'):
                die(f'no file {path}/utt2spk')
            complaints = Complaints()
            for name in sorted(os.listdir(path)):
                if keyed_by(name) and name != 'spk2utt' and os.path.isfile(f'{path}/{name}'):
                    table = self.tables[name] = read_table(f'{path}/{name}', complaints=complaints)
                    for place, line in enumerate(table.values() if name == 'segments' else (), 1):
                        if len(line.split(None, 2)) < 2:
                            complaints.add(f'{path}/{name}', 'segments', place, segment_problems(line.split())[0])
            complaints.finish()
            self.find_audio()
        self.utt2spk = second_words(f'{path}/utt2spk', self.tables['utt2spk'], 'utterance speaker')

    def find_audio(self):
        from wav_paths import from_here, places_of  # it imports us
        places = places_of(f'{self.path}/wav.scp')
        wavs = self.tables.get('wav.scp', {})
        for key, line in wavs.items():
            value = value_of(line)
            new = from_here(value, places)
            if new != value:
                wavs[key] = key + b' ' + new
                self.moved = True

    def has(self, name):
        return name in self.tables

    def check_segments(self):
        """For those who need the times of segments: ends the script where some are none."""
        complaints = Complaints()
        for place, line in enumerate(self.tables['segments'].values(), 1):
            for problem in segment_problems(line.split()):
                complaints.add(f'{self.path}/segments', 'segments', place, problem)
        complaints.finish()

    def recordings(self, utterances):
        """The recordings of some utterances: those of segments, or, without it, the utterances themselves."""
        if not self.has('segments'):
            return set(utterances)
        segments = self.tables['segments']
        recordings = set()
        for u in utterances:
            if u in segments:
                recordings.add(segments[u].split(None, 2)[1])
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
    with writing(path, 'wb') as f:
        f.write(b''.join(line + b'\n' for line in lines))


def asked(tool, rspecifier):
    """{key: second word} of what a tool prints as a text table."""
    try:
        found = subprocess.run([tool, rspecifier, 'ark,t:-'], stdout=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise Error(f"'{tool}' is not on PATH; build the tools (make), and put their folder on it") from None
    if found.returncode != 0:
        die(f'{tool} {rspecifier} failed with status {found.returncode}')
    return dict(line.split() for line in found.stdout.splitlines())


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
