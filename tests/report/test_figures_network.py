from itertools import pairwise

import pytest

from coroseg.report.figures.network_drawing import (
    CONNECTION,
    OUTPUT,
    Connection,
    Level,
    NetworkDrawing,
    Output,
    draw_network,
)


def network(depth: int, outputs: int) -> NetworkDrawing:
    def connection(source: int, target: int) -> Connection:
        kind = "down" if source < target else "up" if source > target else "same"
        return Connection(source, target, kind, 2 ** abs(source - target), 8)  # type: ignore[arg-type]

    return NetworkDrawing(
        "a network",
        tuple(Level(10 * (k + 1), 2**k) for k in range(depth)),
        tuple(Level(8 * depth, 2**k) for k in range(depth - 1)),
        tuple(connection(s, t) for t in range(depth - 1) for s in range(depth)),
        tuple(Output(k, 2**k) for k in range(outputs)),
    )


@pytest.mark.parametrize(("depth", "outputs"), [(5, 5), (5, 1), (4, 4)])
def test_every_connection_and_output_is_a_line(depth: int, outputs: int) -> None:
    (axes,) = draw_network(network(depth, outputs)).axes
    names = [line.get_gid() for line in axes.lines]
    assert names.count(CONNECTION) == depth * (depth - 1)
    assert names.count(OUTPUT) == outputs
    texts = [text.get_text() for text in axes.texts]
    assert [f"En {k + 1}" in texts for k in range(depth)] == [True] * depth
    assert "10 ch, full size" in texts


def test_no_line_runs_through_a_box_or_along_another_line() -> None:
    (axes,) = draw_network(network(5, 5)).axes
    boxes = [patch.get_bbox() for patch in axes.patches if hasattr(patch, "get_boxstyle")]
    assert len(boxes) == 9
    segments = []
    for line in axes.lines:
        points = list(zip(*line.get_data(), strict=True))
        segments += list(pairwise(points))
    for (x, y), (to_x, to_y) in segments:
        middle = (x + to_x) / 2, (y + to_y) / 2
        for at in [
            middle,
            *((x + part * (to_x - x), y + part * (to_y - y)) for part in (0.2, 0.8)),
        ]:
            assert not any(box.contains(*at) for box in boxes)
    for (x, y), (to_x, to_y) in segments:
        parallel = [
            other
            for other in segments
            if other != ((x, y), (to_x, to_y))
            and (
                (x == to_x == other[0][0] == other[1][0])
                or (y == to_y == other[0][1] == other[1][1])
            )
        ]
        low, high = sorted((x + y, to_x + to_y))
        for one, two in parallel:
            other_low, other_high = sorted((sum(one), sum(two)))
            assert other_high <= low + 1e-9 or other_low >= high - 1e-9
