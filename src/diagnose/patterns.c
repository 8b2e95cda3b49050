// Gathers patterns for Vectorscan. Every one is compiled with HS_FLAG_PREFILTER: look-arounds and large repeats that
// Vectorscan cannot do exactly become something wider, and PCRE2 decides.
#include "diagnose/patterns.h"

#include "log/classify.h"
#include "log/said.h"

#include <ctype.h>
#include <stdlib.h>

void ff_patterns_deinit(struct ff_patterns *p)
{
	free(p->text);
	free(p->flags);
	free(p->ids);
	for (size_t i = 0; i < p->made_n; i++)
		free(p->made[i]);
	free(p->made);
	ff_landmarks_destroy(p->landmarks);
}

void ff_patterns_add(struct ff_patterns *p, const char *text, unsigned flags, unsigned id)
{
	p->text[p->n] = text;
	p->flags[p->n] = flags;
	p->ids[p->n++] = id;
}

struct ff_error *ff_patterns_init(size_t n, struct ff_patterns *ret)
{
	// One more than asked for: a folder of rules may bring no pattern at all.
	struct ff_patterns p = {.text = calloc(n + 1, sizeof(*p.text)),
		.flags = calloc(n + 1, sizeof(*p.flags)),
		.ids = calloc(n + 1, sizeof(*p.ids)),
		.made = calloc(n + 1, sizeof(*p.made))};
	if (!p.text || !p.flags || !p.ids || !p.made) {
		ff_patterns_deinit(&p);
		return &ff_enomem;
	}
	*ret = p;
	return NULL;
}

// Landmarks and signatures begin the text of a line, and that text stands behind prefixes, while whole lines are looked
// through: without what binds them to the beginning. Takes the pattern, which may be NULL.
static char *unanchored(char *text)
{
	char *to = text;
	bool list = false;
	for (const char *p = text; text && *p; p++) {
		if (*p == '\\' && p[1])
			*to++ = *p++;
		else if (*p == '[' || *p == ']')
			list = *p == '[';
		else if (*p == '^' && !list)
			continue;
		*to++ = *p;
	}
	if (text)
		*to = 0;
	return text;
}

// A repeat that may be long, "{0,40}": its length, and what takes its place, NULL for another text. Vectorscan has a
// state for each time, which makes up a third of the database, and PCRE2 counts them anyway.
static size_t long_repeat(const char *p, const char **ret)
{
	enum { LONG = 10 };
	static const char *const without_end[] = {"*", "+"};
	char *comma = NULL, *end = NULL;
	unsigned long least = isdigit((unsigned char)p[1]) ? strtoul(p + 1, &comma, 10) : 0;
	bool both = comma && *comma == ',' && isdigit((unsigned char)comma[1]);
	unsigned long most = both ? strtoul(comma + 1, &end, 10) : 0;
	if (!end || *end != '}' || most < LONG || least > 1)
		return 0;
	*ret = without_end[least];
	return (size_t)(end + 1 - p);
}

// Without the upper ends of long repeats. Takes the pattern, which may be NULL.
static char *widened(char *text)
{
	char *to = text;
	bool list = false;
	const char *instead;
	for (const char *p = text; text && *p;) {
		size_t n = *p == '{' && !list ? long_repeat(p, &instead) : 0;
		if (n) {
			*to++ = *instead;
			p += n;
			continue;
		}
		if (*p == '[' || *p == ']')
			list = *p == '[';
		if (*p == '\\' && p[1])
			*to++ = *p++;
		*to++ = *p++;
	}
	if (text)
		*to = 0;
	return text;
}

// Vectorscan takes no name twice: the second group of that name has none.
static char *named_once(const char *pattern)
{
	char *made = malloc(strlen(pattern) + 1), *to = made;
	for (const char *p = pattern; made && *p;) {
		bool named = ff_starts(p, "(?<") && p[3] != '=' && p[3] != '!';
		size_t name = named ? strcspn(p, ">") : 0;
		if (name && memmem(pattern, (size_t)(p - pattern), p, name + 1)) {
			*to++ = '(';
			p += name + 1;
			continue;
		}
		if (*p == '\\' && p[1])
			*to++ = *p++;
		*to++ = *p++;
	}
	if (made)
		*to = 0;
	return made;
}

// Takes the text.
static struct ff_error *add_made(struct ff_patterns *p, char *text, unsigned flags, unsigned id)
{
	if (!text)
		return &ff_enomem;
	p->made[p->made_n++] = text;
	ff_patterns_add(p, text, flags | HS_FLAG_CASELESS | HS_FLAG_PREFILTER, id);
	return NULL;
}

// Landmarks of one kind, or of all that stand in texts (FF_LANDMARK_KINDS).
static struct ff_error *gather_landmarks(enum ff_landmark_kind only, struct ff_patterns *p)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; i < ff_landmarks_count(p->landmarks) && !err; i++) {
		const struct ff_landmark *mark = ff_landmarks_at(p->landmarks, i);
		if (!ff_landmark_sought(mark->kind) || (only != FF_LANDMARK_KINDS && mark->kind != only))
			continue;
		err = add_made(
			p, widened(unanchored(strdup(mark->pattern))), HS_FLAG_MULTILINE, FF_LANDMARK_ID + (unsigned)i);
	}
	return err;
}

// Of the signatures from `from` to `to`; marks and landmarks stand before the first one.
struct ff_error *ff_patterns_gather(struct ff_rules *rules, size_t from, size_t to, struct ff_patterns *ret)
{
	struct ff_patterns p;
	struct ff_landmarks *landmarks;
	struct ff_error *err = ff_landmarks_create(&landmarks);
	if (err)
		return err;
	err = ff_patterns_init(to - from + ff_line_mark_count + 1 + ff_landmarks_count(landmarks), &p);
	if (err) {
		ff_landmarks_destroy(landmarks);
		return err;
	}
	p.landmarks = landmarks;
	if (from == 0)
		err = gather_landmarks(FF_LANDMARK_KINDS, &p);
	for (size_t i = 0; i < ff_line_mark_count && from == 0; i++)
		ff_patterns_add(&p, ff_line_marks[i].pattern, HS_FLAG_PREFILTER | HS_FLAG_MULTILINE,
			ff_line_marks[i].wrapped ? FF_WRAPPED_ID : FF_MARK_ID);
	if (from == 0)
		ff_patterns_add(&p, ff_said_settings_pattern, HS_FLAG_PREFILTER, FF_SETTINGS_ID);
	for (size_t i = from; i < to && !err; i++)
		err = add_made(&p, widened(unanchored(named_once(ff_rules_signature_at(rules, i)->pattern))), 0,
			(unsigned)i + 1);
	if (err)
		ff_patterns_deinit(&p);
	else
		*ret = p;
	return err;
}

struct ff_error *ff_patterns_work(struct ff_patterns *ret)
{
	struct ff_patterns p;
	struct ff_landmarks *landmarks;
	struct ff_error *err = ff_landmarks_create(&landmarks);
	if (err)
		return err;
	err = ff_patterns_init(ff_landmarks_count(landmarks), &p);
	if (err) {
		ff_landmarks_destroy(landmarks);
		return err;
	}
	p.landmarks = landmarks;
	err = gather_landmarks(FF_LANDMARK_WORK, &p);
	if (err)
		ff_patterns_deinit(&p);
	else
		*ret = p;
	return err;
}

struct ff_error *ff_patterns_compile(
	const struct ff_patterns *p, const hs_platform_info_t *platform, hs_database_t **ret)
{
	hs_compile_error_t *e = NULL;
	if (hs_compile_multi(p->text, p->flags, p->ids, p->n, HS_MODE_BLOCK, platform, ret, &e) == HS_SUCCESS)
		return NULL;
	struct ff_error *err = ff_error_create(FF_EUSAGE, "signature '%s': %s",
		e && e->expression >= 0 ? p->text[e->expression] : "?", e ? e->message : "cannot be compiled");
	hs_free_compile_error(e);
	return err;
}
