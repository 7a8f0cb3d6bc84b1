"""Prints what utils/u2moe_text.py says of every code point that Python's version of Unicode knows, for
tests/util/unicode-test.cc: "<hexadecimal> <white space: 0 or 1> <invisible: 0 or 1> <U+XXXX NAME>"."""
import os
import sys
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../utils'))
from u2moe_text import code_point_name, is_invisible, is_white_space, split_words  # noqa: E402

out = []
for number in range(sys.maxunicode + 1):
    c = chr(number)
    if unicodedata.category(c) not in ('Cn', 'Cs'):
        white = is_white_space(c)
        assert white == (split_words(f'a{c}b') == ['a', 'b']), code_point_name(c)
        out.append(f'{number:X} {white:d} {is_invisible(c):d} {code_point_name(c)}\n')
sys.stdout.buffer.write(''.join(out).encode('utf-8'))
