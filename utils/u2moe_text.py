"""Text as the tools in C++ see it (src/util/unicode.h): white space, words, what is invisible, names of characters.

Python's own split(), isspace() and splitlines() have other definitions: U+001C to U+001F separate words for them, and
lines end at U+0085 or U+2028. tests/util/unicode-test.cc compares the definitions here with those of ICU.
"""
import re
import unicodedata

# The property White_Space: the same in every version of Unicode since 6.3.
WHITE_SPACE = '\t\n\v\f\r \x85\xa0\u1680' + ''.join(map(chr, range(0x2000, 0x200b))) + '\u2028\u2029\u202f\u205f\u3000'
SPACES = re.compile(f'[{WHITE_SPACE}]+')
# Spell words, though one does not see them: joiners, and Mongolian's variation selectors.
SPELLING = frozenset('\u200c\u200d\u180b\u180c\u180d\u180f')
# Format characters with a glyph, such as Arabic number signs.
VISIBLE_FORMAT = frozenset('\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd')
# What is ignorable by default without being a format character: fillers and variation selectors.
IGNORABLE = frozenset('\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0' + ''.join(map(chr, range(0xfe00, 0xfe10))) +
                      ''.join(map(chr, range(0xe0100, 0xe01f0))))
BYTE_ORDER_MARK = b'\xef\xbb\xbf'


def is_white_space(c):
    return c in WHITE_SPACE


def split_words(text):
    """The runs of text without white space."""
    return [word for word in SPACES.split(text) if word]


def is_invisible(c):
    """Whether nobody sees c in a text although it makes another word: see IsInvisible in src/util/unicode.h."""
    if c in WHITE_SPACE or c in SPELLING or c in VISIBLE_FORMAT:
        return False
    return unicodedata.category(c) in ('Cc', 'Cf', 'Cn', 'Co', 'Cs') or c in IGNORABLE


def code_point_name(c):
    """"U+200B ZERO WIDTH SPACE"."""
    kinds = dict(Cc='(control)', Co='(private use)', Cs='(surrogate)', Cn='(unassigned)')
    return f'U+{ord(c):04X} {unicodedata.name(c, kinds.get(unicodedata.category(c), ""))}'.rstrip()


def key_problem(key):
    """The name of the first character that a key should not hold, or None."""
    return next((code_point_name(c) for c in key if is_white_space(c) or is_invisible(c)), None)


def printable(text, most=60):
    """For messages: what cannot be seen or told from a space as \\u{200B}, at most so many characters."""
    def one(c):
        if ord(c) < 0x20 or ord(c) == 0x7f:
            return f'\\x{ord(c):02x}'
        hidden = c != ' ' and (is_white_space(c) or is_invisible(c) or c in '\u200c\u200d')
        return f'\\u{{{ord(c):X}}}' if hidden else c
    return ''.join(map(one, text[:most])) + ('...' if len(text) > most else '')


class BadText(ValueError):
    """What is wrong with a line, with file and line."""


def refuse_mark(line, where):
    """Raises BadText if a line of bytes, without the byte order mark of its file, begins with one. Alone before a space
    it may be a symbol."""
    if line.startswith(BYTE_ORDER_MARK) and line[3:4] not in (b' ', b'\t'):
        raise BadText(f'{where}: a byte order mark (EF BB BF) in the middle of the file, as two files with marks leave it '
                      r"when they are joined; remove it: sed -i 's/\xEF\xBB\xBF//' FILE")


def read_entries(path):
    """Yields (key, value) for the lines of a table of text, both str; a key ends at ASCII white space, a line at \\n.
    Blank lines and a byte order mark are passed over. Raises BadText for what is not text, OSError for no file."""
    with open(path, 'rb') as f:
        for number, line in enumerate(f, 1):
            if number == 1 and line.startswith(BYTE_ORDER_MARK):
                line = line[len(BYTE_ORDER_MARK):]
            refuse_mark(line, f'{path}:{number}')
            if b'\0' in line:
                raise BadText(f'{path}:{number}: a zero byte; this is not a text file')
            key, value = (line.split(None, 1) + [b'', b''])[:2]
            try:
                if key:
                    # A carriage return at the end belongs to the end of the line.
                    yield key.decode('utf-8'), re.sub(rb'\r?\n?\Z', b'', value).decode('utf-8')
            except UnicodeDecodeError:
                try:
                    line.decode('utf-8')
                except UnicodeDecodeError as e:
                    raise BadText(f'{path}:{number}: not UTF-8 at byte {e.start + 1}; convert the file, e.g. with '
                                  'iconv -t UTF-8') from None


class TextWatch:
    """Notes what nobody sees in transcripts and white space that is neither space nor tab, to tell it once for each
    code point; as TextWatch in src/util/text-watch.h."""

    MOST = 20
    SEPARATES = 'separates words, as a space does:'
    PLAIN = re.compile(r'[\t -~]*\Z')

    def __init__(self, path):
        self.path = path
        self.seen = {}  # {(consequence, what): [count, first utterance]}

    def note(self, what, consequence, key):
        self.seen.setdefault((consequence, what), [0, key])[0] += 1

    def look(self, key, value):
        problem = None if self.PLAIN.match(key) else key_problem(key)
        if problem:
            self.note(problem, 'in the key, which ends only at a space or tab:', key)
        if self.PLAIN.match(value):
            return
        for c in value:
            if c in ' \t':
                continue
            if is_white_space(c):
                self.note(code_point_name(c), self.SEPARATES, key)
            elif is_invisible(c):
                self.note(code_point_name(c), 'is invisible, so that words which look the same differ; remove it:', key)
        if not unicodedata.is_normalized('NFC', value):
            self.note('transcripts not in NFC', '(the same letter may be written in two ways; compose them, e.g. with '
                      'uconv -x nfc):', key)

    def report(self, warn, say):
        """Calls warn(text) for each; say(text) for white space, where nothing is wrong."""
        shown, others = {}, {}
        for (consequence, what), (count, key) in self.seen.items():
            shown[consequence] = shown.get(consequence, 0) + 1
            tell = say if consequence == self.SEPARATES else warn
            if shown[consequence] <= self.MOST:
                tell(f'{self.path}: {what} {consequence} {count} time{"s" * (count > 1)}, {"first " * (count > 1)}in '
                    f'utterance {printable(key, 200)}')
            else:
                others[consequence] = others.get(consequence, 0) + 1
        for consequence, count in others.items():
            warn(f'{self.path}: and {count} others: {consequence}')
