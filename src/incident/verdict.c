// Restart or give up. A restart costs a model load, a crash loop costs money: only what is likely to help is tried,
// once.
//
// recover=env: the first fix that is marked safe, is a change of environment and did not fail its trial.
// recover=restart: also a plain restart, where the cause is one that passes (wait, restart, free-gpu) or a kill from
// outside without a known cause.
#include "incident/incident.h"

#include "base/str.h"

static const double CONFIDENT = 0.7;

static bool applied_before(const json_t *death, const json_t *set)
{
	const json_t *applied = json_object_get(death, "applied");
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)set, name, value) {
		if (!json_equal(json_object_get(applied, name), value))
			return false;
	}
	return json_object_size(set) > 0 && json_object_size(applied) > 0;
}

static bool trial_failed(const json_t *fix)
{
	const char *result = ff_json_text(fix, "tried.result");
	return result && (strcmp(result, "leaves-cause") == 0 || ff_starts(result, "brings"));
}

// The fix to apply by ourselves, NULL for none.
static const json_t *safe_fix(const json_t *death, const json_t *diagnosis)
{
	size_t i;
	json_t *fix;
	if (json_number_value(json_object_get(diagnosis, "confidence")) < CONFIDENT)
		return NULL;
	json_array_foreach (json_object_get(diagnosis, "fixes"), i, fix) {
		const json_t *set = json_object_get(fix, "set"), *unset = json_object_get(fix, "unset");
		if (!json_is_true(json_object_get(fix, "automatic")) || trial_failed(fix))
			continue;
		if ((json_object_size(set) || json_array_size(unset)) && !applied_before(death, set))
			return fix;
	}
	return NULL;
}

static bool passes_by_itself(const json_t *incident, const json_t *diagnosis)
{
	const char *kind = ff_json_text(diagnosis, "fixes.0.kind"), *how = ff_json_text(incident, "how");
	static const char *const transient[] = {"restart", "wait", "free-gpu"};
	for (size_t i = 0; kind && i < sizeof(transient) / sizeof(transient[0]); i++) {
		if (strcmp(kind, transient[i]) == 0)
			return true;
	}
	return !diagnosis && how && (strcmp(how, "signal") == 0 || strcmp(how, "hang") == 0);
}

// One line; the reader has no escapes.
static void put(struct ff_buf *out, const char *key, const char *value)
{
	ff_buf_printf(out, "%s=", key);
	for (const char *p = value; *p; p++)
		ff_buf_char(out, (unsigned char)*p < 0x20 ? ' ' : *p);
	ff_buf_char(out, '\n');
}

static void put_fix(struct ff_buf *out, const json_t *fix)
{
	const char *name;
	json_t *value;
	size_t i;
	json_object_foreach (json_object_get(fix, "set"), name, value) {
		_cleanup_buf_ struct ff_buf pair = {0};
		ff_buf_printf(&pair, "%s=%s", name, json_is_string(value) ? json_string_value(value) : "");
		put(out, "set", pair.p ? pair.p : "");
	}
	json_array_foreach (json_object_get(fix, "unset"), i, value)
		put(out, "unset", json_is_string(value) ? json_string_value(value) : "");
	put(out, "fix", ff_json_text(fix, "kind") ? ff_json_text(fix, "kind") : "");
	put(out, "say", ff_json_text(fix, "say") ? ff_json_text(fix, "say") : "");
}

struct ff_error *ff_incident_verdict(const json_t *death, const json_t *incident, const char *id, char **ret)
{
	_cleanup_buf_ struct ff_buf out = {0};
	const char *recover = ff_json_text(death, "recover"), *phase = ff_json_text(incident, "phase");
	const json_t *diagnosis = ff_json_at(incident, "diagnosis.diagnoses.0");
	int64_t attempt = 1, max = 1;
	ff_json_int(death, "attempt", &attempt);
	ff_json_int(death, "attempts_max", &max);
	bool may = recover && strcmp(recover, "off") != 0 && attempt < max;
	const json_t *fix = may && diagnosis ? safe_fix(death, diagnosis) : NULL;
	bool again = may && !fix && strcmp(recover, "restart") == 0 && passes_by_itself(incident, diagnosis);
	ff_buf_str(&out, "firstfix.verdict/1\n");
	if (id)
		put(&out, "incident", id);
	put(&out, "action", fix || again ? "restart" : "give-up");
	if (fix)
		put_fix(&out, fix);
	else if (again)
		put(&out, "say", "Restart as it is: the cause is one that passes by itself, or is not known.");
	else if (diagnosis)
		put(&out, "say", "No fix that is safe to apply by itself: the failure would come again.");
	if (diagnosis)
		put(&out, "cause", ff_json_text(diagnosis, "cause") ? ff_json_text(diagnosis, "cause") : "");
	if (phase)
		put(&out, "phase", phase);
	return ff_buf_finish(&out, ret);
}
