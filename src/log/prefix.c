// The table of line prefixes. Each row says how it begins, so that most rows cost nothing. A row
// takes off exactly its own blank, for the indentation behind it belongs to the traceback. Group `src` names who
// speaks (`svc`: which of several services), `lvl` how loud; `quote` says that somebody shows what follows, `relay`
// that the level before it is that of who hands on all that a worker prints. Rows are tried again until none fits:
// prefixes nest in any order.
#include "log/prefix.h"

#include "base/regex.h"

#define LEVELS "DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL|SEVERE|TRACE|EXCEPTION"
#define DATE "\\d{4}[-/]\\d\\d[-/]\\d\\d"
#define CLOCK "\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?"
#define ZONE "(?: ?(?:Z|UTC|[+-]\\d\\d:?\\d\\d))?"
// Kubernetes makes the end of a pod's name of letters and digits that form no words.
#define POD "[a-z0-9](?:[a-z0-9.-]*)-[bcdfghjklmnpqrstvwxz2456789]{5}"

enum { STEPS_MAX = 10 };

static const struct {
	const char
		*like; // how it begins: 0 for a digit, A, a and L for letters, ? for any character, others as they are
	const char *pattern;
	char needs; // a character that stands somewhere in it, 0 for none: where most lines begin so
} rows[] = {
	// 2026-01-02T03:04:05.678Z stdout F TEXT (CRI)
	{"0000?00?00T00:00:00", DATE "T" CLOCK ZONE " std(?:out|err) (?<part>[FP])(?: |$)"},
	// 2026-01-02T03:04:05+0000 host python3[7]: TEXT (journald, rsyslog), app[web.1]: TEXT (Heroku), app[1a2b] ams
	// [info]TEXT (Fly)
	{"0000?00?00?00:00:00",
		DATE "[T ]" CLOCK ZONE " (?<src>(?:[\\w.-]+ )?[\\w./@-]+\\[[\\w.]+\\]|(?:[\\w.-]+ )?kernel):(?: |$)"},
	{"0000?00?00T00:00:00", DATE "T" CLOCK ZONE " (?<src>app\\[\\w+\\]) \\w+ \\[(?<lvl>\\w+)\\]"},
	// Behind the time: a path of aws logs tail, labels of logcli, GitLab's stream, a logger's name and level
	{"0000?00?00T00:00:00", DATE "T" CLOCK ZONE " (?<src>\\S+/\\S+/[0-9a-f]{8,}) "},
	{"0000?00?00T00:00:00", DATE "T" CLOCK ZONE " \\{[^{}\"]*=\"[^{}]*\\} "},
	{"0000?00?00T00:00:00", DATE "T" CLOCK "Z \\d\\d[OE][ +]"},
	{"0000?00?00?00:00:00", DATE "[T ]" CLOCK ZONE " - (?:[\\w.]+ - )?(?<lvl>" LEVELS ") - (?:\\S+\\.py:\\d+ - )?"},
	{"0000?00?00?00:00:00", DATE "[T ]" CLOCK ZONE " \\| (?<lvl>" LEVELS ") *\\| (?:[\\w.<>]*:[\\w.<>]*:\\d+ - )?"},
	// 2026/01/02 03:04:05 [error] TEXT (nginx)
	{"0000?00?00 00:00:00 [", DATE " " CLOCK " \\[(?<lvl>emerg|alert|crit|error|warn|notice|info|debug)\\] "},
	// any other time: docker -t, compose, TGI, tensorflow
	{"0000?00?00?00:00:00",
		DATE
		"[T ]" CLOCK ZONE "(?: ?\\||:)?(?:[ \\t]+(?<lvl>" LEVELS "|DBG|INF|WRN|ERR|FTL|PNC|[IWEF]"
		"|(?:debug|info|warn|error|d?panic|fatal)(?=\\t))(?=[ :\\t])(?: \\S+\\.\\w+:\\d+\\])?:?)?(?:[ \\t]|$)"},
	// 3:04PM ERR TEXT (zerolog), ERRO[0012] TEXT (logrus)
	{"0", "\\d{1,2}:\\d\\d[AP]M (?<lvl>DBG|INF|WRN|ERR|FTL|PNC|TRC) ", 'M'},
	{"AAAA[0000] ", "(?<lvl>DEBU|INFO|WARN|ERRO|FATA|PANI)\\[\\d{4}\\] "},
	{"00/00/0000 00:00:00", "\\d\\d/\\d\\d/\\d{4} " CLOCK " - (?<lvl>" LEVELS ") - [\\w.]+ - +"},
	{"0000000000.000000 ", "\\d{10}\\.\\d{6} (?<src>[\\w.-]+ [\\w./@-]+\\[\\d+\\]):(?: |$)"},
	{"00:00:00",
		CLOCK "(?: - | \\| | )(?:(?:\\[[^\\]]{1,60}\\] )?(?<lvl>" LEVELS
		      ") (?: ?[\\w.$]+ - )?)?"}, // logback too
	// 0: TEXT (srun -l), 10.0.0.4: TEXT (pdsh), 0|worker  | TEXT (pm2)
	{"0", "(?<src>\\d{1,4}|\\d{1,3}(?:\\.\\d{1,3}){3}):(?: |$)"},
	{"0", "\\d+\\|(?<svc>[\\w.-]+) *\\|(?: |$)"},
	{" ", " {1,3}(?<src>\\d{1,3}):(?: |$)"},
	// [rank0]: TEXT, [default0]:TEXT (torchrun --tee), [1,0]<stderr>:TEXT, [prterun-host-7@1,0]<stdout>: TEXT, [0]
	// TEXT
	{"[rank0", "\\[(?<src>rank\\d+)\\]:(?: |$)?"},
	{"[", "\\[(?<src>[a-z_]+\\d+)\\]:"},
	{"[0", "\\[(?<src>\\d+,\\d+)\\](?:<std(?:err|out)>:?)?"},
	{"[", "\\[(?<src>[\\w.-]+@\\d+,\\d+)\\]<std(?:err|out)>:(?: |$)"},
	{"[0", "\\[(?<src>\\d+(?:\\.(?:\\d+|batch|extern))?)\\](?: |$)"}, // also a step of Slurm
	// [pod/x/y] TEXT (kubectl), [worker-7d9f8b6c5d-x2x4z] TEXT (kubetail)
	{"[", "\\[(?<svc>(?:pod/)?[\\w.-]+/[\\w./-]+)\\] "},
	{"[", "\\[(?<svc>" POD ")\\] "},
	// [2026-05-11 00:52:38 TP0] TEXT (SGLang), [...][name][ERROR] - TEXT (Hydra), [...: ERROR/ForkPoolWorker-1]
	// TEXT (Celery, which hands on all that a task prints as WARNING),
	// [2023-05-15 13:14:32,960] [ERROR] [launch.py:434:f] TEXT (DeepSpeed)
	{"[0000?00?00 00:00:00", "\\[" DATE " " CLOCK "\\]\\[[\\w.]+\\]\\[(?<lvl>" LEVELS ")\\](?: -)? "},
	{"[0000?00?00 00:00:00", "\\[" DATE " " CLOCK ": (?:(?<lvl>ERROR|CRITICAL)|[A-Z]+)/(?<src>[^\\]]+)\\] "},
	{"[0000?00?00?00:00:00",
		"\\[" DATE "[T ]" CLOCK ZONE "(?: (?<lvl>" LEVELS
		") +[\\w:]+|,? (?<src>(?:TP|DP|PP|EP)\\d[^\\]]*))?\\] ?"},
	// [  12.345678] TEXT (dmesg), the same with host and program (journald)
	{"[", "\\[ *\\d+\\.\\d{6}\\] (?:(?<src>[\\w.-]+ [\\w./@-]+\\[\\d+\\]):(?: |$))?"},
	{"[A", "\\[(?<lvl>[IWEFC])(?:\\d{3,4})? [\\d:.-]{6,}[^\\]]*\\] ?"},
	{"[A ", "\\[(?<lvl>[IWEF]) [\\w./-]+\\.(?:cpp|cc|cu|h|hpp):\\d+\\] ?"},
	// [TensorRT-LLM][ERROR] TEXT, [TM][ERROR] TEXT (LMDeploy); [11/18/2025-09:33:30] [TRT-LLM] [RANK 0] [E] TEXT
	{"[AA", "\\[[A-Z][\\w-]{1,20}\\] ?(?:\\[RANK \\d+\\] )?\\[(?<lvl>" LEVELS "|[IWEF])\\] ?"},
	{"[00/00/0000-00:00:00", "\\[[\\d/]{10}-" CLOCK "\\] "},
	{"[AAAA", "\\[(?<lvl>" LEVELS ")\\|[^\\]]*\\](?: [\\d:, -]+)?(?: ?>>)? "},
	// [error] TEXT, also behind a logger's or a thread's name: [engine] [critical] TEXT (spdlog, Boost.Log)
	{"[", "(?:\\[[\\w.:-]{1,40}\\] )?\\[ *(?<lvl>(?i:" LEVELS ")|[IWEF]) *\\] "},
	{"[", "\\[[\\w./-]+\\.(?:py|cc|cpp|cu|rs|go|pyx)(?::\\d+)(?::\\w+)?\\](?: |$)"},
	{" ", " +(?|(?<lvl>" LEVELS ") +(?=\\w)|\\[(?<lvl>" LEVELS ")\\] +)"},
	// (EngineCore_DP0 pid=164) TEXT, (RayWorkerWrapper pid=12, ip=10.0.0.2) [repeated 3x across cluster] TEXT,
	// (raylet) TEXT
	{"(", "\\((?<src>[^()]{0,80}\\b(?:pid|PID)=\\w+[^()]{0,60})\\)(?: \\[repeated [^\\]]*\\])?(?: |$)"},
	{"(", "\\((?<src>raylet|autoscaler|gcs_server)\\b[^()]{0,60}\\)(?: |$)"},
	// <11>1 2026-01-02T03:04:05Z host app 7 - [a@1 b="c"] TEXT (RFC 5424), <11>Mar  4 ... (RFC 3164)
	{"<",
		"<\\d{1,3}>1 \\S+ (?<src>\\S+ \\S+ \\S+) \\S+ "
		"(?:-|(?:\\[(?:[^\\]\"]|\"(?:\\\\.|[^\"\\\\])*\")*\\])+)(?: |$)"},
	{"<", "<\\d{1,3}>(?=[A-Z][a-z]{2} )"},
	// ##[error]TEXT (Actions), #12 3.456 TEXT (docker build), > TEXT (a quotation), a byte order mark
	{"#", "##\\[(?<lvl>\\w+)\\]|#\\d{1,3} \\d+\\.\\d{1,3} "},
	{"!", "!{1,3} *(?<lvl>ERROR|FATAL|CRITICAL)\\b:? *(?=\\w)"}, // !! ERROR: TEXT (start scripts)
	{">", "(?<quote>)>(?: |$)"},
	{"\xef", "\\xef\\xbb\\xbf"},
	// ERROR 05-26 07:50:26 [core.py:396] TEXT (vLLM), ERROR | 2025-03-23 12:10:41 | module:f:138 - TEXT (loguru)
	{"AAAA", "(?<lvl>" LEVELS ") \\d\\d-\\d\\d " CLOCK " (?:\\[[^\\]]+\\]|\\S+\\.py:\\d+\\])(?: |$)"},
	{"AAAA", "(?<lvl>" LEVELS ")\\s*\\| " DATE " " CLOCK " \\| [\\w.:<>]+ - "},
	{"AAAA", "(?<lvl>" LEVELS "):(?:" DATE " " CLOCK ":[\\w.]+:\\d+: |[\\w.]*:)"}, // the first is JAX's
	{"AAAA", "(?|(?<lvl>" LEVELS "): +|(?<lvl>ERROR|FATAL|CRITICAL) +(?=[A-Z]?[a-z]|\\[[a-z]))"},
	{"A0000", "(?<lvl>[IWEF])\\d{4}(?:\\d{4})? \\d\\d:\\d\\d:\\d{2,10}\\.\\d+ +\\d+ [^\\]]*\\] "},
	// Mar  4 05:06:07 host python3[7]: TEXT (journald, syslog), Wed 2026-03-04 05:06:07 UTC host python3[7]: TEXT
	{"Aaa ?0 00:00:00",
		"[A-Z][a-z]{2} [ \\d]\\d " CLOCK
		" (?<src>kernel|[\\w./@-]+\\[\\d+\\]|\\S+ [^:\\[ ]+(?:\\[\\d+\\])?):(?: |$)"}, // or without the host
	{"Aaa 0000?00?00 00:00:00",
		"[A-Z][a-z]{2} " DATE " " CLOCK " [A-Z]+ (?<src>\\S+ [^:\\[ ]+(?:\\[\\d+\\])?):(?: |$)"},
	{"text_generation_", "text_generation_(?:launcher|router)(?:::\\w+)*: (?:[\\w./-]+\\.rs:\\d+: )?"},
	{"shard-manager: ", "shard-manager: "},
	{"PyProcess - W-", "(?<relay>)PyProcess - (?<src>W-[\\w.-]+?)(?:-std(?:out|err))?: "},
	{"W-", "(?<relay>)(?<src>W-\\d*-?[\\w.-]+?)(?:-std(?:out|err))? [\\w.]+ - "}, // TorchServe, MMS
	{"L", "(?<svc>[A-Za-z][\\w.-]*-?\\d*) +\\|(?: |$)", '|'},
	{"L", "(?<svc>" POD ") [a-z0-9-]+ ", '-'},					// stern
	{"L", "[^\\t]{1,80}\\t[^\\t]{1,80}\\t(?=(?:\\xef\\xbb\\xbf)?" DATE "T)", '\t'}, // gh run view --log
	{"L", "[\\w.*-]+\\t(?=\\{)", '\t'},						// fluentd
	// 0s0n9esxgd0u45[error]TEXT (RunPod, the worker's id in front)
	{"?", "(?<src>[a-z0-9]{12,16})\\[(?<lvl>info|warn|error|debug)\\]", '['},
	// A host, as pdsh and GNU parallel write it, where what follows leaves no doubt
	{"a",
		"(?<src>[a-z][\\w.-]*\\d)(?:\\t|: (?=  File \"|Traceback "
		"\\(|(?:[A-Za-z_]\\w*\\.)*[A-Za-z_]\\w*(?:Error|Exception): ))"},
	{"std", "std(?:out|err) [FP] "},
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };
_Static_assert((int)ROWS < 64, "each row has a bit, and FF_HEAD_WRAPPED one");

struct ff_prefixes {
	struct ff_regex *regex[ROWS];
	struct groups {
		unsigned source, service, level, part, relay, quote; // their numbers
		bool known;
	} groups[ROWS];
	uint64_t begin[256]; // one bit a row: which of them a line may begin with that begins with this character
};

void ff_prefixes_destroy(struct ff_prefixes *prefixes)
{
	if (!prefixes)
		return;
	for (size_t i = 0; i < ROWS; i++)
		ff_regex_destroy(prefixes->regex[i]);
	free(prefixes);
}

static bool is_like(unsigned char c, char like)
{
	return like == '0'    ? c >= '0' && c <= '9'
		: like == 'A' ? c >= 'A' && c <= 'Z'
		: like == 'a' ? c >= 'a' && c <= 'z'
		: like == 'L' ? (c | 0x20) >= 'a' && (c | 0x20) <= 'z'
			      : like == '?' || c == (unsigned char)like;
}

static bool begins_like(struct ff_span text, const char *like)
{
	for (size_t i = 0; like[i]; i++) {
		if (i >= text.n || !is_like((unsigned char)text.p[i], like[i]))
			return false;
	}
	return true;
}

struct ff_error *ff_prefixes_create(struct ff_prefixes **ret)
{
	struct ff_prefixes *prefixes = calloc(1, sizeof(*prefixes));
	if (!prefixes)
		return &ff_enomem;
	for (size_t i = 0; i < ROWS; i++) {
		struct ff_error *err = ff_regex_create_late(rows[i].pattern, false, true, &prefixes->regex[i]);
		if (err) {
			ff_prefixes_destroy(prefixes);
			return err;
		}
		for (unsigned c = 0; c < 256; c++)
			prefixes->begin[c] |= (uint64_t)is_like((unsigned char)c, rows[i].like[0]) << i;
	}
	*ret = prefixes;
	return NULL;
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

// Of a row that has matched.
static const struct groups *groups_of(struct ff_prefixes *prefixes, size_t row)
{
	const struct ff_regex *regex = prefixes->regex[row];
	struct groups *groups = &prefixes->groups[row];
	if (!groups->known)
		*groups = (struct groups){
			.source = ff_regex_group(regex, "src"),
			.service = ff_regex_group(regex, "svc"),
			.level = ff_regex_group(regex, "lvl"),
			.part = ff_regex_group(regex, "part"),
			.relay = ff_regex_group(regex, "relay"),
			.quote = ff_regex_group(regex, "quote"),
			.known = true,
		};
	return groups;
}

static bool strip_one(struct ff_prefixes *prefixes, struct ff_span *text, struct ff_prefix *prefix)
{
	struct ff_match m;
	struct ff_span head = {text->p, text->n < 400 ? text->n : 400}; // prefixes are short
	for (uint64_t left = prefixes->begin[(unsigned char)*head.p]; left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);
		if (!begins_like(head, rows[i].like) || (rows[i].needs && !memchr(head.p, rows[i].needs, head.n)) ||
			!ff_regex_match(prefixes->regex[i], head, 0, &m) || !m.group[0].n)
			continue;
		const struct groups *g = groups_of(prefixes, i);
		ff_prefix_add_source(prefix, group(&m, g->source));
		add_service(prefix, group(&m, g->service));
		enum ff_level level = ff_level_of(group(&m, g->level));
		if (level != FF_LEVEL_NONE || g->relay)
			prefix->level = level;
		prefix->quotes += g->quote != 0;
		prefix->heads |= 1ull << i;
		struct ff_span part = group(&m, g->part);
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
	char part = prefix->part;
	for (int step = 0; step < STEPS_MAX && text.n && prefix->part == part; step++) {
		if (!strip_one(prefixes, &text, prefix))
			break;
	}
	return text;
}
