/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files and directories without libFuzzer, so the corpus is a test under any compiler
 * and sanitizer. Each input is run whole. Up to 4 KiB, its beginnings and its single-byte changes are run
 * too. The files after --whole are run whole only: the fuzzer that found them has already tried their
 * changes.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static unsigned n_inputs;
static bool only_whole;

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
		fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
		return 1;
	}
	data = malloc(size ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size) {
		fprintf(stderr, "cannot read %s\n", path);
		return 1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	n_inputs++;
	for (long cut = 0; cut < size && size <= 4096 && !only_whole; cut++) {
		uint8_t *part = malloc(cut ? (size_t)cut : 1);

		if (!part)
			return 1;
		memcpy(part, data, (size_t)cut);
		LLVMFuzzerTestOneInput(part, (size_t)cut);
		free(part);
		data[cut] ^= 0x81;
		LLVMFuzzerTestOneInput(data, (size_t)size);
		data[cut] ^= 0x81;
		n_inputs += 2;
	}
	free(data);
	return 0;
}

static int run_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int e = 0;

	if (!dir) {
		fprintf(stderr, "cannot open %s: %s\n", path, strerror(errno));
		return 1;
	}
	while (!e && (entry = readdir(dir))) {
		char file[4096];

		if (*entry->d_name == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		e = run_file(file);
	}
	closedir(dir);
	return e;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (!strcmp(argv[i], "--whole")) {
			only_whole = true;
			continue;
		}
		if (stat(argv[i], &st)) {
			fprintf(stderr, "cannot find %s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		if (S_ISDIR(st.st_mode) ? run_directory(argv[i]) : run_file(argv[i]))
			return 1;
	}
	printf("%u inputs\n", n_inputs);
	return n_inputs ? 0 : 1;
}
