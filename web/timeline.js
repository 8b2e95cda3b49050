// What happened when: model loads, incidents and requests of the worker's events, for every chart's time axis.

const REQUESTS_MAX = 20000;
const seconds = (iso) => new Date(iso).getTime() / 1000;

export class Timeline {
  loads = []; // {begin, end (null: still loading), model, ok}
  incidents = []; // {at, title}
  requests = []; // {at, ms, ok}, by time of their end

  /** One firstfix.event/1. */
  take(event) {
    const at = seconds(event.timestamp);
    const name = event["event.name"];
    const phase = event["firstfix.phase"];
    const took = event["firstfix.duration_ms"];
    if (phase === "model.load" && name === "firstfix.phase.begin")
      this.loads.push({
        begin: at,
        end: null,
        model: event["gen_ai.request.model"] ?? "a model",
        ok: true,
        pid: event["process.pid"],
      });
    if (phase === "model.load" && name === "firstfix.phase.end") this.#endLoad(at, took, event);
    if (phase === "request" && name === "firstfix.phase.end")
      this.requests.push({ at, ms: took, ok: event["firstfix.outcome"] === "ok" });
    if (this.requests.length > REQUESTS_MAX) this.requests.splice(0, REQUESTS_MAX / 10);
  }

  #endLoad(at, took, event) {
    const model = event["gen_ai.request.model"] ?? "a model";
    const ok = event["firstfix.outcome"] === "ok";
    const open = this.loads.find(
      (load) => load.end === null && load.pid === event["process.pid"] && load.model === model,
    );
    if (open) Object.assign(open, { end: at, ok });
    else this.loads.push({ begin: at - (took ?? 0) / 1000, end: at, model, ok, pid: event["process.pid"] });
  }

  setIncidents(list) {
    this.incidents = list.map((each) => ({
      at: seconds(each.last_seen),
      title: each.cause ?? each.title ?? "incident",
    }));
  }

  clear() {
    this.loads = [];
    this.requests = [];
  }

  /** Per piece of time: its middle, p50 and p95 of the requests that ended in it (null: none), how many failed. */
  latency(from, to, pieces) {
    const width = (to - from) / pieces;
    const buckets = Array.from({ length: pieces }, () => []);
    const failed = new Array(pieces).fill(0);
    for (const request of this.requests) {
      const i = Math.floor((request.at - from) / width);
      if (i < 0 || i >= pieces) continue;
      if (typeof request.ms === "number") buckets[i].push(request.ms);
      if (!request.ok) failed[i]++;
    }
    const quantile = (list, q) =>
      list.length ? list[Math.min(list.length - 1, Math.ceil(q * list.length) - 1)] : null;
    for (const bucket of buckets) bucket.sort((a, b) => a - b);
    return {
      x: buckets.map((_, i) => from + (i + 0.5) * width),
      p50: buckets.map((bucket) => quantile(bucket, 0.5)),
      p95: buckets.map((bucket) => quantile(bucket, 0.95)),
      failed,
    };
  }
}
