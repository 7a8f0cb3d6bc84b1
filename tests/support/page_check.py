"""What a test wants to know of a page of make-report: whether it is whole, and what stands in its tables and plots."""
import html.parser
import os
import re
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../utils'))
import report_svg

VOID = {'meta', 'br', 'hr', 'img', 'input', 'link'}


class Page(html.parser.HTMLParser):
    """tables: {caption: [[text of cells]...]}, with the header first; plots: [[(box, text)...]] of each svg.plot; faults: what
    should not be."""

    def __init__(self, path):
        super().__init__()
        self.stack, self.faults, self.tables, self.plots, self.ids, self.wanted = [], [], {}, [], [], set()
        self.tags, self.cell, self.caption, self.rows, self.words, self.text = set(), None, None, None, '', None
        self.told, self.in_plot = [], False
        self.source = open(path, encoding='utf-8').read()
        self.feed(self.source)
        self.close()
        self.faults += [f'<{t}> stays open' for t in self.stack] + [f'id {i} twice' for i in set(self.ids) if self.ids.count(i) > 1]
        self.faults += [f'no id {w}' for w in self.wanted - set(self.ids)]
        for what in re.findall(r'https?:|//[a-z]|@import|url\(|src=|javascript:', re.sub('xmlns="[^"]*"', '', self.source)):
            self.faults.append(f'something from outside: {what}')

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.stack.append(tag)
        for name, value in attrs.items():
            if name.startswith('on') or name == 'style':
                self.faults.append(f'attribute {name} of <{tag}>')
            if name == 'id':
                self.ids.append(value)
            if name == 'aria-labelledby':
                self.wanted |= set(value.split())
            if name in ('href', 'xlink:href'):
                if not value.startswith('#'):
                    self.faults.append(f'a link to {value}')
                self.wanted.add(value[1:])
        if tag == 'svg' and 'plot' in attrs.get('class', ''):
            self.plots.append([])
            self.told.append([])
            if attrs.get('role') != 'img' or 'aria-labelledby' not in attrs:
                self.faults.append('a plot without its name')
        if tag in ('title', 'desc') and self.stack[-2:-1] == ['svg']:
            self.told[-1].append(tag)
        if tag == 'svg':
            self.in_plot = 'plot' in attrs.get('class', '')
        if tag == 'text' and self.in_plot:
            self.text, self.words = attrs, ''
        if tag == 'table':
            self.rows = []
        if tag == 'tr':
            self.rows.append([])
        if tag == 'caption':
            self.words = ''
        if tag in ('td', 'th'):
            self.words = ''
            if tag == 'th' and attrs.get('scope') not in ('row', 'col'):
                self.faults.append('a th without scope')
        if tag == 'span' and attrs.get('class') in ('v', 'i') and self.words:
            self.words += ' '

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f'</{tag}> where <{tag}> is not open')
        if tag == 'caption':
            self.caption = self.words
        if tag in ('td', 'th') and self.rows is not None:
            self.rows[-1].append(self.words)
        if tag == 'table':
            if self.caption in self.tables:
                self.faults.append(f'two tables {self.caption}')
            self.tables[self.caption], self.rows = self.rows, None
        if tag == 'text' and self.text is not None:
            a = self.text
            x, y, size = float(a['x']), float(a['y']), float(a['font-size'])
            box = report_svg.box_of(x, y, a['text-anchor'], self.words, size)
            if 'transform' in a:  # turned about its place
                box = (x + box[1] - y, y + x - box[2], x + box[3] - y, y + x - box[0])
            self.plots[-1].append((box, self.words))
            self.text = None

    def handle_data(self, data):
        self.words += data

    def overlaps(self):
        """Texts of a plot that lie on one another."""
        return [(a[1], b[1]) for plot in self.plots for i, a in enumerate(plot) for b in plot[:i]
                if report_svg.overlap(a[0], b[0])]


def text_tables(path):
    """{title: [[cells]...]} of report.txt; parts of a wide table are put together again."""
    lines = open(path, encoding='utf-8').read().split('\n')
    out = {}
    title = None
    for i, line in enumerate(lines):
        if line and not line.startswith(' '):
            title = line
        if re.fullmatch(r'  -+(  -+)*', line):
            ends = [m.span() for m in re.finditer('-+', line)]
            rows = []
            for row in [lines[i - 1]] + lines[i + 1:]:
                if row is not lines[i - 1] and (not row.startswith('  ') or len(rows) > 1 and row.startswith('  ') and
                                                not re.match('  [^ ]', row)):
                    break
                rows.append([row[a:b].strip() for a, b in ends])
            old = out.get(title)
            if old is None:
                out[title] = rows
            else:
                for a, b in zip(old, rows):
                    a += b[1:]
    return out


def differences(page, path):
    """Figures of tables that the page and the text both have, but not the same."""
    out, seen = [], 0
    text = text_tables(path)
    for title, rows in text.items():
        if title not in page.tables:
            out.append(f'the page has no table {title}')
            continue
        for a, b in zip(page.tables[title], rows):
            seen += 1
            if [" ".join(x.split()) for x in a] != [" ".join(x.split()) for x in b]:
                out.append(f'{title}: {a} and {b}')
    return out if seen > 10 else out + ['nearly nothing to compare']
