#!/usr/bin/env python3
"""The table and the plot of utils/steps/experts.sh: word errors against time under several policies.

Usage: expert_front.py <folder> <policy>...     the first policy is plain
  e.g. utils/expert_front.py exp/experts plain skip0.75 chunk4

Reads <folder>/<policy>/wer.json, *.routes.json and *.<round>.json; writes table.json, front.gp and, with gnuplot,
front.png; prints the table. A policy stands in the front (+) if none is both faster and better. The
mark (*) is on the fastest that makes at most 1 % more errors than plain.
"""
import glob
import os
import subprocess

from u2moe_script import Options, die, expecting, read_json, run, usage_error, warn, write_json, writing

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
    def block(chosen):
        return ''.join(f'{row["rtf"]:.6g} {row["wer"]:.4f} "{row["policy"]}"\n' for row in chosen) + 'e\n'

    above = [row['policy'] for row in rows if row['wer'] > 1.25 * rows[0]['wer']]
    hidden = f'above: {", ".join(above)}' if above else ''
    front = sorted((row for row in rows if row['front']), key=lambda row: row['rtf'])
    script = f'''set encoding utf8
set terminal pngcairo noenhanced size 1000,700 font "sans,10"
set output "front.png"
set xlabel "real-time factor of the encoder, processor time"
set ylabel "word error rate, %"
set grid
set key below
set yrange [:{1.25 * rows[0]['wer']:.4f}]
set title "{hidden}"
limit = {LIMIT * rows[0]['wer']:.4f}
plot limit with lines dt 2 lc rgb "#888888" title "1 % more errors than plain", \\
  "-" using 1:2 with linespoints pt 7 lc rgb "#4477aa" title "front", \\
  "-" using 1:2 with points pt 6 lc rgb "#ee6677" title "policies", \\
  "-" using 1:2:3 with labels offset 0,0.8 font ",8" notitle, \\
  "-" using 1:2 with points pt 3 ps 2.5 lc rgb "#228833" title "fastest within the limit"
{block(front)}{block(rows)}{block(rows)}{block([row for row in rows if row['fastest']])}'''
    with writing(os.path.join(folder, 'front.gp')) as f:
        f.write(script)
    try:
        subprocess.run(['gnuplot', 'front.gp'], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                       env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    except FileNotFoundError:
        warn('no gnuplot, so no front.png')
    except subprocess.CalledProcessError as e:
        die(f'gnuplot could not draw {folder}/front.png (status {e.returncode})')


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
