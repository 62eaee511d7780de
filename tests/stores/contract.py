"""What every Store must do. A store's tests subclass StoreContract and give it a `store` fixture."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from imagegen.errors import StorageError
from imagegen.stores import Share, Stats, Store

PNG = "image/png"
FACTS: dict[str, Any] = {
    "model": "sdxl",
    "provider": "replicate",
    "seed": 7,
    "cost_usd": "0.002",
    "made_at": "2026-11-22T10:00:00+00:00",
    "prompt": "SALE – a mug, “Grüße” 🎨",
    "request": {"v": 1, "prompt": "SALE", "width": 512, "loras": [["a" * 64, 0.5]]},
}


def key_of(name: object) -> str:
    """A Key, the same for equal names."""
    return hashlib.sha256(repr(name).encode()).hexdigest()


def picture(name: object, size: int = 300) -> bytes:
    """Bytes of a picture, the same for equal names."""
    return (key_of(name).encode() * size)[:size]


def put(store: Store, name: object, data: bytes | None = None, **facts: Any) -> str:
    """Keep a picture under the key of `name`, which is returned."""
    data = picture(name) if data is None else data
    store.put(key_of(name), data, PNG, FACTS | facts, 512, 256)
    return key_of(name)


class StoreContract:
    """The tests. `store` must be a fixture that yields an empty store."""

    def test_put_picture_is_found_with_all_its_facts(self, store: Store) -> None:
        """What was put comes back: bytes, media type, size and every fact."""
        held = store.put(key_of("mug"), picture("mug"), PNG, FACTS, 512, 256)
        found = store.get(key_of("mug"))

        assert found == held
        assert found is not None
        assert (found.media_type, found.extension, found.bytes) == (PNG, "png", 300)
        assert (found.width, found.height, found.digest) == (
            512,
            256,
            hashlib.sha256(picture("mug")).hexdigest(),
        )
        assert dict(found.facts) == FACTS
        assert store.read(found) == picture("mug")
        assert store.path(found).read_bytes() == picture("mug")

    @pytest.mark.parametrize("name", ["never put", "", "../../etc/passwd"])
    def test_absent_key_is_none(self, store: Store, name: str) -> None:
        """A key that nobody put, or that is no key, is not held."""
        put(store, "mug")

        assert store.get(key_of(name)) is None
        assert store.get(name) is None
        assert store.get_many([name, key_of(name)]) == {}

    def test_empty_store_has_nothing(self, store: Store) -> None:
        """A store that was never used answers every question, and holds nothing."""
        assert store.get(key_of("mug")) is None
        assert store.get_many([key_of("mug")]) == {}
        assert store.stats() == Stats(0, 0, 0, {})
        assert list(store.scan()) == []
        assert list(store.verify(read_data=True)) == []
        assert store.remove([key_of("mug")]) == 0
        assert store.rebuild() == 0

    def test_many_keys_are_asked_at_once(self, store: Store) -> None:
        """get_many gives what get gives, for those of many keys that are held, flushed or not."""
        held = {put(store, number) for number in range(0, 1200, 30)}
        store.flush()
        held |= {put(store, number) for number in range(1200, 1210, 5)}

        found = store.get_many([key_of(number) for number in range(1210)])

        assert set(found) == held
        assert all(found[key] == store.get(key) for key in held)

    def test_flush_loses_and_changes_nothing(self, store: Store) -> None:
        """A picture is the same before and after a flush."""
        before = store.get(put(store, "mug"))
        store.flush()

        assert store.get(key_of("mug")) == before
        assert store.get_many([key_of("mug")]) == {key_of("mug"): before}

    def test_same_bytes_under_two_keys_are_one_picture(self, store: Store) -> None:
        """Equal pictures are kept once, and go with the last key that leads to them."""
        first, second = put(store, 1, b"same"), put(store, 2, b"same")
        assert store.stats().pictures == 1

        assert store.remove([first]) == 0
        held = store.get(second)
        assert held is not None
        assert store.read(held) == b"same"

        assert store.remove([second]) == len(b"same")
        assert store.stats() == Stats(0, 0, 0, {})

    def test_same_picture_again_changes_nothing(self, store: Store) -> None:
        """The same bytes under the same key again: the first facts stay."""
        put(store, "mug", cost_usd="0.04")
        put(store, "mug", cost_usd="0")

        held = store.get(key_of("mug"))
        assert held is not None
        assert held.facts["cost_usd"] == "0.04"

    def test_other_picture_under_the_key_replaces_the_first(self, store: Store) -> None:
        """A picture made anew is what the key leads to from then on."""
        put(store, "mug", b"first")
        store.flush()
        put(store, "mug", b"second, better")
        store.flush()

        held = store.get_many([key_of("mug")])[key_of("mug")]
        assert store.read(held) == b"second, better"
        assert store.get(key_of("mug")) == held

    def test_removed_key_is_gone(self, store: Store) -> None:
        """remove forgets the keys, flushed or not, says what it freed, and leaves the others."""
        put(store, 1)
        store.flush()
        put(store, 2)
        put(store, 3)

        assert store.remove([key_of(1), key_of(2), key_of("absent"), "no key"]) == 600
        assert set(store.get_many([key_of(1), key_of(2), key_of(3)])) == {key_of(3)}
        assert [held.key for held in store.scan()] == [key_of(3)]
        assert list(store.verify(read_data=True)) == []

    def test_removed_picture_can_be_put_again(self, store: Store) -> None:
        """A picture that was removed is kept again like a new one."""
        put(store, "mug")
        store.remove([key_of("mug")])
        put(store, "mug")

        held = store.get(key_of("mug"))
        assert held is not None
        assert store.read(held) == picture("mug")

    def test_lost_file_is_not_held(self, store: Store) -> None:
        """A key whose picture is gone is not held, by either way of asking."""
        held = store.get(put(store, "mug"))
        assert held is not None
        store.flush()
        store.path(held).unlink()

        assert store.get(held.key) is None
        assert store.get_many([held.key]) == {}
        with pytest.raises(StorageError, match="no such file"):
            store.read(held)

    def test_cut_file_is_not_held(self, store: Store) -> None:
        """A picture that lost its end is not held, and may be put again."""
        held = store.get(put(store, "mug"))
        assert held is not None
        store.path(held).write_bytes(picture("mug")[:-1])

        assert store.get(held.key) is None
        put(store, "mug")
        assert store.read(held) == picture("mug")

    def test_altered_file_is_never_read(self, store: Store) -> None:
        """One changed bit is a StorageError that names the file and what to run."""
        held = store.get(put(store, "mug"))
        assert held is not None
        data = bytearray(picture("mug"))
        data[17] ^= 1
        store.path(held).write_bytes(data)

        with pytest.raises(StorageError) as caught:
            store.read(held)
        assert str(store.path(held)) in str(caught.value)
        assert "imagegen cache verify" in str(caught.value)

    def test_altered_file_is_put_right_by_the_same_picture(self, store: Store) -> None:
        """Putting the right bytes again repairs a changed file."""
        held = store.get(put(store, "mug"))
        assert held is not None
        store.path(held).write_bytes(b"!" + picture("mug")[1:])

        put(store, "mug")

        assert store.read(held) == picture("mug")

    def test_stats_count_pictures_keys_and_models(self, store: Store) -> None:
        """stats counts a shared picture once, and for each model that has it."""
        put(store, 1, b"1234", model="sdxl")
        put(store, 2, b"1234", model="sdxl")
        put(store, 3, b"1234", model="flux-dev")
        put(store, 4, b"12345678", model="flux-dev")
        put(store, 5, b"x", model=None)

        assert store.stats() == Stats(3, 5, 13, {"None": Share(1, 1), "flux-dev": Share(2, 12), "sdxl": Share(2, 4)})

    def test_scan_gives_everything_with_the_time_of_its_last_use(self, store: Store) -> None:
        """scan yields what get yields, and when each was used."""
        keys = {put(store, number) for number in range(40)}
        scanned = {held.key: held for held in store.scan()}

        assert set(scanned) == keys
        assert all(held == store.get(key) for key, held in scanned.items())
        assert all(held.used is not None and held.used > 1.6e9 for held in scanned.values())

    @pytest.mark.parametrize(
        ("media_type", "extension"),
        [("image/jpeg", "jpg"), ("image/webp", "webp"), ("application/json", "json"), ("x/../../y", "bin")],
    )
    def test_extension_comes_from_a_list(self, store: Store, media_type: str, extension: str) -> None:
        """The file's extension is one of a few, whatever the media type says."""
        held = store.put(key_of("mug"), b"x", media_type, {})

        assert store.path(held).name == f"{held.digest}.{extension}"
        assert (held.width, held.height) == (None, None)
        assert store.get(key_of("mug")) == held

    def test_threads_that_put_the_same_keys_leave_one_picture_each(self, store: Store) -> None:
        """64 threads that put the same 100 keys: 100 pictures, every one whole, found by all."""

        def work(first: int) -> None:
            for step in range(100):
                held = store.get(put(store, (first + step) % 100))
                assert held is not None
                assert store.read(held) == picture((first + step) % 100)

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(work, range(0, 64 * 7, 7)))
        store.flush()

        assert store.stats().pictures == store.stats().keys == 100
        assert len(store.get_many([key_of(number) for number in range(100)])) == 100
        assert list(store.verify(read_data=True)) == []

    @pytest.mark.parametrize("key", ["", "mug", "../" * 10 + "a" * 34, "A" * 64, "g" * 64])
    def test_only_keys_are_keys(self, store: Store, key: str) -> None:
        """A key that is no SHA-256 is a programming error when put."""
        with pytest.raises(ValueError, match="not a key"):
            store.put(key, b"x", PNG, {})
