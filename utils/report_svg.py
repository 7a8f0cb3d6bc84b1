"""Plots as SVG in one look: axes, series, labels that keep clear of one another, heat maps, bars.

Lengths are pixels of the plot's own size, which a page may shrink. Colours are classes of report.css: s0..s6 (Okabe and
Ito's, which the colour-blind tell apart; shapes of markers and dashes tell series apart as well), h0..h7 from little to
much. Text of data goes through escape().
"""
import html
import math
import unicodedata

from u2moe_script import writing

FONT = 11  # of labels and ticks
COLOURS = 7
DASHES = ['', '6 3', '2 2.5', '8 3 2 3']
MARKERS = ['circle', 'square', 'triangle', 'diamond', 'nabla', 'plus', 'cross']
BIDI = frozenset('\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')
NARROW, BROAD = frozenset("iljtfI.,:;|!'` ()[]-·"), frozenset('mwMW@%—')


def visible(text):
    """Text that changes nothing around it: what steers a terminal or turns the direction of writing is named, not done."""
    def one(c):
        return f'\\u{{{ord(c):X}}}' if c in BIDI or unicodedata.category(c) in ('Cc', 'Cs', 'Zl', 'Zp') else c
    return text if text.isascii() and text.isprintable() else ''.join(map(one, text))


def escape(text):
    """Text of data for HTML and SVG, also within quotes."""
    return html.escape(visible(str(text)), quote=True)


def shorten(text, most):
    return text if len(text) <= most else text[:most - 1] + '…'


def text_width(text, size=FONT):
    """About how wide a text is in a sans serif font; rather too much than too little."""
    def one(c):
        if unicodedata.combining(c):
            return 0.0
        if unicodedata.east_asian_width(c) in 'WF':
            return 1.05
        return 0.37 if c in NARROW else 0.95 if c in BROAD else 0.7 if c.isupper() else 0.62
    return size * sum(map(one, text))


def number(x):
    """A coordinate, short."""
    return f'{x:.2f}'.rstrip('0').rstrip('.') if x == x and abs(x) < 1e9 else '0'


def style(i):
    """(class of the colour, dash, marker, whether the marker is hollow) of series number i; all differ up to 28."""
    return f's{i % COLOURS}', DASHES[i // COLOURS % len(DASHES)], MARKERS[i % len(MARKERS)], i // COLOURS % 2 == 1


def marker(shape, x, y, r, colour, hollow=False):
    kind = f'{colour} {"mo" if hollow else "mf"}'
    if shape == 'circle':
        return f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(r)}"/>'
    if shape in ('plus', 'cross'):
        a, b = (r * 1.1, 0) if shape == 'plus' else (r * 0.85, r * 0.85)
        path = f'M{number(x - a)} {number(y - b)}L{number(x + a)} {number(y + b)}M{number(x - b)} {number(y + a)}L{number(x + b)} ' \
               f'{number(y - a)}'
        return f'<path class="{colour} ln" stroke-width="2.2" d="{path}"/>'
    corners = dict(square=[(-.9, -.9), (.9, -.9), (.9, .9), (-.9, .9)], triangle=[(0, -1.2), (1.1, .85), (-1.1, .85)],
                   diamond=[(0, -1.3), (1.2, 0), (0, 1.3), (-1.2, 0)], nabla=[(0, 1.2), (1.1, -.85), (-1.1, -.85)])[shape]
    points = ' '.join(f'{number(x + r * a)},{number(y + r * b)}' for a, b in corners)
    return f'<polygon class="{kind}" points="{points}"/>'


def line(points, colour, dash='', width=1.6, extra=''):
    if len(points) < 2:
        return ''
    dashes = f' stroke-dasharray="{dash}"' if dash else ''
    return f'<polyline class="{colour} ln{extra}" stroke-width="{width}"{dashes} points="' + ' '.join(
        f'{number(x)},{number(y)}' for x, y in points) + '"/>'


def text(x, y, content, anchor='start', kind='', size=FONT, turn=False):
    turned = f' transform="rotate(-90 {number(x)} {number(y)})"' if turn else ''
    return (f'<text class="t {kind}" x="{number(x)}" y="{number(y)}" font-size="{number(size)}" text-anchor="{anchor}"{turned}>'
            f'{escape(content)}</text>')


def swatch(i, marked=True):
    """The sign of series i for a legend; without its mark where marks mean something else."""
    colour, dash, shape, hollow = style(i)
    return ('<svg class="sw" width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">' +
            line([(1, 6), (25, 6)], colour, dash, 1.6 if marked else 3) +
            (marker(shape, 13, 6, 3.6, colour, hollow) if marked else '') + '</svg>')


def mark_swatch(shape, hollow):
    return f'<svg class="sw" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">{marker(shape, 6, 6, 4, "s6", hollow)}</svg>'


class Svg:
    """Parts of one picture. key: unlike that of other pictures of the page; title and told are read to who does not see it."""

    def __init__(self, key, width, height, title, told):
        self.key, self.width, self.height = key, width, height
        self.title, self.told, self.parts = title, told, []

    def add(self, *parts):
        self.parts += parts

    def render(self, alone=False):
        """alone: as a file of its own, which brings its colours."""
        names = f'aria-labelledby="{self.key}-t {self.key}-d"'
        space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ''
        size = f'width="{number(self.width)}" height="{number(self.height)}"'
        return (f'<svg{space} class="plot" role="img" {names} {size} viewBox="0 0 {number(self.width)} {number(self.height)}">'
                f'<title id="{self.key}-t">{escape(self.title)}</title><desc id="{self.key}-d">{escape(self.told)}</desc>' +
                (f'<style>{ALONE}</style><rect class="bg" width="100%" height="100%"/>' if alone else '') +
                '\n'.join(self.parts) + '</svg>')

    def write(self, path):
        with writing(path) as f:
            f.write(self.render(alone=True) + '\n')


# ---- labels ----

def overlap(a, b):
    """Boxes are (left, top, right, bottom)."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def box_of(x, y, anchor, content, size=FONT):
    """The box of a text whose baseline is at y."""
    w = text_width(content, size)
    left = x if anchor == 'start' else x - w if anchor == 'end' else x - w / 2
    return left, y - 0.8 * size, left + w, y + 0.25 * size


def place_labels(labels, taken, bounds):
    """Where labels go, so that none lies on another, on a box of taken, or outside bounds (left, top, right, bottom).
    labels: [(x, y of the point, text)], those first that matter most -> [(x, y, anchor) or None where there is no room]."""
    taken, out = list(taken), []
    for x, y, content in labels:
        spot = None
        for far in (7, 12, 18, 26):
            for a, b, anchor in ((1, -.45, 'start'), (1, 1.3, 'start'), (-1, -.45, 'end'), (-1, 1.3, 'end'), (0, -1, 'middle'),
                                 (0, 2, 'middle')):
                at = (x + a * far, y + b * far, anchor)
                box = box_of(*at, content)
                if bounds[0] <= box[0] and box[2] <= bounds[2] and bounds[1] <= box[1] and box[3] <= bounds[3] and \
                        not any(overlap(box, o) for o in taken):
                    spot = at
                    taken.append(box)
                    break
            if spot:
                break
        out.append(spot)
    return out


# ---- axes ----

def nice_ticks(low, high, most=6):
    """Round numbers from low to high, at most so many and two at least where low < high."""
    if not high > low:
        return [low]
    step = 10.0**math.floor(math.log10((high - low) / most))
    step *= next(m for m in (1, 2, 2.5, 5, 10, 20) if (high - low) / (m * step) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low, high):
    """1, 2 and 5 times powers of ten from low to high; over several decades the powers alone, within one more of them."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    wide = math.log10(high / low)
    steps = (1,) if wide > 2.5 else (1, 2, 5) if wide > 0.9 else (1, 1.5, 2, 3, 4, 5, 7)
    return [round(m * 10.0**e, 12) for e in decades for m in steps if low * 0.999 <= m * 10.0**e <= high * 1.001]


class Axis:
    """A scale from values to pixels; logarithmic if wanted and possible; whole: no ticks between whole numbers."""

    def __init__(self, low, high, begin, end, log=False, whole=False):
        self.log, self.whole = log and low > 0, whole
        if not high > low:
            low, high = (low / 1.5, high * 1.5) if self.log and low > 0 else (low - 0.5, high + 0.5)
        self.low, self.high, self.begin, self.end = low, high, begin, end

    def __call__(self, value):
        if self.log:
            share = math.log(max(value, 1e-300) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        out = log_ticks(self.low, self.high) if self.log else []
        out = out if len(out) > 1 else nice_ticks(self.low, self.high)
        return [t for t in out if t == round(t)] if self.whole else out


def tick_text(value):
    return f'{value:.10g}' if abs(value) >= 1e-4 or value == 0 else f'{value:.0e}'.replace('e-0', 'e-')


class Panel:
    """A plot with two axes within an Svg; axes are there from the start, and what lies on them follows."""

    def __init__(self, svg, box, x, y, xlabel='', ylabel='', title=''):
        """box: (left, top, right, bottom) of the area of the data; x, y: (low, high, logarithmic[, whole numbers])."""
        self.svg, self.box = svg, box
        left, top, right, bottom = box
        self.x, self.y = Axis(*x[:2], left, right, *x[2:]), Axis(*y[:2], bottom, top, *y[2:])
        last = -1e9
        for t in self.x.ticks():
            at, w = self.x(t), text_width(tick_text(t))
            svg.add(f'<path class="grid" d="M{number(at)} {number(top)}V{number(bottom)}"/>')
            if at - w / 2 > last + 5:  # a number that would touch the one before it is left out
                svg.add(text(at, bottom + 15, tick_text(t), 'middle', 'dim'))
                last = at + w / 2
        last = 1e9
        for t in self.y.ticks():
            at = self.y(t)
            svg.add(f'<path class="grid" d="M{number(left)} {number(at)}H{number(right)}"/>')
            if at < last - FONT - 1:
                svg.add(text(left - 6, at + 4, tick_text(t), 'end', 'dim'))
                last = at
        svg.add(f'<path class="axis" d="M{number(left)} {number(top)}V{number(bottom)}H{number(right)}"/>')
        if xlabel:
            svg.add(text((left + right) / 2, bottom + 31, xlabel, 'middle', 'dim'))
        if ylabel:
            svg.add(text(left - 36, (top + bottom) / 2, ylabel, 'middle', 'dim', turn=True))
        if title:
            svg.add(text(left, top - 9, title, kind='head', size=FONT + 1))

    def at(self, x, y):
        return self.x(x), self.y(y)


def bars(key, title, told, rows, names, unit, head=''):
    """Horizontal bars of stacked parts. rows: [(label, [values])], or a text for a row that heads others; names: of the parts, as in the legend
    of the page, in the colours s0, s1, ...; unit(value) -> text. The sum stands at the end of a bar, a part within it
    where it has room."""
    real = [r for r in rows if not isinstance(r, str)]
    label_width = min(150, max(text_width(r[0]) for r in real)) + 8
    most = max(sum(r[1]) for r in real) or 1
    top = 24 if head else 4
    width, height = 440, 17 * len(rows) + top + 4
    room = width - label_width - 8 - max(text_width(unit(sum(r[1]))) for r in real)
    svg = Svg(key, width, height, title, told)
    if head:
        svg.add(text(0, 12, head, kind='head', size=FONT + 1))
    for i, row in enumerate(rows):
        y, x = top + 17 * i, label_width
        if isinstance(row, str):
            svg.add(text(0, y + 11, row, kind='dim'))
            continue
        svg.add(text(label_width - 8, y + 11, fit(row[0], label_width - 8), 'end'))
        for n, value in enumerate(row[1]):
            w = room * value / most
            if w > 0:
                svg.add(f'<rect class="b{n}" x="{number(x)}" y="{y}" width="{number(w)}" height="13"><title>'
                        f'{escape(row[0])}, {escape(names[n])}: {escape(unit(value))}</title></rect>')
                if text_width(unit(value), 9.5) + 6 < w and len(row[1]) > 1:
                    svg.add(text(x + w / 2, y + 10, unit(value), 'middle', f'on b{n}t', 9.5))
            x += w
        svg.add(text(x + 5, y + 11, unit(sum(row[1])), kind='dim'))
    return svg


def fit(content, width, size=FONT):
    """A text cut so that it is no wider than that."""
    if text_width(content, size) <= width + 0.01:
        return content
    while content and text_width(content + '…', size) > width:
        content = content[:-1]
    return content + '…'


HEAT_BOUNDS = [0.25, 0.5, 0.8, 1.25, 1.75, 2.5]  # of load against an even share; below all h1, above all h7, dead h0
HEAT_NAMES = ['none', 'below ¼', '¼–½', '½–0.8', '0.8–1¼', '1¼–1¾', '1¾–2½', 'above 2½']


def heat_class(load):
    return 0 if load <= 0 else 1 + sum(load >= b for b in HEAT_BOUNDS)


def heat_map(key, title, told, rows, columns, head='', cell=None, label_width=None):
    """rows: [(label, [load against an even share of each column])]; columns: their names, over every cell or every few.
    A cell shows its share of its row in percent where it has room."""
    n = max(len(columns), 1)
    cell = cell or (26 if n <= 10 else 20 if n <= 16 else 12 if n <= 32 else 7)
    label_width = label_width or min(190, max((text_width(r[0]) for r in rows), default=0)) + 8
    top, h = 32 if head else 18, 18 if cell >= 20 else 13
    width = max(label_width + n * cell + 4, text_width(head, FONT + 1) + 8 if head else 0)
    svg = Svg(key, width, top + h * len(rows) + 4, title, told)
    if head:
        svg.add(text(0, 11, head, kind='head', size=FONT + 1))
    last = -1e9
    for j, name in enumerate(columns):
        at = label_width + (j + 0.5) * cell
        if at - text_width(name, 9.5) / 2 > last + 3:
            svg.add(text(at, top - 5, name, 'middle', 'dim', 9.5))
            last = at + text_width(name, 9.5) / 2
    for i, (label, loads) in enumerate(rows):
        y = top + h * i
        svg.add(text(label_width - 8, y + h / 2 + 4, fit(label, label_width - 8), 'end'))
        for j, load in enumerate(loads):
            x, c, share = label_width + j * cell, heat_class(load), 100 * load / len(loads)
            svg.add(f'<rect class="h{c}" x="{number(x)}" y="{y}" width="{cell - 1}" height="{h - 1}"><title>{escape(label)}, '
                    f'{escape(columns[j])}: {share:.1f} %</title></rect>')
            if c == 0:
                svg.add(text(x + (cell - 1) / 2, y + h / 2 + 3, '×', 'middle', 'dim', 9.5))
            elif cell >= 20:
                svg.add(text(x + (cell - 1) / 2, y + h / 2 + 3, f'{share:.0f}', 'middle', f'h{c}t', 9.5))
    return svg


def heat_legend():
    """The steps of the colours, for a page."""
    return ''.join(f'<li><svg class="sw" width="14" height="12" viewBox="0 0 14 12" aria-hidden="true"><rect class="h{i}" width="14" '
                   f'height="12"/>{text(7, 9.5, "×", "middle", "dim", 10) if i == 0 else ""}</svg>{name}</li>'
                   for i, name in enumerate(HEAT_NAMES))


# The colours where no page gives them: as in report.css, for a file of its own, also in the dark.
LIGHT = dict(bg='#ffffff', ink='#1b1d20', dim='#595e66', grid='#e4e6ea', s0='#0072b2', s1='#d55e00', s2='#009e73', s3='#cc79a7',
             s4='#e69f00', s5='#56b4e9', s6='#1b1d20', h0='#ffffff', h1='#eff5fa', h2='#d8e7f3', h3='#b9d5ea', h4='#90bbdc',
             h5='#5f9cca', h6='#2f79b1', h7='#0b4f86', b0='#0072b2', b1='#e69f00', b2='#009e73', b3='#cc79a7')
DARK = dict(bg='#15181c', ink='#e7e9ec', dim='#a3a9b2', grid='#2b3037', s0='#3f9fe0', s1='#f0813a', s2='#2fc596', s3='#dd9cc0',
            s4='#f2b942', s5='#9fd6f7', s6='#e7e9ec', h0='#15181c', h1='#1b2733', h2='#1f3548', h3='#264a68', h4='#30638d',
            h5='#4585b8', h6='#74aedb', h7='#b5dbf7', b0='#3f9fe0', b1='#f2b942', b2='#2fc596', b3='#dd9cc0')
RULES = ''.join([
    '.plot text{font-family:system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif;fill:var(--ink);'
    'font-variant-numeric:tabular-nums;unicode-bidi:isolate}',
    '.plot .dim{fill:var(--dim)}.plot .head{font-weight:600}.bg{fill:var(--bg)}',
    '.grid{stroke:var(--grid);fill:none;stroke-width:1}.axis{stroke:var(--dim);fill:none;stroke-width:1}',
    '.ln{fill:none;stroke:currentColor;stroke-linejoin:round;stroke-linecap:round}.mf{fill:currentColor;stroke:var(--bg);'
    'stroke-width:.7}.mo{fill:var(--bg);stroke:currentColor;stroke-width:1.5}.faint{opacity:.45}',
    '.plot .lab{paint-order:stroke;stroke:var(--bg);stroke-width:2.5px;stroke-linejoin:round}',
    '.whisker{stroke:currentColor;fill:none;stroke-width:1;opacity:.55}.front{stroke:var(--dim);fill:none;stroke-width:5;'
    'opacity:.22;stroke-linejoin:round;stroke-linecap:round}',
    *(f'.s{i}{{color:var(--s{i})}}' for i in range(COLOURS)),
    *(f'.h{i}{{fill:var(--h{i});stroke:var(--grid);stroke-width:.5}}' for i in range(8)),
    *(f'.b{i}{{fill:var(--b{i})}}' for i in range(4)),
    '.plot .h6t,.plot .h7t{fill:var(--onhigh)}.plot .h5t{fill:var(--onmid)}.plot .on{fill:#1b1d20}.plot .b0t{fill:var(--onbar)}',
])


def declared(values):
    return ''.join(f'--{k}:{v};' for k, v in values.items())


LIGHT_COLOURS = declared({**LIGHT, 'onhigh': '#ffffff', 'onmid': '#0d1a26', 'onbar': '#ffffff'})
DARK_COLOURS = declared({**DARK, 'onhigh': '#0b1722', 'onmid': '#ffffff', 'onbar': '#0b1722'})
ALONE = (f'svg{{{LIGHT_COLOURS}}}@media (prefers-color-scheme:dark){{svg{{{DARK_COLOURS}}}}}' + RULES)
