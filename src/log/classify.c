// The table of line classes. First row that fits decides. Python prints a frame in several forms: the interpreter's,
// IPython's ("x.py in f(args)", "File /x.py:3, in f()", "Cell In[2], line 3"), Colab's ("[/x.py](http://...) in
// f(args)"), rich's and pytest's ("/x.py:3 in f", "x.py:3: in f").
#include "log/classify.h"

#include "base/regex.h"
#include "base/words.h"

#include <stdlib.h>

#define QUALIFIED "(?<q>(?:[A-Za-z_]\\w*(?:\\.|::))*"
#define RAISED "(?:Error|Exception|Interrupt|Exit|Fault|Failure|Timeout|NotFound|CannotStart|Unavailable|error)"

// `needs`: one of these words, divided by '|', stands in each line that fits; most lines hold none of them and are not
// tried.
static const struct {
	enum ff_line_class kind;
	const char *needs, *pattern;
} rows[] = {
	{FF_CLASS_MARK, NULL,
		"[\\s~^|\\xe2\\x94\\x80-\\xe2\\x95\\xaf-]*$|\\s*\\[Previous line repeated \\d+|\\d+ frames\\s*$"
		"|\\s*\\+[+-]+(?: \\d+ -+)?\\s*$"},
	{FF_CLASS_TRACEBACK, "Traceback (most", ".{0,80}Traceback \\(most recent call last\\)(?!:?\\\\n)"},
	{FF_CLASS_FRAME, "File ",
		"(?:.{0,80}  |\\s*)File \"(?<file>[^\"]+)\", line (?<line>\\d+)(?:, in (?<func>.+))?"},
	{FF_CLASS_FRAME, "File ", "\\s*File (?<file>(?:[A-Za-z]:)?[^\\s:]+):(?<line>\\d+),? in (?<func>[^(]+)"},
	{FF_CLASS_FRAME, ".py",
		"(?:\\s*|\\xe2\\x9d\\xb1 )(?<file>(?:[A-Za-z]:)?[^\\s:]+\\.pyx?):(?<line>\\d+):? in(?: "
		"(?<func>\\S+)|$)"},
	{FF_CLASS_FRAME, "Cell In|Input In",
		"\\s*(?<file>(?:Cell|Input) In ?\\[\\d+\\]),(?: line (?<line>\\d+))?(?:,? in (?<func>[^(]+))?"},
	{FF_CLASS_FRAME, ".py|ipython-input-",
		"\\[?(?<file><ipython-input-[^>]+>|/[^\\s\\]]+\\.pyx?)(?:\\]\\(http[^)]*\\))? in (?<func>[^(]+)"},
	{FF_CLASS_FRAME, ".py", "(?<file>[^\\s:]+\\.py) in (?<func><[^>]*>|\\w+)(?:\\(|$)"},
	{FF_CLASS_CODE, "->|\xe2\x9d\xb1", "(?:-+>|\\xe2\\x9d\\xb1) *\\d+(?: |$)"},
	{FF_CLASS_CHAIN_CONTEXT, "above exception",
		"\\s*During handling of the above exception, another exception occurred"},
	{FF_CLASS_CHAIN_CAUSE, "above exception",
		"\\s*The above exception was the direct cause of the following exception"},
	{FF_CLASS_KERNEL,
		"NVRM: |AMD-Vi: |DMAR: |oom-kill:|oom_reaper|Out of memory: Kill|Memory cgroup|traps: |segfault at",
		".*(?:NVRM: |AMD-Vi: Event logged |DMAR: \\[DMA |oom-kill:|oom_reaper|Out of memory: Kill|Memory "
		"cgroup out of memory"
		"|traps: .* trap |segfault at [0-9a-f]+ ip)"},
	{FF_CLASS_NCCL, "NCCL WARN", ".*NCCL WARN (?<m>.*)"},
	{FF_CLASS_WARNING, "Warning: ", "\\s*\\S+:\\d+: (?<q>(?<t>\\w*Warning)): (?<m>.*)"},
	{FF_CLASS_EXCEPTION, "terminate called",
		"terminate called after throwing an instance of '(?<q>(?:\\w+::)*(?<t>\\w+)).*(?<m>)"},
	{FF_CLASS_EXCEPTION,
		"Error|Exception|Interrupt|Exit|Fault|Failure|Timeout|NotFound|CannotStart|Unavailable|error",
		"(?:(?: {0,4}|\\t)(?:E {1,7})?|[^:]{0,60} raised )" QUALIFIED "(?<t>[A-Za-z_]\\w*" RAISED
		"|Exception))(?:\\(\\w+\\))?: +(?<m>\\S.*)"},
	// Known for an exception by its module, or by the library's own head of the message.
	{FF_CLASS_EXCEPTION, "exceptions.|errors.",
		"(?: {0,4}|\\t)(?<q>(?:[A-Za-z_]\\w*\\.)*(?:exceptions|errors)\\."
		"(?<t>[A-Z]\\w*)): +(?<m>\\S.*)"},
	{FF_CLASS_EXCEPTION, "[ONNXRuntimeError]|NVMLError_",
		"(?: {0,4}|\\t)" QUALIFIED "(?<t>NVMLError_\\w+|[A-Z]\\w*(?=: \\[ONNXRuntimeError\\]))): +(?<m>\\S.*)"},
	{FF_CLASS_EXCEPTION, "Error|Exception|Interrupt",
		"(?: {0,4}|\\t)" QUALIFIED "(?<t>[A-Z]\\w*(?:Error|Exception|Interrupt)))(?:\\(\\w+\\))?:?\\s*$"},
	{FF_CLASS_LOADER,
		"loading shared libraries|shared object file|not found|undefined symbol|symbol lookup|wrong "
		"ELF|invalid ELF"
		"|static TLS",
		".*(?:error while loading shared libraries|cannot open shared object file"
		"|version `[^']+' not found|undefined symbol|symbol lookup error|wrong ELF class"
		"|invalid ELF header|cannot allocate memory in static TLS block)"},
	{FF_CLASS_DEATH,
		"Killed|core dumped|Signals.SIG|OOMKilled|Segmentation|Illegal inst|Bus error|bus error|Fatal Python"
		"|received signal|exit|died with|SIGKILL|signal: killed|oom-kill event|oom_kill event",
		"(?:.*[\\s:])?Killed\\.?\\s*$|.*(?:\\(core dumped\\)|Signals\\.SIG|OOMKilled|Segmentation fault"
		"|Illegal instruction|Bus error|bus error|Fatal Python error|received signal \\d"
		"|exit(?:ed)?(?: with)? (?:code|status):? (?:137|139|132|134|135|-\\d+)"
		"|exitcode ?: ?-?\\d|died with <|non-zero exit status|SIGKILL|signal: killed|Detected \\d+ oom[-_]kill "
		"event)"},
	{FF_CLASS_CODE, NULL, " *\\d+ (?: |\\xe2\\x94\\x82|\\S)| *\\d+ *$"},
	{FF_CLASS_LOOSE, NULL, "\\s*(?:E +)?" QUALIFIED "(?<t>[A-Za-z_]\\w*))(?:\\(\\w+\\))?(?:: (?<m>.*)|$)"},
};

// Cheap versions of the rows above, and lines whose text is escaped or goes on in the next: they must be unwrapped
// first.
const struct ff_line_mark ff_line_marks[] = {
	{"Traceback \\(most recent", false},
	{"File \"[^\"\\n]+\", line \\d", false},
	{"\\.pyx?:\\d+: in ", false},
	{"\\.pyx?:\\d+ in ", false},
	{"\\.py in \\w+\\(", false},
	{"localhost:\\d+[^)\\n]*\\) in ", false},
	{"ipython-input-", false},
	{"Cell In ?\\[", false},
	{"above exception, another exception", false},
	{"direct cause of the following", false},
	{"(?:[Ee]rror|Exception|Interrupt|Exit|Failure|NotFound|CannotStart|Unavailable)\\b[:(]", false},
	{"Fault:", false},
	{"Fault\\(", false}, // apart, for "default" is common
	{"\\w(?:Error|Exception)[ \\t]*$", false},
	{"(?:exceptions|errors)\\.[A-Z]\\w+: ", false},
	{": \\[ONNXRuntimeError\\]", false},
	{"NVMLError_", false},
	{"NVRM: ", false},
	{"AMD-Vi: Event logged", false},
	{"DMAR: \\[DMA ", false},
	{"oom-kill:", false},
	{"oom_reaper", false},
	{"Out of memory: Kill", false},
	{"out of memory: Kill", false},
	{"segfault at", false},
	{"traps: ", false},
	{"NCCL WARN", false},
	{"Warning: ", false},
	{"loading shared libraries", false},
	{"shared object file", false},
	{"not found \\(", false},
	{"undefined symbol", false},
	{"symbol lookup", false},
	{"wrong ELF", false},
	{"invalid ELF", false},
	{"static TLS", false},
	{"Killed", false},
	{"core dumped", false},
	{"Signals\\.SIG", false},
	{"OOMKilled", false},
	{"Segmentation fault", false},
	{"Illegal instruction", false},
	{"[Bb]us error", false},
	{"Fatal Python", false},
	{"received signal", false},
	{"exit(?:ed)?(?: with)? (?:code|status)", false},
	{"exitcode", false},
	{"died with <", false},
	{"non-zero exit", false},
	{"SIGKILL", false},
	{"signal: killed", false},
	{"oom[-_]kill event", false},
	{"terminate called", false},
	{"\\b(?:ERROR|FATAL|CRITICAL|SEVERE)\\b", false},
	// The same in the words of Go's loggers, nginx and klog
	{"level=(?:error|fatal|panic)", false},
	{"(?:ERRO|FATA|PANI)\\[\\d{4}\\]", false},
	{"[MZ0-9] (?:ERR|FTL|PNC) ", false},
	{"\\t(?:error|fatal|panic)\\t", false},
	{" \\[(?:error|crit|critical|fatal|alert|emerg)\\] ", false},
	{"[EF]\\d{4} \\d\\d:\\d\\d:\\d\\d+\\.\\d+ ", false},
	{"[EF]20\\d{6} \\d\\d:\\d\\d:\\d\\d\\.\\d+ ", false},
	{"^[^A-Za-z0-9\\n]{0,9}\\[[EF]\\] ", false},
	{"```", false}, // shown.c
	{"<\\|(?:im_start|assistant|user|system|im_end|end|eot_id)", false},
	{"[=#*-]{3} ?(?:[Rr]esponse|[Aa]nswer|[Cc]ompletion|[Oo]utput|[Pp]rompt|RESPONSE|ANSWER|OUTPUT|PROMPT) "
	 "?[=#*-]{3}",
		false},
	{"(?:[Rr]esponse|RESPONSE|[Aa]ssistant|ASSISTANT|[Aa]nswer|ompletion|[Gg]enerated text|utput)\\]?:[ \\t]*$",
		false},
	{"# ?(?:Response|Assistant|Answer|Output)[ \\t]*$", false},
	{"(?:\\b|m)commit [0-9a-f]{7}", false},
	{"==> [^\n]* <==", false}, // line.c
	{"^\\{ ?\"", true},
	{"[ \\t]\\{ ?\"[\\w@.]+\" ?:", true},
	{"^[ \\t]+\"(?:textPayload|[Mm]essage|MESSAGE|log|msg)\" ?: \"", true},
	{"msg=\"[^\"\\n]*\\\\\"", true},
	{" std(?:out|err) P ", true},
	{"^[^\" \\n]*,\"[^\\n]*\"\"", true},
	{"&quot;", true},
	{"&apos;", true},
	{"&amp;", true},
	{"&lt;", true},
	{"&gt;", true},
	{"&#34;", true},
	{"&#39;", true},
	{"&#x27;", true},
};
const size_t ff_line_mark_count = sizeof(ff_line_marks) / sizeof(*ff_line_marks);

enum { ROWS = sizeof(rows) / sizeof(*rows), LOOK_MAX = 4096 };

// In order of weight.
static const char *const loud_words[] = {
	"warning", "deprecat", "fatal", "panic", "error", "failed", "cannot", "could not", "not found"};
static const enum ff_level level_of_word[] = {FF_LEVEL_WARNING, FF_LEVEL_WARNING, FF_LEVEL_FATAL, FF_LEVEL_FATAL,
	FF_LEVEL_ERROR, FF_LEVEL_ERROR, FF_LEVEL_ERROR, FF_LEVEL_ERROR, FF_LEVEL_ERROR};

// "raise ValueError(", also as IPython and rich show it. What is named like an exception or an answer is another's.
static const char raising[] = "\\s*(?:(?:-+>|\\xe2\\x9d\\xb1)? *\\d+ +(?:\\xe2\\x94\\x82 *)?)?"
			      "(?:raise [\\w.]+\\(|assert )(?!.*\\b(?:e|ex|exc|err|error|exception|reason|detail|"
			      "details|stderr|output|status|result|response)\\b)";

struct ff_classifier {
	struct ff_words words, loud;
	struct ff_regex *raising;
	char *needed[FF_WORDS_MAX]; // the words
	size_t needed_n;
	uint64_t needs[ROWS]; // one bit a word, 0 for a row that needs none
	struct ff_regex *regex[ROWS];
	unsigned q[ROWS], t[ROWS], m[ROWS], file[ROWS], line[ROWS], func[ROWS];
};

void ff_classifier_destroy(struct ff_classifier *classifier)
{
	if (!classifier)
		return;
	for (size_t i = 0; i < ROWS; i++)
		ff_regex_destroy(classifier->regex[i]);
	ff_regex_destroy(classifier->raising);
	for (size_t i = 0; i < classifier->needed_n; i++)
		free(classifier->needed[i]);
	free(classifier);
}

// The bit of a word; rows share words. 0 when there is no room for it.
static uint64_t bit_of(struct ff_classifier *s, struct ff_span word)
{
	for (size_t i = 0; i < s->needed_n; i++) {
		if (ff_span_eq(word, s->needed[i]))
			return 1ull << i;
	}
	char *copy = s->needed_n < FF_WORDS_MAX ? ff_span_dup(word) : NULL;
	if (!copy)
		return 0;
	s->needed[s->needed_n++] = copy;
	return 1ull << (s->needed_n - 1);
}

static bool read_needs(struct ff_classifier *s)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct ff_span rest = ff_span_of(rows[i].needs), word;
		while (rest.n && ff_span_next(&rest, '|', &word)) {
			uint64_t bit = bit_of(s, word);
			if (!bit)
				return false;
			s->needs[i] |= bit;
		}
	}
	ff_words_init(&s->words, (const char *const *)s->needed, s->needed_n, false);
	ff_words_init(&s->loud, loud_words, sizeof(loud_words) / sizeof(*loud_words), true);
	return true;
}

struct ff_error *ff_classifier_create(struct ff_classifier **ret)
{
	struct ff_classifier *s = calloc(1, sizeof(*s));
	if (!s)
		return &ff_enomem;
	struct ff_error *err = read_needs(s) ? ff_regex_create(raising, false, true, &s->raising) : &ff_enomem;
	for (size_t i = 0; i < ROWS && !err; i++) {
		err = ff_regex_create(rows[i].pattern, false, true, &s->regex[i]);
		if (err)
			break;
		s->q[i] = ff_regex_group(s->regex[i], "q");
		s->t[i] = ff_regex_group(s->regex[i], "t");
		s->m[i] = ff_regex_group(s->regex[i], "m");
		s->file[i] = ff_regex_group(s->regex[i], "file");
		s->line[i] = ff_regex_group(s->regex[i], "line");
		s->func[i] = ff_regex_group(s->regex[i], "func");
	}
	if (err) {
		ff_classifier_destroy(s);
		return err;
	}
	*ret = s;
	return NULL;
}

static struct ff_span group(const struct ff_match *m, unsigned g)
{
	return g ? m->group[g] : (struct ff_span){NULL, 0};
}

void ff_classify(const struct ff_classifier *s, struct ff_span text, struct ff_classified *ret)
{
	struct ff_match m;
	*ret = (struct ff_classified){.kind = FF_CLASS_OTHER};
	if (text.n > LOOK_MAX)
		text.n = LOOK_MAX;
	while (ret->indent < text.n && (text.p[ret->indent] == ' ' || text.p[ret->indent] == '\t'))
		ret->indent++;
	ret->blank = ret->indent == text.n;
	uint64_t found = ff_words_in(&s->words, text);
	for (size_t i = 0; i < ROWS; i++) {
		if ((s->needs[i] && !(s->needs[i] & found)) || !ff_regex_match(s->regex[i], text, 0, &m))
			continue;
		uint64_t line = 0;
		ret->kind = rows[i].kind;
		ret->qualified = group(&m, s->q[i]);
		ret->type = group(&m, s->t[i]);
		ret->message = group(&m, s->m[i]);
		ret->file = group(&m, s->file[i]);
		ret->func = ff_span_trim(group(&m, s->func[i]));
		if (s->line[i] && ff_span_u64(group(&m, s->line[i]), &line) && line <= UINT32_MAX)
			ret->frame_line = (uint32_t)line;
		break;
	}
	ret->behind = ret->kind == FF_CLASS_FRAME && ret->file.p > text.p + ret->indent + strlen("File \"");
}

bool ff_raises(const struct ff_classifier *s, struct ff_span source)
{
	struct ff_match m;
	if (source.n > LOOK_MAX)
		source.n = LOOK_MAX;
	return ff_regex_match(s->raising, source, 0, &m);
}

enum ff_level ff_level_of_words(const struct ff_classifier *s, struct ff_span text)
{
	uint64_t found = ff_words_in(&s->loud, text);
	return found ? level_of_word[__builtin_ctzll(found)] : FF_LEVEL_NONE;
}

bool ff_documents(const struct ff_classified *classified)
{
	return classified->indent &&
		(!classified->message.n || ff_span_starts(classified->message, "If ") ||
			ff_span_starts(classified->message, "When "));
}

bool ff_prose(const struct ff_classified *classified, struct ff_span text)
{
	struct ff_span rest = ff_span_trim(text), word;
	size_t words = 0;
	bool prompt = false;
	while (rest.n && ff_span_next(&rest, ' ', &word)) {
		prompt |= words == 0 && word.n && strchr("#$>%", word.p[word.n - 1]);
		words += word.n > 0;
	}
	return classified->kind == FF_CLASS_OTHER && words >= 3 && !prompt;
}
