import csv
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coroseg.datasets.manifest import COLUMNS, Sample, read_manifest, write_manifest
from coroseg.errors import DataError

WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=("Cc", "Zs", "Zl")),
    min_size=1,
    max_size=12,
)
ANGLES = st.none() | st.floats(-180, 180)
SPACINGS = st.floats(0.01, 2)


@st.composite
def sample_fields(draw: st.DrawFn) -> dict[str, object]:
    known = draw(st.booleans())
    return {
        "patient": draw(st.none() | WORDS),
        "group": draw(st.none() | WORDS),
        "artery": draw(st.sampled_from([None, "LCA", "RCA"])),
        "projection": draw(st.sampled_from([None, "LAO", "RAO"])),
        "primary_angle": draw(ANGLES),
        "secondary_angle": draw(ANGLES),
        "spacing_row_mm": draw(SPACINGS) if known else None,
        "spacing_column_mm": draw(SPACINGS) if known else None,
        "dataset": draw(st.none() | WORDS),
        "split": draw(st.none() | WORDS),
    }


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(sample_fields(), min_size=1, max_size=4))
def test_what_is_written_is_read_again(rows: list[dict[str, object]], tmp_path: Path) -> None:
    samples = [
        Sample(
            tmp_path / "a" / f"{i}.png",
            tmp_path / "b, c" / f"{i} é.png",
            segments=tmp_path / "d" / f"{i}.png" if i % 2 else None,
            probability=None if i % 2 else tmp_path / "e" / f"{i}.png",
            **row,  # type: ignore[arg-type]
        )
        for i, row in enumerate(rows)
    ]
    write_manifest(tmp_path / "lists" / "m.csv", samples)
    assert read_manifest(tmp_path / "lists" / "m.csv") == samples


def test_the_columns_are_the_contract() -> None:
    assert set(COLUMNS) == {
        *("image", "mask", "patient", "group", "artery", "projection", "primary_angle"),
        *("secondary_angle", "spacing_row_mm", "spacing_column_mm", "dataset", "split", "segments"),
        "probability",
    }
    assert tuple(field.name for field in fields(Sample)) == COLUMNS


def test_paths_in_the_file_are_relative_so_that_the_folder_can_move(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "lists").mkdir(parents=True)
    written = Sample(
        here / "x" / "1.png",
        here / "lists" / "1.png",
        segments=here / "2.png",
        probability=here / "p" / "1.png",
    )
    write_manifest(here / "lists" / "m.csv", [written])
    with (here / "lists" / "m.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    paths = row["image"], row["mask"], row["segments"], row["probability"]
    assert paths == ("../x/1.png", "1.png", "../2.png", "../p/1.png")
    here.rename(there)
    (sample,) = read_manifest(there / "lists" / "m.csv")
    assert sample == Sample(
        there / "x" / "1.png",
        there / "lists" / "1.png",
        segments=there / "2.png",
        probability=there / "p" / "1.png",
    )


def test_a_link_keeps_its_own_name_and_its_folder_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "hash").touch()
    (tmp_path / "real" / "7.png").symlink_to(tmp_path / "real" / "hash")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "m.csv").write_text("image,mask\nlink/7.png,m.png\n")
    assert read_manifest(tmp_path / "m.csv")[0].image == tmp_path / "real" / "7.png"


def test_only_image_and_mask_are_required_and_excel_may_add_its_mark(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("\ufeffmask,image\nb.png,a.png\n", encoding="utf-8")
    assert read_manifest(tmp_path / "m.csv") == [Sample(tmp_path / "a.png", tmp_path / "b.png")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image\na.png\n", "no column mask in: image"),
        ("image;mask\na;b\n", "no column image and mask in: image;mask"),
        ("", "no column image and mask"),
        ("image,mask\n", "lists no image"),
        ("image,mask,pacient\na,b,7\n", "unknown column 'pacient'"),
        ("image,mask,mask\na,b,c\n", "a column stands twice"),
        ("image,mask\na,b\n,c\n", "line 3: no image"),
        ("image,mask\na, \n", "line 2: no mask"),
        ("image,mask\na\n", "line 2: the row and the header differ"),
        ("image,mask\na,b,c\n", "line 2: the row and the header differ"),
        ("image,mask\na,b\nc,d\n./a,e\n", "line 4: ./a is listed in line 2 already"),
        ("image,mask,artery\na,b,LAD\n", "line 2: artery is 'LAD': it must be LCA or RCA"),
        ("image,mask,projection\na,b,AP\n", "line 2: projection is 'AP'"),
        ("image,mask,primary_angle\na,b,30 LAO\n", "line 2: primary_angle is '30 LAO'"),
        ("image,mask,secondary_angle\na,b,181\n", "line 2: secondary_angle is '181'"),
        (
            "image,mask,spacing_row_mm,spacing_column_mm\na,b,0.3,nan\n",
            "spacing_column_mm is 'nan'",
        ),
        ("image,mask,spacing_row_mm,spacing_column_mm\na,b,0,0.3\n", "spacing_row_mm is '0'"),
        ("image,mask,spacing_row_mm,spacing_column_mm\na,b,inf,1\n", "spacing_row_mm is 'inf'"),
        ("image,mask,spacing_row_mm\na,b,0.3\n", "known both or neither"),
        ('image,mask\n"a,b\n', "cannot be read as a manifest"),
    ],
)
def test_a_bad_manifest_is_refused_with_the_place(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path / "m.csv")
    assert message in str(caught.value)
    assert str(tmp_path / "m.csv") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.csv", "folder", "binary.csv"])
def test_a_file_that_is_no_manifest(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(DataError, match="cannot be read as a manifest"):
        read_manifest(tmp_path / name)


def test_what_must_stay_together_is_the_patient_then_the_group_then_the_image() -> None:
    a, b = Path("/a.png"), Path("/b.png")
    assert Sample(a, b, patient="1", group="2", dataset="d").unit == ("d", "patient", "1")
    assert Sample(a, b, group="1", dataset="d").unit == ("d", "group", "1")
    assert Sample(a, b).unit != Sample(b, a).unit
    # one number in two data sets names two patients
    assert (
        Sample(a, b, patient="1", dataset="d").unit != Sample(a, b, patient="1", dataset="e").unit
    )
