"""eddy replay: real events against an independent oracle, byte-equal output, bad input, exit codes."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import taobao  # noqa: E402

EDDY = os.environ["EDDY_BIN"]
START = 1511582430000


def replay(*arguments, input=None, check=True):
    result = subprocess.run([EDDY, "replay", *map(str, arguments)], input=input, capture_output=True, timeout=600)
    if check:
        assert result.returncode == 0, result.stderr.decode()
    return result


def effects(result, type=None):
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return [effect for effect in found if type in (None, effect["type"])]


def write(path, events):
    path.write_text("".join((event if isinstance(event, str) else json.dumps(event)) + "\n" for event in events))
    return path


def config(tmp_path, text):
    path = tmp_path / "eddy.yaml"
    path.write_text(text)
    return path


# The oracle ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sorted_input(tmp_path_factory):
    taobao.require()
    return taobao.write_jsonl(tmp_path_factory.mktemp("taobao") / "sorted.jsonl", taobao.sorted_events())


@pytest.mark.parametrize("batch", [1, 37, 256])
def test_sorted_events_give_exactly_the_oracles_triggers(tmp_path, sorted_input, batch):
    settings = config(tmp_path, taobao.TRIGGER)
    result = replay("-c", settings, "--batch", batch, sorted_input)
    assert taobao.fired(effects(result, "trigger")) == taobao.expected()
    assert effects(result, "suppressed") == []
    assert b"cart_quiet: 2487 fired\n" in result.stderr


@pytest.mark.parametrize("seed, batch", [(1, 256), (2, 19), (3, 1)])
def test_events_in_disorder_give_the_same_triggers(tmp_path, seed, batch):
    taobao.require()
    settings = config(tmp_path, "time: {allowed_lateness: 15m}\n" + taobao.TRIGGER)
    shuffled = taobao.write_jsonl(tmp_path / "shuffled.jsonl", taobao.shuffled_events(seed))
    result = replay("-c", settings, "--batch", batch, shuffled)
    assert taobao.fired(effects(result, "trigger")) == taobao.expected()


def test_a_trigger_fires_when_its_time_has_come_and_says_why(tmp_path, sorted_input):
    result = replay("-c", config(tmp_path, taobao.TRIGGER), sorted_input)
    for trigger in effects(result, "trigger"):
        assert trigger["fired_at"] >= trigger["due_at"] == trigger["reasons"][0]["at"] + 3600000
        assert trigger["trigger"] == "cart_quiet" and trigger["payload"]["items"] == []
        assert trigger["reasons"][0]["text"].endswith("Z, then no order_completed for 1h")
    assert len({trigger["trigger_id"] for trigger in effects(result, "trigger")}) == 2487


def test_equal_input_gives_equal_output(tmp_path, sorted_input):
    small = "model: {segments: 4, epoch: 500, buffer_min: 200}\n" + taobao.TRIGGER
    first = replay("-c", config(tmp_path, small), sorted_input)
    second = replay("-c", config(tmp_path, small), sorted_input)
    assert first.stdout == second.stdout
    changes = effects(first, "segment_change")
    assert len(changes) > 100
    assert {change["kind"] for change in changes} == {"cluster"}
    numbers = [effect["effect"] for effect in effects(first)]
    assert numbers == sorted(numbers)


# Avro and JSON ---------------------------------------------------------------------------------------------------------------


def test_avro_and_json_of_the_same_events_give_the_same_effects(tmp_path):
    settings = config(tmp_path, "model: {segments: 4, epoch: 500, buffer_min: 100}\n")
    outputs = []
    for format in ("jsonl", "avro"):
        path = tmp_path / f"events.{format}"
        subprocess.run([EDDY, "generate", "-u", "300", "-n", "30000", "-f", format, "-o", path], check=True, timeout=60)
        outputs.append(replay("-c", settings, path).stdout)
    assert outputs[0] == outputs[1]
    types = [json.loads(line)["type"] for line in outputs[0].splitlines()]
    assert "trigger" in types and "segment_change" in types


def test_a_trigger_carries_the_exact_cart(tmp_path):
    def add(minute, product, price, quantity=1):
        return {"type": "product_added", "user_id": "u1", "event_time": START + minute * 60000, "event_id": f"e{minute}", "cart_id": "c1",
                "currency": "USD", "items": [{"product_id": product, "name": product.upper(), "price": price, "quantity": quantity}]}

    events = [add(0, "hat", 1999), add(1, "mug", 500, 2), add(2, "pen", 100),
              {"type": "product_removed", "user_id": "u1", "event_time": START + 180000, "cart_id": "c1", "items": [{"product_id": "pen"}]},
              {"type": "page_viewed", "user_id": "u2", "event_time": START + 2 * 3600000}]
    (trigger,) = effects(replay(write(tmp_path / "events.jsonl", events)), "trigger")
    items = {item["product_id"]: (item["name"], item["price"], item["quantity"]) for item in trigger["payload"]["items"]}
    assert items == {"hat": ("HAT", 1999, 1), "mug": ("MUG", 500, 2)}
    assert trigger["payload"]["value"] == 2999 and trigger["payload"]["currency"] == "USD"
    assert trigger["subject"] == "c1" and trigger["trigger"] == "cart_abandonment"
    assert list(trigger)[:4] == ["type", "trigger", "trigger_id", "user_id"]


# Time ------------------------------------------------------------------------------------------------------------------------

CART = {"type": "product_added", "user_id": "u1", "event_time": START, "items": [{"product_id": "hat"}]}


def test_time_ends_with_the_newest_event(tmp_path):
    path = write(tmp_path / "events.jsonl", [CART])
    assert effects(replay(path)) == []


@pytest.mark.parametrize("until, fires", [("2017-11-25T05:00:29.999Z", 0), ("2017-11-25T05:00:30Z", 1), ("2017-11-26T00:00:00Z", 1)])
def test_until_lets_time_go_on(tmp_path, until, fires):
    path = write(tmp_path / "events.jsonl", [CART])
    assert len(effects(replay("--until", until, path), "trigger")) == fires


def test_hold_keeps_time_behind_the_newest_event(tmp_path):
    path = write(tmp_path / "events.jsonl", [CART, dict(CART, type="page_viewed", user_id="u2", event_time=START + 3600000)])
    assert len(effects(replay(path), "trigger")) == 1
    held = config(tmp_path, "time: {at_end: hold}\n")
    assert len(effects(replay("-c", held, path), "trigger")) == 0


def test_publish_after_is_ignored(tmp_path):
    path = write(tmp_path / "events.jsonl", [CART])
    settings = config(tmp_path, "time: {publish_after: 2020-01-01T00:00:00Z}\n")
    assert len(effects(replay("-c", settings, "--until", "2017-11-26T00:00:00Z", path), "trigger")) == 1


# Bad input -------------------------------------------------------------------------------------------------------------------


def test_bad_lines_are_counted_and_the_first_ten_named(tmp_path):
    lines = [CART] + ["garbage"] * 12 + [dict(CART, event_time="yesterday"), dict(CART, event_time="2017-11-25T04:00:30Z")]
    result = replay("--until", "2017-11-26T00:00:00Z", write(tmp_path / "events.jsonl", lines))
    messages = result.stderr.decode().splitlines()
    assert sum(message.startswith("line ") for message in messages) == 10
    assert messages[0].startswith("line 2: bad_json: ")
    assert "refused     13 lines" in messages
    assert len(effects(result, "trigger")) == 1


def test_a_wrong_clock_moves_time_for_nobody(tmp_path):
    wrong = dict(CART, user_id="u2", event_time="2090-01-01T00:00:00Z", received_at=START)
    result = replay(write(tmp_path / "events.jsonl", [CART, wrong]))
    assert effects(result) == []
    assert "clamped     1 stamps from the future" in result.stderr.decode().splitlines()


def test_only_bad_lines_is_65(tmp_path):
    result = replay(write(tmp_path / "events.jsonl", ["garbage", "{}"]), check=False)
    assert result.returncode == 65 and result.stdout == b""


def test_an_empty_file_is_no_error(tmp_path):
    assert replay(write(tmp_path / "events.jsonl", [])).stdout == b""


def test_a_cut_avro_file_gives_what_it_has_and_65(tmp_path):
    path = tmp_path / "events.avro"
    subprocess.run([EDDY, "generate", "-u", "100", "-n", "20000", "-f", "avro", "-o", path], check=True, timeout=60)
    path.write_bytes(path.read_bytes()[:-1000])
    result = replay(path, check=False)
    assert result.returncode == 65
    assert b"events.avro: " in result.stderr and len(effects(result)) > 0


def test_what_happened_before_memory_ran_out_is_printed(tmp_path):
    settings = config(tmp_path, "profile: {memory_max: 16MiB}\n")
    events = [CART, *(f'{{"type":"page_viewed","user_id":"u{i}","event_time":{START + 7200000}}}' for i in range(2, 80000))]
    result = replay("-c", settings, write(tmp_path / "events.jsonl", events), check=False)
    assert result.returncode == 70 and b"profile.memory_max" in result.stderr
    assert len(effects(result, "trigger")) == 1


def test_standard_input(tmp_path):
    line = (json.dumps(CART) + "\n").encode()
    assert len(effects(replay("--until", "2017-11-26T00:00:00Z", "-", input=line), "trigger")) == 1


# Exit codes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--batch", "0", "a"], ["--batch", "257", "a"], ["--batch", "x", "a"],
                                       ["--until", "soon", "a"], ["--nonsense", "a"], ["-c"]])
def test_misuse_is_64(arguments):
    result = replay(*arguments, check=False)
    assert result.returncode == 64 and b"eddy replay --help" in result.stderr and result.stdout == b""


def test_no_such_input_is_66(tmp_path):
    result = replay(tmp_path / "none", check=False)
    assert result.returncode == 66 and b"No such file" in result.stderr


def test_a_wrong_configuration_is_78(tmp_path):
    result = replay("-c", config(tmp_path, "tigers: []\n"), write(tmp_path / "events.jsonl", [CART]), check=False)
    assert result.returncode == 78 and b"eddy.yaml:1:1: error" in result.stderr


def test_a_reader_that_had_enough_is_no_reason_to_complain(tmp_path):
    path = tmp_path / "events.jsonl"
    subprocess.run([EDDY, "generate", "-u", "2000", "-n", "60000", "-o", path], check=True, timeout=60)
    process = subprocess.Popen([EDDY, "replay", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait(timeout=60)


def test_a_full_disk_is_reported(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    path = write(tmp_path / "events.jsonl", [CART])
    with open("/dev/full", "wb") as full:
        result = subprocess.run([EDDY, "replay", "--until", "2017-11-26T00:00:00Z", path], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 74


def test_an_erasure_has_a_receipt(tmp_path):
    events = [{"type": "page_viewed", "user_id": "ann", "event_time": START, "event_id": "a"},
              {"type": "user_erased", "user_id": "ann", "event_time": START + 1000, "event_id": "b"},
              {"type": "user_erased", "user_id": "bob", "event_time": START + 2000}]
    receipts = effects(replay(write(tmp_path / "events.jsonl", events)), "receipt")
    assert [list(receipt) for receipt in receipts] == [
        ["type", "user_id", "event_id", "erased_at", "published_at", "had_profile", "partition", "effect"]] * 2
    assert [(receipt["user_id"], receipt["event_id"], receipt["erased_at"], receipt["had_profile"]) for receipt in receipts] == [
        ("ann", "b", START + 1000, True), ("bob", None, START + 2000, False)]
