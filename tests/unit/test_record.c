// The recorder of a process: death, fork, signal handlers, stop and start; folders that refuse.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

#include <firstfix/event.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/firstfix-ring-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", folder, folder);
	return system(command);
}

// In a child, so that each test starts with a process that does not record.
static int in_child(void (*body)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		body();
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	return status;
}

static size_t count_events(uint32_t kind, const char *text)
{
	struct ff_events *events;
	const struct ff_events_options options = {.dir = folder};
	assert_null(ff_events_open(&options, &events));
	const struct ff_event *e;
	size_t n = 0;
	for (;;) {
		assert_null(ff_events_next(events, &e));
		if (!e)
			break;
		if (e->kind == kind &&
			(!text ||
				(e->n && e->fields[0].n == strlen(text) &&
					memcmp(e->fields[0].s, text, strlen(text)) == 0)))
			n++;
	}
	ff_events_close(events);
	return n;
}

static void start_here(void)
{
	const struct ff_record_options options = {.dir = folder, .no_fallback = true};
	struct ff_error *err = ff_record_start(&options);
	if (err)
		_exit(100);
}

static void record_and_die(void)
{
	ff_event(FF_EV_LOG, FF_STR(BODY, "before start"));
	start_here();
	ff_event(FF_EV_LOG, FF_STR(BODY, "last words"));
	raise(SIGKILL);
}

static void killed_process_leaves_its_events(void **state)
{
	(void)state;
	assert_int_equal(WTERMSIG(in_child(record_and_die)), SIGKILL);
	assert_int_equal(count_events(FF_EV_LOG, "last words"), 1);
	assert_int_equal(count_events(FF_EV_LOG, "before start"), 0);
}

static void record_and_fork(void)
{
	start_here();
	uint16_t mine = ff_key("test.key");
	if (mine != ff_key("test.key") || mine < FF_KEY_END_)
		_exit(101);
	ff_event(FF_EV_LOG, FF_STR(BODY, "parent"), ff_int(mine, getpid()));
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			ff_event(FF_EV_LOG, FF_STR(BODY, "child"), ff_int(mine, getpid()));
			if (fork() == 0)
				ff_event(FF_EV_LOG, FF_STR(BODY, "grandchild"), ff_int(mine, getpid()));
			while (wait(NULL) > 0) {
			}
			_exit(0);
		}
	while (wait(NULL) > 0) {
	}
	ff_event(FF_EV_LOG, FF_STR(BODY, "parent"), ff_int(mine, getpid()));
}

static void children_get_lanes_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(in_child(record_and_fork), 0);
	assert_int_equal(count_events(FF_EV_LOG, "parent"), 2);
	assert_int_equal(count_events(FF_EV_LOG, "child"), 3);
	assert_int_equal(count_events(FF_EV_LOG, "grandchild"), 3);
	struct ff_events *events;
	const struct ff_events_options options = {.dir = folder};
	assert_null(ff_events_open(&options, &events));
	const struct ff_event *e;
	while (!ff_events_next(events, &e) && e)
		if (e->kind == FF_EV_LOG && e->n == 2) {
			assert_string_equal(e->keys[1], "test.key");
			assert_int_equal(e->fields[1].i, e->pid);
			assert_int_equal(e->tid, e->pid);
		}
	ff_events_close(events);
}

static volatile sig_atomic_t handled;

static void on_alarm(int signum)
{
	(void)signum;
	ff_event(FF_EV_LOG, FF_STR(BODY, "in handler"), FF_INT(COUNT, handled));
	handled = handled + 1;
}

static void *first_event(void *text)
{
	ff_event(FF_EV_LOG, FF_STR(BODY, text));
	return NULL;
}

static void race_for_the_childs_lane(void)
{
	start_here();
	if (fork() == 0) {
		pthread_t threads[8];
		char text[] = "racing";
		for (int i = 0; i < 8; i++)
			pthread_create(&threads[i], NULL, first_event, text);
		for (int i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
		_exit(0);
	}
	wait(NULL);
}

static void threads_of_a_child_wait_for_its_lane(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(in_child(race_for_the_childs_lane), 0);
	assert_int_equal(count_events(FF_EV_LOG, "racing"), 80);
}

static void record_under_signals(void)
{
	start_here();
	signal(SIGALRM, on_alarm);
	const struct itimerval often = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200};
	setitimer(ITIMER_REAL, &often, NULL);
	int64_t i = 0;
	while (handled < 300 && i < 20000000)
		ff_event(FF_EV_PROGRESS, FF_INT(COUNT, i++), FF_STR(BODY, "main"));
	const struct itimerval never = {0};
	setitimer(ITIMER_REAL, &never, NULL);
	ff_event(FF_EV_LOG, FF_STR(BODY, "handled"), FF_INT(COUNT, handled),
		FF_INT(ATTEMPT, (int64_t)ff_record_dropped()));
}

static void handlers_may_record(void **state)
{
	(void)state;
	assert_int_equal(in_child(record_under_signals), 0);
	assert_int_equal(count_events(FF_EV_LOG, "handled"), 1);
	assert_true(count_events(FF_EV_LOG, "in handler") > 0);
}

static void in_first_handler(int signum)
{
	(void)signum;
	ff_event(FF_EV_LOG, FF_STR(BODY, "first in handler"));
}

static void first_event_of_child_in_handler(void)
{
	start_here();
	if (fork() == 0) {
		signal(SIGUSR1, in_first_handler);
		raise(SIGUSR1);
		raise(SIGKILL);
	}
	wait(NULL);
}

static void a_childs_lane_can_be_made_in_a_handler(void **state)
{
	(void)state;
	assert_int_equal(in_child(first_event_of_child_in_handler), 0);
	assert_int_equal(count_events(FF_EV_LOG, "first in handler"), 1);
}

static void start_stop_start(void)
{
	start_here();
	ff_event(FF_EV_LOG, FF_STR(BODY, "one life"));
	ff_record_stop();
	ff_event(FF_EV_LOG, FF_STR(BODY, "between"));
	start_here();
	ff_event(FF_EV_LOG, FF_STR(BODY, "another life"));
	ff_record_stop();
}

static void stop_and_start_again(void **state)
{
	(void)state;
	assert_int_equal(in_child(start_stop_start), 0);
	assert_int_equal(count_events(FF_EV_LOG, "one life"), 1);
	assert_int_equal(count_events(FF_EV_LOG, "another life"), 1);
	assert_int_equal(count_events(FF_EV_LOG, "between"), 0);
}

static void record_synced(void)
{
	const struct ff_record_options options = {.dir = folder, .sync = true, .no_fallback = true};
	if (ff_record_start(&options))
		_exit(100);
	errno = 77;
	ff_event(FF_EV_LOG, FF_STR(BODY, "on disk"));
	if (errno != 77)
		_exit(101);
	raise(SIGKILL);
}

static void synced_events_are_there_and_errno_is_kept(void **state)
{
	(void)state;
	assert_int_equal(WTERMSIG(in_child(record_synced)), SIGKILL);
	assert_int_equal(count_events(FF_EV_LOG, "on disk"), 1);
}

// Folders that refuse.

static void refused(const char *dir, const char *why)
{
	const struct ff_record_options options = {.dir = dir, .no_fallback = true};
	struct ff_error *err = ff_record_start(&options);
	assert_non_null(err);
	if (!strstr(err->message, why))
		fail_msg("'%s' does not say '%s'", err->message, why);
	ff_error_destroy(err);
}

static void bad_folders_are_named(void **state)
{
	(void)state;
	char path[256];
	snprintf(path, sizeof(path), "%s/file", folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	refused(path, "Not a directory");
	refused("/proc/firstfix", "cannot make the folder /proc/firstfix");
	snprintf(path, sizeof(path), "%s/open", folder);
	mkdir(path, 0700);
	chmod(path, 0777);
	refused(path, "writable by everybody");
	snprintf(path, sizeof(path), "%s/later", folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/later/version", folder);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "9\n", 2), 2);
	close(fd);
	snprintf(path, sizeof(path), "%s/later", folder);
	refused(path, "another version");
}

static size_t events_of_folder(const char *dir)
{
	struct ff_events *events;
	const struct ff_event *e = NULL;
	size_t n = 0;
	const struct ff_events_options options = {.dir = dir};
	if (ff_events_open(&options, &events))
		_exit(4);
	while (!ff_events_next(events, &e) && e)
		n++;
	ff_events_close(events);
	return n;
}

static void fall_back(void)
{
	const struct ff_record_options options = {.dir = "/proc/firstfix"};
	const char *why = NULL;
	if (ff_record_start(&options))
		_exit(1);
	const char *where = ff_record_where(&why);
	if (!where || !why || !strstr(why, "/proc/firstfix") || strncmp(where, "/dev/shm/firstfix-", 18) != 0)
		_exit(2);
	size_t here = events_of_folder("/proc/firstfix/"), elsewhere = events_of_folder("/proc/another");
	unlink(where);
	char stand_in[128];
	snprintf(stand_in, sizeof(stand_in), "%.*s", (int)(strrchr(where, '/') - where), where);
	rmdir(stand_in);
	if (!here || elsewhere)
		_exit(3);
}

static void cut_the_lane(void)
{
	const struct ff_record_options options = {.dir = folder, .no_fallback = true};
	if (ff_record_start(&options))
		_exit(100);
	ff_event(FF_EV_LOG, FF_STR(BODY, "before the cut"));
	if (truncate(ff_record_where(NULL), 0) || unlink(ff_record_where(NULL)))
		_exit(101);
	for (int i = 0; i < 1000; i++)
		ff_event(FF_EV_LOG, FF_STR(BODY, "behind the cut"));
	if (ff_record_dropped() != 1000)
		_exit(102);
	ff_record_stop();
	if (ff_record_start(&options))
		_exit(103);
	ff_event(FF_EV_LOG, FF_STR(BODY, "a lane of its own again"));
	const char *where = ff_record_where(NULL);
	if (truncate(where, 4096) || unlink(where))
		_exit(104);
	pid_t child = fork();
	ff_event(FF_EV_LOG, FF_STR(BODY, "in parent and child"));
	int status;
	if (child == 0)
		_exit(0);
	if (waitpid(child, &status, 0) != child || status)
		_exit(105);
}

static void a_lane_that_is_cut_does_not_kill_the_worker(void **state)
{
	(void)state;
	assert_int_equal(in_child(cut_the_lane), 0);
	assert_int_equal(count_events(FF_EV_LOG, "a lane of its own again"), 0);
}

static void crash_elsewhere(void)
{
	signal(SIGBUS, SIG_DFL); // cmocka has its own
	const struct ff_record_options options = {.dir = folder, .no_fallback = true};
	if (ff_record_start(&options))
		_exit(100);
	raise(SIGBUS);
}

static void another_bus_error_kills_as_ever(void **state)
{
	(void)state;
	assert_int_equal(WTERMSIG(in_child(crash_elsewhere)), SIGBUS);
}

static volatile sig_atomic_t handled;

static void handle(int signal)
{
	(void)signal;
	handled++;
}

static void crash_handled(void)
{
	signal(SIGBUS, handle);
	const struct ff_record_options options = {.dir = folder, .no_fallback = true};
	if (ff_record_start(&options))
		_exit(100);
	raise(SIGBUS);
	_exit(handled == 1 ? 0 : 101);
}

static void the_workers_own_handler_is_asked(void **state)
{
	(void)state;
	assert_int_equal(in_child(crash_handled), 0);
}

static void under_file_size_limit(void)
{
	const struct rlimit limit = {4096, 4096};
	setrlimit(RLIMIT_FSIZE, &limit);
	const struct ff_record_options options = {.dir = folder};
	struct ff_error *err = ff_record_start(&options);
	if (!err || !strstr(err->message, "File too large"))
		_exit(1);
	ff_event(FF_EV_LOG, FF_STR(BODY, "nowhere"));
	ff_error_destroy(err);
}

static void a_limit_on_file_sizes_does_not_kill_the_worker(void **state)
{
	(void)state;
	assert_int_equal(in_child(under_file_size_limit), 0);
}

static void a_folder_that_refuses_has_a_stand_in_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(in_child(fall_back), 0);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void one_bad_lane_does_not_hide_the_others(void **state)
{
	(void)state;
	char path[256];
	snprintf(path, sizeof(path), "%s/lanes/1-1.ring", folder);
	write_file(path, "rubbish that is long enough to be looked at, or not", 50);
	struct ff_events *events;
	const struct ff_events_options options = {.dir = folder};
	assert_null(ff_events_open(&options, &events));
	const char *problem;
	assert_true(ff_events_problem(events, 0, &problem));
	assert_non_null(strstr(problem, "1-1.ring"));
	ff_events_close(events);
	unlink(path);
	assert_int_equal(count_events(FF_EV_LOG, "last words"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_process_leaves_its_events),
		cmocka_unit_test(children_get_lanes_of_their_own),
		cmocka_unit_test(handlers_may_record),
		cmocka_unit_test(a_childs_lane_can_be_made_in_a_handler),
		cmocka_unit_test(stop_and_start_again),
		cmocka_unit_test(synced_events_are_there_and_errno_is_kept),
		cmocka_unit_test(bad_folders_are_named),
		cmocka_unit_test(a_lane_that_is_cut_does_not_kill_the_worker),
		cmocka_unit_test(another_bus_error_kills_as_ever),
		cmocka_unit_test(the_workers_own_handler_is_asked),
		cmocka_unit_test(a_limit_on_file_sizes_does_not_kill_the_worker),
		cmocka_unit_test(a_folder_that_refuses_has_a_stand_in_of_its_own),
		cmocka_unit_test(one_bad_lane_does_not_hide_the_others),
		cmocka_unit_test(threads_of_a_child_wait_for_its_lane),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
