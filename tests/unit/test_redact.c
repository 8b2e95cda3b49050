// Masking both ways: every kind of secret goes, no ordinary value does. Secrets are put together at run time, so that
// none stands in this repository; rules/data/secrets.tsv brings an example for each of its rows.
#include "base/table.h"
#include "base/telling.h"
#include "emit/redact.h"
#include "emit/secret.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

FF_EMBEDDED(ff_table, secrets);

static uint32_t seed = 1;

static char random_of(const char *set)
{
	seed = seed * 1664525u + 1013904223u;
	return set[(seed >> 16) % strlen(set)];
}

static const struct {
	const char *name, *chars;
} sets[] = {
	{"letters", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"alnum", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
	{"base64", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"},
	{"base32", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"},
	{"hex", "0123456789abcdef"},
	{"upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
	{"lower", "abcdefghijklmnopqrstuvwxyz0123456789"},
	{"bech", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"},
	{"digits", "0123456789"},
};

// "hf_{letters:34}" -> text with random characters, and the parts that must not survive appended to `parts`.
static char *expand(struct ff_span template, struct ff_buf *parts)
{
	struct ff_buf out = {0};
	while (template.n) {
		const char *brace = memchr(template.p, '{', template.n);
		size_t before = brace ? (size_t)(brace - template.p) : template.n;
		ff_buf_add(&out, template.p, before);
		template = (struct ff_span){template.p + before, template.n - before};
		if (!brace)
			break;
		char name[16];
		int n = 0, used = 0;
		assert_int_equal(sscanf(template.p, "{%15[a-z0-9]:%d}%n", name, &n, &used), 2);
		for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
			for (int k = 0; strcmp(sets[i].name, name) == 0 && k < n; k++) {
				char c = random_of(sets[i].chars);
				ff_buf_char(&out, c);
				ff_buf_char(parts, c);
			}
		}
		ff_buf_char(parts, '\n');
		template = (struct ff_span){template.p + used, template.n - (size_t)used};
	}
	char *text = NULL;
	assert_null(ff_buf_finish(&out, &text));
	return text;
}

static char *masked(const char *text)
{
	struct ff_buf out = {0};
	char *ret = NULL;
	assert_null(ff_share_text(ff_span_of(text), "test", NULL, &out));
	assert_null(ff_buf_finish(&out, &ret));
	return ret;
}

static void check_template(struct ff_span template, const char *kind)
{
	_cleanup_buf_ struct ff_buf parts = {0};
	_cleanup_free_ char *text = expand(template, &parts);
	_cleanup_free_ char *out = masked(text);
	struct ff_span rest = {parts.p, parts.n}, part;
	while (ff_span_next(&rest, '\n', &part)) {
		if (part.n >= 6 && memmem(out, strlen(out), part.p, part.n))
			fail_msg("not masked: %s -> %s", text, out);
	}
	char expected[64];
	snprintf(expected, sizeof(expected), "[masked:%s:", kind);
	if (!strstr(out, expected))
		fail_msg("no %s in: %s -> %s", expected, text, out);
	assert_true(ff_secret_suspect(ff_span_of(text)));
	_cleanup_free_ char *again = masked(out);
	assert_string_equal(out, again); // masking what is masked changes nothing
}

static void test_every_row(void **state)
{
	(void)state;
	struct ff_error *err = ff_secret_check();
	if (err)
		fail_msg("%s", err->message);
	struct ff_table table = ff_table_of(ff_table_secrets);
	size_t n = 0;
	for (struct ff_table_row r; ff_table_next(&table, &r); n++) {
		struct ff_span kind = ff_table_cell(&table, &r, "kind");
		_cleanup_free_ char *name = ff_span_dup(kind);
		for (int i = 0; i < 20; i++)
			check_template(ff_table_cell(&table, &r, "example"), name);
	}
	assert_true(n > 30);
}

static void test_secrets_in_text(void **state)
{
	(void)state;
	static const struct {
		const char *template, *kind;
	} texts[] = {
		{"Using Hugging Face token: hf_{alnum:7}...", "hf"},
		{"docker run -e HF_TOKEN=hf_{letters:34} -e X=1 image", "hf"},
		{"{\"api_key\": \"{alnum:20}\"}", "named"},
		{"vllm serve --api-key {alnum:16} --max-model-len 4096", "named"},
		{"vllm serve --api-key={alnum:16}", "named"},
		{"WANDB_API_KEY={hex:40}", "named"},
		{"aws_secret_access_key = {base64:40}", "named"},
		{"AWS_SECRET_ACCESS_KEY: '{base64:40}'", "named"},
		{"postgresql://admin:{alnum:10}@db:5432/x", "url"},
		{"curl -H 'Authorization: Basic {base64:24}' x", "authorization"},
		{"headers={'Authorization': 'Bearer {alnum:24}'}", "authorization"},
		{"MYSQL_PASSWORD={letters:8}", "named"},
		{"password: {letters:9}", "named"},
		{"serve --hf-token=my_own_{letters:6}_token", "named"},
		{"serve --hf-token my_own_{letters:6}_token", "named"},
		{"password: correct_{letters:7}_horse", "named"},
		{"db_password={letters:9}", "named"},
		{"export DB_PASSWORD=correct_{letters:8}_horse", "named"},
		{"client_secret='{alnum:12}'", "named"},
		{"launch_token = \"={alnum:40}\"", "named"},
		{"pip install --extra-index-url https://__token__:{alnum:20}@pypi.example.com/simple", "url"},
		{"\"private_key\": \"-----BEGIN PRIVATE KEY-----\\n{base64:64}\\n{base64:64}\\n-----END PRIVATE "
		 "KEY-----\\n\"",
			"private-key"},
		{"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
		 "AES-128-CBC,0\n\n{base64:64}\n{base64:64}\n"
		 "-----END RSA PRIVATE KEY-----\n",
			"private-key"},
		{"GET /f?Expires=1&Signature={alnum:80}&Key-Pair-Id=K", "url"},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strstr(texts[i].template, "{\"") || strstr(texts[i].template, "={'"))
			continue; // braces are the template's own: covered below
		check_template(ff_span_of(texts[i].template), texts[i].kind);
	}
	_cleanup_buf_ struct ff_buf parts = {0};
	_cleanup_free_ char *value = expand(FF_SPAN("{alnum:24}"), &parts);
	const char *const formats[] = {"{\"api_key\": \"%s\", \"n\": 1}", "headers={'Authorization': 'Bearer %s'}",
		"{'token': '%s'}", "config={hf_token=%s}"};
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char text[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), formats[i], value);
#pragma GCC diagnostic pop
		_cleanup_free_ char *out = masked(text);
		assert_null(strstr(out, value));
	}
}

static const char *const ordinary[] = {
	"/root/.cache/huggingface/hub/models--x/blobs/3b1f5a9c0e6d4e7fb6a2c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9",
	"/runpod-volume/huggingface/hub/models--x/snapshots/41bd4c9e7e4fb318ca40e721131d4933966c2cc1/config.json",
	"GPU-5f2b1c3e-8a4d-4e6f-9b1a-2c3d4e5f6a7b",
	"NVIDIA_VISIBLE_DEVICES=GPU-5f2b1c3e-8a4d-4e6f-9b1a-2c3d4e5f6a7b",
	"commit 7c2f0d1e5b9a3c8d4e6f1a2b3c4d5e6f7a8b9c0d",
	"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	"torch==2.3.1+cu121 --hash=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	"/usr/local/nvidia/lib:/usr/local/nvidia/lib64:/usr/local/cuda/lib64",
	"LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64:/usr/local/cuda/lib64",
	"PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
	"TOKENIZERS_PARALLELISM=false",
	"HF_TOKEN_PATH=/root/.cache/huggingface/token",
	"HF_HUB_DISABLE_IMPLICIT_TOKEN=1",
	"HF_TOKEN: NOT SET",
	"HF_TOKEN=",
	"export HF_TOKEN=<your token>",
	"export HF_TOKEN=$TOKEN",
	"vllm serve --max-tokens 512 --tokenizer mistralai/Mixtral-8x7B-Instruct-v0.1",
	"vllm serve --max-num-batched-tokens=8192 --ssl-keyfile /etc/ssl/key.pem",
	"eos_token='<|im_end|>' pad_token=</s> bos_token_id=1 image_token=151655",
	"Setting `pad_token_id` to `eos_token_id`:2 for open-end generation.",
	"Token indices sequence length is longer than the specified maximum: 5000 > 4096",
	"Error(s) in loading state_dict: Missing key(s): model.layers.0.self_attn.q_proj.weight",
	"KeyError: 'model.layers.12.mlp.experts.3.w1.weight'",
	"key: model.layers.12.self_attn.q_proj.weight_scale_inv",
	"Invalid credentials in Authorization header",
	"basic authentication failed for /v2/",
	"hf_transfer, hf_hub_download, hf_xet, hf_quantizer and hf_model_config",
	"sk-learn-contrib-some-long-project-name",
	"task-scheduler-worker-process-number-12",
	"git+https://github.com/huggingface/transformers@main",
	"ssh://git@github.com:22/x/y.git",
	"http://localhost:8000/v1?model=abc&key=value",
	"tcp://10.0.0.1:29500 and user@host",
	"libbitsandbytes_cuda121.so: cannot open shared object file: No such file or directory",
	"_ZN3c105ErrorC2ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
	"prefix cache key: 3b1f5a9c0e6d4e7fb6a2c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9",
	"next_token: 1234567 prompt_token: Hello2World",
	"Authorization: None",
	"cookie: ",
	"sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90 compute_90",
	"6.8.0-1057-nvidia-x86_64-with-glibc2.35",
	"compute_89,code=sm_89 -DTORCH_EXTENSION_NAME=fused_adam",
	"2024-05-01T12:00:00.123456789Z stdout F ready",
	"public_key: ssh-ed25519",
	"    use_auth_token = kwargs.pop(\"use_auth_token\", None)",
	"    self.tokenizer = load(path, token=use_auth_token, running_token=self.token)",
	"def f(ctc_token: str, split_token=\"Thought:\"):",
	"max_new_tokens=4096 token_count: 17 secret santa",
};

static void test_ordinary_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++) {
		_cleanup_free_ char *out = masked(ordinary[i]);
		assert_string_equal(out, ordinary[i]);
	}
}

static void test_names(void **state)
{
	(void)state;
	static const char *const telling[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY",
		"AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "MYSQL_PWD", "PGPASSWORD", "DB_PASS", "dbpassword",
		"OPENAI_KEY", "GITHUB_TOKEN_PROD", "runpodApiKey", "WANDB_API_KEY", "client_secret", "GITHUB_TOKEN_2",
		"apiKey", "SSH_PRIVATE_KEY_BASE64", "NGC_API_KEY", "AZURE_STORAGE_CONNECTION_STRING", "--hf-token"};
	static const char *const silent[] = {"MAX_TOKENS", "EOS_TOKEN", "TOKENIZERS_PARALLELISM", "HF_TOKEN_PATH",
		"PATH", "LD_LIBRARY_PATH", "CUDA_HOME", "TORCH_CUDA_ARCH_LIST", "OLDPWD", "SSH_AUTH_SOCK", "KEYBOARD",
		"eos_token_id", "TRITON_CACHE_KEY", "VLLM_ATTENTION_BACKEND", "CONNECTION", "__CFBundleIdentifier",
		"command_key"};
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
		assert_int_equal(ff_telling_name(ff_span_of(telling[i])), FF_TELLS);
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		if (ff_telling_name(ff_span_of(silent[i])) != FF_TELLS_NOTHING)
			fail_msg("%s", silent[i]);
	}
	assert_int_equal(ff_telling_name(ff_span_of("token")), FF_TELLS_MAYBE);
	assert_int_equal(ff_telling_name(ff_span_of("")), FF_TELLS_NOTHING);
}

static void test_document(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf parts = {0};
	_cleanup_free_ char *token = expand(FF_SPAN("hf_{letters:34}"), &parts);
	_cleanup_free_ char *key = expand(FF_SPAN("{alnum:20}"), &parts);
	_cleanup_free_ char *pem = expand(FF_SPAN("{base64:64}"), &parts);
	_cleanup_json_ json_t *doc =
		json_pack("{s:{s:s, s:s, s:s, s:s, s:{s:b,s:i}}, s:{s:[sssss]}, s:[{s:s}], s:[ssss]}", "env",
			"HF_TOKEN", token, "HOME", "/root", "RUN", token, "MY_PASSWORD", "", "OLD_TOKEN", "masked", 1,
			"length", 37, "process", "argv", "serve", "--api-key", key, "--port", "8000", "errors", "text",
			token, "tail", "-----BEGIN RSA PRIVATE KEY-----", pem, "-----END RSA PRIVATE KEY-----", pem);
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	assert_non_null(doc);
	assert_null(ff_share(doc, &s));
	const json_t *out = ff_shareable_document(s);
	int64_t length = 0;
	assert_true(json_is_true(ff_json_at(out, "env.HF_TOKEN.masked")));
	assert_true(ff_json_int(out, "env.HF_TOKEN.length", &length));
	assert_int_equal(length, 37);
	assert_string_equal(ff_json_text(out, "env.HOME"), "/root");
	assert_true(json_is_true(ff_json_at(out, "env.RUN.masked")));  // no name that a library reads, no plain value
	assert_string_equal(ff_json_text(out, "env.MY_PASSWORD"), ""); // set but empty is a fact, not a secret
	assert_true(json_is_true(ff_json_at(out, "env.OLD_TOKEN.masked")));
	assert_string_equal(ff_json_text(out, "process.argv.2"), "[masked:named:20]");
	assert_string_equal(ff_json_text(out, "process.argv.4"), "8000");
	assert_string_equal(ff_json_text(out, "errors.0.text"), "[masked:hf:37]");
	assert_string_equal(ff_json_text(out, "tail.1"), "[masked:private-key:64]");
	assert_string_equal(ff_json_text(out, "tail.3"), pem); // after END it is ordinary text again
	const json_t *list = ff_shareable_masked(s);
	assert_int_equal(json_array_size(list), 5);
	assert_string_equal(ff_json_text(list, "0.place"), "env.HF_TOKEN");
	assert_string_equal(ff_json_text(list, "0.kind"), "named");
	assert_string_equal(ff_json_text(list, "4.place"), "tail.1");
	_cleanup_free_ char *dumped = json_dumps(list, 0);
	assert_null(strstr(dumped, token));
	assert_string_equal(ff_json_text(doc, "env.HF_TOKEN"), token); // the source is as it was
}

// The secret stands where only the program's name tells it, or where quotes would break it.
static void test_arguments(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf parts = {0};
	_cleanup_free_ char *secret = expand(FF_SPAN("{letters:9}"), &parts);
	const char *const lines[][6] = {
		{"sshpass", "-p", "%s", "ssh", "gpu"},
		{"/usr/bin/mysql", "-u", "root", "-p%s", "app"},
		{"redis-cli", "-h", "r", "-a", "%s"},
		{"curl", "-u", "svc:%s", "https://x"},
		{"serve", "--db-password", "it's on %s", "--port", "1"},
		{"serve", "--db-password=it's \"on\" %s", "--port", "1"},
		{"sh", "-c", "PGPASSWORD='%s' psql -c 'it'", "x"},
		{"env", "DB_PASS=a b%s", "serve", "x"},
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		_cleanup_json_ json_t *argv = json_array();
		for (size_t k = 0; lines[i][k]; k++) {
			const char *at = strstr(lines[i][k], "%s");
			int before = (int)(at ? at - lines[i][k] : (ptrdiff_t)strlen(lines[i][k]));
			json_array_append_new(argv,
				json_sprintf("%.*s%s%s", before, lines[i][k], at ? secret : "", at ? at + 2 : ""));
		}
		_cleanup_json_ json_t *doc =
			json_pack("{s:O, s:s, s:O}", "argv", argv, "command", secret, "cmdline", argv);
		_cleanup_shareable_ struct ff_shareable *s = NULL;
		assert_null(ff_share(doc, &s));
		_cleanup_free_ char *out = json_dumps(ff_shareable_document(s), 0);
		if (strstr(out, secret) || !strstr(out, "[masked:"))
			fail_msg("%s", out);
		size_t n = json_array_size(argv);
		assert_int_equal(json_array_size(ff_json_at(ff_shareable_document(s), "argv")), n);
		assert_string_equal(ff_json_text(ff_shareable_document(s), "argv.0"), lines[i][0]);
	}
}

static void test_plain(void **state)
{
	(void)state;
	static const char *const plain[] = {"1", "True", "0.85", "/root/.cache/hub", "eth0,ib0", "^lo,docker0",
		"mlx5_0:1,mlx5_1:1", "expandable_segments:True,max_split_size_mb:512", "FLASH_ATTN", "10.0.0.1:29500",
		"cuda>=12.4", "WARN", "x86_64", "16MiB", "CamelCaseName", "https://hub.example.co/x", ""};
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!ff_telling_plain(ff_span_of(plain[i])))
			fail_msg("%s", plain[i]);
	}
	int taken_for_words = 0;
	for (int i = 0; i < 50; i++) {
		_cleanup_buf_ struct ff_buf parts = {0};
		_cleanup_free_ char *made = expand(FF_SPAN("{alnum:16}"), &parts);
		taken_for_words += ff_telling_plain(ff_span_of(made));
	}
	assert_in_range(taken_for_words, 0, 2); // letters alone, and few capitals among them
}

static void test_hostile(void **state)
{
	(void)state;
	enum { N = 1 << 20 };
	char *text = malloc(N + 1);
	assert_non_null(text);
	for (size_t i = 0; i < N; i++)
		text[i] = "a-token_"[i % 8];
	text[N] = 0;
	_cleanup_free_ char *out = masked(text); // must end; what comes out does not matter
	assert_non_null(out);
	memcpy(text, "-----BEGIN PRIVATE KEY-----\n", 28);
	_cleanup_free_ char *open = masked(text);
	assert_non_null(open);
	free(text);
	json_t *deep = json_array();
	for (int i = 0; i < 1000; i++) {
		json_t *outer = json_array();
		json_array_append_new(outer, deep);
		deep = outer;
	}
	struct ff_shareable *s = NULL;
	struct ff_error *err = ff_share(deep, &s);
	assert_non_null(err);
	assert_int_equal(err->code, FF_ELIMIT);
	assert_null(s);
	ff_error_destroy(err);
	json_decref(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_secrets_in_text),
		cmocka_unit_test(test_ordinary_text),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
