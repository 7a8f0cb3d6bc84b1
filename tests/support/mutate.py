#!/usr/bin/env python3
"""Writes mutated copies of a file: mutate.py <file> <count> <seed> <prefix> makes <prefix>1, <prefix>2, ..."""
import os
import random
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../utils'))
from u2moe_script import run, usage_error, writing

EXTREME = [b'\xff\xff\xff\xff', b'\xff\xff\xff\x7f', b'\x00\x00\x00\x80', b'\x80', b'-1', b'1e999', b'nan', b'\n', b' ', b'\x00']


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at:at + rng.randrange(16)]
        elif kind == 4:
            data[at:at] = data[rng.randrange(len(data) + 1):][:rng.randrange(16)]
        elif kind == 5:
            value = rng.choice(EXTREME)
            data[at:at + len(value)] = value
        else:
            other = rng.randrange(len(data) + 1)
            data[at:at + 8], data[other:other + 8] = data[other:other + 8], data[at:at + 8]
    return bytes(data).replace(b'|', b'!')  # a script must not come to name a command


def main():
    if len(sys.argv) != 5 or not sys.argv[2].isdigit():
        usage_error('four arguments are needed: <file> <count> <seed> <prefix>')
    name, count, seed, prefix = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    with open(name, 'rb') as f:
        data = f.read()
    rng = random.Random(f'{seed} {prefix}')
    for n in range(1, count + 1):
        with writing(f'{prefix}{n}', 'wb') as f:
            f.write(mutate(data, rng))


if __name__ == '__main__':
    run(main)
