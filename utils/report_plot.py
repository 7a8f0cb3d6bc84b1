"""The plot of word error rate against real-time factor, by gnuplot."""
import os
import subprocess

from u2moe_script import writing

MODE_NAMES = {'greedy': 'greedy', 'prefix': 'beam', 'rescoring': 'rescoring'}
COLOURS = ['#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377']
POINTS = {'greedy': 6, 'prefix': 4, 'rescoring': 7}


def total_rtf(report, speed, mode):
    """Wall seconds per second of audio of all that a mode needs, features included."""
    stages = ['encoder'] + (['greedy'] if mode == 'greedy' else ['prefix'])
    if mode == 'rescoring':
        stages.append('rescoring')
    features = report['features']['wall'] if report['features'] else 0
    return features + sum(speed[s]['wall'] for s in stages)


def rtf_axis(report):
    """The range of the logarithmic axis, and its tics 1, 2 and 5 times a power of ten."""
    all_rtf = [total_rtf(report, entry['speed'][chunk], mode) for entry in report['models'].values()
               for chunk in report['chunks'] for mode in MODE_NAMES]
    low, high = min(all_rtf) / 1.25, max(all_rtf) * 1.35
    tics = [f'{m}e{e}' for e in range(-6, 3) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    return f'set xrange [{low:.3g}:{high:.3g}]', 'set xtics (' + ', '.join(f'"{float(t):g}" {t}' for t in tics) + ')'


def plot(report, base):
    """Writes base.gp and, with gnuplot, base.png."""
    sets = list(report['sets'])
    lines = [
        'set encoding utf8',
        f'set terminal pngcairo size {620 * len(sets)},620 font "sans,10"',
        f'set output "{base}.png"',
        'set logscale x',
        *rtf_axis(report),
        'set xlabel "real-time factor, one thread (features, encoder, search)"',
        'set ylabel "word error rate, %"',
        'set yrange [0:*]',
        'set grid',
        # A column a model; a row a mode.
        f'set key outside below center vertical maxrows {len(MODE_NAMES)} samplen 2 font ",8"',
        'set bmargin 8',
        f'set multiplot layout 1,{len(sets)} title "{report["title"]}" noenhanced',
    ]
    for name in sets:
        curves, data = [], []
        for m, (model, entry) in enumerate(report['models'].items()):
            for mode in MODE_NAMES:
                rows = []
                for r in entry['results']:
                    if (r['set'], r['mode'], r['unit']) == (name, mode, 'wer'):
                        chunk = 'full' if r['chunk'] == '-1' else r['chunk']
                        rtf = total_rtf(report, entry['speed'][r['chunk']], mode)
                        rows.append((rtf, r['wer'], r['low'], r['high'], chunk))
                block = f'$d{len(data)}'
                data.append(f'{block} << EOD\n' + ''.join(
                    '%.6f %.3f %.3f %.3f %s\n' % row for row in sorted(rows)) + 'EOD')
                colour = COLOURS[m % len(COLOURS)]
                curves.append(f'{block} using 1:2:3:4 with yerrorlines lc rgb "{colour}" '
                              f'pt {POINTS[mode]} lw 1.3 title "{model} {MODE_NAMES[mode]}"')
                if mode == 'rescoring':
                    curves.append(f'{block} using 1:2:5 with labels left offset 0.7,0.5 font ",7" '
                                  f'tc rgb "{colour}" notitle')
        lines += data + [f'set title "{name} (labels: chunk size in encoder frames)" noenhanced',
                         'plot ' + ', \\\n  '.join(curves)]
    lines.append('unset multiplot')
    with writing(f'{base}.gp') as f:
        f.write('\n'.join(lines) + '\n')
    subprocess.run(['gnuplot', f'{base}.gp'], check=True, stdin=subprocess.DEVNULL,
                   env={**os.environ, 'LC_ALL': 'C.UTF-8'})
