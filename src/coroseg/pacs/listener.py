"""`coroseg pacs listen`: what is sent to us is kept, and segmented when its association ends."""

import queue
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from coroseg.io.files import write_whole
from coroseg.pacs.archive import Instance
from coroseg.pacs.received import received_path, unfinished
from coroseg.pacs.storage import Association, storage_service
from coroseg.pacs.work import Ended, Work


class Inbox:
    """Objects as they arrive below `out`, in batches: those of one association each."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.batches: queue.SimpleQueue[list[Instance]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._over: WeakSet[Association] = WeakSet()
        self._arriving: defaultdict[Association, list[Instance]] = defaultdict(list)

    def take(self, instance: Instance, path: Path, association: Association) -> None:
        """Keep an object; one that is sent again takes the place of the earlier."""
        with write_whole(received_path(self.out, instance)) as temporary:
            shutil.copyfile(path, temporary)
        with self._lock:
            self._arriving[association].append(instance)
            is_over = association in self._over
        if is_over:  # it broke off behind a whole object
            self.ended(association)

    def ended(self, association: Association) -> None:
        """Hand on what an association brought, all of it whole, however it ended."""
        with self._lock:
            self._over.add(association)
            batch = self._arriving.pop(association, [])
        if batch:
            self.batches.put(batch)


@contextmanager
def open_inbox(address: tuple[str, int], aet: str, work: Work) -> Iterator[tuple[Inbox, int]]:
    """Return a context in which objects can be sent to us: their inbox, and the port.

    What an earlier run received and did not finish is its first batch.
    """
    inbox = Inbox(work.out)
    left = [
        one for one in unfinished(work.out, work.request, work.predictor.info) if work.wants(one)
    ]
    if left:
        inbox.batches.put(left)
    with storage_service(address, aet, inbox.take, inbox.ended) as port:
        yield inbox, port


def work_through(batch: list[Instance], work: Work) -> None:
    """Segment the runs of a batch and store what was found; `work.report` hears of each object."""
    wanted = [instance for instance in batch if work.wants(instance)]
    for instance in batch:
        if not work.wants(instance):
            reason = f"object {instance.uid}: a single frame: --single-frames takes these too"
            work.report(Ended(instance, "skipped", reason))
    work.do(dict.fromkeys(wanted))
