# SPDX-License-Identifier: Apache-2.0
"""Draws plots without a library: bars on a logarithmic axis, and lines over two logarithmic axes."""

import math
from html import escape

COLOURS = ["#1b6ca8", "#c8553d", "#588157", "#8d6a9f", "#e09f3e", "#335c67", "#9e2a2b", "#6a994e", "#5f6caf", "#7f5539",
           "#2a9d8f", "#bc4b51", "#495057", "#b5838d"]
STYLE = ("<style>text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:14px;font-weight:600}.g{stroke:#ddd}"
         ".w{fill:none;stroke-width:1.8}.e{stroke:#222;stroke-width:1.2}</style>")


THICK = ' style="stroke-width:3.2"'


def _decades(low, high):
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def _document(width, height, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img">{STYLE}<rect width="{width}" height="{height}" fill="#fff"/>{"".join(body)}</svg>\n')


def bars(title, rows, human):
    """rows: (name, value, low, high, is ours). The title must say whether more or less is better."""
    left, right, top, step = 170, 110, 46, 22
    width, height = 760, top + step * len(rows) + 30
    decades = _decades(min(r[2] for r in rows) * 0.99, max(r[3] for r in rows) * 1.01)
    low, span = decades[0], max(len(decades) - 1, 1)

    def x(v):
        return left + (math.log10(v) - low) / span * (width - left - right)

    body = [f'<text class="t" x="12" y="22">{escape(title)}</text>']
    for d in decades:
        body.append(f'<line class="g" x1="{x(10 ** d):.1f}" x2="{x(10 ** d):.1f}" y1="{top - 8}" y2="{height - 24}"/>'
                    f'<text x="{x(10 ** d):.1f}" y="{height - 8}" text-anchor="middle">{human(10 ** d)}</text>')
    for i, (name, value, lo, hi, ours) in enumerate(rows):
        y = top + i * step
        weight = ' style="font-weight:700"' if ours else ""
        body.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end"{weight}>{escape(name)}</text>'
                    f'<rect x="{left}" y="{y}" width="{max(x(value) - left, 1):.1f}" height="15" fill="{COLOURS[1] if ours else COLOURS[0]}"/>'
                    f'<line class="e" x1="{x(lo):.1f}" x2="{x(hi):.1f}" y1="{y + 7.5}" y2="{y + 7.5}"/>'
                    f'<text x="{max(x(value), x(hi)) + 6:.1f}" y="{y + 12}">{escape(human(value))}</text>')
    return _document(width, height, body)


def lines(title, x_label, series, human_x, human_y):
    """series: [(name, [(x, y)], is ours)]. Both axes are logarithmic."""
    left, right, top, bottom = 70, 180, 40, 46
    width, height = 850, 440
    points = [p for _, line, _ in series for p in line]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    x0, x1 = math.log10(min(xs)), math.log10(max(xs))
    decades = _decades(min(ys), max(ys))
    y0, y1 = decades[0], max(decades[-1], decades[0] + 1)

    def px(v):
        return left + (math.log10(v) - x0) / max(x1 - x0, 1e-9) * (width - left - right)

    def py(v):
        return height - bottom - (math.log10(v) - y0) / (y1 - y0) * (height - top - bottom)

    body = [f'<text class="t" x="12" y="22">{escape(title)}</text>',
            f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">{escape(x_label)}</text>']
    for d in decades:
        body.append(f'<line class="g" x1="{left}" x2="{width - right}" y1="{py(10 ** d):.1f}" y2="{py(10 ** d):.1f}"/>'
                    f'<text x="{left - 6}" y="{py(10 ** d) + 4:.1f}" text-anchor="end">{human_y(10 ** d)}</text>')
    ticks = sorted(set(xs))
    for v in ticks[:: math.ceil(len(ticks) / 9)]:
        body.append(f'<text x="{px(v):.1f}" y="{height - bottom + 18}" text-anchor="middle">{human_x(v)}</text>')
    label_y = _apart([(py(line[-1][1]), name) for name, line, _ in series], top, height - bottom)
    for i, (name, line, ours) in enumerate(series):
        colour = COLOURS[1] if ours else [c for c in COLOURS if c != COLOURS[1]][i % (len(COLOURS) - 1)]
        path = " ".join(f"{px(a):.1f},{py(b):.1f}" for a, b in line)
        body.append(f'<polyline class="w" stroke="{colour}"{THICK if ours else ""} points="{path}"/>'
                    f'<text x="{width - right + 8}" y="{label_y[name] + 4:.1f}" style="fill:{colour}{";font-weight:700" if ours else ""}">'
                    f'{escape(name)}</text>')
    return _document(width, height, body)


def _apart(ends, top, bottom, step=14):
    """The heights of the names at the lines' ends: in the order of the ends, without overlaps, and none below the axis."""
    found, last = {}, top - step
    for y, name in sorted(ends):
        last = found[name] = max(y, last + step)
    last = bottom + step
    for name in sorted(found, key=found.get, reverse=True):
        last = found[name] = min(found[name], last - step)
    return found
