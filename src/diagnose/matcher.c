// Vectorscan in block mode over chunks that end at line ends: a pattern never needs to reach across a chunk.
//
// Every pattern is compiled with HS_FLAG_PREFILTER: look-arounds and large repeats that Vectorscan cannot do exactly become
// something wider, and PCRE2 decides. The databases in the program were made by tools/rulec.
#include "diagnose/matcher.h"

#include "diagnose/book.h"
#include "diagnose/literal.h"
#include "log/classify.h"
#include "log/landmark.h"

#include <hs.h>

enum { FOUND_MAX = 1 << 21, LANDMARK_ID = 1 << 24, KNOWN = 1 << 11, KNOWN_FOUND = 29, KNOWN_LINE = 2000 };

// The same bytes serve every x86-64 (or arm64) machine; the wide ones only those with AVX2, a third quicker on large logs.
static const hs_platform_info_t portable = {.tune = HS_TUNE_FAMILY_GENERIC};
static const hs_platform_info_t wide_platform = {.tune = HS_TUNE_FAMILY_GENERIC, .cpu_features = HS_CPU_FEATURES_AVX2};

struct match {
	int what;
	size_t end;
};

struct database {
	const hs_database_t *db; // NULL for none
	hs_database_t *made;	 // the same when it was made now; one of the book is used where it lies
};

// What was found in a line. Frames of tracebacks and what is logged again and again are the very same bytes.
struct known {
	uint64_t hash;
	int n;
	int what[KNOWN_FOUND];
};

struct ff_matcher {
	struct database built_in; // built-in rules and marks
	struct database filter;	  // texts without which none of them matches; of the book only
	struct database extra;	  // users' rules
	struct database work;	  // signs of work, opened when first asked for
	hs_scratch_t *scratch;
	struct match *found; // of both databases, to be put in order
	size_t n, cap;
	struct known known[KNOWN];
};

struct patterns {
	const char **text;
	unsigned *flags, *ids;
	unsigned n;
	struct ff_landmarks *landmarks; // whose patterns are among them
	char **made;			// texts that belong to the list
	size_t made_n;
};

static void patterns_deinit(struct patterns *p)
{
	free(p->text);
	free(p->flags);
	free(p->ids);
	for (size_t i = 0; i < p->made_n; i++)
		free(p->made[i]);
	free(p->made);
	ff_landmarks_destroy(p->landmarks);
}

static void add(struct patterns *p, const char *text, unsigned flags, unsigned id)
{
	p->text[p->n] = text;
	p->flags[p->n] = flags;
	p->ids[p->n++] = id;
}

static struct ff_error *patterns_init(size_t n, struct patterns *ret)
{
	// One more than asked for: a folder of rules may bring no pattern at all.
	struct patterns p = {.text = calloc(n + 1, sizeof(*p.text)),
		.flags = calloc(n + 1, sizeof(*p.flags)),
		.ids = calloc(n + 1, sizeof(*p.ids))};
	if (!p.text || !p.flags || !p.ids) {
		patterns_deinit(&p);
		return &ff_enomem;
	}
	*ret = p;
	return NULL;
}

// A landmark begins the text of a line, and that text stands behind prefixes: without what binds it to the beginning.
static char *unanchored(const char *pattern)
{
	char *made = malloc(strlen(pattern) + 1), *to = made;
	for (bool list = false; made && *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			*to++ = *pattern++;
		else if (*pattern == '[' || *pattern == ']')
			list = *pattern == '[';
		else if (*pattern == '^' && !list)
			continue;
		*to++ = *pattern;
	}
	if (made)
		*to = 0;
	return made;
}

// Landmarks of one kind, or of all that stand in texts (FF_LANDMARK_KINDS).
static struct ff_error *gather_landmarks(enum ff_landmark_kind only, struct patterns *p)
{
	size_t n = ff_landmarks_count(p->landmarks);
	p->made = calloc(n, sizeof(*p->made));
	for (size_t i = 0; p->made && i < n; i++) {
		const struct ff_landmark *mark = ff_landmarks_at(p->landmarks, i);
		if (mark->kind == FF_LANDMARK_ROLE || (only != FF_LANDMARK_KINDS && mark->kind != only))
			continue;
		char *text = unanchored(mark->pattern);
		if (!text)
			return &ff_enomem;
		p->made[p->made_n++] = text;
		add(p, text, HS_FLAG_CASELESS | HS_FLAG_PREFILTER | HS_FLAG_MULTILINE, LANDMARK_ID + (unsigned)i);
	}
	return p->made ? NULL : &ff_enomem;
}

// Of the signatures from `from` to `to`; marks and landmarks stand before the first one.
static struct ff_error *gather(struct ff_rules *rules, size_t from, size_t to, struct patterns *ret)
{
	struct patterns p;
	struct ff_landmarks *landmarks;
	struct ff_error *err = ff_landmarks_create(&landmarks);
	if (err)
		return err;
	err = patterns_init(to - from + ff_line_mark_count + ff_landmarks_count(landmarks), &p);
	if (err) {
		ff_landmarks_destroy(landmarks);
		return err;
	}
	p.landmarks = landmarks;
	if (from == 0)
		err = gather_landmarks(FF_LANDMARK_KINDS, &p);
	if (err) {
		patterns_deinit(&p);
		return err;
	}
	for (size_t i = 0; i < ff_line_mark_count && from == 0; i++)
		add(&p, ff_line_marks[i], HS_FLAG_PREFILTER | HS_FLAG_MULTILINE, (unsigned)(FF_MATCH_STRUCTURE + 1));
	for (size_t i = from; i < to; i++)
		add(&p, ff_rules_signature_at(rules, i)->pattern, HS_FLAG_CASELESS | HS_FLAG_PREFILTER,
			(unsigned)i + 1);
	*ret = p;
	return NULL;
}

// What the build made of the built-in rules. Vectorscan itself refuses what another release of it made.
static bool use_book(size_t database, struct database *ret)
{
	const struct ff_span *forms = ff_book.databases[database];
	hs_platform_info_t host = {0};
	bool wide = forms[FF_BOOK_WIDE].n && hs_populate_platform(&host) == HS_SUCCESS &&
		(host.cpu_features & HS_CPU_FEATURES_AVX2);
	const hs_database_t *db = (const void *)forms[wide ? FF_BOOK_WIDE : FF_BOOK_PORTABLE].p;
	size_t n;
	bool fits = hs_database_size(db, &n) == HS_SUCCESS;
	if (fits)
		ret->db = db;
	return fits;
}

static struct ff_error *compile(const struct patterns *p, const hs_platform_info_t *platform, struct database *ret)
{
	hs_compile_error_t *e = NULL;
	if (hs_compile_multi(p->text, p->flags, p->ids, p->n, HS_MODE_BLOCK, platform, &ret->made, &e) == HS_SUCCESS) {
		ret->db = ret->made;
		return NULL;
	}
	struct ff_error *err = ff_error_create(FF_EUSAGE, "signature '%s': %s",
		e && e->expression >= 0 ? p->text[e->expression] : "?", e ? e->message : "cannot be compiled");
	hs_free_compile_error(e);
	return err;
}

// Built-in signatures come first, also when a user's rule replaces one: their database always fits.
static size_t built_in_count(struct ff_rules *rules)
{
	size_t n = ff_rules_signature_count(rules);
	while (n > 0 && !ff_rules_signature_at(rules, n - 1)->built_in)
		n--;
	return n;
}

static struct ff_error *make_extra(struct ff_rules *rules, size_t from, struct ff_matcher *m)
{
	struct patterns p = {0};
	size_t to = ff_rules_signature_count(rules);
	struct ff_error *err = from < to ? gather(rules, from, to, &p) : NULL;
	if (!err && p.n)
		err = compile(&p, NULL, &m->extra);
	patterns_deinit(&p);
	return err;
}

static struct ff_error *make_room(struct ff_matcher *m, const struct database *d)
{
	return hs_alloc_scratch(d->db, &m->scratch) == HS_SUCCESS ? NULL : &ff_enomem;
}

static struct ff_error *make_built_in(struct ff_rules *rules, size_t built_in, size_t to, struct ff_matcher *m)
{
	struct patterns p = {0};
	if (&ff_book && built_in == ff_book.signature_count && use_book(FF_BOOK_SIGNATURES, &m->built_in))
		return use_book(FF_BOOK_FILTER, &m->filter) ? make_room(m, &m->filter) : NULL;
	struct ff_error *err = gather(rules, 0, to, &p);
	if (!err)
		err = compile(&p, &portable, &m->built_in);
	patterns_deinit(&p);
	return err;
}

struct ff_error *ff_matcher_create(struct ff_rules *rules, struct ff_matcher **ret)
{
	struct ff_matcher *m = calloc(1, sizeof(*m));
	size_t built_in = built_in_count(rules), first = built_in ? built_in : ff_rules_signature_count(rules);
	struct ff_error *err = m ? make_built_in(rules, built_in, first, m) : &ff_enomem;
	if (!err)
		err = make_extra(rules, first, m);
	if (!err)
		err = make_room(m, &m->built_in);
	if (!err && m->extra.db)
		err = make_room(m, &m->extra);
	if (err)
		ff_matcher_destroy(m);
	else
		*ret = m;
	return err;
}

void ff_matcher_destroy(struct ff_matcher *matcher)
{
	if (!matcher)
		return;
	hs_free_scratch(matcher->scratch);
	hs_free_database(matcher->built_in.made);
	hs_free_database(matcher->extra.made);
	hs_free_database(matcher->work.made);
	free(matcher->found);
	free(matcher);
}

struct scan {
	ff_match_fn *fn;
	void *context;
};

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)from;
	(void)flags;
	const struct scan *s = context;
	s->fn(id >= LANDMARK_ID ? FF_MATCH_LANDMARK - (int)(id - LANDMARK_ID) : (int)id - 1, (size_t)to, s->context);
	return 0;
}

static struct ff_error *scan_one(
	struct ff_matcher *m, const struct database *d, struct ff_span bytes, const struct scan *s)
{
	hs_error_t code = hs_scan(d->db, bytes.p, (unsigned)bytes.n, 0, m->scratch, on_match, (void *)s);
	return code == HS_SUCCESS ? NULL : ff_error_create(FF_EOS, "Vectorscan: error %d", code);
}

static void keep(int what, size_t end, void *context)
{
	struct ff_matcher *m = context;
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 1024;
		struct match *grown = cap <= FOUND_MAX ? reallocarray(m->found, cap, sizeof(*grown)) : NULL;
		if (!grown)
			return; // more matches than any log worth reading has
		m->found = grown;
		m->cap = cap;
	}
	m->found[m->n++] = (struct match){what, end};
}

static int by_end(const void *a, const void *b)
{
	size_t x = ((const struct match *)a)->end, y = ((const struct match *)b)->end;
	return (x > y) - (x < y);
}

static struct ff_error *scan_both(
	struct ff_matcher *m, const struct database *built_in, struct ff_span bytes, const struct scan *s)
{
	const struct scan gather_all = {keep, m};
	m->n = 0;
	struct ff_error *err = scan_one(m, &m->extra, bytes, &gather_all);
	if (!err && !m->n)
		return scan_one(m, built_in, bytes, s);
	if (!err)
		err = scan_one(m, built_in, bytes, &gather_all);
	if (err)
		return err;
	qsort(m->found, m->n, sizeof(*m->found), by_end);
	for (size_t i = 0; i < m->n; i++)
		s->fn(m->found[i].what, m->found[i].end, s->context);
	return NULL;
}

static struct ff_error *scan_with(
	struct ff_matcher *m, const struct database *built_in, struct ff_span bytes, const struct scan *s)
{
	if (!bytes.n)
		return NULL;
	return m->extra.db ? scan_both(m, built_in, bytes, s) : scan_one(m, built_in, bytes, s);
}

static uint64_t hash_of(struct ff_span bytes)
{
	uint64_t hash = bytes.n * 0x9e3779b97f4a7c15u + 1, word;
	for (; bytes.n; bytes.p += word, bytes.n -= word) {
		uint64_t part = 0;
		word = bytes.n < sizeof(part) ? bytes.n : sizeof(part);
		memcpy(&part, bytes.p, word);
		hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	return hash;
}

struct learning {
	struct known known;
	bool many;
};

static void learn(int what, size_t end, void *context)
{
	struct learning *l = context;
	(void)end;
	for (int i = 0; i < l->known.n; i++) {
		if (l->known.what[i] == what)
			return;
	}
	l->many |= l->known.n == KNOWN_FOUND;
	if (!l->many)
		l->known.what[l->known.n++] = what;
}

struct ff_error *ff_matcher_scan(struct ff_matcher *m, struct ff_span line, ff_match_fn *fn, void *context)
{
	if (!line.n || line.n > KNOWN_LINE)
		return scan_with(m, &m->built_in, line, &(struct scan){fn, context});
	struct learning l = {.known.hash = hash_of(line)};
	struct known *known = &m->known[l.known.hash % KNOWN];
	if (known->hash != l.known.hash) {
		struct ff_error *err = scan_with(m, &m->built_in, line, &(struct scan){learn, &l});
		if (err)
			return err;
		if (l.many)
			return scan_with(m, &m->built_in, line, &(struct scan){fn, context});
		*known = l.known;
	}
	for (int i = 0; i < known->n; i++)
		fn(known->what[i], 0, context);
	return NULL;
}

struct ff_error *ff_matcher_sift(struct ff_matcher *m, struct ff_span lines, ff_match_fn *fn, void *context)
{
	return scan_with(m, m->filter.db ? &m->filter : &m->built_in, lines, &(struct scan){fn, context});
}

// ---- signs of work ----

static struct ff_error *compile_work(const hs_platform_info_t *platform, struct database *ret)
{
	struct patterns p;
	struct ff_landmarks *landmarks;
	struct ff_error *err = ff_landmarks_create(&landmarks);
	if (err)
		return err;
	err = patterns_init(ff_landmarks_count(landmarks), &p);
	if (err) {
		ff_landmarks_destroy(landmarks);
		return err;
	}
	p.landmarks = landmarks;
	err = gather_landmarks(FF_LANDMARK_WORK, &p);
	if (!err)
		err = compile(&p, platform, ret);
	patterns_deinit(&p);
	return err;
}

static struct ff_error *make_work(struct ff_matcher *m)
{
	struct ff_error *err = &ff_book && use_book(FF_BOOK_WORK, &m->work) ? NULL : compile_work(&portable, &m->work);
	return err ? err : make_room(m, &m->work);
}

static int on_work(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)id;
	(void)from;
	(void)flags;
	*(size_t *)context = (size_t)to - 1;
	return 1; // the first one is enough
}

struct ff_error *ff_matcher_work(struct ff_matcher *m, struct ff_span bytes, size_t *ret)
{
	struct ff_error *err = m->work.db ? NULL : make_work(m);
	size_t at = bytes.n;
	if (err)
		return err;
	hs_error_t code = hs_scan(m->work.db, bytes.p, (unsigned)bytes.n, 0, m->scratch, on_work, &at);
	if (code != HS_SUCCESS && code != HS_SCAN_TERMINATED)
		return ff_error_create(FF_EOS, "Vectorscan: error %d", code);
	*ret = at;
	return NULL;
}

// ---- for the build ----

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

// ---- the filter: what one of the patterns needs, as patterns of their own ----

enum { ESCAPED = 4, TEXT_ROOM = ESCAPED * FF_LITERAL_MAX + 1 };

struct filter {
	struct patterns p;
	char (*texts)[TEXT_ROOM];
	size_t n;
};

static void filter_deinit(struct filter *f)
{
	patterns_deinit(&f->p);
	free(f->texts);
}

static void add_literal(struct filter *f, const struct ff_literal *literal)
{
	char *text = f->texts[f->n];
	for (size_t i = 0; i < literal->n; i++)
		snprintf(text + ESCAPED * i, ESCAPED + 1, "\\x%02x", (unsigned char)literal->text[i]);
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->texts[i], text) == 0)
			return;
	}
	f->n++;
	add(&f->p, text, HS_FLAG_CASELESS, 0);
}

// Work is looked for only where something waits for it, and what defuses a line only where something stands in it.
static bool reads(const struct patterns *all, unsigned id)
{
	enum ff_landmark_kind kind =
		id >= LANDMARK_ID ? ff_landmarks_at(all->landmarks, id - LANDMARK_ID)->kind : FF_LANDMARK_KINDS;
	return kind != FF_LANDMARK_WORK && kind != FF_LANDMARK_HARMLESS;
}

// A pattern that needs no text of three bytes is taken whole; lines end at newlines here.
static struct ff_error *gather_filter(const struct patterns *all, struct ff_span healthy, struct filter *ret)
{
	size_t room = (size_t)all->n * FF_LITERALS_MAX;
	struct ff_literals *set = malloc(sizeof(*set));
	struct filter f = {.texts = calloc(room + 1, sizeof(*f.texts))}; // a set of users' patterns may be empty
	struct ff_error *err = patterns_init(room, &f.p);
	if (err || !set || !f.texts) {
		free(set);
		filter_deinit(&f);
		return &ff_enomem;
	}
	for (unsigned i = 0; i < all->n; i++) {
		if (!reads(all, all->ids[i]))
			continue;
		if (!ff_literals_of(all->text[i], healthy, set))
			add(&f.p, all->text[i], all->flags[i] | HS_FLAG_MULTILINE, 0);
		else
			for (size_t k = 0; k < set->n; k++)
				add_literal(&f, &set->list[k]);
	}
	free(set);
	*ret = f;
	return NULL;
}

static struct ff_error *compile_filter(
	const struct patterns *all, struct ff_span healthy, const hs_platform_info_t *platform, struct database *ret)
{
	struct filter f = {0};
	struct ff_error *err = gather_filter(all, healthy, &f);
	if (!err)
		err = compile(&f.p, platform, ret);
	filter_deinit(&f);
	return err;
}

static struct ff_error *compile_database(const struct patterns *all, struct ff_span healthy, size_t database,
	const hs_platform_info_t *platform, struct database *ret)
{
	return database == FF_BOOK_FILTER  ? compile_filter(all, healthy, platform, ret)
		: database == FF_BOOK_WORK ? compile_work(platform, ret)
					   : compile(all, platform, ret);
}

struct ff_error *ff_matcher_image(
	struct ff_rules *rules, struct ff_span healthy, size_t database, size_t form, char **ret, size_t *ret_n)
{
	struct patterns p = {0};
	struct database made = {0};
	const hs_platform_info_t *platform = form == FF_BOOK_WIDE ? &wide_platform : &portable;
	*ret = NULL;
	*ret_n = 0;
	if (form == FF_BOOK_WIDE && !architecture_has_wide())
		return NULL;
	struct ff_error *err = gather(rules, 0, ff_rules_signature_count(rules), &p);
	if (!err)
		err = compile_database(&p, healthy, database, platform, &made);
	if (!err)
		err = image_of(made.db, ret, ret_n);
	patterns_deinit(&p);
	hs_free_database(made.made);
	return err;
}
