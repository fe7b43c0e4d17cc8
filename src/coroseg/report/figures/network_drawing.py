"""Figure 2: a U-Net 3+ as it is built, every connection drawn, from a plain description of it."""

from dataclasses import dataclass
from typing import Final, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from coroseg.report.figures.look import BLACK, BLUE, VERMILLION

CONNECTION, OUTPUT = "connection", "output"
"""Names (gid) of the drawn lines, in the SVG too."""


@dataclass(frozen=True)
class Level:
    """One feature map: its channels, and the pixels of the image to one of its own, each way."""

    channels: int
    stride: int


@dataclass(frozen=True)
class Connection:
    """What brings the map of level `source` to decoder `target`; levels count from 0, the finest.

    The source is the encoder's map up to the target's level and the decoder's below it; the
    coarsest map is the encoder's own.
    """

    source: int
    target: int
    scaling: Literal["down", "same", "up"]
    factor: int
    channels: int


@dataclass(frozen=True)
class Output:
    """A supervised output: the level it is made from, and how much it is enlarged."""

    level: int
    factor: int


@dataclass(frozen=True)
class NetworkDrawing:
    """A U-Net 3+: maps finest first, the decoder one fewer than the encoder."""

    name: str
    encoder: tuple[Level, ...]
    decoder: tuple[Level, ...]
    connections: tuple[Connection, ...]
    outputs: tuple[Output, ...]


_Style = Literal["-"] | tuple[float, tuple[float, float]]
_LINES: Final[dict[str, tuple[str, _Style]]] = {
    "down": (BLUE, "-"),
    "same": (BLACK, "-"),
    "up": (VERMILLION, (0, (4, 1.5))),
}
_MEANING: Final = {
    "down": "max pooling, convolution",
    "same": "convolution",
    "up": "bilinear up-sampling and convolution",
}
_SIGN: Final = {"down": "÷", "same": "", "up": "×"}
GRAY: Final = "#555555"
_WIDTH, _HEIGHT = 1.7, 0.8  # of a box; a level is _ROW high, a decoder _COLUMN right of the next
_ROW, _COLUMN = 1.55, 2.25
_LANE, _PORT = 0.11, 0.4  # between parallel lines, and between arrow heads


def draw_network(network: NetworkDrawing) -> Figure:
    """Return the figure: encoder left, decoders in the middle, supervised outputs right.

    Each connection is a line of its own that runs along its source's row and then up or down into
    its target, with the factor of its scaling at the arrow.
    """
    depth = len(network.encoder)
    right = _column(0, depth) + _COLUMN + 0.3
    figure = Figure(((right + 3.2) * 0.66, (depth * _ROW + 1.1) * 0.66), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(-1.2, right + 2.1), ylim=(-(depth - 1) * _ROW - 0.7, 1.3), aspect="equal")
    for level, map_ in enumerate(network.encoder):
        _box(axes, (0, _row(level)), f"En {level + 1}", map_, BLUE)
        if level:
            _arrow(axes, [(0, _row(level - 1) - _HEIGHT / 2), (0, _row(level) + _HEIGHT / 2)], GRAY)
    for level, map_ in enumerate(network.decoder):
        _box(axes, (_column(level, depth), _row(level)), f"De {level + 1}", map_, VERMILLION)
    for connection in network.connections:
        _connect(axes, connection, depth)
    for output in network.outputs:
        _output(axes, output, depth, right)
    _arrow(axes, [(0, 1.05), (0, _HEIGHT / 2)], GRAY)
    axes.text(0, 1.1, "image", ha="center", va="bottom")
    axes.text((right + _WIDTH) / 2, 1.1, network.name, ha="center", va="bottom", fontsize=10)
    used = dict.fromkeys(connection.scaling for connection in network.connections)
    handles = [
        Line2D([], [], color=_LINES[kind][0], linestyle=_LINES[kind][1], label=_MEANING[kind])
        for kind in _LINES
        if kind in used
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _connect(axes: Axes, connection: Connection, depth: int) -> None:
    """Draw one connection; the lanes are ordered so that its own never cross."""
    source, target = connection.source, connection.target
    x, y = _column(target, depth), _row(target)
    colour, style = _LINES[connection.scaling]
    label = f"{_SIGN[connection.scaling]}{connection.factor}" if connection.factor > 1 else ""
    if source == target:
        points = [(_WIDTH / 2, y), (x - _WIDTH / 2, y)]
        _arrow(axes, points, colour, style, CONNECTION)
        return
    if source < target:
        start = (_WIDTH / 2, _row(source) - _LANE * (target - source))
        port = x + _PORT * (target - 1 - source - (target - 1) / 2)
        end = (port, y + _HEIGHT / 2)
    else:
        left = 0 if source == depth - 1 else _column(source, depth)
        start = (left + _WIDTH / 2, _row(source) + _LANE * (target - (source - 1) / 2))
        port = x + _PORT * (source - 1 - target - (depth - 2 - target) / 2)
        end = (port, y - _HEIGHT / 2)
    _arrow(axes, [start, (port, start[1]), end], colour, style, CONNECTION)
    above = 0.13 if source < target else -0.13
    axes.text(
        port - 0.05, end[1] + 2 * above, label, ha="right", va="center", fontsize=6, color=colour
    )


def _output(axes: Axes, output: Output, depth: int, x: float) -> None:
    """Draw one supervised output: a plain convolution, enlarged to the image, sigmoid."""
    level = output.level
    left = 0 if level == depth - 1 else _column(level, depth)
    y = _row(level) - 0.3
    _arrow(axes, [(left + _WIDTH / 2, y), (x, y)], GRAY, "-", OUTPUT)
    enlarged = f", ×{output.factor}" if output.factor > 1 else ""
    axes.text(x + 0.08, y, f"3×3 conv{enlarged},\nsigmoid", ha="left", va="center", fontsize=7)


def _box(axes: Axes, centre: tuple[float, float], name: str, level: Level, colour: str) -> None:
    x, y = centre
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.1"
    axes.add_patch(
        FancyBboxPatch(corner, _WIDTH, _HEIGHT, style, facecolor="white", edgecolor=colour, lw=1.4)
    )
    scale = f"1/{level.stride}" if level.stride > 1 else "full size"
    axes.text(x, y + 0.15, name, ha="center", va="center", weight="bold")
    axes.text(x, y - 0.17, f"{level.channels} ch, {scale}", ha="center", va="center", fontsize=7)


def _arrow(
    axes: Axes,
    points: list[tuple[float, float]],
    colour: str,
    style: _Style = "-",
    name: str | None = None,
) -> None:
    """Draw a line through the points with an arrow head at its end."""
    (line,) = axes.plot(*zip(*points, strict=True), color=colour, lw=0.9, zorder=1)
    line.set_linestyle(style)
    line.set_gid(name)
    head = {"arrowstyle": "-|>", "color": colour, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
    (x, y), (to_x, to_y) = points[-2:]
    length = max(abs(to_x - x), abs(to_y - y))
    near = (to_x - (to_x - x) / length * 0.15, to_y - (to_y - y) / length * 0.15)
    axes.annotate("", xy=points[-1], xytext=near, arrowprops=head)


def _row(level: int) -> float:
    return -level * _ROW


def _column(level: int, depth: int) -> float:
    """Return where a decoder stands: the coarsest nearest to the encoder."""
    return 1.1 + _COLUMN * (depth - 1 - level)
