# SPDX-License-Identifier: Apache-2.0
"""browser: drives a headless Chromium over a pair of pipes (the DevTools protocol). Takes a program, gives pages
that can be looked at: widths, light and dark, keys, what scripts say, pictures. Keeps every word of the console.
Nothing sleeps to wait: until() asks the page again until something holds or PATIENCE is over."""
import base64
import json
import os
import select
import subprocess
import time

PATIENCE = 60  # seconds; then a test has failed


class Browser:
    def __init__(self, program, folder):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()

        def pipes():  # the protocol's are 3 and 4; both ends are moved out of the way first
            a, b = os.dup(to_read), os.dup(from_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--force-prefers-no-reduced-motion", "--remote-debugging-pipe", f"--user-data-dir={folder}",
             "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.to, self.back, self.rest, self.number = to_write, from_read, b"", 0
        self.console = []  # (level, text, url)
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def message(self, until):
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.back, 1 << 20)
            if not more:
                raise EOFError("the browser is gone")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        wanted = {"id": self.number, "method": method, "params": params}
        if getattr(self, "session", None):
            wanted["sessionId"] = self.session
        data = json.dumps(wanted).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + PATIENCE
        while True:
            got = self.message(until)
            if got.get("id") == self.number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]
            self.heard(got)

    def heard(self, event):
        params = event.get("params", {})
        if event.get("method") == "Runtime.consoleAPICalled":
            words = " ".join(str(a.get("value", a.get("description"))) for a in params["args"])
            self.console.append((params["type"], words, ""))
        elif event.get("method") == "Runtime.exceptionThrown":
            detail = params["exceptionDetails"]
            self.console.append(("exception", detail.get("exception", {}).get("description", detail["text"]), ""))
        elif event.get("method") == "Log.entryAdded":
            entry = params["entry"]
            self.console.append((entry["level"], entry["text"], entry.get("url", "")))

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, script):
        """The value of an expression in the page."""
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"].get("exception", {}).get("description", script))
        return got["result"].get("value")

    def until(self, script, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = self.run(f"(async () => {{ await new Promise(done => setTimeout(done, 50)); return !!({script}); }})()")
            if value:
                return value
        raise AssertionError(f"not within {PATIENCE} s: {what}\n{self.run('document.body.innerText')}")

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)

    def media(self, **features):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def key(self, key, code=0, text=None, shift=False):
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        down = {"type": "keyDown", **common}
        if text:
            down["text"] = text
        self.call("Input.dispatchKeyEvent", **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, path, whole=False):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
