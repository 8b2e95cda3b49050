"""Records of a made-up fleet as OTLP/JSON, as a Collector's file exporter writes them: one request a line."""

import json

T0 = 1_750_000_000_000  # milliseconds: June 2025
HOUR = 3_600_000


def attributes(**values):
    return [
        {"key": k.replace("__", "."), "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
        for k, v in values.items()
    ]


def request(worker, records, host=None, fleet=None, **resource):
    names = {"firstfix.worker": worker, "host.name": host, "firstfix.fleet": fleet, **resource}
    resource = [{"key": k, "value": {"stringValue": v}} for k, v in names.items() if v]
    return {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": records}]}]}


def record(name, at, body=None, **values):
    made = {"timeUnixNano": str(at * 1_000_000), "eventName": name, "attributes": attributes(**values)}
    if body is not None:
        made["body"] = {"stringValue": body}
    return made


def facts(at, flat, mark):
    return record("firstfix.facts", at, json.dumps(flat), firstfix__facts__hash=mark)


def start(at, mark):
    return record("firstfix.start", at, firstfix__facts__hash=mark)


def incident(at, mark, fingerprint="f" * 16, name="i1", count=1, **more):
    more = {"firstfix__incident__cause": "bnb.binary-missing", **more}
    return record(
        "firstfix.incident",
        at,
        "bitsandbytes has no binary for this CUDA",
        firstfix__incident__id=name,
        firstfix__incident__fingerprint=fingerprint,
        firstfix__incident__count=count,
        firstfix__facts__hash=mark,
        **more,
    )


def mark_of(flat):
    """A hash as a sender may make it; a reader must not care how."""
    import hashlib

    return hashlib.sha256(json.dumps(flat, sort_keys=True).encode()).hexdigest()[:16]


def write(path, requests):
    path.write_text("".join(json.dumps(each) + "\n" for each in requests))
    return path


def not_of_the_contract(at):
    """Requests of which nothing is taken, and the counter that says so."""
    mark = "a" * 16
    return [
        (request(None, [start(at, mark)]), "refused_worker"),
        (request("w" * 300, [start(at, mark)]), "refused_worker"),
        (request("w\u0007", [start(at, mark)]), "refused_worker"),
        (request("w", [start(at, "xyz")]), "refused_fields"),
        (request("w", [start(0, mark)]), "refused_fields"),
        (request("w", [record("firstfix.start", at)]), "refused_fields"),
        (request("w", [start(at, mark)], fleet="p\naris"), "refused_fields"),
        (request("w", [start(at, mark)], host="h" * 300), "refused_fields"),
        (request("w", [incident(at, "xyz")]), "refused_fields"),
        (request("w", [incident(at, mark, name="")]), "refused_fields"),
        (request("w", [incident(at, mark, fingerprint="' or 1=1 --")]), "refused_fields"),
        (request("w", [incident(at, mark, firstfix__incident__cause="a b<script>")]), "refused_fields"),
        (request("w", [incident(at, mark, count=0)]), "refused_fields"),
        (request("w", [incident(at, mark, count=1_000_000_001)]), "refused_fields"),
        (request("w", [record("firstfix.facts", at, "[1]", firstfix__facts__hash=mark)]), "refused_facts"),
        (request("w", [record("firstfix.facts", at, "{half", firstfix__facts__hash=mark)]), "refused_facts"),
        (request("w", [record("firstfix.facts", at, '{"a": 1}', firstfix__facts__hash=mark)]), "refused_facts"),
        (request("w", [facts(at, {}, mark)]), "refused_facts"),
        (request("w", [facts(at, {"k" * 300: "v"}, mark)]), "refused_facts"),
        (request("w", [facts(at, {"k\u0007": "v"}, mark)]), "refused_facts"),
        (request("w", [facts(at, {"k": "v" * 3000}, mark)]), "refused_facts"),
        (request("w", [facts(at, {f"k{n}": "v" for n in range(2001)}, mark)]), "refused_facts"),
        (request("w", [record("http.request", at)]), "other"),
        ({"resourceSpans": []}, "other"),
        ({"schema": "firstfix.fit/1"}, "other"),
    ]
