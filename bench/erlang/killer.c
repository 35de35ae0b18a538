/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a pid, kills that process, and writes the time. A VM has no kill() of its own, and the time of
 * forking a shell would be in the figure.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(void)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		struct timespec ts;
		int pid = atoi(line);

		if (pid <= 1)
			return 1;
		clock_gettime(CLOCK_MONOTONIC, &ts);
		kill(pid, SIGKILL);
		printf("%lld\n", (long long)ts.tv_sec * 1000000000 + ts.tv_nsec);
		fflush(stdout);
	}
	return 0;
}
