// Reads a pattern for the texts that it needs. What may be absent (x*, x?, look-arounds) needs nothing; a sequence
// needs each of its parts, so the rarest one is taken; an alternation needs one of each branch.
//
//	cu\w*[^\n]{0,60}\(804\)           "(804)"
//	(?:Bus error|SIGBUS)(?: \(core)?   "bus erro" or "sigbus"
//	\.py:\d+ in                        "0 in ", where 0 stands for any digit
#include "diagnose/literal.h"

#include <ctype.h>
#include <stdio.h>

enum { NEVER = 1 << 24, DEPTH_MAX = 20, RUN_MAX = 256, PER_SIGHT = 40, FOR_DIGITS = 60 };

struct reader {
	const char *p;
	struct ff_span healthy;
	bool lost; // something that is not understood
};

// What a sequence needs so far, and the text that is being read.
struct sequence {
	struct ff_literals best;
	char run[RUN_MAX];
	size_t n;
};

static unsigned sights(struct ff_span healthy, const char *text, size_t n)
{
	unsigned found = 0;
	const char *end = healthy.p + healthy.n;
	for (const char *p = healthy.p; p && (p = memmem(p, (size_t)(end - p), text, n)); p++)
		found++;
	return found;
}

// What costs `below` or more without having been looked for is not looked for.
static unsigned cost_of(struct ff_span healthy, const char *text, size_t n, unsigned below)
{
	static const unsigned by_length[FF_LITERAL_MAX + 1] = {[3] = 40, 8, 4, 2, 1, 1};
	char masked[FF_LITERAL_MAX];
	bool digits = false;
	for (size_t i = 0; i < n; i++) {
		bool told = isdigit((unsigned char)text[i]); // a text with such ones has to be looked for apart
		digits |= told;
		masked[i] = told || text[i] == FF_LITERAL_DIGIT ? '0' : text[i];
	}
	unsigned cost = by_length[n] + (digits ? FOR_DIGITS : 0);
	return cost >= below || !healthy.n ? cost : cost + PER_SIGHT * sights(healthy, masked, n);
}

// The rarest window of a text.
static void take_run(const struct reader *r, struct sequence *s)
{
	enum { SHORTEST = 3 };
	size_t longest = s->n < FF_LITERAL_MAX ? s->n : FF_LITERAL_MAX;
	for (size_t n = longest; n >= SHORTEST; n--) {
		for (size_t from = 0; from + n <= s->n; from++) {
			unsigned cost = cost_of(r->healthy, s->run + from, n, s->best.cost);
			if (cost >= s->best.cost)
				continue;
			s->best.cost = cost;
			s->best.n = 1;
			s->best.list[0].n = (unsigned char)n;
			memcpy(s->best.list[0].text, s->run + from, n);
		}
	}
	s->n = 0;
}

static void take_set(struct sequence *s, const struct ff_literals *set)
{
	if (set->cost < s->best.cost)
		s->best = *set;
}

static void add_char(const struct reader *r, struct sequence *s, char c)
{
	if (s->n == RUN_MAX)
		take_run(r, s);
	s->run[s->n++] = (char)tolower((unsigned char)c);
}

// The least number of repetitions that a quantifier asks for; *there is false where none stands.
static unsigned quantifier(struct reader *r, bool *there)
{
	unsigned least = 1;
	*there = true;
	if (*r->p == '*' || *r->p == '?') {
		least = 0;
		r->p++;
	} else if (*r->p == '+') {
		r->p++;
	} else if (*r->p == '{' && isdigit((unsigned char)r->p[1])) {
		least = r->p[1] == '0' && !isdigit((unsigned char)r->p[2]) ? 0 : 1;
		r->p += strcspn(r->p, "}");
		r->p += *r->p == '}';
	} else {
		*there = false;
		return least;
	}
	r->p += *r->p == '?' || *r->p == '+'; // lazy, possessive
	return least;
}

// A class is a character when it holds just that one.
static int read_class(struct reader *r)
{
	size_t n = 0;
	int c = -1;
	bool plain = *++r->p != '^';
	if (!plain)
		r->p++;
	for (; *r->p && (*r->p != ']' || n == 0); n++) {
		if (r->p[0] == '[' && r->p[1] == ':')
			r->lost = true;
		if (*r->p == '\\' && r->p[1]) {
			r->p++;
			plain &= !isalnum((unsigned char)*r->p);
		}
		c = (unsigned char)*r->p++;
	}
	r->lost |= *r->p != ']';
	r->p += *r->p == ']';
	return plain && n == 1 ? c : -1;
}

enum { CLASS = -1, NOTHING = -2 };

static int read_escape(struct reader *r)
{
	char c = r->p[1];
	r->p += c ? 2 : 1;
	if (c && !isalnum((unsigned char)c))
		return (unsigned char)c;
	if (c == 'd')
		return FF_LITERAL_DIGIT;
	if (c && strchr("DwWsSRNhHvV", c))
		return CLASS;
	if (c == 'b' || c == 'B')
		return NOTHING;
	if (c == 't')
		return '\t';
	unsigned code;
	if (c == 'x' && sscanf(r->p, "%2x", &code) == 1 && code >= 0x80) {
		r->p += 2;
		return (int)code;
	}
	r->lost = true;
	return CLASS;
}

static struct ff_literals read_branches(struct reader *r, int depth);

// Past what stands behind "(?"; false for a look-around, which needs nothing.
static bool open_group(struct reader *r)
{
	if (r->p[0] != '?')
		return true;
	size_t flags = 1 + strspn(r->p + 1, "i-"); // all is looked for without case
	if (r->p[flags] == ':') {
		r->p += flags + 1;
		return true;
	}
	if (flags > 1 && r->p[flags] == ')') {
		r->p += flags;
		return false;
	}
	size_t n = r->p[1] == '<' ? 2 : 0;
	if (n && r->p[n] != '=' && r->p[n] != '!') { // a name
		r->p += strcspn(r->p, ">");
		r->p += *r->p == '>';
		return true;
	}
	n = n ? n : 1;
	r->lost |= r->p[n] != '=' && r->p[n] != '!';
	r->p += r->p[n] ? n + 1 : n;
	return false;
}

static void read_group(struct reader *r, struct sequence *s, int depth)
{
	bool repeated;
	r->p++;
	bool needed = open_group(r);
	struct ff_literals set = read_branches(r, depth + 1);
	r->lost |= *r->p != ')';
	r->p += *r->p == ')';
	take_run(r, s);
	if (quantifier(r, &repeated) > 0 && needed)
		take_set(s, &set);
}

// One character of any kind, with its quantifier.
static void read_char(struct reader *r, struct sequence *s)
{
	bool repeated;
	int c = (unsigned char)*r->p;
	if (c == '\\')
		c = read_escape(r);
	else if (c == '[')
		c = read_class(r);
	else
		c = strchr(".^$", *r->p++) ? CLASS : c;
	unsigned least = quantifier(r, &repeated);
	if (c >= 0 && least > 0)
		add_char(r, s, (char)c);
	if (c == CLASS || repeated)
		take_run(r, s);
	if (c >= 0 && least > 0 && repeated)
		add_char(r, s, (char)c); // the last one stands before what follows
}

static struct ff_literals read_sequence(struct reader *r, int depth)
{
	struct sequence s = {.best.cost = NEVER};
	while (*r->p && *r->p != '|' && *r->p != ')' && !r->lost) {
		if (*r->p == '(')
			read_group(r, &s, depth);
		else
			read_char(r, &s);
	}
	take_run(r, &s);
	return s.best;
}

static struct ff_literals read_branches(struct reader *r, int depth)
{
	struct ff_literals all = {0};
	r->lost |= depth > DEPTH_MAX;
	for (bool more = !r->lost; more; r->p += more) {
		struct ff_literals one = read_sequence(r, depth);
		if (one.cost >= NEVER || all.n + one.n > FF_LITERALS_MAX)
			all.cost = NEVER;
		for (size_t i = 0; i < one.n && all.cost < NEVER; i++)
			all.list[all.n++] = one.list[i];
		all.cost = all.cost < NEVER ? all.cost + one.cost : NEVER;
		more = *r->p == '|' && !r->lost;
	}
	return all;
}

bool ff_literals_of(const char *pattern, struct ff_span healthy, struct ff_literals *ret)
{
	struct reader r = {.p = pattern, .healthy = healthy};
	*ret = read_branches(&r, 0);
	return !r.lost && !*r.p && ret->cost < NEVER;
}

// ---- digits ----

enum { NO_DIGIT = 0, EVERY_DIGIT = (1 << 10) - 1 };

static unsigned digits_between(unsigned char from, unsigned char to)
{
	unsigned found = NO_DIGIT;
	for (int c = from > '0' ? from : '0'; c <= to && c <= '9'; c++)
		found |= 1u << (c - '0');
	return found;
}

// Past one member of a class; which digits it takes.
static unsigned class_member(const char **p)
{
	const char *at = *p;
	if (at[0] == '\\' && at[1]) {
		*p += 2;
		return strchr("dwSH", at[1]) ? EVERY_DIGIT : digits_between((unsigned char)at[1], (unsigned char)at[1]);
	}
	bool range = at[0] && at[1] == '-' && at[2] && at[2] != ']' && at[2] != '\\';
	*p += range ? 3 : 1;
	return digits_between((unsigned char)at[0], (unsigned char)at[range ? 2 : 0]);
}

static bool class_tells(const char **p)
{
	unsigned taken = NO_DIGIT;
	bool named = false;
	*p += (*p)[1] == '^' ? 2 : 1;
	for (bool first = true; **p && (first || **p != ']'); first = false) {
		named |= (*p)[0] == '[' && (*p)[1] == ':';
		taken |= class_member(p);
	}
	*p += **p == ']';
	return named || (taken != NO_DIGIT && taken != EVERY_DIGIT);
}

// Past something that may have digits in its spelling and takes none: a count, the name of a group.
static bool skip_spelling(const char **p)
{
	if ((*p)[0] == '{' && isdigit((unsigned char)(*p)[1]))
		*p += strcspn(*p, "}");
	else if (ff_starts(*p, "(?<") && (*p)[3] != '=' && (*p)[3] != '!')
		*p += strcspn(*p, ">");
	else
		return false;
	*p += **p != 0;
	return true;
}

bool ff_pattern_tells_digits(const char *pattern)
{
	while (*pattern) {
		if (skip_spelling(&pattern))
			continue;
		if (*pattern == '[') {
			if (class_tells(&pattern))
				return true;
		} else if (*pattern == '\\') {
			char c = pattern[1];
			if (!c || isdigit((unsigned char)c) || strchr("xogkcpPQ", c))
				return true; // a code, or what an earlier group took
			pattern += 2;
		} else if (isdigit((unsigned char)*pattern++)) {
			return true;
		}
	}
	return false;
}

bool ff_pattern_tells_long_numbers(const char *pattern)
{
	enum { SHORT = 3 };
	size_t run = 0;
	while (*pattern) {
		bool escaped = pattern[0] == '\\' && pattern[1];
		if (skip_spelling(&pattern))
			continue;
		run = isdigit((unsigned char)*pattern) ? run + 1 : 0;
		if (run > SHORT)
			return true;
		if (*pattern == '[')
			class_tells(&pattern);
		else
			pattern += escaped ? 2 : 1;
	}
	return false;
}
