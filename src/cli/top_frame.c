// The screen of `firstfix top`, from the agent's documents.
//
//	firstfix top  python handler.py · process 4711 · up 12 min                                14:03:20
//	✕ Stalled  3 requests in work, the oldest for 140 s, and no progress of any kind for 131 s
//
// Every text in it is a worker's or a library's and goes through ff_page_put().
#include "cli/top_frame.h"

#include "cli/top_parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WHY_LINES = 3, COMMAND_LINES = 4, FINDINGS_MAX = 3, CLOCK = 8, HEAD_MIN = 30 };

// What a state means to who looks.
static const struct state {
	const char *name, *words;
	enum ff_ink ink;
	const char *mark, *ascii;
} states[] = {
	{"ready", "Ready", FF_INK_GOOD, "✓", "+"},
	{"idle", "Ready, and idle", FF_INK_GOOD, "✓", "+"},
	{"busy", "Well, and at work", FF_INK_GOOD, "✓", "+"},
	{"saturated", "Saturated", FF_INK_WARN, "!", "!"},
	{"starting", "Starting", FF_INK_DIM, "…", "."},
	{"loading", "Loading a model", FF_INK_DIM, "…", "."},
	{"stopping", "Stopping", FF_INK_DIM, "…", "."},
	{"stalled", "Stalled", FF_INK_BAD, "✕", "X"},
	{"gpu-lost", "A GPU is lost", FF_INK_BAD, "✕", "X"},
	{"driver-hung", "The driver hangs", FF_INK_BAD, "✕", "X"},
	{"engine-dead", "The engine is dead", FF_INK_BAD, "✕", "X"},
	{"dead", "The worker is dead", FF_INK_BAD, "✕", "X"},
};

static const struct state *state_of(const json_t *health)
{
	const char *name = ff_json_text(health, "state");
	for (size_t i = 0; name && i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].name, name) == 0)
			return &states[i];
	}
	return &states[4];
}

// "process 4711 · up 12 min", as far as it is known.
static void describe(const struct ff_top_frame *f, const json_t *process, const char *point, char ret[96])
{
	char up[32];
	int64_t pid, began = ff_top_seconds(ff_json_text(process, "started"));
	size_t n = 0;
	ret[0] = '\0';
	if (ff_json_int(process, "pid", &pid))
		n = (size_t)snprintf(ret, 96, " %s process %lld", point, (long long)pid);
	ff_top_duration((double)(f->now_s - began), up);
	if (began > 0)
		snprintf(ret + n, 96 - n, " %s up %s", point, up);
}

static void draw_head(const struct ff_top_frame *f, struct ff_page *page)
{
	const json_t *process = json_object_get(f->told->of[FF_TOLD_REPORT], "process");
	const json_t *words = json_object_get(process, "cmdline"), *word;
	char clock[16], more[96];
	size_t i;
	unsigned whole = page->width, right = whole > CLOCK + 2 ? whole - CLOCK : whole;
	ff_top_clock(f->now_s, clock);
	describe(f, process, page->utf8 ? "·" : "-", more);
	unsigned behind = ff_page_columns(page, more) + CLOCK + 2;
	page->width = whole > behind + HEAD_MIN ? whole - behind : right - 2; // a long command pushes nothing out
	ff_page_put(page, FF_INK_TITLE, "firstfix top ");
	json_array_foreach (words, i, word) {
		const char *text = json_string_value(word) ? json_string_value(word) : "", *slash = strrchr(text, '/');
		ff_page_printf(page, FF_INK_PLAIN, " %s", i == 0 && slash ? slash + 1 : text);
	}
	if (!process)
		ff_page_printf(page, FF_INK_DIM, " %s", f->url);
	page->width = right > 2 ? right - 2 : right;
	ff_page_put(page, FF_INK_DIM, more);
	page->width = whole;
	ff_page_tab(page, right);
	ff_page_put(page, FF_INK_DIM, clock);
	ff_page_end(page);
}

static void draw_state(const struct ff_top_frame *f, struct ff_page *page)
{
	const json_t *health = f->told->of[FF_TOLD_HEALTH], *check;
	const struct state *s = state_of(health);
	const char *why = ff_json_text(health, "why");
	size_t i;
	if (f->told->trouble[0]) {
		ff_page_printf(page, FF_INK_BAD, "%s The agent does not answer", page->utf8 ? "✕" : "X");
		ff_page_printf(page, FF_INK_DIM, "  %s", f->told->trouble);
		ff_page_end(page);
	}
	if (!health)
		return;
	ff_page_printf(page, s->ink, "%s %s", page->utf8 ? s->mark : s->ascii, s->words);
	bool fits = page->at + 2 + ff_page_columns(page, why ? why : "") <= page->width;
	if (fits)
		ff_page_printf(page, FF_INK_PLAIN, "  %s", why ? why : "");
	ff_page_end(page);
	if (!fits)
		ff_page_wrap(page, FF_INK_PLAIN, 2, WHY_LINES, why);
	json_array_foreach (json_object_get(health, "checks"), i, check) {
		const char *say = ff_json_text(check, "say");
		if (json_is_false(json_object_get(check, "ok")) && say && (!why || strcmp(why, say) != 0))
			ff_page_wrap(page, FF_INK_WARN, 2, 2, say);
	}
}

static void draw_finding(const json_t *diagnosis, const char *of, enum ff_ink ink, struct ff_page *page)
{
	const json_t *fix = ff_json_at(diagnosis, "fixes.0");
	const char *title = ff_json_text(diagnosis, "title"), *cause = ff_json_text(diagnosis, "cause"),
		   *why = ff_json_text(diagnosis, "why"), *say = ff_json_text(fix, "say"),
		   *command = ff_json_text(fix, "command");
	ff_page_end(page);
	ff_page_put(page, FF_INK_DIM, of);
	ff_page_end(page);
	ff_page_put(page, ink, title ? title : cause ? cause : "");
	if (title && cause)
		ff_page_printf(page, FF_INK_DIM, "  %s", cause);
	ff_page_end(page);
	ff_page_wrap(page, FF_INK_PLAIN, 2, WHY_LINES, why ? why : "");
	if (say) {
		ff_page_put(page, FF_INK_TITLE, "  Fix to try first");
		ff_page_end(page);
		ff_page_wrap(page, FF_INK_PLAIN, 4, WHY_LINES, say);
	}
	ff_page_wrap(page, FF_INK_GOOD, 4, COMMAND_LINES, command ? command : "");
}

// A failure whose cause no rule knows.
static void draw_unknown(const json_t *incident, const char *of, enum ff_ink ink, struct ff_page *page)
{
	const char *type = ff_json_text(incident, "exception.type"),
		   *message = ff_json_text(incident, "exception.message"), *title = ff_json_text(incident, "title");
	ff_page_end(page);
	ff_page_put(page, FF_INK_DIM, of);
	ff_page_end(page);
	ff_page_printf(page, ink, "%s: the cause is not known", title ? title : "FAILED");
	ff_page_end(page);
	if (type)
		ff_page_printf(page, FF_INK_PLAIN, "  %s%s%s", type, message ? ": " : "", message ? message : "");
	if (type)
		ff_page_end(page);
}

// Findings of a diagnosis; false where there is none.
static bool draw_findings(const json_t *diagnosis, const char *of, enum ff_ink ink, struct ff_page *page)
{
	const json_t *list = json_object_get(diagnosis, "diagnoses"), *each;
	size_t i;
	json_array_foreach (list, i, each)
		if (i < FINDINGS_MAX)
			draw_finding(each, of, ink, page);
	return json_array_size(list) > 0;
}

static const char growing[] = "What will fail", machine[] = "This machine, before anything fails";

static void draw_diagnosis(const struct ff_top_frame *f, struct ff_page *page)
{
	const json_t *incident = f->told->of[FF_TOLD_INCIDENT], *check = f->told->of[FF_TOLD_CHECK];
	bool well = state_of(f->told->of[FF_TOLD_HEALTH])->ink != FF_INK_BAD, any = incident != NULL;
	enum ff_ink ink = well ? FF_INK_WARN : FF_INK_BAD;
	int64_t times = 1;
	if (incident) {
		const json_t *own = ff_json_at(incident, "diagnosis.diagnoses.0");
		char of[96], clock[16];
		const char *last = ff_json_text(incident, "last_seen");
		ff_top_clock(ff_top_seconds(last), clock);
		ff_json_int(incident, "count", &times);
		int n = snprintf(of, sizeof(of), "Last failure, %s", clock);
		if (times > 1)
			n += snprintf(of + n, sizeof(of) - (size_t)n, ", %lld times", (long long)times);
		snprintf(of + n, sizeof(of) - (size_t)n, "%s", well ? ", it runs again" : "");
		if (own)
			draw_finding(own, of, ink, page);
		else
			draw_unknown(incident, of, ink, page);
	}
	any |= draw_findings(json_object_get(f->told->of[FF_TOLD_MEMORY], "diagnosis"), growing, FF_INK_WARN, page);
	any |= draw_findings(check, machine, FF_INK_WARN, page);
	if (!any && check) {
		ff_page_end(page);
		ff_page_put(page, FF_INK_DIM, "Nothing to do.");
		ff_page_end(page);
	}
}

const char *ff_top_fix(const struct ff_top_told *told)
{
	static const char first[] = "diagnoses.0.fixes.0.command";
	const char *of_incident = ff_json_text(told->of[FF_TOLD_INCIDENT], "diagnosis.diagnoses.0.fixes.0.command"),
		   *of_memory = ff_json_text(told->of[FF_TOLD_MEMORY], "diagnosis.diagnoses.0.fixes.0.command");
	return of_incident ? of_incident : of_memory ? of_memory : ff_json_text(told->of[FF_TOLD_CHECK], first);
}

void ff_top_draw(const struct ff_top_frame *frame, struct ff_page *page)
{
	draw_head(frame, page);
	draw_state(frame, page);
	draw_diagnosis(frame, page);
	ff_top_memory(frame->told, page);
	ff_top_requests(frame->told, page);
	ff_top_incidents(frame->told, page);
}
