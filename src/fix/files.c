// Things to make room for, to fetch again or to put out of the way.
//
//	{"free": "port", "port": "8000"}             ->  fuser -k 8000/tcp
//	{"free": "gpu", "pid": "4242"}               ->  kill 4242
//	{"fetch": "/models/x/model-00002-of-00004.safetensors"}  ->  rm -f /models/x/model-00002-of-00004.safetensors
//	{"move": "/app/tokenizers"}                  ->  mv /app/tokenizers /app/tokenizers.away
#include "fix/machine.h"

enum { PATH_LENGTH_MAX = 1024 };

static bool is_plain_path(const char *path)
{
	if (!path || !*path || *path == '-' || strlen(path) > PATH_LENGTH_MAX)
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

static bool number_of(const json_t *intention, const char *key, int64_t *ret)
{
	const char *text = ff_json_text(intention, key);
	uint64_t n = 0;
	if (!text)
		return ff_json_int(intention, key, ret) && *ret > 0;
	if (!ff_span_u64(ff_span_of(text), &n) || !n || n > INT32_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

static struct ff_error *free_port(const json_t *intention, json_t *fix)
{
	int64_t port = 0;
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "free-port", NULL);
	if (err || !number_of(intention, "port", &port) || port > 65535)
		return err;
	ff_buf_printf(&b, "fuser -k %d/tcp", (int)port);
	err = ff_fix_side_effect(fix, "Ends the process that listens on port %d.", (int)port);
	return err ? err : ff_fix_command(fix, &b);
}

// The processes of this user that hold the GPU's memory; others are not ours to end.
static struct ff_error *free_gpu(const json_t *intention, json_t *fix)
{
	int64_t pid = 0;
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "free-gpu", NULL);
	if (err || !number_of(intention, "pid", &pid) || pid < 2)
		return err;
	ff_buf_printf(&b, "kill %d", (int)pid);
	err = ff_fix_side_effect(fix, "Ends process %d, whatever it is working on.", (int)pid);
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_free(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	(void)m;
	const char *what = ff_json_text(intention, "free");
	if (what && strcmp(what, "port") == 0)
		return free_port(intention, fix);
	if (what && strcmp(what, "gpu") == 0)
		return free_gpu(intention, fix);
	if (what && strcmp(what, "disk") == 0)
		return ff_fix_kind(fix, "disk", NULL);
	return ff_error_create(FF_EUSAGE, "'free' must be gpu, port or disk");
}

// A file that is damaged is taken away, and whoever needs it fetches it again at the next start.
struct ff_error *ff_fix_fetch(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	(void)m;
	const char *path = ff_json_text(intention, "path");
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "param", "force_download");
	if (err || !is_plain_path(path) || *path != '/')
		return err;
	ff_buf_str(&b, "rm -f ");
	ff_shell_word(&b, path);
	err = ff_fix_side_effect(fix, "Removes the damaged file; it is downloaded again at the next start.");
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_move(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	(void)m;
	const char *path = ff_json_text(intention, "move"), *to = ff_json_text(intention, "to");
	_cleanup_buf_ struct ff_buf b = {0}, away = {0};
	struct ff_error *err = ff_fix_kind(fix, "code", NULL);
	if (err || !is_plain_path(path))
		return err;
	ff_buf_printf(&away, "%s.away", path);
	if (away.failed)
		return &ff_enomem;
	ff_buf_str(&b, "mv ");
	ff_shell_word(&b, path);
	ff_buf_char(&b, ' ');
	ff_shell_word(&b, is_plain_path(to) ? to : away.p);
	return ff_fix_command(fix, &b);
}
