// Distance of Damerau and Levenshtein over short words, three rows at a time.
#include "base/nearest.h"

#include <stdio.h>

enum { MAX = 40 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

// As far as it is no more than `max`, else something larger.
static size_t distance(struct ff_span a, struct ff_span b, size_t max)
{
	size_t rows[3][MAX + 1] = {0}, before = 0;
	for (size_t k = 0; k <= b.n; k++)
		rows[0][k] = k;
	for (size_t i = 1; i <= a.n; i++) {
		const size_t *two = rows[(i + 1) % 3], *one = rows[(i - 1) % 3];
		size_t *row = rows[i % 3], lowest = i;
		row[0] = i;
		for (size_t k = 1; k <= b.n; k++) {
			size_t change = one[k - 1] + (a.p[i - 1] != b.p[k - 1]);
			row[k] = least(change, least(one[k], row[k - 1]) + 1);
			bool exchanged = i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1];
			if (exchanged)
				row[k] = least(row[k], two[k - 2] + 1);
			lowest = least(lowest, row[k]);
		}
		if (lowest > max && before > max) // an exchange looks back over one row
			return max + 1;
		before = lowest;
	}
	return rows[a.n % 3][b.n];
}

static uint64_t letters_of(struct ff_span word)
{
	uint64_t letters = 0;
	for (size_t i = 0; i < word.n; i++)
		letters |= 1ull << (word.p[i] & 63);
	return letters;
}

// Each change puts in and takes out one letter at most.
static bool too_far(struct ff_nearest *n, struct ff_span word, size_t max)
{
	if (word.n > n->wrong.n + max || n->wrong.n > word.n + max)
		return true;
	if (!n->letters)
		n->letters = letters_of(n->wrong);
	return (size_t)__builtin_popcountll(n->letters ^ letters_of(word)) > 2 * max;
}

void ff_nearest_try(struct ff_nearest *n, const char *right)
{
	struct ff_span word = ff_span_of(right);
	if (n->wrong.n > MAX || word.n > MAX || !n->wrong.n || !word.n || (n->best && !n->distance))
		return;
	size_t max = least(3, (least(n->wrong.n, word.n) + 2) / 3);
	max = n->best ? least(max, n->distance - 1) : max;
	bool begins = n->wrong.n >= 3 && n->wrong.n < word.n && memcmp(n->wrong.p, word.p, n->wrong.n) == 0;
	if (!begins && too_far(n, word, max))
		return;
	size_t d = begins ? 1 : distance(n->wrong, word, max);
	if (d <= max) {
		n->best = right;
		n->distance = d;
	}
}

const char *ff_nearest_hint(const struct ff_nearest *n, char text[128])
{
	text[0] = 0;
	if (n->best)
		snprintf(text, 128, "; did you mean '%.80s'?", n->best);
	return text;
}
