// A ring of the last messages, and a position in it for each listener. A listener who is too slow loses messages and is
// told how many; nobody else waits for it. A suspended connection costs nothing; a comment every 15 s keeps it open and
// finds out who is gone.
//
//	id: 17
//	event: firstfix.event
//	data: {"schema":"firstfix.event/1","event.name":"firstfix.phase.end",...}
#include "agent/stream.h"

#include "agent/masked.h"
#include "base/clock.h"
#include "ring/json.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGES = 256, LISTENERS = 16, MESSAGE_MAX = 16384, BLOCK = 4096 };
static const uint64_t comment_every_ns = UINT64_C(15000000000);

struct listener {
	struct MHD_Connection *connection; // NULL: a free place
	uint64_t next;			   // message
	size_t at;			   // how much of it was sent
	uint64_t commented_ns;
	bool suspended, greet;
};

static struct {
	pthread_mutex_t lock;
	struct ff_buf messages[MESSAGES];
	uint64_t n; // messages so far
	struct listener listeners[LISTENERS];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool ff_stream_wanted(void)
{
	bool wanted = false;
	pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < LISTENERS; i++)
		wanted |= all.listeners[i].connection != NULL;
	pthread_mutex_unlock(&all.lock);
	return wanted;
}

void ff_stream_document(const char *name, const json_t *document)
{
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_error_ struct ff_error *err = ff_masked_text(document, &text);
	if (err || text.failed || text.n > MESSAGE_MAX)
		return;
	pthread_mutex_lock(&all.lock);
	struct ff_buf *m = &all.messages[all.n % MESSAGES];
	ff_buf_deinit(m);
	ff_buf_printf(m, "id: %llu\nevent: %s\ndata: %s\n\n", (unsigned long long)all.n, name, text.p);
	all.n++;
	pthread_mutex_unlock(&all.lock);
}

void ff_stream_event(const struct ff_event *event)
{
	_cleanup_json_ json_t *document = ff_event_to_json(event);
	ff_stream_document("firstfix.event", document);
}

void ff_stream_flush(void)
{
	uint64_t now = ff_clock_ns();
	pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < LISTENERS; i++) {
		struct listener *l = &all.listeners[i];
		if (!l->connection || !l->suspended || (l->next >= all.n && now - l->commented_ns < comment_every_ns))
			continue;
		l->suspended = false;
		MHD_resume_connection(l->connection);
	}
	pthread_mutex_unlock(&all.lock);
}

static ssize_t copy_out(struct listener *l, const char *text, size_t n, char *to, size_t room)
{
	size_t part = n - l->at < room ? n - l->at : room;
	memcpy(to, text + l->at, part);
	l->at += part;
	return (ssize_t)part;
}

// Called by the server when the connection takes more.
static ssize_t read_more(void *cls, uint64_t position, char *to, size_t room)
{
	static const char hello[] = "retry: 2000\n\n", comment[] = ": here\n\n";
	struct listener *l = cls;
	ssize_t n = 0;
	(void)position;
	pthread_mutex_lock(&all.lock);
	uint64_t now = ff_clock_ns();
	if (l->greet && room >= sizeof(hello)) {
		l->greet = false;
		memcpy(to, hello, sizeof(hello) - 1);
		n = sizeof(hello) - 1;
	} else if (!l->at && all.n > MESSAGES && l->next < all.n - MESSAGES && room >= BLOCK / 8) {
		n = snprintf(to, room, "event: lost\ndata: %llu\n\n", (unsigned long long)(all.n - MESSAGES - l->next));
		l->next = all.n - MESSAGES;
	} else if (l->next < all.n && (l->at == 0 || l->next + MESSAGES >= all.n)) {
		const struct ff_buf *m = &all.messages[l->next % MESSAGES];
		n = m->p && !m->failed ? copy_out(l, m->p, m->n, to, room) : 0;
		if (!m->p || m->failed || l->at == m->n) {
			l->next++;
			l->at = 0;
		}
	} else if (l->at) { // overwritten while it was being sent
		n = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (now - l->commented_ns >= comment_every_ns && room >= sizeof(comment)) {
		memcpy(to, comment, sizeof(comment) - 1);
		n = sizeof(comment) - 1;
	}
	if (n > 0)
		l->commented_ns = now;
	if (n == 0) {
		l->suspended = true;
		MHD_suspend_connection(l->connection);
	}
	pthread_mutex_unlock(&all.lock);
	return n;
}

static void gone(void *cls)
{
	struct listener *l = cls;
	pthread_mutex_lock(&all.lock);
	*l = (struct listener){0};
	pthread_mutex_unlock(&all.lock);
}

void ff_stream_begin(struct ff_request *request, struct ff_answer *answer)
{
	struct listener *l = NULL;
	pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < LISTENERS && !l; i++)
		if (!all.listeners[i].connection)
			l = &all.listeners[i];
	if (l)
		*l = (struct listener){
			.connection = request->connection, .next = all.n, .commented_ns = ff_clock_ns(), .greet = true};
	pthread_mutex_unlock(&all.lock);
	if (!l) {
		ff_answer_error(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "as many listen as may");
		return;
	}
	answer->type = "text/event-stream";
	answer->made = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_more, l, gone);
	if (!answer->made) {
		gone(l);
		answer->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		return;
	}
	ff_answer_headers(answer->made, answer);
}
