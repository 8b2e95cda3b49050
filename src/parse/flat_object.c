// The one form of JSON of which a fleet sends millions, without a tree.
//
//	{"driver.version": "550.54.15", "torch.version": "2.6.0+cu124"}
//
// How the source lies: any other JSON may come instead, or none. Only the plain form is read here; the library reads
// what this refuses, so nothing is decided twice.
#include "parse/flat_object.h"

struct place {
	char *at, *end;
};

static void skip_space(struct place *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

static bool take(struct place *p, char c)
{
	skip_space(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool take_text(struct place *p, const char **ret)
{
	if (!take(p, '"'))
		return false;
	char *begin = p->at;
	while (p->at < p->end && *p->at >= ' ' && *p->at < 0x7f && *p->at != '"' && *p->at != '\\')
		p->at++;
	if (p->at == p->end || *p->at != '"')
		return false;
	*p->at++ = '\0';
	*ret = begin;
	return true;
}

bool ff_flat_object(char *text, size_t n, struct ff_flat_member *ret, size_t max, size_t *ret_n)
{
	struct place p = {text, text + n};
	size_t found = 0;
	if (!take(&p, '{'))
		return false;
	bool more = !take(&p, '}');
	while (more) {
		if (found == max || !take_text(&p, &ret[found].key) || !take(&p, ':') ||
			!take_text(&p, &ret[found].value))
			return false;
		found++;
		more = take(&p, ',');
		if (!more && !take(&p, '}'))
			return false;
	}
	skip_space(&p);
	*ret_n = found;
	return p.at == p.end;
}
