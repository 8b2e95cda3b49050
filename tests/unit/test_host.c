// host: a captured root cannot be left, devices are not opened; helpers survive hangs and crashes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "host/helper.h"
#include "host/host.h"
#include "host/resolve.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static char root[64];

static void put(const char *path, const char *text)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", root, path);
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_link(const char *path, const char *target)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", root, path);
	assert_int_equal(symlink(target, full), 0);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/ff-host-XXXXXX");
	assert_non_null(mkdtemp(root));
	char path[256];
	const char *const dirs[] = {"/etc", "/a", "/.firstfix"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	put("/etc/hostname", "captured\nsecond\n");
	put("/.firstfix/live.json",
		"{\"env\": {\"HOME\": \"/root\", \"HF_TOKEN\": {\"masked\": true}}, \"affinity\": 8}");
	put_link("/a/absolute", "/etc/hostname");
	put_link("/a/up", "../../../../../../etc/hostname");
	put_link("/a/loop", "loop");
	put_link("/a/dangling", "/nowhere");
	put_link("/a/dir", "../etc");
	snprintf(path, sizeof(path), "%s/fifo", root);
	assert_int_equal(mkfifo(path, 0644), 0);
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static struct ff_host *captured(void)
{
	struct ff_host *host = NULL;
	assert_null(ff_host_create(&(struct ff_host_options){.root = root}, &host));
	return host;
}

static void links_stay_inside_a_captured_root(void **state)
{
	(void)state;
	_cleanup_host_ struct ff_host *host = captured();
	const char *const paths[] = {
		"/etc/hostname", "/a/absolute", "/a/up", "/a/dir/hostname", "//a/./dir/../etc/hostname"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		_cleanup_free_ char *line = NULL, *resolved = NULL;
		assert_null(ff_host_read_line(host, paths[i], &line));
		assert_string_equal(line, "captured");
		assert_null(ff_host_realpath(host, paths[i], &resolved));
		assert_string_equal(resolved, "/etc/hostname");
	}
	assert_string_equal(ff_host_getenv(host, "HOME"), "/root");
	assert_string_equal(ff_host_getenv(host, "HF_TOKEN"), "[masked]");
	assert_null(ff_host_getenv(host, "OTHER"));
	assert_int_equal(json_integer_value(ff_host_captured(host, "affinity")), 8);
}

// The walk that replaces openat2() where it is forbidden must answer the same.
static void walk_answers_like_openat2(void **state)
{
	(void)state;
	int fd = open(root, O_PATH | O_DIRECTORY);
	char *resolved = NULL;
	int found = ff_resolve_in_root(fd, "/a/up", O_RDONLY, &resolved);
	assert_true(found >= 0);
	assert_string_equal(resolved, "/etc/hostname");
	close(found);
	free(resolved);
	assert_int_equal(ff_resolve_in_root(fd, "/a/loop", O_RDONLY, NULL), -ELOOP);
	assert_int_equal(ff_resolve_in_root(fd, "/a/none", O_RDONLY, NULL), -ENOENT);
	assert_int_equal(ff_resolve_in_root(fd, "/etc/hostname/x", O_RDONLY, NULL), -ENOTDIR);
	found = ff_resolve_in_root(fd, "/../../..", O_PATH, &resolved);
	assert_string_equal(resolved, "/");
	free(resolved);
	close(found);
	close(fd);
}

static void a_link_is_read_not_followed(void **state)
{
	(void)state;
	_cleanup_host_ struct ff_host *host = captured();
	_cleanup_free_ char *target = NULL;
	assert_null(ff_host_readlink(host, "/a/dangling", &target));
	assert_string_equal(target, "/nowhere");
	int fd = open(root, O_PATH | O_DIRECTORY);
	int found = ff_resolve_in_root(fd, "/a/dangling", O_PATH | O_NOFOLLOW, NULL);
	assert_true(found >= 0);
	close(found);
	close(fd);
}

static void read_work(struct ff_helper_out *out, void *arg)
{
	char *line = NULL;
	struct ff_error *err = ff_host_read_line(arg, "/etc/hostname", &line);
	ff_helper_send(out, json_pack("{s:s}", "line", err ? err->message : line));
	ff_error_destroy(err);
	free(line);
}

static char *helper_line;

static void keep_line(json_t *document, void *arg)
{
	(void)arg;
	helper_line = strdup(ff_json_text(document, "line"));
}

static void a_helper_reads_a_captured_root(void **state)
{
	(void)state;
	_cleanup_host_ struct ff_host *host = captured();
	struct ff_helper helper = {
		.name = "read", .work = read_work, .receive = keep_line, .arg = host, .keep_fd = ff_host_root_fd(host)};
	ff_helpers_run(&helper, 1, 2000);
	assert_null(helper.err);
	assert_string_equal(helper_line, "captured");
	free(helper_line);
}

static void misses_have_their_reason(void **state)
{
	(void)state;
	_cleanup_host_ struct ff_host *host = captured();
	int fd;
	struct ff_error *err = ff_host_open(host, "/fifo", &fd);
	assert_int_equal(err->code, FF_EUNSUPPORTED); // and did not block
	ff_error_destroy(err);
	err = ff_host_open(host, "/a/loop", &fd);
	assert_int_equal(err->code, FF_EOS);
	ff_error_destroy(err);
	char *text;
	err = ff_host_read(host, "/etc/hostname", 4, &text, NULL);
	assert_int_equal(err->code, FF_ELIMIT);
	ff_error_destroy(err);
	struct ff_names names;
	err = ff_host_list(host, "/a", 2, &names);
	assert_int_equal(err->code, FF_ELIMIT);
	ff_error_destroy(err);
	assert_null(ff_host_list(host, "/a", 10, &names));
	assert_int_equal(names.n, 5);
	assert_string_equal(names.names[0], "absolute");
	ff_names_deinit(&names);
}

static void ok_work(struct ff_helper_out *out, void *arg)
{
	(void)arg;
	ff_helper_send(out, json_pack("{s:i}", "n", 1));
	ff_helper_send(out, json_pack("{s:i}", "n", 2));
}

static void hang_work(struct ff_helper_out *out, void *arg)
{
	ok_work(out, arg);
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

static void crash_work(struct ff_helper_out *out, void *arg)
{
	ok_work(out, arg);
	raise(SIGSEGV);
}

static void count(json_t *document, void *arg)
{
	*(int *)arg += (int)json_integer_value(json_object_get(document, "n"));
}

static void helpers_keep_what_was_said_before_a_hang_or_crash(void **state)
{
	(void)state;
	int sums[3] = {0};
	struct ff_helper helpers[] = {
		{.name = "ok", .work = ok_work, .receive = count, .arg = &sums[0]},
		{.name = "hang", .work = hang_work, .receive = count, .arg = &sums[1]},
		{.name = "crash", .work = crash_work, .receive = count, .arg = &sums[2]},
	};
	uint64_t start = ff_clock_ns();
	ff_helpers_run(helpers, 3, 200);
	assert_true(ff_clock_ms_since(start) < 5000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sums[i], 3);
	assert_null(helpers[0].err);
	assert_int_equal(helpers[1].err->code, FF_ETIMEOUT);
	assert_int_equal(helpers[2].err->code, FF_ECRASH);
	ff_error_destroy(helpers[1].err);
	ff_error_destroy(helpers[2].err);
}

// A child that has done its work may be long in exit(): it is left behind, and the next run takes it along.
static void a_helper_that_is_done_is_reaped_by_the_next_run(void **state)
{
	(void)state;
	int sum = 0;
	struct ff_helper helper = {.name = "ok", .work = ok_work, .receive = count, .arg = &sum};
	while (waitpid(-1, NULL, 0) > 0) // of the tests before
		;
	for (int i = 0; i < 3; i++) {
		ff_helpers_run(&helper, 1, 2000);
		assert_null(helper.err);
		poll(NULL, 0, 50);
	}
	assert_int_equal(sum, 9);
	assert_true(waitpid(-1, NULL, 0) > 0);	    // the last one
	assert_int_equal(waitpid(-1, NULL, 0), -1); // and no other
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_stay_inside_a_captured_root),
		cmocka_unit_test(walk_answers_like_openat2),
		cmocka_unit_test(a_link_is_read_not_followed),
		cmocka_unit_test(a_helper_reads_a_captured_root),
		cmocka_unit_test(misses_have_their_reason),
		cmocka_unit_test(helpers_keep_what_was_said_before_a_hang_or_crash),
		cmocka_unit_test(a_helper_that_is_done_is_reaped_by_the_next_run),
	};
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
