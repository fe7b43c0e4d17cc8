from dataclasses import replace
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from PIL import Image

from coroseg.datasets.contact_sheet import draw_contact_sheet
from coroseg.datasets.manifest import Sample
from coroseg.errors import DataError

CELL, NAME = 320, 22


def page(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def wide(tmp_path: Path) -> Sample:
    """Return a gray image of 40 rows and 80 columns, its mask a bar on rows 10 to 19."""
    Image.fromarray(np.full((40, 80), 128, np.uint8)).save(tmp_path / "wide.png")
    mask = np.zeros((40, 80), np.uint8)
    mask[10:20, 30:70] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return Sample(tmp_path / "wide.png", tmp_path / "mask.png", dataset="ours")


def test_the_outline_surrounds_the_mask(wide: Sample, tmp_path: Path) -> None:
    draw_contact_sheet([wide], tmp_path / "out" / "page.png")
    drawn = page(tmp_path / "out" / "page.png")
    assert drawn.shape == (CELL + NAME, CELL, 3)
    picture = drawn[:160].astype(int)
    assert (drawn[160:CELL] == 0).all()  # a wide image leaves the rest of its square black
    assert drawn[CELL:].any()  # the name
    coloured = picture.max(axis=2) - picture.min(axis=2) > 20
    rows, columns = np.nonzero(coloured)
    scale = 4  # 320 / 80
    assert (rows.min(), rows.max()) == pytest.approx((10 * scale, 20 * scale), abs=2)
    assert (columns.min(), columns.max()) == pytest.approx((30 * scale, 70 * scale), abs=2)
    inside = picture[11 * scale : 19 * scale, 31 * scale : 69 * scale]
    assert (np.abs(inside - 128) <= 1).all()


@pytest.mark.parametrize(("samples", "count", "grid"), [(5, 24, (2, 3)), (30, 7, (3, 3))])
def test_the_grid_holds_so_many_samples(
    samples: int, count: int, grid: tuple[int, int], wide: Sample, tmp_path: Path
) -> None:
    copies = [
        replace(wide, image=Path(copy(wide.image, tmp_path / f"{number}.png")))
        for number in range(samples)
    ]
    draw_contact_sheet(copies, tmp_path / "page.png", count=count)
    drawn = page(tmp_path / "page.png")
    down, across = grid
    assert drawn.shape == (down * (CELL + NAME), across * CELL, 3)
    cells = drawn.reshape(down, CELL + NAME, across, CELL, 3).any(axis=(1, 3, 4))
    assert cells.sum() == min(samples, count)


def test_the_lot_follows_the_seed(wide: Sample, tmp_path: Path) -> None:
    samples = []
    for gray in range(40):
        Image.fromarray(np.full((40, 80), 5 * gray, np.uint8)).save(tmp_path / f"{gray}.png")
        samples.append(Sample(tmp_path / f"{gray}.png", wide.mask))
    pages = []
    for seed in (0, 0, 1):
        draw_contact_sheet(samples, tmp_path / "page.png", count=4, seed=seed)
        pages.append(page(tmp_path / "page.png"))
    np.testing.assert_array_equal(pages[0], pages[1])
    assert (pages[0] != pages[2]).any()


def test_no_sample_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sample"):
        draw_contact_sheet([], tmp_path / "page.png")
