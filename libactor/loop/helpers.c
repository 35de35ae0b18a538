/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/loop/helpers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "libactor/loop/bell.h"
#include "libactor/util/clock.h"

#define IDLE_NS INT64_C(1000000000)

struct helper {
	struct list link; /* helpers.threads, or helpers.ended */
	pthread_t thread;
	struct helpers *helpers;
};

struct helpers {
	pthread_mutex_t lock;
	pthread_cond_t has_work, has_ended;
	struct bell *bell;
	size_t threads_max;
	/* under the lock */
	struct list queued, done; /* struct job.link */
	struct list threads, ended;
	size_t n_queued, n_threads, n_idle, n_running;
	bool closing;
	bool abandoned; /* the loop is gone; the last thread frees this struct */
};

struct helpers *helpers_new(struct bell *bell, size_t threads_max)
{
	struct helpers *helpers = calloc(1, sizeof(*helpers));
	pthread_condattr_t monotonic;

	if (!helpers)
		return NULL;
	helpers->bell = bell_keep(bell);
	helpers->threads_max = threads_max;
	list_init(&helpers->queued);
	list_init(&helpers->done);
	list_init(&helpers->threads);
	list_init(&helpers->ended);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&helpers->lock, NULL);
	pthread_cond_init(&helpers->has_work, &monotonic);
	pthread_cond_init(&helpers->has_ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return helpers;
}

static void helpers_free(struct helpers *helpers)
{
	pthread_mutex_destroy(&helpers->lock);
	pthread_cond_destroy(&helpers->has_work);
	pthread_cond_destroy(&helpers->has_ended);
	bell_free(helpers->bell);
	free(helpers);
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/*
 * Called under the lock. Returns NULL when the thread has been idle for long enough, or no more jobs will
 * come.
 */
static struct job *helper_wait(struct helpers *helpers)
{
	struct timespec until = timespec_of(clock_now_ns() + IDLE_NS);
	struct list *node;
	int error = 0;

	while (list_is_empty(&helpers->queued) && !helpers->closing && error != ETIMEDOUT) {
		helpers->n_idle++;
		error = pthread_cond_timedwait(&helpers->has_work, &helpers->lock, &until);
		helpers->n_idle--;
	}
	node = list_pop(&helpers->queued);
	if (!node)
		return NULL;
	helpers->n_queued--;
	return container_of(node, struct job, link);
}

/* Called under the lock. Releases the lock while the job runs. */
static void helper_run(struct helpers *helpers, struct job *job)
{
	bool abandoned;

	job->started = true;
	helpers->n_running++;
	pthread_mutex_unlock(&helpers->lock);
	job->run(job);
	pthread_mutex_lock(&helpers->lock);
	helpers->n_running--;
	abandoned = helpers->abandoned;
	if (!abandoned)
		list_append(&helpers->done, &job->link);
	pthread_mutex_unlock(&helpers->lock);
	if (abandoned)
		job->drop(job);
	else
		bell_ring(helpers->bell);
	pthread_mutex_lock(&helpers->lock);
}

static void *helper_main(void *arg)
{
	struct helper *self = arg;
	struct helpers *helpers = self->helpers;
	struct job *job;
	bool abandoned, last;

	pthread_mutex_lock(&helpers->lock);
	while ((job = helper_wait(helpers)))
		helper_run(helpers, job);
	last = --helpers->n_threads == 0;
	abandoned = helpers->abandoned;
	list_remove(&self->link);
	if (abandoned) {
		free(self); /* the thread is detached: no thread joins it */
	} else {
		list_append(&helpers->ended, &self->link);
		pthread_cond_signal(&helpers->has_ended);
		bell_ring(helpers->bell);
	}
	pthread_mutex_unlock(&helpers->lock);
	if (abandoned && last)
		helpers_free(helpers);
	return NULL;
}

/* Called under the lock. Signals are blocked in helpers, since they are for the program's own threads. */
static int helper_start(struct helpers *helpers)
{
	struct helper *helper = malloc(sizeof(*helper));
	sigset_t all, before;
	int error;

	if (!helper)
		return -EAGAIN;
	*helper = (struct helper){.helpers = helpers};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&helper->thread, NULL, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		free(helper);
		return -EAGAIN;
	}
	list_append(&helpers->threads, &helper->link);
	helpers->n_threads++;
	return 0;
}

int helpers_add(struct helpers *helpers, struct job *job)
{
	int r = 0;

	job->started = false;
	pthread_mutex_lock(&helpers->lock);
	list_append(&helpers->queued, &job->link);
	helpers->n_queued++;
	if (helpers->n_queued > helpers->n_idle && helpers->n_threads < helpers->threads_max)
		r = helper_start(helpers);
	if (r < 0 && helpers->n_threads)
		r = 0; /* the job waits for one of the existing threads */
	if (r < 0) {
		list_remove(&job->link);
		helpers->n_queued--;
	} else {
		pthread_cond_signal(&helpers->has_work);
	}
	pthread_mutex_unlock(&helpers->lock);
	return r;
}

bool helpers_take_back(struct helpers *helpers, struct job *job)
{
	bool mine;

	pthread_mutex_lock(&helpers->lock);
	mine = !job->started;
	if (mine) {
		list_remove(&job->link);
		helpers->n_queued--;
	}
	pthread_mutex_unlock(&helpers->lock);
	return mine;
}

/* Joining takes no time, because these threads only have to return. */
static void helpers_join(struct list *ended)
{
	struct list *node;

	while ((node = list_pop(ended))) {
		struct helper *helper = container_of(node, struct helper, link);

		pthread_join(helper->thread, NULL);
		free(helper);
	}
}

struct job *helpers_take_done(struct helpers *helpers)
{
	struct list ended, *node;

	list_init(&ended);
	pthread_mutex_lock(&helpers->lock);
	node = list_pop(&helpers->done);
	list_splice(&ended, &helpers->ended);
	pthread_mutex_unlock(&helpers->lock);
	helpers_join(&ended);
	return node ? container_of(node, struct job, link) : NULL;
}

static void jobs_drop(struct list *jobs)
{
	struct list *node;

	while ((node = list_pop(jobs))) {
		struct job *job = container_of(node, struct job, link);

		job->drop(job);
	}
}

size_t helpers_end(struct helpers *helpers, int64_t deadline_ns)
{
	struct timespec until = timespec_of(deadline_ns);
	struct list unwanted, ended;
	size_t n_running;
	bool abandoned;
	int error = 0;

	list_init(&unwanted);
	list_init(&ended);
	pthread_mutex_lock(&helpers->lock);
	list_splice(&unwanted, &helpers->queued);
	helpers->n_queued = 0;
	helpers->closing = true;
	pthread_cond_broadcast(&helpers->has_work);
	while (helpers->n_threads && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&helpers->has_ended, &helpers->lock, &until);
	list_splice(&unwanted, &helpers->done);
	list_splice(&ended, &helpers->ended);
	n_running = helpers->n_running;
	abandoned = helpers->abandoned = helpers->n_threads > 0;
	list_for_each(it, &helpers->threads)
		pthread_detach(container_of(it, struct helper, link)->thread);
	pthread_mutex_unlock(&helpers->lock);
	/* Abandoned threads may have freed @helpers by now. */
	jobs_drop(&unwanted);
	helpers_join(&ended);
	if (!abandoned)
		helpers_free(helpers);
	return n_running;
}
