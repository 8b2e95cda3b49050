// One thread a signal: what waits in the queue goes out, the oldest first. A failure is followed by a pause that
// doubles from a second to a minute, with jitter, or by what Retry-After asks for.
#include "agent/export_private.h"

#include "base/clock.h"
#include "base/complain.h"
#include "otlp/send.h"

#include <poll.h>
#include <stdlib.h>

enum { IDLE_MS = 100, STEP_MS = 50 };
static const double first_pause_s = 1, last_pause_s = 60, silent_s = 3600;

static struct sender {
	struct ff_export *x;
	enum ff_signal signal;
	double pause_s;
	uint64_t said_ns;
	unsigned seed;
} senders[FF_SIGNALS];

// Half of it to one and a half.
static double jitter(struct sender *s, double seconds)
{
	return seconds * (0.5 + (double)rand_r(&s->seed) / (double)RAND_MAX);
}

static void say(struct sender *s, const char *why)
{
	uint64_t now = ff_clock_ns();
	if (s->said_ns && (double)(now - s->said_ns) < silent_s * 1e9)
		return;
	s->said_ns = now;
	ff_complain("firstfix agent: %s go nowhere: the endpoint %s", ff_signal_names[s->signal], why);
}

static void wait_s(struct sender *s, double seconds)
{
	uint64_t until = ff_clock_ns() + (uint64_t)(seconds * 1e9);
	while (ff_clock_ns() < until && !atomic_load(&s->x->ending))
		poll(NULL, 0, STEP_MS);
}

// One request; false when it has to be tried again.
static bool send_one(struct sender *s, struct ff_otlp_sender *to, struct ff_otlp_queue *queue, uint64_t number,
	const struct ff_buf *text)
{
	struct ff_otlp_sent sent;
	ff_otlp_send(to, text->p, text->n, &sent);
	if (sent.why[0])
		say(s, sent.why);
	if (sent.outcome != FF_OTLP_LATER) {
		ff_otlp_queue_done(queue, number, sent.outcome == FF_OTLP_SENT);
		ff_otlp_queue_note_lost(queue, s->signal, sent.rejected);
		s->pause_s = first_pause_s;
		return true;
	}
	double pause = jitter(s, s->pause_s);
	s->pause_s = s->pause_s * 2 < last_pause_s ? s->pause_s * 2 : last_pause_s;
	wait_s(s, pause > sent.wait_s ? pause : sent.wait_s);
	return false;
}

static void *run(void *arg)
{
	struct sender *s = arg;
	struct ff_export *x = s->x;
	struct ff_otlp_sender *to = NULL;
	struct ff_error *err = ff_otlp_sender_open(&x->settings.targets[s->signal], s->signal, &to);
	if (err)
		say(s, err->message);
	bool none = err != NULL, failed = false;
	ff_error_destroy(err);
	while (!none) {
		_cleanup_buf_ struct ff_buf text = {0};
		struct ff_otlp_queue *queue = atomic_load(&x->queue);
		bool ending = atomic_load(&x->ending), collected = atomic_load(&x->collected);
		uint64_t number;
		bool found = queue && ff_otlp_queue_next(queue, s->signal, &number, &text);
		if (found && !(ending && failed))
			failed = !send_one(s, to, queue, number, &text);
		else if (ending && collected)
			break;
		else
			poll(NULL, 0, ending ? STEP_MS / 10 : IDLE_MS);
	}
	ff_otlp_sender_close(to);
	atomic_fetch_sub(&x->sending, 1);
	return NULL;
}

struct ff_error *ff_export_senders_start(struct ff_export *x)
{
	struct ff_error *err = NULL;
	for (unsigned i = 0; i < FF_SIGNALS && !err; i++) {
		if (!x->settings.targets[i].url)
			continue;
		senders[i] = (struct sender){x, (enum ff_signal)i, first_pause_s, 0, (unsigned)ff_clock_ns() + i};
		atomic_fetch_add(&x->sending, 1);
		err = ff_export_thread(run, &senders[i]);
	}
	return err;
}
