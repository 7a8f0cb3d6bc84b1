#!/usr/bin/env python3
"""Speed of the paper's three models in every format of weights: `make bench` runs this.

Makes dense-225m, moe-1b and dense-1b with random weights (nnet-init --preset), packs them
(nnet-quantize), and measures each with tests/bench/scale-bench in a process of its own; moe-1b under each
of --policies: plain, or skip<share> of second experts, chunk<experts>, budget<experts>, joined by +, as
steps/experts.sh says. Prints tables, writes --json, and removes each model when it has been measured: at
most 8 GB of --dir are in use. Nothing else should run on the machine meanwhile.

  e.g. tools/dev/bench_scale.py --models=dense-225m,moe-1b --precisions=int8 --rounds=3
       tools/dev/bench_scale.py --models=dense-225m,moe-1b --precisions=int8 --policies=plain,skip0.9 --threads=1
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, 'utils'))
from u2moe_script import Options, die, number, positive, read_json, usage_error, write_json
from u2moe_script import run as run_script

MODELS = ['dense-225m', 'moe-1b', 'dense-1b']
PRECISIONS = ['float32', 'bfloat16', 'int8', 'int4']
MODES = ['whole', 'batch', 'chunks', 'streams']
POLICY_OPTIONS = {'skip': 'skip', 'chunk': 'chunk-experts', 'budget': 'expert-budget'}


def run(command, **kwargs):
    if not os.access(command[0], os.X_OK):
        die(f'there is no program {command[0]}; `make bench` builds it, --build says where')
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors='replace', **kwargs)
    if done.returncode != 0:
        die(f'{" ".join(command)} failed:\n{done.stderr[-1500:]}')
    return done


def policy_options(policy):
    """skip0.5+chunk4 -> ['--skip=0.5', '--chunk-experts=4']; None if it is not a policy."""
    options = []
    for part in [] if policy == 'plain' else policy.split('+'):
        match = re.fullmatch(r'(skip|chunk|budget)([0-9.]+)', part)
        if not match:
            return None
        options.append(f'--{POLICY_OPTIONS[match[1]]}={match[2]}')
    return options


def policies(args, model):
    return args.policies if model == 'moe-1b' else ['plain']


def measure(args, folder):
    results = {}
    total = len(args.precisions) * sum(len(policies(args, m)) for m in args.models)
    began, n = time.time(), 0
    for model in args.models:
        plain = f'{folder}/{model}.safetensors'
        run([f'{args.bin}/nnet-init', f'--preset={model}', plain])
        for precision in args.precisions:
            packed = f'{folder}/{model}.{precision}.safetensors'
            run([f'{args.bin}/nnet-quantize', f'--weights={precision}', plain, packed], stdout=subprocess.DEVNULL)
            out = f'{folder}/{model}.{precision}.json'
            for policy in policies(args, model):
                run([args.bench, f'--rounds={args.rounds}', f'--seconds={args.seconds}', f'--max-threads={args.threads}',
                     f'--batch-seconds={args.batch_seconds}',
                     *policy_options(policy), f'--json={out}', packed], stdout=subprocess.DEVNULL)
                results[model, precision, policy] = read_json(out)
                results[model, precision, policy]['file_megabytes'] = os.path.getsize(packed) / 1e6
                n += 1
                left = (time.time() - began) * (total - n) / n
                print(f'bench: {model} {precision} {policy} measured, {n} of {total}, {left / 60:.1f} min left',
                      file=sys.stderr)
            os.remove(packed)
        os.remove(plain)
    return results


def row_of(result, mode, threads):
    for row in result['rows']:
        if row['mode'] == mode and row['threads'] == threads:
            return row
    return None


def thread_counts(args):
    """1, 2, 4, ... up to --threads, as scale-bench measures."""
    return [1 << i for i in range(args.threads.bit_length())]


def tables(args, results):
    first = next(iter(results.values()))
    lines = [f"{first['machine']}; sgemm {min(r['sgemm_gflops'] for r in results.values()):.0f} to "
             f"{max(r['sgemm_gflops'] for r in results.values()):.0f} GFLOP/s (M=1000, one thread), "
             f"copies {min(r['copy_gigabytes'] for r in results.values()):.1f} to "
             f"{max(r['copy_gigabytes'] for r in results.values()):.1f} GB/s read and written (memcpy, one thread)",
             f"{first['audio_seconds']:.0f} s of audio, {args.rounds} rounds, the least of each; encoder and CTC head; "
             f"batches of {first['batch_size']} utterances; chunks of 16, 4 to the left",
             'distinct: experts per mixture and step (utterance, batch, or chunk of all streams); MB read: of weights in a '
             'step; of copy: these bytes, of what a copy moves in that time: bytes bind where it is near 1; '
             'allocs: of tensor memory + small ones, per utterance', '']
    width = max(len(p) for p in ['experts', *args.policies])
    head = f"{'model':11} {'weights':9} {'experts':{width}} {'mode':7}"
    for t in thread_counts(args):
        head += f" {f'RTF, {t} thr':>11}"
    lines.append(head + f" {'distinct':>8} {'MB read':>8} {'of copy':>7} {'allocs':>9}  stages, one thread")
    for (model, precision, policy), r in results.items():
        for mode in MODES:
            one = row_of(r, mode, 1)
            line = f'{model:11} {precision:9} {policy:{width}} {mode:7}'
            for t in thread_counts(args):
                line += f" {row_of(r, mode, t)['rtf']['min']:11.4f}"
            seconds = sum(one['stages'].values())
            shares = ', '.join(f'{100 * v / seconds:.0f} % {k}' for k, v in
                               sorted(one['stages'].items(), key=lambda x: -x[1]) if v / seconds >= 0.02)
            allocations = f"{one['system_allocations']}+{one['small_allocations']}"
            lines.append(line + f" {one['distinct_experts']:8.2f} {one['megabytes_read']:8.0f} "
                         f"{one['gigabytes_per_second'] / r['copy_gigabytes']:7.2f} "
                         f"{allocations:>9}  {shares}")
    lines += ['', f"{'model':11} {'weights':9} {'file MB':>8} {'peak MB':>8} {'load s':>7} {'rescoring':>10} "
              f"{'GFLOP/s':>8} {'of sgemm':>9}"]
    for (model, precision, policy), r in results.items():
        if policy == policies(args, model)[0]:
            rate = r['gflop'] / (row_of(r, 'whole', 1)['cpu_rtf']['min'] * r['audio_seconds'])
            lines.append(f"{model:11} {precision:9} {r['file_megabytes']:8.0f} {r['peak_megabytes']:8.0f} "
                         f"{r['load_seconds']:7.3f} {r['rescoring_rtf']:10.4f} {rate:8.0f} "
                         f"{rate / r['sgemm_gflops']:9.2f}")
    lines += ['', f"{'weights':9} {'experts':{width}} {'mode':7} {'moe-1b / dense-225m':>20} {'dense-1b / moe-1b':>18}"]
    for precision in args.precisions:
        for policy in args.policies:
            for mode in MODES:
                rtf = {m: row_of(results[m, precision, p], mode, 1)['cpu_rtf']['min'] for m in args.models
                       for p in policies(args, m) if m != 'moe-1b' or p == policy}
                cells = [f"{rtf[a] / rtf[b]:.2f}" if a in rtf and b in rtf else '-'
                         for a, b in (('moe-1b', 'dense-225m'), ('dense-1b', 'moe-1b'))]
                lines.append(f'{precision:9} {policy:{width}} {mode:7} {cells[0]:>20} {cells[1]:>18}')
    return '\n'.join(lines)


def main():
    parser = Options(__doc__, details=True)
    parser.add_argument('--build', default=f'{ROOT}/build/cpu', help='where the tools and scale-bench are')
    parser.add_argument('--models', type=lambda s: s.split(','), default=MODELS)
    parser.add_argument('--precisions', type=lambda s: s.split(','), default=PRECISIONS)
    parser.add_argument('--policies', type=lambda s: s.split(','), default=['plain', 'skip0.9', 'skip0.9+chunk3', 'skip0.9+chunk2'],
                        help='how moe-1b uses its experts')
    parser.add_argument('--rounds', type=positive, default=1)
    parser.add_argument('--seconds', type=number(0.1), default=6)
    parser.add_argument('--batch-seconds', type=number(0.1), default=60)
    parser.add_argument('--threads', type=positive, default=2)
    parser.add_argument('--dir', help='folder for the models; by default a temporary one')
    parser.add_argument('--json')
    args = parser.parse()
    for name, known in (('models', MODELS), ('precisions', PRECISIONS)):
        for value in getattr(args, name):
            if value not in known:
                usage_error(f'--{name}: {value} is none of {", ".join(known)}')
    for policy in args.policies:
        if policy_options(policy) is None:
            usage_error(f'--policies: {policy} is neither plain nor of skip<share>, chunk<experts>, budget<experts>')
    args.bin, args.bench = f'{args.build}/bin', f'{args.build}/tests/bench/scale-bench'
    folder = args.dir or tempfile.mkdtemp(prefix='u2moe-bench-')
    os.makedirs(folder, exist_ok=True)
    try:
        results = measure(args, folder)
    finally:
        if not args.dir:
            shutil.rmtree(folder, ignore_errors=True)
    print(tables(args, results))
    if args.json:
        write_json(args.json, [dict(name=m, weights=w, policy=p, **r) for (m, w, p), r in results.items()])


if __name__ == '__main__':
    run_script(main)
