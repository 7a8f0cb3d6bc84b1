"""What a stream of WAV files is: sampling rate, channels, seconds, and whether there is any sound.

Usage: wav-copy scp:wav.scp ark:- | utils/wav_facts.sh > reco2audio
Lines: key, Hz, channels, seconds, and "silent" if every sample is 0, else "sound". utils/steps/audio_facts.sh does this
for a data directory, in several jobs.
"""
import struct
import sys

from shared import Options, die, run

PIECE = 1 << 20


def read(stream, count):
    data = stream.read(count)
    if len(data) != count:
        die('the archive ends inside a WAV file')
    return data


def key_of(stream):
    """The key before the next file, or None at the end."""
    key = b''
    while True:
        c = stream.read(1)
        if not c:
            if key:
                die('the archive ends after a key')
            return None
        if c == b' ':
            return key
        key += c


def facts_of(stream):
    """(rate, channels, seconds, silent) of the WAV file that comes next, which wav-copy has written."""
    riff, _, wave = struct.unpack('<4sI4s', read(stream, 12))
    if riff != b'RIFF' or wave != b'WAVE':
        die('this is no archive of WAV files')
    rate = channels = width = 0
    while True:
        name, size = struct.unpack('<4sI', read(stream, 8))
        if name == b'data':
            break
        chunk = read(stream, size + size % 2)
        if name == b'fmt ':
            channels, rate, _, width = struct.unpack('<HIIH', chunk[2:14])
    if not rate or not width:
        die('a WAV file without a format')
    silent, left = True, size
    while left:
        piece = read(stream, min(left, PIECE))
        silent = silent and piece.count(0) == len(piece)
        left -= len(piece)
    return rate, channels, size / width / rate, silent


def main():
    Options(__doc__).parse()
    stream = sys.stdin.buffer
    while True:
        key = key_of(stream)
        if key is None:
            break
        rate, channels, seconds, silent = facts_of(stream)
        sys.stdout.buffer.write(key + b' %d %d %.6g %s\n' % (rate, channels, seconds, b'silent' if silent else b'sound'))


if __name__ == '__main__':
    run(main)
