// host: what was read of this machine becomes a machine of its own, in parts where it was read in parts, masked where
// it is text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/bytes.h"
#include "host/capture.h"
#include "host/capture_tree.h"

#include <fcntl.h>
#include <stdio.h>

enum { BIG = 64 << 20 };

static char from[64], to[64];

static int make_folders(void **state)
{
	(void)state;
	char path[128];
	snprintf(from, sizeof(from), "/tmp/ff-from-XXXXXX");
	snprintf(to, sizeof(to), "/tmp/ff-to-XXXXXX");
	assert_non_null(mkdtemp(from));
	assert_non_null(mkdtemp(to));
	snprintf(path, sizeof(path), "%s/secret.txt", from);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("token=hush and more\n", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/big.so.1", from);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("\177ELF", f);
	assert_int_equal(fseek(f, BIG - 8, SEEK_SET), 0);
	fputs("the end.", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/big.so", from);
	assert_int_equal(symlink("big.so.1", path), 0);
	snprintf(path, sizeof(path), "%s/fifo", from);
	assert_int_equal(mkfifo(path, 0600), 0);
	return 0;
}

static int remove_folders(void **state)
{
	(void)state;
	char command[160];
	snprintf(command, sizeof(command), "rm -rf %s %s", from, to);
	return system(command);
}

static struct ff_error *mask_hush(struct ff_span text, struct ff_buf *out)
{
	const char *at = memmem(text.p, text.n, "hush", 4);
	if (!at) {
		ff_buf_span(out, text);
		return NULL;
	}
	ff_buf_add(out, text.p, (size_t)(at - text.p));
	ff_buf_str(out, "[masked]");
	ff_buf_add(out, at + 4, text.n - (size_t)(at + 4 - text.p));
	return NULL;
}

static void look_at(struct ff_host *host)
{
	char path[128], head[4];
	_cleanup_free_ char *text = NULL;
	struct stat st;
	struct ff_names names;
	snprintf(path, sizeof(path), "%s/secret.txt", from);
	assert_null(ff_host_read(host, path, 4096, &text, NULL));
	snprintf(path, sizeof(path), "%s/fifo", from);
	assert_null(ff_host_stat(host, path, &st));
	assert_null(ff_host_list(host, from, 100, &names));
	ff_names_deinit(&names);
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	snprintf(path, sizeof(path), "%s/big.so", from);
	assert_null(ff_file_open(host, path, &file));
	assert_null(ff_bytes_read_far(&file.bytes, 0, head, 4, "head"));
	assert_null(ff_bytes_read_far(&file.bytes, BIG - 4, head, 4, "end"));
}

static void a_capture_answers_as_the_machine_did(void **state)
{
	(void)state;
	_cleanup_host_ struct ff_host *host = NULL, *captured = NULL;
	_cleanup_json_ json_t *live = json_pack("{s:{s:s}}", "env", "HOME", "/root");
	_cleanup_close_ int dir = -1;
	assert_null(ff_host_create(&(struct ff_host_options){0}, &host));
	assert_null(ff_trace_start(host));
	look_at(host);
	_cleanup_trace_ struct ff_trace *trace = ff_trace_stop(host);
	assert_null(ff_capture_open(to, &dir));
	assert_null(ff_capture_write(host, trace, &(struct ff_capture_job){.mask = mask_hush, .live = live}, dir));

	assert_null(ff_host_create(&(struct ff_host_options){.root = to}, &captured));
	look_at(captured);
	char path[128];
	_cleanup_free_ char *text = NULL, *target = NULL;
	snprintf(path, sizeof(path), "%s/secret.txt", from);
	assert_null(ff_host_read(captured, path, 4096, &text, NULL));
	assert_string_equal(text, "token=[masked] and more\n");
	snprintf(path, sizeof(path), "%s/big.so", from);
	assert_null(ff_host_readlink(captured, path, &target));
	assert_string_equal(target, "big.so.1");
	struct stat st;
	assert_null(ff_host_stat(captured, path, &st));
	assert_int_equal(st.st_size, BIG);
	assert_true(st.st_blocks * 512 < 1 << 20);
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	char end[4];
	assert_null(ff_file_open(captured, path, &file));
	assert_null(ff_bytes_read_far(&file.bytes, BIG - 4, end, 4, "end"));
	assert_memory_equal(end, "end.", 4);
	snprintf(path, sizeof(path), "%s/fifo", from);
	assert_null(ff_host_stat(captured, path, &st));
	assert_true(S_ISFIFO(st.st_mode));
	assert_string_equal(ff_host_getenv(captured, "HOME"), "/root");
}

static void a_folder_in_use_is_refused(void **state)
{
	(void)state;
	int fd;
	struct ff_error *err = ff_capture_open(from, &fd);
	assert_non_null(err);
	assert_int_equal(err->code, FF_EUSAGE);
	ff_error_destroy(err);
}

static void the_tree_is_never_left_through_a_link(void **state)
{
	(void)state;
	_cleanup_close_ int dir = open(to, O_RDONLY | O_DIRECTORY);
	int fd;
	bool made;
	assert_null(ff_tree_link(dir, "/out", from));
	struct ff_error *err = ff_tree_file(dir, "/out/planted", &fd, &made);
	assert_non_null(err);
	ff_error_destroy(err);
	assert_null(ff_tree_link(dir, "/last", "/tmp/planted-by-test"));
	err = ff_tree_file(dir, "/last", &fd, &made);
	assert_non_null(err);
	ff_error_destroy(err);
	err = ff_tree_file(dir, "/x/../../planted", &fd, &made);
	assert_non_null(err);
	ff_error_destroy(err);
	assert_int_equal(access("/tmp/planted-by-test", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_answers_as_the_machine_did),
		cmocka_unit_test(a_folder_in_use_is_refused),
		cmocka_unit_test(the_tree_is_never_left_through_a_link),
	};
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
