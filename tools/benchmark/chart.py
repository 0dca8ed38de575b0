"""Lines over time as one SVG: panels one below the other with the same seconds. No dependencies."""
import html
import math

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP, FOOT = 960, 170, 84, 150, 78, 46, 54
INK, FAINT, GRID, PAPER = "#222222", "#666666", "#dddddd", "#ffffff"
COLOURS = ("#1b6ca8", "#c8553d", "#3f7d3a", "#8a5fa8")


class Panel:
    """`lines`: name to [(second, value or None)]. `unit` stands at the axis. `logarithmic`: values above 0 only."""

    def __init__(self, title, unit, lines, *, logarithmic=False, top=None):
        self.title, self.unit, self.lines, self.logarithmic = title, unit, lines, logarithmic
        values = [value for line in lines.values() for _, value in line if value is not None and
                  (value > 0 or not logarithmic)]
        self.low, self.high = self._range(values, top)

    def _range(self, values, top):
        if self.logarithmic:
            low, high = min(values, default=1), max(values, default=10)
            low, high = math.floor(math.log10(low)), math.ceil(math.log10(high))
            return low, max(high, low + 1)
        return 0, top or self._round_up(max(values, default=1) or 1)

    @staticmethod
    def _round_up(value):
        """The next of 1, 2, 2.5, 5 times a power of ten."""
        power = 10 ** math.floor(math.log10(value))
        return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)

    def ticks(self):
        if self.logarithmic:
            return [10.0 ** exponent for exponent in range(self.low, self.high + 1)]
        return [self.high * part / 4 for part in range(5)]

    def place(self, value):
        """0 at the bottom to 1 at the top; None where there is nothing to draw."""
        if value is None or (self.logarithmic and value <= 0):
            return None
        at = math.log10(value) if self.logarithmic else value
        return min(1.0, max(0.0, (at - self.low) / (self.high - self.low)))


def text(x, y, words, *, size=12, colour=INK, anchor="start", weight="normal", turn=None):
    rotation = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}"{rotation}>{html.escape(words)}</text>')


def rule(x1, y1, x2, y2, colour=GRID, dashes=""):
    style = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{style}/>'


def number(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def paths(panel, line, colour, across, top):
    """One path for each stretch without a gap."""
    parts, stretch = [], []
    for second, value in [*line, (0, None)]:
        height = panel.place(value)
        if height is not None:
            stretch.append(f"{across(second):.1f},{top + PANEL * (1 - height):.1f}")
            continue
        if len(stretch) > 1:
            parts.append(f'<polyline points="{" ".join(stretch)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        elif stretch:
            x, y = stretch[0].split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="1.8" fill="{colour}"/>')
        stretch = []
    return parts


def draw_panel(panel, top, across, last):
    parts = [text(LEFT, top - 10, panel.title, size=13, weight="bold"),
             text(22, top + PANEL / 2, panel.unit, colour=FAINT, anchor="middle", turn=-90)]
    for tick in panel.ticks():
        y = top + PANEL * (1 - panel.place(tick)) if panel.place(tick) is not None else top + PANEL
        parts += [rule(LEFT, y, WIDTH - RIGHT, y), text(LEFT - 8, y + 4, number(tick), colour=FAINT, anchor="end")]
    for at, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[at % len(COLOURS)]
        parts += paths(panel, line, colour, across, top)
        y = top + 12 + 20 * at
        parts += [f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 6:.1f}" width="16" height="4" fill="{colour}"/>',
                  text(WIDTH - RIGHT + 36, y, name)]
    parts += [rule(LEFT, top, LEFT, top + PANEL, FAINT), rule(LEFT, top + PANEL, across(last), top + PANEL, FAINT)]
    return parts


def draw(title, subtitle, panels, marks):
    """The SVG. `marks`: (second, name) of what begins there."""
    last = max((second for panel in panels for line in panel.lines.values() for second, _ in line), default=1) or 1
    height = TOP + len(panels) * (PANEL + GAP) + FOOT - GAP

    def across(second):
        return LEFT + (WIDTH - LEFT - RIGHT) * second / last

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
             f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
             text(LEFT, 26, title, size=17, weight="bold"), text(LEFT, 45, subtitle, colour=FAINT)]
    bottom = height - FOOT
    for at, panel in enumerate(panels):
        parts += draw_panel(panel, TOP + at * (PANEL + GAP), across, last)
    for second, name in marks:
        parts += [rule(across(second), TOP, across(second), bottom, FAINT, "4 4"),
                  text(across(second) + 4, bottom + 34, name, size=11, colour=FAINT)]
    steps = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800)
    step = next((step for step in steps if last / step <= 12), 3_600)
    for second in range(0, int(last) + 1, step):
        parts.append(text(across(second), bottom + 18, str(second), colour=FAINT, anchor="middle"))
    parts += [text(WIDTH - RIGHT + 14, bottom + 18, "seconds", colour=FAINT), "</svg>"]
    return "\n".join(parts) + "\n"
