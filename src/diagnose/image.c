// Makes the databases of the book and the scratch that they are scanned with, for the build. Two of them are sieves: of
// each pattern, the texts that it cannot match without. What needs certain digits has its text in both: the filter
// tells which kinds of line may have them.
//
//	cu\w*[^\n]{0,60}\(804\)     FF_BOOK_FILTER: "(000)"; FF_BOOK_NUMBERS: "(804)"
//	Xid (?<number>79)           FF_BOOK_FILTER: "xid ", and where it stands digits matter
//	no kernel image             FF_BOOK_FILTER: "no kerne"
//	\.py:\d+ in                 FF_BOOK_FILTER: "0 in ", for all digits are zeros there
#include "diagnose/matcher.h"

#include "diagnose/book.h"
#include "diagnose/literal.h"
#include "diagnose/patterns.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

// What the patterns need, which every sieve asks for: `found` is false where a pattern has no such texts.
struct need {
	struct ff_literals literals;
	bool found;
};

// One database, made by a thread of its own.
struct making {
	const struct ff_patterns *all;
	const struct need *needs;
	size_t database;
	const hs_platform_info_t *platform;
	struct ff_matcher_image *image;
	struct ff_error *err;
};

static const hs_platform_info_t portable = {.tune = HS_TUNE_FAMILY_GENERIC};
static const hs_platform_info_t wide_platform = {.tune = HS_TUNE_FAMILY_GENERIC, .cpu_features = HS_CPU_FEATURES_AVX2};

static bool architecture_has_wide(void)
{
#ifdef __x86_64__
	return true;
#else
	return false;
#endif
}

// A copy as it will lie in the program. Only its place modulo the alignment matters: it holds no addresses.
static struct ff_error *image_of(const hs_database_t *db, char **ret, size_t *ret_n)
{
	_cleanup_free_ char *bytes = NULL, *image = NULL;
	size_t packed, n;
	if (hs_serialize_database(db, &bytes, &packed) != HS_SUCCESS ||
		hs_serialized_database_size(bytes, packed, &n) != HS_SUCCESS)
		return &ff_enomem;
	size_t room = (n + FF_BOOK_ALIGNMENT - 1) / FF_BOOK_ALIGNMENT * FF_BOOK_ALIGNMENT;
	image = aligned_alloc(FF_BOOK_ALIGNMENT, room);
	if (!image)
		return &ff_enomem;
	memset(image, 0, room);
	if (hs_deserialize_database_at(bytes, packed, (hs_database_t *)image) != HS_SUCCESS)
		return ff_error_create(FF_EFORMAT, "Vectorscan does not read its own database");
	*ret_n = n;
	*ret = ff_take(&image);
	return NULL;
}

// ---- the scratch: what scans write into ----

enum { ROOM = 64 << 20 };

// It holds addresses, so it is made where it lay in every other build: the same rules make the same bytes.
static char *const fixed_place = (char *)(1UL << 45);
static size_t room_used;

static void *take_room(size_t n)
{
	size_t from = room_used, whole = (n + FF_BOOK_ALIGNMENT - 1) / FF_BOOK_ALIGNMENT * FF_BOOK_ALIGNMENT;
	if (n > ROOM || whole > ROOM - from)
		return NULL;
	room_used += whole;
	return fixed_place + from;
}

static void leave_room(void *block)
{
	(void)block;
}

// Where this machine cannot use one of them, none is made: programs allocate theirs, and are slower.
static struct ff_error *copy_scratch(struct ff_matcher_images *images)
{
	hs_scratch_t *scratch = NULL;
	hs_error_t code = HS_SUCCESS;
	for (size_t i = 0; i < FF_BOOK_DATABASES * FF_BOOK_FORMS && code == HS_SUCCESS; i++) {
		const void *db = images->databases[i / FF_BOOK_FORMS][i % FF_BOOK_FORMS].bytes;
		code = db ? hs_alloc_scratch(db, &scratch) : HS_SUCCESS;
	}
	size_t n;
	if (code != HS_SUCCESS || hs_scratch_size(scratch, &n) != HS_SUCCESS)
		return NULL;
	// Its size counts what aligns it.
	images->scratch = (struct ff_matcher_image){malloc(n - FF_BOOK_ALIGNMENT), n - FF_BOOK_ALIGNMENT};
	if (!images->scratch.bytes)
		return &ff_enomem;
	memcpy(images->scratch.bytes, scratch, images->scratch.n);
	return NULL;
}

static struct ff_error *make_scratch(struct ff_matcher_images *images)
{
	enum { PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };
	void *at = mmap(fixed_place, ROOM, PROT_READ | PROT_WRITE, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
	struct ff_error *err = NULL;
	if (at == MAP_FAILED)
		return NULL;
	if (at == fixed_place && hs_set_scratch_allocator(take_room, leave_room) == HS_SUCCESS)
		err = copy_scratch(images);
	hs_set_scratch_allocator(NULL, NULL);
	munmap(at, ROOM);
	return err;
}

// ---- sieves: what one of the patterns needs, as patterns of their own ----

enum { ESCAPED = 5, TEXT_ROOM = ESCAPED * FF_LITERAL_MAX + 1 };

struct sieve {
	struct ff_patterns p;
	char (*texts)[TEXT_ROOM];
	size_t n;
	bool numbers; // FF_BOOK_NUMBERS: raw text, whose digits are as they are
};

static void sieve_deinit(struct sieve *s)
{
	ff_patterns_deinit(&s->p);
	free(s->texts);
}

static bool is_digit(char c)
{
	return isdigit((unsigned char)c);
}

static void spell(const struct ff_literal *literal, bool numbers, char text[TEXT_ROOM])
{
	char *to = text;
	for (size_t i = 0; i < literal->n; i++) {
		bool any = literal->text[i] == FF_LITERAL_DIGIT, zero = any || (!numbers && is_digit(literal->text[i]));
		if (any && numbers)
			to = stpcpy(to, "[0-9]");
		else
			to += snprintf(to, ESCAPED, "\\x%02x", zero ? '0' : (unsigned char)literal->text[i]);
	}
}

// Where two patterns need the same text, it says what each of them would have it say.
static void add_literal(struct sieve *s, const struct ff_literal *literal, unsigned id)
{
	char *text = s->texts[s->n];
	spell(literal, s->numbers, text);
	for (unsigned i = 0; i < s->p.n; i++) {
		if (strcmp(s->p.text[i], text) == 0) {
			s->p.ids[i] |= id;
			return;
		}
	}
	s->n++;
	ff_patterns_add(&s->p, text, HS_FLAG_CASELESS, id);
}

static bool has_digits(const struct ff_literal *literal)
{
	for (size_t i = 0; i < literal->n; i++) {
		if (is_digit(literal->text[i]))
			return true;
	}
	return false;
}

// What a line says in which one of the pattern's texts stands. Work is looked for only where something waits for it,
// and what defuses a line only where something stands in it.
static unsigned meaning(const struct ff_patterns *all, unsigned index)
{
	unsigned id = all->ids[index];
	enum ff_landmark_kind kind =
		id >= FF_LANDMARK_ID ? ff_landmarks_at(all->landmarks, id - FF_LANDMARK_ID)->kind : FF_LANDMARK_KINDS;
	if (kind == FF_LANDMARK_HARMLESS || kind == FF_LANDMARK_REFUSED)
		return 0;
	return kind == FF_LANDMARK_WORK			    ? FF_SIFTED_WORK
		: ff_pattern_tells_digits(all->text[index]) ? FF_SIFTED_DIGITS
							    : FF_SIFTED;
}

// A pattern that needs no text of three bytes is taken whole, with the digits that it takes; lines end at newlines
// here. What needs a long number is looked for in raw text, whatever its texts: look.c keeps few digits of the lines
// that are only sifted out.
static struct ff_error *sift_pattern(
	const struct ff_patterns *all, unsigned index, const struct need *need, struct sieve *sieve)
{
	const char *text = all->text[index];
	unsigned means = meaning(all, index);
	bool raw = ff_pattern_tells_long_numbers(text), work = means == FF_SIFTED_WORK;
	if (!means || (work && sieve->numbers))
		return NULL;
	if (!need->found) {
		if (means != FF_SIFTED)
			return ff_error_create(FF_EFORMAT, "'%s' needs no text of three bytes", text);
		if (!sieve->numbers)
			ff_patterns_add(&sieve->p, text, all->flags[index] | HS_FLAG_MULTILINE, means);
		return NULL;
	}
	for (size_t k = 0; k < need->literals.n; k++) {
		bool certain = !work && (raw || has_digits(&need->literals.list[k]));
		if (certain || !sieve->numbers)
			add_literal(
				sieve, &need->literals.list[k], certain && !sieve->numbers ? FF_SIFTED_CERTAIN : means);
	}
	return NULL;
}

static struct ff_error *compile_sieve(const struct making *m, hs_database_t **ret)
{
	size_t room = (size_t)m->all->n * FF_LITERALS_MAX;
	struct sieve sieve = {
		.numbers = m->database == FF_BOOK_NUMBERS, .texts = calloc(room + 1, sizeof(*sieve.texts))};
	struct ff_error *err = sieve.texts ? ff_patterns_init(room, &sieve.p) : &ff_enomem;
	for (unsigned i = 0; i < m->all->n && !err; i++)
		err = sift_pattern(m->all, i, &m->needs[i], &sieve);
	if (!err)
		err = ff_patterns_compile(&sieve.p, m->platform, ret);
	sieve_deinit(&sieve);
	return err;
}

static struct ff_error *compile_work(const hs_platform_info_t *platform, hs_database_t **ret)
{
	struct ff_patterns p;
	struct ff_error *err = ff_patterns_work(&p);
	if (err)
		return err;
	err = ff_patterns_compile(&p, platform, ret);
	ff_patterns_deinit(&p);
	return err;
}

static struct ff_error *compile_database(const struct making *m, hs_database_t **ret)
{
	if (m->database == FF_BOOK_WORK)
		return compile_work(m->platform, ret);
	if (m->database == FF_BOOK_SIGNATURES)
		return ff_patterns_compile(m->all, m->platform, ret);
	return compile_sieve(m, ret);
}

static void *make(void *making)
{
	struct making *m = making;
	hs_database_t *made = NULL;
	m->err = compile_database(m, &made);
	if (!m->err)
		m->err = image_of(made, &m->image->bytes, &m->image->n);
	hs_free_database(made);
	return NULL;
}

// All at once: the signatures alone take as long as the others together.
static struct ff_error *make_each(
	const struct ff_patterns *all, const struct need *needs, struct ff_matcher_images *ret)
{
	enum { MOST = FF_BOOK_DATABASES * FF_BOOK_FORMS };
	struct making makings[MOST];
	pthread_t threads[MOST];
	size_t n = 0, started = 0;
	struct ff_error *err = NULL;
	for (size_t i = 0; i < MOST; i++) {
		bool wide = i % FF_BOOK_FORMS == FF_BOOK_WIDE;
		if (!wide || architecture_has_wide())
			makings[n++] = (struct making){all, needs, i / FF_BOOK_FORMS, wide ? &wide_platform : &portable,
				&ret->databases[i / FF_BOOK_FORMS][i % FF_BOOK_FORMS], NULL};
	}
	while (started < n && pthread_create(&threads[started], NULL, make, &makings[started]) == 0)
		started++;
	for (size_t i = started; i < n; i++)
		make(&makings[i]);
	for (size_t i = 0; i < n; i++) {
		if (i < started)
			pthread_join(threads[i], NULL);
		if (err)
			ff_error_destroy(makings[i].err);
		else
			err = makings[i].err;
	}
	return err;
}

struct ff_error *ff_matcher_images(struct ff_rules *rules, struct ff_span healthy, struct ff_matcher_images *ret)
{
	struct ff_patterns p = {0};
	struct ff_error *err = ff_patterns_gather(rules, 0, ff_rules_signature_count(rules), &p);
	struct need *needs = err ? NULL : calloc((size_t)p.n + 1, sizeof(*needs));
	if (!err && !needs)
		err = &ff_enomem;
	for (unsigned i = 0; i < p.n && !err; i++)
		needs[i].found = ff_literals_of(p.text[i], healthy, &needs[i].literals);
	if (!err)
		err = make_each(&p, needs, ret);
	if (!err)
		err = make_scratch(ret);
	free(needs);
	ff_patterns_deinit(&p);
	return err;
}
