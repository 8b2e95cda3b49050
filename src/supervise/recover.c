// Recovery: carries out what the incident step decided. Which fix is safe is not known here; this file knows when to
// try, how often, and whether it helped.
//
// An attempt has passed when its worker outlives the one before by half and two seconds more, or ends well: the failure
// came at a certain point of the start, and that point lies behind it then.
#include "supervise/recover.h"

#include "base/clock.h"
#include "supervise/quote.h"
#include "supervise/say.h"
#include "supervise/supervise.h"
#include "supervise/tally.h"
#include "supervise/verdict.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTE_S = 60, PAUSE_MAX_MS = 60 * 1000, MARGIN_S = 2 };

static const char *key_of(const struct supervisor *s)
{
	static char key[17];
	char cwd[PATH_MAX];
	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	command_key(s->options.argv, cwd, key);
	return key;
}

static void say_permanent(const struct recovery *r)
{
	for (unsigned i = 0; i < r->n_variables; i++) {
		if (r->variables[i].value)
			say("to make it permanent, in the Dockerfile: ENV %s=%s", r->variables[i].name,
				r->variables[i].value);
		else
			say("to make it permanent, take %s out of the environment", r->variables[i].name);
	}
}

static void note_result(struct supervisor *s, bool passed, const char *why)
{
	struct recovery *r = &s->recovery;
	const char *argv[] = {NULL, "incident", "--attempt", r->incident, "--result", passed ? "passed" : "failed",
		"--say", why, NULL};
	r->proof_ns = 0;
	say("attempt %d: %s%s%s", s->worker.attempt, why, r->what[0] ? "; it was started with " : "", r->what);
	if (passed)
		say_permanent(r);
	if (r->incident[0])
		step_start(s, STEP_RESULT, argv, NOTE_S);
}

static void note_good(struct supervisor *s)
{
	const char *argv[] = {NULL, "incident", "--good-start", s->report, "--command-key", key_of(s), NULL};
	const struct step *report = &s->steps[STEP_REPORT];
	s->worker.good = true;
	tally_clear(&s->dir, argv[5]);
	if (s->report[0] && !report->pid && step_ok(report))
		step_start(s, STEP_GOOD, argv, NOTE_S);
}

void recovery_started(struct supervisor *s)
{
	struct recovery *r = &s->recovery;
	r->proof_ns = 0;
	if (r->last_life_ns)
		r->proof_ns = s->worker.started_ns + r->last_life_ns * 3 / 2 + MARGIN_S * NS_PER_S;
}

uint64_t recovery_tick(struct supervisor *s, uint64_t now)
{
	struct recovery *r = &s->recovery;
	uint64_t good = s->worker.started_ns + (uint64_t)s->options.good_after_s * NS_PER_S;
	if (s->state != ST_UP)
		return 0;
	if (r->proof_ns && now >= r->proof_ns)
		note_result(s, true, "the worker has outlived the point where it failed before");
	// On a busy machine the report that is remembered takes longer than that; its end comes by here.
	if (!s->worker.good && now >= good && !s->steps[STEP_REPORT].pid)
		note_good(s);
	uint64_t next = s->worker.good || now >= good ? 0 : good;
	return r->proof_ns && (!next || r->proof_ns < next) ? r->proof_ns : next;
}

void recovery_ended(struct supervisor *s)
{
	bool well = WIFEXITED(s->worker.status) && WEXITSTATUS(s->worker.status) == 0;
	if (s->recovery.proof_ns && (well || !s->stop_signal))
		note_result(s, well, well ? "the worker ended well" : "the worker failed again");
	if (well && !s->worker.good)
		note_good(s);
}

static uint64_t pause_ms(const struct supervisor *s)
{
	uint64_t base = (uint64_t)s->options.backoff_s * 1000;
	for (int i = 1; i < s->worker.attempt && base < PAUSE_MAX_MS; i++)
		base *= 2;
	base = base < PAUSE_MAX_MS ? base : PAUSE_MAX_MS;
	uint16_t random = 0;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = UINT16_MAX / 2;
	return base * 3 / 4 + base / 2 * random / UINT16_MAX + 1; // three quarters to five quarters
}

static const char *keep(struct recovery *r, const char *text)
{
	size_t n = strlen(text) + 1;
	if (n > sizeof(r->text) - r->n)
		return NULL;
	char *at = memcpy(r->text + r->n, text, n);
	r->n += n;
	return at;
}

static bool set_variable(struct recovery *r, const char *name, const char *value)
{
	unsigned i = 0;
	while (i < r->n_variables && strcmp(r->variables[i].name, name) != 0)
		i++;
	const char *kept_name = keep(r, name), *kept_value = value ? keep(r, value) : NULL;
	if (i == RECOVERED_VARIABLES || !kept_name || (value && !kept_value))
		return false;
	r->variables[i].name = kept_name;
	r->variables[i].value = kept_value;
	r->n_variables += i == r->n_variables;
	return true;
}

// Take the verdict over for the next attempt; false when its variables do not fit or are not allowed.
static bool take(struct supervisor *s, const struct verdict *v)
{
	struct recovery *r = &s->recovery;
	size_t n = 0;
	r->what[0] = '\0';
	for (size_t i = 0; i < v->n_variables; i++) {
		const char *name = v->variables[i].name, *value = v->variables[i].value;
		if (!set_variable(r, name, value))
			return false;
		int length = snprintf(r->what + n, sizeof(r->what) - n, "%s%s%s%s%s", n ? " " : "",
			value ? "" : "without ", name, value ? "=" : "", value ?: "");
		n = length > 0 && n + (size_t)length < sizeof(r->what) ? n + (size_t)length : sizeof(r->what) - 1;
	}
	return true;
}

// Why there is no further attempt; NULL: there is one.
static const char *refusal(struct supervisor *s, const struct verdict *v, bool crash_loop)
{
	if (s->hang.restart)
		return s->worker.attempt < s->options.attempts ? NULL : "it was the last attempt";
	if (s->options.recover == RECOVER_OFF)
		return "";
	if (!v)
		return "there is no verdict";
	if (!v->restart)
		return v->say ?: "the failure would come again";
	if (!v->n_variables && s->options.recover != RECOVER_RESTART)
		return "there is no safe fix, and plain restarts are not asked for (--recover restart)";
	if (s->worker.attempt >= s->options.attempts)
		return "it was the last attempt (--attempts)";
	if (crash_loop)
		return "it died too often in the last ten minutes, across restarts";
	return take(s, v) ? NULL : "the fix is too large";
}

uint64_t recovery_died(struct supervisor *s, const struct step *step)
{
	struct recovery *r = &s->recovery;
	static char text[ANSWER_MAX];
	struct verdict verdict, *v = NULL;
	bool crash_loop = !s->worker.good && !s->worker.late && tally_add(&s->dir, key_of(s));
	if (step) {
		memcpy(text, step->text, step->n);
		v = verdict_read(text, step->n, &verdict) ? &verdict : NULL;
		snprintf(r->incident, sizeof(r->incident), "%s", v && v->incident ? v->incident : "");
	}
	const char *why_not = refusal(s, v, crash_loop);
	if (why_not) {
		if (*why_not)
			say("not restarted: %s", why_not);
		return 0;
	}
	uint64_t pause = pause_ms(s);
	r->last_life_ns = s->hang.restart ? 0 : s->worker.ended_ns - s->worker.started_ns;
	say("attempt %d of %d in %.1f s%s%s%s%s", s->worker.attempt + 1, s->options.attempts, (double)pause / 1000,
		r->what[0] ? ", " : "", r->what, v && v->say ? ": " : "", v && v->say ? v->say : "");
	return pause;
}

void recovery_apply(const struct recovery *r)
{
	for (unsigned i = 0; i < r->n_variables; i++) {
		if (r->variables[i].value)
			setenv(r->variables[i].name, r->variables[i].value, 1);
		else
			unsetenv(r->variables[i].name);
	}
	if (r->what[0])
		setenv("FIRSTFIX_RECOVERED", r->what, 1);
}

void recovery_write(const struct recovery *r, struct json_out *j)
{
	if (r->incident[0])
		json_text(j, "incident", r->incident);
	if (!r->n_variables)
		return;
	json_open(j, "applied", '{');
	for (unsigned i = 0; i < r->n_variables; i++) {
		if (r->variables[i].value)
			json_text(j, r->variables[i].name, r->variables[i].value);
		else
			json_null(j, r->variables[i].name);
	}
	json_close(j, '}');
}
