from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from pictured_runs import make_pictured
from PIL import Image
from stored_runs import make_stored
from test_figures_network import network

from coroseg.report.figures.captions import TITLES, caption, left_out
from coroseg.report.figures.draw import draw_figures
from coroseg.report.figures.folds import draw_folds
from coroseg.report.figures.look import house_style, write_figure
from coroseg.report.figures.network_drawing import draw_network
from coroseg.report.stored import Stored


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return make_pictured(tmp_path_factory.mktemp("pictured"), units=2, images_per_unit=1)


def test_all_figures_are_png_at_300_dpi_and_svg_and_the_same_again(
    pictured: Stored, tmp_path: Path
) -> None:
    first = draw_figures(pictured, tmp_path / "a", network(5, 5))
    assert [path.name for path in first] == [
        f"{name}{extension}" for name in TITLES for extension in (".png", ".svg")
    ]
    for path in first[::2]:
        with Image.open(path) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert min(image.size) > 300
    with house_style():
        again = write_figure(draw_network(network(5, 5)), tmp_path / "b" / "figure2")
        again += write_figure(draw_folds(pictured), tmp_path / "b" / "figure4")
    assert [path.read_bytes() for path in again] == [
        (tmp_path / "a" / path.name).read_bytes() for path in again
    ]
    assert sorted((tmp_path / "a").iterdir()) == sorted(first)


class _Unsteady(ConstrainedLayoutEngine):
    """A layout whose last digits differ every time, as those of the solver sometimes do."""

    def execute(self, fig: Figure) -> None:
        super().execute(fig)
        for axes in fig.axes:
            left, bottom, width, height = axes.get_position(original=True).bounds
            self.drift = getattr(self, "drift", 0) + 1e-13
            axes._set_position((left + self.drift, bottom, width - self.drift, height))


def test_the_last_digits_of_a_layout_change_no_byte(tmp_path: Path) -> None:
    written = []
    for drawn in range(2):
        figure = Figure((3, 2))
        engine = _Unsteady(compress=True)
        engine.drift = 0.31e-9 * drawn
        figure.set_layout_engine(engine)
        for axes in figure.subplots(1, 3):
            axes.plot([0, 1], [0, 1])
            axes.set_title("a title")
        with house_style():
            written.append(write_figure(figure, tmp_path / str(drawn)))
    for first, again in zip(*written, strict=True):
        assert first.read_bytes() == again.read_bytes()


def test_without_pictures_the_other_figures_are_drawn(tmp_path: Path) -> None:
    stored = make_stored(tmp_path, models=("unet", "unet3plus"))
    unknown = tuple(replace(row, artery=None, projection=None) for row in stored.images)
    stored = replace(stored, images=unknown)
    drawn = draw_figures(stored, tmp_path, network=None)
    assert {path.stem for path in drawn} == {"figure4", "learning_curves", "dice_speed"}
    assert left_out(stored, network=False) == {
        "figure1": "the images are not at hand",
        "figure2": "the benchmark has no U-Net 3+",
        "figure3": "the images are not at hand",
        "figure5": "the images are not at hand",
        "by_view": "artery and projection of the images are not known",
    }


def test_a_benchmark_without_a_finished_cell_has_the_network_alone(tmp_path: Path) -> None:
    stored = replace(make_stored(), images=(), cells=(), curves=())
    drawn = draw_figures(stored, tmp_path, network(5, 5))
    assert {path.stem for path in drawn} == {"figure2"}


def test_captions_name_the_cases(pictured: Stored) -> None:
    text = caption("figure3", pictured)
    assert "of each artery by the DSC of U-Net 3+" in text
    assert text.count("unit") == 2
    assert "light" in caption("figure5", pictured)
