"""Waiting for a condition instead of for a time."""
import time


def await_true(check, seconds=60, explain=lambda: ""):
    """Polls until check() is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {explain()}"
        time.sleep(0.1)
    return result
