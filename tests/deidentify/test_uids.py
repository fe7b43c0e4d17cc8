from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID, ExplicitVRLittleEndian, UID_dictionary

from coroseg.deidentify.key import Key
from coroseg.deidentify.uids import new_uid, pseudonym

KEYS = st.binary(min_size=32, max_size=32).map(Key)
UIDS = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(
    lambda parts: "1.2.826." + ".".join(map(str, parts))
)


@given(KEYS, UIDS)
def test_a_new_uid_is_valid_new_and_the_same_again(key: Key, uid: str) -> None:
    new = UID(new_uid(key, uid))
    assert new.is_valid
    assert len(new) <= 64
    assert new.startswith("2.25.")
    assert new == new_uid(key, uid) == new_uid(key, uid + "\0") == new_uid(key, f" {uid} ")


@given(KEYS, KEYS, UIDS)
def test_another_key_gives_another_uid(key: Key, other: Key, uid: str) -> None:
    assert (new_uid(key, uid) == new_uid(other, uid)) == (key == other)
    assert (pseudonym(key, uid) == pseudonym(other, uid)) == (key == other)


@given(KEYS, st.sets(UIDS, min_size=2, max_size=50))
def test_no_two_uids_or_patients_fall_together(key: Key, uids: set[str]) -> None:
    assert len({new_uid(key, uid) for uid in uids}) == len(uids)
    assert len({pseudonym(key, uid) for uid in uids}) == len(uids)


def test_a_thousand_uids_do_not_collide() -> None:
    key = Key(b"k" * 32)
    assert len({new_uid(key, f"1.2.3.{n}") for n in range(10_000)}) == 10_000


def test_registered_uids_stay() -> None:
    key = Key(b"k" * 32)
    assert new_uid(key, ExplicitVRLittleEndian) == ExplicitVRLittleEndian
    assert all(new_uid(key, uid) == uid for uid in UID_dictionary)
    # Under the standard's root, but none of its UIDs.
    assert new_uid(key, "1.2.840.10008.999.7").startswith("2.25.")


def test_nothing_stays_nothing() -> None:
    assert new_uid(Key(b"k" * 32), "\0") == pseudonym(Key(b"k" * 32), " ") == ""


@given(KEYS, st.text(min_size=1).filter(lambda text: text.strip(" \0")))
def test_a_pseudonym_tells_nothing(key: Key, name: str) -> None:
    assert pseudonym(key, name)[0] == "P"
    assert set(pseudonym(key, name)[1:]) <= set("0123456789ABCDEF")
    assert len(pseudonym(key, name)) == 17
