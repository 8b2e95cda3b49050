// system.security: what the kernel keeps the worker from: seccomp, capabilities, no_new_privs, SELinux, AppArmor, user.
// A GPU that "is not there" in a container is often there and refused: by SELinux (container_use_devices), by a device
// cgroup, or because the device nodes belong to a group that the user is not in.
//
//	{"uid": 1000, "seccomp": "filter", "no_new_privs": true, "capabilities": ["chown", "kill"], "apparmor": "docker-default"}
#include "parse/proc_fields.h"
#include "probe/source.h"

enum { STATUS_MAX = 1 << 16 };

static const char *const capability_names[] = {"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill",
	"setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin",
	"sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write",
	"audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore"};

static bool hexadecimal(struct ff_span s, uint64_t *ret)
{
	uint64_t value = 0;
	if (!s.n || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const char *digits = "0123456789abcdef", *digit = strchr(digits, s.p[i] | 0x20);
		if (!s.p[i] || !digit)
			return false;
		value = value << 4 | (uint64_t)(digit - digits);
	}
	*ret = value;
	return true;
}

static void put_capabilities(struct ff_probe_ctx *ctx, struct ff_span status)
{
	struct ff_span text;
	uint64_t bits;
	if (!ff_field_text(status, "CapEff", &text) || !hexadecimal(text, &bits))
		return;
	json_t *names = json_array();
	for (size_t i = 0; i < sizeof(capability_names) / sizeof(capability_names[0]); i++) {
		if (bits >> i & 1)
			json_array_append_new(names, json_string(capability_names[i]));
	}
	ff_fact(ctx, "system.security.capabilities", names);
}

static void put_status(struct ff_probe_ctx *ctx, struct ff_span status)
{
	static const char *const seccomp_modes[] = {"off", "strict", "filter"};
	struct ff_span text, word;
	uint64_t value;
	if (ff_field_u64(status, "Seccomp", &value) && value < 3)
		ff_fact_text(ctx, "system.security.seccomp", seccomp_modes[value]);
	if (ff_field_u64(status, "NoNewPrivs", &value))
		ff_fact_bool(ctx, "system.security.no_new_privs", value != 0);
	// "Uid: real effective saved file", with tabs between.
	if (ff_field_text(status, "Uid", &text)) {
		for (unsigned i = 0; i < 2 && ff_span_next(&text, '\t', &word); i++) {
			if (i == 1 && ff_span_u64(word, &value))
				ff_fact_u64(ctx, "system.security.uid", value);
		}
	}
	put_capabilities(ctx, status);
}

static void put_modules(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *enforce = NULL, *profile = NULL;
	_cleanup_error_ struct ff_error *e1 = ff_host_read_line(ctx->host, "/sys/fs/selinux/enforce", &enforce);
	if (!e1)
		ff_fact_text(ctx, "system.security.selinux", enforce[0] == '1' ? "enforcing" : "permissive");
	size_t n;
	_cleanup_error_ struct ff_error *e2 =
		ff_host_read_process(ctx->host, 0, "attr/current", STATUS_MAX, &profile, &n);
	if (e2)
		return;
	struct ff_span text = ff_span_trim(ff_span_of(profile));
	// The file is AppArmor's profile or SELinux's context, whichever module is active.
	if (text.n)
		ff_fact(ctx, enforce ? "system.security.selinux_context" : "system.security.apparmor",
			ff_json_string(text.p, text.n));
}

void ff_probe_security(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *status = ff_source_process(ctx, "status", STATUS_MAX, "system.security");
	if (status)
		put_status(ctx, ff_span_of(status));
	put_modules(ctx);
}
