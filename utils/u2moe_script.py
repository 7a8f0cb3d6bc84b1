"""What all scripts in Python share with the tools in C++: options, words to the user, exit status, files that appear
when they are complete. Nobody of us shows a traceback for what a user has given.

    from u2moe_script import Options, run
    def main(): ...
    if __name__ == '__main__':
        run(main)
"""
import signal

# Until run() takes over, a script that reads its modules has nothing to tidy up: Ctrl-C ends it without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import errno
import json
import os
import re
import stat
import sys

from u2moe_text import BYTE_ORDER_MARK, BadText, printable, refuse_mark

PROG = os.environ.get('DATA_DIR_TOOL') or os.path.basename(sys.argv[0])
NUMBER = re.compile(r'[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\Z')
ENCODINGS = {b'\xff\xfe\0\0': 'utf-32', b'\0\0\xfe\xff': 'utf-32', b'\xff\xfe': 'utf-16', b'\xfe\xff': 'utf-16'}


class Error(Exception):
    """Ends the script with its message and status 1."""


class UsageError(Error):
    """A wrong command line: status 2."""


class Stopped(BaseException):
    """A signal that would end the script: first its temporary files go."""


def say(text):
    try:
        print(f'{PROG}: {text}', file=sys.stderr, flush=True)
    except OSError:
        pass  # whoever reads us is gone; the exit status tells


def warn(text):
    say(f'warning: {text}')


def die(text):
    raise Error(text)


def usage_error(text):
    raise UsageError(text)


def nearest(word, known):
    """The one of known that word is a slip of, or None; the distance as in src/util/options.cc."""
    def distance(a, b):
        row = list(range(len(b) + 1))
        for i, x in enumerate(a, 1):
            diagonal, row[0] = row[0], i
            for j, y in enumerate(b, 1):
                diagonal, row[j] = row[j], min(diagonal + (x != y), row[j] + 1, row[j - 1] + 1)
        return row[-1]

    best = min(((distance(word, k), k) for k in known), default=(99, None))
    return best[1] if best[0] < min(4, 1 + len(word) // 2) else None


class Options(argparse.ArgumentParser):
    """Options as Kaldi's scripts take them, --name VALUE or --name=VALUE, with - or _; --help prints the docstring.
    details: --help tells of each option too, from the texts that add_argument was given."""

    def __init__(self, doc, details=False):
        super().__init__(add_help=False, allow_abbrev=False, prog=PROG, description=doc.strip(),
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.doc, self.details = doc, details
        self.add_argument('--help', action='store_true', help='this text')

    def boolean(self, name, default):
        """An option with the value true or false."""
        self.add_argument(name, default=str(default).lower(), choices=['true', 'false'])

    def flag(self, name):
        self.add_argument(name, action='store_true')

    def parse(self, argv=None):
        argv = list(self.joined(sys.argv[1:] if argv is None else argv))
        if '--help' in argv or '-h' in argv:
            print(self.format_help().rstrip() if self.details else self.doc.strip())
            sys.stdout.flush()
            raise SystemExit(0)
        args = self.parse_args(argv)
        for name, value in vars(args).items():
            if value in ('true', 'false'):
                setattr(args, name, value == 'true')
        return args

    def joined(self, argv):
        """--name VALUE as --name=VALUE, so that the value may begin with a hyphen; refuses what is no option."""
        rest = iter(argv)
        for arg in rest:
            if arg == '--':
                yield arg
                yield from rest
                return
            if not arg.startswith('--'):
                yield arg
                continue
            name, equals, value = arg.partition('=')
            name = name.replace('_', '-')
            action = self._option_string_actions.get(name)
            if action is None:
                known = nearest(name, [o for o in self._option_string_actions if o.startswith('--')])
                usage_error(f'unknown option {printable(name)}' + (f'; did you mean {known}?' if known else ''))
            if equals and action.nargs == 0:
                usage_error(f'option {name} takes no value')
            if not equals and action.nargs is None:
                value = next(rest, None)
                if value is None:
                    usage_error(f'option {name} needs a value')
                equals = '='
            yield name + equals + value

    def error(self, message):
        usage_error(re.sub(r'^argument (\S+): ', r'\1: ', message))


def number(low=None, whole=False):
    """The type of an option: a finite number, not below low."""
    def parse(text):
        good = re.fullmatch(r'[-+]?[0-9]{1,18}', text) if whole else NUMBER.match(text)
        value = (int(text) if whole else float(text)) if good else None
        if value is None or abs(value) == float('inf') or (low is not None and value < low):
            least = '' if low is None else f' from {low}'
            raise argparse.ArgumentTypeError(f"'{printable(text)}' is not a {'whole ' * whole}number{least}")
        return value
    return parse


def positive(text):
    if not re.fullmatch('[0-9]{1,18}', text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not a number above 0")
    return int(text)


def read_bytes(path):
    """What is in a file, without a byte order mark. UTF-16 is refused: its zero bytes would hide in keys."""
    with open(path, 'rb') as f:
        data = f.read()
    if data.startswith(BYTE_ORDER_MARK):
        return data[len(BYTE_ORDER_MARK):]
    encoding = other_encoding(data)
    if encoding:
        die(f'{path}: this is {encoding.upper()}, not UTF-8; convert it: iconv -f {encoding.upper()} -t UTF-8')
    return data


def other_encoding(data):
    """'utf-16' or 'utf-32' where a file's first bytes say so, else None."""
    return next((name for mark, name in ENCODINGS.items() if data.startswith(mark)), None)


def read_text(path):
    """A file as str; lines may end with a carriage return as well."""
    data = read_bytes(path)
    try:
        return data.decode('utf-8').replace('\r\n', '\n')
    except UnicodeDecodeError as e:
        line = data.count(b'\n', 0, e.start) + 1
        byte = e.start - data.rfind(b'\n', 0, e.start)
        raise Error(f'{path}:{line}: not UTF-8 at byte {byte} of the line; convert it, e.g. with iconv -t UTF-8') from None


def text_lines(path):
    """The lines of a file without their ends; nothing but \\n ends one."""
    lines = read_text(path).split('\n')
    for number_of_line, line in enumerate(lines, 1):
        if line[:1] == '\ufeff':
            refuse_mark(line[:2].encode('utf-8', 'replace'), f'{path}:{number_of_line}')
    return lines[:-1] if not lines[-1] else lines


def read_json(path):
    text = read_text(path)
    if not text.strip():
        die(f'{path}: the file is empty, not JSON')
    try:
        return json.loads(text)
    except json.JSONDecodeError as e:
        raise Error(f'{path}:{e.lineno}: not JSON: {e.msg} at character {e.colno}') from None
    except (ValueError, RecursionError) as e:
        raise Error(f'{path}: not JSON that can be read: {e}') from None


@contextlib.contextmanager
def expecting(what):
    """Around code that takes apart what a file holds: a missing part is an error that says what was expected."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as e:
        detail = f'there is no {e}' if isinstance(e, KeyError) else str(e)
        raise Error(f'{what} ({detail})') from None


def separate_places(inputs, outputs=(), prints=True):
    """Ends the script, before it opens anything, where two outputs have one place, an output is an input, or a pipe is
    read twice. inputs, outputs: paths, None for standard input or for what is not given as an output; prints: standard
    output is one more output. As util/places.h does for the tools."""
    def place(path, fd):
        try:
            st = os.fstat(fd) if path is None else os.stat(path)
        except OSError:
            st = None
        name = ('standard input', 'standard output')[fd] if path is None else f"'{path}'"
        return name, path and os.path.realpath(path), st

    def same(a, b):
        if a[2] and b[2]:
            return (a[2].st_dev, a[2].st_ino) == (b[2].st_dev, b[2].st_ino) and not stat.S_ISCHR(a[2].st_mode)
        return a[1] is not None and a[1] == b[1]

    read = [place(path, 0) for path in inputs]
    written = [place(path, 1) for path in outputs if path is not None] + [place(None, 1)] * prints
    for i, output in enumerate(written):
        if any(same(output, other) for other in written[:i]):
            usage_error(f'{output[0]} would be written twice; give each output a place of its own')
        if any(x[2] and stat.S_ISREG(x[2].st_mode) and same(output, x) for x in read):
            usage_error(f'{output[0]} is read and written; give the output another name')
    for i, x in enumerate(read):
        if x[2] and not stat.S_ISREG(x[2].st_mode) and any(same(x, other) for other in read[:i]):
            usage_error(f'{x[0]} is read twice; put one of the two into a file')


@contextlib.contextmanager
def writing(path, mode='w'):
    """A file to write, which appears under its name when it is complete, with the access rights of the one that was
    there; where path is a link, what it points to appears. A device or pipe is written as it is. Text is UTF-8."""
    kind = dict(encoding='utf-8', newline='\n') if 'b' not in mode else {}
    target = os.path.realpath(path)
    part = None
    try:
        old = os.stat(target) if os.path.exists(target) else None
        if old and stat.S_ISDIR(old.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if old and not stat.S_ISREG(old.st_mode):
            with open(target, mode, **kind) as f:
                yield f
            return
        if old and not os.access(target, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        part = f'{target}.{os.getpid()}.tmp'  # two jobs may write the same
        with open(part, mode, **kind) as f:
            yield f
        if old:
            os.chmod(part, stat.S_IMODE(old.st_mode))
        os.replace(part, target)
    except OSError as e:
        if e.filename in (None, part, target):
            raise OSError(e.errno, f'could not write it: {e.strerror}', path) from None
        raise
    finally:
        if part and os.path.exists(part):
            os.remove(part)


def write_json(path, value, **how):
    with writing(path) as f:
        json.dump(value, f, indent=1, **how)
        f.write('\n')


def drop_stdout():
    """Python writes what is left at its end, and would tell of a failure in its own way."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def own_streams():
    """Descriptors that the caller closed stay unused, so that no file gets one of them; and messages are UTF-8."""
    for fd, name in ((0, 'stdin'), (1, 'stdout'), (2, 'stderr')):
        if getattr(sys, name) is None:
            # The wrong direction makes each use fail, but for messages.
            got = os.open(os.devnull, os.O_RDONLY if fd == 1 else os.O_WRONLY)
            if got != fd:
                os.dup2(got, fd)
            setattr(sys, name, open(fd, 'w' if fd else 'r', encoding='utf-8', closefd=False))
    sys.stderr.reconfigure(encoding='utf-8', errors='backslashreplace')
    sys.stdout.reconfigure(encoding='utf-8', errors='surrogateescape')


def stopped(number_of_signal, _):
    raise Stopped(number_of_signal)


def end_by(signal_number):
    """Ends as the signal would, so that whoever started us knows."""
    signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)


def place_of(e):
    """Where in the scripts an exception was raised: file.py:line."""
    where = e.__traceback__
    while where.tb_next and os.path.dirname(where.tb_next.tb_frame.f_code.co_filename).find('/python') < 0:
        where = where.tb_next
    return f'{os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}'


def run(main):
    """Calls main() and ends the script: 0 or what it returns, 1 for an Error or what the system refuses, 2 for a
    UsageError; each with a message, but not where the reader of our output has gone (`| head`)."""
    taken = [name for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(name) != signal.SIG_IGN]
    for name in taken:
        signal.signal(name, stopped)
    own_streams()
    status, message, by = 1, None, None
    try:
        status = main() or 0
        sys.stdout.flush()
    except SystemExit as e:  # of --help, or with a text as sys.exit takes it
        status, message = (e.code or 0, None) if not isinstance(e.code, str) else (1, e.code)
    except UsageError as e:
        status, message = 2, f'error: {e}. Try --help.'.replace('?. Try', '? Try')
    except (Error, BadText) as e:
        message = f'error: {e}'
    except Stopped as e:
        by = e.args[0]
    except BrokenPipeError:
        pass
    except OSError as e:
        message = f'error: {printable(os.fsdecode(e.filename), 300)}: {e.strerror}' if e.filename else \
            f'error: could not write to standard output: {e.strerror or e}'
    except UnicodeError as e:
        message = f'error: something read is not UTF-8: {e}'
    except ImportError as e:
        message = f'error: {e}; --help tells what is needed'
    except MemoryError:
        message = 'error: out of memory'
    except Exception as e:  # of a kind nobody has thought of: still one line, with the place for who mends it
        message = f'error: {type(e).__name__} at {place_of(e)}: {e}; are all files given of the kind that --help tells?'
    for name in taken:  # nothing is left to tidy up
        signal.signal(name, signal.SIG_DFL)
    try:
        sys.stdout.flush()
    except OSError:
        status = status or 1
    if status or by:
        drop_stdout()
    if message:
        say(message)
    if by:
        end_by(by)
    sys.exit(status)
