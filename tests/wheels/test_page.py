"""The agent's page in a real Chromium: it is live, says what to do, and can be read by everybody."""
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys

import pytest

from agent_client import WORKER, until
from python_libraries import environment, pip
from python_worker import hooks  # noqa: F401
from seed_env import site_packages

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AXE = os.path.join(ROOT, "web/node_modules/axe-core/axe.min.js")
PLAYWRIGHT = ["playwright==1.65.2"]
# An exception that is diagnosed, with a fix that is a command.
FAILURE = "ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
LOADED = ".panel canvas"


@pytest.fixture(scope="module")
def chromium():
    """A browser for the tests of one file: two that are open at a time do not go. Everything here is installed by
    tools/setup and ./test --wheels: what is missing is an error.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "no chromium: tools/setup wheels"
    assert os.path.exists(AXE), "no axe-core: tools/setup build"
    sys.path.append(
        site_packages(environment("page", sys.executable, PLAYWRIGHT, lambda python: pip(python, *PLAYWRIGHT)))
    )
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Reader:
    """A page, and whatever its console complained of."""

    def __init__(self, chromium, url, **options):
        self.context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        # 404: there is none; 503: the agent could not make it in time, and the page asks again
        self.page.on(
            "console",
            lambda m: m.type == "error"
            and not re.search("status of (404|503)", m.text)
            and self.complaints.append(m.text),
        )
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(url)

    def wait(self, text):
        self.page.get_by_text(text).first.wait_for(timeout=30000)

    def violations(self):
        """What axe finds, in one line each."""
        self.page.evaluate(
            open(AXE, encoding="utf-8").read() + "; undefined"
        )  # a script tag is what the page's policy forbids
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found]

    def is_narrow_enough(self):
        return self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture
def reader(chromium):
    opened = []

    def read(url, **options):
        opened.append(Reader(chromium, url, **options))
        return opened[-1]
    yield read
    for each in opened:
        each.context.close()


def fail(agents, worker, exception, name="r1"):
    agents.tell(
        worker,
        "python exec("
        + repr(f"try:\n with firstfix.request(id={name!r}): raise {exception}\nexcept Exception: pass")
        + ")",
    )


def incidents(agents):
    return json.loads(agents.ask("/v1/incidents")[2]).get("incidents")  # none while the database is being made


def test_it_is_live(agents, reader):
    agents.gpus()
    worker = agents.run(WORKER)
    agents.tell(worker, "load some/model 0")
    seen = reader(agents.url)
    seen.wait("Ready")
    seen.page.wait_for_selector(LOADED)
    seen.wait("No request was seen yet")
    agents.tell(worker, "begin first")
    seen.wait("Well, and at work")
    seen.page.get_by_text("in work").first.wait_for()
    agents.tell(worker, "end first")
    seen.page.locator("td", has_text="first").wait_for(timeout=30000)  # among the slowest
    seen.page.locator("#memory h3", has_text="GPU 0 · NVIDIA GeForce RTX 5090").wait_for(timeout=30000)
    assert seen.complaints == []
    assert {url.split("/")[2] for url in seen.asked if not url.startswith("data:")} == {agents.url.split("/")[2]}


def test_a_failure_appears_with_its_fix_to_copy(agents, reader):
    agents.gpus()
    worker = agents.run(WORKER)
    seen = reader(agents.url, permissions=["clipboard-read", "clipboard-write"])
    seen.wait("No failure is stored.")
    fail(agents, worker, FAILURE)
    [incident] = until(lambda: incidents(agents), "an incident")
    card = seen.page.locator("#diagnosis article", has_text="Last failure")  # the machine may have findings of its own
    card.get_by_text("Fix to try first").wait_for(timeout=30000)
    shown = card.locator(".command pre").first.inner_text()
    fix = json.loads(agents.ask(f"/v1/incidents/{incident['id']}")[2])["diagnosis"]["diagnoses"][0]["fixes"][0]
    assert shown == fix["command"]
    card.get_by_role("button", name="Copy the fix").click()
    seen.page.get_by_text("Copied").wait_for()
    assert seen.page.evaluate("navigator.clipboard.readText()") == shown
    row = seen.page.locator("#incidents button.row")
    assert incident["cause"] in row.inner_text() and row.get_attribute("aria-expanded") == "false"
    row.focus()
    seen.page.keyboard.press("Enter")
    opened = seen.page.locator("#incidents .opened")
    opened.get_by_text("What it rests on").wait_for()
    opened.get_by_role("heading", name="Where").wait_for()
    assert "<string>:" in opened.get_by_label("Frames").inner_text() and "[object" not in opened.inner_text()
    assert seen.page.locator("#incidents button.row").get_attribute("aria-expanded") == "true"
    assert seen.violations() == [] and seen.complaints == []


@pytest.mark.parametrize(
    "look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 740}}], ids=str
)
def test_everybody_can_read_it(agents, reader, look):
    agents.gpus()
    worker = agents.run(WORKER)
    fail(agents, worker, FAILURE)
    agents.tell(worker, "begin long")
    seen = reader(agents.url, **look)
    seen.page.locator("#memory h3", has_text="GPU 0").wait_for(timeout=30000)
    seen.page.locator("#memory h3", has_text="Host").wait_for(timeout=30000)
    seen.page.locator("#diagnosis article", has_text="Last failure").get_by_text("Fix to try first").wait_for(
        timeout=30000
    )
    seen.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    seen.page.locator("#memory td").first.wait_for()
    assert seen.violations() == []
    assert seen.is_narrow_enough()
    assert seen.page.locator("#memory table").count() == 2  # the charts, as numbers


def test_themes(agents, reader):
    agents.gpus()
    agents.run(WORKER)
    seen = reader(agents.url, color_scheme="light")
    seen.page.wait_for_selector(LOADED)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = seen.page.evaluate(paper)
    button = seen.page.locator("#theme")
    button.click()
    assert button.inner_text() == "Theme: light" and seen.page.evaluate(paper) == light
    button.click()
    assert button.inner_text() == "Theme: dark" and seen.page.evaluate(paper) != light
    seen.page.reload()
    seen.page.wait_for_selector(LOADED)
    assert button.inner_text() == "Theme: dark" and seen.page.evaluate(paper) != light
    assert seen.violations() == []


def test_what_a_worker_says_is_text(agents, reader):
    agents.gpus()
    worker = agents.run(WORKER)
    fail(agents, worker, f"ValueError({HOSTILE!r})", name="<b>x</b>")
    seen = reader(agents.url)
    seen.page.locator("#incidents").get_by_text("<img src=x").wait_for(timeout=30000)
    seen.page.locator("#requests td", has_text="<b>x</b>").wait_for()
    assert seen.page.evaluate("window.hacked") is None and seen.page.locator("main img").count() == 0
    assert seen.complaints == []


def test_a_token(agents, reader):
    agents.gpus()
    agents.env["FIRSTFIX_TOKEN"] = "s3cret-for-the-page"
    agents.run(WORKER)
    seen = reader(agents.url)
    seen.wait("A token is wanted")
    assert seen.violations() == []
    for given, then in (("wrong", "This token is not the one."), ("s3cret-for-the-page", "Memory")):
        seen.page.locator("#token").fill(given)
        seen.page.keyboard.press("Enter")
        seen.wait(then)
    seen.page.wait_for_selector(LOADED)
    other = reader(f"{agents.url}/#token=s3cret-for-the-page")
    other.page.wait_for_selector(LOADED)
    assert "s3cret" not in other.page.url


def test_an_agent_that_dies_and_comes_back(agents, reader):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    agents.gpus()
    worker = agents.run(WORKER, "--listen", address)
    seen = reader(agents.url)
    live = seen.page.locator("#connection", has_text=re.compile("^live$"))
    live.wait_for(timeout=30000)
    [pid] = map(
        int,
        subprocess.run(
            ["pgrep", "-P", str(worker.pid), "firstfix-agent"], capture_output=True, text=True, check=True
        ).stdout.split(),
    )
    os.kill(pid, signal.SIGKILL)
    seen.wait("the agent does not answer")
    live.wait_for(timeout=30000)
    agents.tell(worker, "begin first")
    seen.wait("Well, and at work")


def test_eight_gpus(agents, reader):
    def eight(scenario):
        one = scenario["gpus"][0]
        scenario["gpus"] = [
            one | {"uuid": f"GPU-{i}", "minor": i, "pcie": one["pcie"] | {"bus_id": f"0000:0{i}:00.0"}}
            for i in range(8)
        ]
    agents.gpus(eight)
    agents.run(WORKER)
    seen = reader(agents.url)
    seen.page.locator("#memory .panel canvas").nth(8).wait_for(timeout=30000)
    seen.page.locator("#memory h3", has_text="GPU 7 · NVIDIA GeForce RTX 5090").wait_for(timeout=30000)
    assert seen.page.locator("#memory h3").last.inner_text() == "Host"
    assert seen.is_narrow_enough() and seen.violations() == []


def test_a_machine_without_gpus(agents, reader):
    agents.run(WORKER)
    seen = reader(agents.url)
    seen.page.wait_for_selector(LOADED)
    assert seen.page.locator("#memory h3").all_inner_texts() == ["Host"]
    assert seen.violations() == []


def test_it_is_small_and_whole(agents):
    agents.run(WORKER)
    status, headers, page = agents.ask("/")
    assert (
        status == 200
        and headers["content-type"] == "text/html; charset=utf-8"
        and "script-src 'self'" in headers["content-security-policy"]
    )
    parts, size = set(re.findall(r'(?:href|src)="(/web/[^"]+)"', page)), len(page)
    for path in parts:
        status, headers, text = agents.ask(path)
        assert status == 200, path
        assert headers["content-type"].startswith("text/javascript" if path.endswith(".js") else "text/css")
        size += len(text.encode())
    assert parts == {"/web/page.css", "/web/page.js", "/web/charts.js"} and size <= 150_000
    assert agents.ask("/web/../index.html")[0] == agents.ask("/web/nothing.js")[0] == 404


def add_incidents(agents, n):
    """That many more, each another failure, of what is stored already."""
    db = sqlite3.connect(agents.state / "firstfix.db", timeout=30)
    cursor = db.execute("select * from incident")
    names, row = [d[0] for d in cursor.description], cursor.fetchone()
    for i in range(n):
        new = dict(zip(names, row), id=f"{i:016x}", fingerprint=f"{i:016x}", last_seen="2020-01-01T00:00:00.000Z")
        db.execute(f"insert into incident({','.join(new)}) values ({','.join('?' * len(new))})", list(new.values()))
    db.commit()
    db.close()


def test_a_thousand_incidents_are_shown_a_page_at_a_time(agents, reader):
    worker = agents.run(WORKER)
    fail(agents, worker, FAILURE)
    until(lambda: incidents(agents), "an incident")
    add_incidents(agents, 999)
    seen = reader(agents.url)
    rows, more = seen.page.locator("#incidents button.row"), seen.page.locator("#incidents button.quiet")
    more.get_by_text("Show more of 1,000").wait_for(timeout=30000)
    assert rows.count() == 20
    more.focus()
    for shown in (120, 220):
        seen.page.keyboard.press("Enter")
        rows.nth(shown - 1).wait_for(timeout=30000)
        assert rows.count() == shown
        assert seen.page.evaluate("document.activeElement.dataset.key") == "more", "a reader keeps the place"
    asked = [url.partition("newest=")[2] for url in seen.asked if "/v1/incidents?" in url]
    assert asked[0] == "100" and max(map(int, asked)) <= 220, "what nobody looks at is not asked for"
    rows.nth(150).click()
    seen.page.locator("#incidents .opened").get_by_text("What it rests on").wait_for(timeout=30000)
    took = seen.page.evaluate("""async () => {
        const begin = performance.now();
        document.querySelector("#theme").click();
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - begin;
    }""")
    assert took < 2000, "it answers a click"
    assert seen.complaints == []


def test_the_state_comes_with_the_page(agents, chromium):
    """To who may ask for it, and to nobody else; what a worker says ends no block of data."""
    worker = agents.run(WORKER)
    fail(agents, worker, f"ValueError({HOSTILE!r})")
    agents.state_is("ready", "idle")
    page = agents.ask("/")[2]
    told = re.search(r'<script type="application/json" id="told">(.*?)</script>', page, re.S)[1]
    assert json.loads(told)["schema"] == "firstfix.health/1" and "<" not in told
    context = chromium.new_context()
    seen = context.new_page()
    seen.route("**/v1/health", lambda route: route.abort())
    seen.goto(agents.url)
    seen.locator("#state", has_text="Ready").wait_for(timeout=30000)
    context.close()
    agents.env["FIRSTFIX_TOKEN"] = "s3cret-for-the-page"
    agents.run(WORKER)
    assert 'id="told"' not in agents.ask("/")[2]
    assert 'id="told"' in agents.ask("/", Authorization="Bearer s3cret-for-the-page")[2]
