"""The resident index against a full scan, the join against brute force."""

import threading

import numpy as np
import pytest

from consentkit.fingerprints import golden, preparation, views
from consentkit.matching import bands, rule
from consentkit.matching.alteration import alteration
from consentkit.matching.resident import Resident

Words = np.ndarray[tuple[int, int], np.dtype[np.uint64]]


def random_views(seed: int, count: int) -> views.Views:
    dice = np.random.default_rng(seed)
    words = dice.integers(0, 2**64, (count, views.WORDS), dtype=np.uint64)
    words[:, [1, 3]] &= ~np.uint64(15)
    words[:, 4] = dice.integers(0, 24, count) << 16 | dice.integers(0, 32, count) << 8 | dice.integers(0, 32, count)
    return words


def disturbed(found: views.Views, bits: int, seed: int) -> views.Views:
    """The same views with so many of each one's 248 bits flipped."""
    dice, changed = np.random.default_rng(seed), found.copy()
    for row in changed:
        for bit in dice.choice(248, bits, replace=False):
            word, place = (bit // 124) * 2 + (bit % 124) // 64, bit % 124 % 64
            row[word] ^= np.uint64(1) << np.uint64(63 - place)
    return changed


def small(seed: int) -> preparation.Pixels:
    return preparation.area_reduced(golden.drawn(seed, 200, 200)[:, :, 0], side=views.SIDE)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_index_of_so_few_works(count: int) -> None:
    held = [(number, views.protected(small(number + 1))) for number in range(count)]
    for index in (Resident(held), Resident[int]()):
        for number, found in held if not len(index) else []:
            index.add(number, found)
        assert index.matches(views.asked(small(99))) == []
        for number in range(count):
            assert [match.key for match in index.matches(views.asked(small(number + 1)))] == [number]


def test_what_was_added_is_found_at_once_and_after_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.matching.resident.UNSORTED", 50)
    index = Resident[int]()
    for number in range(30):
        held = random_views(number, 20)
        index.add(number, held)
        assert [match.key for match in index.matches(disturbed(held[:3], 10, number))] == [number]
    for number in range(30):
        asking = disturbed(random_views(number, 20)[:3], 10, number)
        assert [match.key for match in index.matches(asking)] == [match.key for match in index.scan(asking)] == [number]


def test_what_was_removed_is_found_no_more() -> None:
    index = Resident((number, random_views(number, 20)) for number in range(3))
    index.remove(1)
    assert index.matches(random_views(1, 6)) == index.scan(random_views(1, 6)) == []
    assert [match.key for match in index.matches(random_views(2, 6))] == [2]
    index.add(1, random_views(1, 20))
    assert [match.key for match in index.matches(random_views(1, 6))] == [1]


def test_searches_go_on_while_pictures_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consentkit.matching.resident.UNSORTED", 100)
    index = Resident([("first", random_views(0, 20))])
    missed: list[int] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            if [match.key for match in index.matches(random_views(0, 6))] != ["first"]:
                missed.append(1)

    reader = threading.Thread(target=search)
    reader.start()
    for number in range(1, 300):
        index.add(str(number), random_views(number, 20))
    done.set()
    reader.join()
    assert not missed


def test_the_first_step_misses_little_on_skewed_views() -> None:
    """Drawn waves look more alike than portraits do."""
    index = Resident((number, views.protected(small(number))) for number in range(1, 60))
    both = [(index.matches(q), index.scan(q)) for q in (views.asked(_cropped(number)) for number in range(1, 60))]
    scanned = sum(len(scan) for _, scan in both)
    assert scanned >= 50
    assert sum(len(found) for found, _ in both) >= 0.98 * scanned
    assert all({m.key for m in found} <= {m.key for m in scan} for found, scan in both)


def _cropped(seed: int) -> preparation.Pixels:
    return preparation.area_reduced(golden.drawn(seed, 200, 200)[20:180, 30:190, 0], side=views.SIDE)


def near(distance: int, asked: int, *, middle: tuple[int, int], scale: int = 0, orientation: int = 1) -> rule.Near:
    """Two windows of half the side, one over the other."""
    place = 16 << 16 | middle[0] << 8 | middle[1]
    smaller = 2 ** (-scale / 16)
    held = 16 + scale << 16 | round(middle[0] * smaller) << 8 | round(middle[1] * smaller)
    return rule.placed(distance, asked, place, orientation, held)


def test_one_view_speaks_when_it_is_very_near() -> None:
    assert rule.best([near(rule.FARTHEST[0], 1, middle=(9, 9))])
    assert not rule.best([near(rule.FARTHEST[0] + 1, 1, middle=(9, 9))])
    assert not rule.best([near(rule.FARTHEST[0], 1, middle=(9, 9), scale=rule.DEEP + 1)])
    assert not rule.best([])


def test_a_very_near_view_needs_some_other_beside_it() -> None:
    first = near(rule.VERY_NEAR, 1, middle=(9, 9))
    assert not rule.best([first])
    assert rule.best([first, near(rule.BESIDE, 2, middle=(9, 20))]) == first
    assert not rule.best([first, near(rule.BESIDE, 1, middle=(9, 20))])
    assert not rule.best([first, near(rule.BESIDE, 2, middle=(9, 20), orientation=2)])
    farther = first._replace(distance=rule.VERY_NEAR + 1)
    assert not rule.best([farther, near(rule.BESIDE, 2, middle=(9, 20))])


def test_two_views_near_together_may_lie_within_each_other() -> None:
    """Half the side is 16: the middles two apart are enough, one apart is not."""
    half = rule.TOGETHER[0] // 2
    first, within = near(half, 1, middle=(9, 9)), near(half, 2, middle=(9, 11))
    assert rule.best([first, within]) == first
    assert not rule.best([first, within._replace(distance=half + 1)])
    assert not rule.best([first, within._replace(asked=1)])
    assert not rule.best([first, within._replace(orientation=2)])
    assert not rule.best([first, near(half, 2, middle=(9, 10))])


def test_three_views_near_together_may_lie_within_each_other() -> None:
    third, rest = divmod(rule.TOGETHER[1], 3)
    first, second = near(third, 1, middle=(9, 9)), near(third, 2, middle=(9, 11))
    last = near(third + rest, 3, middle=(11, 11))
    assert rule.best([first, second, last]) == first
    assert not rule.best([first, second])
    assert not rule.best([first, second, last._replace(distance=last.distance + 1)])
    assert not rule.best([first, second, last._replace(asked=2)])
    assert not rule.best([first, second, near(third + rest, 3, middle=(10, 11))])


def test_a_view_near_in_one_hash_only_is_nothing() -> None:
    distances = np.array([[0, 0, 17, 17], [0, 0, 18, 17], [0, 0, 21, 21], [36, 0, 36, 0]], np.uint8)
    assert rule.counted(distances).tolist() == [34, *[rule.FARTHEST[-1] + 1] * 3]


def test_two_views_speak_when_they_agree_and_hang_on_different_places() -> None:
    first = near(40, 1, middle=(9, 9))
    assert rule.best([first, near(rule.FARTHEST[1], 2, middle=(9, 20))]) == first
    assert not rule.best([first, near(rule.FARTHEST[1], 2, middle=(9, 11))])
    assert not rule.best([first, near(rule.FARTHEST[1], 1, middle=(9, 20))])
    assert not rule.best([first, near(rule.FARTHEST[1], 2, middle=(9, 20), orientation=2)])
    assert not rule.best([first, near(rule.FARTHEST[1], 2, middle=(9, 20), scale=5)])
    assert not rule.best([first, near(rule.FARTHEST[1] + 1, 2, middle=(9, 20))])


@pytest.mark.parametrize("scale", [0, rule.DEEP + 1])
@pytest.mark.parametrize("count", [3, 4])
def test_more_views_may_be_farther(count: int, scale: int) -> None:
    farthest = (rule.FARTHEST_DEEP if scale else rule.FARTHEST)[count - 1]
    middles = [(8, 8), (8, 20), (20, 8), (20, 20)][:count]
    found = [near(farthest, number, middle=middle, scale=scale) for number, middle in enumerate(middles)]
    assert rule.best(found)
    assert not rule.best([each._replace(distance=farthest + 1) for each in found])
    assert not rule.best([*found[:-1], near(farthest, 9, middle=(8, 9), scale=scale)])


def test_two_views_must_lie_farther_apart_than_three() -> None:
    """Half the side is 16: 4 apart is enough for a third, 6 for a second."""
    first, beside = near(40, 1, middle=(9, 9)), near(40, 2, middle=(9, 14))
    assert not rule.best([first, beside])
    assert rule.best([first, beside, near(rule.FARTHEST[2], 3, middle=(14, 9))])
    assert rule.best([first, near(40, 2, middle=(9, 15))])


def test_both_hashes_must_agree() -> None:
    close = np.array([[0, 0, 0, 0]], np.uint8)
    assert rule.near(close)
    assert not rule.near(np.array([[0, 0, 18, 18]], np.uint8))
    assert not rule.near(np.array([[16, 20, 0, 0]], np.uint8))
    assert not rule.near(np.array([[21, 0, 0, 0]], np.uint8))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (near(0, 0, middle=(16, 16)), "none"),
        (near(0, 0, middle=(16, 16), orientation=2), "mirrored"),
        (near(0, 0, middle=(16, 16), orientation=6, scale=8), "turned, cropped"),
        (near(0, 0, middle=(16, 16), scale=-8), "framed"),
    ],
)
def test_an_alteration_has_a_word(found: rule.Near, words: str) -> None:
    assert alteration(found) == words


def test_bands_are_twenty_bits_of_a_word_and_all_different() -> None:
    every = list(bands.bands())
    assert len(set(every)) == len(every) == bands.COUNT
    assert all((mask % 2**64).bit_count() == bands.BITS for _, mask in every)
    assert [sum(word == each for word, _ in every) for each in range(4)] == [18] * 4


def joined(asked: Words, held: Words, *, distance: int) -> set[tuple[int, int, int]]:
    duckdb = pytest.importorskip("duckdb", reason="the join needs an SQL engine, here DuckDB")
    connection = duckdb.connect()
    for name, words in (("asked", asked), ("held", held)):
        connection.execute(f"CREATE TABLE {name} (id BIGINT, w0 BIGINT, w1 BIGINT, w2 BIGINT, w3 BIGINT)")
        if len(words):
            rows = [[number, *row] for number, row in enumerate(bands.signed(words).tolist())]
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608 - our own names
    return set(connection.execute(bands.join_sql(distance=distance)).fetchall())


def brute(asked: Words, held: Words, *, distance: int) -> set[tuple[int, int, int]]:
    distances = np.bitwise_count(asked[:, None] ^ held[None]).sum(axis=2)
    return {(int(a), int(h), int(distances[a, h])) for a, h in np.argwhere(distances <= distance)}


def planted(count: int, *, at_most: int, seed: int) -> tuple[Words, Words]:
    dice = np.random.default_rng(seed)
    held = dice.integers(0, 2**64, (count, 4), dtype=np.uint64)
    flips = dice.random((count, 256)).argsort(axis=1) < dice.integers(0, at_most + 1, (count, 1))
    return held ^ np.packbits(flips, axis=1).view(np.uint64), held


def test_the_join_finds_what_brute_force_finds() -> None:
    asked, held = planted(600, at_most=31, seed=1)
    expected, got = brute(asked, held, distance=31), joined(asked, held, distance=31)
    assert got <= expected
    assert len(got) >= 0.99 * len(expected) >= 590


def test_the_join_loses_nothing_to_skew() -> None:
    """Many equal and nearly equal ones, as blank pages and studio walls give, and the sign bit set everywhere."""
    asked, held = planted(200, at_most=20, seed=2)
    asked[:150, 0], held[:150, 0] = 2**63, 2**63
    asked[:100], held[:100] = asked[0], held[0]
    assert joined(asked, held, distance=31) == brute(asked, held, distance=31)


@pytest.mark.parametrize(("asked", "held"), [(0, 0), (0, 3), (3, 0), (1, 1)])
def test_the_join_of_nearly_nothing(asked: int, held: int) -> None:
    words = np.zeros((3, 4), np.uint64)
    assert joined(words[:asked], words[:held], distance=31) == brute(words[:asked], words[:held], distance=31)
