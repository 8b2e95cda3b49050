// The fingerprint of a failure: the same failure in two runs gives the same 16 digits.
//
// Left out is what differs between runs of the same fault: numbers, addresses, line numbers (a comment added above
// moves them), folders (the same worker in another image). Of a crash the innermost frames count, where they are known.
#include "base/str.h"
#include "store/store.h"

#include <ctype.h>

enum { FRAMES = 8 };

struct hash {
	uint64_t value; // FNV-1a, 64 bits: no security rests on it
};

static void add_byte(struct hash *h, unsigned char byte)
{
	h->value = (h->value ^ byte) * 0x100000001b3;
}

static void add_text(struct hash *h, const char *text)
{
	for (; text && *text; text++)
		add_byte(h, (unsigned char)*text);
	add_byte(h, 0);
}

// "Tried to allocate 20.00 MiB at 0x7f3a" -> "Tried to allocate # MiB at #"
static void add_message(struct hash *h, const char *text)
{
	while (text && *text) {
		size_t n = 0;
		if (isdigit((unsigned char)text[0])) {
			while (isalnum((unsigned char)text[n]) || text[n] == '.')
				n++;
		}
		add_byte(h, n ? '#' : (unsigned char)text[0]);
		text += n ? n : 1;
	}
	add_byte(h, 0);
}

static void add_frames(struct hash *h, const json_t *frames)
{
	size_t n = json_array_size(frames);
	for (size_t i = n > FRAMES ? n - FRAMES : 0; i < n; i++) {
		const json_t *frame = json_array_get(frames, i);
		const char *file = ff_json_text(frame, "file");
		const char *slash = file ? strrchr(file, '/') : NULL;
		add_text(h, slash ? slash + 1 : file);
		add_text(h, ff_json_text(frame, "func"));
	}
}

// The two innermost frames that faulthandler printed: two crashes of one command are two failures.
static void add_crash(struct hash *h, const json_t *incident)
{
	static const char current[] = "Current thread 0x", file[] = "  File \"";
	const char *text = ff_json_text(incident, "crash_stack"), *at = text ? strstr(text, current) : NULL;
	struct ff_span rest = ff_span_of(at), line;
	for (int frames = 0; frames < 2 && ff_span_next(&rest, '\n', &line);) {
		if (!ff_span_starts(line, file))
			continue;
		char frame[512];
		snprintf(frame, sizeof(frame), "%.*s", (int)(line.n < sizeof(frame) ? line.n : sizeof(frame) - 1),
			line.p);
		char *end = strstr(frame, "\", line "), *in = end ? strstr(end, " in ") : NULL;
		if (end)
			*end = '\0';
		const char *slash = strrchr(frame, '/');
		add_text(h, slash ? slash + 1 : frame);
		add_text(h, in);
		frames++;
	}
}

static void add_death(struct hash *h, const json_t *incident)
{
	char number[32];
	int64_t code = 0;
	bool known = ff_json_int(incident, "exit.signal", &code) || ff_json_int(incident, "exit.code", &code);
	snprintf(number, sizeof(number), "%lld", known ? (long long)code : -1);
	add_text(h, ff_json_text(incident, "how"));
	add_text(h, number);
	add_crash(h, incident);
}

struct ff_error *ff_incident_fingerprint(const json_t *incident, char **ret)
{
	struct hash h = {0xcbf29ce484222325};
	const char *cause = ff_json_text(incident, "diagnosis.diagnoses.0.cause");
	const char *type = ff_json_text(incident, "exception.type");
	if (cause)
		add_text(&h, cause);
	if (type) {
		add_text(&h, type);
		if (!cause)
			add_message(&h, ff_json_text(incident, "exception.message"));
		add_frames(&h, ff_json_at(incident, "exception.frames"));
	}
	const char *how = ff_json_text(incident, "how");
	// Not to end is a failure of its own, whatever it had said before.
	if ((!cause && !type) || (how && strcmp(how, "stop-timeout") == 0))
		add_death(&h, incident);
	// "exit code 1" of two commands is not the same failure; an exception or a log says itself where it is from.
	if (!type && !(how && strcmp(how, "log") == 0))
		add_message(&h, ff_json_text(incident, "command"));
	char *text = NULL;
	if (asprintf(&text, "%016llx", (unsigned long long)h.value) < 0)
		return &ff_enomem;
	*ret = text;
	return NULL;
}
