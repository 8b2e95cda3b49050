// Does what a check found concern the thing that the log's line names? Both name some: packages (what is asked for with
// bounds, a module that is not found) and the files of a model. Where the line names none, or the check's fix is for
// neither, nobody can tell, and they are taken for one.
//
//	log:   Cannot install flask==3.0.0 and werkzeug==2.0.0 because these package versions ...    flask, werkzeug
//	check: requirements.txt pins tokenizers 0.19.1, and transformers asks for tokenizers<0.21    another thing
#include "diagnose/finding.h"

#include <ctype.h>

enum { NAME_MAX_LENGTH = 100 };

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

// Small letters, and one way to write the dash: "Flask_Cors" is flask-cors.
static void add_normal(struct ff_buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = text[i] == '_' ? '-' : (char)tolower((unsigned char)text[i]);
		ff_buf_add(b, &c, 1);
	}
}

static bool says(const struct ff_buf *said, const char *name, size_t n)
{
	_cleanup_buf_ struct ff_buf normal = {0};
	add_normal(&normal, name, n);
	return normal.failed || !said->p || memmem(said->p, said->n, normal.p, normal.n);
}

// The bounds that stand behind a name: "==3.0", "[all]>=2", " <4".
static bool has_bounds(const char *p)
{
	if (*p == '[')
		p += strcspn(p, "]") + (strchr(p, ']') != NULL);
	p += *p == ' ';
	if (!*p || !strchr("<>=!~", *p) || (*p == '=' && p[1] != '='))
		return false;
	p += 1 + (p[1] == '=');
	return isdigit((unsigned char)p[*p == ' ']);
}

struct naming {
	bool any, same;
};

static void name_found(struct naming *naming, const struct ff_buf *said, const char *name, size_t n)
{
	bool interpreter = n >= 6 && strncasecmp(name + n - 6, "python", 6) == 0;
	if (!n || n > NAME_MAX_LENGTH || interpreter)
		return;
	naming->any = true;
	naming->same |= says(said, name, n);
}

static void packages_of(struct naming *naming, const struct ff_buf *said, const char *line)
{
	static const char missing[] = "No module named ";
	for (const char *p = line; *p;) {
		if (ff_starts(p, missing)) {
			p += sizeof(missing) - 1;
			p += *p == '\'' || *p == '"';
			name_found(naming, said, p, strcspn(p, "'\". \n"));
		}
		size_t n = 0;
		while (in_name(p[n]))
			n++;
		if (n && has_bounds(p + n))
			name_found(naming, said, p, n);
		p += n ? n : *p != '\0';
	}
}

static struct ff_span folder_of(struct ff_span path)
{
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	path.n -= path.n > 1;
	return path;
}

static struct ff_span name_of(struct ff_span path)
{
	size_t folder = folder_of(path).n;
	size_t skip = folder < path.n && path.p[folder] == '/' ? folder + 1 : folder;
	return (struct ff_span){path.p + skip, path.n - skip};
}

static bool is_below(struct ff_span path, struct ff_span folder)
{
	return path.n >= folder.n && memcmp(path.p, folder.p, folder.n) == 0 &&
		(path.n == folder.n || path.p[folder.n] == '/');
}

// The folder of a model may be mounted elsewhere under its name, and the hub's cache has it as blobs and as snapshots.
static bool same_model(struct ff_span path, struct ff_span folder)
{
	static const char cached[] = "/models--";
	const char *hub = memmem(folder.p, folder.n, cached, sizeof(cached) - 1);
	if (hub) {
		struct ff_span repo = {hub, 1 + strcspn(hub + 1, "/")};
		return memmem(path.p, path.n, repo.p, repo.n) != NULL;
	}
	return is_below(path, folder) || is_below(folder, path) || ff_span_same(name_of(path), name_of(folder)) ||
		ff_span_same(name_of(folder_of(path)), name_of(folder));
}

static void paths_of(struct naming *naming, const char *file, const char *line)
{
	struct ff_span folder = folder_of(ff_span_of(file));
	for (const char *p = line; (p = strchr(p, '/')); p += strcspn(p, " '\"\n")) {
		struct ff_span path = {p, strcspn(p, " '\"`,;:()\n")};
		bool starts = p == line || strchr(" '\"`(=", p[-1]);
		while (path.n && strchr("./", path.p[path.n - 1]))
			path.n--;
		if (!starts || path.n < 2)
			continue;
		naming->any = true;
		naming->same |= same_model(path, folder);
	}
}

// All that the check says, in which a package can be named.
static void add_words(struct ff_buf *b, const json_t *value)
{
	const char *key, *text = json_string_value(value);
	json_t *item;
	size_t i;
	if (text) {
		add_normal(b, text, strlen(text));
		ff_buf_str(b, " ");
	}
	json_array_foreach ((json_t *)value, i, item)
		add_words(b, item);
	json_object_foreach ((json_t *)value, key, item)
		add_words(b, item);
}

// One of them: the first may be another way to the same package, as another environment that has it.
static bool are_for_package(const json_t *fixes)
{
	size_t i;
	json_t *fix;
	json_array_foreach (fixes, i, fix) {
		const char *kind = ff_json_text(fix, "kind");
		if (ff_json_text(fix, "install") || (kind && ff_starts(kind, "pip")))
			return true;
	}
	return false;
}

bool ff_finding_concerns_other(const json_t *said, const json_t *check)
{
	const char *line = ff_json_text(said, "evidence.0.text"), *file = ff_json_text(check, "fixes.0.path");
	struct naming naming = {0};
	_cleanup_buf_ struct ff_buf words = {0};
	if (!line)
		return false;
	if (file && *file == '/') {
		paths_of(&naming, file, line);
	} else if (are_for_package(json_object_get(check, "fixes"))) {
		add_words(&words, json_object_get(check, "why"));
		add_words(&words, json_object_get(check, "evidence"));
		add_words(&words, json_object_get(check, "fixes"));
		packages_of(&naming, &words, line);
	}
	return naming.any && !naming.same;
}
