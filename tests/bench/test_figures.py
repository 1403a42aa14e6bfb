"""Charts: what is where, in SVG that any XML reader accepts."""

from xml.etree import ElementTree

import pytest

from bench.figures import Line, Panel, chart, reach, ticks

LINES = [
    Line("plain <DPO>", [(0, 0), (1, 1), (2, 0.5)], band=[(0, 0), (0.5, 1.5), (0.25, 0.75)]),
    Line("held & back", [(0, 0), (2, -0.25)], mark=(2, -0.25)),
]
NAME = "{http://www.w3.org/2000/svg}"


def panel(title: str, lines: list[Line]) -> Panel:
    return Panel(title, lines, x_ticks=[0, 1, 2], y_ticks=[0, 1], x_label="votes", y_label="shift")


def test_points_lie_where_the_axes_say() -> None:
    drawing = ElementTree.fromstring(chart([panel("warm", LINES)]))
    texts = {node.text: node.attrib for node in drawing.iter(f"{NAME}text")}
    first, second = (
        [tuple(map(float, point.split(","))) for point in node.attrib["points"].split()]
        for node in drawing.iter(f"{NAME}polyline")
    )
    for (x, _), tick in zip(first, ("0", "1", "2"), strict=True):
        assert x == pytest.approx(float(texts[tick]["x"]), abs=0.1)
    zero, one = (float(texts[tick]["y"]) - 4 for tick in ("+0.0", "+1.0"))
    assert [y for _, y in first] == pytest.approx([zero, one, (zero + one) / 2], abs=0.2)
    assert second[-1][1] == pytest.approx(zero + (zero - one) / 4, abs=0.2)  # below the axis's first tick
    (circle,) = drawing.iter(f"{NAME}circle")
    assert (float(circle.attrib["cx"]), float(circle.attrib["cy"])) == second[-1]


def test_a_band_goes_up_its_high_ends_and_back_its_low_ones() -> None:
    drawing = ElementTree.fromstring(chart([panel("warm", LINES)]))
    (band,) = drawing.iter(f"{NAME}polygon")
    corners = [tuple(map(float, point.split(","))) for point in band.attrib["points"].split()]
    assert len(corners) == 6
    assert [x for x, _ in corners] == sorted(x for x, _ in corners[:3]) + sorted((x for x, _ in corners[3:]))[::-1]
    assert corners[1][1] < corners[4][1]  # the high end is further up


def test_one_title_has_one_colour_in_all_panels_and_one_line_in_the_legend() -> None:
    text = chart([panel("warm", LINES), panel("busy", LINES[1:])], ["60 votes"])
    drawing = ElementTree.fromstring(text)
    curves = [node.attrib["class"].split()[0] for node in drawing.iter(f"{NAME}polyline")]
    assert curves == ["c0", "c1", "c1"]
    told = [node.text for node in drawing.iter(f"{NAME}text")]
    assert [told.count(name) for name in ("plain <DPO>", "held & back", "60 votes", "warm", "busy")] == [1] * 5
    left, right = (
        max(float(point.split(",")[0]) for point in node.attrib["points"].split())
        for node in list(drawing.iter(f"{NAME}polyline"))[:3:2]
    )
    assert left < right <= 720


def test_it_names_a_colour_for_a_dark_page_too() -> None:
    light, _, dark = chart([panel("warm", LINES)]).partition("@media(prefers-color-scheme:dark)")
    assert dark
    for name in (".page{fill:", ".ink{fill:", ".soft{fill:", ".c0{color:"):
        assert light.split(name)[1].split("}")[0] != dark.split(name)[1].split("}")[0], name


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.3, 1.1, [-0.5, 0.0, 0.5, 1.0, 1.5]),
        (0.0, 0.03, [0, 0.01, 0.02, 0.03]),
        (0.0, 0.0, None),
    ],
)
def test_ticks_are_round_and_cover(low: float, high: float, expected: list[float] | None) -> None:
    found = ticks(low, high)
    assert found[0] <= low + 1e-9
    assert found[-1] >= high - 1e-9
    assert len(found) >= 2
    if expected:
        assert found == pytest.approx(expected)


def test_reach_counts_bands_and_zero() -> None:
    assert reach(LINES) == (-0.25, 1.5)
    assert reach([Line("high", [(0, 2), (1, 3)])]) == (0.0, 3)
