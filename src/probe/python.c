// python: the interpreter that a worker would use and its sys.path, without starting it.
//
//	{"python": {"version": "3.10.12", "executable": "/srv/venv/bin/python3", "chosen_by": "VIRTUAL_ENV",
//	            "binary": "/usr/local/bin/python3.10", "prefix": "/srv/venv", "base_prefix": "/usr/local", "kind": "venv",
//	            "dead": {"variable": "VIRTUAL_ENV", "folder": "/old/venv", "exists": true, "made_for": "python3.9"},
//	            "site": ["/srv/venv/lib/python3.10/site-packages"], "pth_code": [".../distutils-precedence.pth"],
//	            "externally_managed": false, "site_writable": true, "tools": {"uv": "/usr/local/bin/uv"}, "made_by": "uv",
//	            "project": "uv", "project_folder": "/srv/app", "own_index": true,
//	            "index_from": "PIP_INDEX_URL"}}
#include "parse/chars.h"
#include "probe/python_find.h"

static const char *kind_of(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	if (p->is_venv)
		return "venv";
	_cleanup_free_ char *conda = ff_path_printf("%s/conda-meta", p->prefix);
	if (conda && ff_host_mode_is(ctx->host, conda, S_IFDIR))
		return "conda";
	const char *root = ff_host_getenv(ctx->host, "PYENV_ROOT");
	bool under_root = root && *root && ff_starts(p->prefix, root);
	return under_root || strstr(p->prefix, "/.pyenv/versions/") ? "pyenv" : "system";
}

static void put_abi(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	char last = p->lib_name[strlen(p->lib_name) - 1];
	if (!ff_is_letter(last))
		return;
	ff_fact_text(ctx, "python.abiflags", (char[]){last, 0});
	ff_fact_bool(ctx, "python.free_threaded", last == 't');
}

void ff_probe_python(struct ff_probe_ctx *ctx)
{
	_cleanup_python_ struct ff_python p = {0};
	struct ff_error *err = ff_python_find(ctx, &p);
	if (err) {
		ff_miss(ctx, "python", err);
		return;
	}
	ff_fact_text(ctx, "python.executable", p.executable);
	ff_fact_text(ctx, "python.chosen_by", p.chosen_by);
	err = ff_python_inspect(ctx, &p);
	ff_fact_text(ctx, "python.binary", p.binary);
	ff_fact_text(ctx, "python.version", p.version);
	if (err) {
		ff_miss(ctx, "python.prefix", err);
		return;
	}
	ff_fact_text(ctx, "python.prefix", p.prefix);
	ff_fact_text(ctx, "python.base_prefix", p.base_prefix);
	ff_fact_text(ctx, "python.kind", kind_of(ctx, &p));
	if (p.is_venv)
		ff_fact_bool(ctx, "python.system_site", p.system_site);
	put_abi(ctx, &p);
	ff_python_site(ctx, &p);
	ff_python_tools(ctx, &p);
}
