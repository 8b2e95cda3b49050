// PCRE2 behind a small interface. Bytes, not UTF-8: logs are not always text, and `.` on a byte is good enough to find
// a message. The JIT costs as much as matching some kilobytes: it is used for what is used often and where it is
// allowed (SELinux may forbid it; the interpreter gives the same answers).
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <pcre2.h>

enum { MATCH_LIMIT = 200000, HEAP_LIMIT_KIB = 4096, DEPTH_LIMIT = 2000 };
enum { USE = 256, USED_BEFORE_JIT = 16 * USE }; // bytes; a match costs as much as so many

struct ff_regex {
	const char *late; // compiled when it is first matched
	uint32_t options;
	pcre2_code *code;
	pcre2_match_data *data; // of the JIT
	pcre2_match_context *context;
	char *names[FF_REGEX_GROUPS];
	size_t used;
	bool tried_jit, jit;
	bool limited;
};

void ff_regex_destroy(struct ff_regex *regex)
{
	if (!regex)
		return;
	for (unsigned i = 0; i < FF_REGEX_GROUPS; i++)
		free(regex->names[i]);
	pcre2_match_context_free(regex->context);
	pcre2_match_data_free(regex->data);
	pcre2_code_free(regex->code);
	free(regex);
}

static struct ff_error *read_names(struct ff_regex *regex)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR table = NULL;
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &n);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < n; i++) {
		PCRE2_SPTR entry = table + (size_t)i * size;
		unsigned group = (unsigned)entry[0] << 8 | entry[1];
		if (group >= FF_REGEX_GROUPS || regex->names[group])
			continue;
		regex->names[group] = strdup((const char *)entry + 2);
		if (!regex->names[group])
			return &ff_enomem;
	}
	return NULL;
}

// What it leaves on failure goes with the regex.
static struct ff_error *compile(struct ff_regex *regex, const char *pattern)
{
	int code;
	PCRE2_SIZE at;
	uint32_t groups = 0;
	regex->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, regex->options, &code, &at, NULL);
	if (!regex->code) {
		char text[160];
		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		return ff_error_create(FF_EUSAGE, "%s (at character %zu of '%s')", text, (size_t)at + 1, pattern);
	}
	pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups >= FF_REGEX_GROUPS)
		return ff_error_create(FF_EUSAGE, "more than %d groups in '%s'", FF_REGEX_GROUPS - 1, pattern);
	regex->context = pcre2_match_context_create(NULL);
	struct ff_error *err = regex->context ? read_names(regex) : &ff_enomem;
	if (err)
		return err;
	pcre2_set_match_limit(regex->context, MATCH_LIMIT);
	pcre2_set_heap_limit(regex->context, HEAP_LIMIT_KIB);
	pcre2_set_depth_limit(regex->context, DEPTH_LIMIT);
	return NULL;
}

static struct ff_regex *allocate(bool caseless, bool anchored)
{
	struct ff_regex *regex = calloc(1, sizeof(*regex));
	if (regex)
		regex->options = PCRE2_NEVER_UTF | PCRE2_DUPNAMES | (caseless ? PCRE2_CASELESS : 0) |
			(anchored ? PCRE2_ANCHORED : 0);
	return regex;
}

struct ff_error *ff_regex_create(const char *pattern, bool caseless, bool anchored, struct ff_regex **ret)
{
	struct ff_regex *regex = allocate(caseless, anchored);
	struct ff_error *err = regex ? compile(regex, pattern) : &ff_enomem;
	if (err)
		ff_regex_destroy(regex);
	else
		*ret = regex;
	return err;
}

struct ff_error *ff_regex_create_late(const char *pattern, bool caseless, bool anchored, struct ff_regex **ret)
{
	struct ff_regex *regex = allocate(caseless, anchored);
	if (!regex)
		return &ff_enomem;
	regex->late = pattern;
	*ret = regex;
	return NULL;
}

// Tried once.
static void compile_late(struct ff_regex *regex)
{
	struct ff_error *err = compile(regex, regex->late);
	regex->late = NULL;
	if (err) {
		pcre2_code_free(regex->code);
		regex->code = NULL;
		ff_error_destroy(err);
	}
}

// Where it has been used often, and is allowed; a refusal leaves the interpreter.
static void try_jit(struct ff_regex *regex, size_t n)
{
	regex->used += USE + n;
	if (regex->tried_jit || regex->used < USED_BEFORE_JIT)
		return;
	regex->tried_jit = true;
	regex->data = pcre2_match_data_create(FF_REGEX_GROUPS, NULL);
	regex->jit = regex->data && pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
}

static int match(struct ff_regex *regex, struct ff_span subject, size_t from, pcre2_match_data *data)
{
	PCRE2_SPTR text = (PCRE2_SPTR)(subject.p ? subject.p : "");
	return regex->jit ? pcre2_jit_match(regex->code, text, subject.n, from, 0, data, regex->context)
			  : pcre2_match(regex->code, text, subject.n, from, 0, data, regex->context);
}

static void take_groups(pcre2_match_data *data, struct ff_span subject, unsigned n, struct ff_match *ret)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
	ret->n = n;
	memset(ret->group + n, 0, (FF_REGEX_GROUPS - (size_t)n) * sizeof(*ret->group));
	for (unsigned i = 0; i < n; i++) {
		bool there = at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1];
		ret->group[i] = there ? (struct ff_span){subject.p + at[2 * i], at[2 * i + 1] - at[2 * i]}
				      : (struct ff_span){NULL, 0};
	}
}

// The interpreter leaves 20 KiB and more in its match data, so hundreds of patterns do not keep theirs.
bool ff_regex_match(struct ff_regex *regex, struct ff_span subject, size_t from, struct ff_match *ret)
{
	if (regex->late)
		compile_late(regex);
	if (regex->code)
		try_jit(regex, subject.n);
	pcre2_match_data *data = regex->jit ? regex->data : pcre2_match_data_create(FF_REGEX_GROUPS, NULL);
	int n = regex->code && data ? match(regex, subject, from, data) : PCRE2_ERROR_HEAPLIMIT;
	regex->limited = n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_HEAPLIMIT ||
		n == PCRE2_ERROR_JIT_STACKLIMIT;
	if (n > 0)
		take_groups(data, subject, (unsigned)n, ret);
	if (!regex->jit)
		pcre2_match_data_free(data);
	return n > 0;
}

bool ff_regex_limited(const struct ff_regex *regex)
{
	return regex->limited;
}

unsigned ff_regex_group(const struct ff_regex *regex, const char *name)
{
	for (unsigned i = 1; i < FF_REGEX_GROUPS; i++) {
		if (regex->names[i] && strcmp(regex->names[i], name) == 0)
			return i;
	}
	return 0;
}

const char *ff_regex_group_name(const struct ff_regex *regex, unsigned group)
{
	return group < FF_REGEX_GROUPS ? regex->names[group] : NULL;
}
