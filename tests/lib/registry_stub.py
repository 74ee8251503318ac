"""A small stand-in for a schema registry: the part of Confluent's REST API that eddy and Python's client use, on the loopback.

It holds schemas in memory across stop and start, and fails as told: `registry.fail = 503` answers everything so, `registry.auth =
("user", "password")` asks for credentials, `registry.frozen = {"subject"}` refuses new versions as incompatible.
"""
import base64
import http.server
import json
import ssl
import subprocess
import threading


class Registry:
    def __init__(self):
        self.schemas = []     # id - 1 -> text
        self.subjects = {}    # name -> ids, oldest first
        self.frozen = set()
        self.fail, self.auth = None, None
        self.requests = []    # "GET /schemas/ids/1"
        self.port, self._server, self._tls = 0, None, None

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def use_tls(self, folder):
        """From the next start on. Returns the certificate to trust."""
        certificate, key = folder / "registry.pem", folder / "registry.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry", "-days", "2",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        return certificate

    def start(self):
        registry = self

        class Handler(_Handler):
            pass

        Handler.registry = registry
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def register(self, subject, text):
        """The id of a schema under a subject: equal texts are one schema, whatever their white space."""
        text = json.dumps(json.loads(text))
        if text not in self.schemas:
            self.schemas.append(text)
        number = self.schemas.index(text) + 1
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def find(self, subject, text):
        text = json.dumps(json.loads(text))
        number = self.schemas.index(text) + 1 if text in self.schemas else None
        return number if number in self.subjects.get(subject, ()) else None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry = None

    def log_message(self, *arguments):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error(self, code, message):
        self.answer(int(str(code)[:3]), {"error_code": code, "message": message})

    def handle_one(self):
        registry = self.registry
        size = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(size)) if size else {}
        registry.requests.append(f"{self.command} {self.path}")
        if registry.fail:
            return self.error(registry.fail, "as told")
        if registry.auth and self.headers.get("Authorization") != "Basic " + base64.b64encode(":".join(registry.auth).encode()).decode():
            return self.error(40101, "who are you?")
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["schemas", "ids"]:
            return self.schema(int(parts[2]))
        if parts[:2] == ["compatibility", "subjects"]:
            return self.compatible(parts[2])
        if parts[0] == "subjects" and self.command == "POST":
            return self.subject(parts[1], sent["schema"], parts[2:] == ["versions"])
        return self.error(404, "HTTP 404 Not Found")

    do_GET = do_POST = handle_one

    def schema(self, number):
        if not 1 <= number <= len(self.registry.schemas):
            return self.error(40403, f"Schema {number} not found")
        return self.answer(200, {"schema": self.registry.schemas[number - 1]})

    def compatible(self, subject):
        if subject not in self.registry.subjects:
            return self.error(40401, f"Subject '{subject}' not found.")
        frozen = subject in self.registry.frozen
        return self.answer(200, {"is_compatible": not frozen, "messages": ["a field went away"] if frozen else []})

    def subject(self, subject, text, add):
        registry = self.registry
        found = registry.find(subject, text)
        if add and not found and subject in registry.frozen:
            return self.error(409, "a field went away")
        if add:
            return self.answer(200, {"id": registry.register(subject, text)})
        if subject not in registry.subjects:
            return self.error(40401, f"Subject '{subject}' not found.")
        if not found:
            return self.error(40403, "Schema not found")
        return self.answer(200, {"subject": subject, "id": found, "version": registry.subjects[subject].index(found) + 1,
                                 "schema": registry.schemas[found - 1]})
