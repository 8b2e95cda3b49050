// Loads the scenario of a stand-in driver library and plays its hangs and crashes.
#include "fake.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const json_t *fake_scenario(void)
{
	static json_t *scenario;
	static struct timespec read_at;
	const char *path = getenv("FIRSTFIX_FAKE");
	struct stat st = {0};
	bool changed = path && stat(path, &st) == 0 &&
		(st.st_mtim.tv_sec != read_at.tv_sec || st.st_mtim.tv_nsec != read_at.tv_nsec);
	if (!scenario || changed) { // the old one stays: handles point into it
		json_error_t error;
		read_at = st.st_mtim;
		scenario = path ? json_load_file(path, 0, &error) : json_object();
		if (!scenario) {
			fprintf(stderr, "FIRSTFIX_FAKE: %s:%d: %s\n", error.source, error.line, error.text);
			abort();
		}
	}
	return scenario;
}

int fake_enter(const char *function)
{
	const json_t *what = json_object_get(json_object_get(fake_scenario(), "behave"), function);
	const char *word = json_string_value(what);
	while (word && strcmp(word, "hang") == 0)
		pause();
	if (word && strcmp(word, "crash") == 0)
		raise(SIGSEGV);
	return (int)json_integer_value(what);
}

const json_t *fake_at(const json_t *from, const char *path)
{
	char copy[128], *rest = copy;
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *key; from && (key = strsep(&rest, "."));)
		from = json_object_get(from, key);
	return from;
}

bool fake_text(const json_t *from, const char *path, char *ret, unsigned n)
{
	const char *text = json_string_value(fake_at(from, path));
	if (!text || strlen(text) >= n)
		return false;
	strcpy(ret, text);
	return true;
}

bool fake_number(const json_t *from, const char *path, double *ret)
{
	const json_t *value = fake_at(from, path);
	if (json_is_boolean(value))
		*ret = json_is_true(value);
	else if (json_is_number(value))
		*ret = json_number_value(value);
	return json_is_boolean(value) || json_is_number(value);
}
