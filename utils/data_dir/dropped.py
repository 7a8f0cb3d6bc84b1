"""Utterances that were left out of a data directory, and why."""
import os

from shared import read_lines, say, show, write_lines

SHOWN = 3  # names of each reason in a message; the file has all


class Dropped:
    """Utterances by reason, in the order in which the reasons came up."""

    def __init__(self):
        self.reasons = {}

    def add(self, utterance, reason, detail=''):
        self.reasons.setdefault(reason, []).append((utterance, detail))

    def __len__(self):
        return sum(len(x) for x in self.reasons.values())

    def tell(self, path, total):
        """Says the counts, with the first names of each reason."""
        for reason, who in self.reasons.items():
            names = ', '.join(show(u) + (f' ({d})' if d else '') for u, d in who[:SHOWN])
            say(f'{path}: {len(who)} of {total} utterances left out: {reason}: {names}'
                + (', ...' if len(who) > SHOWN else ''))

    def write(self, path, append=False):
        """Lines "utterance reason"; nothing is no file."""
        lines = [show(u).encode('utf-8') + b' ' + (reason + (f' ({d})' if d else '')).encode('utf-8')
                 for reason, who in self.reasons.items() for u, d in who]
        if append and os.path.exists(path):
            lines = read_lines(path) + lines
        if lines:
            write_lines(path, lines)
        elif os.path.exists(path):
            os.remove(path)
