#!/usr/bin/env python3
"""Writes a SentencePiece model of the given pieces, all of one score but longer ones better, with no normaliser.

Usage: tiny_word_pieces.py <out> <piece>...
"""
import struct
import sys


def field(number, data):
    size, length = b'', len(data)
    while length > 127:
        size += bytes([length & 127 | 128])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data


def piece(text, score, kind):
    return field(1, field(1, text.encode()) + b'\x15' + struct.pack('<f', score) + b'\x18' + bytes([kind]))


def main():
    model = piece('<unk>', 0, 2) + piece('<s>', 0, 3) + piece('</s>', 0, 3)
    for text in sys.argv[2:]:
        model += piece(text, -10 + len(text) / 100, 1)
    with open(sys.argv[1], 'wb') as f:
        f.write(model + field(2, b'\x18\x01') + field(3, field(1, b'identity')))


if __name__ == '__main__':
    main()
