from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroseg.datasets.manifest import Sample
from coroseg.datasets.names import name_samples
from coroseg.errors import DataError

PARTS = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=4
).filter(lambda part: part != ".")
PATHS = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: Path("/", *parts))


def _names(*images: str, dataset: str | None = None) -> list[str]:
    return list(
        name_samples([Sample(Path(image), Path("/m.png"), dataset=dataset) for image in images])
    )


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (["/home/me/a/2.png", "/home/me/a/10.png"], ["2", "10"]),
        (["/d/train/images/1.png", "/d/val/images/1.png"], ["train/images/1", "val/images/1"]),
        (["/d/p1/1.png", "/d/p2/1.png", "/d/p2/2.png"], ["p1/1", "p2/1", "p2/2"]),
        (["/d/a.png", "/d/a.pgm"], ["a.pgm", "a.png"]),
        (["/d/p1/A.png", "/d/p2/a.png"], ["p1/A", "p2/a"]),
        (["/d/1.2.840.7", "/d/1.2.840.8"], ["1.2.840.7", "1.2.840.8"]),
        (["/a.png", "/d/a.png"], ["a", "d/a"]),
        (["/d/..png", "/d/a:b\\c.png"], ["_", "a_b_c"]),
    ],
)
def test_a_name_is_the_shortest_end_of_the_path(images: list[str], names: list[str]) -> None:
    assert _names(*images) == names


def test_a_name_begins_with_the_data_set_and_others_do_not_lengthen_it() -> None:
    samples = [
        Sample(Path("/d/p1/1.png"), Path("/m.png"), dataset="one"),
        Sample(Path("/d/p2/1.png"), Path("/m.png"), dataset="one"),
        Sample(Path("/e/1.png"), Path("/m.png"), dataset="../two"),
        Sample(Path("/f/1.png"), Path("/m.png")),
    ]
    assert set(name_samples(samples)) == {"one/p1/1", "one/p2/1", "_two/1", "1"}


def test_names_do_not_change_with_the_machine_the_split_or_the_order() -> None:
    def names(root: str, split: str, step: int) -> list[str]:
        images = [f"{root}/{part}/{n}.png" for part in "ab" for n in range(12)]
        return list(
            name_samples(
                [Sample(Path(i), Path("/m"), dataset="x", split=split) for i in images[::step]]
            )
        )

    assert names("/home/me", "train", 1) == names("/mnt/other/place", "val", -1)


@pytest.mark.parametrize("other", ["/d/a.png", "/d/A.png"])
def test_images_that_cannot_be_told_apart_are_refused(other: str) -> None:
    with pytest.raises(DataError, match="both would be called"):
        _names("/d/a.png", other)


@settings(max_examples=60, deadline=None)
@given(st.lists(PATHS, min_size=1, max_size=8, unique_by=lambda path: str(path).casefold()))
def test_names_are_unique_and_safe_as_file_names(images: list[Path]) -> None:
    samples = [Sample(image, Path("/m.png"), dataset="d") for image in images]
    try:
        named = name_samples(samples)
    except DataError:  # told apart by nothing that is safe in a file name
        return
    assert sorted(named.values(), key=str) == sorted(samples, key=str)
    assert len({name.casefold() for name in named}) == len(images)
    for name in named:
        path = PurePosixPath(name)
        assert not path.is_absolute()
        assert not {"", ".", ".."} & set(name.split("/"))
        assert not set(name) & set('\\:*?"<>|\n\0')
