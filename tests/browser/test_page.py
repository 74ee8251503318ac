"""The live page in a real Chromium, against a stand-in server whose data the tests set."""
import json
import time

import pytest
from conftest import await_true
from page_stub import Server, Shop, frame, invent_segments, invent_status, invent_trigger, invent_user, invented_shop

HOSTILE = "<img src=x onerror=\"document.title='owned'\">&amp;<script>document.title='owned'</script>"
NEW = "#triggers li"


def ready(page):
    """The page shows what the stand-in has."""
    page.await_text("ready", "#facts")
    await_true(lambda: page.count("#segments li") > 0 and page.count("#flow .ribbon") > 0 and page.count(NEW) > 0, explain=page.text)


def users_shown(page):
    return page.run("return [...document.querySelectorAll('#triggers [data-user]')].map(button => button.dataset.user)")


def test_everything_renders(page, server):
    page.open(server.address)
    ready(page)
    assert page.driver.title == "shop · eddy"
    for words in ("version 23", "0.1.0 on till-1", "4, 4 at the end"):
        assert words in page.text("#facts")
    assert page.text("#rate .big").split("\n")[0].startswith(f"{server.shop.status['history']['events_per_s'][-1]:,.0f}")
    assert "71 ms" in page.text("#latency").replace("\n", " ").replace("71ms", "71 ms") and "129 ms" in page.text("#latency")
    assert "312" in page.text("#lag") and page.count(".chart") == 3
    counters = page.text("#counters")
    for words in ("571,204", "20,000", "8.3 MB", "51 in cooldown, 14 unsubscribed", "connected", "8.2 ms"):
        assert words in counters
    assert page.count("#segments li") == 6 and page.count("#segments .spark") == 6
    assert "6,923 users · 31%" in page.text("#segments li") and "▲ high visits" in page.text("#segments li .traits")
    assert page.run("return document.querySelector('#segments .name').title") == "average"
    assert page.count(NEW) == 12 and page.text(f"{NEW} .value") == "$63.00"
    assert page.run("return [...document.querySelectorAll('#counters > div, #facts > div, .big, .trend')].every(node => node.title)")


def test_requests_go_to_its_own_origin_only(page, server):
    page.open(server.address, "#user=ann")
    ready(page)
    page.await_text("Distance to each segment".upper(), "#user")
    urls = []
    for entry in page.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    outside = [url for url in urls if not url.startswith((server.address + "/", "data:", "about:", "chrome"))]
    assert len(urls) > 4 and not outside, outside
    assert not [path for path, _ in server.shop.asked if "?" in path or path == "/favicon.ico"]


def test_the_policy_stops_foreign_scripts_and_frames(page, server):
    """The page's own code runs under the header, and nothing that is put into the document would."""
    page.open(server.address)
    ready(page)
    page.run("const s = document.createElement('script'); s.textContent = 'document.title = \"owned\"'; document.head.append(s);"
             "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">');")
    refusals = await_true(page.complaints)
    assert all("Content Security Policy" in text for text in refusals)
    assert page.driver.title == "shop · eddy"


def test_hostile_names_are_text(page, server):
    shop = server.shop
    shop.status["app"] = HOSTILE
    shop.status["instance"] = HOSTILE
    shop.segments["segments"][0]["name"] = HOSTILE
    shop.segments["segments"][0]["strongest"][0]["feature"] = HOSTILE
    trigger = {**invent_trigger(99, HOSTILE), "cart": HOSTILE, "reason": HOSTILE, "subject": HOSTILE, "trigger": HOSTILE, "currency": "<b>"}
    shop.past = [frame(trigger)]
    user = invent_user(HOSTILE, shop.segments["segments"])
    user["verdict"] = user["carts"][0]["items"][0]["name"] = user["features"][0]["name"] = user["triggers"][0]["text"] = user["recent"][0]["text"] = HOSTILE
    user["pending"][0].update(trigger=HOSTILE, subject=HOSTILE, because=HOSTILE, unless=[HOSTILE])
    user["consent"] = {HOSTILE: HOSTILE}
    user["carts"][0]["currency"] = "<b>"
    shop.users[HOSTILE] = user
    page.open(server.address)
    ready(page)
    page.find(f"{NEW} [data-user]").click()
    page.await_text(HOSTILE, "#user .who")
    assert page.text("#user .verdict") == HOSTILE and page.text("#app") == HOSTILE
    assert page.count("img") == 0 and page.count("script") == 1 and page.count("b > b") == 0
    assert page.driver.title == f"{HOSTILE} · eddy"
    assert [path for path, _ in shop.asked if path.startswith("/api/users/%3Cimg%20src%3Dx")]


LUMINANCE = """
const lum = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
const behind = (node) => { for (; node; node = node.parentElement) { const c = getComputedStyle(node).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255,255,255)'; };
return [...document.querySelectorAll('p, dt, dd, span, b, button, h2, h3, h4, td, th, li, time, summary')].filter(n => n.getClientRects().length && n.textContent.trim() && !n.closest('.sr'))
  .map(n => { const [a, b] = [lum(getComputedStyle(n).color), lum(behind(n))].sort((x, y) => y - x); return [(a + .05) / (b + .05), n.className + ' ' + n.textContent.slice(0, 40)]; })
  .sort((a, b) => a[0] - b[0])[0];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(page, server, scheme):
    """WCAG AA: a contrast of 4.5 for text."""
    page.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce").open(server.address, "#user=ann")
    ready(page)
    page.await_text("DECIDED", "#user")
    dark = page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    assert dark == (scheme == "dark")
    contrast, where = page.run(LUMINANCE)
    assert contrast >= 4.5, (contrast, where)


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_nothing_sticks_out_sideways(page, server, width):
    server.shop.segments = invent_segments(16)
    long = "u" * 300
    server.shop.segments["segments"][2]["name"] = "n" * 120
    server.shop.past.append(frame({**invent_trigger(50, long), "cart": "c" * 300, "reason": "r" * 300}))
    server.shop.users[long] = {**invent_user(long, server.shop.segments["segments"]), "verdict": "v" * 300}
    page.size(width, 740).open(server.address, f"#user={long}")
    ready(page)
    page.await_text("DECIDED", "#user")
    outside = page.run("return [...document.querySelectorAll('section *')].filter(n => !n.closest('.sr') && n.getBoundingClientRect().right > innerWidth + 1).map(n => n.outerHTML.slice(0, 80))")
    assert not outside, outside
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.run("window.scrollTo(0, document.body.scrollHeight)")
    over = page.run("const all = [...document.querySelectorAll('section')].filter(n => n.getClientRects().length).map(n => n.getBoundingClientRect());"
                    "return all.some((a, i) => all.slice(i + 1).some(b => a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1))")
    assert not over # what stays in view while its neighbour scrolls covers nothing


def test_empty_states_say_what_to_do(page):
    server = Server(Shop()).start()
    server.shop.status.update(ready=False, missing=["a broker that can be reached"], partitions=0, at_end=0)
    page.open(server.address)
    page.await_text("waiting for a broker that can be reached", "#facts")
    page.await_text("waiting for Kafka", "#lag")
    page.await_text("No model yet: the first one is made after", "#segments")
    page.await_text("No trigger so far.", "#stream-empty")
    assert "none yet" in page.text("#facts") and "no event yet" in page.text("#facts")
    assert "pick one from the triggers" in page.text("#user")
    server.shop.status.update(ready=True, missing=[], users=40)
    page.await_text("waiting for events in Kafka", "#lag")
    page.await_text("so far there are 40 users", "#segments")
    server.shop.segments = {**invent_segments(3), "flows": {"window_ms": 600000, "counts": []}}
    page.await_text("Nobody has moved to another segment in the last 10 minutes.", "#flow")
    invent_status(server.shop.status)
    server.shop.push(frame(invent_trigger(1)))
    await_true(lambda: page.count(NEW) == 1 and page.count(".chart") == 3)
    assert not page.shown("#stream-empty")
    server.stop()


# --- Access -----------------------------------------------------------------------------------------------------------------


def test_a_token_opens_what_is_personal(page, server):
    server.shop.token = "s3cret"
    page.open(server.address, "#user=ann")
    page.await_text("they need the access token", "#access")
    assert page.count("#segments li") or await_true(lambda: page.count("#segments li")) # not personal
    assert page.count(NEW) == 0 and "Needs the access token" in page.text("#stream-state")
    page.type("#token", "wrong").submit()
    page.await_text("This token was not accepted", "#access")
    page.type("#token", "naïve token").submit()
    page.await_text("This token was not accepted", "#access")
    page.type("#token", "s3cret").submit()
    await_true(lambda: page.count(NEW) == 12)
    page.await_text("ann", "#user .who")
    assert not page.shown("#access")
    sent = [(path, token) for path, token in server.shop.asked if path.startswith(("/api/users", "/api/triggers"))]
    assert sent[-1][1] == "Bearer s3cret" and not [path for path, _ in server.shop.asked if "s3cret" in path]
    assert not [path for path, token in server.shop.asked if token and not path.startswith(("/api/users", "/api/triggers"))]
    page.driver.refresh()
    await_true(lambda: page.count(NEW) == 12) # the tab remembers it
    server.shop.token = "another"
    server.shop.end_streams()
    page.await_text("This token was not accepted", "#access")
    page.run("sessionStorage.clear()")


def test_closed_to_other_machines(page, server):
    server.shop.closed = True
    page.open(server.address, "#user=ann")
    page.await_text("http.token", "#access")
    assert not page.shown("#token-form") and page.count(NEW) == 0
    assert not [path for path, _ in server.shop.asked if path.startswith("/api/users")]
    server.shop.closed = False
    ready(page)
    page.await_text("ann", "#user .who")


# --- Connection -------------------------------------------------------------------------------------------------------------


def test_it_says_that_it_is_disconnected_and_recovers(page, server):
    page.open(server.address)
    ready(page)
    assert not page.shown("#banner")
    server.stop()
    page.await_text("No answer from eddy since", "#banner")
    assert page.shown("#banner") and page.count("#segments li") == 6 # what was seen stays
    shop = invented_shop()
    shop.status["events"] = 777000
    shop.past = server.shop.past + [frame(invent_trigger(500, "after"))]
    again = Server(shop, server.server_port).start()
    await_true(lambda: not page.shown("#banner"))
    page.await_text("777,000", "#counters")
    await_true(lambda: users_shown(page)[0] == "after", explain=lambda: page.text("#triggers"))
    assert page.count(NEW) == 13 # those that came again are not shown twice
    again.stop()
    await_true(lambda: page.shown("#banner"))
    server.__init__(shop, server.server_port)  # for the fixture's stop()
    server.start()


def test_answers_that_are_no_answers(page, server):
    page.open(server.address)
    ready(page)
    server.shop.refuse = (503, {"error": "busy", "message": "too many connections"})
    page.await_text("it says 503: too many connections", "#banner")
    server.shop.refuse = None
    await_true(lambda: not page.shown("#banner"))


# --- Triggers ---------------------------------------------------------------------------------------------------------------


def test_the_stream_survives_any_chunking(page, server):
    page.open(server.address)
    ready(page)
    await_true(lambda: server.shop.streams)
    first, second = invent_trigger(201, "zoë-😀"), invent_trigger(202, "second")
    data = json.dumps(first, ensure_ascii=False).encode()
    text = b": still here\n\nid: 201\r\nevent: trigger\r\ndata: " + data + b"\r\n\r\n" + frame(second) + b"event: other\ndata: {}\n\nevent: trigger\ndata: {broken\n\n"
    server.shop.push(*[text[i:i + 1] for i in range(len(text))]) # byte by byte: within characters, too
    await_true(lambda: users_shown(page)[:2] == ["second", "zoë-😀"], explain=lambda: page.text("#triggers"))
    server.shop.push(b"event: skipped\nda", b"ta: {\"count\":12}\n", b"\n")
    page.await_text("12 triggers not shown here", NEW)
    third = frame(invent_trigger(203, "third"))
    server.shop.push(third[:40] + b"", third[40:] + frame(invent_trigger(204, "fourth")))
    await_true(lambda: users_shown(page)[:2] == ["fourth", "third"])


def test_at_most_a_hundred_rows(page, server):
    page.open(server.address)
    ready(page)
    await_true(lambda: server.shop.streams)
    server.shop.push(*[frame(invent_trigger(1000 + n, f"user-{n}")) for n in range(130)])
    await_true(lambda: users_shown(page)[0] == "user-129")
    assert page.count(NEW) == 100 and users_shown(page)[99] == "user-30"


def test_pause_by_pointing_by_focus_and_by_button(page, server):
    from selenium.webdriver import ActionChains
    page.open(server.address)
    ready(page)
    await_true(lambda: server.shop.streams)
    mouse = ActionChains(page.driver, duration=0)
    mouse.move_to_element(page.find(f"{NEW} .line")).perform()
    page.await_text("Paused while you point at it", "#stream-state")
    server.shop.push(frame(invent_trigger(301, "held")))
    page.await_text("1 new trigger waiting", "#stream-state")
    assert page.count(NEW) == 12
    mouse.move_to_element(page.find("h1")).perform()
    await_true(lambda: users_shown(page)[0] == "held")
    page.run("document.querySelector('#triggers [data-user]').focus()")
    server.shop.push(frame(invent_trigger(302, "focus")))
    page.await_text("1 new trigger waiting", "#stream-state")
    page.run("document.activeElement.blur()")
    await_true(lambda: users_shown(page)[0] == "focus")
    page.find("#pause").click()
    assert page.find("#pause").get_attribute("aria-pressed") == "true"
    server.shop.push(frame(invent_trigger(303, "button")))
    page.await_text("Paused: 1 new trigger waiting", "#stream-state")
    page.find("#pause").click()
    await_true(lambda: users_shown(page)[0] == "button")


def test_money_and_times(page, server):
    now = int(time.time() * 1000)
    made = [("EUR", 4900, "€49.00"), ("JPY", 4900, "¥4,900"), ("KWD", 4900, "KWD 4.900"), ("", 4900, "4,900 minor units"), ("no", 4900, "4,900 no")]
    server.shop.past = [frame({**invent_trigger(n), "value": value, "currency": currency, "published_at": now - 3720000}) for n, (currency, value, _) in enumerate(made)]
    page.open(server.address)
    ready(page)
    shown = page.run("return [...document.querySelectorAll('#triggers .value')].map(node => node.textContent.replace(/\\u00a0/g, ' '))")
    assert shown[::-1] == [text for _, _, text in made]
    page.await_text("1 h 2 min ago", f"{NEW} time")
    assert "event time" in page.find(f"{NEW} time").get_attribute("title")


# --- Look-up ----------------------------------------------------------------------------------------------------------------


def test_a_look_up_shows_everything(page, server):
    page.open(server.address)
    ready(page)
    page.type("#lookup-id", "ann").submit()
    page.await_text("DECIDED", "#user")
    assert page.run("return location.hash") == "#user=ann" and page.run("return location.search") == ""
    assert page.run("return document.activeElement.className") == "who"
    user = page.text("#user").replace("\u00a0", " ")
    for words in ("nearest by 34 %", "$153.00", "1 × Trail shoes at $119.00", "cart abandonment in 42 min", "unless order completed or checkout started",
                  "12.3 (a first segment needs 3)", "10% nearer", "views, 7 d", "days since visit", "4 features at zero", "fires in 42 min", "1 x Merino jumper"):
        assert words in user, words
    assert page.count("#user .bars tbody tr") == 6
    widths = page.run("return [...document.querySelectorAll('#user .bars i')].map(bar => bar.getBoundingClientRect().width)")
    distances = [row["distance"] for row in invent_user("ann", server.shop.segments["segments"])["distances"]]
    assert all(abs(width / widths[-1] - distance / distances[-1]) < 0.02 for width, distance in zip(widths, distances))
    assert page.run("return [...document.querySelectorAll('#user td:first-child')].some(cell => cell.title.startsWith('views_7d: decayed number of events; an event counts half after 7 d'))")
    assert "after 30 d" in page.run("return document.querySelector('#user .curve title').textContent")


def test_a_look_up_refreshes_and_keeps_what_the_reader_does(page, server):
    page.open(server.address, "#user=ann")
    page.await_text("DECIDED", "#user")
    page.find("#user summary").click()
    page.run("document.querySelector('#user summary').focus(); window.kept = document.querySelector('#user .verdict')")
    server.shop.users["ann"] = {**invent_user("ann", server.shop.segments["segments"]), "verdict": "something else now"}
    page.await_text("something else now", "#user .verdict")
    assert page.run("return document.activeElement.tagName === 'SUMMARY' && document.querySelector('#user details').open && window.kept.isConnected")
    page.run("location.hash = '#user=' + encodeURIComponent('bob/ä?#%')")
    page.await_text("bob/ä?#%", "#user .who")
    page.driver.back()
    page.await_text("ann", "#user .who")


def test_an_unknown_user_is_explained(page, server):
    page.open(server.address, "#user=nobody")
    page.await_text("his process knows no such user", "#user")
    text = page.text("#user")
    assert "partitions 0, 1" in text and "partition 3 if they come from a Java client (murmur2), in 2 if" in text and "Another eddy process works on those" in text
    server.shop.users["nobody"] = lambda: invent_user("nobody", [])
    page.await_text("no model yet", "#user")
    assert "in no segment" in page.text("#user")


def test_a_busy_worker_is_asked_again(page, server):
    server.shop.users["ann"] = {"status": 504, "error": "busy", "message": "the worker did not answer in time"}
    page.open(server.address, "#user=ann")
    page.await_text("is busy; asking again", "#user")
    server.shop.users["ann"] = {"status": 500}
    page.await_text("eddy answered 500.", "#user")
    server.shop.users["ann"] = invent_user("ann", [])
    page.await_text("in no segment", "#user")


def test_features_that_say_the_same_come_last(page, server):
    server.shop.segments["segments"][0]["strongest"] = [{"feature": name, "z": 2 - i / 9, "typical": 1} for i, name in enumerate(["views_30d", "views_7d", "opens_7d", "clicks_7d"])]
    page.open(server.address)
    ready(page)
    shown = page.run("return [...document.querySelectorAll('#segments li:first-child .traits > span:not(.sr) b')].map(node => node.textContent.replace(/\u00a0/g, ' '))")
    assert shown == ["▲ high views, 30 d", "▲ high opens, 7 d", "▲ high clicks, 7 d"]


# --- Pictures ---------------------------------------------------------------------------------------------------------------


def test_bands_are_as_wide_as_the_moves_are_many(page, server):
    page.open(server.address)
    ready(page)
    bands = page.run("return [...document.querySelectorAll('#flow .ribbon')].map(band => { const d = band.getAttribute('d'), y0 = +/^M\\S+ (\\S+?)C/.exec(d)[1], y1 = +/ (\\S+)Z$/.exec(d)[1];"
                     " return [+band.dataset.count, y1 - y0, band.dataset.from, band.dataset.to]; })")
    wanted = {(str(move["from"] or "none"), str(move["to"])): move["count"] for move in server.shop.segments["flows"]["counts"]}
    assert {(one, other): count for count, _, one, other in bands} == wanted
    scale = bands[0][1] / bands[0][0]
    assert all(abs(wide - count * scale) < 0.03 for count, wide, _, _ in bands)
    nodes = page.run("return [...document.querySelectorAll('#flow .node')].map(n => [n.dataset.seg, n.dataset.side, +n.querySelector('rect').dataset.count, n.querySelector('rect').getBoundingClientRect().height])")
    for segment, side, count, height in nodes:
        end = 0 if side == "-1" else 1
        assert count == sum(n for ends, n in wanted.items() if ends[end] == segment)
        assert height == pytest.approx(max(1, count * scale), rel=0.01, abs=0.1)
    assert page.count("#flow table tbody tr") == len(wanted) # the same for those who do not see it


def test_small_segments_are_summed(page, server):
    server.shop.segments = invent_segments(16)
    page.open(server.address)
    ready(page)
    await_true(lambda: page.count("#flow .node") > 20)
    assert page.count("#segments li") == 16
    left = page.run("return [...document.querySelectorAll('#flow .node[data-side=\"-1\"]')].map(n => n.dataset.seg)")
    assert left == [str(n) for n in range(1, 13)] + ["others", "none"]
    shown = page.run("return [...document.querySelectorAll('#flow .ribbon')].reduce((sum, band) => sum + +band.dataset.count, 0)")
    assert shown == sum(move["count"] for move in server.shop.segments["flows"]["counts"])
    boxes = page.run("return [...document.querySelectorAll('#flow .node[data-side=\"-1\"] text')].map(n => { const b = n.getBoundingClientRect(); return [b.top, b.bottom]; })")
    assert all(above[1] <= below[0] + 2 for above, below in zip(boxes, boxes[1:])) # labels do not overlap
    colours = page.run("return [...document.querySelectorAll('#flow .node[data-side=\"-1\"] rect')].map(n => getComputedStyle(n).fill)")
    assert len(set(colours)) == len(colours)


def test_pointing_at_a_segment_follows_it(page, server):
    from selenium.webdriver import ActionChains
    page.open(server.address)
    ready(page)
    ActionChains(page.driver, duration=0).move_to_element(page.find("#segments li:nth-child(2) .name")).perform()
    page.await_text("on balance", "#flow-caption")
    assert page.count("#flow .ribbon.lit") > 0 and page.count("#flow .ribbon.dim") > 0
    touching = page.run("return [...document.querySelectorAll('#flow .ribbon.lit')].every(band => band.dataset.from === '2' || band.dataset.to === '2')")
    assert touching
    ActionChains(page.driver, duration=0).move_to_element(page.find("h1")).perform()
    await_true(lambda: page.count("#flow .ribbon.dim") == 0)


# --- Without a mouse --------------------------------------------------------------------------------------------------------


def test_everything_by_keyboard(page, server):
    from selenium.webdriver.common.keys import Keys
    page.open(server.address)
    ready(page)
    visited = []
    for _ in range(8):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        visited.append(page.run("const n = document.activeElement; return n.id || n.dataset.user && 'user' || n.getAttribute('class')"))
    assert visited == ["skip", "chart", "chart", "chart", "node", "pause", "triggers", "user"]
    page.run("document.querySelector('#rate svg').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    await_true(lambda: page.count("#rate .readout"))
    page.run("document.querySelector('#flow .node[tabindex=\"0\"]').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert page.run("const n = document.activeElement.dataset; return n.seg + n.side") == "21"
    page.await_text("joined", "#flow-caption")
    page.run("document.querySelector('#triggers').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    wanted = page.run("return document.activeElement.dataset.user")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.await_text(wanted, "#user .who")
    await_true(lambda: page.run("return document.activeElement.className") == "who")


def test_what_a_screen_reader_gets(page, server):
    page.open(server.address, "#user=ann")
    ready(page)
    page.await_text("DECIDED", "#user")
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored") and "role" in node]
    for role in ("button", "textbox", "image", "link", "table"):
        assert [name for kind, name in named if kind in (role, "img" if role == "image" else role)] , role
    assert not [role for role, name in named if role in ("button", "textbox", "img", "image", "link") and not name.strip()]
    assert any(name.startswith("End-to-end latency, last 10 min: now p50") for _, name in named)
    assert any("left average" in name for _, name in named)
    assert page.run("return document.documentElement.lang") == "en" and page.count("h1") == 1


def test_it_stands_still_for_those_who_want_it(page, server):
    moving = "return getComputedStyle(document.querySelector('#triggers .new')).animationName"
    page.open(server.address)
    ready(page)
    assert page.run(moving) == "arrive"
    page.media(prefers_reduced_motion="reduce")
    assert page.run(moving) == "none" and page.run("return getComputedStyle(document.querySelector('.ribbon')).transitionDuration") == "0s"
