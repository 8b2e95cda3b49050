// Keeps the hits of one signature within bounds: "Loading shard" can stand in a million lines of a log. The first
// places and the newest one are kept, the others counted.
#include "diagnose/hits.h"

#include <stdlib.h>

enum { READ_ON_AGAIN = 2000 };

static void hit_deinit(struct ff_hit *hit)
{
	free(hit->text);
	json_decref(hit->captures);
}

void ff_hits_destroy(struct ff_hits *hits)
{
	for (size_t i = 0; hits && i < hits->n; i++)
		hit_deinit(&hits->list[i]);
	free(hits);
}

struct ff_hit *ff_hits_add(struct ff_hits **hits)
{
	if (!*hits)
		*hits = calloc(1, sizeof(**hits));
	if (!*hits)
		return NULL;
	(*hits)->total++;
	if (!ff_hits_sated(*hits))
		return &(*hits)->list[(*hits)->n++];
	struct ff_hit *last = &(*hits)->list[FF_HITS_PER_SIGNATURE - 1];
	hit_deinit(last);
	return last;
}

bool ff_hits_of_event(const struct ff_hits *hits, size_t event)
{
	for (size_t i = 0; hits && i < hits->n; i++) {
		if (hits->list[i].event == event)
			return true;
	}
	return false;
}

const struct ff_hit *ff_hits_like(const struct ff_hits *hits, uint64_t subject)
{
	for (size_t i = 0; hits && i < hits->n; i++) {
		if (hits->list[i].subject == subject)
			return &hits->list[i];
	}
	return NULL;
}

bool ff_hits_sated(const struct ff_hits *hits)
{
	return hits && hits->n == FF_HITS_PER_SIGNATURE;
}

bool ff_hits_read_on(struct ff_hits *hits, uint64_t number)
{
	uint64_t again = hits && hits->read_on > READ_ON_AGAIN ? hits->read_on : READ_ON_AGAIN;
	if (ff_hits_sated(hits) && number < hits->read_on + again)
		return false;
	if (hits)
		hits->read_on = number;
	return true;
}
