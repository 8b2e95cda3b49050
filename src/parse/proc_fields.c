// Reads the line-by-line files of /proc and cgroup. Kernels add fields at will, so a field is found by its name, never
// by its line; gVisor and old kernels leave files out or half empty, which is a field that is not there.
//
//	MemTotal:       65843452 kB
//	oom_kill 3
//	some avg10=0.12 avg60=0.03 avg300=0.00 total=52113
//	Max open files            1024                 1048576              files
#include "parse/proc_fields.h"

#include "parse/chars.h"

#include <ctype.h>
#include <stdio.h>

bool ff_field_text(struct ff_span text, const char *key, struct ff_span *ret)
{
	size_t n = strlen(key);
	for (struct ff_span line; ff_span_next(&text, '\n', &line);) {
		if (!ff_span_starts(line, key) || line.n <= n)
			continue;
		struct ff_span rest = {line.p + n, line.n - n};
		if (rest.p[0] != ':' && !isspace((unsigned char)rest.p[0])) // another, longer name
			continue;
		rest = ff_span_trim(rest);
		if (rest.n && rest.p[0] == ':')
			rest = ff_span_trim((struct ff_span){rest.p + 1, rest.n - 1});
		*ret = rest;
		return true;
	}
	return false;
}

bool ff_field_u64(struct ff_span text, const char *key, uint64_t *ret)
{
	struct ff_span value, number;
	if (!ff_field_text(text, key, &value))
		return false;
	struct ff_span rest = value;
	uint64_t v, unit = 1;
	ff_span_next(&rest, ' ', &number);
	rest = ff_span_trim(rest);
	if (ff_span_eq(rest, "kB"))
		unit = 1024;
	if (!ff_span_u64(number, &v) || __builtin_mul_overflow(v, unit, &v))
		return false;
	*ret = v;
	return true;
}

bool ff_cpu_list_count(struct ff_span list, uint64_t *ret)
{
	uint64_t count = 0;
	list = ff_span_trim(list);
	for (struct ff_span part; ff_span_next(&list, ',', &part);) {
		struct ff_span first;
		uint64_t from, to;
		ff_span_next(&part, '-', &first);
		if (!ff_span_u64(first, &from))
			return false;
		to = from;
		if (part.p && !ff_span_u64(part, &to))
			return false;
		if (to < from || __builtin_add_overflow(count, to - from, &count) ||
			__builtin_add_overflow(count, (uint64_t)1, &count))
			return false;
	}
	*ret = count;
	return count > 0;
}

// "avg10=0.12": decimal digits with one point; strtod() would follow the locale.
static bool decimal(struct ff_span s, double *ret)
{
	double value = 0, scale = 1;
	bool point = false;
	if (!s.n || s.n > 32)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!isdigit((unsigned char)s.p[i]))
			return false;
		value = value * 10 + (s.p[i] - '0');
		scale *= point ? 10 : 1;
	}
	*ret = value / scale;
	return true;
}

static struct ff_error *pressure_line(struct ff_span line, json_t *into)
{
	static const struct {
		const char *word, *key;
	} averages[] = {{"avg10=", "avg10"}, {"avg60=", "avg60"}, {"avg300=", "avg300"}};
	for (struct ff_span word; ff_span_next(&line, ' ', &word);) {
		for (size_t i = 0; i < sizeof(averages) / sizeof(averages[0]); i++) {
			size_t n = strlen(averages[i].word);
			double v;
			if (ff_span_starts(word, averages[i].word) &&
				decimal((struct ff_span){word.p + n, word.n - n}, &v) &&
				json_object_set_new(into, averages[i].key, json_real(v)) < 0)
				return &ff_enomem;
		}
		uint64_t total;
		if (ff_span_starts(word, "total=") && ff_span_u64((struct ff_span){word.p + 6, word.n - 6}, &total) &&
			total <= INT64_MAX &&
			json_object_set_new(into, "total_us", json_integer((json_int_t)total)) < 0)
			return &ff_enomem;
	}
	return NULL;
}

struct ff_error *ff_pressure_parse(const char *file, struct ff_span text, json_t **ret)
{
	_cleanup_json_ json_t *doc = json_object();
	static const char *const kinds[] = {"some", "full"};
	if (!doc)
		return &ff_enomem;
	for (size_t i = 0; i < 2; i++) {
		struct ff_span line;
		if (!ff_field_text(text, kinds[i], &line))
			continue;
		json_t *into = json_object();
		if (json_object_set_new(doc, kinds[i], into) < 0)
			return &ff_enomem;
		struct ff_error *err = pressure_line(line, into);
		if (err)
			return err;
	}
	if (!json_object_size(doc))
		return ff_error_format(file, 0, "neither 'some' nor 'full' stands here");
	*ret = ff_take(&doc);
	return NULL;
}

// Columns of /proc/PID/limits are padded to 26 and 21 characters; names hold spaces, so they are matched whole.
static struct ff_error *limit_line(struct ff_span line, const char *key, json_t *into)
{
	char hard_key[32];
	snprintf(hard_key, sizeof(hard_key), "%s_hard", key);
	const char *const keys[] = {key, hard_key};
	for (size_t i = 0; i < 2; i++) {
		struct ff_span word;
		uint64_t v;
		line = ff_span_trim(line);
		if (!ff_span_next(&line, ' ', &word))
			break;
		json_t *value = NULL;
		if (ff_span_eq(word, "unlimited"))
			value = json_string("unlimited");
		else if (ff_span_u64(word, &v) && v <= INT64_MAX)
			value = json_integer((json_int_t)v);
		else
			break;
		if (json_object_set_new(into, keys[i], value) < 0)
			return &ff_enomem;
	}
	return NULL;
}

struct ff_error *ff_limits_parse(const char *file, struct ff_span text, json_t **ret)
{
	static const struct {
		const char *line, *key;
	} limits[] = {
		{"Max open files", "nofile"},
		{"Max file size", "fsize"},
		{"Max cpu time", "cpu"},
		{"Max locked memory", "memlock"},
		{"Max processes", "nproc"},
		{"Max stack size", "stack"},
		{"Max core file size", "core"},
		{"Max address space", "as"},
		{"Max data size", "data"},
	};
	_cleanup_json_ json_t *doc = json_object();
	if (!doc)
		return &ff_enomem;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct ff_span line;
		if (!ff_field_text(text, limits[i].line, &line))
			continue;
		struct ff_error *err = limit_line(line, limits[i].key, doc);
		if (err)
			return err;
	}
	if (!json_object_size(doc))
		return ff_error_format(file, 0, "no limit stands here");
	*ret = ff_take(&doc);
	return NULL;
}

struct ff_error *ff_proc_stat_parse(const char *file, struct ff_span text, struct ff_proc_stat *ret)
{
	struct ff_proc_stat stat = {0};
	const char *open = text.n ? memchr(text.p, '(', text.n) : NULL;
	const char *close = text.n ? memrchr(text.p, ')', text.n) : NULL;
	if (!open || !close || close < open)
		return ff_error_format(file, 0, "no name in parentheses");
	stat.comm = (struct ff_span){open + 1, (size_t)(close - open - 1)};
	struct ff_span rest = ff_span_trim((struct ff_span){close + 1, text.n - (size_t)(close + 1 - text.p)});
	struct ff_span word;
	bool complete = false;
	for (unsigned field = 3; field <= 22 && ff_span_next(&rest, ' ', &word); field++) { // numbered as in proc(5)
		if (field == 3 && word.n)
			stat.state = word.p[0];
		else if (field == 4)
			ff_span_u64(word, &stat.ppid);
		else if (field == 20)
			ff_span_u64(word, &stat.threads);
		else if (field == 22)
			complete = ff_span_u64(word, &stat.start_ticks);
	}
	if (!complete)
		return ff_error_format(file, (uint64_t)(close - text.p), "fewer than 22 fields");
	*ret = stat;
	return NULL;
}

// "   0: 0100007F:0C38 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 41234 1 ..."
bool ff_net_dev_next(struct ff_span *table, struct ff_span *ret_name)
{
	struct ff_span line;
	while (ff_span_line(table, &line)) {
		const char *colon = memchr(line.p, ':', line.n);
		*ret_name = ff_span_trim((struct ff_span){line.p, colon ? (size_t)(colon - line.p) : 0});
		if (ret_name->n)
			return true;
	}
	return false;
}

bool ff_tcp_listens(struct ff_span table, uint64_t port, uint64_t *ret_inode)
{
	enum { LOCAL = 1, STATE = 3, INODE = 9 };
	struct ff_span line, word;
	char wanted[8];
	snprintf(wanted, sizeof(wanted), ":%04X", (unsigned)(port & 0xffff));
	while (ff_span_line(&table, &line)) {
		bool here = false, listens = false;
		for (unsigned i = 0; i <= INODE; i++) {
			line = ff_span_trim(line);
			if (!ff_span_next(&line, ' ', &word))
				break;
			here |= i == LOCAL && ff_span_ends(word, wanted);
			listens |= i == STATE && ff_span_eq(word, "0A");
			if (i == INODE && ret_inode && here && listens && !ff_span_u64(word, ret_inode))
				*ret_inode = 0;
		}
		if (here && listens)
			return true;
	}
	return false;
}
