// Reads a pattern for the texts that it needs. What may be absent (x*, x?, look-arounds) needs nothing; a sequence needs each of its parts,
// so the rarest one is taken; an alternation needs one of each branch.
//
//	cu\w*[^\n]{0,60}\(804\)           "(804)"
//	(?:Bus error|SIGBUS)(?: \(core)?   "bus erro" or "sigbus"
#include "diagnose/literal.h"

#include <ctype.h>

enum { NEVER = 1 << 24, DEPTH_MAX = 20, RUN_MAX = 256, PER_SIGHT = 40 };

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

static unsigned cost_of(struct ff_span healthy, const char *text, size_t n)
{
	static const unsigned by_length[FF_LITERAL_MAX + 1] = {NEVER, NEVER, NEVER, 40, 8, 4, 2, 1, 1};
	return by_length[n] + (n > 2 && healthy.n ? PER_SIGHT * sights(healthy, text, n) : 0);
}

// The rarest window of a text.
static void take_run(const struct reader *r, struct sequence *s)
{
	size_t n = s->n < FF_LITERAL_MAX ? s->n : FF_LITERAL_MAX;
	for (size_t from = 0; n && from + n <= s->n; from++) {
		unsigned cost = cost_of(r->healthy, s->run + from, n);
		if (cost >= s->best.cost)
			continue;
		s->best.cost = cost;
		s->best.n = 1;
		s->best.list[0].n = (unsigned char)n;
		memcpy(s->best.list[0].text, s->run + from, n);
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
	if (c && strchr("dDwWsSRNhHvV", c))
		return CLASS;
	if (c == 'b' || c == 'B')
		return NOTHING;
	if (c == 't')
		return '\t';
	r->lost = true;
	return CLASS;
}

static struct ff_literals read_branches(struct reader *r, int depth);

// Past what stands behind "(?"; false for a look-around, which needs nothing.
static bool open_group(struct reader *r)
{
	if (r->p[0] != '?')
		return true;
	if (r->p[1] == ':') {
		r->p += 2;
		return true;
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
