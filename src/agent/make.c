// What the documents are made of: `firstfix report` and `firstfix check` as programs with a deadline (a driver that
// hangs holds them, not us), the database, and the worker's lanes read back.
#include "agent/make.h"

#include "agent/agent.h"
#include "agent/masked.h"
#include "base/clock.h"
#include "base/io.h"
#include "host/command.h"
#include "ring/json.h"
#include "store/quarantine.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

enum {
	PROGRAM_MS = 20000,
	OUTPUT_MAX = 8 << 20,
	EVENTS_MAX = 1000,
	INCIDENTS_MAX = 10000,
	SINCE_S = 600,
	PATH_ROOM = 4096,
	WORDS = 12
};

// The program `firstfix-tool`: beside us, or where a build tree has it.
static bool find_tool(char ret[PATH_ROOM])
{
	static const char *const places[] = {"", "../cli/", "../../bin/"};
	const char *given = getenv("FIRSTFIX_TOOL");
	if (given && *given)
		return snprintf(ret, PATH_ROOM, "%s", given) < PATH_ROOM;
	char self[PATH_ROOM / 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(ret, PATH_ROOM, "%.*s/%sfirstfix-tool", (int)(slash - self), self, places[i]);
		if (access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

static struct ff_error *run(char *const words[], struct ff_buf *ret)
{
	char tool[PATH_ROOM];
	char *argv[WORDS] = {tool};
	struct ff_command_stream stream;
	struct ff_command_result result;
	if (!find_tool(tool))
		return ff_error_create(FF_EOS, "firstfix-tool is not beside the agent");
	for (size_t i = 0; words[i] && i < WORDS - 2; i++)
		argv[i + 1] = words[i];
	struct ff_error *err = ff_command_stream_open(argv, PROGRAM_MS, false, &stream);
	if (err)
		return err;
	err = ff_read_all(stream.fd, words[0], OUTPUT_MAX, ret);
	ff_command_stream_close(&stream, &result);
	ff_buf_deinit(&result.output);
	if (!err && result.timed_out)
		err = ff_error_create(FF_ETIMEOUT, "firstfix %s did not end in %d s", words[0], PROGRAM_MS / 1000);
	else if (!err && result.exit_code != 0 && result.exit_code != 1)
		err = ff_error_create(FF_ECRASH, "firstfix %s ended with %d", words[0], result.exit_code);
	return err;
}

static struct ff_error *make_report(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	char pid[16];
	(void)of;
	pthread_mutex_lock(&a->lock);
	snprintf(pid, sizeof(pid), "%d", (int)a->root);
	bool lives = a->root && a->observed.alive;
	pthread_mutex_unlock(&a->lock);
	return run((char *[]){(char *)"report", (char *)"--json", lives ? (char *)"--pid" : NULL, pid, NULL}, ret);
}

static struct ff_error *make_check(void *owner, const char *of, struct ff_buf *ret)
{
	(void)owner, (void)of;
	return run((char *[]){(char *)"check", (char *)"--json", NULL}, ret);
}

// The report that `firstfix run` made when it started this run, against that of this command's last start that went
// well.
static struct ff_error *make_changes(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *good = NULL;
	char report[PATH_ROOM + 128];
	char *key = getenv("FIRSTFIX_COMMAND_KEY");
	(void)of;
	if (!key || !*key)
		return ff_error_create(FF_EABSENT, "no start of this worker was recorded ('firstfix run')");
	snprintf(report, sizeof(report), "%s/reports/%s.json", a->dir, a->name);
	if (access(report, R_OK) < 0)
		return ff_error_create(FF_EABSENT, "no start-up report of this worker is stored");
	struct ff_error *err = ff_store_open(a->dir, true, &store);
	if (!err)
		err = ff_store_get_good(store, key, &good);
	return err ? err
		   : run((char *[]){(char *)"diff", (char *)"--json", (char *)"--dir", a->dir, (char *)"--command-key",
				 key, (char *)"last-good", report, NULL},
			     ret);
}

static struct ff_error *make_incidents(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	_cleanup_store_ struct ff_store *store = NULL;
	json_t *list = NULL;
	uint64_t most = INCIDENTS_MAX, total = 0;
	ff_span_u64(ff_span_of(of), &most);
	struct ff_error *err = ff_store_open(a->dir, true, &store);
	if (!err)
		err = ff_store_newest(store, (unsigned)most, &list, &total);
	if (err && err->code == FF_EABSENT) { // nothing was ever stored
		ff_error_destroy(err);
		err = NULL;
		list = json_array();
	}
	if (err)
		return err;
	_cleanup_json_ json_t *doc = json_pack(
		"{s:s, s:I, s:o}", "schema", "firstfix.incidents/1", "total", (json_int_t)total, "incidents", list);
	return ff_masked_text(doc, ret);
}

static struct ff_error *make_incident(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_store_open(a->dir, true, &store);
	if (!err)
		err = ff_store_get(store, of, &doc);
	if (err && err->code == FF_EUSAGE) { // no such id, or one that begins more than one
		ff_error_destroy(err);
		return ff_error_create(FF_EABSENT, "no incident has this id");
	}
	return err ? err : ff_masked_text(doc, ret);
}

static struct ff_error *make_quarantine(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	const char *wanted = getenv("FIRSTFIX_QUARANTINE");
	json_t *list = NULL;
	(void)of;
	struct ff_error *err = ff_quarantine_list(a->dir, &list);
	_cleanup_json_ json_t *doc = err ? NULL
					 : json_pack("{s:s, s:i, s:o}", "schema", "firstfix.quarantine/1",
						   "refused_from", wanted ? atoi(wanted) : 0, "inputs", list);
	return err ? err : ff_masked_text(doc, ret);
}

static bool is_ours(const struct ff_tally *t, const char *lane)
{
	for (unsigned i = 0; i < FF_TALLY_LANES; i++)
		if (t->lanes[i].name[0] && strncmp(t->lanes[i].name, lane, FF_ID - 1) == 0)
			return true;
	return false;
}

// The newest EVENTS_MAX events of the worker since a moment (nanoseconds of the epoch; "": the last ten minutes).
static struct ff_error *make_events(void *owner, const char *of, struct ff_buf *ret)
{
	struct ff_agent *a = owner;
	struct ff_events *events;
	const struct ff_event *e;
	uint64_t since = ff_clock_epoch_ns() - SINCE_S * UINT64_C(1000000000);
	if (*of && !ff_span_u64(ff_span_of(of), &since))
		return ff_error_create(FF_EUSAGE, "since is no time");
	struct ff_tally *ours = malloc(sizeof(*ours));
	_cleanup_json_ json_t *list = json_array();
	if (!ours || !list) {
		free(ours);
		return &ff_enomem;
	}
	pthread_mutex_lock(&a->lock);
	memcpy(ours, ff_tally_now(a->tally), sizeof(*ours));
	pthread_mutex_unlock(&a->lock);
	struct ff_error *err = ff_events_open(&(struct ff_events_options){.dir = a->dir, .since_ns = since}, &events);
	while (!err && !(err = ff_events_next(events, &e)) && e) {
		if (!is_ours(ours, e->lane))
			continue;
		json_array_append_new(list, ff_event_to_json(e));
		if (json_array_size(list) > EVENTS_MAX)
			json_array_remove(list, 0);
	}
	if (!err)
		ff_events_close(events);
	free(ours);
	_cleanup_json_ json_t *doc =
		err ? NULL : json_pack("{s:s, s:O}", "schema", "firstfix.events/1", "events", list);
	return err ? err : ff_masked_text(doc, ret);
}

const struct ff_document_kind ff_agent_documents[FF_DOC_KINDS] = {
	[FF_DOC_REPORT] = {make_report, 10000},
	[FF_DOC_CHECK] = {make_check, 10000},
	[FF_DOC_CHANGES] = {make_changes, 10000},
	[FF_DOC_INCIDENTS] = {make_incidents, 1000},
	[FF_DOC_INCIDENT] = {make_incident, 1000},
	[FF_DOC_EVENTS] = {make_events, 500},
	[FF_DOC_MEMORY] = {ff_make_memory, 900},
	[FF_DOC_QUARANTINE] = {make_quarantine, 500},
};
