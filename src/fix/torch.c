// Which build of torch: one that the driver can run and that carries code for the GPUs, as near to the one that is here
// as the bounds allow, with the torchvision and torchaudio that belong to it.
//
//	need ">=2.7", driver 570.86, an RTX 5090, torch 2.3.1+cu121  ->  torch==2.7.1 torchvision==0.22.1
//	                                                                 --index-url https://download.pytorch.org/whl/cu128
//
// The registry's own wheel of a release is of one CUDA version (column `registry` of torch_wheels.tsv); the others, and
// all of Windows, are on PyTorch's index. A release that only differs in its build is no other release for pip, so that
// one is named whole ("2.5.1+cu124").
//
// An engine that asks for one torch and no other (torch_pins.tsv) is what moves, and its torch with it:
//
//	an RTX 5090, vllm 0.5.4, torch 2.4.0+cu121  ->  pip install vllm==0.9.2
#include "base/table.h"
#include "fix/machine.h"
#include "know/atlas_wheel.h"
#include "know/bnb.h"
#include "know/driver.h"
#include "know/gpu_arch.h"
#include "know/torch_pairs.h"
#include "know/torch_wheel.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, torch_wheels);
FF_EMBEDDED(ff_table, torch_pins);

struct build {
	struct ff_buf release; // "2.7.1"
	char tag[16];	       // "cu128"
	bool registry;	       // the registry's own wheel
	bool found;
};

static const char *const partners[] = {"torchvision", "torchaudio"};
static const char *const compiled[] = {"flash-attn", "xformers", "torchao", "causal-conv1d", "mamba-ssm",
	"transformer-engine", "sgl-kernel", "flashinfer-python", "auto-gptq", "exllamav2", "natten"};

// ---- what the machine can run ----

static const char *gpu_capability(const json_t *gpu, char ret[8])
{
	const char *cc = ff_json_text(gpu, "compute_capability"), *name = ff_json_text(gpu, "name");
	struct ff_gpu_info info;
	if (cc || !name || !ff_know_gpu_by_name(name, &info) || !info.cc.n || info.cc.n >= 8)
		return cc;
	snprintf(ret, 8, "%.*s", (int)info.cc.n, info.cc.p);
	return ret;
}

static bool covers_one(const json_t *wheel, const char *cc, bool fresh_driver)
{
	enum ff_arch_verdict v =
		ff_know_arch_covers(json_object_get(wheel, "archs"), json_object_get(wheel, "ptx"), cc);
	return v != FF_ARCH_NONE && (v != FF_ARCH_PTX || fresh_driver);
}

static bool covers(const struct ff_fix_machine *m, const char *arch, const json_t *wheel, bool fresh_driver)
{
	size_t i;
	json_t *gpu;
	if (arch && !covers_one(wheel, arch, fresh_driver))
		return false;
	json_array_foreach (m->facts ? json_object_get(m->facts, "gpus") : NULL, i, gpu) {
		char text[8];
		const char *cc = gpu_capability(gpu, text);
		if (cc && !covers_one(wheel, cc, fresh_driver))
			return false;
	}
	return true;
}

static bool runs(const struct ff_fix_machine *m, const char *arch, const char *release, const char *tag)
{
	const char *driver = m->facts ? ff_json_text(m->facts, "driver.version") : NULL;
	_cleanup_buf_ struct ff_buf name = {0};
	_cleanup_json_ json_t *wheel = NULL;
	ff_buf_printf(&name, "%s+%s", release, tag);
	_cleanup_error_ struct ff_error *err = name.failed ? &ff_enomem : ff_know_torch_wheel(name.p, &wheel);
	const char *cuda = err ? NULL : ff_json_text(wheel, "cuda");
	enum ff_driver_verdict v = driver && cuda ? ff_know_driver_runs(driver, cuda, NULL) : FF_DRIVER_OK;
	return cuda && v != FF_DRIVER_TOO_OLD && covers(m, arch, wheel, v == FF_DRIVER_OK);
}

// Has the release a wheel for this Python and C library? As the registry's, so are those of PyTorch's index.
static bool has_wheel(const struct ff_fix_machine *m, const char *release)
{
	const struct ff_atlas *a = ff_atlas();
	struct ff_atlas_host host = ff_atlas_host_of(m->facts);
	struct ff_atlas_package torch;
	bool same = false;
	if (!a || !ff_atlas_package(a, "torch", &torch))
		return true;
	int at = ff_atlas_position(a, &torch, release, &same);
	return !same || ff_atlas_wheel_fits(a, &torch, at, &host, NULL, NULL);
}

// ---- the choice ----

// 0 for the release that is here, then the next newer ones, then the next older ones.
static int distance(struct ff_span row, const char *have)
{
	struct ff_version a, b;
	if (!have || !ff_version_parse(row, &a) || !ff_version_parse(ff_span_of(have), &b) || a.n_release < 2 ||
		b.n_release < 2)
		return 500;
	uint64_t x[2] = {0}, y[2] = {0};
	for (size_t i = 0; i < 2; i++) {
		ff_span_u64(a.release[i], &x[i]);
		ff_span_u64(b.release[i], &y[i]);
	}
	int difference = (int)(x[0] * 100 + x[1]) - (int)(y[0] * 100 + y[1]);
	return difference >= 0 ? difference : 1000 - difference;
}

// The last patch of the row's release within the bounds; the installed one where it is of that release.
static bool patch_of(struct ff_span row, const char *have, const char *need, struct ff_buf *ret)
{
	_cleanup_buf_ struct ff_buf all = {0};
	struct ff_version v;
	if (have && distance(row, have) == 0 && ff_version_parse(ff_span_of(have), &v) &&
		(!need || ff_version_satisfies(have, need) == FF_SATISFIES_YES)) {
		ff_buf_add(ret, have, strcspn(have, "+"));
		return !ret->failed;
	}
	if (need && ff_starts(need, "==") && !strpbrk(need, ",*")) {
		ff_buf_printf(&all, "==%.*s.*", (int)row.n, row.p);
		if (!all.failed && ff_version_satisfies(need + 2, all.p) == FF_SATISFIES_YES)
			ff_buf_str(ret, need + 2);
		return ret->n && !ret->failed;
	}
	ff_buf_printf(&all, "%s%s==%.*s.*", need ? need : "", need ? "," : "", (int)row.n, row.p);
	if (!all.failed)
		ff_fix_release("torch", all.p, ret);
	return ret->n && !ret->failed;
}

static void choose(
	const struct ff_fix_machine *m, const char *have, const struct ff_torch_wish *wish, struct build *ret)
{
	struct ff_table table = ff_table_of(ff_table_torch_wheels);
	int best = 0;
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		_cleanup_buf_ struct ff_buf release = {0};
		struct ff_span tag = ff_table_cell(&table, &row, "cuda");
		if ((wish->tag && !ff_span_eq(tag, wish->tag)) || !ff_table_cell(&table, &row, "archs").n)
			continue;
		bool registry = ff_table_cell(&table, &row, "registry").n;
		int rank = 2 * distance(row.cells[0], have) + !registry;
		char word[16];
		snprintf(word, sizeof(word), "%.*s", (int)tag.n, tag.p);
		if ((ret->found && rank > best) || !patch_of(row.cells[0], have, wish->need, &release) ||
			!has_wheel(m, release.p) || !runs(m, wish->arch, release.p, word))
			continue;
		if (ret->found && rank == best && !registry && strcmp(word, ret->tag) < 0)
			continue;
		best = rank;
		ret->found = true;
		ret->registry = registry;
		memcpy(ret->tag, word, sizeof(word));
		ff_buf_deinit(&ret->release);
		ret->release = release;
		release = (struct ff_buf){0};
	}
}

// ---- the command ----

static bool own_index(const struct ff_fix_machine *m)
{
	return m->facts && json_is_true(ff_json_at(m->facts, "python.own_index"));
}

static bool needs_index(const struct ff_fix_machine *m, const struct build *b)
{
	const char *arch = m->facts ? ff_json_text(m->facts, "system.arch") : NULL;
	bool x86 = !arch || strcmp(arch, "x86_64") == 0 || strcmp(arch, "AMD64") == 0;
	return !b->registry || !x86 || m->platform == FF_PLATFORM_WINDOWS;
}

static struct ff_error *add_partners(
	const struct ff_fix_machine *m, const struct build *build, struct ff_buf *b, struct ff_buf *said, json_t *fix)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; i < sizeof(partners) / sizeof(*partners) && !err; i++) {
		bool absent;
		struct ff_span wants;
		const char *have = ff_machine_package(m, partners[i], &absent);
		if (!have || !ff_know_torch_partner(build->release.p, partners[i], &wants))
			continue;
		ff_buf_printf(b, " %s%.*s", partners[i], (int)wants.n, wants.p);
		if (ff_version_satisfies_spans(ff_span_of(have), wants) == FF_SATISFIES_YES)
			continue;
		struct ff_span release = {wants.p + 2, wants.n - 2};
		ff_buf_printf(said, ", %s %s by %.*s", partners[i], have, (int)release.n, release.p);
		err = ff_fix_effect(fix, "packages", partners[i], json_stringn(release.p, release.n));
	}
	return err;
}

// The first release of bitsandbytes after the one that is here that ships a library for this CUDA; false when none is
// needed or known.
static bool bnb_for(const char *have, const char *tag, struct ff_buf *ret)
{
	if (ff_know_bnb_ships(have, tag + 2) != FF_KNOWN_NO)
		return false;
	for (const char *const *r = (const char *const[]){"0.43.3", "0.45.5", "0.48.2", "0.50.2", NULL}; *r; r++) {
		if (ff_version_compare(*r, have) > 0 && ff_know_bnb_ships(*r, tag + 2) == FF_KNOWN_YES) {
			ff_buf_str(ret, *r);
			return !ret->failed;
		}
	}
	return false;
}

// bitsandbytes has a library for each CUDA version; PyTorch's index does not have it.
static struct ff_error *add_bnb(
	const struct ff_fix_machine *m, const struct build *build, struct ff_buf *b, json_t *fix)
{
	bool absent;
	const char *have = ff_machine_package(m, "bitsandbytes", &absent);
	_cleanup_buf_ struct ff_buf release = {0};
	if (!have || !bnb_for(have, build->tag, &release))
		return NULL;
	ff_buf_str(b, " && ");
	ff_installer_words(m, "install", b);
	ff_buf_printf(b, " 'bitsandbytes>=%s'", release.p);
	return ff_fix_effect(fix, "packages", "bitsandbytes", json_string(release.p));
}

static struct ff_error *note_compiled(const struct ff_fix_machine *m, json_t *fix)
{
	_cleanup_buf_ struct ff_buf names = {0};
	for (size_t i = 0; i < sizeof(compiled) / sizeof(*compiled); i++) {
		bool absent;
		if (ff_machine_package(m, compiled[i], &absent))
			ff_buf_printf(&names, "%s%s", names.n ? ", " : "", compiled[i]);
	}
	return names.n ? ff_fix_side_effect(
				 fix, "Compiled against the torch that goes, and to be installed anew: %s.", names.p)
		: names.failed ? &ff_enomem
			       : NULL;
}

static struct ff_error *write_build(
	const struct ff_fix_machine *m, const struct build *build, const char *have, bool fresh, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0}, said = {0}, whole = {0};
	bool same =
		have && strncmp(have, build->release.p, build->release.n) == 0 && strchr("+", have[build->release.n]);
	bool index = needs_index(m, build) || (same && !fresh) || !have;
	ff_buf_printf(&whole, "%s+%s", build->release.p, build->tag);
	ff_installer_words(m, "install", &b);
	if (fresh)
		ff_buf_str(&b, m->installer == FF_INSTALLER_UV ? " --reinstall" : " --force-reinstall");
	if (fresh && same)
		ff_buf_str(&b, " --no-deps");
	ff_buf_printf(&b, " torch==%s", same && index ? whole.p : build->release.p);
	ff_buf_printf(&said, "Replaces torch %s by %s", have ? have : "", whole.p ? whole.p : "");
	struct ff_error *err = fresh && same ? NULL : add_partners(m, build, &b, &said, fix);
	if (index && !own_index(m))
		ff_buf_printf(&b, " --index-url https://download.pytorch.org/whl/%s", build->tag);
	if (!err)
		err = add_bnb(m, build, &b, fix);
	if (!err && index && own_index(m))
		err = ff_fix_side_effect(fix, "The index that is set up here must carry the build +%s.", build->tag);
	bool replaces = have && whole.p && said.p && strcmp(have, whole.p) != 0;
	if (!err && replaces)
		err = ff_fix_side_effect(fix, "%s.", said.p);
	if (!err && replaces)
		err = note_compiled(m, fix);
	if (!err)
		err = ff_fix_command(fix, &b);
	bool anew = fresh && same; // which release it is stays as it is; what its files are is not in the facts
	return err || anew ? err : ff_fix_effect(fix, "packages", "torch", json_string(whole.p));
}

static bool is_build(const char *have, const struct build *build)
{
	return ff_starts(have, build->release.p) && have[build->release.n] == '+' &&
		strcmp(have + build->release.n + 1, build->tag) == 0;
}

// Those that name this very release of torch cannot stay.
static const char *pinned_by(const struct ff_fix_machine *m, const char *release)
{
	static const char *const engines[] = {"vllm", "sglang", "lmdeploy", "tensorrt-llm", "xformers"};
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++) {
		const char *spec = ff_fix_pin(m, "torch", engines[i]);
		if (spec && ff_version_satisfies(release, spec) == FF_SATISFIES_NO)
			return engines[i];
	}
	return NULL;
}

// The release of an engine whose torch runs here: the next newer one, else the newest of the older ones.
static bool choose_engine(const struct ff_fix_machine *m, const struct ff_torch_wish *wish, const char *engine,
	const char *have, struct ff_buf *ret, struct build *ret_build)
{
	struct ff_table table = ff_table_of(ff_table_torch_pins);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		_cleanup_buf_ struct ff_buf torch = {0};
		char tag[16];
		struct ff_span registry;
		ff_buf_span(&torch, row.cells[3]);
		bool newer = ff_version_compare_spans(row.cells[2], ff_span_of(have)) > 0;
		if (!ff_span_eq(row.cells[0], engine) || torch.failed || (!newer && ret->n) ||
			!ff_know_torch_registry(torch.p, &registry) || registry.n >= sizeof(tag) ||
			(wish->need && ff_version_satisfies(torch.p, wish->need) == FF_SATISFIES_NO))
			continue;
		snprintf(tag, sizeof(tag), "%.*s", (int)registry.n, registry.p);
		if (!has_wheel(m, torch.p) || !runs(m, wish->arch, torch.p, tag))
			continue;
		ret->n = 0;
		ff_buf_span(ret, row.cells[2]);
		ff_buf_deinit(&ret_build->release);
		ret_build->release = torch;
		torch = (struct ff_buf){0};
		memcpy(ret_build->tag, tag, sizeof(tag));
		if (newer)
			break;
	}
	return ret->n && !ret->failed;
}

// *ret_done when an engine is here that cannot live with the torch that was chosen, and another release of it can be
// had.
static struct ff_error *move_engine(const struct ff_fix_machine *m, const struct ff_torch_wish *wish,
	const char *chosen, const char *torch, json_t *fix, bool *ret_done)
{
	static const char *const engines[] = {"vllm", "sglang"};
	const char *engine = NULL, *have = NULL;
	struct ff_span asked;
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines) && !engine; i++) {
		bool absent;
		have = ff_machine_package(m, engines[i], &absent);
		if (have && ff_know_torch_asked(engines[i], have, &asked) &&
			ff_version_compare_spans(asked, ff_span_of(chosen)) != 0)
			engine = engines[i];
	}
	_cleanup_buf_ struct ff_buf release = {0}, whole = {0}, b = {0};
	struct build build = {0};
	*ret_done = engine && !wish->tag && choose_engine(m, wish, engine, have, &release, &build);
	struct ff_error *err = NULL;
	if (*ret_done) {
		ff_buf_printf(&whole, "%s+%s", build.release.p, build.tag);
		ff_installer_words(m, "install", &b);
		ff_buf_printf(&b, " %s==%s", engine, release.p);
		err = ff_fix_side_effect(fix, "%s %s asks for torch %.*s and no other; %s brings torch %s.", engine,
			have, (int)asked.n, asked.p, release.p, whole.p ? whole.p : "");
		if (!err && torch)
			err = note_compiled(m, fix);
		if (!err)
			err = ff_fix_command(fix, &b);
		if (!err)
			err = ff_fix_effect(fix, "packages", engine, json_string(release.p));
		if (!err)
			err = ff_fix_effect(fix, "packages", "torch", json_string(whole.p));
	}
	ff_buf_deinit(&build.release);
	return err;
}

static bool amd_or_mac(const struct ff_fix_machine *m)
{
	return m->platform == FF_PLATFORM_MACOS || (m->facts && ff_json_text(m->facts, "torch.hip"));
}

// Something says which build it must be.
static bool is_decided(const struct ff_fix_machine *m, const struct ff_torch_wish *wish)
{
	return wish->arch || wish->tag || (m->facts && ff_json_text(m->facts, "driver.version")) ||
		json_array_size(m->facts ? ff_json_at(m->facts, "gpus") : NULL);
}

static struct ff_error *why_not(const struct ff_fix_machine *m, const struct ff_torch_wish *wish,
	const struct build *build, const char *have, json_t *fix)
{
	const char *pinned = build->found ? pinned_by(m, build->release.p) : NULL, *need = wish->need;
	if (!build->found && !wish->tag)
		return ff_fix_refuse(fix, "no known build of torch%s runs on this driver and GPU", need ? need : "");
	if (pinned)
		return ff_fix_refuse(fix, "%s asks for torch %s", pinned, ff_fix_pin(m, "torch", pinned));
	if (build->found && !wish->fresh && have && strchr(have, '+') && is_build(have, build))
		return ff_fix_refuse(fix, "torch %s is the build for this machine already", have);
	return NULL;
}

struct ff_error *ff_fix_torch(
	const struct ff_fix_machine *m, const struct ff_torch_wish *wish, json_t *fix, bool *ret_done)
{
	struct build build = {0};
	bool absent, decided = is_decided(m, wish);
	const char *have = m->facts ? ff_json_text(m->facts, "torch.version") : NULL;
	if (!have)
		have = ff_machine_package(m, "torch", &absent);
	*ret_done = false;
	if (amd_or_mac(m) || (!decided && !have))
		return NULL;
	choose(m, have, wish, &build);
	bool moved = false;
	struct ff_error *err = build.found ? move_engine(m, wish, build.release.p, have, fix, &moved) : NULL;
	*ret_done = build.found || decided;
	if (err || moved) {
		ff_buf_deinit(&build.release);
		return err;
	}
	err = *ret_done ? why_not(m, wish, &build, have, fix) : NULL;
	if (!err && build.found)
		err = write_build(m, &build, have, wish->fresh, fix);
	ff_buf_deinit(&build.release);
	return err;
}
