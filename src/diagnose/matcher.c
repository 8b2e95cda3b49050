// Vectorscan in block mode over chunks that end at line ends: a pattern never needs to reach across a chunk.
//
// Every pattern is compiled with HS_FLAG_PREFILTER: look-arounds and large repeats that Vectorscan cannot do exactly become
// something wider, and PCRE2 decides. The database in the program is portable (no AVX2); see tools/rulec.c.
#include "diagnose/matcher.h"

#include "base/embed.h"
#include "diagnose/shape.h"

#include <hs.h>

enum { SIGNATURE_IDS = 16 }; // ids below are marks

// In these the host's own instruction set does not matter: the same bytes serve every x86-64 (or arm64) machine.
static const hs_platform_info_t portable = {.tune = HS_TUNE_FAMILY_GENERIC};

struct ff_matcher {
	hs_database_t *db;
	hs_scratch_t *scratch;
};

extern const unsigned char ff_signature_db[] __attribute__((weak));
extern const size_t ff_signature_db_size __attribute__((weak));
extern const uint64_t ff_signature_db_key __attribute__((weak));

struct patterns {
	const char **text;
	unsigned *flags, *ids;
	unsigned n;
};

static void patterns_deinit(struct patterns *p)
{
	free(p->text);
	free(p->flags);
	free(p->ids);
}

static void add(struct patterns *p, const char *text, unsigned flags, unsigned id)
{
	p->text[p->n] = text;
	p->flags[p->n] = flags;
	p->ids[p->n++] = id;
}

static struct ff_error *gather(struct ff_rules *rules, struct patterns *ret)
{
	size_t n = ff_rules_signature_count(rules) + ff_shape_mark_count + 1;
	struct patterns p = {calloc(n, sizeof(*p.text)), calloc(n, sizeof(*p.flags)), calloc(n, sizeof(*p.ids)), 0};
	if (!p.text || !p.flags || !p.ids) {
		patterns_deinit(&p);
		return &ff_enomem;
	}
	for (size_t i = 0; i < ff_shape_mark_count; i++)
		add(&p, ff_shape_marks[i], HS_FLAG_PREFILTER | HS_FLAG_MULTILINE, 1);
	add(&p, ff_shape_progress, HS_FLAG_CASELESS | HS_FLAG_PREFILTER, 0);
	for (size_t i = 0; i < ff_rules_signature_count(rules); i++)
		add(&p, ff_rules_signature_at(rules, i)->pattern, HS_FLAG_CASELESS | HS_FLAG_PREFILTER,
			(unsigned)i + SIGNATURE_IDS);
	*ret = p;
	return NULL;
}

static uint64_t key_of(const struct patterns *p)
{
	uint64_t h = 0xcbf29ce484222325;
	for (unsigned i = 0; i < p->n; i++) {
		for (const char *c = p->text[i]; *c; c++)
			h = (h ^ (unsigned char)*c) * 0x100000001b3;
		h = (h ^ 0xff ^ p->flags[i]) * 0x100000001b3;
	}
	return h;
}

bool ff_matcher_built_in(void)
{
	return &ff_signature_db_key;
}

// The one in the program fits when it was made from exactly these patterns.
static bool use_built_in(const struct patterns *p, struct ff_matcher *m)
{
	if (!&ff_signature_db_key || ff_signature_db_key != key_of(p))
		return false;
	return hs_deserialize_database((const char *)ff_signature_db, ff_signature_db_size, &m->db) == HS_SUCCESS;
}

static struct ff_error *compile(const struct patterns *p, struct ff_matcher *m)
{
	hs_compile_error_t *e = NULL;
	if (hs_compile_multi(p->text, p->flags, p->ids, p->n, HS_MODE_BLOCK, &portable, &m->db, &e) == HS_SUCCESS)
		return NULL;
	struct ff_error *err = ff_error_create(FF_EUSAGE, "signature '%s': %s",
		e && e->expression >= 0 ? p->text[e->expression] : "?", e ? e->message : "cannot be compiled");
	hs_free_compile_error(e);
	return err;
}

struct ff_error *ff_matcher_create(struct ff_rules *rules, struct ff_matcher **ret)
{
	struct ff_matcher *m = calloc(1, sizeof(*m));
	struct patterns p = {0};
	struct ff_error *err = m ? gather(rules, &p) : &ff_enomem;
	if (!err && !use_built_in(&p, m))
		err = compile(&p, m);
	patterns_deinit(&p);
	if (!err && hs_alloc_scratch(m->db, &m->scratch) != HS_SUCCESS)
		err = &ff_enomem;
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
	hs_free_database(matcher->db);
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
	int what = id == 0 ? FF_MATCH_PROGRESS : id < SIGNATURE_IDS ? FF_MATCH_STRUCTURE : (int)(id - SIGNATURE_IDS);
	s->fn(what, (size_t)to, s->context);
	return 0;
}

struct ff_error *ff_matcher_scan(struct ff_matcher *matcher, struct ff_span bytes, ff_match_fn *fn, void *context)
{
	struct scan s = {fn, context};
	if (!bytes.n)
		return NULL;
	hs_error_t code = hs_scan(matcher->db, bytes.p, (unsigned)bytes.n, 0, matcher->scratch, on_match, &s);
	return code == HS_SUCCESS ? NULL : ff_error_create(FF_EOS, "Vectorscan: error %d", code);
}

struct ff_error *ff_matcher_serialize(struct ff_matcher *matcher, char **ret, size_t *ret_n)
{
	return hs_serialize_database(matcher->db, ret, ret_n) == HS_SUCCESS ? NULL : &ff_enomem;
}

struct ff_error *ff_matcher_key(struct ff_rules *rules, uint64_t *ret)
{
	struct patterns p = {0};
	struct ff_error *err = gather(rules, &p);
	if (!err)
		*ret = key_of(&p);
	patterns_deinit(&p);
	return err;
}
