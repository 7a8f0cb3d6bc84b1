#!/usr/bin/env python3
"""The table and the plot of utils/steps/experts.sh: word errors against time under several policies.

Usage: expert_front.py <folder> <policy>...     the first policy is plain
  e.g. utils/expert_front.py exp/experts plain skip0.75 chunk4

Reads <folder>/<policy>/wer.json, *.routes.json and *.<round>.json; writes table.json and front.svg; prints the table. A policy stands in the front (+) if none is both faster and better. The
mark (*) is on the fastest that makes at most 1 % more errors than plain.
"""
import glob
import os

import report_svg as svg
from u2moe_script import Options, die, expecting, read_json, run, usage_error, write_json

LIMIT = 1.01  # errors, against plain


def speed(folder):
    """The least processor time per second of audio of all rounds, summed over models and sets."""
    rounds = {}
    for path in glob.glob(os.path.join(folder, '*.json')):
        parts = os.path.basename(path).rsplit('.', 2)
        if len(parts) == 3 and parts[1].isdigit():
            rounds.setdefault(parts[0], []).append(read_json(path))
    if not rounds:
        die(f'{folder} has no *.<round>.json; decode first (utils/steps/experts.sh)')
    cpu = sum(min(r['cpu_seconds'] for r in runs) for runs in rounds.values())
    return cpu / sum(runs[0]['audio_seconds'] for runs in rounds.values())


def routes(folder):
    """Means over the rows of all encoder mixtures, models and sets."""
    layers = [layer for path in glob.glob(os.path.join(folder, '*.routes.json')) for layer in read_json(path)['layers']
              if layer['name'].startswith('encoder.')]
    rows = sum(layer['rows'] for layer in layers)
    if not rows:
        die(f'{folder}: no *.routes.json tells of a mixture of the encoder')
    keys = ('experts_per_row', 'second_skipped', 'exited', 'distinct_experts_per_chunk')
    return {key: sum(layer[key] * layer['rows'] for layer in layers) / rows for key in keys}


def measure(folder, policy):
    wer = read_json(os.path.join(folder, policy, 'wer.json'))
    low, high = wer['difference']['interval95']  # plain - policy
    return {'policy': policy, 'errors': wer['errors'], 'words': wer['units'], 'wer': wer['error_rate'],
            'interval': wer['interval95'], 'change_interval': [-high, -low],
            'rtf': speed(os.path.join(folder, policy)), **routes(os.path.join(folder, policy))}


def judge(rows):
    """Sets 'front' and 'fastest' of each row; the first is plain."""
    for row in rows:
        row['front'] = not any(o['rtf'] <= row['rtf'] and o['errors'] <= row['errors'] and
                               (o['rtf'], o['errors']) != (row['rtf'], row['errors']) for o in rows)
        row['fastest'] = False
    good = [row for row in rows if row['errors'] <= LIMIT * rows[0]['errors']]
    min(good, key=lambda row: row['rtf'])['fastest'] = True


def text(rows):
    width = max(len(row['policy']) for row in rows)
    lines = [f'{"policy":{width}}  WER    95 %            errors  change, 95 %        RTF     of plain  experts  '
             'skipped  exited  distinct/chunk']
    for row in rows:
        mark = '*' if row['fastest'] else '+' if row['front'] else ' '
        lines.append(f'{row["policy"]:{width}} {row["wer"]:5.2f}  [{row["interval"][0]:5.2f}, {row["interval"][1]:5.2f}]'
                     f'  {row["errors"]:6}  [{row["change_interval"][0]:+5.2f}, {row["change_interval"][1]:+5.2f}]'
                     f'  {row["rtf"]:.5f}  {row["rtf"] / rows[0]["rtf"]:5.3f}     {row["experts_per_row"]:5.2f}'
                     f'  {100 * row["second_skipped"]:5.1f} %  {100 * row["exited"]:4.1f} %'
                     f'  {row["distinct_experts_per_chunk"]:5.2f}  {mark}')
    lines.append(f'{rows[0]["words"]} words. +: none is faster and better; *: the fastest with at most 1 % more errors '
                 'than plain. Experts of a frame')
    lines.append('and mixture of the encoder; skipped: frames with one expert; exited: with none; change: of the WER '
                 'against plain, paired.')
    return '\n'.join(lines)


def plot(folder, rows):
    """Writes front.svg; policies far above plain are named in its title, and not drawn."""
    limit, top = LIMIT * rows[0]['wer'], 1.25 * rows[0]['wer'] or 1
    shown = [row for row in rows if row['wer'] <= top] or rows[:1]
    above = ', '.join(row['policy'] for row in rows if row['wer'] > top)
    out = svg.Svg('front', 720, 500, 'Word errors against time with fewer experts', '; '.join(
        f'{row["policy"]}: {row["wer"]:.2f} % at {row["rtf"]:.5f}' for row in rows))
    xs, ys = [row['rtf'] for row in shown], [row['wer'] for row in shown] + [limit]
    pad_x, pad_y = 0.08 * (max(xs) - min(xs)), 0.1 * (max(ys) - min(ys)) or 1
    panel = svg.Panel(out, (56, 52, 706, 456), (min(xs) - pad_x, max(xs) + pad_x, False), (min(ys) - pad_y, max(ys) + pad_y, False),
                      'real-time factor of the encoder, processor time', 'word error rate, %',
                      svg.fit(f'not shown, above: {above}', 650) if above else '')
    at = [panel.at(row['rtf'], row['wer']) for row in shown]
    line = panel.y(limit)
    front = sorted((xy for xy, row in zip(at, shown) if row['front']))
    out.add(svg.line([(56, line), (706, line)], 's6', '6 4', 1, ' faint'), svg.line(front, 's0', '', 1.6))
    x = 56
    for name, sign in (('front', svg.marker('circle', 0, 0, 4, 's0')), ('policies', svg.marker('square', 0, 0, 4, 's1', True)),
                       ('fastest within the limit', svg.marker('diamond', 0, 0, 7, 's2', True)),
                       ('1 % more errors than plain', svg.line([(-9, 0), (9, 0)], 's6', '6 4', 1))):
        out.add(f'<g transform="translate({x} 16)">{sign}</g>', svg.text(x + 13, 20, name))
        x += 13 + svg.text_width(name) + 28
    for (a, b), row in zip(at, shown):
        if row['fastest']:
            out.add(svg.marker('diamond', a, b, 7, 's2', True))
        out.add(svg.marker('circle', a, b, 4, 's0') if row['front'] else svg.marker('square', a, b, 4, 's1', True))
    order = sorted(zip(at, shown), key=lambda x: (not x[1]['fastest'], not x[1]['front']))
    spots = svg.place_labels([(*xy, row['policy']) for xy, row in order], [(a - 5, b - 5, a + 5, b + 5) for a, b in at] +
                             [(56, line - 1, 706, line + 1)], panel.box)
    out.add(*(svg.text(spot[0], spot[1], row['policy'], spot[2], 'lab') for spot, (_, row) in zip(spots, order) if spot))
    out.write(os.path.join(folder, 'front.svg'))


def main():
    po = Options(__doc__)
    po.add_argument('args', nargs='*')
    folder, *policies = po.parse().args or [None]
    if not policies:
        usage_error('a folder and the names of policies are needed, plain first')
    rows = []
    for policy in policies:
        with expecting(f'the JSON files in {os.path.join(folder, policy)} are not those of utils/steps/experts.sh'):
            rows.append(measure(folder, policy))
    judge(rows)
    write_json(os.path.join(folder, 'table.json'), rows)
    plot(folder, rows)
    print(text(rows))


if __name__ == '__main__':
    run(main)
