// Hands the log's hits and events to the rules and takes their answers.
#include "diagnose/finding.h"

#include "diagnose/book.h"
#include "diagnose/lua_atlas.h"
#include "diagnose/lua_know.h"
#include "diagnose/lua_text.h"
#include "log/emitter.h"

#include <lauxlib.h>
#include <lualib.h>

enum { EVENT_FRAMES = 24, ANSWERS_BROKEN_MAX = 20 };

static const char engine_key[] = "ff.engine", facts_key[] = "ff.facts", facts_after_key[] = "ff.facts_after";

// The prelude is ours and sees all of the library; its functions land in the registry.
static struct ff_error *open_engine(struct ff_rules *rules)
{
	struct ff_sandbox *sandbox = ff_rules_sandbox(rules);
	lua_State *L = ff_sandbox_lua(sandbox);
	bool there = lua_getfield(L, LUA_REGISTRYINDEX, engine_key) == LUA_TTABLE;
	lua_pop(L, 1);
	if (there)
		return NULL;
	ff_lua_version_open(L);
	lua_setglobal(L, "version");
	ff_lua_know_open(L);
	lua_pushvalue(L, -1);
	lua_setglobal(L, "know"); // for the prelude
	ff_sandbox_set(sandbox, "know");
	ff_lua_atlas_open(L);
	lua_pushvalue(L, -1);
	lua_setglobal(L, "atlas"); // likewise
	ff_sandbox_set(sandbox, "atlas");
	struct ff_error *err = ff_book_load(L, FF_BOOK_PRELUDE);
	if (!err)
		err = ff_sandbox_call(sandbox, 0, 1);
	if (!err)
		lua_setfield(L, LUA_REGISTRYINDEX, engine_key);
	return err;
}

static void push_function(lua_State *L, const char *name)
{
	lua_getfield(L, LUA_REGISTRYINDEX, engine_key);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
}

// Within a call: a document of a stranger can be more than the sandbox has memory for.
static int as_table(lua_State *L)
{
	ff_sandbox_push_json(L, lua_touserdata(L, 1));
	return 1;
}

// A document as rules see it, kept in the registry under `key`.
static struct ff_error *put_facts(struct ff_rules *rules, const json_t *facts, const char *key)
{
	struct ff_sandbox *sandbox = ff_rules_sandbox(rules);
	lua_State *L = ff_sandbox_lua(sandbox);
	push_function(L, "facts");
	if (!facts) {
		lua_newtable(L);
	} else {
		lua_pushcfunction(L, as_table);
		lua_pushlightuserdata(L, (void *)facts);
		_cleanup_error_ struct ff_error *refused = ff_sandbox_call(sandbox, 1, 1);
		if (refused) {
			lua_pop(L, 1);
			return ff_error_create(FF_ELIMIT, "the facts take more memory than rules have");
		}
	}
	struct ff_error *err = ff_sandbox_call(sandbox, 1, 1);
	if (!err)
		lua_setfield(L, LUA_REGISTRYINDEX, key);
	return err;
}

struct ff_error *ff_judge_facts(struct ff_rules *rules, const json_t *facts)
{
	struct ff_error *err = open_engine(rules);
	return err ? err : put_facts(rules, facts, facts_key);
}

// ---- events as rules see them ----

static const char *const kind_names[] = {
	[FF_EVENT_LINE] = "line",
	[FF_EVENT_EXCEPTION] = "exception",
	[FF_EVENT_WARNING] = "warning",
	[FF_EVENT_LOADER] = "loader",
	[FF_EVENT_KERNEL] = "kernel",
	[FF_EVENT_NCCL] = "nccl",
	[FF_EVENT_DEATH] = "death",
};
static const char *const level_names[] = {
	[FF_LEVEL_NONE] = "none",
	[FF_LEVEL_DEBUG] = "debug",
	[FF_LEVEL_INFO] = "info",
	[FF_LEVEL_WARNING] = "warning",
	[FF_LEVEL_ERROR] = "error",
	[FF_LEVEL_FATAL] = "fatal",
};

static void set_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void set_int(lua_State *L, const char *name, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

static void push_frames(lua_State *L, const struct ff_event *e)
{
	size_t from = e->frame_count > EVENT_FRAMES ? e->frame_count - EVENT_FRAMES : 0;
	lua_newtable(L);
	for (size_t i = from; i < e->frame_count; i++) {
		lua_newtable(L);
		set_text(L, "file", e->frames[i].file);
		set_text(L, "func", e->frames[i].func);
		set_int(L, "line", e->frames[i].line);
		lua_rawseti(L, -2, (lua_Integer)(i - from) + 1);
	}
}

// {vllm = true, torch = true}
static void push_emitters(lua_State *L, const struct ff_event *e)
{
	struct ff_emitters said = ff_event_emitters(e);
	lua_newtable(L);
	for (size_t i = 0; i < said.n; i++) {
		lua_pushlstring(L, said.names[i].p, said.names[i].n);
		lua_pushboolean(L, true);
		lua_rawset(L, -3);
	}
}

static void push_event(lua_State *L, const struct ff_events *events, size_t index)
{
	const struct ff_event *e = ff_events_at(events, index);
	lua_newtable(L);
	if (!e)
		return;
	set_int(L, "index", (lua_Integer)index);
	set_text(L, "kind", kind_names[e->kind]);
	set_text(L, "level", level_names[e->level]);
	set_text(L, "source", e->source);
	set_text(L, "type", e->type);
	set_text(L, "qualified", e->qualified);
	set_text(L, "message", e->message);
	set_int(L, "first", (lua_Integer)e->first);
	set_int(L, "last", (lua_Integer)e->last);
	set_int(L, "tier", ff_event_tier(events, index));
	push_emitters(L, e);
	lua_setfield(L, -2, "emitters");
	lua_pushboolean(L, e->progress != 0);
	lua_setfield(L, -2, "progress");
	lua_pushboolean(L, e->refused);
	lua_setfield(L, -2, "refused");
	if (e->inner != FF_EVENT_NO_INNER)
		set_int(L, "inner", (lua_Integer)e->inner);
	push_frames(L, e);
	lua_setfield(L, -2, "frames");
}

static void put_event(lua_State *L, const struct ff_events *events, size_t index)
{
	// The table `list` is on top.
	if (index == FF_EVENT_NO_INNER)
		return;
	bool there = lua_rawgeti(L, -1, (lua_Integer)index) != LUA_TNIL;
	lua_pop(L, 1);
	if (there)
		return;
	push_event(L, events, index);
	lua_rawseti(L, -2, (lua_Integer)index);
}

// The line that first shows one of the runs ready or at work, 0 for none.
static uint64_t came_up(const struct ff_runs *runs)
{
	for (size_t i = 0; i < ff_runs_count(runs); i++) {
		if (ff_runs_at(runs, i)->up)
			return ff_runs_at(runs, i)->up;
	}
	return 0;
}

// {list = {[index] = event}, fatal = event, engine = {name, version, settings}, lines, up}: events with a hit, the
// fatal chain, and what the log says that it was started with.
static void push_events(lua_State *L, struct ff_rules *rules, const struct ff_scan *scan, const json_t *said)
{
	const struct ff_events *events = ff_scan_events(scan);
	size_t fatal = ff_events_fatal(events), n;
	lua_newtable(L);
	lua_newtable(L);
	for (size_t s = 0; s < ff_rules_signature_count(rules); s++) {
		const struct ff_hit *hits = ff_scan_hits(scan, s, &n, NULL);
		for (size_t i = 0; i < n; i++)
			put_event(L, events, hits[i].event);
	}
	for (size_t i = fatal, steps = 0; i != FF_EVENT_NO_INNER && steps < 64; steps++) {
		put_event(L, events, i);
		const struct ff_event *e = ff_events_at(events, i);
		i = e ? e->inner : FF_EVENT_NO_INNER;
	}
	if (fatal != FF_EVENT_NO_INNER) {
		lua_rawgeti(L, -1, (lua_Integer)fatal);
		lua_setfield(L, -3, "fatal");
	}
	lua_setfield(L, -2, "list");
	set_int(L, "lines", (lua_Integer)ff_scan_lines(scan));
	uint64_t up = came_up(ff_scan_runs(scan));
	if (up)
		set_int(L, "up", (lua_Integer)up);
	ff_sandbox_push_json(L, ff_json_at(said, "engine"));
	lua_setfield(L, -2, "engine");
}

// ---- hits of one rule ----

static void push_hit(lua_State *L, const struct ff_signature *s, const struct ff_hit *hit, uint64_t total)
{
	lua_newtable(L);
	set_text(L, "name", s->name);
	set_text(L, "text", hit->text ? hit->text : "");
	set_int(L, "line", (lua_Integer)hit->line);
	set_int(L, "event", (lua_Integer)hit->event);
	set_int(L, "total", (lua_Integer)total);
	lua_pushboolean(L, s->context);
	lua_setfield(L, -2, "context");
	ff_sandbox_push_json(L, hit->captures);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_newtable(L);
	}
	lua_setfield(L, -2, "captures");
}

// "Error running command. ... stderr: UserWarning: ...": who raises this only shows what its child wrote.
static bool childs_words(const struct ff_event *event, const struct ff_hit *hit)
{
	const char *wrote = event->message ? strstr(event->message, "stderr: ") : NULL;
	return wrote && hit->text && hit->line > event->first && strstr(wrote, hit->text);
}

// A rule that says whom it listens to is not asked about what others said. What nobody is shown to have said may be
// theirs.
static bool heard(const struct ff_rules *rules, size_t rule, const char *signature, const struct ff_event *event,
	const struct ff_hit *hit)
{
	struct ff_emitters said = {.n = 0};
	if (event && !childs_words(event, hit))
		said = ff_event_emitters(event);
	return !said.n || said.relayed || ff_rules_listen(rules, rule, signature, &said);
}

// All hits of the rule's signatures as a list. True when one of them speaks.
static bool push_list(lua_State *L, struct ff_rules *rules, const struct ff_scan *scan, size_t rule)
{
	lua_Integer count = 0;
	bool speaks = false;
	lua_newtable(L);
	const struct ff_rule *r = ff_rules_at(rules, rule);
	for (size_t i = r->first_signature; i < r->first_signature + r->signature_count; i++) {
		const struct ff_signature *s = ff_rules_signature_at(rules, i);
		size_t n;
		uint64_t total;
		const struct ff_hit *hits = ff_scan_hits(scan, i, &n, &total);
		for (size_t k = 0; k < n; k++) {
			const struct ff_event *event = ff_events_at(ff_scan_events(scan), hits[k].event);
			if (!s->context && !heard(rules, rule, s->name, event, &hits[k]))
				continue;
			push_hit(L, s, &hits[k], total);
			lua_rawseti(L, -2, ++count);
			speaks |= !s->context;
		}
	}
	return speaks;
}

// The same; false (and nothing pushed) when none of them speaks.
static bool push_hits(lua_State *L, struct ff_rules *rules, const struct ff_scan *scan, size_t rule)
{
	bool speaks = push_list(L, rules, scan, rule);
	if (!speaks)
		lua_pop(L, 1);
	return speaks;
}

// ---- answers ----

static void say_broken(const struct ff_rule *rule, struct ff_error *err, json_t *broken)
{
	if (json_array_size(broken) < ANSWERS_BROKEN_MAX)
		json_array_append_new(
			broken, json_sprintf("%s:%d: rule '%s': %s", rule->file, rule->line, rule->id, err->message));
	ff_error_destroy(err);
}

static struct ff_error *keep(struct ff_findings *findings, size_t rule, json_t *answer)
{
	struct ff_finding *grown = reallocarray(findings->list, findings->n + 1, sizeof(*grown));
	if (!grown || !answer) {
		json_decref(answer);
		return &ff_enomem;
	}
	findings->list = grown;
	int64_t event = 0, line = 0;
	bool tied = ff_json_int(answer, "event", &event);
	ff_json_int(answer, "line", &line);
	grown[findings->n++] = (struct ff_finding){.rule = rule,
		.answer = answer,
		.event = tied ? (size_t)event : FF_EVENT_NO_INNER,
		.line = (uint64_t)line,
		.confidence = json_number_value(json_object_get(answer, "confidence"))};
	return NULL;
}

// The engine's function and the rule's block; false when that could not be read.
static bool push_question(lua_State *L, const char *function, struct ff_rules *rules, size_t rule, json_t *broken)
{
	push_function(L, function);
	struct ff_error *err = ff_rules_push(rules, rule);
	if (err)
		say_broken(ff_rules_at(rules, rule), err, broken);
	return !err;
}

// The function, the rule's block and `arguments` more are on the stack.
static struct ff_error *ask(struct ff_rules *rules, size_t rule, int arguments, struct ff_findings *ret, json_t *broken)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	struct ff_error *err = ff_sandbox_call(ff_rules_sandbox(rules), arguments + 1, 1);
	if (err) {
		say_broken(ff_rules_at(rules, rule), err, broken);
		return NULL;
	}
	err = lua_istable(L, -1) ? keep(ret, rule, ff_sandbox_json(L, -1)) : NULL;
	lua_pop(L, 1);
	return err;
}

// ---- wrappers ----

// The hit must be the exception's own line: a launcher's last words can stand in its message.
static bool wrapped(struct ff_rules *rules, const struct ff_scan *scan, size_t event)
{
	const struct ff_event *e = ff_events_at(ff_scan_events(scan), event);
	for (size_t s = 0; s < ff_rules_signature_count(rules); s++) {
		const struct ff_signature *signature = ff_rules_signature_at(rules, s);
		if (signature->context || ff_rules_at(rules, signature->rule)->role != FF_ROLE_WRAPPER)
			continue;
		size_t n;
		const struct ff_hit *hits = ff_scan_hits(scan, s, &n, NULL);
		for (size_t i = 0; i < n; i++) {
			if (e && hits[i].event == event && hits[i].text && strstr(hits[i].text, e->type))
				return true;
		}
	}
	return false;
}

// True when the log holds an exception that is no wrapper itself and follows from none: that one is what happened,
// whether a rule knows it or not.
static bool own_exception(struct ff_rules *rules, const struct ff_scan *scan)
{
	const struct ff_events *events = ff_scan_events(scan);
	for (size_t i = 0; i < ff_events_count(events); i++) {
		const struct ff_event *e = ff_events_at(events, i);
		if (!e || e->kind != FF_EVENT_EXCEPTION || e->level < FF_LEVEL_ERROR || !e->traceback || e->progress)
			continue;
		static const char *const ends[] = {"KeyboardInterrupt", "SystemExit", "CancelledError"};
		bool end = false;
		for (size_t k = 0; k < sizeof(ends) / sizeof(*ends); k++)
			end |= strcmp(e->type, ends[k]) == 0;
		if (!end && !wrapped(rules, scan, i) && !wrapped(rules, scan, ff_events_deepest(events, i)))
			return true;
	}
	return false;
}

// True when a rule says what happened: that it ended, which wrappers tell, adds nothing.
static bool named(const struct ff_rules *rules, const struct ff_findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *severity = ff_json_text(f->list[i].answer, "severity");
		bool warning = severity && strcmp(severity, "warning") == 0;
		if (ff_rules_at(rules, f->list[i].rule)->role != FF_ROLE_WRAPPER && f->list[i].tier > 0 && !warning)
			return true;
	}
	return false;
}

static void drop_wrappers(const struct ff_rules *rules, struct ff_findings *f)
{
	size_t kept = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (ff_rules_at(rules, f->list[i].rule)->role == FF_ROLE_WRAPPER)
			json_decref(f->list[i].answer);
		else
			f->list[kept++] = f->list[i];
	}
	f->n = kept;
}

// ---- runs that were ended from outside ----

// The table of events is at `events` of the stack.
static struct ff_error *ask_end(struct ff_rules *rules, size_t rule, const struct ff_scan *scan,
	const struct ff_event *e, int events, struct ff_findings *ret, json_t *broken)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	int top = lua_gettop(L);
	struct ff_error *err = NULL;
	if (push_question(L, "ended", rules, rule, broken)) {
		lua_newtable(L);
		set_text(L, "text", e->message[0] ? e->message : e->qualified);
		set_int(L, "line", (lua_Integer)e->last);
		push_list(L, rules, scan, rule);
		lua_pushvalue(L, events);
		lua_getfield(L, LUA_REGISTRYINDEX, facts_key);
		err = ask(rules, rule, 4, ret, broken);
	}
	lua_settop(L, top);
	return err;
}

static bool ends_so(const struct ff_rule *rule, const struct ff_run *run)
{
	static const char family[] = "stopped.";
	return ff_starts(rule->cause, family) && strcmp(rule->cause + strlen(family), run->stopped_by) == 0;
}

static struct ff_error *judge_ends(
	struct ff_rules *rules, const struct ff_scan *scan, int events, struct ff_findings *ret, json_t *broken)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; i < ff_runs_count(ff_scan_runs(scan)) && !err; i++) {
		const struct ff_run *run = ff_runs_at(ff_scan_runs(scan), i);
		const struct ff_event *e = ff_events_at(ff_scan_events(scan), run->said);
		for (size_t r = 0; r < ff_rules_count(rules) && run->counts && e && !err; r++) {
			const struct ff_rule *rule = ff_rules_at(rules, r);
			if (rule->id && rule->ended && run->end == FF_RUN_STOPPED && ends_so(rule, run))
				err = ask_end(rules, r, scan, e, events, ret, broken);
		}
	}
	return err;
}

// What a rule says of a worker that goes on (on the CPU, slowly) holds although it goes on, and what it says of the
// server's own settings although the server blames the request.
static int tier_of(const struct ff_events *events, const struct ff_finding *f)
{
	const struct ff_event *e = ff_events_at(events, f->event);
	int tier = ff_event_tier(events, f->event);
	const json_t *lasts = json_object_get(f->answer, "lasts");
	bool from_start = json_is_string(lasts), may_last = e && (!e->history || e->refused);
	if (tier || !may_last || (!from_start && !json_is_true(lasts)))
		return tier;
	if (from_start) // the worker never had what it goes on without
		json_object_set_new(f->answer, "severity", json_string("warning"));
	return 1;
}

// Asks the rules with a hit; the table of events is at `events` of the stack, the facts in the registry under `key`.
static struct ff_error *ask_hits(struct ff_rules *rules, const struct ff_scan *scan, int events, const char *key,
	struct ff_findings *ret, json_t *broken)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	struct ff_error *err = NULL;
	for (size_t i = 0; !err && i < ff_rules_count(rules); i++) {
		lua_settop(L, events);
		if (!ff_rules_at(rules, i)->id || !push_hits(L, rules, scan, i))
			continue;
		int hits = lua_gettop(L);
		if (!push_question(L, "evaluate", rules, i, broken))
			continue;
		lua_pushvalue(L, hits);
		lua_pushvalue(L, events);
		lua_getfield(L, LUA_REGISTRYINDEX, key);
		err = ask(rules, i, 3, ret, broken);
	}
	return err;
}

struct ff_error *ff_judge_log(
	struct ff_rules *rules, const struct ff_scan *scan, const json_t *said, struct ff_findings *ret, json_t *broken)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	int top = lua_gettop(L);
	push_events(L, rules, scan, said);
	int events = lua_gettop(L);
	struct ff_error *err = ask_hits(rules, scan, events, facts_key, ret, broken);
	if (!err)
		err = judge_ends(rules, scan, events, ret, broken);
	for (size_t i = 0; i < ret->n; i++) {
		ret->list[i].tier = tier_of(ff_scan_events(scan), &ret->list[i]);
		ff_finding_over(rules, scan, &ret->list[i]);
	}
	if (own_exception(rules, scan) || named(rules, ret))
		drop_wrappers(rules, ret);
	lua_settop(L, top);
	return err;
}

struct ff_error *ff_judge_log_after(
	struct ff_rules *rules, const struct ff_scan *scan, const json_t *said, struct ff_findings *ret, json_t *broken)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	int top = lua_gettop(L);
	push_events(L, rules, scan, said);
	struct ff_error *err = ask_hits(rules, scan, lua_gettop(L), facts_after_key, ret, broken);
	lua_settop(L, top);
	return err;
}

struct ff_error *ff_judge_reads(struct ff_rules *rules, size_t rule, json_t **ret)
{
	struct ff_sandbox *sandbox = ff_rules_sandbox(rules);
	lua_State *L = ff_sandbox_lua(sandbox);
	int top = lua_gettop(L);
	struct ff_error *err = open_engine(rules);
	if (err)
		return err;
	push_function(L, "reads");
	err = ff_rules_push(rules, rule);
	if (!err)
		err = ff_sandbox_call(sandbox, 1, 1);
	if (!err)
		*ret = ff_sandbox_json(L, -1);
	lua_settop(L, top);
	return err;
}

// A check of the book is not asked, nor its file read, while nothing is known of what it reads.
static bool worth_asking(const struct ff_rule *rule, const json_t *facts)
{
	const char *path = rule->reads;
	while (path && *path && !ff_json_at(facts, path))
		path += strlen(path) + 1;
	return !path || *path;
}

// Asks the checks about the facts, which stand in the registry under `key`.
static struct ff_error *ask_checks(
	struct ff_rules *rules, const json_t *facts, const char *key, struct ff_findings *ret, json_t *broken)
{
	lua_State *L = ff_sandbox_lua(ff_rules_sandbox(rules));
	struct ff_error *err = NULL;
	int top = lua_gettop(L);
	for (size_t i = 0; !err && i < ff_rules_count(rules); i++) {
		const struct ff_rule *rule = ff_rules_at(rules, i);
		lua_settop(L, top);
		if (!rule->id || !rule->has_check || !worth_asking(rule, facts))
			continue;
		if (!push_question(L, "check", rules, i, broken))
			continue;
		lua_getfield(L, LUA_REGISTRYINDEX, key);
		err = ask(rules, i, 1, ret, broken);
	}
	lua_settop(L, top);
	return err;
}

struct ff_error *ff_judge_checks(struct ff_rules *rules, const json_t *facts, struct ff_findings *ret, json_t *broken)
{
	return ask_checks(rules, facts, facts_key, ret, broken);
}

struct ff_error *ff_judge_checks_after(
	struct ff_rules *rules, const json_t *facts, struct ff_findings *ret, json_t *broken)
{
	struct ff_error *err = put_facts(rules, facts, facts_after_key);
	return err ? err : ask_checks(rules, facts, facts_after_key, ret, broken);
}

bool ff_finding_is_error(const struct ff_rules *rules, const struct ff_finding *finding)
{
	const char *severity = ff_json_text(finding->answer, "severity");
	return severity ? strcmp(severity, "error") == 0 : !ff_rules_at(rules, finding->rule)->warning;
}

void ff_findings_deinit(struct ff_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++)
		json_decref(findings->list[i].answer);
	free(findings->list);
	*findings = (struct ff_findings){0};
}
