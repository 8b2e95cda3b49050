// Cuts a log into runs at its landmarks, and says how each one ended. A program's start is said in several lines, so
// one that comes while the run is still fresh is the same start, unless it is the very same landmark again.
//
//	vLLM API server version 0.9.1                      start of run 1
//	ValueError: Free memory on device ...              it died
//	vLLM API server version 0.9.1                      start of run 2
//	INFO: Application startup complete.                ready: run 1 is history
//	received signal=SIGTERM                            stopped: what is said below followed from it
#include "log/run.h"

#include "log/request.h"

#include <stdlib.h>

enum {
	SERVICES = 32,
	FIRST_KEPT = 8,
	REFUSED_LINES = 8,
	REFUSED_EVENTS = 6,
	FAILED_LINES = 200,
	ELSEWHERE_MAX = 256,
	VERDICT_LINES = 3,
	WORKS_ON = 3
};

struct service {
	char name[64];
	uint32_t current; // id of its run
	uint64_t used;
};

struct ff_runs {
	struct ff_landmarks *landmarks; // borrowed
	struct ff_run list[FF_RUNS_KEPT];
	size_t n;
	uint32_t next;
	uint64_t forgotten;
	struct service services[SERVICES];
	size_t service_count;
	char role[96]; // the source whose role was looked up last
	uint64_t role_pid;
	// At the end, the events of each run: those from `own_from` of it to that of the next one.
	size_t own[2 * FF_EVENTS_KEPT], own_from[FF_RUNS_KEPT + 1];
};

const char *const ff_run_end_names[FF_RUN_ENDS] = {"cut", "running", "finished", "stopped", "died"};

struct ff_error *ff_runs_create(struct ff_landmarks *landmarks, struct ff_runs **ret)
{
	struct ff_runs *runs = calloc(1, sizeof(*runs));
	if (!runs)
		return &ff_enomem;
	runs->landmarks = landmarks;
	runs->next = 1;
	*ret = runs;
	return NULL;
}

void ff_runs_destroy(struct ff_runs *runs)
{
	free(runs);
}

static struct ff_run *run_of(struct ff_runs *runs, uint32_t id)
{
	for (size_t i = runs->n; i-- > 0;) {
		if (runs->list[i].id == id)
			return &runs->list[i];
	}
	return NULL;
}

static void name(char *to, size_t size, struct ff_span text)
{
	size_t n = text.n < size ? text.n : size - 1;
	if (n)
		memcpy(to, text.p, n);
	to[n] = 0;
}

static struct ff_run *begin(struct ff_runs *runs, size_t service, uint64_t number)
{
	if (runs->n == FF_RUNS_KEPT) {
		memmove(&runs->list[FIRST_KEPT], &runs->list[FIRST_KEPT + 1],
			(FF_RUNS_KEPT - FIRST_KEPT - 1) * sizeof(*runs->list));
		runs->n--;
		runs->forgotten++;
	}
	struct ff_run *run = &runs->list[runs->n++];
	*run = (struct ff_run){.id = runs->next++,
		.first = number,
		.last = number,
		.service = (unsigned)service,
		.said = FF_EVENT_NO_INNER,
		.stop = FF_EVENT_NO_INNER};
	name(run->process, sizeof(run->process), ff_span_of(runs->services[service].name));
	runs->services[service].current = run->id;
	return run;
}

static size_t service_of(struct ff_runs *runs, struct ff_span wanted, uint64_t number)
{
	char key[sizeof(runs->services[0].name)];
	size_t oldest = 0;
	name(key, sizeof(key), wanted);
	for (size_t i = 0; i < runs->service_count; i++) {
		if (strcmp(runs->services[i].name, key) == 0) {
			runs->services[i].used = number;
			return i;
		}
		if (runs->services[i].used < runs->services[oldest].used)
			oldest = i;
	}
	size_t index = runs->service_count < SERVICES ? runs->service_count++ : oldest;
	runs->services[index] = (struct service){.used = number};
	memcpy(runs->services[index].name, key, sizeof(key));
	return index;
}

static uint64_t pid_of(struct ff_runs *runs, struct ff_span source)
{
	if (!source.n || source.n >= sizeof(runs->role))
		return 0;
	if (strlen(runs->role) != source.n || memcmp(runs->role, source.p, source.n) != 0) {
		name(runs->role, sizeof(runs->role), source);
		runs->role_pid = ff_landmarks_role(runs->landmarks, source);
	}
	return runs->role_pid;
}

// Nothing has come of it yet, and nothing has gone wrong.
static bool fresh(const struct ff_run *run)
{
	return !run->hurt && !run->seen[FF_LANDMARK_READY] && !run->seen[FF_LANDMARK_WORK] &&
		!run->seen[FF_LANDMARK_FINISHED] && !run->seen[FF_LANDMARK_STOPPED] && !run->seen[FF_LANDMARK_DIED];
}

struct ff_run *ff_runs_enter(struct ff_runs *runs, const struct ff_line *line)
{
	size_t service = service_of(runs, line->service, line->number);
	struct ff_run *run = run_of(runs, runs->services[service].current);
	uint64_t pid = pid_of(runs, line->source);
	if (!run ||
		(pid && run->pid && pid > run->pid && !fresh(run) && line->level == FF_LEVEL_INFO &&
			strncmp(runs->role, "APIServer", strlen("APIServer")) == 0))
		run = begin(runs, service, line->number);
	if (pid && strncmp(runs->role, "APIServer", strlen("APIServer")) == 0)
		run->pid = pid;
	run->last = line->number;
	return run;
}

static bool begins(const struct ff_run *run, const struct ff_landmark *mark, size_t index)
{
	if (mark->kind != FF_LANDMARK_SESSION && mark->kind != FF_LANDMARK_START)
		return false;
	return run->start == index + 1 || (!fresh(run) && strcmp(mark->who, "any") != 0);
}

bool ff_runs_due(const struct ff_run *run, const struct ff_landmark *mark, uint64_t number)
{
	uint64_t counted = run->seen[FF_LANDMARK_OVER];
	return strcmp(mark->who, "unittest") != 0 || (counted && number <= counted + VERDICT_LINES);
}

struct ff_run *ff_runs_landmark(struct ff_runs *runs, struct ff_run *run, const struct ff_line *line, size_t index)
{
	const struct ff_landmark *mark = ff_landmarks_at(runs->landmarks, index);
	if (begins(run, mark, index)) {
		uint64_t pid = run->pid;
		if (run->first != line->number) {
			run->last = line->number > run->first ? line->number - 1 : run->first;
			run = begin(runs, run->service, line->number);
		}
		run->pid = pid;
		run->start = index + 1;
	}
	if (mark->kind == FF_LANDMARK_SESSION || mark->kind == FF_LANDMARK_START) {
		if (!run->start)
			run->start = index + 1;
		if (mark->kind == FF_LANDMARK_START && !*run->process)
			name(run->process, sizeof(run->process), ff_span_of(mark->who));
	}
	if (!run->up &&
		(mark->kind == FF_LANDMARK_READY || mark->kind == FF_LANDMARK_WORK || mark->kind == FF_LANDMARK_OVER))
		run->up = line->number;
	// SIGTERM is how most of the others end a process: who sent it tells more.
	if (mark->kind == FF_LANDMARK_STOPPED &&
		(!run->seen[FF_LANDMARK_STOPPED] || strcmp(run->stopped_by, "outside") == 0))
		run->stopped_by = mark->who;
	if (mark->kind != FF_LANDMARK_STOPPED || !run->seen[FF_LANDMARK_STOPPED] ||
		run->seen[FF_LANDMARK_STOPPED] < run->seen[FF_LANDMARK_WORK])
		run->seen[mark->kind] = line->number; // of a stop the first line: what follows from it comes behind
	return run;
}

void ff_runs_stopped(struct ff_run *run, uint64_t number, size_t event)
{
	if (run->seen[FF_LANDMARK_STOPPED] == number)
		run->stop = event;
}

// What a server raises where the request itself was wrong.
static bool of_request(const struct ff_event *e)
{
	static const char *const types[] = {"ValueError", "ValidationError", "HTTPException", "BadRequestError",
		"JSONDecodeError", "TemplateError", "UnprocessableEntityError", "NotFoundError"};
	size_t n = strlen(e->type);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types) && e->kind == FF_EVENT_EXCEPTION; i++) {
		size_t tail = strlen(types[i]);
		if (n >= tail && strcmp(e->type + n - tail, types[i]) == 0)
			return true;
	}
	return false;
}

void ff_runs_refused(const struct ff_run *run, struct ff_events *events, uint64_t number)
{
	uint64_t below = 0; // where the one that was refused begins: the line above announces it
	for (size_t i = ff_events_count(events), seen = 0; i-- > 0 && seen++ < REFUSED_EVENTS;) {
		const struct ff_event *e = ff_events_at(events, i);
		if (!e || e->run != run->id)
			continue;
		bool refused = of_request(e) && e->last + REFUSED_LINES >= number;
		if (refused || (below && e->kind == FF_EVENT_LINE && e->last + 1 >= below))
			ff_events_refuse(events, i, number);
		below = refused ? e->first : 0;
	}
}

void ff_runs_skipped(const struct ff_run *run, struct ff_events *events, uint64_t number)
{
	for (size_t i = ff_events_count(events), seen = 0; i-- > 0 && seen++ < REFUSED_EVENTS;) {
		const struct ff_event *e = ff_events_at(events, i);
		if (!e || e->run != run->id || e->last + REFUSED_LINES < number)
			continue;
		if (e->kind == FF_EVENT_EXCEPTION || (e->kind == FF_EVENT_LOADER && e->last == number))
			ff_events_skipped(events, i);
		if (e->kind == FF_EVENT_EXCEPTION)
			return;
	}
}

void ff_runs_healthy(struct ff_run *run, struct ff_events *events, uint64_t number, uint64_t request)
{
	// What failed once long ago says nothing of a server that has answered so much else since.
	bool enough = ++run->elsewhere > ELSEWHERE_MAX;
	run->failing = FF_REQUEST_NONE;
	run->hurt = run->ailing && ff_events_progress(events, run->id, number, enough ? FF_REQUEST_ANY : request);
	run->ailing = run->ailing && (++run->since < WORKS_ON || run->hurt);
}

// What was raised since line `from` and nothing has followed was about the request that fails.
static void about(const struct ff_run *run, struct ff_events *events, uint64_t from)
{
	for (size_t i = ff_events_count(events); i-- > 0;) {
		const struct ff_event *e = ff_events_at(events, i);
		if (!e || e->last < from)
			break;
		if (e->run == run->id && !e->progress && !e->asked)
			ff_events_about(events, i, run->failing);
	}
}

void ff_runs_failed(struct ff_run *run, struct ff_events *events, uint64_t number, uint64_t request)
{
	uint64_t worked = run->seen[FF_LANDMARK_WORK] + 1, near = number > FAILED_LINES ? number - FAILED_LINES : 0;
	run->failing = request;
	run->failed = number;
	run->elsewhere = 0;
	if (request)
		about(run, events, worked > near ? worked : near);
}

void ff_runs_event(struct ff_run *run, struct ff_events *events, const struct ff_event *event, uint64_t number)
{
	run->ailing = true;
	run->hurt |= event->level >= FF_LEVEL_ERROR;
	run->since = event->level >= FF_LEVEL_ERROR ? 0 : run->since;
	// Some servers answer before they print what was raised.
	if (run->failing && number <= run->failed + FAILED_LINES)
		about(run, events, run->failed);
}

static bool showed_health(const struct ff_run *run)
{
	return run->seen[FF_LANDMARK_READY] || run->seen[FF_LANDMARK_WORK] || run->seen[FF_LANDMARK_FINISHED] ||
		run->seen[FF_LANDMARK_OVER];
}

void ff_runs_last_words(struct ff_run *run, uint64_t number, size_t event)
{
	run->last_words = number;
	run->words = event;
}

bool ff_runs_wait(const struct ff_runs *runs)
{
	for (size_t i = 0; i < runs->service_count; i++) {
		for (size_t k = runs->n; k-- > 0;) {
			const struct ff_run *run = &runs->list[k];
			if (run->id != runs->services[i].current)
				continue;
			if (run->ailing || !(run->seen[FF_LANDMARK_READY] || run->seen[FF_LANDMARK_WORK]))
				return true;
			break;
		}
	}
	return runs->service_count == 0;
}

// ---- how they ended ----

// Raised to end the program, by who wants it to end.
static bool ordered(const struct ff_event *e)
{
	static const char *const types[] = {"KeyboardInterrupt", "SystemExit", "CancelledError", "SignalException"};
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (strcmp(e->type, types[i]) == 0)
			return true;
	}
	return false;
}

static bool deadly(const struct ff_event *e)
{
	return e->level >= FF_LEVEL_ERROR && !e->progress && !e->history &&
		(e->kind == FF_EVENT_DEATH || e->kind == FF_EVENT_LOADER || e->kind == FF_EVENT_NCCL ||
			(e->kind == FF_EVENT_EXCEPTION && !ordered(e)));
}

// By its run, which is mostly that of the event before.
static void sort_events(struct ff_runs *runs, const struct ff_events *events)
{
	size_t *from = runs->own_from;
	for (int places = 0; places < 2; places++) {
		const struct ff_run *run = NULL;
		for (size_t i = 0; i < ff_events_count(events); i++) {
			const struct ff_event *e = ff_events_at(events, i);
			if (e && (!run || run->id != e->run))
				run = run_of(runs, e->run);
			if (!e || !run)
				continue;
			if (places)
				runs->own[from[run - runs->list]++] = i;
			else
				from[run - runs->list + 1]++;
		}
		for (size_t k = 1; k <= runs->n && !places; k++)
			from[k] += from[k - 1];
	}
	memmove(from + 1, from, runs->n * sizeof(*from));
	from[0] = 0;
}

struct own {
	struct ff_events *events;
	const size_t *list;
	size_t n;
};

static struct own own_of(const struct ff_runs *runs, struct ff_events *events, const struct ff_run *run)
{
	const size_t *from = &runs->own_from[run - runs->list];
	return (struct own){events, runs->own + from[0], from[1] - from[0]};
}

// The last event that ended it; with `before`, above that line.
static size_t end_of(struct own own, uint64_t before)
{
	for (size_t i = own.n; i-- > 0;) {
		const struct ff_event *e = ff_events_at(own.events, own.list[i]);
		if (deadly(e) && (!before || e->first < before))
			return own.list[i];
	}
	return FF_EVENT_NO_INNER;
}

static void make_history(struct own own, uint64_t from, uint64_t to, uint64_t by)
{
	for (size_t i = 0; i < own.n; i++) {
		const struct ff_event *e = ff_events_at(own.events, own.list[i]);
		if (e->last >= from && e->first <= to)
			ff_events_outlive(own.events, own.list[i], by);
	}
}

// Nobody caught it: it ended the program whose script stands outermost.
static bool uncaught(const struct ff_event *e)
{
	return e->kind == FF_EVENT_EXCEPTION && e->traceback && !*e->source && e->frame_count &&
		strcmp(e->frames[0].func, "<module>") == 0;
}

// What works on below it was started again, or is another program of the same script.
static void started_again(struct own own, const struct ff_run *run)
{
	for (size_t i = 0; run->since >= WORKS_ON && i < own.n; i++) {
		const struct ff_event *e = ff_events_at(own.events, own.list[i]);
		uint64_t by = e->progress && uncaught(e) ? e->progress : 0;
		for (size_t k = own.list[i]; by && k != FF_EVENT_NO_INNER; k = e ? e->inner : FF_EVENT_NO_INNER) {
			ff_events_outlive(own.events, k, by);
			e = ff_events_at(own.events, k);
		}
	}
}

// What was left out did not matter where the program came to its end.
static void left_out(struct own own, const struct ff_run *run)
{
	uint64_t over = run->seen[FF_LANDMARK_OVER];
	for (size_t i = 0; over && i < own.n; i++) {
		const struct ff_event *e = ff_events_at(own.events, own.list[i]);
		if (e->skipped && e->last < over)
			ff_events_outlive(own.events, own.list[i], over);
	}
}

static void end(struct own own, struct ff_run *run)
{
	left_out(own, run);
	const uint64_t *seen = run->seen;
	uint64_t stopped = seen[FF_LANDMARK_STOPPED], finished = seen[FF_LANDMARK_FINISHED],
		 worked = seen[FF_LANDMARK_WORK];
	if (stopped && stopped >= worked && end_of(own, stopped) == FF_EVENT_NO_INNER && finished <= stopped) {
		run->end = FF_RUN_STOPPED;
		run->at = stopped;
		run->said = run->stop;
		make_history(own, 0, UINT64_MAX, stopped);
		return;
	}
	if (finished)
		make_history(own, 0, finished, finished);
	run->said = end_of(own, 0);
	uint64_t healthy = worked > seen[FF_LANDMARK_READY] ? worked : seen[FF_LANDMARK_READY];
	bool died = seen[FF_LANDMARK_DIED] && seen[FF_LANDMARK_DIED] > worked && seen[FF_LANDMARK_DIED] >= finished &&
		seen[FF_LANDMARK_DIED] > seen[FF_LANDMARK_READY];
	const struct ff_event *said = ff_events_at(own.events, run->said);
	if (said || died) {
		run->end = FF_RUN_DIED;
		run->at = said ? said->last : seen[FF_LANDMARK_DIED];
	} else if ((run->last_words || seen[FF_LANDMARK_GONE]) && !showed_health(run)) {
		run->end = FF_RUN_DIED;
		run->at = run->last_words ? run->last_words : seen[FF_LANDMARK_GONE];
		if (run->last_words)
			ff_events_raise(own.events, run->words, FF_LEVEL_ERROR);
	} else if (finished || seen[FF_LANDMARK_OVER]) {
		run->end = FF_RUN_FINISHED;
		run->at = finished > seen[FF_LANDMARK_OVER] ? finished : seen[FF_LANDMARK_OVER];
		// That it is over clears nothing that came behind the last sign of health.
		make_history(own, 0, finished ? run->at : healthy, run->at);
	} else if (worked || seen[FF_LANDMARK_READY]) {
		run->end = FF_RUN_RUNNING;
		run->at = worked ? worked : seen[FF_LANDMARK_READY];
		started_again(own, run);
	}
}

// The last run of each service that came to anything.
static void choose(struct ff_runs *runs, struct ff_events *events, size_t service)
{
	struct ff_run *chosen = NULL;
	for (size_t i = runs->n; i-- > 0;) {
		struct ff_run *run = &runs->list[i];
		if (run->service != service)
			continue;
		if (!chosen && (run->end != FF_RUN_CUT || run->hurt))
			chosen = run;
		else if (chosen)
			make_history(own_of(runs, events, run), 0, UINT64_MAX, chosen->first);
	}
	for (size_t i = runs->n; i-- > 0 && !chosen;) {
		if (runs->list[i].service == service)
			chosen = &runs->list[i];
	}
	if (chosen)
		chosen->counts = true;
}

void ff_runs_end(struct ff_runs *runs, struct ff_events *events, uint64_t lines)
{
	if (runs->n && !runs->forgotten)
		runs->list[0].first = 1; // what stands above the first line that was read belongs to it
	sort_events(runs, events);
	for (size_t i = 0; i < runs->n; i++)
		end(own_of(runs, events, &runs->list[i]), &runs->list[i]);
	for (size_t i = 0; i < runs->service_count; i++) {
		struct ff_run *last = run_of(runs, runs->services[i].current);
		if (last && runs->service_count == 1 && lines > last->last)
			last->last = lines;
		choose(runs, events, i);
	}
}

size_t ff_runs_count(const struct ff_runs *runs)
{
	return runs->n;
}

const struct ff_run *ff_runs_at(const struct ff_runs *runs, size_t index)
{
	return &runs->list[index];
}

uint64_t ff_runs_forgotten(const struct ff_runs *runs)
{
	return runs->forgotten;
}
