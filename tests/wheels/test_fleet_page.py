"""The fleet's page in a real Chromium: what fails, what separates those that do, one worker, the fix to copy."""

import json
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from fleet_records import HOUR, T0, facts, incident, mark_of, request, start, write
from fleet_server import FleetServer
from test_page import chromium, reader  # noqa: F401 (fixtures)

HOSTILE = "<img src=x onerror='window.hacked=1'>"
COMMAND = "apt-get install --only-upgrade nvidia-driver-570"


def records():
    """Sixty workers: every fifth has an old driver and fails; a few are short of memory; one is called like markup."""
    for n in range(60):
        bad = n % 5 == 0
        flat = {
            "driver.version": ["535.54.03", "550.54.15"][n // 5 % 2] if bad else ["570.86.10", "575.51.03"][n % 2],
            "gpus.*.name": "NVIDIA H100", "python.version": "3.12.4" if n != 5 else "3.10.1",
        }
        mark = mark_of(flat)
        told = [facts(T0, flat, mark), start(T0 + 1, mark)]
        if bad and n != 55:  # that one is next
            more = {"firstfix__incident__fix": "update the driver", "firstfix__incident__command": COMMAND,
                    "firstfix__incident__why": "the driver is older than CUDA wants", "exception__type": "RuntimeError",
                    "exception__message": f"too old {HOSTILE}"}
            told += [incident(T0 + HOUR * (5 + n), mark, name=f"i{n}", **more)]
        if n in (1, 2):
            told += [incident(T0 + HOUR * 30, mark, "e" * 16, "o", firstfix__incident__cause="cuda.oom")]
        if n in (3, 4, 6, 7):  # names as long as they may be
            cause = f"user.{n}" + "-and-so-on" * 5
            told += [incident(T0 + HOUR * 30, mark, f"{n:016}", "o", firstfix__incident__cause=cause)]
        yield request(f"worker-{n:02}" if n else HOSTILE, told, host=f"node-{n // 4}" if n else "node." * 50)


@pytest.fixture
def fleet(firstfix, tmp_path):
    opened = []

    def serve(lines=None, **env):
        file = write(tmp_path / "logs.json", lines or records())
        database = tmp_path / f"fleet-{len(opened)}.db"
        subprocess.run([firstfix, "fleet", "ingest", file, "--database", database], check=True, capture_output=True)
        opened.append(FleetServer(firstfix, "--database", database, errors=tmp_path / f"said-{len(opened)}", **env))
        return opened[-1].url

    yield serve
    for each in opened:
        each.close()


def failures(seen):
    return seen.page.locator("#failures button.row")


def test_from_the_fleet_to_one_worker(fleet, reader):  # noqa: F811
    url = fleet()
    seen = reader(url, permissions=["clipboard-read", "clipboard-write"])
    failures(seen).nth(1).wait_for(timeout=30000)
    first = failures(seen).first.inner_text()
    assert "11 workers" in first and "bnb.binary-missing" in first
    seen.page.locator("#causes canvas").wait_for()
    failures(seen).first.focus()
    seen.page.keyboard.press("Enter")
    fact = seen.page.locator("#failure .fact").first
    fact.wait_for(timeout=30000)
    assert "driver.version < 570.86.10" in fact.inner_text() and "11 of 11" in fact.inner_text()
    assert "worker-55" in fact.inner_text()  # healthy, and next
    assert failures(seen).first.get_attribute("aria-pressed") == "true"
    card = seen.page.locator("#failure .diagnosis")
    card.get_by_role("button", name="Copy the fix").click()
    card.get_by_text("Copied").wait_for()
    assert seen.page.evaluate("navigator.clipboard.readText()") == COMMAND
    seen.page.locator("#failure button.link", has_text="worker-05").first.click()
    worker = seen.page.locator("#worker")
    worker.get_by_text("python.version").wait_for(timeout=30000)
    assert "3.10.1" in worker.inner_text() and "driver.version" in worker.inner_text()
    assert "w=worker-05" in seen.page.url
    seen.page.go_back()
    worker.wait_for(state="hidden")
    again = reader(f"{url}/#f={'f' * 16}&w=worker-05")
    again.page.locator("#worker").get_by_text("python.version").wait_for(timeout=30000)
    assert seen.violations() == again.violations() == [] and seen.complaints == again.complaints == []
    assert {each.split("/")[2] for each in seen.asked if not each.startswith("data:")} == {url.split("/")[2]}


@pytest.mark.parametrize(
    "look", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 740}}], ids=str
)
def test_everybody_can_read_it(fleet, reader, look):  # noqa: F811
    seen = reader(f"{fleet()}/#f={'f' * 16}&w=worker-05", **look)
    seen.page.locator("#failure .fact").first.wait_for(timeout=30000)
    seen.page.locator("#worker").get_by_text("python.version").wait_for(timeout=30000)
    seen.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    seen.page.locator("#causes td").first.wait_for()
    assert seen.violations() == [] and seen.is_narrow_enough()


def test_themes_and_ranges(fleet, reader):  # noqa: F811
    seen = reader(fleet(), color_scheme="light")
    seen.page.locator("#causes canvas").wait_for(timeout=30000)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = seen.page.evaluate(paper)
    for _ in range(2):
        seen.page.locator("#theme").click()
    assert seen.page.locator("#theme").inner_text() == "Theme: dark" and seen.page.evaluate(paper) != light
    seen.page.locator("#causes summary").click()
    rows = seen.page.locator("#causes tbody tr")
    assert rows.count() > 2
    before = rows.count()
    seen.page.locator("label", has_text="1 day").click()
    seen.page.wait_for_function("n => document.querySelectorAll('#causes tbody tr').length !== n", arg=before)
    assert seen.complaints == []


def test_what_a_worker_says_is_text(fleet, reader):  # noqa: F811
    seen = reader(f"{fleet()}/#f={'f' * 16}")
    seen.page.locator("#failure").get_by_text("<img src=x").first.wait_for(timeout=30000)
    seen.page.locator("#failure button.link", has_text="<img").first.click()
    seen.page.locator("#worker h2", has_text="<img").wait_for()
    assert seen.page.evaluate("window.hacked") is None and seen.page.locator("main img").count() == 0
    assert seen.complaints == []


def test_a_token_and_several_fleets(fleet, reader):  # noqa: F811
    lines = [
        *records(), request("t1", [start(T0, "a" * 16)], fleet="tokyo"),
        request("t2", [start(T0, "a" * 16)], fleet="z-long-name-" * 20),
    ]
    url = fleet(lines, FIRSTFIX_TOKEN="s3cret-of-the-fleet")
    seen = reader(url, viewport={"width": 360, "height": 740})
    seen.wait("A token is wanted")
    assert seen.violations() == []
    for given, then in (("wrong", "This token is not the one."), ("s3cret-of-the-fleet", "Causes over time")):
        seen.page.locator("#token").fill(given)
        seen.page.keyboard.press("Enter")
        seen.wait(then)
    failures(seen).first.wait_for(timeout=30000)
    seen.page.locator("#fleet").select_option("tokyo")
    seen.wait("No worker has failed.")
    assert "fleet=tokyo" in seen.page.url and seen.violations() == []
    seen.page.locator("#fleet").select_option("z-long-name-" * 20)
    assert seen.is_narrow_enough()
    assert seen.page.evaluate("document.querySelector('#fleet').getBoundingClientRect().right <= innerWidth")


def test_an_empty_fleet(fleet, reader):  # noqa: F811
    seen = reader(fleet([request("w1", [start(T0, "a" * 16)])]))
    seen.wait("No worker has failed.")
    seen.wait("No failure is known.")
    assert seen.violations() == [] and seen.complaints == []


def test_it_is_small_and_whole(fleet):
    import urllib.request

    url = fleet()
    page = urllib.request.urlopen(url).read().decode()
    parts = set(re.findall(r'(?:href|src)="(/web/[^"]+)"', page))
    size = len(page) + sum(len(urllib.request.urlopen(url + path).read()) for path in parts)
    assert parts == {"/web/page.css", "/web/page.js"} and size <= 150_000
    assert json.loads(urllib.request.urlopen(url + "/v1/fleets").read())["fleets"][0]["workers"] == 60
