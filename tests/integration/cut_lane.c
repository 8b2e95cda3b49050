// Cuts the lanes of writers again and again, to nothing, in the middle, and back to their size, while they record with
// several threads, fork and start anew: none may die, hang or count wrongly, and what is read back is whole.
//
//	cut_lane           FIRSTFIX_CUT_MS milliseconds (default 1500); prints what was done
#include <firstfix/event.h>

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 2, THREADS = 3, EVENTS = 200 };

static char folder[] = "/tmp/firstfix-cut-XXXXXX";
static const char text[] = "what an event says, from its first letter to its last";

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void *record(void *arg)
{
	(void)arg;
	for (int i = 0; i < EVENTS; i++)
		ff_event(FF_EV_LOG, FF_STR(BODY, text));
	return NULL;
}

// Records, in lanes of its own, until the time is over. A lane that was cut is left, and a new one begun.
static void write_until(double end)
{
	const struct ff_record_options options = {.dir = folder, .no_fallback = true};
	while (now_ms() < end) {
		pthread_t threads[THREADS];
		struct ff_error *err = ff_record_start(&options);
		if (err) { // of so many starts one process has no more names for lanes
			ff_error_free(err);
			continue;
		}
		for (int i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, record, NULL);
		record(NULL);
		pid_t child = fork();
		if (child == 0) {
			record(NULL);
			_exit(0);
		}
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		int status;
		if (child > 0 && (waitpid(child, &status, 0) != child || status))
			_exit(101);
		if (ff_record_dropped() >
			(THREADS + 1) * EVENTS + 2) // of this start: with its first event and its last
			_exit(102);
		ff_record_stop();
	}
	_exit(0);
}

static unsigned long cut_until(double end)
{
	unsigned long cuts = 0;
	unsigned seed = 1;
	char pattern[128];
	snprintf(pattern, sizeof(pattern), "%s/lanes/*.ring", folder);
	while (now_ms() < end) {
		glob_t found;
		if (glob(pattern, GLOB_NOSORT, NULL, &found))
			continue;
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct stat st;
			if (stat(found.gl_pathv[i], &st))
				continue;
			off_t size = rand_r(&seed) % 3 ? (off_t)(rand_r(&seed) % (1 << 20)) : 0;
			cuts += truncate(found.gl_pathv[i], size) == 0;
			if (rand_r(&seed) % 2) // and back, full of zeros
				cuts += truncate(found.gl_pathv[i], st.st_size) == 0;
			if (found.gl_pathc > 20 && rand_r(&seed) % 2)
				unlink(found.gl_pathv[i]);
		}
		globfree(&found);
		nanosleep(&(struct timespec){.tv_nsec = (long)(rand_r(&seed) % 2000000)}, NULL);
	}
	return cuts;
}

static unsigned long read_back(unsigned long *ret_wrong)
{
	struct ff_events *events = NULL;
	const struct ff_event *event = NULL;
	unsigned long n = 0;
	if (ff_events_open(&(struct ff_events_options){.dir = folder}, &events))
		return 0;
	while (!ff_events_next(events, &event) && event) {
		for (size_t i = 0; i < event->n && event->kind == FF_EV_LOG; i++) {
			const struct ff_field *f = &event->fields[i];
			if (strcmp(event->keys[i], "body") == 0)
				*ret_wrong += f->n != sizeof(text) - 1 || memcmp(f->s, text, f->n) != 0;
		}
		n++;
	}
	ff_events_close(events);
	return n;
}

int main(void)
{
	const char *asked = getenv("FIRSTFIX_CUT_MS");
	double end = now_ms() + (asked ? atof(asked) : 1500);
	if (!mkdtemp(folder))
		return 2;
	pid_t writers[WRITERS];
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		if (writers[i] == 0)
			write_until(end);
	}
	unsigned long cuts = cut_until(end), wrong = 0;
	int bad = 0;
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;
		waitpid(writers[i], &status, 0);
		if (status)
			fprintf(stderr, "writer %d: wait status %#x\n", i, (unsigned)status);
		bad += status != 0;
	}
	unsigned long n = read_back(&wrong);
	printf("%lu cuts, %d writers died, %lu events read back, %lu of them wrong\n", cuts, bad, n, wrong);
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	bool cleaned = system(command) == 0;
	return bad || wrong || !cuts || !cleaned;
}
