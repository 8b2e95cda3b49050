// The table of line prefixes. Each row says with which characters it can begin, so that most rows cost nothing. A row
// takes off exactly its own blank, for the indentation behind it belongs to the traceback. Group `src` names who
// speaks, group `lvl` how loud. Rows are tried again until none fits: prefixes nest in any order.
#include "diagnose/prefix.h"

#include "diagnose/regex.h"

#define LEVELS "DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL|TRACE|EXCEPTION"
#define DATE "\\d{4}[-/]\\d\\d[-/]\\d\\d"
#define CLOCK "\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?"
#define ZONE "(?: ?(?:Z|UTC|[+-]\\d\\d:?\\d\\d))?"

enum { STEPS_MAX = 10, DIGIT = 1, LETTER, BLANK };

static const struct {
	char first; // the character it begins with, or a class above
	const char *pattern;
} rows[] = {
	// 2026-01-02T03:04:05.678Z stdout F TEXT (CRI), then any other timestamp: docker -t, compose, TGI, tensorflow
	{DIGIT, DATE "T" CLOCK ZONE " std(?:out|err) [FP] "},
	{DIGIT, DATE "[T ]" CLOCK ZONE " - (?:[\\w.]+ - )?(?<lvl>" LEVELS ") - (?:\\S+\\.py:\\d+ - )?"},
	{DIGIT,
		DATE "[T ]" CLOCK ZONE "(?: ?\\||:)?(?: +(?<lvl>" LEVELS
		     "|[IWEF])(?=[ :])(?: \\S+\\.\\w+:\\d+\\])?:?)?(?: |$)"},
	{DIGIT, "\\d\\d/\\d\\d/\\d{4} " CLOCK " - (?<lvl>" LEVELS ") - [\\w.]+ - +"},
	{DIGIT, CLOCK "(?: - | \\| | )(?:(?<lvl>" LEVELS ") )?"},
	{DIGIT, "(?<src>\\d{1,4}): (?=  |Traceback|File |[\\w.]+Error\\b|\\[)"},
	// [rank0]: TEXT, [1,0]<stderr>:TEXT, [pod/x/y] TEXT, [0] TEXT
	{'[', "\\[(?<src>rank\\d+)\\]:(?: |$)?"},
	{'[', "\\[(?<src>\\d+(?:,\\d+)?)\\](?:<std(?:err|out)>:?)?(?: |$)"},
	{'[', "\\[(?<src>(?:pod/)?[\\w.-]+/[\\w./-]+)\\] "},
	// [2026-05-11 00:52:38 TP0] TEXT (SGLang), [2023-05-15 13:14:32,960] [ERROR] [launch.py:434:f] TEXT (DeepSpeed)
	{'[', "\\[" DATE "[T ]" CLOCK ZONE "(?:,? (?<src>(?:TP|DP|PP|EP)\\d[^\\]]*))?\\] ?"},
	{'[', "\\[ *\\d+\\.\\d{6}\\] "},
	{'[', "\\[(?<lvl>[IWEFC])(?:\\d{3,4})? [\\d:.-]{6,}[^\\]]*\\] ?"},
	{'[', "\\[(?<lvl>[IWEF]) [\\w./-]+\\.(?:cpp|cc|cu|h|hpp):\\d+\\] ?"},
	{'[', "\\[(?<lvl>" LEVELS ")\\|[^\\]]*\\](?: [\\d:, -]+)?(?: ?>>)? "},
	{'[', "\\[ ?(?<lvl>" LEVELS ")\\] +"},
	{'[', "\\[[\\w./-]+\\.(?:py|cc|cpp|cu|rs|go|pyx)(?::\\d+)(?::\\w+)?\\](?: |$)"},
	{BLANK, " +(?<lvl>" LEVELS ") +(?=\\w)"},
	{BLANK, " +\\[(?<lvl>" LEVELS ")\\] +"},
	// (EngineCore_DP0 pid=164) TEXT, (RayWorkerWrapper pid=12, ip=10.0.0.2) [repeated 3x across cluster] TEXT
	{'(', "\\((?<src>[^()]{0,80}\\b(?:pid|PID)=\\w+[^()]{0,60})\\)(?: \\[repeated [^\\]]*\\])?(?: |$)"},
	// ERROR 05-26 07:50:26 [core.py:396] TEXT (vLLM), ERROR | 2025-03-23 12:10:41 | module:f:138 - TEXT (loguru)
	{LETTER, "(?<lvl>" LEVELS ") \\d\\d-\\d\\d " CLOCK " (?:\\[[^\\]]+\\]|\\S+\\.py:\\d+\\])(?: |$)"},
	{LETTER, "(?<lvl>" LEVELS ")\\s*\\| " DATE " " CLOCK " \\| [\\w.:<>]+ - "},
	{LETTER, "(?<lvl>" LEVELS "):[\\w.]*: ?"},
	{LETTER, "(?<lvl>" LEVELS "): +"},
	{LETTER, "(?<lvl>[IWEF])\\d{4} " CLOCK " +\\d+ [^\\]]*\\] "},
	{LETTER, "[A-Z][a-z]{2} [ \\d]\\d " CLOCK " (?<src>\\S+) [^:\\[ ]+(?:\\[\\d+\\])?: "},
	{LETTER, "text_generation_(?:launcher|router)(?:::\\w+)*: (?:[\\w./-]+\\.rs:\\d+: )?"},
	{LETTER, "shard-manager: "},
	{LETTER, "(?<src>[A-Za-z][\\w.-]*-?\\d*) +\\| "},
	{LETTER, "time=\\S+ level=(?<lvl>\\w+) (?=source=|msg=)"},
	{LETTER, "std(?:out|err) [FP] "},
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

struct ff_prefixes {
	struct ff_regex *regex[ROWS];
	unsigned source[ROWS], level[ROWS]; // group numbers
};

void ff_prefixes_destroy(struct ff_prefixes *prefixes)
{
	if (!prefixes)
		return;
	for (size_t i = 0; i < ROWS; i++)
		ff_regex_destroy(prefixes->regex[i]);
	free(prefixes);
}

struct ff_error *ff_prefixes_create(struct ff_prefixes **ret)
{
	struct ff_prefixes *prefixes = calloc(1, sizeof(*prefixes));
	if (!prefixes)
		return &ff_enomem;
	for (size_t i = 0; i < ROWS; i++) {
		struct ff_error *err = ff_regex_create(rows[i].pattern, false, true, &prefixes->regex[i]);
		if (err) {
			ff_prefixes_destroy(prefixes);
			return err;
		}
		prefixes->source[i] = ff_regex_group(prefixes->regex[i], "src");
		prefixes->level[i] = ff_regex_group(prefixes->regex[i], "lvl");
	}
	*ret = prefixes;
	return NULL;
}

static bool can_begin(char first, unsigned char c)
{
	if (first == DIGIT)
		return c >= '0' && c <= '9';
	if (first == LETTER)
		return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
	if (first == BLANK)
		return c == ' ';
	return c == (unsigned char)first;
}

static void add_source(struct ff_prefix *prefix, struct ff_span name)
{
	if (!name.n || prefix->source_n + name.n + 1 > sizeof(prefix->source))
		return;
	if (prefix->source_n)
		prefix->source[prefix->source_n++] = '/';
	memcpy(prefix->source + prefix->source_n, name.p, name.n);
	prefix->source_n += name.n;
}

static bool strip_one(struct ff_prefixes *prefixes, struct ff_span *text, struct ff_prefix *prefix)
{
	struct ff_match m;
	unsigned char c = (unsigned char)text->p[0];
	struct ff_span head = {text->p, text->n < 400 ? text->n : 400}; // prefixes are short
	for (size_t i = 0; i < ROWS; i++) {
		if (!can_begin(rows[i].first, c) || !ff_regex_match(prefixes->regex[i], head, 0, &m) || !m.group[0].n)
			continue;
		add_source(prefix,
			m.group[prefixes->source[i]].p && prefixes->source[i] ? m.group[prefixes->source[i]]
									      : (struct ff_span){NULL, 0});
		if (prefixes->level[i] && m.group[prefixes->level[i]].n)
			prefix->level = ff_level_of(m.group[prefixes->level[i]]);
		text->p += m.group[0].n;
		text->n -= m.group[0].n;
		return true;
	}
	return false;
}

struct ff_span ff_prefixes_strip(struct ff_prefixes *prefixes, struct ff_span text, struct ff_prefix *prefix)
{
	for (int step = 0; step < STEPS_MAX && text.n; step++) {
		if (!strip_one(prefixes, &text, prefix))
			break;
	}
	return text;
}
