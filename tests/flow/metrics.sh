#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# metrics: a real daemon, watched from outside while things happen to it: batches, a bad image, a refused
# request, a worker killed, SIGHUPs, strange and slow HTTP clients, draining. Each counter has moved by
# the number of what happened, /livez and /readyz say what is so.
#   metrics.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$3" --out "$dir/flowers" --train 2 --test 0 --size 40 >/dev/null
cp -r "$dir/flowers/train" "$dir/good"
truncate -s 700 "$(find "$dir/flowers/train" -type f | sort | head -n 1)" # one of 24 is bad
cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/loader.sock]
datasets: {spoilt: {path: $dir/flowers/train}, good: {path: $dir/good}}
workers: 2
cache_mib: 64
http: tcp://127.0.0.1:*
EOF
cat >"$dir/recipe.yaml" <<EOF
run: {name: t}
data: {dataset: spoilt, batch: 24, loaders: [ipc://$dir/loader.sock]}
views: {size: 32, blur: {kernel: 5}}
EOF

python3 - "$dir" "$loaderd" "$inspect" <<'EOF'
import http.client, os, random, re, signal, socket, subprocess, sys, threading, time

folder, loaderd, inspect = sys.argv[1:]
PREFIX = "augstream_loaderd_"
PATIENCE = 60  # seconds: for a busy machine


class Daemon:
    """A loader, and the lines of its log as they come."""

    def __init__(self, config):
        self.process = subprocess.Popen([loaderd, "--config", config], stderr=subprocess.PIPE, text=True)
        self.log, self.seen, self.more = [], 0, threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stderr:
            with self.more:
                self.log.append(line)
                self.more.notify()
        with self.more:
            self.log.append("")  # the end
            self.more.notify()

    def wait_for(self, pattern):
        """The next line, after those that were waited for, that has the pattern."""
        with self.more:
            while True:
                for i in range(self.seen, len(self.log)):
                    found = re.search(pattern, self.log[i])
                    if found:
                        self.seen = i + 1
                        return found
                assert self.log[-1:] != [""] and self.more.wait(PATIENCE), f"no '{pattern}' in {self.log}"


def ask(path, method="GET", timeout=PATIENCE, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response, response.read().decode()


def raw(request):
    """The status of the answer to these bytes; None when there is none."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as s:
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := s.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else None


def scrape():
    response, text = ask("/metrics")
    assert response.status == 200, response.status
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4"), response.headers
    assert int(response.headers["Content-Length"]) == len(text) and text.endswith("\n")
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def check(**expected):
    """By the names of the families; values of labels behind two underscores each."""
    figures = scrape()
    for name, value in expected.items():
        family, *labels = name.split("__")
        found = [v for series, v in figures.items() if series.split("{")[0] == PREFIX + family and
                 all(f'"{label}"' in series for label in labels)]
        assert found == [value], f"{name}: {found}, not {value}"
    return figures


def until(what, true):
    """Asks again until it is so."""
    end = time.monotonic() + PATIENCE
    while not true(scrape()):
        assert time.monotonic() < end, f"not in {PATIENCE} s: {what}"


def fetch_command(*more):
    return [inspect, "batch", f"ipc://{folder}/loader.sock", "--recipe", f"{folder}/recipe.yaml",
            "--out", f"{folder}/batch.safetensors", *more]


def fetch(*more, code=0):
    done = subprocess.run(fetch_command(*more), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)


def children():
    with open(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children") as f:
        return [int(pid) for pid in f.read().split()]


waiting = None
daemon = Daemon(f"{folder}/loaderd.yaml")
try:
    port = int(daemon.wait_for(r"metrics and health on tcp://127\.0\.0\.1:(\d+)$")[1])

    # Before anything: nothing is counted but what is there.
    begun = check(serving=1, batches_sent_total=0, dataset_samples__good=24, workers__idle=2, workers__down=0,
                  slots__idle=16, slots__taken=0, requests__waiting=0, build_info=1, insecure=0)
    version = subprocess.run([loaderd, "--version"], capture_output=True, text=True).stdout.split()[1]
    assert f'{PREFIX}build_info{{version="{version}"}}' in begun
    assert begun[PREFIX + "slot_bytes"] >= 128 << 20
    for page in "/livez", "/readyz":
        response, text = ask(page)
        assert (response.status, text) == (200, "ok\n"), (page, response.status, text)

    # A batch of two views, in which one of 24 samples is bad.
    pixels = 24 * 2 * 32 * 32 * 3
    fetch()
    first = check(batches_sent_total=1, sent_bytes_total=pixels, samples_sent_total__spoilt=24,
                  samples_sent_total__good=0, samples_substituted_total__spoilt=1,
                  bad_samples_total__spoilt__truncated=1, bad_samples_total__spoilt__crash=0,
                  bad_samples_total__good__truncated=0, kept_hits_total=0, sessions=1, render_seconds_count=25)
    # 24 that are due and one that stands in, whose picture may be there by then
    assert first[PREFIX + "cache_misses_total"] + first[PREFIX + "cache_hits_total"] == 25
    assert first[PREFIX + "cache_misses_total"] >= 24 and first[PREFIX + "render_seconds_sum"] > 0
    assert first[PREFIX + 'render_seconds_bucket{le="+Inf"}'] == 25
    # A good one, twice: it is kept, and not rendered again.
    for times in 1, 2:
        fetch("--set", "data.dataset=good")
        check(batches_sent_total=1 + times, sent_bytes_total=(1 + times) * pixels, sessions=2,
              samples_sent_total__good=24 * times, kept_hits_total=times - 1, render_seconds_count=49)
    # The next epoch finds its pictures, and the bad sample again, which is counted once.
    fetch("--epoch", "1")
    figures = check(batches_sent_total=4, samples_substituted_total__spoilt=2, samples_substituted_total__good=0,
                    bad_samples_total__spoilt__truncated=1)
    assert figures[PREFIX + "cache_hits_total"] >= 23 and figures[PREFIX + "cache_bytes"] > 0
    refused = figures[PREFIX + "requests_refused_total"]
    fetch("--set", "data.dataset=nosuch", code=65)
    check(requests_refused_total=refused + 1, internal_errors_total=0, bad_messages_total=0)

    # A worker is killed by somebody else, and another one comes.
    os.kill(children()[0], signal.SIGKILL)
    daemon.wait_for("killed by somebody else")
    until("two workers", lambda f: f[PREFIX + 'workers{state="idle"}'] == 2)
    check(worker_restarts_total__killed=1, worker_restarts_total__exit=0, bad_samples_total__spoilt__crash=0)

    # SIGHUP: once done; and refused, with a file that is wrong.
    os.kill(daemon.process.pid, signal.SIGHUP)
    daemon.wait_for("list of clients is read again")
    check(reloads_total__done=1, reloads_total__refused=0)
    with open(f"{folder}/loaderd.yaml", "a") as f:
        f.write("nosuch: 1\n")
    os.kill(daemon.process.pid, signal.SIGHUP)
    daemon.wait_for("nosuch")
    until("a refused reload", lambda f: f[PREFIX + 'reloads_total{result="refused"}'] == 1)
    check(reloads_total__done=1)

    # Its own process.
    pid = daemon.process.pid
    figures = scrape()
    assert figures["process_threads"] == len(os.listdir(f"/proc/{pid}/task"))
    # the connection of this scrape is closed by now, or about to be
    assert abs(figures["process_open_fds"] - len(os.listdir(f"/proc/{pid}/fd"))) <= 2
    assert figures["process_max_fds"] > figures["process_open_fds"]
    assert 1 << 20 < figures["process_resident_memory_bytes"] <= figures["process_virtual_memory_bytes"]
    assert 0 <= time.time() - figures["process_start_time_seconds"] < 600
    assert figures["process_cpu_seconds_total"] > 0

    # What is no page, no method, no request.
    for path in "/", "/metricsx", "/metrics/", "/../metrics":
        assert ask(path)[0].status == 404, path
    assert ask("/metrics?x=1")[0].status == 200
    for method in "POST", "PUT", "DELETE", "OPTIONS":
        response, _ = ask("/metrics", method)
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD"), method
    response, text = ask("/livez", "HEAD")
    assert (response.status, response.headers["Content-Length"], text) == (200, "3", "")
    for request, status in ((b"GET /livez HTTP/1.1\r\n\r\n", 400), (b"GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                            (b"\r\n\0\1\2\3\n\n", 400), (b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 505),
                            (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
                            (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 4000 + b"\r\n", 431),
                            (b"GET /livez HTTP/1.0\n\n", 200), (b"", None), (b"GET /li", None)):
        assert raw(request) == status, (request[:60], raw(request), status)
    draw = random.Random(20261125)
    for _ in range(200):
        assert raw(draw.randbytes(draw.randrange(1, 6000))) in (None, 400, 405, 431, 505)

    # More clients than there are places, that say nothing: batches go on meanwhile, and a page comes
    # when the daemon has lost its patience with them.
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
    fetch("--epoch", "2")
    figures = check(batches_sent_total=5, lost_edges_total=0, stalls_total=0)
    for s in silent:
        s.close()
    assert ask("/livez")[0].status == 200

    # A port that is taken is told, with the code of such.
    with open(f"{folder}/other.yaml", "w") as f:
        f.write(f"listen: [ipc://{folder}/other.sock]\ndatasets: {{flowers: {{path: {folder}/flowers/train}}}}\n"
                f"workers: 1\nhttp: tcp://127.0.0.1:{port}\n")
    other = subprocess.run([loaderd, "--config", f"{folder}/other.yaml"], capture_output=True, text=True,
                           timeout=PATIENCE)
    assert other.returncode == 69 and f"tcp://127.0.0.1:{port}: cannot listen" in other.stderr, other

    # Draining lasts while a batch is being made: workers that stand still hold it.
    for worker in children():
        os.kill(worker, signal.SIGSTOP)
    waiting = subprocess.Popen(fetch_command("--epoch", "3"), stdout=subprocess.PIPE, text=True)
    until("a batch being made", lambda f: f[PREFIX + 'requests{stage="working"}'] == 1)
    # the good batch is kept, those with stand-ins are not
    check(slots__taken=2, slots__idle=14, workers__busy=2, workers__idle=0, serving=1)
    daemon.process.terminate()
    daemon.wait_for("finishing 1 requests")
    response, text = ask("/readyz")
    assert (response.status, text) == (503, "draining\n"), (response.status, text)
    assert ask("/livez")[0].status == 200
    check(serving=0, batches_sent_total=5)
    for worker in children():
        os.kill(worker, signal.SIGCONT)
    assert waiting.wait(PATIENCE) == 0
    assert daemon.process.wait(PATIENCE) == 0
    daemon.wait_for("ended: 6 batches")
    try:
        ask("/livez")
        raise AssertionError("somebody answers after the end")
    except ConnectionRefusedError:
        pass
finally:
    if daemon.process.poll() is None:
        for worker in children():
            os.kill(worker, signal.SIGKILL)
        daemon.process.kill()
        print("".join(daemon.log))
    if waiting and waiting.poll() is None:
        waiting.kill()
print("metrics: ok")
EOF
