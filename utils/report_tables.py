"""The tables of the report, each made once: report_text.py prints them and report_page.py sets them, with the same figures."""
import collections

import report_data as data
import report_figures as figures
import report_labels

MODE_NAMES = {'greedy': 'CTC greedy', 'prefix': 'CTC prefix beam', 'rescoring': 'rescoring L2R+R2L'}
STAGE_NAMES = {'encoder': 'encoder + CTC', 'greedy': 'greedy search', 'prefix': 'prefix beam', 'rescoring': 'rescoring'}
SHOWN = 20  # values of a label
NONE = '–'
SEVERAL_SEEDS = 'mean over seeds [95 % interval over seeds and utterances] (spread: standard deviation of the seeds)'

# main: the figure; mark: * or (*); sub: what stands smaller beside or below it; best: the least of its row.
Cell = collections.namedtuple('Cell', 'main mark sub best', defaults=('', '', False))
# columns[0] heads the names of rows; rows: [name, Cell or text...]; notes: lines below; models: columns are models.
Table = collections.namedtuple('Table', 'title columns rows notes models', defaults=((), False))


def percent(x):
    return NONE if x is None else f'{x:.2f}'


def signed(x):
    return f'{x + 0.0:+.2f}'.replace('-0.00', '+0.00')


def interval(row, form=''):
    return f'[{row["low"]:{form}.1f}, {row["high"]:{form}.1f}]'


def rtf(x):
    return NONE if x is None else f'{x:.5f}'


def count(x):
    return NONE if x is None else f'{x:,}'


def minutes(seconds):
    return NONE if seconds is None else f'{seconds / 60:.1f} min'


def chunk_name(chunk):
    return 'full' if chunk == '-1' else f'chunk {chunk}'


def mode_name(mode):
    return MODE_NAMES.get(mode, mode)


def condition(chunk, mode):
    return f'{chunk_name(chunk)}, {mode_name(mode)}'


def mark_of(difference):
    """* differs from the baseline; (*) only where it is looked at alone, not among all models."""
    if not difference or not difference['real']:
        return ''
    return '*' if difference['significant'] else '(*)'


def mean(xs):
    xs = [x for x in xs if x is not None]
    return sum(xs) / len(xs) if xs else None


def results_by(report, name, unit):
    """{(chunk, mode): {model: result}} of a set, in the order of the report."""
    out = {(c, m): {} for c in report['chunks'] for m in report['modes']}
    for model, entry in report['models'].items():
        for r in entry['results']:
            if r['set'] == name and r['unit'] == unit:
                out[r['chunk'], r['mode']][model] = r
    return {k: v for k, v in out.items() if v}


def differences_by(report, name):
    """{(chunk, mode): {model: difference}} of a set."""
    out = {}
    for d in report['differences']:
        if d['set'] == name:
            out.setdefault((d['chunk'], d['mode']), {})[d['model']] = d
    return out


def models_table(report):
    base = report['models'][report['baseline']]
    rows = []
    for name, m in report['models'].items():
        runs = list(m['training'].values())
        speed = mean([r['frames_per_cpu_second'] for r in runs])
        loss = mean([r['best_dev_loss'] for r in runs])
        share = m['parameters'] / base['parameters'] if m['parameters'] and base['parameters'] else None
        rows.append([name, count(m['parameters']), NONE if share is None else f'{share:.2f}x', count(m['active_per_frame']),
                     str(runs[0]['epochs']) if runs else NONE, minutes(mean([r['wall_seconds'] for r in runs])),
                     NONE if speed is None else f'{speed:,.0f}', NONE if loss is None else f'{loss:.3f}'])
    return Table('Models (means over seeds)',
                 ['model', 'parameters', f'of {report["baseline"]}', 'active per frame', 'epochs', 'training', 'frames/CPU s',
                  'best dev loss'], rows,
                 ('Active per frame: parameters of encoder and CTC head that work on one frame.',))


def set_title(report, name):
    info = report['sets'][name]
    length = '' if info['seconds'] is None else f', {minutes(info["seconds"])}'
    return f'{name}, {info["utterances"]} utterances, {info["words"]} words{length}'


def wer_table(report, name):
    """Word error rates with intervals, and marks of what differs from the baseline."""
    several = len(report['seeds']) > 1
    apart, rows = differences_by(report, name), []
    for (chunk, mode), results in results_by(report, name, 'wer').items():
        least = min(percent(r['wer']) for r in results.values()) if len(results) > 1 else None
        least = least and min((r['wer'] for r in results.values()))
        row = [condition(chunk, mode)]
        for model in report['models']:
            r = results.get(model)
            if r is None:
                row.append(Cell(NONE))
                continue
            spread = f' ({r["spread"]:.1f})' if len(r['seeds']) > 1 else ''
            row.append(Cell(percent(r['wer']), mark_of(apart.get((chunk, mode), {}).get(model)), interval(r) + spread,
                            least is not None and percent(r['wer']) == percent(least)))
        rows.append(row)
    notes = [SEVERAL_SEEDS if several else '[95 % interval over utterances]']
    if len(report['models']) > 1:
        notes.append(marks_note(report, any(c.mark for r in rows for c in r[1:])))
    return Table(f'Word error rate, %: {set_title(report, name)}', ['', *report['models']], rows, tuple(notes), True)


def marks_note(report, marked):
    if not marked:
        return (f'No figure differs from that of {report["baseline"]}: on the same utterances every paired 95 % interval of the '
                'difference holds 0.')
    note = f'*: differs from {report["baseline"]} on the same utterances: the paired 95 % interval of the difference does not hold 0'
    if len(report['models']) > 2:
        note += f'; (*): no longer after Holm\'s correction for {len(report["models"]) - 1} comparisons'
    return note


def difference_table(report, name):
    others = [m for m in report['models'] if m != report['baseline']]
    rows = []
    for (chunk, mode), of_models in differences_by(report, name).items():
        rows.append([condition(chunk, mode)] + [
            Cell(signed(of_models[m]['difference']), mark_of(of_models[m]), interval(of_models[m], '+')) if m in of_models
            else Cell(NONE) for m in others])
    return Table(f'{name}: difference from {report["baseline"]}, points, same utterances [95 %]', ['', *others], rows, (), True)


def cer_table(report, name):
    rows = [[condition(*key)] + [percent(r[m]['wer']) if m in r else NONE for m in report['models']]
            for key, r in results_by(report, name, 'cer').items()]
    return Table(f'{name}: character error rate without spaces, %', ['', *report['models']], rows, (), True)


def errors_table(report, name):
    """What kinds of errors there are: words taken for others, left out, put in."""
    rows = []
    for key, results in results_by(report, name, 'wer').items():
        rows.append([condition(*key)] + [
            f'{r["substitutions"]:.1f} / {r["deletions"]:.1f} / {r["insertions"]:.1f}' if r else NONE
            for r in map(results.get, report['models'])])
    return Table(f'{name}: substitutions / deletions / insertions, % of words', ['', *report['models']], rows, (), True)


def sentence_table(report, name):
    rows = [[condition(*key)] + [percent(r[m]['sentences']) if m in r else NONE for m in report['models']]
            for key, r in results_by(report, name, 'wer').items()]
    return Table(f'{name}: utterances with an error, %', ['', *report['models']], rows, (), True)


def label_tables(report, name):
    """Error rates by each label: the values with most words, and the others together."""
    out = []
    for label, values in report['labels'][name].items():
        rows = [[value, count(r['utterances']), count(r['words'])] + [label_cell(r, m) for m in report['models']]
                for value, r in list(values.items())[:SHOWN]]
        rest = list(values.values())[SHOWN:]
        if rest:
            rest = report_labels.together(rest)
            rows.append([f'{len(values) - SHOWN} others', count(rest['utterances']), count(rest['words'])] +
                        [label_cell(rest, m) for m in report['models']])
        out.append(Table(f'{name} by {label}: words wrong (letters wrong), %, {condition(*figures.main_condition(report, name))}',
                         [label, 'utterances', 'words', *report['models']], rows))
    return out


def label_cell(row, model):
    letters = row['cer'].get(model)
    return Cell(percent(row['wer'].get(model)), '', '' if letters is None else f'({percent(letters)})')


def machine_line(report):
    """What it was measured on, and how: of the first measurement; None without any."""
    speeds = [s for m in report['models'].values() for c in m['speed'].values() for s in c.values()]
    if not speeds:
        return None
    speed = next((s for s in speeds if 'machine' in s), speeds[0])
    threads, processes = int(speed.get('threads', 1)), report['processes']
    parts = [f'{threads} thread{"s" * (threads > 1)} a process']
    if processes:
        parts = [f'{report["processors"]} processors', *parts, f'{processes} process{"es" * (processes > 1)} at a time']
    parts.append(speed.get('precision', ''))
    return f'{speed.get("machine", "machine unknown")}; ' + ', '.join(p for p in parts if p)


def other_machines(report):
    return sorted({s['machine'] for m in report['models'].values() for c in m['speed'].values() for s in c.values()
                   if 'machine' in s})


def speed_table(report):
    rows = []
    for name, m in report['models'].items():
        for chunk, s in m['speed'].items():
            rows.append([f'{name}, {chunk_name(chunk)}'] +
                        [Cell(rtf(s[k]['wall']), '', f'({rtf(s[k]["cpu"])})') if k in s else Cell(NONE) for k in STAGE_NAMES])
    notes = ['Wall clock; CPU time in parentheses. Loading the model and reading and writing files are left out.',
             'Chunks in encoder frames, with all frames to the left in sight; "full" sees the whole utterance.']
    f = report['features']
    if f:
        notes.append(f'Features, the same for all: {rtf(f["wall"])} ({rtf(f["cpu"])})')
    return Table('Real-time factor: seconds of computing per second of audio (1/RTF: times faster than speech)',
                 ['', *STAGE_NAMES.values()], rows, tuple(notes))


def utterance_speed_table(report):
    """The encoder's real-time factor by utterance, as rtf-report tells it, and where its time goes."""
    stages, rows = collections.Counter(), []
    for m in report['models'].values():
        for s in m['speed'].values():
            stages.update(s.get('encoder', {}).get('stages', {}))
    shown = [stage for stage, seconds in stages.most_common() if seconds >= 0.005 * sum(stages.values())]
    for name, m in report['models'].items():
        for chunk, s in m['speed'].items():
            e = s.get('encoder', {})
            if 'p50' in e:
                total = sum(e['stages'].values())
                rows.append([f'{name}, {chunk_name(chunk)}'] + [rtf(e[k]) for k in ('p50', 'p90', 'p99', 'first')] +
                            [f'{100 * e["stages"].get(k, 0) / total:.0f}' if total else NONE for k in shown])
    return Table('Encoder: real-time factor of utterances, and where its time goes, %',
                 ['', 'p50', 'p90', 'p99', 'first', *shown], rows,
                 ('first: the first utterance of each decoding, which warms up memory and caches and is not among the quantiles.',))


def routing_tables(report):
    out = []
    for name, m in report['models'].items():
        for seed, stats in list(m['routing'].items())[:1]:
            rows = [[layer['name'], ' '.join(f'{100 * x:4.1f}' for x in layer['share']), f'{layer["entropy"]:.3f}',
                     f'{max(layer["share"]) * len(layer["share"]):.2f}', str(layer['dead_experts']),
                     '/'.join(f'{g:.2f}' for g in layer['mean_gates'])] for layer in stats['layers']]
            which = f', seed {seed}' if seed else ''
            even = f' (even: {100 / len(stats["layers"][0]["share"]):.1f})' if stats['layers'] else ''
            out.append(Table(f'Experts of {name}{which}: share of the choices, %{even}',
                             ['layer', 'experts', 'entropy', 'max/mean', 'dead', 'gates'], rows))
    return out


def main_differences(report, model=None):
    """Those of the main condition of each set."""
    return [d for d in report['differences'] if (model is None or d['model'] == model) and
            (d['chunk'], d['mode']) == figures.main_condition(report, d['set'])]


def in_short(report):
    """What can be said, and what cannot: [(sentence, [sentences below it])]."""
    base_name = report['baseline']
    base = report['models'][base_name]
    out = []
    for name, m in report['models'].items():
        if name == base_name:
            continue
        parts = []
        if m['parameters'] and base['parameters']:
            parts.append(f'has {m["parameters"] / base["parameters"]:.1f} times the parameters of {base_name}')
        times = [m['speed'][c]['encoder']['cpu'] / base['speed'][c]['encoder']['cpu'] for c in report['chunks']
                 if 'encoder' in m['speed'].get(c, {}) and base['speed'].get(c, {}).get('encoder', {}).get('cpu')]
        if times:
            whose = 'its' if parts else f'{base_name}\'s'
            span = ' to '.join(dict.fromkeys([f'{min(times):.2f}', f'{max(times):.2f}']))
            parts.append(f'takes {span} times {whose} CPU time in the encoder')
        below = []
        for d in main_differences(report, name):
            verdict = 'no difference' if not d['real'] else f'{"fewer" if d["difference"] < 0 else "more"} errors than {base_name}'
            if d['real'] and not d['significant']:
                verdict += ', but not after Holm\'s correction'
            mode = d['mode'] if d['chunk'] == '-1' or len(report['chunks']) == 1 else f'{d["mode"]}, {chunk_name(d["chunk"])}'
            below.append(f'{d["set"]}, {mode}: {verdict}: {signed(d["difference"])} points {interval(d, "+")}.')
        if parts or below:
            out.append((f'{name} {" and ".join(parts)}.' if parts else f'{name}:', below))
    if len(report['models']) == 1:
        for name in report['sets']:
            chunk, mode = figures.main_condition(report, name)
            r = results_by(report, name, 'wer').get((chunk, mode), {}).get(base_name)
            if r:
                out.append((f'{base_name} makes {percent(r["wer"])} % word errors {interval(r)} on {name} '
                            f'({condition(chunk, mode)}).', []))
    if len(report['seeds']) < 2:
        widest = max(((d['high'] - d['low']) / 2 for d in main_differences(report)), default=0)
        if widest:
            out.append(('One seed each: the intervals tell how these very models differ on other utterances like these; here a '
                        f'difference shows from about {widest:.1f} points on. They do not tell whether the architectures differ: '
                        'another seed may move a word error rate by more than that. Use --seeds "1 2 3" to find out.', []))
    else:
        out.append((f'{len(report["seeds"])} seeds each: the intervals cover other seeds and other utterances like these '
                    '(Student\'s t).', []))
    if report['cut']:
        out.append(('A cut run: it shows that all parts work. Its error rates mean nothing.', []))
    return out
