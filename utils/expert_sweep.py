#!/usr/bin/env python3
"""Word errors against real-time factor when mixtures use fewer experts than their routers choose.

Each model decodes the test sets plainly and with the limits of nnet-forward (--skip-second-gate,
--chunk-experts, --expert-budget, --exit-blank; moe-calibrate explains the first): CTC prefix beam
search and both attention decoders. Prints a table with the front marked by '*', names the fastest point
whose word errors exceed those of the first model's plain decoding by at most --tolerance percent, and
writes sweep.json, sweep.txt and sweep.png (gnuplot) into --out. Run from a recipe's folder after
training; further models are ones trained with the same limits (nnet-train).

  e.g. ../../utils/expert_sweep.py --chunk=16 --out=exp/sweep plain=exp/moe/1/final.safetensors \\
         trained=exp/moe-fewer/1/final.safetensors
"""
import argparse
import json
import os
import subprocess
import sys

VARIANTS = ['', '--skip-second-gate=0.9', '--skip-second-gate=0.75', '--skip-second-gate=0.6',
            '--skip-second-gate=0.5', '--chunk-experts=4', '--chunk-experts=2', '--expert-budget=4',
            '--chunk-experts=4 --skip-second-gate=0.6', '--chunk-experts=2 --skip-second-gate=0.6',
            '--exit-blank=0.99']


def run(command, log):
    with open(log, 'a', encoding='utf-8') as err:
        done = subprocess.run(command, stderr=err, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, 'OPENBLAS_NUM_THREADS': '1'})
    if done.returncode != 0:
        sys.exit(f'expert_sweep.py: error: {" ".join(command)} failed; see {log}')
    return done.stdout


def experts(args, model, variant, name, log):
    """Experts per frame and distinct experts per chunk, means over the encoder's mixtures."""
    options = [o for o in variant.split() if not o.startswith('--exit')]
    out = f'{args.out}/routes.json'
    run(['moe-route-stats', *options, f'--chunk-size={args.chunk}', f'--json={out}', model,
         f'scp:{args.dump}/{name}/feats.scp'], log)
    with open(out, encoding='utf-8') as f:
        rows = [r for r in json.load(f)['layers'] if r['name'].startswith('encoder')]
    mean = lambda key: sum(r[key] for r in rows) / len(rows)  # noqa: E731
    return mean('experts_per_row'), mean('distinct_experts_per_chunk')


def decode(args, label, model, variant):
    base, log = f'{args.out}/current', f'{args.out}/log'
    point = dict(model=label, options=variant, errors=0, words=0, cpu=0.0, audio=0.0)
    for name in args.sets:
        best = None
        for _ in range(args.rounds):
            run(['nnet-forward', *variant.split(), f'--chunk-size={args.chunk}',
                 f'--streaming={"true" if args.chunk > 0 else "false"}', f'--stats={base}.json', model,
                 f'scp:{args.dump}/{name}/feats.scp', f'ark:{base}.logp', f'ark:{base}.encoder'], log)
            with open(f'{base}.json', encoding='utf-8') as f:
                stats = json.load(f)
            best = min(best or stats['cpu_seconds'], stats['cpu_seconds'])
        point['cpu'] += best
        point['audio'] += stats['audio_seconds']
        run(['ctc-decode', '--method=prefix-beam', '--nbest=10', f'ark:{base}.logp', f'ark,t:{base}.nbest',
             f'ark,t:{base}.scores'], log)
        run(['attention-rescore', model, f'ark:{base}.encoder', f'ark,t:{base}.nbest', f'ark,t:{base}.scores',
             f'ark,t:{base}.tokens'], log)
        run(['tokens-to-text', f'{args.dump}/units.txt', f'ark,t:{base}.tokens', f'ark,t:{base}.text'], log)
        run(['compute-wer', f'--json={base}.wer', f'ark:{args.data}/{name}/text', f'ark:{base}.text'], log)
        with open(f'{base}.wer', encoding='utf-8') as f:
            wer = json.load(f)
        point['errors'] += wer['errors']
        point['words'] += wer['units']
    point['wer'] = 100 * point['errors'] / point['words']
    point['rtf'] = point['cpu'] / point['audio']
    if args.routes:
        point['experts_per_frame'], point['distinct_per_chunk'] = experts(args, model, variant, args.sets[0], log)
    return point


def mark(points, tolerance):
    """Which points no other one beats in both, and the fastest within the tolerance of the first."""
    for p in points:
        p['front'] = not any(q['rtf'] <= p['rtf'] and q['errors'] <= p['errors'] and
                             (q['rtf'], q['errors']) != (p['rtf'], p['errors']) for q in points)
    allowed = points[0]['errors'] * (1 + tolerance / 100)
    return min((p for p in points if p['errors'] <= allowed), key=lambda p: p['rtf'])


def table(args, points, best):
    plain = points[0]
    lines = [f"{', '.join(args.sets)}, chunk {args.chunk}: {plain['words']} words; RTF is processor time of encoder "
             'and CTC head',
             f"{'':2} {'model':10} {'WER':>6} {'errors':>7} {'change':>8} {'RTF':>8} {'speed':>6} {'exp/frame':>9} "
             f"{'per chunk':>9}  options"]
    for p in points:
        routes = [f'{p[k]:9.2f}' if k in p else f"{'-':>9}" for k in ('experts_per_frame', 'distinct_per_chunk')]
        lines.append(f"{'*' if p['front'] else ' '}{'>' if p is best else ' '} {p['model']:10} {p['wer']:6.2f} "
                     f"{p['errors']:7d} {100 * (p['errors'] - plain['errors']) / max(plain['errors'], 1):+7.1f}% {p['rtf']:8.5f} "
                     f"{plain['rtf'] / p['rtf']:6.2f} {' '.join(routes)}  {p['options'] or 'plain'}")
    lines.append(f"> fastest with at most {args.tolerance:g} % more errors than plain {plain['model']}: {best['model']} "
                 f"{best['options'] or 'plain'}, {plain['rtf'] / best['rtf']:.2f} times as fast")
    return '\n'.join(lines)


def plot(args, points):
    base, labels = f'{args.out}/sweep', list(dict.fromkeys(p['model'] for p in points))
    lines = ['set encoding utf8', 'set terminal pngcairo size 820,560 font "sans,10"', f'set output "{base}.png"',
             'set xlabel "real-time factor of the encoder, one thread"', 'set ylabel "word error rate, %"', 'set grid',
             'set key outside below', f'set title "fewer experts, chunk {args.chunk}" noenhanced']
    curves = []
    for i, label in enumerate(labels):
        rows = [p for p in points if p['model'] == label]
        lines.append(f'$d{i} << EOD\n' + ''.join(
            f'{p["rtf"]:.6f} {p["wer"]:.3f} "{p["options"].replace("--", "") or "plain"}"\n' for p in rows) + 'EOD')
        curves += [f'$d{i} using 1:2 with points pt {5 + 2 * i} ps 1.3 title "{label}" noenhanced',
                   f'$d{i} using 1:2:3 with labels left offset 0.8,0.3 font ",7" noenhanced notitle']
    front = sorted((p['rtf'], p['wer']) for p in points if p['front'])
    lines.append('$front << EOD\n' + ''.join(f'{r:.6f} {w:.3f}\n' for r, w in front) + 'EOD')
    curves.append('$front using 1:2 with lines lc rgb "#888888" title "front"')
    lines.append('plot ' + ', \\\n  '.join(curves))
    with open(f'{base}.gp', 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines) + '\n')
    subprocess.run(['gnuplot', f'{base}.gp'], check=True, stdin=subprocess.DEVNULL,
                   env={**os.environ, 'LC_ALL': 'C.UTF-8'})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dump', default='dump')
    parser.add_argument('--data', default='data')
    parser.add_argument('--sets', type=lambda s: s.split(','), default=['test_clean', 'test_noisy'])
    parser.add_argument('--chunk', type=int, default=-1)
    parser.add_argument('--rounds', type=int, default=3, help='of the encoder, for the least time')
    parser.add_argument('--tolerance', type=float, default=1, help='percent more errors than plain')
    parser.add_argument('--no-routes', dest='routes', action='store_false', help='leave out what the experts do')
    parser.add_argument('--out', default='exp/sweep')
    parser.add_argument('--variant', action='append', help=f'options of nnet-forward; by default {VARIANTS[1:]}')
    parser.add_argument('models', nargs='+', metavar='NAME=MODEL')
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    variants = [''] + args.variant if args.variant else VARIANTS
    points = []
    for item in args.models:
        label, equals, model = item.partition('=')
        if not equals:
            parser.error(f'{item}: expected NAME=MODEL')
        for variant in variants:
            points.append(decode(args, label, model, variant))
            print(f'sweep: {len(points)} of {len(args.models) * len(variants)}', end='\r', file=sys.stderr)
    best = mark(points, args.tolerance)
    text = table(args, points, best)
    print(text)
    with open(f'{args.out}/sweep.txt', 'w', encoding='utf-8') as f:
        f.write(text + '\n')
    with open(f'{args.out}/sweep.json', 'w', encoding='utf-8') as f:
        json.dump(points, f, indent=1)
    plot(args, points)


if __name__ == '__main__':
    main()
