// Finds what a line only quotes, by what stands before it in that line, and lines that somebody else says.
//
//	Received request cmpl-7: prompt: 'Explain: CUDA driver version is insufficient ...    a prompt
//	Assistant: 'no kernel image' means that ...                                           a model's answer
//	  38      raise RuntimeError("Ninja is required ...                                   a listing
//	+ [[ $out == *"CUDA out of memory"* ]]                                                a command that is shown
//	MOTD=Found no NVIDIA driver                                                           a variable
//	- fixed: No module named 'triton.ops'                                                 a list of changes
//	ok 13 - says "invalid device ordinal" for a wrong index                               a test that passed
//
// How it lies: programs put their own errors in quotes and behind words with a colon too (what():  "...", msg="...",
// error: '...'), so only words count that introduce somebody else's text.
#include "log/speech.h"

#include "base/cleanup.h"
#include "base/regex.h"

#include <stdlib.h>

enum { BEFORE_MAX = 4096 };

#define FIELD                                                                                                         \
	"(?:prompts?|contents?|texts?|questions?|answers?|instructions?|completions?|sentences?|passages?|query|quer" \
	"ies|(?:generated|output|response|decoded)[_ ]text|assistant|user|human|titles?|subject|comments?|caption|"   \
	"transcript|summary|reference|prediction|review|feedback)"
#define ITEM "^\\s*(?:[*-]|\\d{1,3}[.)])\\s+"

// `before` is matched against what stands before, whatever the case; its `$` is where the words in doubt begin.
// `after`, if there is one, against these words and what follows.
static const struct {
	const char *before, *after;
} patterns[] = {
	// a comment; a prompt of root's shell; of another's
	{"^\\s*(?:#|//)\\s", NULL},
	{"^(?:\\$ |[\\w.-]+@[\\w.-]+:\\S*[$#] )", NULL},
	// a listing, with or without numbers
	{"^\\s*(?:-+> "
	 "?)?\\d{1,5}[:|]?\\s+(?:raise|return|print|if|elif|else|def|class|import|from|assert|except|throw|echo|"
	 "log(?:ger|ging)?\\.\\w+)\\b",
		NULL},
	{"^\\s*(?:raise \\w+\\(|return |print\\(|throw |f?printf\\(|echo |log(?:ger|ging)?\\.\\w+\\()[^\"'`]*[\"'`]",
		NULL},
	{"^\\s*(?:(?:el)?if |while |except |assert |case |(?:const|let|var|static|auto|public|private) "
	 ")[^\"'`#]*[\"'`#]",
		NULL},
	{"\\b(?:raise|throw(?: new)?) [\\w.:]+\\(\\s*f?[\"'`][^\"'`]*$", NULL},
	{"^[\\w./-]+\\.(?:pyx?|js|ts|sh|go|rs|cc?|cpp|cu|h):\\d+:\\s+"
	 "(?:log(?:ger|ging)?\\.|sys\\.exit|raise |print|throw |return |if |echo )",
		NULL},
	// what grep found in a document
	{"^[\\w./-]+\\.(?:md|rst|txt|adoc|html?|ipynb|patch|diff)[:-]\\d+[:-]", NULL},
	// a command that a shell shows
	{"^\\++ \\S", NULL},
	// a variable; in JSON, in a dictionary, in YAML
	{"^(?:export |declare -x )?(?-i:[A-Z][A-Z0-9_]{2,})=", NULL},
	{"[\"'](?-i:(?!MESSAGE|MSG|ERROR|LOG|TEXT|STDERR|EXCEPTION|PRIORITY|_)[A-Z][A-Z0-9_]{2,})[\"']"
	 "\\s*:\\s*[\"'][^\"']*$",
		NULL},
	{"^\\s*value: [\"']?$", NULL},
	// a turn of a conversation, an entry of a data set
	{"^\\s*(?:<\\|?)?(?:user|human|assistant|bot|question|answer|prompt|completion|instruction|text|passage|"
	 "sentence|sample \\d+|example \\d+)(?:\\|?>)?\\s*[:>]",
		NULL},
	{"^(?-i:USER|AGENT|ASSISTANT|HUMAN|BOT)\\s{2,}", NULL},
	{"^(?:\\[[\\d:.]+\\] )?<(?!error|warn|info|debug|fatal)[\\w-]+> ", NULL},
	{"^\\[[\\d:.]+ --> [\\d:.]+\\]", NULL},
	{"\\b" FIELD "[\"']?\\s*[:=]\\s*[bfru]{0,2}[\"'(\\[{]", NULL},
	{"(?<!error )(?<!error_)\\b(?:text|sentence|passage|question|answer|prompt|instruction|completion): ", NULL},
	{"^\\s*(?:the )?model(?:'s)? (?:answer|output|response|reply)\\b[^:\"]{0,20}:", NULL},
	// rows of a table of data; hits of a search with their scores
	{"^\\s*\\d{1,6} {3,}", NULL},
	{"^(?:\\[\\d+\\] )?\\(\\d\\.\\d+\\) ", NULL},
	{"^\\s*\\|[^|]*$", "[^|]* \\| [A-Za-z`*][a-z`]+[ `][^|]*\\|"},
	// elements of a list, what is compared or searched for
	{"\\[(?:[\"'][^\"']{1,80}[\"'], ?)*[\"']$", "[^\"']{1,80}[\"'](?:, ?[\"']|\\])"},
	{"(?:\\|[=~]|[=!]=|=~|\\b(?:matches|contains|startswith|grep|pattern\\w*)\\b[^\"'`]{0,20}) ?\\*?[\"'`/]$",
		NULL},
	// markup
	{"^\\s*<(?:li|p|td|th|code|pre|h\\d|span|div|title)\\b[^>]*>", NULL},
	{"^[^`]*(?:`[^`]*`[^`]*)*(?<!error )`(?!pip |python|export |apt|conda |docker |--)[^`]*$", "[^`]*\\s[^`]*`"},
	// a help text
	{"^\\s*--?[a-z][\\w-]*(?:, --[a-z][\\w-]*)?(?:[ =](?:[A-Z_]+|\\{[^}]*\\}|<[^>]*>))?\\s{2,}", NULL},
	// a test that was meant to fail, or was left out
	{"(?:^|\\s)[\\w./-]+::\\S+ (?:XFAIL|XPASS|SKIPPED|PASSED)\\b", NULL},
	// a change, told
	{"\\b(?:fix(?:e[sd])?|avoid(?:s|ed)?|handle[sd]?|closes?|resolve[sd]?)(?:: | )(?:[\"'`(][^\"'`]*)?$", NULL},
	{ITEM "(?:\\[[^\\]]*\\] )?(?:fix|avoid|add|remove|handle|say|support|allow|improve|revert|bump)\\w*\\b", NULL},
	{"^(?-i:[0-9a-f]{7,40} (?:\\([^)]*\\) )?[A-Z][a-z]+) ", NULL},
	{ITEM "[\"`][^\"`]*$", NULL},
	// what is asked and answered in a chat: no call, no assignment, no keyword of Python
	{"^>>> (?!\\w+[.(=\\[]|(?:import|from|print|for|while|with|def|class|if|try|del|raise|assert) )[^(=]*$", NULL},
	{"^(?-i:Your|My) [\\w ]{2,30} (?:was|were|got|has been|have been|keeps?(?: getting)?) $", NULL},
	{"^[^:]{2,60} means (?:that )?[^:.\"]{0,30}$", NULL},
	// words about a message
	{"\\b(?:look|search|watch|check) for (?:an? |the )?[\"'`]$", NULL},
	{"\\b(?:if|when|in case) (?:you|it) (?:see|get|encounter|print|say)s?\\b", NULL},
	{"\\byou (?:may |might |will |could |can |would |'ll )?(?:also )?(?:see|get)\\b", NULL},
	{"^(?:\\s*(?:[*-]|\\d{1,3}[.)]) )?(?-i:If|When|Why|Whenever) [^:\"'`]*[\"'`][^\"'`]*$", NULL},
	{"\\b(?:such as|for example|e\\.g\\.,?|looks like|(?:the|an?) (?:error|message|warning)(?: message)?) ?[\"'`]$",
		NULL},
};

// Whole lines that the program does not say itself, whatever stands in them: the turn of a conversation, a test and how
// it went, a line of git's log, a command that a shell shows. Each begins with one of `told_begin`, or has `tested` in
// it.
static const char told_begin[] = "AaUuHhBb(o-=SXP'\"YTtMm+0123456789cdef", tested[] = " ... ";
static const char told[] = "(?:(?i:assistant|user|human|bot)> ?"
			   "|.* \\.\\.\\. (?:ok|skipped)\\b|\\(0\\.\\d+\\) "
			   "|(?=\\d*[a-f])[0-9a-f]{7,40} (?:\\([^)]*\\) )?"
			   "(?!Err|Fail|Trac|Exc|Fatal|Crit|Warn|Kill)[A-Z][a-z]+ "
			   "|(?:ok \\d+ - |--- PASS: |=== RUN |SKIPPED |XFAIL |XPASS |PASSED )"
			   "|['\"]?You (?:will|may|might|would) (?:get|see) "
			   "|(?i:(?:the )?model(?:'s)? (?:answer|output|response|reply)\\b[^:]{0,20}: [\"'])"
			   "|\\++ (?:\\[\\[? |case |echo |printf |grep |sed |awk |trap |local |\\w+='))";

enum { PATTERNS = sizeof(patterns) / sizeof(*patterns) };

struct ff_speech {
	struct ff_regex *before[PATTERNS], *after[PATTERNS], *told;
};

struct ff_error *ff_speech_create(struct ff_speech **ret)
{
	struct ff_speech *speech = calloc(1, sizeof(*speech));
	struct ff_error *err = speech ? ff_regex_create_late(told, false, true, &speech->told) : &ff_enomem;
	for (size_t i = 0; i < PATTERNS && !err; i++) {
		err = ff_regex_create_late(patterns[i].before, true, false, &speech->before[i]);
		if (!err && patterns[i].after)
			err = ff_regex_create_late(patterns[i].after, true, true, &speech->after[i]);
	}
	if (err)
		ff_speech_destroy(speech);
	else
		*ret = speech;
	return err;
}

void ff_speech_destroy(struct ff_speech *speech)
{
	for (size_t i = 0; speech && i < PATTERNS; i++) {
		ff_regex_destroy(speech->before[i]);
		ff_regex_destroy(speech->after[i]);
	}
	if (speech)
		ff_regex_destroy(speech->told);
	free(speech);
}

bool ff_speech_told(const struct ff_speech *speech, struct ff_span line)
{
	struct ff_match m;
	struct ff_span head = {line.p, line.n < BEFORE_MAX ? line.n : BEFORE_MAX};
	bool may = head.n &&
		(memchr(told_begin, head.p[0], sizeof(told_begin) - 1) ||
			memmem(head.p, head.n, tested, sizeof(tested) - 1));
	return may && ff_regex_match(speech->told, head, 0, &m);
}

bool ff_speech_quoted(const struct ff_speech *speech, struct ff_span line, size_t at)
{
	if (at == 0 || at > line.n)
		return false;
	size_t behind = line.n - at;
	struct ff_span before = {line.p, at < BEFORE_MAX ? at : BEFORE_MAX};
	struct ff_span after = {line.p + at, behind < BEFORE_MAX ? behind : BEFORE_MAX};
	struct ff_match m;
	for (size_t i = 0; i < PATTERNS; i++)
		if (ff_regex_match(speech->before[i], before, 0, &m) &&
			(!speech->after[i] || ff_regex_match(speech->after[i], after, 0, &m)))
			return true;
	return false;
}
