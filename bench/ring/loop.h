// How every writer is measured: the same event of three fields (an integer, a real, a short text), from 1 and
// from 2 threads.
//
//	burst      5,000 events at a time, then a pause in which a background thread may empty its queue: what the caller waits for
//	sustained  all events at once, until they are where the writer puts them: what the machine pays for
//
// Prints one line for each: "<writer> <mode> <threads> <nanoseconds per event>".
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 5000, BURSTS = 60, SUSTAINED = 1000000 };

/** What a writer brings: write one event; wait until all events are out. */
struct writer {
	const char *name;
	void (*event)(int64_t i, double d, const char *text);
	void (*flush)(void);
};

static uint64_t loop_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const char *const loop_texts[] = {"request-0017", "request-4711", "request-0815", "request-2342"};
static const struct writer *loop_writer;
static pthread_barrier_t loop_barrier;

struct loop_result {
	uint64_t median; // nanoseconds of one burst
};

static int loop_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void loop_write(int n)
{
	for (int i = 0; i < n; i++)
		loop_writer->event(i, i * 0.5, loop_texts[i & 3]);
}

static void *loop_bursts(void *p)
{
	uint64_t took[BURSTS];
	const struct timespec pause = {0, 10000000};
	loop_write(BURST);
	for (int b = 0; b < BURSTS; b++) {
		nanosleep(&pause, NULL);
		pthread_barrier_wait(&loop_barrier);
		uint64_t start = loop_ns();
		loop_write(BURST);
		took[b] = loop_ns() - start;
	}
	qsort(took, BURSTS, sizeof(took[0]), loop_compare);
	((struct loop_result *)p)->median = took[BURSTS / 2];
	return NULL;
}

static void *loop_sustained(void *p)
{
	pthread_barrier_wait(&loop_barrier);
	loop_write(SUSTAINED);
	(void)p;
	return NULL;
}

static void loop_threads(int n, void *(*body)(void *), struct loop_result *results)
{
	pthread_t threads[8];
	pthread_barrier_init(&loop_barrier, NULL, (unsigned)n);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, body, &results[i]);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&loop_barrier);
}

static void loop_run(const struct writer *writer)
{
	loop_writer = writer;
	for (int threads = 1; threads <= 2; threads++) {
		struct loop_result results[8];
		loop_threads(threads, loop_bursts, results);
		uint64_t sum = 0;
		for (int i = 0; i < threads; i++)
			sum += results[i].median;
		printf("%s burst %d %.1f\n", writer->name, threads, (double)sum / threads / BURST);
		writer->flush();
		uint64_t start = loop_ns();
		loop_threads(threads, loop_sustained, results);
		writer->flush();
		printf("%s sustained %d %.1f\n", writer->name, threads, (double)(loop_ns() - start) / SUSTAINED);
		fflush(stdout);
	}
}
