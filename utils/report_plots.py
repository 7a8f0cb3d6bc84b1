"""What the report shows as pictures: which figures, in which plot of report_svg.py."""
import math
import re

import report_figures as figures
import report_svg as svg
import report_tables as tables

FEW = 4  # models up to which all searches are drawn
MODE_MARKERS = {'greedy': ('triangle', True), 'prefix': ('square', True), 'rescoring': ('circle', False)}


def mode_mark(mode):
    """(shape, hollow) of a search, where marks tell searches."""
    return MODE_MARKERS.get(mode, ('diamond', True))


def front_points(report, name):
    """[(rtf, result, number of the model, model)] of one set, where time and errors are known."""
    out = []
    for i, (model, entry) in enumerate(report['models'].items()):
        for r in entry['results']:
            if (r['set'], r['unit']) == (name, 'wer'):
                rtf = figures.total_rtf(report, entry['speed'].get(r['chunk'], {}), r['mode'])
                if rtf:
                    out.append((rtf, r, i, model))
    return out


def front_of(points):
    """Those of (x, y) that no other has both lower, in order of x."""
    out = []
    for x, y in sorted(points):
        if not out or y < out[-1][1]:
            out.append((x, y))
    return out


def front(report, name, key='front'):
    """Word error rate against real-time factor; None without figures. The thick line: nothing is faster and better."""
    points = front_points(report, name)
    if not points:
        return None
    width, height = 420, 340
    plot = svg.Svg(key, width, height, f'Word error rate against real-time factor, {name}', '; '.join(
        f'{m} {tables.condition(r["chunk"], r["mode"])}: {tables.percent(r["wer"])} % at {tables.rtf(x)}'
        for x, r, _, m in sorted(points, key=lambda p: p[0])[:40]))
    xs = [p[0] for p in points]
    main = figures.main_condition(report, name)[1]
    ys = [y for _, r, _, _ in points for y in ((r['low'], r['high']) if r['mode'] == main else (r['wer'],))]
    pad = 0.06 * (max(ys) - min(ys)) or 0.5
    panel = svg.Panel(plot, (52, 30, width - 14, height - 42), (min(xs) / 1.2, max(xs) * 1.25, True),
                      (max(0, min(ys) - pad), max(ys) + pad, False), 'real-time factor, one thread: features, encoder, search',
                      'word error rate, %', name)
    best = front_of([(x, r['wer']) for x, r, _, _ in points])
    steps = []
    for x, y in best:
        steps += [(x, steps[-1][1]), (x, y)] if steps else [(x, y)]
    plot.add('<polyline class="front" points="' + ' '.join(f'{svg.number(a)},{svg.number(b)}' for a, b in (
        panel.at(*p) for p in steps)) + '"/>')
    all_modes = len(report['models']) <= FEW
    shown = [p for p in points if all_modes or p[1]['mode'] == main or (p[0], p[1]['wer']) in best]
    for i, model in enumerate(report['models']):
        colour, dash, _, hollow = svg.style(i)
        for mode in report['modes']:
            of = [(x, r['wer']) for x, r, j, _ in shown if j == i and r['mode'] == mode]  # by chunk size, as the report has them
            plot.add(svg.line([panel.at(*p) for p in of], colour, dash, 1.7 if mode == main else 1, '' if mode == main else ' faint'))
    taken, labels = [], []
    for x, r, i, model in shown:
        (px, py), colour = panel.at(x, r['wer']), svg.style(i)[0]
        if r['mode'] == main:
            plot.add(f'<path class="{colour} whisker" d="M{svg.number(px)} {svg.number(panel.y(r["low"]))}V'
                     f'{svg.number(panel.y(r["high"]))}"/>')
        taken.append((px - 4.5, py - 4.5, px + 4.5, py + 4.5))
    for x, r, i, model in sorted(shown, key=lambda p: ((p[0], p[1]['wer']) not in best, p[1]['mode'] != main)):
        (px, py), (colour, _, own, hollow) = panel.at(x, r['wer']), svg.style(i)
        shape, mode_hollow = mode_mark(r['mode']) if all_modes else (own, hollow)
        plot.add(f'<g><title>{svg.escape(model)}, {svg.escape(tables.condition(r["chunk"], r["mode"]))}: '
                 f'{tables.percent(r["wer"])} % at {tables.rtf(x)}</title>{svg.marker(shape, px, py, 4, colour, mode_hollow)}</g>')
        if (x, r['wer']) in best or r['mode'] == main:
            chunk = 'full' if r['chunk'] == '-1' else r['chunk']
            labels.append((px, py, chunk if all_modes else f'{svg.shorten(model, 20)} {chunk}'))
    for (px, py, content), spot in zip(labels, svg.place_labels(labels, taken, panel.box)):
        if spot:
            plot.add(svg.text(spot[0], spot[1], content, spot[2], 'lab'))
    return plot


def forest(report, name, key):
    """Word error rates with their intervals, model by model, in the main condition of each chunk size."""
    mode = figures.main_condition(report, name)[1]
    rows = []
    for chunk in report['chunks']:
        found = tables.results_by(report, name, 'wer').get((chunk, mode), {})
        if found:
            rows.append((tables.chunk_name(chunk), None, None))
            rows += [(m, i, found[m]) for i, m in enumerate(report['models']) if m in found]
    if not rows:
        return None
    label = min(150, max(svg.text_width(r[0]) for r in rows)) + 14
    width, height = 420, 17 * len(rows) + 62
    told = '; '.join(f'{m}: {tables.percent(r["wer"])} {tables.interval(r)}' for m, _, r in rows if r)
    plot = svg.Svg(key, width, height, f'Word error rates with 95 % intervals, {name}, {tables.mode_name(mode)}', told)
    values = [r for _, _, r in rows if r]
    low, high = min(r['low'] for r in values), max(r['high'] for r in values)
    pad = 0.06 * (high - low) or 1
    axis = svg.Axis(max(0, low - pad), high + pad, label, width - 14)
    plot.add(svg.text(0, 14, f'{name}, {tables.mode_name(mode)}', kind='head', size=svg.FONT + 1))
    bottom = height - 36
    for t in axis.ticks():
        at = axis(t)
        plot.add(f'<path class="grid" d="M{svg.number(at)} 24V{bottom}"/>', svg.text(at, bottom + 14, svg.tick_text(t), 'middle', 'dim'))
    plot.add(svg.text((label + width) / 2, bottom + 30, 'word error rate, % [95 %]', 'middle', 'dim'))
    for n, (content, i, r) in enumerate(rows):
        y = 34 + 17 * n
        if r is None:
            plot.add(svg.text(0, y + 4, content, kind='dim'))
            continue
        colour, dash, shape, hollow = svg.style(i)
        plot.add(svg.text(label - 8, y + 4, svg.fit(content, label - 14), 'end'),
                 svg.line([(axis(r['low']), y), (axis(r['high']), y)], colour, dash, 2.2, ' faint'),
                 f'<g><title>{svg.escape(content)}: {tables.percent(r["wer"])} {tables.interval(r)}</title>'
                 f'{svg.marker(shape, axis(r["wer"]), y, 4.2, colour, hollow)}</g>')
    return plot


def errors(report, name, key):
    """Kinds of errors of each model, in the main condition."""
    chunk, mode = condition = figures.main_condition(report, name)
    found = tables.results_by(report, name, 'wer').get(condition, {})
    rows = [(m, [found[m][k] for k in ('substitutions', 'deletions', 'insertions')]) for m in report['models'] if m in found]
    if not rows:
        return None
    told = '; '.join(f'{m}: {a:.1f}, {b:.1f}, {c:.1f}' for m, (a, b, c) in rows)
    return svg.bars(key, f'Substitutions, deletions and insertions, % of words, {name}, {tables.condition(chunk, mode)}', told,
                    rows, ['substitutions', 'deletions', 'insertions'], lambda x: f'{x:.1f}', name)


def speed(report, key):
    """Real-time factors by stage of each model and chunk size, up to the search that needs most."""
    features = report['features']['wall'] if report['features'] else 0
    rows = []
    for chunk in report['chunks']:
        found = [(m, entry['speed'][chunk]) for m, entry in report['models'].items() if chunk in entry['speed']]
        if found:
            rows.append(tables.chunk_name(chunk))
            rows += [(m, [features] + [s[k]['wall'] if k in s else 0 for k in ('encoder', 'prefix', 'rescoring')]) for m, s in found]
    if not rows:
        return None
    names = ['features', 'encoder + CTC', 'prefix beam', 'rescoring']
    told = '; '.join(f'{r[0]}: {tables.rtf(sum(r[1]))}' for r in rows if not isinstance(r, str))
    return svg.bars(key, 'Real-time factor by stage', told, rows, names, tables.rtf)


def curve_names(logs):
    """What the logs of training tell, epoch by epoch: losses first, by name, then what else is of interest."""
    keys = list(dict.fromkeys(k for seeds in logs.values() for rows in seeds.values() for row in rows for k, v in row.items()
                              if isinstance(v, (int, float)) and not isinstance(v, bool)))
    names = list(dict.fromkeys(k[len(p):] for k in keys for p in ('train_', 'dev_') if k.startswith(p)))
    names = [n for n in names if n != 'seconds']
    silent = [n for n in names if n.startswith('infinite') and not any(
        row.get(p + n) for seeds in logs.values() for rows in seeds.values() for row in rows for p in ('train_', 'dev_'))]
    out = [(n, [f'dev_{n}', f'train_{n}']) for n in names if n not in silent]
    return out + [(k, [k]) for k in ('min_expert_load', 'grad_norm', 'learning_rate') if k in keys]


CURVE_TITLES = {'loss': 'loss, all terms', 'ctc': 'CTC loss', 'l2r': 'attention loss, left to right',
                'r2l': 'attention loss, right to left', 'accuracy': 'accuracy of the decoders',
                'min_expert_load': 'least load of an expert (1: even)', 'grad_norm': 'norm of the gradient',
                'learning_rate': 'learning rate'}


def curve(logs, models, name, keys, key):
    """One figure over the epochs: dev with markers, training thin. models: {model: number of its series}."""
    def finite(v):
        return isinstance(v, (int, float)) and math.isfinite(v)

    series = []
    for model, seeds in logs.items():
        for rows in seeds.values():
            for place, k in enumerate(keys):
                points = [(row.get('epoch', n), row[k]) for n, row in enumerate(rows, 1) if finite(row.get(k))]
                if points:
                    series.append((model, place, points))
    if not series:
        return None
    xs = [x for _, _, points in series for x, _ in points]
    ys = [y for _, _, points in series for _, y in points]
    log = min(ys) > 0 and max(ys) > 6 * min(ys)
    low, high = (min(ys) / 1.1, max(ys) * 1.1) if log else (min(0, min(ys)) if name != 'accuracy' else 0, max(ys) * 1.05 or 1)
    title = svg.fit(CURVE_TITLES.get(name, name.replace('_', ' ')), 244, svg.FONT + 1)
    told = '; '.join(f'{m}{" training" if len(keys) > 1 and place else ""}: {svg.tick_text(round(p[-1][1], 6))} after epoch '
                     f'{p[-1][0]}' for m, place, p in series[:24])
    plot = svg.Svg(key, 300, 200, title, told)
    panel = svg.Panel(plot, (44, 26, 292, 164), (min(xs), max(xs), False, True), (low, high, log), 'epoch', '', title)
    for place in (1, 0):
        for model, p, points in series:
            if p == place:
                colour, dash, shape, hollow = svg.style(models[model])
                at = [panel.at(*xy) for xy in points]
                plot.add(svg.line(at, colour, dash, 1 if place else 1.8, ' faint' if place else ''))
                if not place:
                    step = max(1, (len(at) - 1) // 3)
                    shift = models[model] % max(1, step)
                    plot.add(*(svg.marker(shape, x, y, 3, colour, hollow) for x, y in at[shift::step]))
    return plot


def layer_name(name):
    """encoder.encoders.2.feed_forward_macaron -> encoder 2, macaron; decoder.left_decoder.decoders.0.feed_forward -> left decoder 0."""
    m = re.fullmatch(r'(?:decoder\.)?(encoder|left_decoder|right_decoder)\.(?:encoders|decoders)\.(\d+)\.feed_forward(_macaron)?', name)
    return f'{m[1].replace("_", " ")} {m[2]}{", macaron" if m[3] else ""}' if m else name


def loads(layer):
    share = layer['share']
    return [x * len(share) for x in share]


def expert_names(n):
    return [str(i) for i in range(n)]


def by_size(layers):
    """Layers of as many experts together: {experts: [layer...]}."""
    out = {}
    for layer in layers:
        out.setdefault(len(layer['share']), []).append(layer)
    return out


def routing(stats, model, key):
    """Heat maps of load by layer and expert, one for each number of experts."""
    out = []
    for n, layers in by_size(stats['layers']).items():
        told = '; '.join(f'{layer_name(x["name"])}: largest {max(x["share"]):.3f}, least {min(x["share"]):.3f}' for x in layers)
        out.append(svg.heat_map(f'{key}-{n}', f'Load of the {n} experts by layer, {model}', told,
                                [(layer_name(x['name']), loads(x)) for x in layers], expert_names(n), model))
    return out


LABELS_SHOWN = 16


def routing_by_label(stats, model, key):
    """Small heat maps, a layer each: labels down, experts across; the labels of most rows."""
    groups = stats.get('groups') or {}
    order = sorted(groups, key=lambda g: (-sum(x.get('rows', 0) for x in groups[g]), g))[:LABELS_SHOWN]
    out = []
    for i, layer in enumerate(stats['layers']):
        rows = [(label, loads(groups[label][i])) for label in order if i < len(groups[label])]
        if rows:
            out.append(svg.heat_map(f'{key}-{i}', f'Load of experts by label in {layer["name"]}, {model}',
                                    f'{len(rows)} labels, {len(layer["share"])} experts', rows, expert_names(len(layer['share'])),
                                    layer_name(layer['name']), 20 if len(layer['share']) <= 16 else None))
    return out


def beside(report, pictures):
    """Several plots beside one another, with the legend of the models, as a file of its own shows them."""
    gap, most, x, y = 20, 2 * 420 + 20, 8, 30
    few, named, signs = len(report['models']) <= FEW, [], []
    for i, model in enumerate(report['models']):
        colour, dash, shape, hollow = svg.style(i)
        mark = '' if few else svg.marker(shape, 13, 0, 3.6, colour, hollow)
        named.append((32, svg.line([(0, 0), (26, 0)], colour, dash, 3 if few else 1.6) + mark, model))
    named += [(12, svg.marker(*mode_mark(m)[:1], 4, 0, 4, 's6', mode_mark(m)[1]), tables.mode_name(m)) for m in report['modes'] if few]
    for wide, sign, name in named:
        if x + wide + svg.text_width(name) > most and x > 8:
            x, y = 8, y + 20
        signs += [f'<g transform="translate({svg.number(x)} {y})">{sign}</g>', svg.text(x + wide, y + 4, name)]
        x += wide + svg.text_width(name) + 20
    top = y + 14
    rows = [pictures[i:i + 2] for i in range(0, len(pictures), 2)]
    height = top + sum(max(p.height for p in row) + gap for row in rows) + 24
    width = max(sum(p.width for p in row) + gap * (len(row) - 1) for row in rows) + 16
    out = svg.Svg('all', width, height, report['title'], ' '.join(p.title for p in pictures))
    out.add(svg.text(8, 14, svg.fit(report['title'], width - 16, 13), kind='head', size=13), *signs)
    for row in rows:
        left = 8
        for p in row:
            out.add(f'<g transform="translate({svg.number(left)} {svg.number(top)})">', *p.parts, '</g>')
            left += p.width + gap
        top += max(p.height for p in row) + gap
    out.add(svg.text(8, top + 8, 'labels: chunk size in encoder frames; pale band: nothing is both faster and better; upright lines: '
                     '95 % intervals', kind='dim'))
    return out
