#!/usr/bin/python3
"""End to end on a real Apache Kafka: how fast eddy drains a topic, beside a consumer that does nothing; memory; latency.

    bench/e2e/run.py [--events 5000000] [--users 1000000] [--rounds 3] [--only many,few,many-redis,changelog,watched,restore,memory,latency] [--smoke]

Builds what it needs (or takes EDDY_BIN and EDDY_BUILD_DIR), starts a private broker and a private redis-server, prints machine,
versions and figures, and stops them. bench/README.md says what the figures mean.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "lib"))

from confluent_kafka import Consumer, KafkaException, TopicPartition  # noqa: E402
from kafka_fixture import VERSION, KafkaServer  # noqa: E402

PARTITIONS = 4
PREFETCH = 64 << 20  # bytes per worker that eddy may keep read ahead; not counted as memory of users
STEP_US = 3000  # event time between two events
CART_SHARE = 10  # memory: every tenth user has a cart

# How often a user changes its segment is a matter of configuration: the share is measured and printed.
VARIANTS = {
    "many": {"switch_margin": 0.10},
    "few": {"switch_margin": 0.60, "evidence_min": 0, "buffer_min": 1000},
}


class Broker(KafkaServer):
    """The tests' broker with the JVM's full compiler: here it is the yardstick's other half."""

    def _command(self, *args):
        return [word for word in super()._command(*args) if not word.startswith("-XX:TieredStop")]


class Eddy:
    """`eddy run` under a configuration, seen from outside: log, processor time, resident size, committed offsets."""

    def __init__(self, bench, app, topic, **more):
        self.bench, self.app, self.topic = bench, app, topic
        model = {"segments": 16, **({"buffer_min": 64, "epoch": 100} if bench.options.smoke else {}), **more.pop("model", {})}
        config = {"app": app, "kafka": {"brokers": bench.kafka.brokers, "input": topic, "commit_interval": "100ms"},
                  "time": {"publish_after": "none"}, "model": model, **more}
        path = bench.folder / f"{app}.yaml"
        path.write_text(json.dumps(config))  # JSON is YAML
        self.log = bench.folder / f"{app}.log"
        self.started = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([bench.eddy, "run", "-c", str(path)], stdout=log, stderr=log)
        bench.processes.append(self.process)
        self.await_log("eddy starts")
        self.resident_at_start = self.resident()
        self.consumer = Consumer({"bootstrap.servers": bench.kafka.brokers, "group.id": app, "log_level": 0})

    def await_log(self, text):
        while text not in self.log.read_text(errors="replace"):
            self.check()
            time.sleep(0.002)

    def check(self):
        if self.process.poll() is not None:
            raise SystemExit(f"eddy ended by itself\n{self.log.read_text(errors='replace')[-3000:]}")

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def committed(self):
        partitions = [TopicPartition(self.topic, partition) for partition in range(PARTITIONS)]
        deadline = time.monotonic() + 30
        while True:
            try:
                return sum(max(0, found.offset) for found in self.consumer.committed(partitions, timeout=30))
            except KafkaException:  # a fresh broker is still looking for the group's coordinator
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def outputs(self, name):
        """Records in an output topic, transaction markers (one per commit and partition at most) included."""
        return sum(self.consumer.get_watermark_offsets(TopicPartition(f"{self.app}.{name}", partition), timeout=30)[1]
                   for partition in range(PARTITIONS))

    def mark(self):
        """Where it stands: (events committed, wall time, processor time)."""
        self.check()
        return self.committed(), time.monotonic(), self.cpu()

    def await_committed(self, events):
        while (mark := self.mark())[0] < events:
            time.sleep(0.03)
        return mark

    def settle(self):
        """Until it is idle: Redis and the trainer may be behind the commits."""
        before = self.cpu()
        while True:
            time.sleep(0.3)
            now = self.cpu()
            if now - before < 0.05:
                return
            before = now

    def end(self, kill):
        """Leaves what it has written where it is."""
        self.consumer.close()
        self.process.kill() if kill else self.process.terminate()
        self.process.wait(120)

    def stop(self):
        self.consumer.close()
        self.process.terminate()
        if self.process.wait(60) != 0:
            raise SystemExit(f"eddy ended with {self.process.returncode}\n{self.log.read_text(errors='replace')[-3000:]}")
        last = [line for line in self.log.read_text().splitlines() if "eddy ends" in line][-1]
        self.final = dict(word.split("=", 1) for word in last.split() if "=" in word)
        doomed = [topic for topic in self.bench.kafka.topics() if topic.startswith(f"{self.app}.")]
        admin = self.bench.kafka.admin()
        for deletion in admin.delete_topics(doomed).values():
            deletion.result(30)


class Watchers:
    """What looks at an instance while somebody has its page open with a user on it, and Prometheus scrapes it every second."""

    def __init__(self, eddy):
        self.ended = threading.Event()
        while 'msg="HTTP listens" address=' not in (text := eddy.log.read_text(errors="replace")):
            eddy.check()
            time.sleep(0.01)
        self.url = "http://" + text.split('msg="HTTP listens" address=', 1)[1].split()[0]
        self.answers = 0
        paths = [("/metrics", 1), ("/api/status", 1), ("/api/segments", 2), ("/api/users/u0000000001", 2)]
        self.threads = [threading.Thread(target=self.poll, args=each) for each in paths] + [threading.Thread(target=self.stream)]
        for thread in self.threads:
            thread.start()

    def poll(self, path, every):
        while not self.ended.is_set():
            try:
                with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                    answer.read()
            except urllib.error.HTTPError:  # 404 until the user is there
                pass
            self.answers += 1
            self.ended.wait(every)

    def stream(self):
        with urllib.request.urlopen(self.url + "/api/triggers", timeout=30) as answer:
            while not self.ended.is_set() and answer.readline():
                pass

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(40)


class Bench:
    def __init__(self, options):
        self.options, self.number, self.loaded = options, 0, {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eddy-bench-"))
        self.kafka, self.processes = None, []
        self.eddy, self.helper = programs()

    def start(self):
        self.kafka = Broker(self.folder / "kafka", heap="512m" if self.options.smoke else "1g").start()
        socket = self.folder / "redis.sock"
        self.redis_url = f"unix://{socket}"
        with open(self.folder / "redis.log", "wb") as log:
            self.processes.append(subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir",
                                                    str(self.folder)], stdout=log, stderr=log))

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.kafka:
            self.kafka.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def help(self, mode, topic, **more):
        words = [f"--{name.replace('_', '-')}={value}" for name, value in more.items()]
        result = subprocess.run([self.helper, mode, f"--brokers={self.kafka.brokers}", f"--topic={topic}", *words],
                                stdout=subprocess.PIPE, check=True)
        return json.loads(result.stdout)

    def app(self, name):
        self.number += 1
        return f"bench{self.number}-{name}"

    def topic(self, name, cart_share=0, **more):
        """A filled topic; filled once."""
        if name not in self.loaded:
            self.kafka.create(name, PARTITIONS)
            wanted = {"events": self.options.events, "users": self.options.users, "cart_share": cart_share, "step_us": STEP_US, **more}
            made = self.help("load", name, **wanted)
            self.loaded[name] = made["events"] + made["carts"]
            print(f"topic {name}: {self.loaded[name]:,} events of {made['bytes_per_event']:.0f} bytes, {PARTITIONS} partitions, "
                  f"loaded in {made['seconds']:.1f} s\n", flush=True)
        return name, self.loaded[name]


def programs():
    """eddy and bench_e2e: given, or built here."""
    build = pathlib.Path(os.environ.get("EDDY_BUILD_DIR", SOURCE / "build" / "bench"))
    if "EDDY_BUILD_DIR" not in os.environ:
        build.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cmake", "-S", SOURCE, "-B", build, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", build, "eddy", "bench_e2e"], check=True, stdout=subprocess.DEVNULL)
    return os.environ.get("EDDY_BIN", str(build / "eddy")), str(build / "bench" / "bench_e2e")


def drain(bench, variant, redis, topic="events", watched=False, **more):
    """One measured drain of a topic from empty state. Rates are those of the second half."""
    topic, events = bench.topic(topic)
    if redis:
        more["redis"] = {"url": bench.redis_url}
        subprocess.run(["redis-cli", "-s", bench.redis_url[7:], "flushall"], check=True, stdout=subprocess.DEVNULL)
    eddy = Eddy(bench, bench.app(variant), topic, model=VARIANTS[variant], **more)
    watchers = Watchers(eddy) if watched else None
    start = eddy.mark()
    half = eddy.await_committed(events // 2)
    if half[0] == events:  # so few that one transaction took them all
        half = start
    changes, state = eddy.outputs("segment-changes"), eddy.outputs("profiles")
    end = eddy.await_committed(events)
    if watchers:
        watchers.end()
    changes, state = eddy.outputs("segment-changes") - changes, eddy.outputs("profiles") - state
    eddy.settle()
    cpu = eddy.cpu() if redis else end[2]  # what Redis gets after the last commit counts, too
    resident = eddy.resident() - eddy.resident_at_start - PREFETCH
    eddy.stop()
    counted = max(1, end[0] - half[0])
    return {"per_s": counted / (end[1] - half[1]) if end[1] > half[1] else float("nan"),
            "per_cpu_s": counted / max(cpu - half[2], 0.01), "changed": changes / counted,
            "state": state / counted, "answers": watchers.answers if watchers else 0, "changes": int(eddy.final["segment_changes"]), "commits": int(eddy.final["commits"]),
            "bytes_per_user": resident / bench.options.users}


def median(rows, name):
    return statistics.median(row[name] for row in rows)


def run_drains(bench, variant, redis):
    events = bench.topic("events")[1]
    print(f"drain, '{variant}' changes, Redis {'on' if redis else 'off'} (second half of {events:,} events; k = thousand)")
    rows, bare = [], []
    for _ in range(bench.options.rounds):
        bare.append(bench.help("drain", "events", events=events))
        rows.append(row := drain(bench, variant, redis))
        print(f"  eddy {row['per_s'] / 1e3:7.0f} k/s {row['per_cpu_s'] / 1e3:7.0f} k per CPU-s   bare consumer "
              f"{bare[-1]['per_s'] / 1e3:7.0f} k/s {bare[-1]['per_cpu_s'] / 1e3:7.0f} k per CPU-s   "
              f"{100 * row['changed']:.1f} % changed, {row['changes']:,} changes in all, {row['commits']} commits, "
              f"{row['bytes_per_user']:.0f} B/user", flush=True)
    ours, theirs = median(rows, "per_cpu_s"), median(bare, "per_cpu_s")
    print(f"  median: {ours / 1e3:.0f} k events per CPU-second = {100 * ours / theirs:.0f} % of the bare consumer; "
          f"{median(rows, 'per_s') / 1e3:.0f} k events/s = {100 * median(rows, 'per_s') / median(bare, 'per_s'):.0f} %; "
          f"{100 * median(rows, 'changed'):.1f} % of the events changed a segment\n", flush=True)
    return median(rows, "per_s")


def run_changelog(bench):
    """What durable state costs: the same drain with and without it, in turn, on users drawn by Zipf's law."""
    events = bench.topic("zipf", zipf=1.0)[1]
    print(f"durable state, users by Zipf's law (exponent 1.0), second half of {events:,} events, in turn with profile.durable false")
    rows = {True: [], False: []}
    for _ in range(bench.options.rounds):
        for durable in (True, False):
            rows[durable].append(row := drain(bench, "many", False, "zipf", profile={"durable": durable}))
            print(f"  {'on ' if durable else 'off'} {row['per_s'] / 1e3:7.0f} k/s {row['per_cpu_s'] / 1e3:7.0f} k per CPU-s, "
                  f"{100 * row['changed']:.1f} % changed, {row['state']:.2f} state records per event", flush=True)
    with_, without = median(rows[True], "per_cpu_s"), median(rows[False], "per_cpu_s")
    print(f"  median: {with_ / 1e3:.0f} k events per CPU-second = {100 * with_ / without:.0f} % of {without / 1e3:.0f} k without; "
          f"{median(rows[True], 'per_s') / 1e3:.0f} k events/s = "
          f"{100 * median(rows[True], 'per_s') / median(rows[False], 'per_s'):.0f} %\n", flush=True)


def run_watched(bench):
    """What being looked at costs: the same drain with HTTP off, and on with Prometheus and an open page."""
    events = bench.topic("events")[1]
    print(f"watched, second half of {events:,} events, in turn: http none, and /metrics and the page's requests every second")
    rows = {True: [], False: []}
    for _ in range(bench.options.rounds):
        for watched in (False, True):
            http = {"listen": "127.0.0.1:0" if watched else "none"}
            rows[watched].append(row := drain(bench, "many", False, watched=watched, http=http))
            print(f"  {'watched' if watched else 'alone  '} {row['per_s'] / 1e3:7.0f} k/s {row['per_cpu_s'] / 1e3:7.0f} k per CPU-s, "
                  f"{row['answers']} answers", flush=True)
    with_, without = median(rows[True], "per_cpu_s"), median(rows[False], "per_cpu_s")
    print(f"  median: {with_ / 1e3:.0f} k events per CPU-second = {100 * with_ / without:.1f} % of {without / 1e3:.0f} k alone; "
          f"{median(rows[True], 'per_s') / 1e3:.0f} k events/s = "
          f"{100 * median(rows[True], 'per_s') / median(rows[False], 'per_s'):.1f} %\n", flush=True)


def restored(eddy):
    """Seconds from its start until every partition is live, and what the log says of them."""
    while (text := eddy.log.read_text(errors="replace")).count('msg="partition restored"') < PARTITIONS:
        eddy.check()
        time.sleep(0.005)
    seconds = time.monotonic() - eddy.started
    rows = [dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in text.splitlines() if 'msg="partition restored"' in line]
    return seconds, {name: sum(int(row[name]) for row in rows) for name in ("users", "records", "bytes", "replayed")}


def run_restore(bench):
    """kill -9 under load, then a clean stop: how long until a successor is live, and speaks."""
    users = 2 * bench.options.users
    topic, events = bench.topic("restore", events=5 * users, users=users, each=1)
    app = bench.app("restore")
    print(f"restart with {users:,} users, 2 workers, 4 partitions")
    first = Eddy(bench, app, topic, workers=2)
    left = events - first.await_committed(events * 4 // 5)[0]
    first.end(kill=True)
    second, line = restart(bench, app, topic, "kill -9 in a drain")
    before = second.outputs("segment-changes")
    while left > 0 and second.outputs("segment-changes") == before:
        second.check()
        time.sleep(0.02)
    print(f"{line}; first output after {time.monotonic() - second.started:.1f} s", flush=True)
    second.await_committed(events)
    second.end(kill=False)
    third, line = restart(bench, app, topic, "clean stop")
    print(f"{line}\n", flush=True)
    third.end(kill=True)


def restart(bench, app, topic, name):
    eddy = Eddy(bench, app, topic, workers=2)
    seconds, found = restored(eddy)
    return eddy, (f"  {name}: {seconds:.1f} s to {found['users']:,} users from {found['records']:,} records, {found['bytes'] / 1e6:.0f} MB, "
                  f"{found['replayed']:,} events read again")


def run_memory(bench):
    topic, events = bench.topic("carts", CART_SHARE)
    eddy = Eddy(bench, bench.app("memory"), topic)
    eddy.await_committed(events)
    eddy.settle()
    grown = eddy.resident() - eddy.resident_at_start
    eddy.stop()
    print(f"memory, default configuration, 20-byte ids, a three-line cart for every {CART_SHARE}th of {bench.options.users:,} users")
    print(f"  resident size grew by {grown / 1e6:.0f} MB; without {PREFETCH >> 20} MiB of prefetch (1 worker): "
          f"{(grown - PREFETCH) / bench.options.users:.0f} bytes per user; triggers fired: {eddy.final['triggers_fired']}\n", flush=True)


def run_latency(bench, rate):
    """eddy has drained the topic, knows its users and has a model; then events come at a fixed rate."""
    smoke = bench.options.smoke
    if not rate:
        rate = run_drains(bench, "many", False)
    rates = [2000] if smoke else [100_000, round(0.6 * rate, -4)]
    topic, events = bench.topic("events")
    eddy = Eddy(bench, bench.app("latency"), topic, model={**VARIANTS["many"], "sweep": False})
    eddy.await_committed(events)
    print("latency, event sent -> segment change seen by a read_committed subscriber, commit interval 100 ms")
    for number, each in enumerate(rates):
        start, before = time.monotonic(), eddy.cpu()
        found = bench.help("latency", topic, output=f"{eddy.app}.segment-changes", rate=int(each), users=bench.options.users,
                           seed=100 + number, seconds=2 if smoke else 20, warm_up=1 if smoke else 5)
        used = (eddy.cpu() - before) / (time.monotonic() - start)
        name = "at 60 % of the drain's rate" if number else "fixed"
        print(f"  {found['rate'] / 1e3:.0f} k events/s ({name}): p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms, p99.9 "
              f"{found['p999_ms']} ms, max {found['max_ms']} ms over {found['changes']:,} changes; eddy used {used:.2f} CPUs",
              flush=True)
    print()
    bench.loaded.clear()  # the topic holds more now
    eddy.stop()


def first_line(command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return result.stdout.splitlines()[0]


def banner(bench):
    info = pathlib.Path("/proc/cpuinfo").read_text()
    cpu = info.split("model name", 1)[1].split(":", 1)[1].splitlines()[0].strip() if "model name" in info else platform.machine()
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 2**20
    version = subprocess.run([bench.eddy, "version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    print(f"machine   {cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}")
    print(f"broker    Apache Kafka {VERSION} on the same machine, {first_line(['java', '-version'])}")
    print(f"versions  {version[0]}, " + ", ".join(line for line in version[1:] if line.startswith(("librdkafka", "hiredis"))))
    print(f"load      {os.getloadavg()[0]:.2f} before the start\n", flush=True)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="drains per case; medians are printed")
    parser.add_argument("--only", default="many,many-redis,few,changelog,watched,restore,memory,latency", help="cases, separated by commas")
    parser.add_argument("--smoke", action="store_true", help="a minute of small numbers: does everything run?")
    found = parser.parse_args()
    if found.smoke:
        found.events, found.users, found.rounds = 20_000, 2_000, 1
    found.only = found.only.split(",")
    return found


def main():
    bench = Bench(options())
    rate = None
    try:
        banner(bench)
        bench.start()
        for case in ("many", "many-redis", "few"):
            if case in bench.options.only:
                measured = run_drains(bench, case.split("-")[0], case.endswith("redis"))
                rate = measured if case == "many" else rate
        if "changelog" in bench.options.only:
            run_changelog(bench)
        if "watched" in bench.options.only:
            run_watched(bench)
        if "restore" in bench.options.only:
            run_restore(bench)
        if "memory" in bench.options.only:
            run_memory(bench)
        if "latency" in bench.options.only:
            run_latency(bench, rate)
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
