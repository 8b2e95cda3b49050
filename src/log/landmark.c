// Reads rules/data/landmarks.tsv, which travels in the program. Patterns are compiled when they are first tried:
// Vectorscan (in diagnose) says which of them may stand in a line.
//
//	finished	docker	^Successfully (?:built|tagged) \S
#include "log/landmark.h"

#include "base/embed.h"
#include "base/regex.h"

#include <stdlib.h>

FF_EMBEDDED(ff_log, landmarks);

enum { COLUMNS = 3 };

struct row {
	struct ff_landmark mark;
	char *text; // holds what the mark points to
	struct ff_regex *regex;
	bool broken;
};

struct ff_landmarks {
	struct row *rows;
	size_t n;
	struct ff_regex *any[FF_LANDMARK_KINDS];
};

static const char *const kinds[FF_LANDMARK_KINDS] = {"session", "start", "role", "load", "ready", "work", "finished",
	"over", "stopped", "gone", "died", "harmless", "note", "ignored", "onward", "apart", "skipped", "failed",
	"refused", "last", "unsaid"};

void ff_landmarks_destroy(struct ff_landmarks *landmarks)
{
	if (!landmarks)
		return;
	for (size_t i = 0; i < landmarks->n; i++) {
		free(landmarks->rows[i].text);
		ff_regex_destroy(landmarks->rows[i].regex);
	}
	for (size_t i = 0; i < FF_LANDMARK_KINDS; i++)
		ff_regex_destroy(landmarks->any[i]);
	free(landmarks->rows);
	free(landmarks);
}

// One line of the table as a row; false for its header.
static bool row_of(struct ff_span line, struct row *row)
{
	struct ff_span cells[COLUMNS] = {{0}};
	for (size_t i = 0; i < COLUMNS && ff_span_next(&line, '\t', &cells[i]);)
		i++;
	for (size_t k = 0; k < FF_LANDMARK_KINDS; k++) {
		if (ff_span_eq(cells[0], kinds[k]) && cells[2].n) {
			_cleanup_buf_ struct ff_buf text = {0};
			ff_buf_printf(&text, "%.*s%c%.*s", (int)cells[1].n, cells[1].p, 0, (int)cells[2].n, cells[2].p);
			row->text = text.failed ? NULL : ff_span_dup((struct ff_span){text.p, text.n});
			if (!row->text)
				return false;
			row->mark =
				(struct ff_landmark){(enum ff_landmark_kind)k, row->text, row->text + cells[1].n + 1};
			return true;
		}
	}
	return false;
}

struct ff_error *ff_landmarks_create(struct ff_landmarks **ret)
{
	struct ff_landmarks *landmarks = calloc(1, sizeof(*landmarks));
	size_t lines = 0;
	for (size_t i = 0; i < ff_log_landmarks.n; i++)
		lines += ff_log_landmarks.p[i] == '\n';
	if (landmarks)
		landmarks->rows = calloc(lines + 1, sizeof(*landmarks->rows));
	if (!landmarks || !landmarks->rows) {
		ff_landmarks_destroy(landmarks);
		return &ff_enomem;
	}
	struct ff_span rest = ff_log_landmarks, line;
	while (ff_span_next(&rest, '\n', &line)) {
		if (!ff_span_starts(line, "#"))
			landmarks->n += row_of(line, &landmarks->rows[landmarks->n]);
	}
	*ret = landmarks;
	return NULL;
}

size_t ff_landmarks_count(const struct ff_landmarks *landmarks)
{
	return landmarks->n;
}

const struct ff_landmark *ff_landmarks_at(const struct ff_landmarks *landmarks, size_t index)
{
	return &landmarks->rows[index].mark;
}

static struct ff_regex *regex_of(struct row *row)
{
	if (!row->regex && !row->broken) {
		struct ff_error *err = ff_regex_create(row->mark.pattern, true, false, &row->regex);
		row->broken = err != NULL;
		ff_error_destroy(err);
	}
	return row->regex;
}

bool ff_landmarks_stands(struct ff_landmarks *landmarks, size_t index, struct ff_span text)
{
	struct ff_match m;
	struct ff_regex *regex = regex_of(&landmarks->rows[index]);
	return regex && ff_regex_match(regex, text, 0, &m);
}

bool ff_landmark_sought(enum ff_landmark_kind kind)
{
	return kind != FF_LANDMARK_ROLE && kind != FF_LANDMARK_LAST && kind != FF_LANDMARK_UNSAID;
}

bool ff_landmarks_any(struct ff_landmarks *landmarks, enum ff_landmark_kind kind, struct ff_span text, size_t *ret_at)
{
	struct ff_match m;
	if (!landmarks->any[kind]) {
		_cleanup_buf_ struct ff_buf all = {0};
		for (size_t i = 0; i < landmarks->n; i++) {
			if (landmarks->rows[i].mark.kind == kind)
				ff_buf_printf(&all, "%s(?:%s)", all.n ? "|" : "", landmarks->rows[i].mark.pattern);
		}
		ff_error_destroy(
			all.failed || !all.p ? NULL : ff_regex_create(all.p, true, false, &landmarks->any[kind]));
	}
	if (!landmarks->any[kind] || !ff_regex_match(landmarks->any[kind], text, 0, &m))
		return false;
	if (ret_at)
		*ret_at = (size_t)(m.group[0].p - text.p);
	return true;
}

uint64_t ff_landmarks_role(struct ff_landmarks *landmarks, struct ff_span source)
{
	struct ff_match m;
	uint64_t pid = 0;
	for (size_t i = 0; i < landmarks->n; i++) {
		struct row *row = &landmarks->rows[i];
		if (row->mark.kind != FF_LANDMARK_ROLE || !regex_of(row) || !ff_regex_match(row->regex, source, 0, &m))
			continue;
		unsigned group = ff_regex_group(row->regex, "pid");
		if (group && ff_span_u64(m.group[group], &pid))
			return pid;
	}
	return 0;
}
