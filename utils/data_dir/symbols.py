"""What sym2int and int2sym share: the table of symbols, the fields to convert, the loop over lines."""
import re
import sys

from shared import Complaints, Error, Options, lines_with_ends, read_lines, run, separate_places, show, usage_error


def read_symbols(path):
    """[(symbol, number)] of a file with such lines."""
    pairs, complaints = [], Complaints()
    for number, line in enumerate(read_lines(path), 1):
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            complaints.add(path, 'lines that are not of symbols', number, f'wanted "symbol number", found: {show(line)}')
        else:
            pairs.append((words[0], words[1]))
    complaints.finish()
    return pairs


def fields(text):
    """(first, last), from 0, of "2", "2-", "-4" or "2-4"; a colon is as good as a hyphen. last None: to the end."""
    if text is None:
        return 0, None
    found = re.fullmatch(r'(\d*)(?:([-:])(\d*))?', text)
    first, last = (found.group(1), found.group(3) if found.group(2) else found.group(1)) if found else ('', '')
    if not found or (first == '' and last == '') or '0' in (first, last):
        usage_error(f"-f {text}: fields are numbers from 1, like 2, 2-, -4 or 2-4")
    return int(first or 1) - 1, int(last) - 1 if last else None


def convert(doc, make_converter, add_options=None):
    """The program: make_converter(args) gives a function of a word and its place, for messages."""
    po = Options(doc)
    po.add_argument('-f', metavar='FIELDS')
    if add_options:
        add_options(po)
    po.add_argument('symbols')
    po.add_argument('text', nargs='?')
    args = po.parse()
    separate_places([args.symbols, args.text])
    first, last = fields(args.f)
    one = make_converter(args)
    name, complaints = args.text or 'stdin', Complaints()
    with open(args.text, 'rb') if args.text else sys.stdin.buffer as text:
        for number, line in lines_with_ends(name, text):
            words = line.split()
            end = len(words) if last is None else min(last + 1, len(words))
            for i in range(first, end):
                place = f'{name}:{number}: '
                try:
                    words[i] = one(words[i], f'{place}word {i + 1}: ')
                except Error as e:
                    complaints.add(name, 'words without a match', number, str(e)[len(place):])
            if not complaints.found:
                sys.stdout.buffer.write(b' '.join(words) + b'\n')
    complaints.finish()
    sys.stdout.buffer.flush()


def run_convert(*args):
    run(lambda: convert(*args))
