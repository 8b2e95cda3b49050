"""The agent behind TLS, and clients that show certificates: keys of openssl, questions of curl and of our client."""
import json
import subprocess

import pytest
from agent_client import until

from test_agent_http import hooks  # noqa: F401 (a fixture)


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Keys:
    """An authority of servers, one of clients, and what they vouch for."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for name in ("servers", "clients", "strangers"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj", f"/CN={name}",
                    "-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:true")
        self.make("worker", "servers", "serverAuth", "DNS:worker.example,IP:127.0.0.1")
        self.make("elsewhere", "servers", "serverAuth", "DNS:elsewhere.example")
        self.make("prometheus", "clients", "clientAuth", "DNS:prometheus")
        self.make("other-server", "clients", "serverAuth", "DNS:other")
        self.make("stranger", "strangers", "clientAuth", "DNS:stranger")
        self.make("old", "clients", "clientAuth", "DNS:old", days=-1)

    def make(self, name, by, usage, names, days=2):
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"extendedKeyUsage={usage}\nsubjectAltName={names}\nkeyUsage=digitalSignature\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self[f"{name}.key"], "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self[f"{by}.pem"], "-CAkey", self[f"{by}.key"],
                "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", self[f"{name}.pem"])

    def __getitem__(self, name):
        return str(self.folder / name)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("tls") / "keys")


def serve(agents, keys, *options, name="worker"):
    """An agent beside a process that sleeps; its address."""
    sleeper = agents.popen(["sleep", "600"])
    child = agents.watch("--pid", str(sleeper.pid), "--ready-after", "0", "--tls-cert", keys[f"{name}.pem"],
                         "--tls-key", keys[f"{name}.key"], *options, wait=False)
    said = until(lambda: child.errors.read_text(), "an address")
    assert said.startswith("firstfix agent: https://"), said
    return said.split()[2]


def curl(url, *words):
    """(status, body); status 0 where no answer came."""
    done = subprocess.run(["curl", "-s", "-m", "20", "-w", "\n%{http_code}", *map(str, words), url],
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def as_client(keys, name):
    return ["--cacert", keys["servers.pem"], "--cert", keys[f"{name}.pem"], "--key", keys[f"{name}.key"]]


def test_a_certificate_instead_of_a_token(agents, keys):
    url = serve(agents, keys, "--listen", "0.0.0.0:0", "--tls-client-ca", keys["clients.pem"])
    url = url.replace("0.0.0.0", "127.0.0.1")
    trusted = ["--cacert", keys["servers.pem"]]
    status, body = curl(url + "/metrics", *as_client(keys, "prometheus"))
    assert status == 200 and "firstfix_" in body
    for wrong in ("other-server", "stranger", "old"):
        assert curl(url + "/metrics", *as_client(keys, wrong))[0] in (0, 401), wrong
    status, body = curl(url + "/metrics", *trusted)
    assert status == 401 and "client certificate" in body
    status, body = curl(url + "/livez?verbose", *trusted)  # a kubelet shows none: it gets the word alone
    assert status == 200 and len(body.split()) == 1
    assert curl(url + "/metrics", *as_client(keys, "prometheus"), "-H", "Sec-Fetch-Site: cross-site")[0] == 403
    assert curl(url + "/metrics", *as_client(keys, "prometheus"), "-H", "Origin: https://evil.example")[0] == 403
    port = url.rpartition(":")[2]
    named = f"https://worker.example:{port}"
    assert curl(named + "/metrics", "--resolve", f"worker.example:{port}:127.0.0.1",
                *as_client(keys, "prometheus"))[0] == 200
    assert curl(url.replace("https", "http") + "/livez")[0] in (0, 400)
    assert curl(url + "/livez", *trusted, "--tls-max", "1.1")[0] == 0


def test_token_and_certificate(agents, keys):
    token = agents.folder / "token"
    token.write_text("s3cret\n")
    url = serve(agents, keys, "--token-file", str(token), "--tls-client-ca", keys["clients.pem"])
    trusted = ["--cacert", keys["servers.pem"]]
    assert curl(url + "/metrics", *trusted)[0] == 401
    assert curl(url + "/metrics", *trusted, "-H", "Authorization: Bearer s3cret")[0] == 200
    assert curl(url + "/metrics", *as_client(keys, "prometheus"))[0] == 200


def ours(agents, *words, **env):
    return subprocess.run([agents.firstfix, *map(str, words)], env=dict(agents.env, **env), capture_output=True,
                          text=True, timeout=60)


def test_our_own_commands(agents, keys):
    url = serve(agents, keys, "--tls-client-ca", keys["clients.pem"], name="elsewhere")
    # Found in the state folder: the certificate is known, whatever name it is for.
    until(lambda: ours(agents, "health").returncode == 0, "health by the state folder")
    done = ours(agents, "health", url)
    assert done.returncode == 1 and "certificate is not" in done.stderr
    shown = ["--client-cert", keys["prometheus.pem"], "--client-key", keys["prometheus.key"]]
    done = ours(agents, "health", "--json", *shown)
    assert json.loads(done.stdout)["schema"] == "firstfix.health/1", done.stderr
    done = ours(agents, "top", "--once", *shown)
    assert done.returncode == 0 and "Host" in done.stdout, done.stderr
    done = ours(agents, "top", "--once")
    assert done.returncode == 2 and "wanted" in done.stderr
    done = ours(agents, "top", "--once", FIRSTFIX_CLIENT_CERT=keys["prometheus.pem"],
                FIRSTFIX_CLIENT_KEY=keys["prometheus.key"])
    assert done.returncode == 0, done.stderr
    done = ours(agents, "health", "--client-cert", keys["prometheus.pem"])
    assert done.returncode == 2 and "go together" in done.stderr


def test_our_client_and_another_machine(agents, keys, tmp_path):
    url = serve(agents, keys, "--tls-client-ca", keys["clients.pem"])
    assert ours(agents, "health", url).returncode == 1  # the system's authorities know nothing of ours
    trusting = ["--tls-ca", keys["servers.pem"]]
    until(lambda: ours(agents, "health", url, *trusting).returncode == 0, "health by the authority")
    assert ours(agents, "health", url, FIRSTFIX_TLS_CA=keys["servers.pem"]).returncode == 0
    assert ours(agents, "health", url, "--tls-ca", keys["strangers.pem"]).returncode == 1
    (tmp_path / "empty.pem").write_text("")
    done = ours(agents, "health", url, "--tls-ca", tmp_path / "empty.pem")
    assert done.returncode == 2 and "empty.pem" in done.stderr
    done = ours(agents, "health", url, FIRSTFIX_GNUTLS="")
    assert done.returncode == 1 and "libgnutls" in done.stderr
    done = ours(agents, "health", url.replace("https", "http"))
    assert done.returncode != 0


@pytest.mark.parametrize(
    "words, said",
    [
        (["--tls-cert", "worker.pem"], "both --tls-cert and --tls-key"),
        (["--tls-client-ca", "clients.pem"], "both --tls-cert and --tls-key"),
        (["--tls-cert", "worker.pem", "--tls-key", "old.key"], "worker.pem"),
        (["--tls-cert", "nothing.pem", "--tls-key", "worker.key"], "nothing.pem"),
        (["--tls-cert", "worker.key", "--tls-key", "worker.key"], "worker.key"),
        (["--tls-cert", "worker.pem", "--tls-key", "worker.key", "--tls-client-ca", "worker.key"], "worker.key"),
        (["--tls-cert", ".", "--tls-key", "worker.key"], "directory"),
    ],
)
def test_what_is_wrong_with_the_files_is_said(agents, keys, words, said):
    child = agents.watch(*[w if w.startswith("--") else keys[w] for w in words], wait=False)
    assert child.wait(30) == 2 and said in child.errors.read_text(), child.errors.read_text()


def test_without_gnutls_it_says_so(agents, keys):
    agents.env["FIRSTFIX_GNUTLS"] = ""
    child = agents.watch("--tls-cert", keys["worker.pem"], "--tls-key", keys["worker.key"], wait=False)
    assert child.wait(30) == 2 and "TLS needs libgnutls" in child.errors.read_text()
