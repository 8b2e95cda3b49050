// A table of documents that were made or are being made. One that is older than its kind allows is made anew when
// somebody asks.
#include "agent/documents.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 24, WAITING_MAX = 32, STACK = 512 << 10 };

enum state { EMPTY, ASKED, MAKING, MADE };

struct document {
	enum state state;
	unsigned kind;
	char of[FF_DOCUMENT_OF];
	uint64_t made_ns, used_ns;
	unsigned status;
	struct MHD_Response *response;
	struct MHD_Connection *waiting[WAITING_MAX];
	size_t n_waiting;
};

static struct {
	const struct ff_document_kind *kinds;
	void *owner;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	struct document places[PLACES];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .asked = PTHREAD_COND_INITIALIZER};

static struct MHD_Response *response_of(struct ff_error *err, unsigned *status, struct ff_buf *text)
{
	struct ff_answer answer = {.type = "application/json"};
	if (err) {
		*status = err->code == FF_EABSENT ? MHD_HTTP_NOT_FOUND
			: err->code == FF_EUSAGE  ? MHD_HTTP_BAD_REQUEST
						  : MHD_HTTP_SERVICE_UNAVAILABLE;
		ff_answer_error(&answer, *status, "%s", err->message);
		ff_buf_deinit(text);
		*text = answer.body;
	} else {
		*status = MHD_HTTP_OK;
	}
	struct MHD_Response *response = text->failed || !text->n
		? NULL
		: MHD_create_response_from_buffer(text->n, text->p, MHD_RESPMEM_MUST_FREE);
	if (!response)
		ff_buf_deinit(text);
	else
		ff_answer_headers(response, &answer);
	return response;
}

// Called with the lock, which is given away meanwhile.
static void make(struct document *d)
{
	struct ff_buf text = {0};
	char of[FF_DOCUMENT_OF];
	memcpy(of, d->of, sizeof(of));
	d->state = MAKING;
	pthread_mutex_unlock(&all.lock);
	struct ff_error *err = all.kinds[d->kind].make(all.owner, of, &text);
	unsigned status;
	struct MHD_Response *response = response_of(err, &status, &text);
	ff_error_destroy(err);
	pthread_mutex_lock(&all.lock);
	if (d->response)
		MHD_destroy_response(d->response);
	d->response = response;
	d->status = status;
	d->made_ns = ff_clock_ns();
	d->state = MADE;
	for (size_t i = 0; i < d->n_waiting; i++)
		MHD_resume_connection(d->waiting[i]);
	d->n_waiting = 0;
}

static void *work(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&all.lock);
	for (;;) {
		struct document *next = NULL;
		for (size_t i = 0; i < PLACES && !next; i++)
			if (all.places[i].state == ASKED)
				next = &all.places[i];
		if (next)
			make(next);
		else
			pthread_cond_wait(&all.asked, &all.lock);
	}
	return NULL;
}

struct ff_error *ff_documents_start(const struct ff_document_kind *kinds, void *owner)
{
	pthread_t thread;
	pthread_attr_t attributes;
	all.kinds = kinds;
	all.owner = owner;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int code = pthread_create(&thread, &attributes, work, NULL);
	pthread_attr_destroy(&attributes);
	return code ? ff_error_os(code, "a thread for documents") : NULL;
}

// The place of a document; else an empty one, or that of the one that nobody asked for longest. NULL when all are being
// made.
static struct document *place_of(unsigned kind, const char *of)
{
	struct document *best = NULL;
	for (size_t i = 0; i < PLACES; i++) {
		struct document *d = &all.places[i];
		if (d->state != EMPTY && d->kind == kind && strcmp(d->of, of) == 0)
			return d;
		bool free = d->state == EMPTY || d->state == MADE;
		if (free && (!best || d->used_ns < best->used_ns))
			best = d;
	}
	if (!best)
		return NULL;
	if (best->response)
		MHD_destroy_response(best->response);
	*best = (struct document){.kind = kind};
	snprintf(best->of, sizeof(best->of), "%s", of);
	return best;
}

static bool is_good(const struct document *d, uint64_t now)
{
	return d->state == MADE && now - d->made_ns < all.kinds[d->kind].keep_ms * UINT64_C(1000000);
}

static void wait_for(struct document *d, struct ff_request *request, struct ff_answer *answer)
{
	if (d->n_waiting == WAITING_MAX) {
		ff_answer_error(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too many wait for this");
		return;
	}
	if (d->state == EMPTY || d->state == MADE) {
		d->state = ASKED;
		pthread_cond_signal(&all.asked);
	}
	d->waiting[d->n_waiting++] = request->connection;
	MHD_suspend_connection(request->connection);
	answer->later = true;
}

void ff_answer_document(struct ff_request *request, struct ff_answer *answer, unsigned kind, const char *of)
{
	if (strlen(of) >= FF_DOCUMENT_OF) {
		ff_answer_error(answer, MHD_HTTP_BAD_REQUEST, "longer than anything that is here");
		return;
	}
	pthread_mutex_lock(&all.lock);
	struct document *d = place_of(kind, of);
	uint64_t now = ff_clock_ns();
	if (!d) {
		ff_answer_error(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is asked for at once");
	} else if (!is_good(d, now)) {
		d->used_ns = now;
		wait_for(d, request, answer);
	} else if (d->response) {
		d->used_ns = now;
		answer->status = d->status;
		// Queued while we hold the lock: the maker may replace it as soon as we let go.
		answer->queued = MHD_queue_response(request->connection, d->status, d->response) == MHD_YES;
	} else {
		ff_answer_error(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	pthread_mutex_unlock(&all.lock);
}
