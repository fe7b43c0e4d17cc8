from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.pacs.archive import ArchiveError
from coroseg.pacs.multipart import write_first_part

KIND = 'multipart/related; type="application/dicom"; boundary="b+1 2"'


def body(*contents: bytes) -> bytes:
    parts = [b"--b+1 2\r\nContent-Type: application/dicom\r\n\r\n" + one for one in contents]
    return b"\r\n".join([*parts, b"--b+1 2--"])


def written(content: bytes, sizes: list[int], kind: str = KIND) -> bytes:
    chunks, start = [], 0
    for size in sizes:
        chunks.append(content[start : start + size])
        start += size
    file = BytesIO()
    write_first_part("place", kind, [*chunks, content[start:]], file)
    return file.getvalue()


pieces = st.lists(st.sampled_from([b"\r\n", b"--", b"b+1 2", b"\r", b"-", b"b", b"\0", b"x"]))


@given(pieces.map(b"".join), st.lists(st.integers(0, 9)))
def test_any_content_survives_any_cutting(content: bytes, sizes: list[int]) -> None:
    content = content.replace(b"--b+1 2", b"")  # a boundary does not occur in a part
    assert written(body(content, b"second"), sizes) == content


@given(st.data())
def test_a_body_that_ends_anywhere_too_early_is_refused(data: st.DataObject) -> None:
    whole = body(b"DICM" * 9)
    end = data.draw(st.integers(0, len(whole) - 2))
    with pytest.raises(ArchiveError, match="place: "):
        written(whole[:end], [7, 7])


def test_a_body_of_the_standard_library_is_understood() -> None:
    message = MIMEMultipart("related", boundary="xyz")
    message.attach(MIMEApplication(b"DICM 1", "dicom", _encoder=lambda _: None))
    head, _, sent = message.as_bytes().partition(b"\n\n")
    kind = head.split(b"Content-Type: ")[1].split(b"\n")[0].decode()
    assert written(sent.replace(b"\n", b"\r\n"), [], kind) == b"DICM 1"


def test_an_object_that_comes_alone_is_taken() -> None:
    assert written(b"DICM", [2], "application/dicom; transfer-syntax=*") == b"DICM"


@pytest.mark.parametrize("kind", ["", "text/html", "multipart/related", "application/octet-stream"])
def test_another_kind_of_answer_is_refused(kind: str) -> None:
    with pytest.raises(ArchiveError, match="no DICOM object"):
        written(b"<p>log in</p>", [], kind)
