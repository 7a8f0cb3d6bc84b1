"""The report as text for people: the tables of report_tables.py in columns."""
import textwrap

import report_tables as tables

WIDTH = 132  # of a table; with more models than that its columns go below one another


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


def words(cell):
    if not isinstance(cell, tables.Cell):
        return cell
    return ' '.join(x for x in (cell.main + cell.mark, cell.sub) if x)


def lines(t, first=()):
    """A table with its title and notes; parts of it below one another where it is too wide. first: lines below the title."""
    out = [t.title, *(f'  {x}' for x in first)]
    grid = [[words(c) for c in row] for row in t.rows]
    widths = [2 + max(len(r[i]) for r in [t.columns, *grid]) for i in range(len(t.columns))]
    begin = 1
    while begin < len(t.columns):
        end = begin + 1
        while end < len(t.columns) and widths[0] + sum(widths[begin:end + 1]) <= WIDTH:
            end += 1
        out += table([t.columns[0], *t.columns[begin:end]], [[r[0], *r[begin:end]] for r in grid])
        begin = end
    for note in t.notes:
        out += textwrap.wrap(note, 118, initial_indent='  ', subsequent_indent='  ')
    return out + ['']


def in_short(report):
    out = ['In short']
    for sentence, below in tables.in_short(report):
        out += textwrap.wrap(sentence, 118, initial_indent='  ', subsequent_indent='  ')
        out += [f'    {x}' for x in below]
    return out + ['']


def render(report):
    seeds = f'seeds: {" ".join(report["seeds"])}; ' if report['seeds'] else ''
    out = [report['title'], '=' * len(report['title']),
           f'{seeds}{report["system"]}; texts normalised by: {report["normalize"]}', '']
    out += lines(tables.models_table(report))
    for name in report['sets']:
        several = [tables.wer_table(report, name), tables.difference_table(report, name), tables.cer_table(report, name),
                   tables.errors_table(report, name), tables.sentence_table(report, name), *tables.label_tables(report, name)]
        for t in several:
            if t.rows:
                out += lines(t)
    machine = tables.machine_line(report)
    if machine:
        out += lines(tables.speed_table(report), [machine])
        if tables.utterance_speed_table(report).rows:
            out += lines(tables.utterance_speed_table(report))
    for t in tables.routing_tables(report):
        out += lines(t)
    out += in_short(report)
    return '\n'.join(out)
