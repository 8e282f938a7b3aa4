#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serve: the page of augstream-inspect, over a real loader. http: what it answers, to whom, and what it refuses;
that loader and page come and go without each other. browser: the same page in Chromium, as wide as a phone and as a
desk, light and dark, by keyboard; live, while the loader is away, and when the page's own server was away.
    serve.py LOADERD INSPECT SYNTH TAP_TOLD http|browser"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LOADERD, INSPECT, SYNTH, TAP_TOLD, PART = sys.argv[1:6]
HOSTILE = '<img src=x onerror=alert(1)>"&\''
PATIENCE = 60  # seconds; then the test has failed
BATCH = 16


class Bed:
    """A loader with two datasets, one of them with a bad image, and pages of its tap."""

    def __init__(self, folder):
        self.folder, self.loader, self.pages, self.fetched = pathlib.Path(folder), None, [], 0
        self.tap_told = None
        subprocess.run([SYNTH, "--out", folder + "/flowers", "--train", "2", "--test", "0", "--size", "40"], check=True,
                       stdout=subprocess.DEVNULL)
        self.images = self.folder / "flowers/train"
        shutil.copytree(self.images, self.folder / "spoilt")
        sorted((self.folder / "spoilt").rglob("*.jpg"))[3].write_text("no picture at all")
        (self.folder / "loaderd.yaml").write_text(
            f"listen: [ipc://{folder}/loader]\ntap: ipc://{folder}/tap\nworkers: 1\nbad_rate_max: 1\ndatasets:\n"
            f"  flowers: {{path: {self.images}}}\n"
            f"  spoilt: {{path: {folder}/spoilt}}\n")
        (self.folder / "recipe.yaml").write_text(
            f"run: {{name: t}}\ndata: {{dataset: flowers, batch: {BATCH}, loaders: [ipc://{folder}/loader]}}\n"
            "views: {size: 32, blur: {kernel: 5}}\n")
        self.tap = f"ipc://{folder}/tap"

    def start_loader(self):
        self.loader = subprocess.Popen([LOADERD, "--config", str(self.folder / "loaderd.yaml")],
                                       stderr=subprocess.DEVNULL)

    def stop_loader(self):
        self.loader.terminate()
        assert self.loader.wait(PATIENCE) == 0
        self.loader = None

    def batch(self, dataset="flowers", **files):
        """Asks the loader for the next batch, as a trainer would; its omega."""
        out = self.folder / "omega.jsonl"
        subprocess.run([INSPECT, "batch", f"ipc://{self.folder}/loader", "--recipe", str(self.folder / "recipe.yaml"),
                        "--set", "data.dataset=" + dataset, "--set", "data.retry=30",
                        "--epoch", str(self.fetched), "--index", "0", "--out", str(self.folder / "batch.safetensors"),
                        "--omega", str(out)], check=True, stdout=subprocess.DEVNULL)
        self.fetched += 1
        return [json.loads(line) for line in out.read_text().splitlines()]

    def page(self, *options, what=None):
        page = Page(what or self.tap, *options)
        self.pages.append(page)
        return page

    def teller(self, name, to=None):
        """A tap, or a record, of a dataset of that name: a function that has it tell one batch."""
        self.told = to or f"ipc://{self.folder}/told"
        self.tap_told = subprocess.Popen([TAP_TOLD, self.told, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def tell():
            self.tap_told.stdin.write(b"\n")
            self.tap_told.stdin.flush()
            assert self.tap_told.stdout.readline() == b"told\n"
        return tell

    def quiet(self):
        self.tap_told.communicate(timeout=PATIENCE)
        assert self.tap_told.returncode == 0
        self.tap_told = None

    def done(self):
        if self.tap_told:
            self.tap_told.kill()
            self.tap_told.wait()
        for page in self.pages:
            page.stop()
        if self.loader:
            self.loader.kill()
            self.loader.wait()


class Page:
    def __init__(self, what, *options):
        self.process = subprocess.Popen([INSPECT, "serve", what, *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://"), self.process.stderr.read()
        self.port = int(self.address.rstrip("/").rsplit(":", 1)[1])

    def ask(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), body

    def json(self, path):
        status, headers, body = self.ask(path)
        assert status == 200 and headers["Content-Type"] == "application/json", (path, status, body)
        return json.loads(body)

    def until(self, path, holds, what, meanwhile=lambda: None):
        """Asks again until the JSON is as wanted. Each turn has something to wait for: an answer, or a batch."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            told = self.json(path)
            if holds(told):
                return told
            meanwhile()
        raise AssertionError(f"not within {PATIENCE} s: {what}: {told}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


def same_omega(bed, batch, omega):
    """What a page is told of a batch is what the loader sent."""
    names = [name for name, _, _ in batch["params"]]
    assert batch["of"] == BATCH and batch["sizes"] == [32, 32] and len(batch["samples"]) == 12
    for sample in batch["samples"]:
        for view in range(2):
            sent = omega[view * BATCH + sample["position"]]
            told = dict(zip(names, sample["views"][view]))
            assert sent["sample"] == sample["sample"] and sent["source"] == sample["source"]
            assert [told[f"crop.{k}"] for k in ("top", "left", "height", "width")] == sent["crop"]
            assert told["flip"] == sent["flip"] and told["jitter.applied"] == sent["jitter"]["applied"]
            if sent["blur"]["applied"]:
                assert abs(told["blur.sigma"] - sent["blur"]["sigma"]) < 1e-6
            else:
                assert told["blur.sigma"] is None
        names_of = [name for name, _ in sample["targets"]]
        assert "target.crop.cy" in names_of and "target.color.hue" in names_of, names_of


def test_http(bed):
    page = bed.page("--data", str(bed.images), "--port", "0")
    # --- nobody there yet ---
    state = page.json("/state.json")
    assert not state["there"] and state["counts"]["batches"] == 0 and state["record"] is None
    assert page.json("/batch.json") == {"batch": None, "why": "no such batch is kept"}
    assert page.json("/figures.json") == {"rows": None}

    # --- a loader ---
    bed.start_loader()
    page.until("/state.json", lambda s: s["counts"]["batches"] > 0, "a batch is heard", bed.batch)
    omega = bed.batch()
    told = page.until("/batch.json", lambda b: b["batch"]["epoch"] == bed.fetched - 1, "the last batch")["batch"]
    same_omega(bed, told, omega)
    assert told["pictures"] and told["checks"], told["why"]
    state = page.json("/state.json")
    assert state["there"] and state["sessions"][0]["dataset"] == "flowers" and state["sessions"][0]["seed"] == "1"
    figures = page.json("/figures.json")
    assert figures["batches"] == state["counts"]["batches"]
    assert {row["view"] for row in figures["rows"]} == {-1, 0, 1}
    assert sum(next(r for r in figures["rows"] if r["name"] == "flip" and r["view"] == 0)["bars"]) == figures["views"] / 2

    # --- pictures ---
    where = f"number={told['number']}&which=this&session={told['session']}"
    for position in (0, 11):
        for view in (0, 1):
            status, headers, body = page.ask(f"/view.png?{where}&position={position}&view={view}")
            assert status == 200 and headers["Content-Type"] == "image/png" and body[:4] == b"\x89PNG"
            assert headers["Augstream-Note"] == "same"  # the loader's very pixels
    status, _, body = page.ask(f"/source.png?{where}&position=0")
    assert status == 200 and body[:4] == b"\x89PNG"
    status, headers, body = page.ask(f"/view.png?{where}&position=0&view=0", method="HEAD")
    assert status == 200 and body == b"" and headers["Augstream-Note"] == "same"
    for wrong, code in (("position=12&view=0", 404), ("position=0&view=2", 404), ("position=0&view=16", 400),
                        ("position=-1&view=0", 400), ("position=x", 400), ("position=99999999999999999999999", 400)):
        assert page.ask(f"/view.png?{where}&{wrong}")[0] == code, wrong

    # --- a bad sample, of other images than the page has ---
    state = page.until("/state.json", lambda s: s["counts"]["substituted"] > 0, "a bad sample",
                       lambda: bed.batch("spoilt"))
    event = next(e for e in state["events"] if e["kind"] == "substituted")
    assert event["dataset"] == "spoilt" and event["bad"] == 3 and event["reason"] == "not_image"
    told = page.json("/batch.json?session=" + next(s["session"] for s in state["sessions"] if s["dataset"] == "spoilt"))
    assert told["batch"]["dataset"] == "spoilt"
    assert not told["batch"]["pictures"] and told["batch"]["why"] and not told["batch"]["untold"], told["batch"]["why"]

    # --- what it refuses ---
    for path, code in (("/nothing", 404), ("/../../etc/passwd", 404), ("/page.html/", 404), ("/pages.c", 404),
                       ("/batch.json?which=none", 400), ("/batch.json?number=1e3", 400), ("/batch.json?number=", 400)):
        assert page.ask(path)[0] == code, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert page.ask("/state.json", method=method)[0] == 405
    assert page.ask("/", Host="evil.example")[0] == 421
    assert page.ask("/", Host=f"localhost:{page.port + 1}")[0] == 200  # ssh -L
    for path in ("/", "/page.css", "/page.js", "/stage.js", "/charts.js", "/dom.js", "/icon.svg"):
        status, headers, body = page.ask(path)
        assert status == 200 and b"http:" not in body.replace(b"http://www.w3.org/2000/svg", b"") and b"https:" not in body
        assert "'unsafe" not in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"
    # half a request, and many silent visitors, delay nobody
    silent = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(20)]
    silent[0].sendall(b"GET / HTTP/1.1\r\nHost: local")
    assert page.ask("/state.json")[0] == 200
    for visitor in silent:
        visitor.close()

    # --- a page that stands still costs the loader nothing, and says afterwards what it missed or heard ---
    before = page.json("/state.json")["counts"]
    page.process.send_signal(signal.SIGSTOP)
    for _ in range(12):
        bed.batch()
    page.process.send_signal(signal.SIGCONT)
    page.until("/state.json", lambda s: s["counts"]["batches"] + s["counts"]["gap_batches"] >=
               before["batches"] + before["gap_batches"] + 12, "all batches are accounted for")

    # --- the loader goes, and another one comes ---
    bed.stop_loader()
    page.until("/state.json", lambda s: not s["there"], "the loader is away")
    heard = page.json("/state.json")["counts"]["batches"]
    bed.start_loader()
    state = page.until("/state.json", lambda s: s["counts"]["batches"] > heard, "batches of the other loader", bed.batch)
    assert state["there"] and state["counts"]["restarts"] == 1

    # --- only what is asked for ---
    some = bed.page("--dataset", "spoilt", "--sample", "0-5")
    told = some.until("/batch.json", lambda b: b["batch"], "a batch that is wanted",
                      lambda: (bed.batch(), bed.batch("spoilt")))["batch"]
    assert told["dataset"] == "spoilt" and 0 < told["matched"] <= 6 and told["untold"] and not told["pictures"]
    assert {s["sample"] for s in told["samples"]} <= set(range(6))
    assert some.ask(f"/view.png?which=this&number={told['number']}&position={told['samples'][0]['position']}")[0] == 404

    # --- names that are meant to hurt arrive as they are; what is no text arrives as something that is ---
    for name, seen in ((HOSTILE.encode(), HOSTILE), (b"\xff\xc0bad", "??bad")):
        teller = bed.teller(name)
        page_of = bed.page(what=bed.told)
        told = page_of.until("/batch.json", lambda b: b["batch"], "a batch", teller)["batch"]
        assert told["dataset"] == seen and page_of.json("/state.json")["sessions"][0]["dataset"] == seen
        assert page_of.json("/figures.json")["dataset"] == seen
        bed.quiet()

    # --- a record, while it is written and afterwards ---
    record = str(bed.folder / "run.omega")
    teller = bed.teller(HOSTILE.encode(), record)
    for _ in range(5):
        teller()
    page_of = bed.page(what=record)
    state = page_of.until("/state.json", lambda s: s["record"]["read"] and s["counts"]["batches"] == 5, "it is read")
    assert state["record"]["first"] == 1 and state["record"]["last"] == 5 and state["record"]["cut"]
    assert state["sessions"][0]["dataset"] == HOSTILE and state["trouble"] == ""
    for _ in range(15):
        teller()
    state = page_of.until("/state.json", lambda s: s["record"]["last"] == 20 and s["counts"]["batches"] == 20, "it grows")
    bed.quiet()
    for query, number in (("which=last", 20), ("which=after", 1), ("which=after&number=7", 8), ("which=before&number=7", 6),
                          ("which=this&number=13", 13), ("epoch=7&sample=104", 1), ("which=this&number=21", None),
                          ("which=after&number=20", None), ("which=before&number=1", None), ("epoch=6&sample=104", None)):
        told = page_of.json("/batch.json?" + query)["batch"]
        assert (told and told["number"]) == number, (query, told)
    told = page_of.json("/batch.json?which=this&number=13")["batch"]
    assert abs(told["rate"]["batches"] - 4) < 1 and told["samples"][0]["sample"] == 100
    page_of.stop()
    cut = bed.folder / "cut.omega"
    cut.write_bytes((bed.folder / "run.omega").read_bytes()[:-700])
    page_of = bed.page(what=str(cut))
    state = page_of.until("/state.json", lambda s: s["record"]["read"], "what is left of it is read")
    assert state["record"]["cut"] and 1 < state["counts"]["batches"] < 20, state["record"]
    # A record that was closed and has a damaged block comes to its end as others do, and says what is missing.
    whole = bed.folder / "whole.omega"
    subprocess.run([INSPECT, "record", str(cut), "--out", str(whole)], check=True, capture_output=True)
    bytes_of = bytearray(whole.read_bytes())
    bytes_of[len(bytes_of) // 3] ^= 1
    whole.write_bytes(bytes_of)
    assert subprocess.run([INSPECT, "dump", str(whole)], capture_output=True).returncode == 65
    page_of = bed.page(what=str(whole))
    state = page_of.until("/state.json", lambda s: s["record"]["read"], "what is not damaged is read")
    assert not state["record"]["cut"] and "damaged" in state["trouble"], state
    page_of.stop()
    (bed.folder / "none.omega").write_text("no record at all")
    said = subprocess.run([INSPECT, "serve", str(bed.folder / "none.omega")], capture_output=True, text=True)
    assert said.returncode == 65 and "none.omega" in said.stderr, said

    # --- the command line ---
    taken = subprocess.run([INSPECT, "serve", bed.tap, "--port", str(page.port)], capture_output=True, text=True)
    assert taken.returncode == 69 and str(page.port) in taken.stderr, taken
    for wrong in (["serve"], ["serve", bed.tap, "--port", "65536"], ["serve", bed.tap, "--where", "nonsense>1"]):
        said = subprocess.run([INSPECT, *wrong], capture_output=True, text=True)
        assert said.returncode == 64 and said.stderr.count("\n") == 1, said
    said = subprocess.run([INSPECT, "serve", bed.tap, "--bind", "example.org"], capture_output=True, text=True)
    assert said.returncode == 78 and "example.org" in said.stderr, said
    wide = bed.page("--bind", "0.0.0.0")
    assert wide.address.startswith("http://0.0.0.0:") and wide.ask("/", Host="evil.example")[0] == 421
    assert wide.ask("/", Host="192.0.2.7")[0] == 200
    wide.process.terminate()
    assert "whoever reaches this address can look" in wide.process.communicate(timeout=PATIENCE)[1]
    assert page.stop() == 0 and some.stop() == 0


def test_browser(bed, program):
    import browser
    page = bed.page("--data", str(bed.images), "--port", "0")
    bed.start_loader()
    page.until("/state.json", lambda s: s["counts"]["batches"] > 0, "a batch is heard", bed.batch)
    window = browser.Browser(program, str(bed.folder / "profile"))

    def quiet():
        window.run("0")
        assert not window.console, window.console

    # --- a page's mistake is noticed ---
    window.open(page.address)
    window.run("setTimeout(() => nonsense(), 0)")
    window.until("document.title.includes('augstream')", "the page")
    assert any("nonsense" in text for _, text, _ in window.console), window.console
    window.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.planted = 1'}))")
    assert window.run("window.planted") is None and any("Content Security" in t for _, t, _ in window.console)
    window.console.clear()

    # --- both widths, light and dark ---
    grounds = set()
    for width, height in ((390, 844), (1280, 900)):
        for colours in ("light", "dark"):
            window.size(width, height)
            window.media(prefers_color_scheme=colours)
            window.open(page.address)
            window.until("document.querySelector('#stage h3') && document.querySelector('.chart')", "a sample and charts")
            window.until("document.querySelectorAll('.same').length === 2", "both views are the loader's pixels")
            assert window.run("document.documentElement.scrollWidth") <= width, f"{width}: wider than the window"
            grounds.add((colours, window.run("getComputedStyle(document.body).backgroundColor")))
            window.picture(bed.folder / f"{width}-{colours}.png")
            assert (bed.folder / f"{width}-{colours}.png").stat().st_size > 10000
            # each touch target of a phone is large enough
            assert width > 390 or window.run(
                "[...document.querySelectorAll('button, select')].filter(e => e.offsetParent && e.offsetHeight < 24).length") == 0
    assert len({ground for _, ground in grounds}) == 2, grounds
    quiet()

    # --- what a screen reader has ---
    nodes = window.call("Accessibility.getFullAXTree")["nodes"]
    roles = [n["role"]["value"] for n in nodes if not n.get("ignored") and "role" in n]
    for role in ("banner", "main", "contentinfo", "status", "table", "columnheader", "rowheader"):
        assert role in roles, f"no {role} in {sorted(set(roles))}"
    unnamed = [n["role"]["value"] for n in nodes if not n.get("ignored") and n.get("role", {}).get("value") in
               ("button", "combobox", "img", "image", "textbox", "slider", "region") and not n.get("name", {}).get("value")]
    assert not unnamed, unnamed
    headings = window.run("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert headings[0] == 1 and all(b <= a + 1 for a, b in zip(headings, headings[1:])), headings
    alt = window.run("document.querySelector('.source img').alt")
    assert "view 0" in alt and "pixels" in alt, alt
    # colour and shape are not all there is: figures are text
    assert "p " in window.run("document.querySelector('.chart').innerText")

    # --- live ---
    views = window.run("document.getElementById('views').textContent")
    where = window.run("document.getElementById('where').textContent")
    bed.batch()
    window.until(f"document.getElementById('views').textContent !== {json.dumps(views)}", "the count goes on")
    window.until(f"document.getElementById('where').textContent !== {json.dumps(where)}", "the sample goes on")

    # --- by keyboard ---
    window.key(" ", 32, " ")
    window.until("document.getElementById('play').textContent === 'Play'", "space pauses")
    before = window.run("document.querySelector('#stage h3').textContent")
    window.key("ArrowRight", 39)
    window.until(f"document.querySelector('#stage h3').textContent !== {json.dumps(before)}", "an arrow moves on")
    window.key("ArrowLeft", 37)
    window.until(f"document.querySelector('#stage h3').textContent === {json.dumps(before)}", "and back")
    where = window.run("document.getElementById('where').textContent")
    window.key("ArrowLeft", 37, shift=True)
    window.until(f"document.getElementById('where').textContent !== {json.dumps(where)}", "the batch before")
    where = window.run("document.getElementById('where').textContent")
    bed.batch()
    window.until("document.getElementById('views').textContent !== '0'", "still alive")
    assert window.run("document.getElementById('where').textContent") == where, "paused, and yet it goes on"
    window.run("document.activeElement.blur()")
    window.key("Tab", 9)
    assert window.run("document.activeElement.className") == "skip"
    assert window.run("getComputedStyle(document.activeElement).outlineStyle") == "solid", "focus cannot be seen"
    window.key("Enter", 13, "\r")
    window.until("document.activeElement.id === 'samples'", "the skip link leads to the samples")
    window.key(" ", 32, " ")
    window.until("document.getElementById('play').textContent === 'Pause'", "space goes on")

    # --- without motion ---
    window.media(prefers_reduced_motion="reduce")
    assert window.run("document.getAnimations().length") == 0

    # --- a bad sample, of images that the page does not have; one session of two ---
    page.until("/state.json", lambda s: s["counts"]["substituted"] > 0, "a bad sample", lambda: bed.batch("spoilt"))
    window.until("document.getElementById('events').textContent.includes('spoilt is bad (not image)')", "its bad sample")
    window.until("document.getElementById('where').textContent.startsWith('spoilt')", "its batch")
    window.until("!document.getElementById('why').hidden && document.querySelector('.source .bare')", "why no pictures")
    window.run("const w = document.getElementById('which'); w.value = [...w.options].find(o => "
               "o.textContent.startsWith('flowers')).value; w.dispatchEvent(new Event('change'))")
    window.until("document.getElementById('where').textContent.startsWith('flowers')", "the chosen session")
    bed.batch("spoilt")
    quiet()

    # --- the loader goes, and another one comes ---
    bed.stop_loader()
    window.until("document.getElementById('link').textContent === 'reconnecting'", "the loader is away")
    views = window.run("document.getElementById('views').textContent")
    bed.start_loader()
    bed.batch()
    window.until("document.getElementById('link').textContent === 'live'", "the loader is back")
    end = time.monotonic() + PATIENCE
    while window.run("document.getElementById('views').textContent") == views:
        assert time.monotonic() < end, "the page does not go on"
        bed.batch()
    quiet()

    # --- the page's server goes, and comes back at its place ---
    assert page.stop() == 0
    window.until("document.getElementById('link').textContent === 'server away'", "the server is away")
    page = bed.page("--data", str(bed.images), "--port", str(page.port))
    page.until("/state.json", lambda s: s["counts"]["batches"] > 0, "a batch is heard again", bed.batch)
    window.until("document.getElementById('link').textContent === 'live'", "the server is back")
    window.until("document.querySelector('#stage h3') && document.getElementById('views').textContent !== '0'", "samples again")
    window.run("0")
    assert all("ERR_CONNECTION" in text or "ERR_EMPTY" in text for _, text, _ in window.console), window.console
    window.console.clear()

    # --- a name that is meant to hurt, and no images ---
    teller = bed.teller(HOSTILE.encode())
    page = bed.page(what=bed.told)
    page.until("/batch.json", lambda b: b["batch"], "a batch", teller)
    window.open(page.address)
    for place in ("sessions", "events", "where", "verdict"):
        window.until(f"document.getElementById('{place}').textContent.includes({json.dumps(HOSTILE)})", f"the name in {place}")
    window.until("document.querySelector('.source .bare') && !document.getElementById('untold').hidden", "an outline")
    assert window.run("document.querySelectorAll('img[onerror], img[src=x], script:not([src])').length") == 0
    assert window.run("document.documentElement.scrollWidth") <= 1280
    bed.quiet()
    quiet()

    # --- a record: played, sought, to its end ---
    record = str(bed.folder / "run.omega")
    teller = bed.teller(b"flowers", record)
    for _ in range(30):
        teller()
    bed.quiet()
    page = bed.page(what=record)
    window.open(page.address)
    where = "document.getElementById('where').textContent"
    window.until(f"{where}.includes('step 1 ') && document.querySelector('#stage h3')", "it begins at its first step, paused")
    assert window.run("document.getElementById('play').textContent") == "Play"
    window.key("ArrowRight", 39, shift=True)
    window.until(f"{where}.includes('step 2 ')", "a step")
    window.run("document.getElementById('step').value = '17'; document.getElementById('step-form').requestSubmit()")
    window.until(f"{where}.includes('step 17 ')", "a step that was asked for")
    assert window.run("document.getElementById('slider').value") == "17"
    assert "17 of 30" in window.run("document.getElementById('link').textContent")
    window.run("document.getElementById('epoch').value = '7'; document.getElementById('sample').value = '103'; "
               "document.getElementById('sample-form').requestSubmit()")
    window.until(f"{where}.includes('step 1 ') && document.querySelector('#stage h3').textContent.startsWith('Sample 103')",
                 "a sample that was asked for")
    window.run("document.getElementById('step').value = '99'; document.getElementById('step-form').requestSubmit()")
    window.until("document.getElementById('announce').textContent.includes('99 is not in the record')", "there is none")
    window.run("document.getElementById('pace').value = '1000 10'; document.getElementById('play').click()")
    window.until(f"{where}.includes('step 21 ') || {where}.includes('step 11 ')", "it plays")
    window.until("document.getElementById('play').textContent === 'Play'", "it stops at the end")
    window.until(f"{where}.includes('step 30 ')", "the end")
    # the same five samples again and again: no law draws that
    window.until("document.querySelector('.chart.wrong .badge')?.textContent === 'differs'", "what is wrong is shown")
    assert "differ from the law" in window.run("document.getElementById('verdict').textContent")
    for width in (390, 1280):
        window.size(width, 900)
        assert window.run("document.documentElement.scrollWidth") <= width
    quiet()
    window.close()


def main():
    program = None
    if PART == "browser":
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if not program:
            print("skipped: no chromium, so that no page can be looked at")
            sys.exit(77)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bed = Bed(folder)
        try:
            test_http(bed) if PART == "http" else test_browser(bed, program)
        finally:
            bed.done()
    print(f"serve, {PART}: ok")


main()
