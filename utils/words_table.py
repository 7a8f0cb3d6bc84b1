#!/usr/bin/env python3
"""The table of utils/steps/words.sh: word error rates of searches with language models, graphs and hot words beside
their controls, which any of them must beat: the same search without, and with the larger beam.

Reads <folder>/<chunk>/<search>.{wer.json,note}; writes <folder>/table.txt and table.json and prints the table.

  e.g. utils/words_table.py --beam 10 --chunks "-1 16" --title "moe, test" exp/moe/777/words/test
"""
import os

from report_text import table
from u2moe_script import Error, Options, positive, read_text, run, write_json, writing
from u2moe_script import read_json as read_any_json


def names(beam):
    """(search, what it is called, its control) in the order of the table."""
    wide = 5 * beam
    control = f'prefix{wide}'
    rescored = f'rescored-nbest{wide}'
    return [('greedy', 'greedy', control),
            (f'prefix{beam}', f'prefix beam {beam}', control),
            (control, f'prefix beam {wide} (control)', None),
            (f'fusion{beam}', f'prefix beam {beam} + LM', control),
            (f'prefix{beam}+hot', f'prefix beam {beam} + hot words', control),
            (f'fusion{beam}+hot', f'prefix beam {beam} + LM + hot words', control),
            ('wfst', 'graph', control),
            ('wfst+hot', 'graph + hot words', control),
            ('attention0', f'attention, beam {beam}', control),
            ('attention0.3', f'joint CTC/attention, beam {beam}', control),
            (f'rescored-nbest{beam}', f'{beam}-best rescored', rescored),
            (rescored, f'{wide}-best rescored (control)', None),
            (f'rescored-nbest{beam}+lm', f'{beam}-best rescored + LM', rescored),
            (f'rescored-fusion-nbest{beam}+lm', f'{beam}-best of fusion rescored + LM', rescored),
            (f'rescored-lattice-nbest{beam}+lm', f'{beam}-best of lattices rescored + LM', rescored)]


def read_json(path):
    try:
        return read_any_json(path)
    except FileNotFoundError:
        return None


def rate(result, key='error_rate'):
    return '-' if result is None or result.get(key) is None else f'{result[key]:.2f}'


def interval(result):
    i = result.get('interval95')
    return f' [{i[0]:.1f}, {i[1]:.1f}]' if i else ''


def row_of(found, has_control):
    """WER with its interval; deletions, insertions; against the control; listed words and the others."""
    row = [rate(found) + interval(found), f'{found["deletions"]}/{found["insertions"]}']
    d = found.get('difference')
    if has_control and d and d['second_minus_first'] is not None and d['interval95']:
        # compute-wer tells second - first, and the control is the second.
        difference, high, low = (0.0 - x for x in (d['second_minus_first'], *d['interval95']))
        real = not low <= 0 <= high
        row.append(f'{difference:+.2f} [{low:+.1f}, {high:+.1f}]' + (' *' if real else ''))
    else:
        row.append('')
    return row + [rate(found.get('biased')), rate(found.get('unbiased'))]


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--beam', required=True, type=positive)
    ap.add_argument('--chunks', required=True, type=str.split)
    ap.add_argument('--title', required=True)
    ap.add_argument('folder')
    args = ap.parse()
    out, all_found = [], {}
    for chunk in args.chunks:
        folder = f'{args.folder}/{chunk}'
        rows, hot = [], False
        for search, name, control in names(args.beam):
            found = read_json(f'{folder}/{search}.wer.json')
            if found is None:
                continue
            note = f'{folder}/{search}.note'
            found['note'] = read_text(note).strip() if os.path.exists(note) else ''
            all_found.setdefault(chunk, {})[search] = found
            hot = hot or 'biased' in found
            rows.append([name] + row_of(found, control) + [found['note']])
        if not rows:
            raise Error(f'{folder} holds no result of utils/steps/words.sh')
        if not hot:
            rows = [r[:4] + r[6:] for r in rows]
        header = ['', 'WER % [95 %]', 'del/ins', 'from control'] + (['B-WER', 'U-WER'] if hot else []) + ['chosen on dev']
        first = next(iter(all_found[chunk].values()))
        listed = f', {first["phrases"]} hot words' if hot else ''
        out += [f'{args.title}, {"whole utterances" if chunk == "-1" else f"chunk {chunk}"}: {first["sentences"]} utterances, '
                f'{first["units"]} words{listed}'] + table(header, rows) + ['']
    out.append('Control: the same search without language model and hot words, with a beam five times as large; *: the paired '
               'interval of the\ndifference does not hold 0. del/ins: words left out and put in.')
    text = '\n'.join(out) + '\n'
    with writing(f'{args.folder}/table.txt') as f:
        f.write(text)
    write_json(f'{args.folder}/table.json', all_found)
    print(text, end='')


if __name__ == '__main__':
    run(main)
