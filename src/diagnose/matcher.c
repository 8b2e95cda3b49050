// Vectorscan in block mode over chunks that end at line ends: a pattern never needs to reach across a chunk. The
// databases in the program were made by tools/rulec (image.c).
#include "diagnose/matcher.h"

#include "diagnose/book.h"
#include "diagnose/patterns.h"

#include <hs.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FOUND_MAX = 1 << 21 };

// The same bytes serve every x86-64 (or arm64) machine; the wide ones only those with AVX2, a third quicker on large
// logs.
static const hs_platform_info_t portable = {.tune = HS_TUNE_FAMILY_GENERIC};

struct match {
	int what;
	size_t end;
};

struct database {
	const hs_database_t *db; // NULL for none
	hs_database_t *made;	 // the same when it was made now; one of the book is used where it lies
	bool has_room;		 // the scratch is known to be large enough for it
};

struct ff_matcher {
	struct database built_in; // built-in rules and marks
	struct database filter;	  // texts without which none of them matches; of the book only
	struct database numbers;  // those of them that have certain digits
	struct database extra;	  // users' rules
	struct database work;	  // signs of work, opened when first asked for
	hs_scratch_t *scratch;
	bool wide;	     // the processor takes wide forms
	struct match *found; // of both databases, to be put in order
	size_t n, cap;
};

static bool is_wide(void)
{
	hs_platform_info_t host = {0};
	return hs_populate_platform(&host) == HS_SUCCESS && (host.cpu_features & HS_CPU_FEATURES_AVX2);
}

// What the build made of the built-in rules. Vectorscan itself refuses what another release of it made.
static bool use_book(const struct ff_matcher *m, size_t database, struct database *ret)
{
	const struct ff_span *forms = ff_book.databases[database];
	bool wide = m->wide && forms[FF_BOOK_WIDE].n;
	const hs_database_t *db = (const void *)forms[wide ? FF_BOOK_WIDE : FF_BOOK_PORTABLE].p;
	size_t n;
	if (hs_database_size(db, &n) != HS_SUCCESS)
		return false;
	*ret = (struct database){.db = db, .has_room = m->scratch};
	return true;
}

// With the signatures of the book, and a scratch that fits all of its databases.
static bool open_book(struct ff_matcher *m)
{
	m->wide = is_wide();
	if (!use_book(m, FF_BOOK_SIGNATURES, &m->built_in))
		return false;
	if (ff_book.scratch.n && hs_clone_scratch((const void *)ff_book.scratch.p, &m->scratch) == HS_SUCCESS)
		m->built_in.has_room = true;
	if (use_book(m, FF_BOOK_FILTER, &m->filter))
		use_book(m, FF_BOOK_NUMBERS, &m->numbers);
	return true;
}

static struct ff_error *make(const struct ff_patterns *p, const hs_platform_info_t *platform, struct database *ret)
{
	struct ff_error *err = ff_patterns_compile(p, platform, &ret->made);
	ret->db = ret->made;
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
	struct ff_patterns p = {0};
	size_t to = ff_rules_signature_count(rules);
	struct ff_error *err = from < to ? ff_patterns_gather(rules, from, to, &p) : NULL;
	if (!err && p.n)
		err = make(&p, NULL, &m->extra);
	ff_patterns_deinit(&p);
	return err;
}

// Before the first scan with it, for Vectorscan reads a database through for its sum.
static struct ff_error *make_room(struct ff_matcher *m, struct database *d)
{
	if (d->has_room)
		return NULL;
	if (hs_alloc_scratch(d->db, &m->scratch) != HS_SUCCESS)
		return &ff_enomem;
	d->has_room = true;
	return NULL;
}

static struct ff_error *make_built_in(struct ff_rules *rules, size_t built_in, size_t to, struct ff_matcher *m)
{
	struct ff_patterns p = {0};
	struct ff_error *err;
	if (&ff_book && built_in == ff_book.signature_count && open_book(m))
		return NULL;
	err = ff_patterns_gather(rules, 0, to, &p);
	if (!err)
		err = make(&p, &portable, &m->built_in);
	ff_patterns_deinit(&p);
	return err;
}

struct ff_error *ff_matcher_create(struct ff_rules *rules, struct ff_matcher **ret)
{
	struct ff_matcher *m = calloc(1, sizeof(*m));
	size_t built_in = built_in_count(rules), first = built_in ? built_in : ff_rules_signature_count(rules);
	struct ff_error *err = m ? make_built_in(rules, built_in, first, m) : &ff_enomem;
	if (!err)
		err = make_extra(rules, first, m);
	if (err)
		ff_matcher_destroy(m);
	else
		*ret = m;
	return err;
}

// Of the book a scan reads little here and there, and the kernel maps sixteen pages for each of it. They stay in its
// cache, so that the next scan has them as soon.
static void unmap_book(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; &ff_book && i < FF_BOOK_DATABASES * FF_BOOK_FORMS; i++) {
		struct ff_span image = ff_book.databases[i / FF_BOOK_FORMS][i % FF_BOOK_FORMS];
		uintptr_t from = ((uintptr_t)image.p + page - 1) / page * page;
		uintptr_t to = ((uintptr_t)image.p + image.n) / page * page;
		if (from < to)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
}

void ff_matcher_destroy(struct ff_matcher *matcher)
{
	if (!matcher)
		return;
	unmap_book();
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

static int what_of(unsigned id)
{
	if (id >= FF_LANDMARK_ID)
		return FF_MATCH_LANDMARK - (int)(id - FF_LANDMARK_ID);
	return id == FF_WRAPPED_ID ? FF_MATCH_WRAPPED : id == FF_SETTINGS_ID ? FF_MATCH_SETTINGS : (int)id - 1;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)from;
	(void)flags;
	const struct scan *s = context;
	s->fn(what_of(id), (size_t)to, s->context);
	return 0;
}

static struct ff_error *scan(
	struct ff_matcher *m, struct database *d, struct ff_span bytes, match_event_handler on, void *context)
{
	struct ff_error *err = make_room(m, d);
	if (err)
		return err;
	hs_error_t code = hs_scan(d->db, bytes.p, (unsigned)bytes.n, 0, m->scratch, on, context);
	if (code == HS_SUCCESS || code == HS_SCAN_TERMINATED)
		return NULL;
	return ff_error_create(FF_EOS, "Vectorscan: error %d", code);
}

static struct ff_error *scan_one(struct ff_matcher *m, struct database *d, struct ff_span bytes, const struct scan *s)
{
	return scan(m, d, bytes, on_match, (void *)s);
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
	struct ff_matcher *m, struct database *built_in, struct ff_span bytes, const struct scan *s)
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
	struct ff_matcher *m, struct database *built_in, struct ff_span bytes, const struct scan *s)
{
	if (!bytes.n)
		return NULL;
	return m->extra.db ? scan_both(m, built_in, bytes, s) : scan_one(m, built_in, bytes, s);
}

struct ff_error *ff_matcher_scan(struct ff_matcher *m, struct ff_span line, ff_match_fn *fn, void *context)
{
	return scan_with(m, &m->built_in, line, &(struct scan){fn, context});
}

// ---- sieves ----

bool ff_matcher_masks(const struct ff_matcher *m)
{
	return m->numbers.db;
}

static int on_sifted(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)from;
	(void)flags;
	const struct scan *s = context;
	s->fn((int)id, (size_t)to, s->context);
	return 0;
}

static void say_digits(int what, size_t end, void *context)
{
	const struct scan *s = context;
	(void)what;
	s->fn(FF_SIFTED_DIGITS, end, s->context);
}

static int on_any(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	*(bool *)context = true;
	return 1; // one is enough
}

static struct ff_error *any_in(struct ff_matcher *m, struct database *d, struct ff_span line, bool *ret)
{
	*ret = false;
	return line.n ? scan(m, d, line, on_any, ret) : NULL;
}

struct ff_error *ff_matcher_sift(struct ff_matcher *m, struct ff_span lines, ff_match_fn *fn, void *context)
{
	struct scan s = {fn, context};
	if (!ff_matcher_masks(m))
		return scan_with(m, &m->built_in, lines, &(struct scan){say_digits, &s});
	return lines.n ? scan(m, &m->filter, lines, on_sifted, &s) : NULL;
}

struct ff_error *ff_matcher_extra(struct ff_matcher *m, struct ff_span lines, ff_match_fn *fn, void *context)
{
	struct scan s = {fn, context};
	bool any = ff_matcher_masks(m) && m->extra.db && lines.n;
	return any ? scan_one(m, &m->extra, lines, &(struct scan){say_digits, &s}) : NULL;
}

struct ff_error *ff_matcher_certain(struct ff_matcher *m, struct ff_span line, bool *ret)
{
	return any_in(m, &m->numbers, line, ret);
}

// ---- signs of work ----

static struct ff_error *make_work(struct ff_matcher *m)
{
	struct ff_patterns p = {0};
	if (&ff_book && use_book(m, FF_BOOK_WORK, &m->work))
		return NULL;
	struct ff_error *err = ff_patterns_work(&p);
	if (!err)
		err = make(&p, &portable, &m->work);
	ff_patterns_deinit(&p);
	return err;
}

struct ff_error *ff_matcher_works(struct ff_matcher *m, struct ff_span line, bool *ret)
{
	struct ff_error *err = m->work.db ? NULL : make_work(m);
	return err ? err : any_in(m, &m->work, line, ret);
}
