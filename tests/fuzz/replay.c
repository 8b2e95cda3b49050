// Runs a fuzz target once on every file of a folder: seeds and kept findings as an ordinary test.
#include "base/cleanup.h"

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4 << 20 };

static int replay(const char *path, uint8_t *buffer)
{
	_cleanup_fclose_ FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	size_t n = fread(buffer, 1, INPUT_MAX, f);
	// A buffer of exactly the input's size lets the sanitizer see one byte too many.
	_cleanup_free_ uint8_t *exact = malloc(n ? n : 1);
	if (!exact)
		return 1;
	for (size_t i = 0; i < n; i++)
		exact[i] = buffer[i];
	LLVMFuzzerTestOneInput(exact, n);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_free_ uint8_t *buffer = malloc(INPUT_MAX);
	_cleanup_closedir_ DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	if (!buffer || !dir) {
		fprintf(stderr, "usage: %s FOLDER-OF-INPUTS\n", argv[0]);
		return 2;
	}
	int failed = 0, inputs = 0;
	for (const struct dirent *e; (e = readdir(dir));) {
		char path[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		failed |= replay(path, buffer);
		inputs++;
	}
	printf("%d inputs\n", inputs);
	return failed || !inputs;
}
