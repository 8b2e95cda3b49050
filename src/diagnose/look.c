// Scans a line with all patterns, or remembers what was found in the last one of its kind (sieve.h). What is found
// decides whether it is read.
#include "diagnose/look.h"

#include "base/hash.h"

#include <stdlib.h>

enum { SETS_BITS = 11, WAYS = 4, CONTEXTS = 8, PLAIN_MAX = 4096, DIGITS_KEPT = 3 };

struct kind {
	uint64_t key;  // 0 for none
	uint64_t what; // of all that was found
	bool any, fresh, unlike, settings;
	bool marked;	 // what its numbers say may matter
	bool same_shape; // all lines of this kind have this shape
	unsigned char n; // signatures of context, as long as nothing else makes it fresh
	int list[CONTEXTS];
	struct ff_shape shape;
};

// A line, and the key of its kind.
struct same {
	uint64_t hash, key;
};

struct ff_looks {
	struct ff_rules *rules;
	struct ff_matcher *matcher;
	const struct ff_reading *reading;
	unsigned turn; // which one of a set gives way next
	struct same same[1 << SETS_BITS][WAYS];
	struct kind kinds[1 << SETS_BITS][WAYS];
};

struct ff_error *ff_looks_create(
	struct ff_rules *rules, struct ff_matcher *matcher, const struct ff_reading *reading, struct ff_looks **ret)
{
	struct ff_looks *looks = calloc(1, sizeof(*looks));
	if (!looks)
		return &ff_enomem;
	looks->rules = rules;
	looks->matcher = matcher;
	looks->reading = reading;
	*ret = looks;
	return NULL;
}

void ff_looks_destroy(struct ff_looks *looks)
{
	free(looks);
}

struct looking {
	struct ff_looks *looks;
	struct kind *kind;
};

static void on_landmark(enum ff_landmark_kind landmark, struct kind *kind)
{
	bool quiet =
		landmark == FF_LANDMARK_WORK || landmark == FF_LANDMARK_HARMLESS || landmark == FF_LANDMARK_REFUSED;
	kind->any |= !quiet;
	kind->unlike |= ff_reading_landmark_matters(landmark);
}

static void on_signature(struct ff_looks *looks, int index, struct kind *kind)
{
	if (!ff_rules_signature_at(looks->rules, (size_t)index)->context || kind->n == CONTEXTS)
		kind->fresh = true;
	else if (!kind->n || kind->list[kind->n - 1] != index)
		kind->list[kind->n++] = index;
}

static void on_match(int what, size_t end, void *context)
{
	struct looking *looking = context;
	struct kind *kind = looking->kind;
	(void)end;
	if (what == FF_MATCH_SETTINGS) {
		kind->settings = true;
		return;
	}
	kind->what |= 1ull << ((unsigned)what * 2654435769u >> 26);
	if (what <= FF_MATCH_LANDMARK) {
		on_landmark(ff_reading_landmark(looking->looks->reading, what), kind);
		return;
	}
	kind->any = true;
	kind->marked |= what == FF_MATCH_STRUCTURE;
	if (what < 0)
		kind->fresh = true;
	else
		on_signature(looking->looks, what, kind);
}

static struct ff_error *look_first(struct ff_looks *looks, struct ff_span line, uint64_t key, struct kind *kind)
{
	struct looking looking = {looks, kind};
	*kind = (struct kind){.key = key};
	struct ff_error *err = ff_matcher_scan(looks->matcher, line, on_match, &looking);
	if (err)
		kind->key = 0;
	else if (kind->any)
		kind->same_shape = !ff_shape_of(line, kind->what, kind->marked, &kind->shape);
	return err;
}

static bool fresh(const struct ff_looks *looks, const struct kind *kind)
{
	for (size_t i = 0; i < kind->n; i++) {
		if (!ff_hits_sated(ff_reading_hits(looks->reading, (size_t)kind->list[i])))
			return true;
	}
	return kind->fresh;
}

// "04:05:06" begins here.
static bool clock_at(struct ff_span line, size_t at)
{
	enum { LENGTH = 8 };
	for (size_t i = 0; i < LENGTH; i++) {
		char c = at + LENGTH <= line.n ? line.p[at + i] : 0;
		if (i % 3 == 2 ? c != ':' : c < '0' || c > '9')
			return false;
	}
	return true;
}

// How many more digits from here on say nothing: those of a clock, and of the number of a line of source.
static size_t idle_digits(struct ff_span line, size_t at)
{
	static const char source[] = ".py:";
	size_t n = sizeof(source) - 1;
	if (clock_at(line, at))
		return 8;
	return at >= n && memcmp(line.p + at - n, source, n) == 0 ? DIGITS_KEPT : 0;
}

static bool letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

// Copies a word of letters alone, as most are, as far as there is room; its length, 0 for another one.
static size_t copy_letters(struct ff_span line, size_t at, char *to, size_t room)
{
	size_t n = 0;
	for (; at + n < line.n && letter(line.p[at + n]); n++)
		if (n < room)
			to[n] = line.p[at + n];
	return at + n < line.n && line.p[at + n] >= '0' && line.p[at + n] <= '9' ? 0 : n;
}

// The line with an x for each identifier and zeros for digits; where those matter for all but the first three of a
// number, for no pattern that asks for more is sifted out so (image.c). What is too long for `to` is left out.
static size_t plain(struct ff_span line, bool digits, char to[PLAIN_MAX])
{
	size_t n = 0, run = 0, idle = 0;
	bool inside = false; // a word
	for (size_t i = 0; i < line.n && n < PLAIN_MAX; i++) {
		char c = line.p[i];
		size_t letters = inside || !letter(c) ? 0 : copy_letters(line, i, to + n, PLAIN_MAX - n);
		if (letters) {
			n += letters < PLAIN_MAX - n ? letters : PLAIN_MAX - n;
			idle -= letters < idle ? letters : idle;
			run = 0;
			i += letters - 1; // and no word goes on behind it
			continue;
		}
		bool digit = c >= '0' && c <= '9', word = digit || letter(c);
		size_t name = word && !inside ? ff_name_length(line, i) : 0;
		if (digit && !inside && !idle)
			idle = idle_digits(line, i);
		bool kept = digits && run++ < DIGITS_KEPT && !idle;
		run = digit ? run : 0;
		idle -= idle > 0;
		inside = word;
		i += name ? name - 1 : 0;
		to[n++] = (char)(name ? 'x' : digit && !kept ? '0' : c);
	}
	return n;
}

// What lines have in common that differ in identifiers only.
static uint64_t common_key(struct ff_span text, const struct ff_sifted *line)
{
	char to[PLAIN_MAX];
	size_t n = line->certain ? PLAIN_MAX : plain(text, line->digits, to);
	uint64_t key = n < PLAIN_MAX ? ff_hash((struct ff_span){to, n}, false) : ff_hash(text, false);
	return key + line->digits + 1;
}

static uint64_t key_of(struct ff_looks *looks, struct ff_span text, const struct ff_sifted *line)
{
	uint64_t hash = line->digits ? ~ff_hash(text, false) : line->kind;
	struct same *set = looks->same[hash >> (64 - SETS_BITS)];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].hash == hash && set[i].key)
			return set[i].key;
	struct same same = {hash, common_key(text, line)};
	set[looks->turn++ % WAYS] = same;
	return same.key;
}

static struct kind *kind_of(struct ff_looks *looks, uint64_t key)
{
	struct kind *set = looks->kinds[key >> (64 - SETS_BITS)];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return &set[looks->turn++ % WAYS];
}

struct ff_error *ff_look(
	struct ff_looks *looks, struct ff_span chunk, const struct ff_sifted *line, struct ff_look *ret)
{
	// A pattern may want the newline.
	size_t end = line->end < chunk.n && chunk.p[line->end] == '\n' ? line->end + 1 : line->end;
	struct ff_span text = {chunk.p + line->start, end - line->start};
	uint64_t key = key_of(looks, text, line);
	struct kind *kind = kind_of(looks, key);
	struct ff_error *err = kind->key == key ? NULL : look_first(looks, text, key, kind);
	if (err)
		return err;
	*ret = (struct ff_look){kind->any, fresh(looks, kind), kind->unlike, kind->settings, kind->shape};
	if (kind->any && !kind->same_shape && !line->digits)
		ff_shape_of(text, kind->what, kind->marked, &ret->shape);
	return NULL;
}
