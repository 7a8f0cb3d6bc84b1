"""Where the audio of a wav.scp is: commands, and paths relative to one folder or another.

Usage: utils/wav_paths.sh [--from <folder>] <wav.scp> [<new-wav.scp>]
  e.g. utils/wav_paths.sh /corpus/data/train/wav.scp data/train/wav.scp
  --from       one more folder that paths may be relative to; it is tried first

Each line is a key and a path, a place in an archive (wav.ark:1234), or a command that ends in "|". A relative path is
looked for from --from, the working directory, the folder of wav.scp, the folder above it, and the one above that, and
written as an absolute one. A command that names a relative file found so gets "cd FOLDER && " in front; the others
stay. What is found nowhere stays as it is, and a warning counts it. Without <new-wav.scp> the table is rewritten.
"""
import os
import re
import shlex

from shared import Options, die, read_lines, run, say, show, warn, write_lines

OFFSET = re.compile(r':\d+$')  # of a WAV file in an archive


def places_of(scp, first=None, working=None):
    """The folders that a relative path of this wav.scp is looked for in, in this order, each once."""
    folder = os.path.dirname(os.path.abspath(scp))
    places = [first, working or os.getcwd(), folder, os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))]
    return list(dict.fromkeys(os.path.abspath(p) for p in places if p))


def found_in(name, places):
    """The first of the places from which a relative path leads to a file, or None."""
    return next((p for p in places if os.path.isfile(os.path.join(p, name))), None)


def names_in(command):
    """What may be a relative file in a shell command: its words but for the program, what they redirect or assign,
    and the words of a command inside a word (sh -c '...')."""
    try:
        words = shlex.split(command)
    except ValueError:  # quotes that do not match
        words = command.split()
    names = []
    for i, word in enumerate(words):
        word = word.lstrip('<')
        if i > 0 or '/' in word:
            names += [word, word.partition('=')[2]]
        if i > 0 and len(word.split()) > 1:
            names += names_in(word)
    return [n for n in names if n and not n.startswith('/')]


def resolve(value, places):
    """The value of a wav.scp line (str) so that it holds from any working directory -> (value, found: bool).

    A command counts as found: whether it works shows when it runs."""
    if value.endswith('|'):
        place = next(filter(None, (found_in(name, places) for name in names_in(value[:-1]))), None)
        return (f'cd {shlex.quote(place)} && {value}' if place else value), True
    if value == '-':
        return value, False
    for name, rest in ((value, ''), (OFFSET.sub('', value), ''.join(OFFSET.findall(value)))):
        if os.path.isabs(name):
            if os.path.isfile(name):
                return value, True
        else:
            place = found_in(name, places)
            if place:
                return os.path.normpath(os.path.join(place, name)) + rest, True
    return value, False


# What may be a relative file in a command, seen without taking quotes apart: most commands have none.
MAYBE_RELATIVE = re.compile(r"""(?<![^\s'"|;&<>=])(?![-/])[^\s'"|;&<>=]*[./]""")


def from_here(value, places):
    """The value of a wav.scp line (bytes) as it is if it holds from the working directory or from nowhere, else
    resolved. For those who write the line elsewhere."""
    text = os.fsdecode(value.strip())
    command = text.endswith('|')
    if text.startswith('/') if not command else not MAYBE_RELATIVE.search(text):
        return value
    here, found = resolve(text, [os.getcwd()])
    if here != text if command else found:
        return value
    new, found = resolve(text, places)
    return os.fsencode(new) if found else value


def resolved_lines(lines, places):
    """Lines of a wav.scp (bytes) -> (lines, keys whose audio is not there)."""
    out, lost = [], []
    for line in lines:
        key, *value = line.strip().split(None, 1)
        value, found = resolve(os.fsdecode(b''.join(value)), places)
        out.append(key + b' ' + os.fsencode(value))
        if not found:
            lost.append(key)
    return out, lost


def main():
    po = Options(__doc__)
    po.add_argument('--from', dest='first')
    po.add_argument('scp', metavar='wav.scp')
    po.add_argument('new', metavar='new-wav.scp', nargs='?')
    args = po.parse()
    if not os.path.isfile(args.scp):
        die(f'no file {args.scp}')
    lines, lost = resolved_lines([x for x in read_lines(args.scp) if x.strip()], places_of(args.scp, args.first))
    if lost:
        warn(f'{args.scp}: {len(lost)} of {len(lines)} audio files are not there, "{show(lost[0])}" first')
    write_lines(args.new or args.scp, lines)
    say(f'{args.new or args.scp}: {len(lines)} recordings')


if __name__ == '__main__':
    run(main)
