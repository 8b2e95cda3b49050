// What the name of an image tells of what is in it.
//
//	pytorch/pytorch:2.3.1-cuda12.1-cudnn8-runtime            torch 2.3.1 for CUDA 12.1
//	runpod/pytorch:2.4.0-py3.11-cuda12.4.1-devel-ubuntu22.04 torch 2.4.0, Python 3.11, CUDA 12.4.1 with nvcc
//	runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404          torch 2.8.0, CUDA 12.8.1
//	runpod/pytorch:3.10-2.0.0-117                            Python 3.10, torch 2.0.0, CUDA 11.7
//
// How the source lies: a tag is a name that somebody gave, its parts stand in any order, and numbers lose their points.
#include "api/requirements.h"

#include "know/torch_wheel.h"
#include "parse/chars.h"
#include "parse/version.h"

#include <stdio.h>

struct image_tag {
	struct ff_span name, tag;
	char torch[24], cuda[24], python[24];
};

// "2.4.0", as far as digits and points go.
static struct ff_span number_of(struct ff_span s)
{
	size_t n = 0;
	while (n < s.n && (s.p[n] == '.' || (s.p[n] >= '0' && s.p[n] <= '9')))
		n++;
	return ff_span_first(s, n);
}

// "1281" with 2 digits first is 12.8.1, "280" with 1 is 2.8.0, "2100" 2.10.0; what has points stays.
static void put_points(struct ff_span s, size_t first, char ret[24])
{
	ret[0] = 0;
	if (!s.n || s.n > 8)
		return;
	if (memchr(s.p, '.', s.n)) {
		snprintf(ret, 24, "%.*s", (int)s.n, s.p);
		return;
	}
	size_t last = s.n > first + 1 ? 1 : 0, middle = s.n - first - last;
	if (s.n > first)
		snprintf(ret, 24, "%.*s.%.*s%s%.*s", (int)first, s.p, (int)middle, s.p + first, last ? "." : "",
			(int)last, s.p + first + middle);
}

static void read_parts(struct image_tag *t)
{
	static const struct {
		const char *word;
		size_t first; // digits before the first point
		size_t place;
	} words[] = {{"cuda", 2, offsetof(struct image_tag, cuda)}, {"cu", 2, offsetof(struct image_tag, cuda)},
		{"torch", 1, offsetof(struct image_tag, torch)}, {"py", 1, offsetof(struct image_tag, python)}};
	struct ff_span rest = t->tag, part;
	while (ff_span_next(&rest, '-', &part)) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			size_t n = strlen(words[i].word);
			struct ff_span number = ff_span_starts(part, words[i].word)
				? number_of((struct ff_span){part.p + n, part.n - n})
				: (struct ff_span){NULL, 0};
			if (number.n)
				put_points(number, words[i].first, (char *)t + words[i].place);
			if (number.n)
				break;
		}
	}
}

// Where the first numbers of a tag are versions.
static void read_first(struct image_tag *t)
{
	unsigned python, torch[3], cuda;
	struct ff_span first = number_of(t->tag);
	_cleanup_free_ char *tag = ff_span_dup(t->tag);
	if (tag && sscanf(tag, "3.%u-%u.%u.%u-%3u", &python, &torch[0], &torch[1], &torch[2], &cuda) == 5) {
		snprintf(t->python, sizeof(t->python), "3.%u", python);
		snprintf(t->torch, sizeof(t->torch), "%u.%u.%u", torch[0] % 100, torch[1] % 100, torch[2] % 100);
		snprintf(t->cuda, sizeof(t->cuda), "%u.%u", cuda / 10, cuda % 10);
	} else if (first.n && first.n < sizeof(t->torch) && !t->torch[0]) {
		snprintf(t->torch, sizeof(t->torch), "%.*s", (int)first.n, first.p);
	}
}

static struct ff_error *pin(struct ff_asked *a, const char *name, const char *version, const char *file, unsigned line)
{
	size_t step = json_array_size(a->steps) - 1;
	json_t *entry = json_pack("{s:s, s:s, s:i, s:I, s:s}", "name", name, "file", file, "line", (int)line, "step",
		(json_int_t)step, "version", version);
	if (json_array_append_new(a->pins, entry) < 0)
		return &ff_enomem;
	ff_asked_choose(a, name, ff_span_of(version), step);
	return NULL;
}

// Images for CUDA: the toolkit's version, and whether nvcc is in it.
static struct ff_error *put_toolkit(struct ff_asked *a, const struct image_tag *t, const char *cuda)
{
	bool runtime = memmem(t->tag.p, t->tag.n, "-runtime", 8) || memmem(t->tag.p, t->tag.n, "-base", 5);
	struct ff_error *err = *cuda ? ff_json_put(a->doc, "cuda.toolkit.version", json_string(cuda)) : NULL;
	return err || !runtime ? err : ff_json_put(a->doc, "system.programs.nvcc", json_false());
}

static struct ff_error *put_torch(struct ff_asked *a, struct image_tag *t, const char *file, unsigned line)
{
	unsigned major, minor;
	char whole[64] = "";
	_cleanup_json_ json_t *wheel = NULL;
	json_t *step = json_array_get(a->steps, json_array_size(a->steps) - 1);
	read_first(t);
	json_object_set_new(step, "image", json_true());
	if (sscanf(t->cuda, "%2u.%1u", &major, &minor) == 2)
		snprintf(whole, sizeof(whole), "%s+cu%u%u", t->torch, major, minor);
	struct ff_error *err = ff_know_torch_wheel(whole, &wheel);
	if (!err && json_object_get(wheel, "archs")) // else the image's CUDA is another one than its torch's
		json_object_set_new(step, "build", json_string(strchr(whole, '+')));
	return err || !*t->torch ? err : pin(a, "torch", t->torch, file, line);
}

static struct ff_error *put_engine(struct ff_asked *a, const struct image_tag *t, const char *file, unsigned line)
{
	_cleanup_free_ char *version =
		ff_span_dup(number_of((struct ff_span){t->tag.p + 1, t->tag.n ? t->tag.n - 1 : 0}));
	json_object_set_new(json_array_get(a->steps, json_array_size(a->steps) - 1), "image", json_true());
	if (!version || !*version || t->tag.p[0] != 'v')
		return NULL;
	return pin(a, ff_span_starts(t->name, "vllm") ? "vllm" : "sglang", version, file, line);
}

struct ff_error *ff_asked_image(struct ff_asked *a, struct ff_span image, const char *file, unsigned line)
{
	struct image_tag t = {.name = image};
	if (ff_span_starts(t.name, "docker.io/"))
		t.name = (struct ff_span){t.name.p + 10, t.name.n - 10};
	const char *colon = t.name.n ? memchr(t.name.p, ':', t.name.n) : NULL;
	if (colon) {
		t.tag = (struct ff_span){colon + 1, t.name.n - (size_t)(colon + 1 - t.name.p)};
		t.name.n = (size_t)(colon - t.name.p);
	} else {
		t.tag = FF_SPAN("");
	}
	struct ff_error *err = ff_json_put(a->doc, "requirements.base", ff_json_string(t.name.p, t.name.n));
	if (err)
		return err;
	read_parts(&t);
	_cleanup_free_ char *first = ff_span_dup(number_of(t.tag));
	if (!first)
		return &ff_enomem;
	if (ff_span_eq(t.name, "vllm/vllm-openai") || ff_span_eq(t.name, "lmsysorg/sglang"))
		return put_engine(a, &t, file, line);
	if (ff_span_eq(t.name, "nvidia/cuda"))
		return put_toolkit(a, &t, first);
	if (ff_span_eq(t.name, "runpod/base"))
		return put_toolkit(a, &t, t.cuda);
	if (ff_span_eq(t.name, "python") && *first)
		return ff_json_put(a->doc, "python.version", json_string(first));
	if (!ff_span_eq(t.name, "pytorch/pytorch") && !ff_span_eq(t.name, "runpod/pytorch"))
		return NULL;
	err = put_torch(a, &t, file, line);
	if (!err && *t.python)
		err = ff_json_put(a->doc, "python.version", json_string(t.python));
	return err;
}

// ".../whl/cu124", ".../whl/nightly/cu124": the last part of the way, not a folder on it.
bool ff_asked_build(struct ff_span url, char ret[24])
{
	const char *whl = url.n ? memmem(url.p, url.n, "/whl/", 5) : NULL;
	struct ff_span tag =
		whl ? (struct ff_span){whl + 5, url.n - (size_t)(whl + 5 - url.p)} : (struct ff_span){NULL, 0};
	size_t n = 0;
	while (n < tag.n && n < 16 && strchr("abcdefghijklmnopqrstuvwxyz0123456789.", tag.p[n]))
		n++;
	bool ends = n == tag.n || !strchr("/", tag.p[n]) || n + 1 == tag.n || strchr("\"' }", tag.p[n + 1]);
	bool torch = ff_span_starts(tag, "cu") || ff_span_starts(tag, "cpu") || ff_span_starts(tag, "rocm");
	if (!n || !ends || !torch)
		return false;
	snprintf(ret, 24, "+%.*s", (int)n, tag.p);
	return true;
}
