#!/usr/bin/env python3
"""Writes the generated parts of a document from the laboratory's results: between lines <!-- begin NAME --> and
<!-- end NAME -->; the rest of the document stays.

Usage: local/report.py [options] <document.md>
  e.g. local/report.py --results ../../docs/results ../../docs/moe-lab.md
  --results DIR       of run.sh
  --tasks "polyglot debian"
  --battery FILE      what tests/moe/battery-test printed: its table, too
  --print true        all parts into a document that need not be there, and on standard output
  --check true        nothing is written; status 1 where a part is not what the results say
"""
import re

import lab
import lab_claims
import lab_tables
from u2moe_script import Options, die, read_text, run, text_lines, writing

MARK = re.compile(r'<!-- (begin|end) ([a-z-]+) -->')


def battery(path):
    """The table at the end of what battery-test printed."""
    lines = text_lines(path)
    begin = next((i for i, line in enumerate(lines) if re.match(r' {20,}[a-z]', line)), None)
    if begin is None:
        die(f'{path}: no table of battery-test in it')
    end = next((i for i, line in enumerate(lines) if i > begin and line.startswith('[')), len(lines))
    rows = lines[begin:end]
    return '\n'.join('    ' + row.rstrip() for row in rows)


def parts_of(args):
    """{name: text} of all generated parts."""
    found = {task: lab.read_results(args.results, task) for task in args.tasks}
    parts = {'systems': lab_tables.systems()}
    for task in args.tasks:
        parts[f'anchors-{task}'] = lab_tables.anchors(found[task])
        parts[f'effect-{task}'] = lab_tables.effect(args.results, task)
    first = args.tasks[0]
    parts['laboratory'] = lab_tables.laboratory(found[first])
    parts['cost'] = lab_tables.cost(found[first])
    parts['experts'] = '\n\n'.join(lab_tables.experts(task, found[task]) for task in args.tasks)
    parts['claims'] = lab_claims.table(found)
    parts['power'] = '\n\n'.join(lab_tables.power(task, found[task]) for task in args.tasks)
    if args.battery:
        parts['battery'] = battery(args.battery)
    return parts


def replaced(document, parts, path):
    """The document with the parts in their places."""
    out, inside = [], None
    for number, line in enumerate(document.split('\n'), 1):
        mark = MARK.fullmatch(line.strip())
        if mark and mark.group(1) == 'begin':
            if inside is not None:
                die(f'{path}:{number}: {mark.group(2)} begins within {inside}')
            inside = mark.group(2)
            out.append(line)
            if inside in parts:
                out += ['', parts[inside], '']
        elif mark:
            if inside != mark.group(2):
                die(f'{path}:{number}: {mark.group(2)} ends, which did not begin')
            inside = None
            out.append(line)
        elif inside is None or inside not in parts:
            out.append(line)
    if inside is not None:
        die(f'{path}: {inside} does not end')
    return '\n'.join(out)


def main():
    ap = Options(__doc__)
    ap.add_argument('document')
    ap.add_argument('--results', required=True)
    ap.add_argument('--tasks', type=str.split, default=['polyglot', 'debian'])
    ap.add_argument('--battery', default='')
    ap.boolean('--print', False)
    ap.boolean('--check', False)
    args = ap.parse()
    parts = parts_of(args)
    if args.print:
        text = '\n\n'.join(f'## {name}\n\n{part}' for name, part in parts.items()) + '\n'
        print(text, end='')
    else:
        old = read_text(args.document)
        text = replaced(old, parts, args.document)
        if args.check:
            if text != old:
                die(f'{args.document} is not what {args.results} says: run local/report.py')
            return 0
    with writing(args.document) as f:
        f.write(text)
    return 0


if __name__ == '__main__':
    run(main)
