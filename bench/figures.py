"""Charts as SVG: lines with bands in one or more panels, and a legend, readable on light and dark pages."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Point = tuple[float, float]

_LIGHT = ("#00798c", "#d1495b", "#b9770e", "#7d3fd1", "#3a7d34", "#5b6678", "#c2417f", "#1f5fbf")
_DARK = ("#3fc1d4", "#f2808f", "#f0b54a", "#b794f6", "#7fcf78", "#aab4c5", "#f08ac0", "#7fb0ff")
_WIDE, _PLOT_HEIGHT, _PLOT_TOP = 720, 330, 44
_LEFT, _RIGHT, _GAP = 66, 20, 62
_AXIS_HEIGHT, _LEGEND_ROW = 46, 20
_LEGEND_COLUMNS = 2


@dataclass(frozen=True)
class Line:
    """One curve; lines with the same title have the same colour in all panels."""

    title: str
    points: Sequence[Point]  # (x, y), x growing
    band: Sequence[Point] = ()  # (low, high) at each point
    mark: Point | None = None  # a point to highlight


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    lines: Sequence[Line]
    x_ticks: Sequence[float]  # the axis reaches at least from the first to the last
    y_ticks: Sequence[float]  # dashed rules; the axis also covers all lines and bands
    x_label: str
    y_label: str
    x_form: str = "g"
    y_form: str = "+.1f"
    rule_names: Sequence[tuple[float, str]] = ()  # what a horizontal rule stands for


def chart(panels: Sequence[Panel], notes: Sequence[str] = ()) -> str:
    """The panels side by side, and below them a legend of every title, with `notes` at the end."""
    titles = list(dict.fromkeys(line.title for panel in panels for line in panel.lines))
    entries = [*((title, i % len(_LIGHT)) for i, title in enumerate(titles)), *((note, None) for note in notes)]
    rows = math.ceil(len(entries) / _LEGEND_COLUMNS)
    legend_top = _PLOT_TOP + _PLOT_HEIGHT + _AXIS_HEIGHT
    height = legend_top + _LEGEND_ROW * rows + 12
    wide = (_WIDE - _LEFT - _RIGHT - _GAP * (len(panels) - 1)) / len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {height}"',
        ' font-family="sans-serif" font-size="13">',
        _style(),
        f'<rect class="page" width="{_WIDE}" height="{height}"/>',
    ]
    for i, panel in enumerate(panels):
        parts += _panel(panel, _LEFT + i * (wide + _GAP), wide, titles)
    for i, (title, colour) in enumerate(entries):
        column, row = divmod(i, rows)
        x, y = _LEFT + (_WIDE - _LEFT) // _LEGEND_COLUMNS * column, legend_top + 14 + _LEGEND_ROW * row
        if colour is not None:
            parts.append(f'<line class="c{colour} curve" x1="{x}" y1="{y - 4}" x2="{x + 22}" y2="{y - 4}"/>')
        parts.append(f'<text class="ink" x="{x + 30}" y="{y}">{escape(title)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from at most `low` to at least `high`, up to `most` + 1 of them, including 0 if it is inside."""
    span = max(high - low, 1e-9)
    rough = span / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 12) for i in range(first, max(last, first + 1) + 1)]


def reach(lines: Sequence[Line]) -> tuple[float, float]:
    """Lowest and highest y of lines and bands, 0 included."""
    values = [0.0, *(y for line in lines for _, y in line.points)]
    values += [end for line in lines for ends in line.band for end in ends]
    return min(values), max(values)


def _panel(panel: Panel, left: float, wide: float, titles: Sequence[str]) -> Iterator[str]:
    bottom, right = _PLOT_TOP + _PLOT_HEIGHT, left + wide
    low, high = reach(panel.lines)
    x = _scale(panel.x_ticks[0], panel.x_ticks[-1], left, right)
    y = _scale(min(low, panel.y_ticks[0]), max(high, panel.y_ticks[-1]), bottom, _PLOT_TOP)
    yield f'<text class="ink" x="{left:.1f}" y="16" font-weight="bold">{escape(panel.title)}</text>'
    yield f'<text class="soft" x="{left:.1f}" y="34">{escape(panel.y_label)}</text>'
    for value in panel.y_ticks:
        yield f'<line class="rule" x1="{left:.1f}" y1="{y(value):.1f}" x2="{right:.1f}" y2="{y(value):.1f}"/>'
        label = format(value, panel.y_form)
        yield f'<text class="soft" x="{left - 8:.1f}" y="{y(value) + 4:.1f}" text-anchor="end">{label}</text>'
    for value, name in panel.rule_names:
        yield f'<text class="soft" x="{right:.1f}" y="{y(value) - 5:.1f}" text-anchor="end">{escape(name)}</text>'
    for value in panel.x_ticks:
        label = format(value, panel.x_form)
        yield f'<text class="soft" x="{x(value):.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
    yield f'<text class="soft" x="{right:.1f}" y="{bottom + 36}" text-anchor="end">{escape(panel.x_label)}</text>'
    for line in panel.lines:
        if line.band:
            yield _band(line, x, y, titles.index(line.title) % len(_LIGHT))
    for line in panel.lines:
        yield from _curve(line, x, y, titles.index(line.title) % len(_LIGHT))


def _curve(line: Line, x: Callable[[float], float], y: Callable[[float], float], colour: int) -> Iterator[str]:
    path = " ".join(f"{x(along):.1f},{y(value):.1f}" for along, value in line.points)
    yield f'<polyline class="c{colour} curve" points="{path}"/>'
    if line.mark:
        yield f'<circle class="c{colour} dot" cx="{x(line.mark[0]):.1f}" cy="{y(line.mark[1]):.1f}" r="5"/>'


def _band(line: Line, x: Callable[[float], float], y: Callable[[float], float], colour: int) -> str:
    along = [place for place, _ in line.points]
    up = [(place, high) for place, (_, high) in zip(along, line.band, strict=True)]
    down = [(place, low) for place, (low, _) in zip(along, line.band, strict=True)]
    path = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in [*up, *reversed(down)])
    return f'<polygon class="c{colour} band" points="{path}"/>'


def _scale(first: float, last: float, begin: float, end: float) -> Callable[[float], float]:
    """From numbers between `first` and `last` to pixels between `begin` and `end`."""
    return lambda value: begin + (end - begin) * (value - first) / (last - first)


def _style() -> str:
    """Colours by class, different ones on a dark page."""

    def rules(colours: Sequence[str], page: str, ink: str, soft: str, rule: str) -> str:
        own = "".join(f".c{i}{{color:{colour}}}" for i, colour in enumerate(colours))
        return f"{own}.page{{fill:{page}}}.ink{{fill:{ink}}}.soft{{fill:{soft}}}.rule{{stroke:{rule}}}"

    shapes = (
        ".curve{stroke:currentColor;stroke-width:2.5;fill:none}.dot{fill:currentColor}"
        ".band{fill:currentColor;fill-opacity:.15}.rule{stroke-dasharray:4 4}"
    )
    light = rules(_LIGHT, "#ffffff", "#1c1c1c", "#555555", "#bbbbbb")
    dark = rules(_DARK, "#16181d", "#ececec", "#a9afba", "#4a505c")
    return f"<style>{shapes}{light}@media(prefers-color-scheme:dark){{{dark}}}</style>"
