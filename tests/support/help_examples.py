"""Prints the examples of a help text on stdin, each ended by a NUL byte.

An example begins after "e.g." (or "or:" below one), or on a line of its own below one, seven spaces in or more; a line
that ends with | or \\ goes on in the next. "e.g. in wav.scp: LINE" is such a line of wav.scp.
"""
import re
import sys

examples, inside = [], False
for line in sys.stdin.read().split('\nOptions:\n')[0].splitlines():
    begin = re.match(r'\s*e\.g\. (.*)', line) or (inside and re.match(r'\s*or: (.*)', line))
    if begin:
        examples.append(begin[1])
        inside = True
    elif inside and re.match(r' {7}', line):
        if examples[-1].endswith(('|', '\\')):
            examples[-1] += '\n' + line
        else:
            examples.append(line.strip())
    else:
        inside = False
sys.stdout.write(''.join(e + '\0' for e in examples))
