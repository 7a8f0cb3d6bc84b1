"""The report as text for people."""
import report_labels

MODE_NAMES = {'greedy': 'CTC greedy', 'prefix': 'CTC prefix beam', 'rescoring': 'rescoring L2R+R2L'}


def table(header, rows):
    """Columns aligned: the first to the left, the others to the right."""
    cells = [header] + rows
    widths = [max(len(str(r[i])) for r in cells) for i in range(len(header))]
    out = []
    for n, row in enumerate(cells):
        out.append('  ' + '  '.join(str(c).ljust(w) if i == 0 else str(c).rjust(w)
                                    for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        if n == 0:
            out.append('  ' + '  '.join('-' * w for w in widths))
    return out


def minutes(seconds):
    return f'{seconds / 60:.1f} min'


def where(row, several_sets):
    chunk = 'full' if row['chunk'] == '-1' else f'chunk {row["chunk"]}'
    return (f'{row["set"]}, ' if several_sets else '') + f'{chunk}, {MODE_NAMES[row["mode"]]}'


def models_part(report):
    rows = []
    base = report['models'][report['baseline']]
    for name, m in report['models'].items():
        runs = list(m['training'].values())
        loss = [r['best_dev_loss'] for r in runs]
        speed = [r['frames_per_cpu_second'] for r in runs]
        rows.append([name, f'{m["parameters"]:,}', f'{m["parameters"] / base["parameters"]:.2f}x',
                     f'{m["active_per_frame"]:,}', runs[0]['epochs'],
                     minutes(sum(r['wall_seconds'] for r in runs) / len(runs)),
                     f'{sum(speed) / len(speed):,.0f}',
                     f'{sum(loss) / len(loss):.3f}'])
    return ['Models (means over seeds)'] + table(
        ['model', 'parameters', f'of {report["baseline"]}', 'active per frame', 'epochs',
         'training', 'frames/CPU s', 'best dev loss'], rows) + [
        '  Active per frame: parameters of encoder and CTC head that work on one frame.', '']


def results_part(report, name):
    info = report['sets'][name]
    models = report['models']
    several = len(report['seeds']) > 1
    out = [f'Word error rate, %: {name}, {info["utterances"]} utterances, {info["words"]} words, '
           f'{minutes(info["seconds"])}',
           '  mean over seeds [95 % interval over seeds and utterances] (spread: standard deviation '
           'of the seeds)' if several else '  [95 % interval over utterances]']
    cells = {}
    for model, m in models.items():
        for r in m['results']:
            if r['set'] == name and r['unit'] == 'wer':
                text = f'{r["wer"]:.2f} [{r["low"]:.1f}, {r["high"]:.1f}]'
                if several:
                    text += f' ({r["spread"]:.1f})'
                cells.setdefault(where(r, False), []).append(text)
    out += table([''] + list(models), [[k] + v for k, v in cells.items()]) + ['']

    rows = {}
    for d in report['differences']:
        if d['set'] == name:
            text = f'{d["difference"]:+.2f}' if d['real'] else 'no difference'
            rows.setdefault(where(d, False), []).append(
                f'{text} [{d["low"]:+.1f}, {d["high"]:+.1f}]')
    if rows:
        others = [m for m in models if m != report['baseline']]
        out += [f'  Difference from {report["baseline"]}, same utterances ("no difference": the '
                'interval holds 0)']
        out += table([''] + others, [[k] + v for k, v in rows.items()]) + ['']

    rows = {}
    for model, m in models.items():
        for r in m['results']:
            if r['set'] == name and r['unit'] == 'cer':
                rows.setdefault(where(r, False), []).append(f'{r["wer"]:.2f}')
    out += ['  Character error rate without spaces, %']
    return out + table([''] + list(models), [[k] + v for k, v in rows.items()]) + ['']


def labels_part(report, name):
    chunk = 'full' if report['chunks'][0] == '-1' else f'chunk {report["chunks"][0]}'
    out = []
    for label, values in report['labels'][name].items():
        out += [f'  {name} by {label}: words wrong and letters wrong, %, {chunk}, {MODE_NAMES["rescoring"]}']
        out += table([label, 'utterances', 'words'] + list(report['models']) + [f'{m} letters' for m in report['models']],
                     report_labels.rows_of(values, report['models'])) + ['']
    return out


def conditions(report):
    speed = next(iter(report['models'].values()))['speed'][report['chunks'][0]]['encoder']
    threads = int(speed.get('threads', 1))
    return (f'{speed["machine"]}; {report["processors"]} processors, {threads} thread'
            f'{"s" if threads > 1 else ""} a process, {report["processes"]} process'
            f'{"es" if report["processes"] > 1 else ""} at a time, {speed["precision"]}')


def speed_part(report):
    out = ['Real-time factor: seconds of computing per second of audio (1/RTF: times faster than '
           'speech)', f'  {conditions(report)}',
           '  Wall clock; CPU time in parentheses. Loading the model and reading and writing files '
           'are left out.',
           '  Chunks in encoder frames, with all frames to the left in sight; "full" sees the whole '
           'utterance.']
    rows = []
    for name, m in report['models'].items():
        for chunk, s in m['speed'].items():
            rows.append([f'{name}, {"full" if chunk == "-1" else f"chunk {chunk}"}'] +
                        [f'{s[k]["wall"]:.5f} ({s[k]["cpu"]:.5f})'
                         for k in ('encoder', 'greedy', 'prefix', 'rescoring')])
    out += table(['', 'encoder + CTC', 'greedy search', 'prefix beam', 'rescoring'], rows)
    if report['features']:
        f = report['features']
        out.append(f'  Features, the same for all: {f["wall"]:.5f} ({f["cpu"]:.5f})')
    return out + ['']


def routing_part(report):
    out = []
    for name, m in report['models'].items():
        for seed, stats in list(m['routing'].items())[:1]:
            rows = []
            for layer in stats['layers']:
                share = layer['share']
                rows.append([layer['name'], ' '.join(f'{100 * x:4.1f}' for x in share),
                             f'{layer["entropy"]:.3f}', f'{max(share) * len(share):.2f}',
                             layer['dead_experts'],
                             '/'.join(f'{g:.2f}' for g in layer['mean_gates'])])
            out += [f'Experts of {name}, seed {seed}: share of the choices, % (even: '
                    f'{100 / len(stats["layers"][0]["share"]):.1f})']
            out += table(['layer', 'experts', 'entropy', 'max/mean', 'dead', 'gates'], rows) + ['']
    return out


def in_short(report):
    """What can be said, and what cannot."""
    base_name = report['baseline']
    base = report['models'][base_name]
    seeds = len(report['seeds'])
    out = ['In short']
    for name, m in report['models'].items():
        if name == base_name:
            continue
        ratio = m['parameters'] / base['parameters']
        rtf = [m['speed'][c]['encoder']['cpu'] / base['speed'][c]['encoder']['cpu']
               for c in report['chunks']]
        out.append(f'  {name} has {ratio:.1f} times the parameters of {base_name} and takes '
                   f'{min(rtf):.2f} to {max(rtf):.2f} times its CPU time in the encoder.')
        for d in report['differences']:
            if d['model'] == name and d['mode'] == 'rescoring' and d['chunk'] == report['chunks'][0]:
                verdict = ('no difference' if not d['real'] else
                           f'{"fewer" if d["difference"] < 0 else "more"} errors than {base_name}')
                out.append(f'    {d["set"]}, rescoring: {verdict}: {d["difference"]:+.2f} points '
                           f'[{d["low"]:+.1f}, {d["high"]:+.1f}].')
    if seeds == 1:
        widest = max(((d['high'] - d['low']) / 2 for d in report['differences']
                      if d['mode'] == 'rescoring'), default=0)
        out.append(
            f'  One seed each: the intervals tell how these very models differ on other utterances '
            f'like these; here a\n  difference shows from about {widest:.1f} points on. They do not '
            'tell whether the architectures differ: another\n  seed may move a word error rate by '
            'more than that. Use --seeds "1 2 3" to find out.')
    else:
        out.append(f'  {seeds} seeds each: the intervals cover other seeds and other utterances '
                   'like these (Student\'s t).')
    if report['cut']:
        out.append('  A cut run: it shows that all parts work. Its error rates mean nothing.')
    return out + ['']


def render(report):
    out = [report['title'], '=' * len(report['title']),
           f'seeds: {" ".join(report["seeds"])}; {report["system"]}; texts normalised by: {report["normalize"]}', '']
    out += models_part(report)
    for name in report['sets']:
        out += results_part(report, name) + labels_part(report, name)
    out += speed_part(report) + routing_part(report) + in_short(report)
    return '\n'.join(out)
