"""`eddy demo` as a server to ask: a broker in its process, nothing to set up."""
import contextlib
import json
import os
import re
import subprocess
import urllib.error
import urllib.request

from waiting import await_true


def get(address, path):
    """(status, headers, text) of http://ADDRESS/PATH; status 0: nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
    except urllib.error.URLError:
        return 0, {}, ""


@contextlib.contextmanager
def running_demo(folder, seconds):
    """Address of a demo's HTTP server, once the pipeline has segments; it must start and end in good order within `seconds` each."""
    out = folder / "out"
    with open(out, "wb") as file:
        process = subprocess.Popen([os.environ["EDDY_BIN"], "demo", "--duration", "120s", "--no-redis"], stdout=file, stderr=file)
    try:
        found = await_true(lambda: re.search(r"http://(\S+)/metrics", out.read_text()), seconds, out.read_text)
        await_true(lambda: json.loads(get(found.group(1), "/api/segments")[2])["segments"], 60, out.read_text)
        yield found.group(1)
        process.terminate()
        assert process.wait(seconds) == 0
    finally:
        process.kill()
        process.wait()
