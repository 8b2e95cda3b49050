// The table of line prefixes. Each row says with which characters it can begin, so that most rows cost nothing. A row
// takes off exactly its own blank, for the indentation behind it belongs to the traceback. Group `src` names who
// speaks (`svc`: which of several services), `lvl` how loud; `relay` says that the level before it is that of who hands on all that a worker prints. Rows
// are tried again until none fits: prefixes nest in any order.
#include "log/prefix.h"

#include "base/regex.h"

#define LEVELS "DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL|TRACE|EXCEPTION"
#define DATE "\\d{4}[-/]\\d\\d[-/]\\d\\d"
#define CLOCK "\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?"
#define ZONE "(?: ?(?:Z|UTC|[+-]\\d\\d:?\\d\\d))?"
// Kubernetes makes the end of a pod's name of letters and digits that form no words.
#define POD "[a-z0-9](?:[a-z0-9.-]*)-[bcdfghjklmnpqrstvwxz2456789]{5}"

enum { STEPS_MAX = 10, DIGIT = 1, LETTER, BLANK };

static const struct {
	char first; // the character it begins with, or a class above
	const char *pattern;
} rows[] = {
	// 2026-01-02T03:04:05.678Z stdout F TEXT (CRI)
	{DIGIT, DATE "T" CLOCK ZONE " std(?:out|err) (?<part>[FP])(?: |$)"},
	// 2026-01-02T03:04:05+0000 host python3[7]: TEXT (journald, rsyslog), app[web.1]: TEXT (Heroku), app[1a2b] ams [info]TEXT (Fly)
	{DIGIT, DATE "[T ]" CLOCK ZONE " (?<src>(?:[\\w.-]+ )?[\\w./@-]+\\[[\\w.]+\\]|[\\w.-]+ kernel):(?: |$)"},
	{DIGIT, DATE "T" CLOCK ZONE " (?<src>app\\[\\w+\\]) \\w+ \\[(?<lvl>\\w+)\\]"},
	// Behind the time: a path of aws logs tail, labels of logcli, GitLab's stream, a logger's name and level
	{DIGIT, DATE "T" CLOCK ZONE " (?<src>\\S+/\\S+/[0-9a-f]{8,}) "},
	{DIGIT, DATE "T" CLOCK ZONE " \\{[^{}\"]*=\"[^{}]*\\} "},
	{DIGIT, DATE "T" CLOCK "Z \\d\\d[OE][ +]"},
	{DIGIT, DATE "[T ]" CLOCK ZONE " - (?:[\\w.]+ - )?(?<lvl>" LEVELS ") - (?:\\S+\\.py:\\d+ - )?"},
	{DIGIT, DATE "[T ]" CLOCK ZONE " \\| (?<lvl>" LEVELS ") *\\| (?:[\\w.<>]*:[\\w.<>]*:\\d+ - )?"},
	// any other time: docker -t, compose, TGI, tensorflow
	{DIGIT,
		DATE "[T ]" CLOCK ZONE "(?: ?\\||:)?(?: +(?<lvl>" LEVELS
		     "|[IWEF])(?=[ :])(?: \\S+\\.\\w+:\\d+\\])?:?)?(?:[ \\t]|$)"},
	{DIGIT, "\\d\\d/\\d\\d/\\d{4} " CLOCK " - (?<lvl>" LEVELS ") - [\\w.]+ - +"},
	{DIGIT, "\\d{10}\\.\\d{6} (?<src>[\\w.-]+ [\\w./@-]+\\[\\d+\\]):(?: |$)"},
	{DIGIT, CLOCK "(?: - | \\| | )(?:(?<lvl>" LEVELS ") )?"},
	// 0: TEXT (srun -l), 10.0.0.4: TEXT (pdsh), 0|worker  | TEXT (pm2)
	{DIGIT, "(?<src>\\d{1,4}|\\d{1,3}(?:\\.\\d{1,3}){3}):(?: |$)"},
	{DIGIT, "\\d+\\|(?<svc>[\\w.-]+) *\\|(?: |$)"},
	{BLANK, " {1,3}(?<src>\\d{1,3}):(?: |$)"},
	// [rank0]: TEXT, [default0]:TEXT (torchrun --tee), [1,0]<stderr>:TEXT, [prterun-host-7@1,0]<stdout>: TEXT, [0] TEXT
	{'[', "\\[(?<src>rank\\d+)\\]:(?: |$)?"},
	{'[', "\\[(?<src>[a-z_]+\\d+)\\]:"},
	{'[', "\\[(?<src>\\d+,\\d+)\\](?:<std(?:err|out)>:?)?"},
	{'[', "\\[(?<src>[\\w.-]+@\\d+,\\d+)\\]<std(?:err|out)>:(?: |$)"},
	{'[', "\\[(?<src>\\d+)\\](?: |$)"},
	// [pod/x/y] TEXT (kubectl), [worker-7d9f8b6c5d-x2x4z] TEXT (kubetail)
	{'[', "\\[(?<svc>(?:pod/)?[\\w.-]+/[\\w./-]+)\\] "},
	{'[', "\\[(?<svc>" POD ")\\] "},
	// [2026-05-11 00:52:38 TP0] TEXT (SGLang), [...][name][ERROR] - TEXT (Hydra), [...: ERROR/ForkPoolWorker-1] TEXT (Celery, which
	// hands on all that a task prints as WARNING),
	// [2023-05-15 13:14:32,960] [ERROR] [launch.py:434:f] TEXT (DeepSpeed)
	{'[', "\\[" DATE " " CLOCK "\\]\\[[\\w.]+\\]\\[(?<lvl>" LEVELS ")\\](?: -)? "},
	{'[', "\\[" DATE " " CLOCK ": (?:(?<lvl>ERROR|CRITICAL)|[A-Z]+)/(?<src>[^\\]]+)\\] "},
	{'[', "\\[" DATE "[T ]" CLOCK ZONE "(?:,? (?<src>(?:TP|DP|PP|EP)\\d[^\\]]*))?\\] ?"},
	// [  12.345678] TEXT (dmesg), the same with host and program (journald)
	{'[', "\\[ *\\d+\\.\\d{6}\\] (?:(?<src>[\\w.-]+ [\\w./@-]+\\[\\d+\\]):(?: |$))?"},
	{'[', "\\[(?<lvl>[IWEFC])(?:\\d{3,4})? [\\d:.-]{6,}[^\\]]*\\] ?"},
	{'[', "\\[(?<lvl>[IWEF]) [\\w./-]+\\.(?:cpp|cc|cu|h|hpp):\\d+\\] ?"},
	{'[', "\\[(?<lvl>" LEVELS ")\\|[^\\]]*\\](?: [\\d:, -]+)?(?: ?>>)? "},
	{'[', "\\[ *(?<lvl>" LEVELS ") *\\] "},
	{'[', "\\[[\\w./-]+\\.(?:py|cc|cpp|cu|rs|go|pyx)(?::\\d+)(?::\\w+)?\\](?: |$)"},
	{BLANK, " +(?<lvl>" LEVELS ") +(?=\\w)"},
	{BLANK, " +\\[(?<lvl>" LEVELS ")\\] +"},
	{BLANK, "    MESSAGE="}, // journalctl -o verbose
	// (EngineCore_DP0 pid=164) TEXT, (RayWorkerWrapper pid=12, ip=10.0.0.2) [repeated 3x across cluster] TEXT, (raylet) TEXT
	{'(', "\\((?<src>[^()]{0,80}\\b(?:pid|PID)=\\w+[^()]{0,60})\\)(?: \\[repeated [^\\]]*\\])?(?: |$)"},
	{'(', "\\((?<src>raylet|autoscaler|gcs_server)\\b[^()]{0,60}\\)(?: |$)"},
	// <11>1 2026-01-02T03:04:05Z host app 7 - [a@1 b="c"] TEXT (RFC 5424), <11>Mar  4 ... (RFC 3164)
	{'<',
		"<\\d{1,3}>1 \\S+ (?<src>\\S+ \\S+ \\S+) \\S+ "
		"(?:-|(?:\\[(?:[^\\]\"]|\"(?:\\\\.|[^\"\\\\])*\")*\\])+)(?: |$)"},
	{'<', "<\\d{1,3}>(?=[A-Z][a-z]{2} )"},
	// ##[error]TEXT (Actions), #12 3.456 TEXT (docker build), > TEXT (a quotation), a byte order mark
	{'#', "##\\[(?<lvl>\\w+)\\]"},
	{'#', "#\\d{1,3} \\d+\\.\\d{1,3} "},
	{'>', ">(?: |$)"},
	{'\xef', "\\xef\\xbb\\xbf"},
	// ERROR 05-26 07:50:26 [core.py:396] TEXT (vLLM), ERROR | 2025-03-23 12:10:41 | module:f:138 - TEXT (loguru)
	{LETTER, "(?<lvl>" LEVELS ") \\d\\d-\\d\\d " CLOCK " (?:\\[[^\\]]+\\]|\\S+\\.py:\\d+\\])(?: |$)"},
	{LETTER, "(?<lvl>" LEVELS ")\\s*\\| " DATE " " CLOCK " \\| [\\w.:<>]+ - "},
	{LETTER, "(?<lvl>" LEVELS "):[\\w.]*:"},
	{LETTER, "(?<lvl>" LEVELS "): +"},
	{LETTER, "(?<lvl>[IWEF])\\d{4} " CLOCK " +\\d+ [^\\]]*\\] "},
	// Mar  4 05:06:07 host python3[7]: TEXT (journald, syslog), Wed 2026-03-04 05:06:07 UTC host python3[7]: TEXT
	{LETTER, "[A-Z][a-z]{2} [ \\d]\\d " CLOCK " (?<src>\\S+ [^:\\[ ]+(?:\\[\\d+\\])?):(?: |$)"},
	{LETTER, "[A-Z][a-z]{2} " DATE " " CLOCK " [A-Z]+ (?<src>\\S+ [^:\\[ ]+(?:\\[\\d+\\])?):(?: |$)"},
	{LETTER, "text_generation_(?:launcher|router)(?:::\\w+)*: (?:[\\w./-]+\\.rs:\\d+: )?"},
	{LETTER, "shard-manager: "},
	{LETTER, "(?<relay>)PyProcess - (?<src>W-[\\w.-]+?)(?:-std(?:out|err))?: "},
	{LETTER, "(?<relay>)(?<src>W-\\d*-?[\\w.-]+?)(?:-std(?:out|err))? [\\w.]+ - "}, // TorchServe, MMS
	{LETTER, "(?<svc>[A-Za-z][\\w.-]*-?\\d*) +\\|(?: |$)"},
	{LETTER, "(?<svc>" POD ") [a-z0-9-]+ "},				     // stern
	{LETTER, "[^\\t]{1,80}\\t[^\\t]{1,80}\\t(?=(?:\\xef\\xbb\\xbf)?" DATE "T)"}, // gh run view --log
	{LETTER, "[\\w.*-]+\\t(?=\\{)"},					     // fluentd
	// A host, as pdsh and GNU parallel write it, where what follows leaves no doubt
	{LETTER,
		"(?<src>[a-z][\\w.-]*\\d)(?:\\t|: (?=  File \"|Traceback "
		"\\(|(?:[A-Za-z_]\\w*\\.)*[A-Za-z_]\\w*(?:Error|Exception): ))"},
	{LETTER, "std(?:out|err) [FP] "},
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

struct ff_prefixes {
	struct ff_regex *regex[ROWS];
	unsigned source[ROWS], service[ROWS], level[ROWS], part[ROWS], relay[ROWS]; // group numbers
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
		prefixes->service[i] = ff_regex_group(prefixes->regex[i], "svc");
		prefixes->level[i] = ff_regex_group(prefixes->regex[i], "lvl");
		prefixes->part[i] = ff_regex_group(prefixes->regex[i], "part");
		prefixes->relay[i] = ff_regex_group(prefixes->regex[i], "relay");
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

void ff_prefix_add_source(struct ff_prefix *prefix, struct ff_span name)
{
	if (!name.n || prefix->source_n + name.n + 1 > sizeof(prefix->source))
		return;
	if (prefix->source_n)
		prefix->source[prefix->source_n++] = '/';
	memcpy(prefix->source + prefix->source_n, name.p, name.n);
	prefix->source_n += name.n;
}

static struct ff_span group(const struct ff_match *m, unsigned number)
{
	return number && m->group[number].p ? m->group[number] : (struct ff_span){NULL, 0};
}

// A service is a source as well.
static void add_service(struct ff_prefix *prefix, struct ff_span name)
{
	ff_prefix_add_source(prefix, name);
	if (!name.n || prefix->service_n)
		return;
	prefix->service_n = name.n < sizeof(prefix->service) ? name.n : sizeof(prefix->service);
	memcpy(prefix->service, name.p, prefix->service_n);
}

static bool strip_one(struct ff_prefixes *prefixes, struct ff_span *text, struct ff_prefix *prefix)
{
	struct ff_match m;
	unsigned char c = (unsigned char)text->p[0];
	struct ff_span head = {text->p, text->n < 400 ? text->n : 400}; // prefixes are short
	for (size_t i = 0; i < ROWS; i++) {
		if (!can_begin(rows[i].first, c) || !ff_regex_match(prefixes->regex[i], head, 0, &m) || !m.group[0].n)
			continue;
		ff_prefix_add_source(prefix, group(&m, prefixes->source[i]));
		add_service(prefix, group(&m, prefixes->service[i]));
		enum ff_level level = ff_level_of(group(&m, prefixes->level[i]));
		if (level != FF_LEVEL_NONE || prefixes->relay[i])
			prefix->level = level;
		struct ff_span part = group(&m, prefixes->part[i]);
		if (part.n)
			prefix->part = part.p[0];
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
