// The forms of secrets and which of them a text may hold. Most text holds none, so the look goes over the bytes once:
// three bytes at a time, folded to lower case, against a table of what the hints begin with.
//
//	"https://u:pw@host/x" -> hint "://" -> row url
#include "know/secret_forms.h"

#include "base/table.h"

#include <ctype.h>
#include <threads.h>

FF_EMBEDDED(ff_table, secrets);

enum { MAX_HINTS = 800, MAX_HINT = 32, SLOTS = 1 << 13 };

struct hint {
	char text[MAX_HINT]; // lower case
	size_t n;
	struct ff_secret_set rows;
	uint16_t next; // another hint of this slot, 0 for none (the first hint is 1)
};

static struct ff_secret_form rows[FF_SECRET_FORMS_MAX];
static size_t row_count;
static struct hint hints[MAX_HINTS + 1];
static size_t hint_count;
static uint16_t slots[SLOTS]; // by the first three bytes: a hint, 0 for none
static uint8_t fold[256];
static bool table_is_bad;
static once_flag loaded = ONCE_FLAG_INIT;

static unsigned slot_of(uint32_t three)
{
	return three * 2654435761u >> 19;
}

static void add(struct ff_secret_set *set, const struct ff_secret_set *more)
{
	for (unsigned i = 0; i < FF_SECRET_WORDS; i++)
		set->bits[i] |= more->bits[i];
}

// The hint in its slot, new or as another row brought it.
static struct hint *hint_of(const struct hint *wanted)
{
	uint16_t *slot = &slots[slot_of(
		(uint32_t)wanted->text[0] | (uint32_t)wanted->text[1] << 8 | (uint32_t)wanted->text[2] << 16)];
	for (unsigned k = *slot; k; k = hints[k].next) {
		if (hints[k].n == wanted->n && memcmp(hints[k].text, wanted->text, wanted->n) == 0)
			return &hints[k];
	}
	if (hint_count == MAX_HINTS)
		return NULL;
	struct hint *h = &hints[++hint_count];
	*h = *wanted;
	h->next = *slot;
	*slot = (uint16_t)hint_count;
	return h;
}

static void add_hint(struct ff_span text, size_t row)
{
	struct hint wanted = {.n = text.n};
	for (size_t i = 0; i < text.n && i < MAX_HINT; i++)
		wanted.text[i] = (char)fold[(uint8_t)text.p[i]];
	struct hint *h = text.n < 3 || text.n > MAX_HINT ? NULL : hint_of(&wanted);
	if (h)
		h->rows.bits[row / 64] |= (uint64_t)1 << row % 64;
	else
		table_is_bad = true;
}

static void load(void)
{
	for (int c = 0; c < 256; c++)
		fold[c] = (uint8_t)(c < 128 ? tolower(c) : c);
	struct ff_table table = ff_table_of(ff_table_secrets);
	for (struct ff_table_row r; ff_table_next(&table, &r);) {
		if (row_count == FF_SECRET_FORMS_MAX) {
			table_is_bad = true;
			return;
		}
		struct ff_secret_form *row = &rows[row_count];
		row->kind = ff_table_cell(&table, &r, "kind");
		row->pattern = ff_table_cell(&table, &r, "pattern");
		struct ff_span check = ff_table_cell(&table, &r, "check"), all = ff_table_cell(&table, &r, "hints"),
			       hint;
		row->check = ff_secret_check_of(check);
		while (ff_span_next(&all, ',', &hint))
			add_hint(hint, row_count);
		row_count++;
	}
}

// True when the hint stands at p, of which `left` bytes may be read.
static bool stands(const struct hint *h, const char *p, size_t left)
{
	if (h->n > left)
		return false;
	for (size_t i = 0; i < h->n; i++) {
		if (fold[(uint8_t)p[i]] != (uint8_t)h->text[i])
			return false;
	}
	return true;
}

// The rows that have a hint in the text.
struct ff_secret_set ff_secret_suspects(struct ff_span text)
{
	struct ff_secret_set found = {0};
	uint32_t three = 0; // the last three bytes, folded
	call_once(&loaded, load);
	for (size_t i = 0; i < text.n; i++) {
		three = three >> 8 | (uint32_t)fold[(uint8_t)text.p[i]] << 16;
		unsigned k = i < 2 ? 0 : slots[slot_of(three)];
		for (; k; k = hints[k].next) {
			if (stands(&hints[k], text.p + i - 2, text.n - i + 2))
				add(&found, &hints[k].rows);
		}
	}
	return found;
}

bool ff_secret_set_has(const struct ff_secret_set *set, size_t form)
{
	return set->bits[form / 64] >> form % 64 & 1;
}

bool ff_secret_set_is_empty(const struct ff_secret_set *set)
{
	uint64_t any = 0;
	for (unsigned i = 0; i < FF_SECRET_WORDS; i++)
		any |= set->bits[i];
	return !any;
}

size_t ff_secret_forms(void)
{
	call_once(&loaded, load);
	return table_is_bad ? 0 : row_count;
}

const struct ff_secret_form *ff_secret_form(size_t i)
{
	return &rows[i];
}
