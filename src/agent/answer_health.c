// /livez, /readyz and /startupz: 200 or 503, in Kubernetes' forms.
//
//	503 stalled: 3 requests in work, the oldest for 140 s, and no progress of any kind for 131 s
//	503 dead: its process is gone; CUDA out of memory; fix: Lower max_model_len to 8192
//
// Without the token that others must show (--token-file) only the word is told: kubelet and load balancers have no
// token.
#include "agent/agent.h"
#include "agent/answers.h"
#include "emit/redact.h"

#include <string.h>

enum probe { LIVE, READY, STARTED };

static bool says_yes(const struct ff_health *h, enum probe probe)
{
	return probe == LIVE ? h->live : probe == READY ? h->ready : h->started;
}

// What is wrong is explained by the last incident of this run, where there is one.
static bool explains(const struct ff_agent *a)
{
	static const bool failures[FF_STATES] = {[FF_STATE_STALLED] = true,
		[FF_STATE_GPU_LOST] = true,
		[FF_STATE_DRIVER_HUNG] = true,
		[FF_STATE_ENGINE_DEAD] = true,
		[FF_STATE_DEAD] = true,
		[FF_STATE_STARTING] = true};
	return failures[a->health.state] && a->incident.title[0];
}

static void write_line(const struct ff_agent *a, struct ff_buf *out)
{
	ff_buf_printf(out, "%s: %s", ff_state_names[a->health.state], a->health.why);
	if (!explains(a))
		return;
	ff_buf_printf(out, "; %s", a->incident.title);
	if (a->incident.fix[0])
		ff_buf_printf(out, "; fix: %s", a->incident.fix);
}

static json_t *check(const char *name, bool ok, const char *say)
{
	return json_pack("{s:s, s:b, s:s}", "name", name, "ok", ok, "say", say);
}

// What the verdict rests on, one line each.
static json_t *checks_of(const struct ff_agent *a)
{
	const struct ff_observed *o = &a->observed;
	bool driver_ok = o->driver_silent_s < FF_DRIVER_PATIENCE_S;
	const char *driver = !driver_ok		   ? "the driver does not answer"
		: a->gpu.now.state == FF_GPUS_OK   ? "the driver answers"
		: a->gpu.now.state == FF_GPUS_NONE ? "no NVIDIA GPU is seen here"
						   : a->gpu.now.why;
	json_t *all = json_array();
	json_array_append_new(all,
		check("process", o->alive, o->alive ? "the worker's process lives" : "the worker's process is gone"));
	json_array_append_new(all, check("recording", true, o->records ? "it records events" : "it records no events"));
	json_array_append_new(all,
		check("model", !o->loading,
			o->loading	    ? "a model is loading"
				: o->loaded ? "a model is loaded"
					    : "no model load was seen"));
	json_array_append_new(all,
		check("engine", !(o->engines_dead && !o->engines),
			o->engines ? "processes that hold a model live" : "no process of its own holds the model"));
	json_array_append_new(all, check("driver", driver_ok, driver));
	json_array_append_new(all,
		check("gpus", !o->gpus_lost,
			o->gpus_lost ? "a GPU does not answer" : "every GPU that was seen answers"));
	json_array_append_new(all,
		check("progress", a->health.state != FF_STATE_STALLED,
			a->health.state == FF_STATE_STALLED ? a->health.why : "work moves or there is none"));
	for (unsigned i = 0; i < FF_RESOURCES; i++) {
		char forecast[200];
		if (!a->forecasts[i].is)
			continue;
		ff_forecast_sentence(&a->forecasts[i], i, forecast);
		json_array_append_new(all, check("memory", true, forecast));
	}
	if (a->store_problem[0])
		json_array_append_new(all, check("store", true, a->store_problem));
	return all;
}

json_t *ff_health_document(const struct ff_agent *a)
{
	const struct ff_health *h = &a->health;
	json_t *doc = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "schema", "firstfix.health/1", "state",
		ff_state_names[h->state], "why", h->why, "live", h->live, "ready", h->ready, "started", h->started,
		"checks", checks_of(a));
	if (doc)
		json_object_set_new(doc, "forecasts", ff_forecasts_document(a));
	if (doc && a->attempt)
		json_object_set_new(doc, "attempt", json_integer(a->attempt));
	if (doc && a->incident.id[0])
		json_object_set_new(doc, "incident",
			json_pack("{s:s, s:s, s:s, s:s}", "id", a->incident.id, "cause", a->incident.cause, "title",
				a->incident.title, "fix", a->incident.fix));
	return doc;
}

json_t *ff_told_of_health(void *owner)
{
	struct ff_agent *a = owner;
	pthread_mutex_lock(&a->lock);
	json_t *doc = ff_health_document(a);
	pthread_mutex_unlock(&a->lock);
	return doc;
}

static void write_checks(const struct ff_agent *a, struct ff_buf *out)
{
	_cleanup_json_ json_t *checks = checks_of(a);
	size_t i;
	json_t *c;
	json_array_foreach (checks, i, c)
		ff_buf_printf(out, "[%c]%s: %s\n", json_is_true(json_object_get(c, "ok")) ? '+' : '-',
			ff_json_text(c, "name"), ff_json_text(c, "say"));
}

static void answer(struct ff_request *r, struct ff_answer *out, enum probe probe)
{
	struct ff_agent *a = r->agent;
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_buf_ struct ff_buf text = {0};
	bool json = r->trusted && (ff_request_accepts(r, "application/json") || ff_request_query(r, "json")),
	     verbose = r->trusted && ff_request_query(r, "verbose");
	pthread_mutex_lock(&a->lock);
	bool yes = says_yes(&a->health, probe);
	if (json)
		doc = ff_health_document(a);
	if (verbose && !json)
		write_checks(a, &text);
	if (!r->trusted)
		ff_buf_str(&text, ff_state_names[a->health.state]);
	else if (yes && !verbose)
		ff_buf_str(&text, "ok");
	else
		write_line(a, &text);
	pthread_mutex_unlock(&a->lock);
	out->status = yes ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	if (json)
		ff_answer_json(out, doc);
	else if (!text.failed)
		ff_error_destroy(ff_share_text((struct ff_span){text.p, text.n}, "health", NULL, &out->body));
	if (!json)
		ff_buf_char(&out->body, '\n');
}

void ff_answer_livez(struct ff_request *r, struct ff_answer *out)
{
	answer(r, out, LIVE);
}

void ff_answer_readyz(struct ff_request *r, struct ff_answer *out)
{
	answer(r, out, READY);
}

void ff_answer_startupz(struct ff_request *r, struct ff_answer *out)
{
	answer(r, out, STARTED);
}
