"""The report as one page of HTML that needs nothing else: no script, no font, no picture from anywhere."""
import os
import re

import report_figures as figures
import report_labels
import report_plots as plots
import report_svg as svg
import report_tables as tables
from report_svg import escape
from u2moe_script import read_text
from u2moe_text import printable

WORST, PAIRS, WORDS = 10, 15, 10  # utterances of a set; confusions; words left out or put in
# Nothing is loaded and nothing runs, whatever the data hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def isolated(content):
    """Text of data, whose direction of writing stays its own."""
    return f'<bdi>{escape(content)}</bdi>'


def row_name(name):
    """A name, or what was said and what was heard."""
    return isolated(name) if isinstance(name, str) else ' → '.join(map(isolated, name))


def groups(names):
    """The class of rows above which a line stands: where "chunk 16, ..." follows "full, ...", else every five rows."""
    heads = [n.rpartition(', ')[0] if isinstance(n, str) else '' for n in names]
    if all(heads):
        starts = [i and h != heads[i - 1] for i, h in enumerate(heads)]
    else:
        starts = [i and i % 5 == 0 for i in range(len(names))]
    return [' class="g"' if s else '' for s in starts]


def side(*parts):
    """Tables beside one another where there is room."""
    parts = [p for p in parts if p]
    return f'<div class="side">{"".join(parts)}</div>' if parts else ''


class Page:
    """Sections one after another, with names that links of the page can point to."""

    def __init__(self):
        self.parts, self.contents, self.ids = [], [], 0

    def name(self, stem):
        self.ids += 1
        return f'{stem}{self.ids}'

    def section(self, title, *parts):
        """Leaves out a section of nothing."""
        parts = [p for p in parts if p]
        if parts:
            name = self.name('s')
            self.contents.append((name, title))
            self.parts += [f'<section id="{name}"><h2>{escape(title)}</h2>', *parts, '</section>']

    def cell(self, c):
        if not isinstance(c, tables.Cell):
            return f'<td>{escape(c)}</td>'
        mark = f'<span class="m">{escape(c.mark)}</span>' if c.mark else ''
        sub = f'<span class="i">{escape(c.sub)}</span>' if c.sub else ''
        return f'<td{" class=best" if c.best else ""}><span class="v">{escape(c.main)}{mark}</span>{sub}</td>'

    def table(self, t, kind=''):
        if not t.rows:
            return ''
        name = self.name('t')
        width = ' long' * any(len(r[0]) > 14 for r in t.rows if isinstance(r[0], str))
        width += ' few' if len(t.columns) <= 6 else ' many' if len(t.columns) > 8 else ''
        head = ''.join(f'<th scope="col">{isolated(c)}</th>' if c else '<td></td>' for c in t.columns)
        rows = ''.join(f'<tr{begins}><th scope="row">{row_name(r[0])}</th>' + ''.join(map(self.cell, r[1:])) + '</tr>'
                       for r, begins in zip(t.rows, groups([r[0] for r in t.rows])))
        notes = ''.join(f'<p class="note">{escape(n)}</p>' for n in t.notes)
        return (f'<div class="held"><div class="box{width}{kind}" role="region" tabindex="0" aria-labelledby="{name}"><table>'
                f'<caption id="{name}">{escape(t.title)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
                f'{notes}</div>')


def figure(pictures, caption='', legend='', kind=''):
    pictures = [p.render() for p in pictures if p]
    if not pictures:
        return ''
    return (f'<figure>{legend}<div class="plots {kind}">{"".join(pictures)}</div>'
            + (f'<figcaption>{escape(caption)}</figcaption>' if caption else '') + '</figure>')


def legend(items):
    return '<ul class="legend">' + ''.join(f'<li>{sign}{isolated(name)}</li>' for sign, name in items) + '</ul>'


def models_legend(models):
    return legend([(svg.swatch(i), m) for i, m in enumerate(models)])


def parts_legend(names):
    return legend([(f'<svg class="sw" width="14" height="12" viewBox="0 0 14 12" aria-hidden="true"><rect class="b{i}" width="14" '
                    'height="12"/></svg>', n) for i, n in enumerate(names)])


def summary(report):
    items = ''
    for sentence, below in tables.in_short(report):
        inner = '<ul>' + ''.join(f'<li>{escape(x)}</li>' for x in below) + '</ul>' if below else ''
        told = re.sub('--[a-z]+ &quot;[^&]*&quot;', r'<span class="nw">\g<0></span>', escape(sentence))  # options stay whole
        items += f'<li>{told}{inner}</li>'
    return f'<ul class="short">{items}</ul>'


def wer_parts(page, report):
    several = len(report['models']) > 1
    parts = [models_legend(report['models'])] if several else []
    parts.append(figure([plots.forest(report, n, page.name('p')) for n in report['sets']], kind='wide'))
    for name in report['sets']:
        parts.append(side(page.table(tables.wer_table(report, name)),
                          page.table(tables.difference_table(report, name)) if several else '',
                          page.table(tables.cer_table(report, name))))
    return parts


def front_parts(page, report):
    if len(report['models']) <= plots.FEW:
        note = 'Labels: chunk size in encoder frames. '
        signs = [(svg.swatch(i, False), m) for i, m in enumerate(report['models'])]
        signs += [(svg.mark_swatch(*plots.mode_mark(m)), tables.mode_name(m)) for m in report['modes']]
    else:
        note = 'Labels: model and chunk size in encoder frames. '
        signs = [(svg.swatch(i), m) for i, m in enumerate(report['models'])]
    return [figure([plots.front(report, n, page.name('p')) for n in report['sets']],
                   note + 'The pale band joins what nothing else is both faster and better than; upright lines: 95 % intervals.',
                   legend(signs), 'wide')]


def errors_parts(page, report):
    names = ['substitutions', 'deletions', 'insertions']
    first = ', '.join(dict.fromkeys(tables.condition(*figures.main_condition(report, n)) for n in report['sets']))
    parts = [figure([plots.errors(report, n, page.name('p')) for n in report['sets']],
                    f'Errors in % of words: {first}.', parts_legend(names), 'wide')]
    for name in report['sets']:
        parts.append(side(page.table(tables.errors_table(report, name)), page.table(tables.sentence_table(report, name))))
    return parts


def speed_parts(page, report):
    machine = tables.machine_line(report)
    if not machine:
        return []
    others = tables.other_machines(report)
    parts = [f'<p class="machine">{escape(machine)}</p>']
    if len(others) > 1:
        parts.append('<p class="warning">Not all was measured on one machine, so that times do not compare: '
                     f'{escape("; ".join(others))}</p>')
    return parts + [figure([plots.speed(report, page.name('p'))], 'Up to the search that needs most.',
                           parts_legend(['features', 'encoder + CTC', 'prefix beam', 'rescoring']), 'wide'),
                    side(page.table(tables.speed_table(report)), page.table(tables.utterance_speed_table(report)))]


def curves_parts(page, report, details):
    logs = {m: seeds for m, seeds in details['logs'].items() if seeds}
    if not logs:
        return []
    numbers = {m: i for i, m in enumerate(report['models'])}
    pictures = [plots.curve(logs, numbers, name, keys, page.name('p')) for name, keys in plots.curve_names(logs)]
    return [figure(pictures, 'With marks: the dev set, or what has no two sets; pale and thin: the training set.',
                   legend([(svg.swatch(numbers[m]), m) for m in logs]), 'small')]


def label_name(stats, label, details):
    """What the groups of a routing are: said by the file's name, or the utt2<label> that has these values."""
    groups = set(stats.get('groups') or {})
    if label or not groups:
        return label
    for folder in details['data']:
        for name in sorted(os.listdir(folder)):
            for known, values in report_labels.read_labels(f'{folder}/{name}').items():
                if groups <= set(values.values()):
                    return known
    return 'label'


def routing_parts(page, report, details):
    found = {m: of for m in report['models'] for (model, seed), of in details['routing'].items()
             if model == m and seed == next(iter(details['runs'][m]))}
    parts = [figure([p for m, of in found.items() for p in plots.routing(next(iter(of.values())), m, page.name('p'))],
                    'Rows: mixtures; columns: experts; numbers: share of the choices in %. Of several seeds the first one.')]
    for model, of_labels in found.items():
        if any(stats.get('groups') for stats in of_labels.values()):
            parts.append(f'<h3>{isolated(model)}</h3>')
        for label, stats in of_labels.items():
            name = label_name(stats, label, details)
            n, shown = len(stats.get('groups') or {}), plots.LABELS_SHOWN
            which = f'the {shown} of {n} with most frames' if n > shown else f'{n}'
            parts.append(figure(plots.routing_by_label(stats, model, page.name('p')), f'By {name} ({which}), a mixture each.',
                                kind='tiny'))
    if found:
        scale = f'<ul class="legend" aria-label="load against an even share">{svg.heat_legend()}</ul>'
        note = '<p class="note">Colour: load against an even share (1: even, ×: never chosen).</p>'
        parts = [scale, note, *parts, *(page.table(t, kind=' mono') for t in tables.routing_tables(report))]
    return parts if found else []


def confusion_parts(page, report, looked):
    parts = []
    for name, of_models in looked.items():
        found = {m: figures.confusions(a) for m, a in of_models.items()}
        parts.append([])
        sort = (('S', PAIRS, 'words taken for others', lambda a, b: (a, b)), ('D', WORDS, 'words left out', lambda a, b: a),
                ('I', WORDS, 'words put in', lambda a, b: b))
        for op, most, title, shown in sort:
            total = {}
            for c in found.values():
                for pair, n in c[op].items():
                    total[pair] = total.get(pair, 0) + n
            pairs = sorted(total, key=lambda p: (-total[p], p))[:most]
            rows = [[shown(*p)] + [str(found[m][op][p]) if m in found else tables.NONE for m in report['models']] for p in pairs]
            parts[-1].append(page.table(tables.Table(f'{name}: {title}, how often', ['', *report['models']], rows, (), True)))
    return [side(*p) for p in parts]


def aligned(alignment):
    """An alignment as text: what is right as it is, an error as the word of the reference over that of the hypothesis."""
    told = dict(S='substitution', D='deletion', I='insertion')
    out = []
    for op, a, b in alignment:
        if op == 'C':
            out.append(isolated(a))
        else:
            a, b = a or '·', b or '·'
            out.append(f'<span class="pair {op}"><span class="vh">[{told[op]}: </span><span class="r">{isolated(a)}</span>'
                       f'<span class="vh"> heard as </span><span class="h">{isolated(b)}</span><span class="vh">]</span></span>')
    return ' '.join(out) or '<i>nothing said, nothing heard</i>'


def worst_parts(page, report, looked):
    parts = []
    for name, of_models in looked.items():
        rows = figures.worst(of_models, WORST)
        if not rows:
            parts.append(f'<p class="note">{escape(name)}: no errors.</p>')
            continue
        parts.append(f'<h3>{escape(name)}, {escape(tables.condition(*figures.main_condition(report, name)))}</h3>')
        for utterance, errors in rows:
            lines = ''
            for model in of_models:
                if utterance in of_models[model]:
                    n = errors[model]
                    lines += (f'<dt>{isolated(model)} <span class="n">{n} error{"s" * (n != 1)}</span></dt>'
                              f'<dd dir="auto">{aligned(of_models[model][utterance])}</dd>')
            parts.append(f'<article class="utt"><h4>{isolated(printable(utterance, 120))}</h4><dl>{lines}</dl></article>')
    if parts:
        key = ('<p class="note">Above: what was said; below: what was heard. <span class="pair S"><span class="r">said</span><span '
               'class="h">heard</span></span> taken for another, <span class="pair D"><span class="r">said</span><span class="h">·'
               '</span></span> left out, <span class="pair I"><span class="r">·</span><span class="h">heard</span></span> put in. '
               'Of several seeds the first one.</p>')
        parts.insert(0, key)
    return parts


def render(report, details):
    page = Page()
    looked = figures.looked_at(report, details)
    page.section('In short', summary(report))
    page.section('Models', page.table(tables.models_table(report)))
    page.section('Word errors', *wer_parts(page, report))
    page.section('Errors against time', *front_parts(page, report))
    page.section('Kinds of errors', *errors_parts(page, report))
    page.section('By label', *(side(*map(page.table, tables.label_tables(report, n))) for n in report['sets']))
    page.section('Speed', *speed_parts(page, report))
    page.section('Learning', *curves_parts(page, report, details))
    page.section('Experts', *routing_parts(page, report, details))
    page.section('Confusions', *confusion_parts(page, report, looked))
    page.section('Worst utterances', *worst_parts(page, report, looked))
    style = read_text(os.path.join(os.path.dirname(os.path.realpath(__file__)), 'report.css'))
    for mark, rules in (('/* light */', svg.LIGHT_COLOURS), ('/* dark */', svg.DARK_COLOURS), ('/* plots */', svg.RULES)):
        style = style.replace(mark, rules)
    facts = [f'{len(report["models"])} model{"s" * (len(report["models"]) > 1)}', ', '.join(report['sets'])]
    if report['seeds']:
        facts.append(f'seed{"s" * (len(report["seeds"]) > 1)} {" ".join(report["seeds"])}')
    facts.append(f'texts normalised by: {report["normalize"]}')
    contents = ''.join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in page.contents)
    return f'''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(report['title'])}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{isolated(report['title'])}</h1><p class="facts">{escape(' · '.join(facts))}</p></header>
<nav aria-label="Contents"><ul>{contents}</ul></nav>
<main>
''' + '\n'.join(page.parts) + '''
</main>
</body>
</html>
'''
