"""The live page as eddy itself serves it: the demo's, with its broker and invented shoppers."""
import re

import pytest
from conftest import await_true
from demo import get, running_demo
from page_stub import policy


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Address of a demo whose pipeline has segments."""
    with running_demo(tmp_path_factory.mktemp("demo"), 30) as address:
        yield f"http://{address}"


def test_it_is_served_under_its_policy(demo):
    status, headers, text = get(demo.removeprefix("http://"), "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert headers["Content-Security-Policy"] == policy(text)


def test_the_demo_is_alive_on_the_page(page, demo):
    page.open(demo)
    page.await_text("ready", "#facts")
    await_true(lambda: page.count("#segments li") > 1 and page.count(".chart") == 3, explain=page.text)
    await_true(lambda: int(re.sub(r"\D", "", page.text("#rate .big")) or 0) > 0, explain=lambda: page.text("#rate"))
    await_true(lambda: re.match(r"\d", page.text("#latency .big")), explain=lambda: page.text("#latency"))
    users = lambda: int(re.search(r"users\s+([\d,]+)", page.text("#counters")).group(1).replace(",", ""))  # noqa: E731
    assert users() > 0
    await_true(lambda: page.count("#segments .traits b") > 0, explain=lambda: page.text("#segments"))
    await_true(lambda: page.count("#flow .ribbon") > 0, 60, lambda: page.text("#flow"))
    assert not page.shown("#banner") and not page.shown("#access")


def test_a_trigger_leads_to_its_user(page, demo):
    page.open(demo)
    await_true(lambda: page.count("#triggers li") > 0, 60, lambda: page.text("#triggers"))
    page.find("#pause").click()
    row = page.text("#triggers li")
    assert re.search(r"\$[\d,]+\.\d\d", row) and re.search(r"\d x \w", row) and "then no" in row, row
    user = page.find("#triggers [data-user]")
    user_id = user.text
    user.click()
    page.await_text(user_id, "#user .who")
    page.await_text("LAST CHANGES SEEN", "#user")
    assert "cart_abandonment fired" in page.text("#user") and page.count("#user .curve") > 0 and page.count("#user .bars tbody tr") > 1
    assert page.text("#user .verdict") and "partition" in page.text("#user .facts")


def test_a_user_nobody_knows(page, demo):
    page.open(demo, "#user=nobody%20at%20all")
    page.await_text("This process has partitions 0, 1, 2, 3", "#user")
    assert "no event with exactly this user id" in page.text("#user")
