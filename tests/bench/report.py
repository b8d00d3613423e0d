# SPDX-License-Identifier: Apache-2.0
"""The benchmark's results as a table and as a plot (SVG)."""

import collections
import operator
import statistics
import xml.sax.saxutils

Figure = collections.namedtuple("Figure", "key head title digits ratio")

# 'head' is a column of the table, 'title' a panel of the plot (none: ""),
# 'ratio' says whether ratios to direct and to the hop mean something.
FIGURES = (
    Figure("http_rps", "req/s", "HTTP requests/s, 16 connections", 0, True),
    Figure("conn_rps", "conn/s", "new connections/s", 0, True),
    Figure("bulk_up_gbps", "up Gb/s", "bulk up, Gb/s", 2, True),
    Figure("bulk_down_gbps", "down Gb/s", "bulk down, Gb/s", 2, True),
    Figure("p50_us", "p50 us", "median latency, 1 connection, us", 0, False),
    Figure("p99_us", "p99 us", "99th percentile, 1 connection, us", 0,
           False),
    Figure("p50_load_us", "p50 us, 16", "", 0, False),
    Figure("p99_load_us", "p99 us, 16", "99th percentile, 16 connections, us",
           0, False),
    Figure("cpu_s_per_100k", "CPU s/100k", "CPU s per 100,000 requests", 2,
           False),
    Figure("bytes_per_conn", "B/conn", "", 0, False),
)


def show(value, digits):
    if value is None:
        return "-"
    return "{:,.{}f}".format(value, digits)


def columns(lines):
    """Lines of cells as text, the first cell to the left."""
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(lines[0]))]
    out = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width)
                  for cell, width in zip(line[1:], widths[1:])]
        out.append("  ".join(cells).rstrip())
    return out


def beside(row, base, key, compare):
    """The median of what 'compare' makes of the figure 'key' in each round of
    'row' and of 'base'; None if there is none in some."""
    pairs = [(part[key], whole[key])
             for part, whole in zip(row["each"], base["each"])]
    return (statistics.median(compare(*pair) for pair in pairs)
            if pairs and all(map(all, pairs)) else None)


def ratios(rows, titles, base):
    """Figures as parts of those of the path 'base', and how much more time a
    request takes: of what is next to each other in a round, since a machine
    changes from one to the next more than paths differ."""
    figures = [f for f in FIGURES if f.ratio]
    of = [row for row in rows if row["path"] == base]
    if not of:
        return []
    lines = [["as a part of " + base] + [f.head for f in figures]
             + ["p50 us more"]]
    for row in rows:
        parts = [beside(row, of[0], f.key, operator.truediv)
                 for f in figures]
        more = beside(row, of[0], "p50_us", operator.sub)
        lines.append([titles[row["path"]]]
                     + ["-" if part is None else "%.3f" % part
                        for part in parts]
                     + ["-" if more is None else "%+d" % more])
    return columns(lines)


def table(rows, titles, machine):
    """All figures, and their ratios to direct and to the hop."""
    lines = [["path"] + [f.head for f in FIGURES]]
    for row in rows:
        lines.append([titles[row["path"]]] + [show(row[f.key], f.digits)
                                              for f in FIGURES])
    out = columns(lines)
    for base in "direct", "hop":
        more = ratios(rows, titles, base)
        out += [""] + more if more else []
    out.append("")
    out += ["%s: left out: %s" % (titles[row["path"]], row["left_out"])
            for row in rows if row.get("left_out")]
    out.append(describe(machine) + "; medians of %d rounds, parts too"
               % max([row["rounds"] for row in rows] or [0]))
    return "\n".join(out) + "\n"


def describe(machine):
    return "%s, %d CPUs, Linux %s, Open vSwitch %s (%s)" % (
        machine["cpu"], machine["cpus"], machine["kernel"],
        machine["switch"], machine["datapath"])


# The plot: a panel a figure, a bar a path.

BAR, GAP, LABELS, WIDTH, VALUES = 14, 4, 190, 300, 70
OURS, OTHERS, BASES = "#1f6fb2", "#9aa5ae", "#5b6770"


def colour(path):
    return (OURS if path.startswith("patchpoint")
            else BASES if path in ("direct", "hop") else OTHERS)


def text(x, y, what, more=""):
    return '<text x="%g" y="%g"%s>%s</text>' % (
        x, y, more, xml.sax.saxutils.escape(what))


def panel(figure, rows, titles, x, y):
    out = [text(x, y + 12, figure.title, ' font-weight="bold"')]
    most = max([row[figure.key] or 0 for row in rows] + [0]) or 1
    for i, row in enumerate(rows):
        top = y + 22 + i * (BAR + GAP)
        value = row[figure.key]
        out.append(text(x + LABELS - 6, top + 11, titles[row["path"]],
                        ' text-anchor="end"'))
        length = WIDTH * (value or 0) / most
        if value is not None:
            out.append('<rect x="%g" y="%g" width="%.1f" height="%d" '
                       'fill="%s"/>' % (x + LABELS, top, max(length, 1), BAR,
                                        colour(row["path"])))
        out.append(text(x + LABELS + length + 5, top + 11,
                        show(value, figure.digits)))
    return out


def plot(rows, titles, machine):
    """An SVG picture with a panel for each figure that has a title."""
    figures = [f for f in FIGURES if f.title]
    across = LABELS + WIDTH + VALUES
    down = 22 + len(rows) * (BAR + GAP) + 18
    height = (len(figures) + 1) // 2 * down + 34
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="11">'
           % (2 * across + 20, height),
           '<rect width="100%" height="100%" fill="white"/>']
    for i, figure in enumerate(figures):
        out += panel(figure, rows, titles, 10 + i % 2 * across,
                     8 + i // 2 * down)
    out.append(text(14, height - 12, describe(machine), ' fill="#555"'))
    return "\n".join(out + ["</svg>"]) + "\n"
