// Memory over time: the file of samples, the slope, the forecast.
#include "agent/growth.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_path(void **state)
{
	(void)state;
	strcpy(path, "/tmp/firstfix-memory-XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 || close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

// A sample that differs from its neighbours in a way that can be told again from its number.
static struct ff_sample_row row_of(int64_t i, unsigned gpus)
{
	struct ff_sample_row row = {.gpus = gpus};
	for (size_t k = 0; k < FF_COLUMNS + gpus * FF_GPU_COLUMNS; k++)
		row.v[k] = k % 3 == 0 ? i * i * (int64_t)k : k % 3 == 1 ? -1 : 7;
	row.v[FF_COL_TIME_MS] = 1000000 + i * 1000;
	return row;
}

struct seen {
	int64_t n, first, last;
	bool wrong;
};

static bool check(const struct ff_sample_row *row, void *arg)
{
	struct seen *s = arg;
	int64_t i = (row->v[FF_COL_TIME_MS] - 1000000) / 1000;
	struct ff_sample_row expected = row_of(i, row->gpus);
	s->wrong |= memcmp(row->v, expected.v, (FF_COLUMNS + row->gpus * FF_GPU_COLUMNS) * sizeof(row->v[0])) != 0 ||
		(s->n && i <= s->last);
	s->first = s->n ? s->first : i;
	s->last = i;
	s->n++;
	return true;
}

static void what_goes_in_comes_out(void **state)
{
	(void)state;
	struct ff_history *h;
	for (int64_t i = 0; i < 500; i++) { // closed in between: each agent goes on where the last one ended
		if (i % 50 == 0)
			assert_null(ff_history_open(path, false, &h));
		struct ff_sample_row row = row_of(i, i < 250 ? 1 : 2); // a GPU appears
		ff_history_add(h, &row);
		if (i % 50 == 49)
			ff_history_close(h);
	}
	struct seen s = {0};
	assert_null(ff_history_open(path, true, &h));
	ff_history_read(h, 0, check, &s);
	assert_int_equal(s.n, 500);
	assert_false(s.wrong);
	s = (struct seen){0};
	ff_history_read(h, 1000000 + 490 * 1000, check, &s);
	assert_int_equal(s.n, 10);
	ff_history_close(h);
}

static void an_hour_fine_and_a_day_coarse(void **state)
{
	(void)state;
	struct ff_history *h;
	struct ff_sample_row row = {.gpus = 1};
	assert_null(ff_history_open(path, false, &h));
	for (int64_t i = 0; i < 100000; i++) {
		row.v[FF_COL_TIME_MS] = 1 + i * 1000;
		row.v[FF_COL_RSS] += i % 7 * 4096;
		row.v[FF_COL_REQUESTS] += i % 3;
		row.v[FF_COLUMNS + FF_GPU_USED] = (i * 2654435761) % 1000 << 20;
		row.v[FF_COLUMNS + FF_GPU_UTILIZATION] = i * 31 % 100;
		ff_history_add(h, &row);
	}
	struct seen s = {0};
	ff_history_read(h, 0, check, &s);
	assert_true(s.first * 1000 <= (100000 - 86400) * 1000);
	assert_true(s.n >= 3600 + (86400 - 3600) / FF_HISTORY_COARSE_S - 10);
	s = (struct seen){0};
	ff_history_read(h, 1 + (100000 - 3600) * 1000, check, &s);
	assert_int_equal(s.n, 3600); // each of them
	ff_history_close(h);
}

static void a_clock_that_is_set(void **state)
{
	(void)state;
	struct ff_history *h;
	struct ff_sample_row row = row_of(100000, 1);
	assert_null(ff_history_open(path, false, &h));
	ff_history_add(h, &row);
	row = row_of(5, 1); // back by a day
	ff_history_add(h, &row);
	row = row_of(200000, 1); // and on by two
	ff_history_add(h, &row);
	row.v[FF_COL_TIME_MS] = -5;
	ff_history_add(h, &row);
	ff_history_close(h);
}

static void hostile_files(void **state)
{
	(void)state;
	struct ff_history *h;
	struct seen s = {0};
	srand(1);
	assert_null(ff_history_open(path, false, &h));
	for (int64_t i = 0; i < 5000; i++) {
		struct ff_sample_row row = row_of(i, 3);
		ff_history_add(h, &row);
	}
	ff_history_close(h);
	for (int i = 0; i < 300; i++) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		for (int k = 0; k < 50; k++) {
			unsigned char byte = (unsigned char)rand();
			off_t at = k < 5 ? rand() % 64 : rand() % 600000; // NOLINT: any will do
			assert_int_equal(pwrite(fd, &byte, 1, at < 16 ? 16 : at), 1);
		}
		close(fd);
		struct ff_error *err = ff_history_open(path, i % 2, &h);
		if (!err) {
			ff_history_read(h, 0, check, &s);
			struct ff_sample_row row = row_of(6000 + i, 3);
			ff_history_add(h, &row);
			ff_history_close(h);
		}
		ff_error_destroy(err);
	}
	assert_int_equal(truncate(path, 100), 0);
	struct ff_error *err = ff_history_open(path, true, &h);
	assert_non_null(err);
	ff_error_destroy(err);
	assert_null(ff_history_open(path, false, &h)); // made anew
	ff_history_close(h);
}

// The greatest number that a block can have: the next one is 0, which is none.
static void a_number_without_a_next(void **state)
{
	(void)state;
	struct ff_history *h;
	struct seen s = {0};
	unsigned char most[16];
	struct ff_sample_row row = row_of(1, 1);
	assert_null(ff_history_open(path, false, &h));
	ff_history_close(h);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	memset(most, 0xff, sizeof(most));
	assert_int_equal(pwrite(fd, most, sizeof(most), 16), sizeof(most));
	close(fd);
	assert_null(ff_history_open(path, false, &h));
	ff_history_read(h, 0, check, &s);
	assert_int_equal(s.n, 0);
	for (int64_t i = 1; i < 4; i++) {
		row = row_of(i, 1);
		ff_history_add(h, &row);
	}
	ff_history_read(h, 0, check, &s);
	assert_true(s.n >= 2);
	ff_history_close(h);
}

static void slopes(void **state)
{
	(void)state;
	struct ff_point points[200];
	struct ff_trend t;
	double eta, low, high;
	srand(2);
	for (size_t i = 0; i < 200; i++) // 5 a step, noise, and every tenth reading wild
		points[i] = (struct ff_point){(double)i, 5.0 * (double)i + rand() % 20 + (i % 10 == 0 ? 1e6 : 0)};
	assert_true(ff_trend_of(points, 200, &t));
	assert_true(fabs(t.slope - 5) < 0.3 && t.low < 5 && t.high > 5 && t.low > 4 && t.high < 6);
	assert_true(ff_trend_until(&t, 500, &eta, &low, &high));
	assert_true(low < 100 && high > 100 && fabs(eta - 100) < 7);
	for (size_t i = 0; i < 200; i++)
		points[i].y = rand() % 1000;
	assert_true(ff_trend_of(points, 200, &t));
	assert_false(ff_trend_until(&t, 500, &eta, &low, &high)); // no certain growth
	assert_false(ff_trend_of(points, 7, &t));
	for (size_t i = 0; i < 200; i++)
		points[i].x = 3;
	assert_false(ff_trend_of(points, 200, &t));
}

static struct ff_forecast forecasts_of[FF_RESOURCES];

static void grow(struct ff_growth *g, int n, int64_t (*used)(int))
{
	memset(g, 0, sizeof(*g));
	for (int i = 0; i < n; i++) {
		struct ff_sample_row row = {.gpus = 1};
		row.v[FF_COL_REQUESTS] = i / 2;
		row.v[FF_COL_RSS] = 1 << 30;
		row.v[FF_COLUMNS + FF_GPU_USED] = used(i);
		ff_growth_add(g, i + 1, &row);
	}
	double left[FF_RESOURCES];
	for (size_t i = 0; i < FF_RESOURCES; i++)
		left[i] = i == 0 ? 518.0 * (1 << 20) : i == FF_RESOURCE_HOST ? 1e10 : -1;
	ff_growth_judge(g, left, forecasts_of);
}

static int64_t leaks(int i)
{
	return ((int64_t)8 << 30) + (int64_t)(i / 2) * (14 << 20) + (rand() % 3) * (1 << 20);
}

static int64_t fills_its_cache(int i)
{
	return ((int64_t)8 << 30) + (int64_t)(i < 60 ? i : 60) * (30 << 20);
}

static int64_t goes_up_and_down(int i)
{
	return ((int64_t)8 << 30) + (int64_t)(i % 20) * (50 << 20);
}

static int64_t hardly_grows(int i)
{
	return ((int64_t)8 << 30) + i * 1024;
}

static void forecasts(void **state)
{
	(void)state;
	struct ff_growth *g = malloc(sizeof(*g));
	char say[200];
	assert_non_null(g);
	grow(g, 300, leaks);
	const struct ff_forecast *f = &forecasts_of[0];
	assert_true(f->is && f->by_request);
	assert_true(fabs(f->bytes_per_request / (1 << 20) - 14) < 0.2 && fabs(f->requests - 37) < 1);
	assert_true(f->requests_low <= f->requests && f->requests <= f->requests_high);
	ff_forecast_sentence(f, 0, say);
	assert_non_null(strstr(say, "memory of gpu 0: +14.0 MB a request, about 37 requests left ("));
	assert_false(forecasts_of[FF_RESOURCE_HOST].is);
	grow(g, 300, fills_its_cache);
	assert_false(forecasts_of[0].is);
	grow(g, 300, goes_up_and_down);
	assert_false(forecasts_of[0].is);
	grow(g, 300, hardly_grows);
	assert_false(forecasts_of[0].is);
	grow(g, 40, leaks); // too short a time
	assert_false(forecasts_of[0].is);
	grow(g, 300, leaks);
	ff_growth_since(g, 1e9); // a new load: all that is of the old one
	assert_int_equal(g->n, 0);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out, make_path, remove_path),
		cmocka_unit_test_setup_teardown(an_hour_fine_and_a_day_coarse, make_path, remove_path),
		cmocka_unit_test_setup_teardown(a_clock_that_is_set, make_path, remove_path),
		cmocka_unit_test_setup_teardown(hostile_files, make_path, remove_path),
		cmocka_unit_test_setup_teardown(a_number_without_a_next, make_path, remove_path),
		cmocka_unit_test(slopes),
		cmocka_unit_test(forecasts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
