/* SPDX-License-Identifier: Apache-2.0 */
/*
 * makelog LINES [BAD [SEED]] [--bad-lines FILE]: writes an access log for trials to stdout
 *
 * The log is in the Combined Log Format. The same arguments give the same log. BAD of the lines, spread over
 * the whole log, are malformed in ways that occur in real logs. Their numbers are written to FILE, one on
 * each line.
 */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BEGIN_SECONDS 1790000000 /* the time of the first line */

static uint64_t random_state;

static uint64_t random_next(void) /* splitmix64 */
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)((random_next() >> 32) * n >> 32);
}

/* A random number below @n. Small numbers are much more frequent than large ones. */
static uint32_t random_skewed(uint32_t n)
{
	uint64_t skewed = random_below(n);

	skewed = skewed * random_below(n) / n;
	return (uint32_t)(skewed * random_below(n) / n);
}

static const char *const methods[] = {
	"GET",
	"GET",
	"GET",
	"GET",
	"GET",
	"GET",
	"GET",
	"POST",
	"POST",
	"HEAD",
	"PUT",
	"DELETE",
};
static const char *const agents[] = {
	"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"curl/7.88.1",
};
static const char *const rooms[] = {
	"articles",
	"images",
	"products",
	"api/v1/items",
	"static/js",
	"users",
	"search",
};
static const int statuses[] = {
	200,
	200,
	200,
	200,
	200,
	200,
	200,
	200,
	304,
	301,
	302,
	404,
	404,
	403,
	500,
	503,
};

static void put_path(void)
{
	uint32_t n = random_skewed(4000);

	if (n == 0)
		putchar('/');
	else
		printf("/%s/%u", rooms[n % ARRAY_SIZE(rooms)], n);
	if (random_below(8) == 0)
		printf("?page=%u", random_below(20));
}

static void put_start(uint64_t line)
{
	static char stamp[32];
	static time_t stamp_seconds;
	time_t seconds = (time_t)(BEGIN_SECONDS + line / 7);
	struct tm tm;

	if (seconds != stamp_seconds) {
		gmtime_r(&seconds, &tm);
		strftime(stamp, sizeof(stamp), "%d/%b/%Y:%H:%M:%S +0000", &tm);
		stamp_seconds = seconds;
	}
	if (random_below(20) == 0)
		printf("2001:db8::%x - ", random_below(1 << 16));
	else
		printf("192.0.2.%u - ", random_below(256));
	printf("%s [%s] ", random_below(30) ? "-" : "alice", stamp);
}

static void put_good(uint64_t line)
{
	int status = statuses[random_below(ARRAY_SIZE(statuses))];
	const char *referrer;

	put_start(line);
	printf("\"%s ", methods[random_below(ARRAY_SIZE(methods))]);
	put_path();
	printf(" HTTP/%s\" %d ", random_below(4) ? "1.1" : "2.0", status);
	if (status == 304)
		putchar('-');
	else
		printf("%u", 200 + random_skewed(200000));
	referrer = random_below(3) ? "-" : "https://www.example.com/";
	printf(" \"%s\" \"%s\"\n", referrer, agents[random_skewed(ARRAY_SIZE(agents))]);
}

static void put_bad(uint64_t line)
{
	static const char *const requests[] = {
		"\"-\" 408 0 \"-\" \"-\"",                 /* no request came in time */
		"\"GET /index.html\" 400 226 \"-\" \"-\"", /* a request of two parts */
		/* TLS to a port without TLS */
		"\"\\x16\\x03\\x01\\x02\\x00\\x01\" 400 226 \"-\" \"-\"",
		"\"\" 400 0 \"-\" \"-\"",
		"\"GET / HTTP/1.1\" - - \"-\" \"-\"", /* there is no status */
		"\"GET / HTTP/1.1",                   /* the disk was full, so the line ends early */
		"",
	};

	if (random_below(10) == 0) {
		puts("");
		return;
	}
	put_start(line);
	puts(requests[random_below(ARRAY_SIZE(requests))]);
}

static uint64_t number_or_exit(const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-') {
		fprintf(stderr, "makelog: '%s' is not a number\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"bad-lines", required_argument, NULL, 'b'}, {0}};
	static char buffer[1 << 20];
	uint64_t n_lines, n_bad, bad = 0, next_bad = 0;
	FILE *numbers = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'b' && (numbers = fopen(optarg, "w")))
			continue;
		if (c == 'b')
			return fprintf(stderr, "makelog: cannot write %s: %s\n", optarg, strerror(errno)), 1;
		optind = argc;
		break;
	}
	if (optind >= argc || argc - optind > 3)
		return fprintf(stderr, "usage: makelog LINES [BAD [SEED]] [--bad-lines FILE] >LOG\n"), 2;
	n_lines = number_or_exit(argv[optind]);
	n_bad = argc - optind > 1 ? number_or_exit(argv[optind + 1]) : 0;
	random_state = argc - optind > 2 ? number_or_exit(argv[optind + 2]) : 1;
	if (n_bad > n_lines || n_lines > UINT32_MAX)
		return fprintf(stderr, "makelog: more bad lines than lines, or too many lines\n"), 2;
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (uint64_t line = 1; line <= n_lines; line++) {
		/* the lines are divided into BAD equal parts, each with one malformed line */
		if (bad < n_bad && !next_bad) {
			uint64_t first = n_lines * bad / n_bad + 1, end = n_lines * (bad + 1) / n_bad + 1;

			next_bad = first + random_below((uint32_t)(end - first));
		}
		if (line != next_bad) {
			put_good(line);
			continue;
		}
		put_bad(line);
		if (numbers)
			fprintf(numbers, "%llu\n", (unsigned long long)line);
		next_bad = 0;
		bad++;
	}
	if (numbers && fclose(numbers))
		return fprintf(stderr, "makelog: cannot write the line numbers: %s\n", strerror(errno)), 1;
	if (fflush(stdout) || ferror(stdout))
		return fprintf(stderr, "makelog: cannot write: %s\n", strerror(errno)), 1;
	return 0;
}
