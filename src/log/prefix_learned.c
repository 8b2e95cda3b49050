// Launchers put what they like before a line: a host, a rank, a clock. Python's own first line of a traceback is never
// behind anything and a frame only behind two blanks: what stands before them is the prefix, if the next line
// has it too. Numbers may differ between the two.
//
// A logger's own head ("INFO 03-04 05:06:07 [") behind the same text in two lines tells the same.
//
//	12.000041 >> stage-2 >> Traceback (most recent call last):
//	12.000057 >> stage-2 >>   File "serve.py", line 3, in f         -> the prefix is "<number> >> stage-2 >> "
#include "log/prefix_learned.h"

#include <ctype.h>

enum { VARIES = 1 };

static const char first_line[] = "Traceback (most recent call last)", frame[] = "  File \"";

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(struct ff_span s, size_t from)
{
	size_t n = 0;
	while (from + n < s.n && digit(s.p[from + n]))
		n++;
	return n;
}

// Length of the prefix at the beginning of the text, 0 when it is not there. Any number stands for any other.
static size_t prefix_length(const char *prefix, struct ff_span text)
{
	size_t at = 0;
	for (const char *p = prefix; *p;) {
		if (*p == VARIES || digit(*p)) {
			size_t n = digits(text, at);
			if (!n)
				return 0;
			at += n;
			p += *p == VARIES ? 1 : digits(ff_span_of(p), 0);
		} else if (at >= text.n || text.p[at++] != *p++) {
			return 0;
		}
	}
	return at;
}

// The prefix with the numbers that differ in the text marked; those of one clock (joined by : . ,) vary together.
static void learn(struct ff_learner *learner, struct ff_span text)
{
	size_t at = 0, n = 0, clock = 0;
	bool varies = false;
	for (const char *p = learner->wanted; *p;) {
		if (!digit(*p)) {
			if (!strchr(":.,", *p)) {
				clock = n + 1;
				varies = false;
			}
			learner->prefix[n++] = *p++;
			at++;
			continue;
		}
		size_t here = digits(ff_span_of(p), 0), there = digits(text, at);
		varies |= here != there || memcmp(p, text.p + at, here) != 0;
		memcpy(learner->prefix + n, p, here);
		n += here;
		if (varies) { // from the beginning of the clock
			size_t to = clock;
			for (size_t i = clock; i < n; i++) {
				bool number = digit(learner->prefix[i]) || learner->prefix[i] == VARIES;
				if (!number || to == clock || learner->prefix[to - 1] != VARIES)
					learner->prefix[to++] = number ? VARIES : learner->prefix[i];
			}
			n = to;
		}
		p += here;
		at += there;
	}
	learner->prefix[n] = 0;
}

// What stands in the text where the prefix has its fixed parts.
static size_t source_of(const char *prefix, struct ff_span text, char *source)
{
	size_t at = 0, n = 0;
	for (const char *p = prefix; *p && n < FF_LEARNED_MAX;) {
		size_t run = digits(text, at);
		if (*p == VARIES) {
			at += run;
			p++;
		} else if (digit(*p)) {
			for (size_t i = 0; i < run && n < FF_LEARNED_MAX; i++)
				source[n++] = text.p[at + i];
			at += run;
			p += digits(ff_span_of(p), 0);
		} else {
			source[n++] = *p++;
			at++;
		}
	}
	while (n && !isalnum((unsigned char)source[n - 1]))
		n--;
	size_t from = 0;
	while (from < n && !isalnum((unsigned char)source[from]))
		from++;
	memmove(source, source + from, n - from);
	return n - from;
}

// A little indented: the traceback of a child, shown inside another text.
static bool nested(const char *before, size_t n)
{
	enum { PASTED = 4 };
	return n < PASTED && strspn(before, " ") >= n;
}

// Somebody who speaks in a conversation, and launches nothing.
static bool speaker(struct ff_span text)
{
	static const char *const names[] = {"assistant>", "user>", "human>", "bot>", "model>"};
	bool is = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		is |= text.n > strlen(names[i]) && strncasecmp(text.p, names[i], strlen(names[i])) == 0;
	return is;
}

// What a line of a traceback has before it may be a prefix; 0 when it is no such line.
static size_t before_traceback(struct ff_span text)
{
	enum { HEAD = 400 };
	size_t n = text.n < HEAD ? text.n : HEAD;
	const char *found = memmem(text.p, n, first_line, sizeof(first_line) - 1);
	if (!found)
		found = memmem(text.p, n, frame, sizeof(frame) - 1);
	size_t before = found ? (size_t)(found - text.p) : 0;
	return before <= FF_LEARNED_MAX && !speaker(text) && !memchr(text.p, VARIES, before) && !nested(text.p, before)
		? before
		: 0;
}

// What a line has before the head of a logger; 0 when there is none, or nothing before it.
static size_t before_head(struct ff_span text)
{
	static const char *const levels[] = {"INFO", "WARNING", "ERROR", "DEBUG"};
	static const char *const behind[] = {": ", " 0", " 1"}; // "INFO:     ", "INFO 03-04 05:06:07"
	size_t first = 0;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		const char *at = text.n ? memmem(text.p, text.n, levels[i], strlen(levels[i])) : NULL;
		size_t before = at ? (size_t)(at - text.p) : 0, n = before + strlen(levels[i]);
		bool head = false;
		for (size_t k = 0; before && k < sizeof(behind) / sizeof(*behind); k++)
			head |= at[-1] == ' ' && ff_span_starts((struct ff_span){text.p + n, text.n - n}, behind[k]);
		if (head && (!first || before < first))
			first = before;
	}
	return first <= FF_LEARNED_MAX && !speaker(text) && !memchr(text.p, VARIES, first) ? first : 0;
}

struct ff_span ff_learner_strip(struct ff_learner *learner, struct ff_span text, char *source, size_t *ret_n)
{
	*ret_n = 0;
	size_t n = *learner->wanted ? prefix_length(learner->wanted, text) : 0;
	bool blank = strspn(learner->wanted, " \t") == strlen(learner->wanted);
	bool again = !learner->by_head || before_head(text) == n;
	if (n && again && (!blank || ff_span_starts((struct ff_span){text.p + n, text.n - n}, "  "))) {
		learn(learner, text);
		learner->own_n = source_of(learner->prefix, text, learner->own);
		*learner->wanted = 0;
	}
	n = *learner->prefix ? prefix_length(learner->prefix, text) : 0;
	if (n) {
		size_t named = source_of(learner->prefix, text, source);
		bool own = named == learner->own_n && memcmp(source, learner->own, named) == 0;
		*ret_n = own ? 0 : named;
		return (struct ff_span){text.p + n, text.n - n};
	}
	n = before_traceback(text);
	learner->by_head = !n;
	n = n ? n : before_head(text);
	memcpy(learner->wanted, text.p, n);
	learner->wanted[n] = 0;
	return text;
}
