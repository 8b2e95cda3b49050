// Launchers put what they like before a line: a host, a rank, a clock. Python's own first line of a traceback is never
// behind anything and a frame only behind two blanks: what stands before them is the prefix, if the next line
// has it too. Numbers may differ between the two.
//
// A logger's own head ("INFO 03-04 05:06:07 [") behind the same text in two lines tells the same.
//
//	12.000041 >> stage-2 >> Traceback (most recent call last):
//	12.000057 >> stage-2 >>   File "serve.py", line 3, in f         -> the prefix is "<number> >> stage-2 >> "
#include "log/prefix_learned.h"

#include "base/words.h"

#include <ctype.h>
#include <threads.h>

enum { VARIES = 1 };

// What tells where a prefix ends: a line of a traceback, or the level in a logger's head.
enum { FIRST_LINE, FRAME, LEVELS, ENDS = LEVELS + 4 };
static const char *const ends[ENDS] = {
	"Traceback (most recent call last)", "  File \"", "INFO", "WARNING", "ERROR", "DEBUG"};
static struct ff_words end_words;
static once_flag made = ONCE_FLAG_INIT;

static void make_words(void)
{
	ff_words_init(&end_words, ends, ENDS, false);
}

// The first place of each in a text, or its length.
struct places {
	size_t at[ENDS];
};

static bool note(size_t word, size_t at, void *context)
{
	struct places *places = context;
	if (at < places->at[word])
		places->at[word] = at;
	return true;
}

static struct places places_in(struct ff_span text)
{
	struct places places;
	for (size_t i = 0; i < ENDS; i++)
		places.at[i] = text.n;
	call_once(&made, make_words);
	ff_words_find(&end_words, text, note, &places);
	return places;
}

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

// So much of a text before such an end can be a prefix.
static bool may_be_prefix(struct ff_span text, size_t before)
{
	return before && before <= FF_LEARNED_MAX && !speaker(text) && !memchr(text.p, VARIES, before);
}

// What a line of a traceback has before it may be a prefix; 0 when it is no such line.
static size_t before_traceback(struct ff_span text, const struct places *places)
{
	enum { HEAD = 400 };
	size_t n = text.n < HEAD ? text.n : HEAD, before = 0;
	for (size_t i = FIRST_LINE; i <= FRAME; i++) {
		if (places->at[i] + end_words.length[i] > n)
			continue;
		before = places->at[i];
		break;
	}
	return may_be_prefix(text, before) && !nested(text.p, before) ? before : 0;
}

// What a line has before the head of a logger; 0 when there is none, or nothing before it.
static size_t before_head(struct ff_span text, const struct places *places)
{
	static const char *const behind[] = {": ", " 0", " 1"}; // "INFO:     ", "INFO 03-04 05:06:07"
	size_t first = 0;
	for (size_t i = LEVELS; i < ENDS; i++) {
		size_t before = places->at[i], n = before + end_words.length[i];
		if (!before || n > text.n || text.p[before - 1] != ' ' || (first && before > first))
			continue;
		for (size_t k = 0; k < sizeof(behind) / sizeof(*behind); k++)
			if (ff_span_starts((struct ff_span){text.p + n, text.n - n}, behind[k]))
				first = before;
	}
	return may_be_prefix(text, first) ? first : 0;
}

// Two lines have the same before them.
static bool confirmed(const struct ff_learner *learner, struct ff_span text, size_t n)
{
	bool blank = strspn(learner->wanted, " \t") == strlen(learner->wanted);
	if (blank && !ff_span_starts((struct ff_span){text.p + n, text.n - n}, "  "))
		return false;
	if (!learner->by_head)
		return true;
	struct places places = places_in(text);
	return before_head(text, &places) == n;
}

struct ff_span ff_learner_strip(struct ff_learner *learner, struct ff_span text, char *source, size_t *ret_n)
{
	*ret_n = 0;
	size_t n = *learner->wanted ? prefix_length(learner->wanted, text) : 0;
	if (n && confirmed(learner, text, n)) {
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
	struct places places = places_in(text);
	n = before_traceback(text, &places);
	learner->by_head = !n;
	n = n ? n : before_head(text, &places);
	memcpy(learner->wanted, text.p, n);
	learner->wanted[n] = 0;
	return text;
}
