"""What a hostile file may cost, and that its child's end is nobody else's."""

import base64
import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from consentkit.fingerprints import perception
from consentkit.formats import Rejection
from service.demo.portraits import draw
from service.quarantine import Crashed, Examined, Limits, Quarantine
from service.quarantine.findings import Malformed, format_line, parse_line
from tests import drawn


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hard") / "endless.jpg"
    path.write_bytes(drawn.endless_jpeg())
    return path


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.jpg"
    path.write_bytes(drawn.jpeg())
    return path


@pytest.fixture
def quarantine() -> Iterator[Quarantine]:
    with Quarantine() as quarantine:
        yield quarantine


def children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def first_child(server: int | None) -> int:
    assert server is not None
    for _ in range(500):
        if found := children(server):
            return found[0]
        time.sleep(0.01)
    raise AssertionError("no child appeared")


def after_the_child_starts(quarantine: Quarantine, act: str, file: Path) -> list[object]:
    """Examine in a thread; send the signal to the child or the server meanwhile; what came of it."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(quarantine.examine(file))
        except Crashed as crashed:
            came.append(crashed)

    thread = threading.Thread(target=run)
    thread.start()
    child = first_child(quarantine.server_id)
    time.sleep(0.2)
    if act == "segfault":
        os.kill(child, signal.SIGSEGV)
    else:
        assert quarantine.server_id is not None
        os.kill(quarantine.server_id, signal.SIGKILL)
    thread.join(10)
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists(), "the child outlived its server"
    return came


def test_too_much_processor_time(endless: Path, portrait: Path) -> None:
    with Quarantine(Limits(cpu=1)) as quarantine:
        assert quarantine.examine(endless) == Rejection("image-too-complex")
        assert isinstance(quarantine.examine(portrait), Examined)


def test_too_long(endless: Path, portrait: Path) -> None:
    with Quarantine(Limits(wall=0.5)) as quarantine:
        before = time.perf_counter()
        assert quarantine.examine(endless) == Rejection("image-too-complex")
        assert time.perf_counter() - before < 2
        assert isinstance(quarantine.examine(portrait), Examined)


def test_too_much_memory(tmp_path: Path, portrait: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(drawn.png(drawn.portrait().resize((6000, 5000)), compress_level=1))
    with Quarantine(Limits(memory=64 * 2**20)) as quarantine:
        assert quarantine.examine(large) == Rejection("image-too-complex")
        assert isinstance(quarantine.examine(portrait), Examined)


def test_the_largest_allowed_pictures_fit_the_limits(quarantine: Quarantine, tmp_path: Path) -> None:
    image = drawn.portrait()
    hundred, forty = tmp_path / "100.jpg", tmp_path / "40.png"
    hundred.write_bytes(drawn.file(image.resize((10_000, 10_000)), "JPEG", quality=50, progressive=True, subsampling=0))
    clear = image.resize((8000, 5000), Image.Resampling.NEAREST)
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    forty.write_bytes(drawn.png(clear, compress_level=1))
    for path in (hundred, forty):
        assert isinstance(quarantine.examine(path), Examined), path


def test_a_segfault_is_raised_and_the_next_file_is_examined(
    quarantine: Quarantine, endless: Path, portrait: Path
) -> None:
    server = quarantine.server_id
    (came,) = after_the_child_starts(quarantine, "segfault", endless)
    assert isinstance(came, Crashed)
    assert "-11" in str(came)
    assert isinstance(quarantine.examine(portrait), Examined)
    assert quarantine.server_id == server


def test_a_server_killed_at_work_is_replaced(quarantine: Quarantine, endless: Path, portrait: Path) -> None:
    server = quarantine.server_id
    (came,) = after_the_child_starts(quarantine, "kill the server", endless)
    assert isinstance(came, Crashed)
    assert isinstance(quarantine.examine(portrait), Examined)
    assert quarantine.server_id != server


def test_a_server_killed_at_rest_is_replaced_without_a_word(quarantine: Quarantine, portrait: Path) -> None:
    server = quarantine.server_id
    assert server is not None
    os.kill(server, signal.SIGKILL)
    os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)  # dead, and not yet noticed
    assert isinstance(quarantine.examine(portrait), Examined)
    assert quarantine.server_id != server


def test_a_forked_process_does_not_share_the_server(quarantine: Quarantine, portrait: Path) -> None:
    if (child := os.fork()) == 0:
        ours = quarantine.server_id
        sound = isinstance(quarantine.examine(portrait), Examined) and quarantine.server_id != ours
        quarantine.__exit__(None, None, None)
        os._exit(0 if sound else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert isinstance(quarantine.examine(portrait), Examined)


def test_threads_take_turns(quarantine: Quarantine, tmp_path: Path) -> None:
    paths = []
    for seed in range(4):
        paths.append(tmp_path / f"{seed}.jpg")
        paths[-1].write_bytes(drawn.jpeg(seed))
    alone = [quarantine.examine(path) for path in paths]
    together: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda n=n: together.__setitem__(n, quarantine.examine(paths[n % 4])))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[n] for n in range(12)] == alone * 3


def test_a_child_has_no_rights(quarantine: Quarantine, endless: Path) -> None:
    """Seen from outside, while one is at work."""

    def run() -> None:
        with pytest.raises(Crashed):
            quarantine.examine(endless)

    thread = threading.Thread(target=run)
    thread.start()
    child = first_child(quarantine.server_id)
    time.sleep(0.3)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
    limits = Path(f"/proc/{child}/limits").read_text()
    descriptors = sorted(int(each.name) for each in Path(f"/proc/{child}/fd").iterdir())
    network = Path(f"/proc/{child}/net/dev").read_text()
    os.kill(child, signal.SIGKILL)
    thread.join()
    assert descriptors == [0, 1, 2]
    assert status["NoNewPrivs"].strip() == "1"
    if os.geteuid() == 0:
        assert status["Uid"].split() == ["65534"] * 4
        assert status["CapEff"].strip() == "0" * 16
        assert "eth" not in network
    for name in ("core file size", "file size", "processes"):
        (line,) = [each for each in limits.splitlines() if each.lower().startswith(f"max {name} ")]
        assert line.lower().removeprefix(f"max {name}").split()[:2] == ["0", "0"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_mutated_files_are_answered_and_never_stop_the_server(
    quarantine: Quarantine, tmp_path: Path, form: str
) -> None:
    sound = drawn.file(drawn.portrait(size=(96, 120)), form)
    server = quarantine.server_id
    path = tmp_path / "mutated"
    for file in drawn.mutated(sound, 200):
        path.write_bytes(file)
        assert isinstance(quarantine.examine(path), Examined | Rejection)
    assert quarantine.server_id == server


def test_an_answer_goes_over_the_wire_and_back(quarantine: Quarantine, portrait: Path) -> None:
    found = quarantine.examine(portrait)
    assert parse_line(format_line(found)) == found


def test_what_is_found_is_what_the_picture_itself_says(quarantine: Quarantine, portrait: Path) -> None:
    found = quarantine.examine(portrait)
    assert isinstance(found, Examined)
    seen = perception.perceive(Image.open(portrait))
    assert found.fingerprints == seen.fingerprints
    assert {each.algorithm: each.version for each in found.fingerprints} == perception.CURRENT
    assert found.small == seen.small.tobytes()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"7",
        b"null",
        b"[" * 100_000,
        b'{"rejected": "allowed"}',
        b'{"rejected": ["image-corrupt"]}',
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(line: bytes) -> None:
    with pytest.raises(Malformed):
        parse_line(line)


HEX = {"phash64": 16, "phash256": 64, "pdq256r": 64, "views256": 66}
PRINTS = [[algorithm, version, "0" * HEX[algorithm]] for algorithm, version in perception.CURRENT.items()]
SOUND = {
    "width": 1,
    "height": 1,
    "media_type": "image/png",
    "fingerprints": PRINTS,
    "preview": "/9j//9k=",
    "small": base64.b64encode(bytes(128 * 128)).decode(),
    "stated": [["plus:DataMining", "DMI-PROHIBITED"], ["c2pa.ai_training", "notAllowed"], ["xmp", "unreadable"]],
}


def with_print(number: int, said: object) -> list[object]:
    return [*PRINTS[:number], said, *PRINTS[number + 1 :]]


def test_a_sound_line_is_believed() -> None:
    most = with_print(3, ["views256", 1, "0" * 198 * 2])
    for prints in (PRINTS, most):
        assert isinstance(parse_line(json.dumps(SOUND | {"fingerprints": prints}).encode()), Examined)


@pytest.mark.parametrize(
    "lie",
    [
        {"width": True},
        {"height": 1.5},
        {"media_type": "text/html"},
        {"preview": "PGh0bWw+"},
        {"preview": 3},
        {"small": base64.b64encode(bytes(128 * 128 - 1)).decode()},
        {"small": base64.b64encode(bytes(128 * 128 + 1)).decode()},
        {"small": [0] * 128 * 128},
        {"stated": 3},
        {"stated": [["plus:DataMining"]]},
        {"stated": [["plus:DataMining", 3]]},
        {"stated": [["plus:DataMining", "<script>"]]},
        {"stated": [["../x", "DMI-PROHIBITED"]]},
        {"stated": [["xmp", "unreadable"]] * 33},
        {"fingerprints": 3},
        {"fingerprints": []},
        {"fingerprints": PRINTS[:3]},
        {"fingerprints": [*PRINTS, PRINTS[0]]},
        {"fingerprints": PRINTS[::-1]},
        {"fingerprints": with_print(0, ["phash64", 1, "0" * 14])},
        {"fingerprints": with_print(0, ["phash64", 2, "0" * 16])},
        {"fingerprints": with_print(0, ["phash63", 1, "0" * 16])},
        {"fingerprints": with_print(1, ["phash256", 1, "00"])},
        {"fingerprints": with_print(2, ["pdq256r", 1, 3])},
        {"fingerprints": with_print(3, ["views256", 1, ""])},
        {"fingerprints": with_print(3, ["views256", 1, "0" * 64])},
        {"fingerprints": with_print(3, ["views256", 1, "0" * 33 * 7 * 2])},
    ],
    ids=str,
)
def test_a_line_that_is_wrong_in_one_thing_is_not_believed(lie: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        parse_line(json.dumps(SOUND | lie).encode())


def test_the_drawn_portraits_are_all_different_and_all_accepted(quarantine: Quarantine, tmp_path: Path) -> None:
    bits = []
    for seed in range(16):
        path = tmp_path / f"{seed}.jpg"
        path.write_bytes(draw(seed, (256, 320)))
        found = quarantine.examine(path)
        assert isinstance(found, Examined)
        bits.append(int.from_bytes(next(f.bits for f in found.fingerprints if f.algorithm == "phash256")))
    assert min((a ^ b).bit_count() for i, a in enumerate(bits) for b in bits[:i]) > 60
    assert draw(3, (128, 160)) == draw(3, (128, 160))
    assert Image.open(io.BytesIO(draw(3))).size == (640, 800)
