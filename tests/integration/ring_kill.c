// Kills writers at random points and reads what they left: every published event whole and in order, none invented.
//
// Each round starts a process that records with several threads and from a signal handler, and that forks another which
// does the same in a lane of its own. What an event holds follows from who wrote it and its number. After each
// ff_event() the writer stores that number in memory shared with us: when SIGKILL has come, that many must be there,
// and at most the one that was being written besides. In rounds with small lanes, where events are overwritten, the
// counts must add up.
//
//	ring_kill          FIRSTFIX_KILLS rounds (default 300); prints what was checked
#include "ring/format.h"

#include <firstfix/event.h>

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PROCESSES = 2,
	THREADS = 3,
	STREAMS = THREADS + 1,
	BODY_MAX = 3000,
	BLOCK_EVENTS = 1000 /* more fit in no block */
};

// Shared with the writers. Stream THREADS is the signal handler's.
static struct shared {
	_Atomic uint32_t pid[PROCESSES];
	_Atomic uint64_t published[PROCESSES][STREAMS];
} * shared;

static int me;
static char folder[] = "/tmp/firstfix-kill-XXXXXX";
static uint64_t rounds, checked, in_flight, lost_total, torn_total, overwriting, uncounted;

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

// The text of an event: mostly short, sometimes long.
static size_t body_of(int process, int stream, uint64_t seq, char *ret)
{
	uint64_t x = mix(seq * 64 + (uint64_t)process * 8 + (uint64_t)stream + 1);
	size_t n = x % 97 ? x % 60 : x % BODY_MAX;
	for (size_t i = 0; i < n; i += 8) {
		uint64_t word = mix(x + i);
		memcpy(ret + i, &word, 8);
	}
	return n;
}

static void write_event(int stream, uint64_t seq)
{
	char body[BODY_MAX + 8];
	size_t n = body_of(me, stream, seq, body);
	ff_event(FF_EV_LOG, FF_INT(COUNT, (int64_t)seq), FF_INT(ATTEMPT, stream), FF_STRN(BODY, body, n),
		FF_REAL(DURATION_MS, (double)seq), FF_BOOL(FORKED, seq & 1));
	atomic_store_explicit(&shared->published[me][stream], seq, memory_order_release);
}

static void *write_forever(void *stream)
{
	for (uint64_t seq = 1;; seq++)
		write_event((int)(intptr_t)stream, seq);
	return NULL;
}

static void on_alarm(int signum)
{
	static uint64_t seq;
	(void)signum;
	write_event(THREADS, ++seq);
}

static void write_until_killed(void)
{
	sigset_t alarm;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	for (intptr_t i = 1; i < THREADS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, write_forever, (void *)i))
			_exit(3);
	}
	write_event(0, 1); // the lane is there before a handler may interrupt the thread that makes it
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	signal(SIGALRM, on_alarm);
	const struct itimerval often = {.it_interval.tv_usec = 50, .it_value.tv_usec = 50};
	setitimer(ITIMER_REAL, &often, NULL);
	for (uint64_t seq = 2;; seq++)
		write_event(0, seq);
}

static void be_writers(size_t lane_size)
{
	const struct ff_record_options options = {.dir = folder, .size = lane_size, .no_fallback = true};
	struct ff_error *err = ff_record_start(&options);
	if (err) {
		fprintf(stderr, "ring_kill: %s\n", ff_error_message(err));
		_exit(2);
	}
	pid_t child = fork();
	me = child == 0;
	shared->pid[me] = (uint32_t)getpid();
	write_until_killed();
}

static _Noreturn void fail(const char *what, uint64_t a, uint64_t b)
{
	fprintf(stderr, "ring_kill: round %llu: %s (%llu, %llu); lanes kept in %s\n", (unsigned long long)rounds, what,
		(unsigned long long)a, (unsigned long long)b, folder);
	exit(1);
}

struct found {
	uint64_t first[STREAMS], last[STREAMS], gaps;
};

static void check_event(int process, const struct ff_event *e, struct found *found)
{
	char body[BODY_MAX + 8];
	if (e->n != 5)
		fail("an event with so many fields", e->n, e->kind);
	uint64_t seq = (uint64_t)e->fields[0].i, stream = (uint64_t)e->fields[1].i;
	if (stream >= STREAMS)
		fail("an event of a stream that does not exist", stream, seq);
	size_t n = body_of(process, (int)stream, seq, body);
	if (e->fields[2].n != n || memcmp(e->fields[2].s, body, n) != 0 || e->fields[3].d != (double)seq ||
		e->fields[4].b != (seq & 1))
		fail("an event that nobody wrote", stream, seq);
	if (seq <= found->last[stream])
		fail("out of order", found->last[stream], seq);
	found->gaps += found->last[stream] && seq != found->last[stream] + 1;
	if (!found->first[stream])
		found->first[stream] = seq;
	found->last[stream] = seq;
	checked++;
}

// A writer killed in the few instructions between counting a block as overwritten and opening it: its events are both
// read and counted. Then the sums may be off by that block.
static bool died_while_opening_a_block(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ff_ring_header h;
	struct ff_ring_block row;
	bool found = false;
	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h))
		h.blocks = 0; // killed while it made the lane
	for (uint32_t i = 0; i < h.blocks; i++)
		if (pread(fd, &row, sizeof(row), h.blocks_at + i * (off_t)h.block_entry) == sizeof(row))
			found |= (ff_ring_alloc_lap(row.alloc) & 0xffffff) != ff_ring_done_lap(row.done);
	close(fd);
	return found;
}

static bool for_each_lane(bool (*look)(const char *path))
{
	char pattern[64];
	glob_t lanes;
	bool any = false;
	snprintf(pattern, sizeof(pattern), "%s/lanes/*.ring", folder);
	if (glob(pattern, 0, NULL, &lanes))
		return false;
	for (size_t i = 0; i < lanes.gl_pathc; i++)
		any |= look(lanes.gl_pathv[i]);
	globfree(&lanes);
	return any;
}

static bool remove_lane(const char *path)
{
	return unlink(path) == 0;
}

static void check_sums(
	const struct found found[PROCESSES], uint64_t before, uint64_t torn, uint64_t lost, uint64_t dropped)
{
	uint64_t events = checked - before, published = 0;
	for (int p = 0; p < PROCESSES; p++)
		for (int s = 0; s < STREAMS; s++) {
			uint64_t want = shared->published[p][s], last = found[p].last[s];
			published += want;
			if (last < want && !lost &&
				!dropped) // else others may have overwritten all of a stream that slept
				fail("a published event is missing", want, last);
			if (last > want + 1)
				fail("an event that was never written", want, last);
			if (!lost && !dropped && found[p].first[s] > 1)
				fail("the first events are missing though none was overwritten", (uint64_t)s,
					found[p].first[s]);
			in_flight += last == want + 1;
		}
	if (!lost && !dropped && (found[0].gaps || found[1].gaps))
		fail("an event between two others is missing", found[0].gaps, found[1].gaps);
	if (for_each_lane(died_while_opening_a_block))
		return;
	uint64_t sum = events + lost + dropped;
	// A process.start of each lane may be among the overwritten.
	// A thread that was put to sleep between taking a block and counting its events as overwritten, and never woke:
	// those of one block are missing from the sum, in either process. It takes a busy machine, and must stay rare.
	bool off_by_a_block =
		sum < published && published - sum <= PROCESSES * BLOCK_EVENTS && ++uncounted * 50 <= 50 + rounds;
	if ((sum < published && !off_by_a_block) || sum > published + PROCESSES * STREAMS + PROCESSES)
		fail("read, overwritten and dropped do not add up to what was written", sum, published);
	overwriting += lost > 0;
	lost_total += lost;
	torn_total += torn;
}

static void read_all(void)
{
	struct ff_events *events;
	const struct ff_events_options options = {.dir = folder};
	struct ff_error *err = ff_events_open(&options, &events);
	if (err)
		fail(ff_error_message(err), 0, 0);
	struct found found[PROCESSES] = {0};
	uint64_t before = checked;
	for (const struct ff_event *e;;) {
		ff_events_next(events, &e);
		if (!e)
			break;
		if (e->kind == FF_EV_LOG)
			check_event(e->pid == shared->pid[1], e, &found[e->pid == shared->pid[1]]);
	}
	const char *problem;
	if (ff_events_problem(events, 0, &problem))
		fail(problem, 0, 0);
	uint64_t torn, lost, dropped;
	ff_events_counts(events, &torn, &lost, &dropped);
	ff_events_close(events);
	check_sums(found, before, torn, lost, dropped);
	for_each_lane(remove_lane);
}

static void wait_for_work(void)
{
	const struct timespec moment = {.tv_nsec = 100000};
	for (int i = 0; i < 5000 && !(shared->published[0][0] && shared->published[1][0]); i++)
		nanosleep(&moment, NULL);
}

static void one_round(void)
{
	memset(shared, 0, sizeof(*shared));
	uint64_t x = mix(rounds * 2 + (uint64_t)getpid() * 1000003);
	size_t lane_size = rounds % 4 ? 8 << 20 : 256 << 10;
	pid_t writer = fork();
	if (writer == 0) {
		setpgid(0, 0);
		be_writers(lane_size);
	}
	setpgid(writer, writer);
	// Half of the rounds die while they begin, the others within three milliseconds of work.
	if (rounds % 2)
		wait_for_work();
	const struct timespec moment = {.tv_nsec = (long)(x % (rounds % 2 ? 3000000 : 1500000))};
	nanosleep(&moment, NULL);
	kill(-writer, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0) {
	}
	read_all();
}

int main(void)
{
	const char *kills = getenv("FIRSTFIX_KILLS");
	uint64_t want = kills ? strtoull(kills, NULL, 10) : 300;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(folder))
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1); // the forked writers become ours to wait for
	for (rounds = 1; rounds <= want; rounds++)
		one_round();
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		return 2;
	printf("%llu kills: %llu events read back whole, %llu of them published in the instant of death; %llu rounds "
	       "overwrote %llu "
	       "events; %llu holes passed over\n",
		(unsigned long long)want, (unsigned long long)checked, (unsigned long long)in_flight,
		(unsigned long long)overwriting, (unsigned long long)lost_total, (unsigned long long)torn_total);
	return 0;
}
