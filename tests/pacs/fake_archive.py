"""A DICOMweb archive on loopback that can fail in every way a real one does."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from pydicom import Dataset, dcmread

PREFIX = "/dicom-web"
BOUNDARY = "a1-b2"
_TAGS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
    "Modality": "00080060",
    "StudyDate": "00080020",
    "NumberOfFrames": "00280008",
}


@dataclass
class FakeArchive:
    """`faults` by kind of request (search, fetch, store): each is used once, the first first.

    A fault is a status, or one of "cut" (the connection breaks in the middle), "open" (the
    message ends in the middle, without a length that would tell), "half" (half an object in a
    whole message), "slow" and "other" (a web page).
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, Dataset] = field(default_factory=dict)
    faults: defaultdict[str, list[int | str]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    refused: str = ""
    tells_frames: bool = True
    page: int = 2
    url: str = ""

    def add(self, content: bytes | Path) -> str:
        content = content.read_bytes() if isinstance(content, Path) else content
        header = dcmread(BytesIO(content), stop_before_pixels=True)
        self.headers.setdefault(str(header.SOPInstanceUID), header)
        self.objects.setdefault(str(header.SOPInstanceUID), content)
        return str(header.SOPInstanceUID)

    def modality(self, modality: str) -> dict[str, bytes]:
        return {u: self.objects[u] for u, head in self.headers.items() if head.Modality == modality}

    def count(self, kind: str) -> int:
        return sum(one == kind for one, _, _ in self.requests)


@contextmanager
def running(archive: FakeArchive) -> Iterator[FakeArchive]:
    handler = type("Bound", (_Handler,), {"archive": archive})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    archive.url = f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    archive: FakeArchive
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        level = parts.path.removeprefix(PREFIX).strip("/").split("/")
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        fetches = len(level) == 6
        fault = self._fault("fetch" if fetches else "search")
        if fault is None:
            return
        if fetches:
            self._send_object(self.archive.objects.get(level[5]), fault)
        else:
            self._answer_json(200, self._found(level, asked))

    def do_POST(self) -> None:
        body = self._body()
        if self._fault("store") is None:
            return
        stored, failed = Dataset(), Dataset()
        stored.ReferencedSOPSequence, failed.FailedSOPSequence = [], []
        for part in _parts(body, self.headers["Content-Type"]):
            uid = self.archive.add(part)
            item = Dataset()
            item.ReferencedSOPInstanceUID = uid
            item.ReferencedSOPClassUID = self.archive.headers[uid].SOPClassUID
            if self.archive.refused == self.archive.headers[uid].Modality:
                del self.archive.headers[uid], self.archive.objects[uid]
                item.FailureReason = 0xA700
                failed.FailedSOPSequence.append(item)
            else:
                self.archive.stored.append(uid)
                stored.ReferencedSOPSequence.append(item)
        if failed.FailedSOPSequence:
            stored.FailedSOPSequence = failed.FailedSOPSequence
        self._answer_json(202 if failed.FailedSOPSequence else 200, stored.to_json_dict())

    def _fault(self, kind: str) -> str | None:
        """Return what goes wrong with the content, empty for nothing; None if all is said."""
        archive = self.archive
        archive.requests.append((kind, self.path, self.headers.get("Authorization", "")))
        fault = archive.faults[kind].pop(0) if archive.faults[kind] else ""
        if isinstance(fault, int):
            self._answer_json(fault, {})
            return None
        if fault == "slow":
            time.sleep(0.6)
        if fault == "other":
            self._answer(200, "text/html", b"<p>log in</p>")
            return None
        return fault

    def _found(self, level: list[str], asked: dict[str, str]) -> list[dict[str, object]]:
        keyword = {1: "StudyInstanceUID", 3: "SeriesInstanceUID", 5: "SOPInstanceUID"}[len(level)]
        if level[-1] == "instances":
            keyword = "SOPInstanceUID"
        path = {"StudyInstanceUID": level[1:2], "SeriesInstanceUID": level[3:4]}
        wanted = {key: value[0] for key, value in path.items() if value}
        wanted |= {key: value for key, value in asked.items() if key in _TAGS}
        found = {}
        for header in self.archive.headers.values():
            if all(str(header.get(key, "")) == value for key, value in wanted.items()):
                told = {k: t for k, t in _TAGS.items() if k != "NumberOfFrames"}
                if self.archive.tells_frames:
                    told["NumberOfFrames"] = _TAGS["NumberOfFrames"]
                found[str(header[keyword].value)] = {
                    tag: {"Value": [_plain(header[key].value)]}
                    for key, tag in told.items()
                    if key in header
                }
        start = int(asked.get("offset", 0))
        return list(found.values())[start : start + self.archive.page]

    def _send_object(self, content: bytes | None, fault: str) -> None:
        if content is None:
            self._answer_json(404, {})
            return
        part = content[: len(content) // 2] if fault == "half" else content
        head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        # Sent one by one: a copy would count as memory of the client in this process.
        pieces = [head, part[: len(part) // 2]] if fault in {"cut", "open"} else [head, part, tail]
        self.send_response(200)
        self.send_header("Content-Type", f'multipart/related; boundary="{BOUNDARY}"')
        if fault != "open":
            self.send_header("Content-Length", str(len(head) + len(part) + len(tail)))
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
        self.close_connection = True

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer_json(self, status: int, content: object) -> None:
        self._answer(status, "application/dicom+json", json.dumps(content).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _plain(value: object) -> object:
    return int(value) if isinstance(value, int) else str(value)


def _parts(body: bytes, content_type: str) -> list[bytes]:
    found = re.search(r'boundary="?([^";]+)', content_type)
    assert found
    pieces = body.split(b"--" + found[1].encode())
    return [
        piece.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
        for piece in pieces
        if b"\r\n\r\n" in piece
    ]
