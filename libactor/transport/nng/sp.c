/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repair of nng, 1.5.2 to at least 1.11.
 *
 * nng's ipc pipe reads a message in steps: nine bytes of header, then the body. A step that brought only a
 * part is repeated. Writing works in the same way. The callback of one step starts the next one with
 * nng_stream_recv/_send on the same aio. If the pipe was closed between a step's end and its callback, that
 * aio is stopped, and the call returns without doing anything. No callback will ever run, so the operation on
 * the socket never ends. nng has one reaper thread, which then waits for that operation for ever, and so does
 * every later nng_close() of the process. To cause this, a pipe only has to end while data streams through
 * it.
 *
 * The calls go through the dynamic linker, so our functions replace nng's. A refused call leaves the aio with
 * NNG_ECANCELED. Our function then finishes the aio, and its callback sees an error as if the step had been
 * cut short. NNG_ECANCELED has no other cause here: nng closes a pipe's aios, which gives NNG_ECLOSED, before
 * it stops them. The callers hold the pipe's lock, which the callback takes first. Only calls that nng itself
 * makes are changed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#include "libactor/transport/nng/internal.h"

#define INTERPOSE __attribute__((visibility("default")))

typedef void stream_function(nng_stream *stream, nng_aio *aio);

static stream_function *next_recv, *next_send;

static stream_function *next_function(stream_function **cache, const char *name)
{
	stream_function *function = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (!function) {
		*(void **)&function = dlsym(RTLD_NEXT, name);
		__atomic_store_n(cache, function, __ATOMIC_RELAXED);
	}
	return function;
}

/* Whether the code at @address belongs to nng. */
static bool address_is_nngs(const void *address, stream_function *nngs)
{
	Dl_info caller, nng;

	return dladdr(address, &caller) && dladdr(*(void **)&nngs, &nng) && caller.dli_fbase == nng.dli_fbase;
}

static void stream_guard(stream_function *function, nng_stream *stream, nng_aio *aio, const void *caller)
{
	function(stream, aio);
	if (nng_aio_result(aio) == NNG_ECANCELED && address_is_nngs(caller, function))
		nng_aio_finish(aio, NNG_ECLOSED);
}

INTERPOSE void nng_stream_recv(nng_stream *stream, nng_aio *aio)
{
	stream_guard(next_function(&next_recv, "nng_stream_recv"), stream, aio, __builtin_return_address(0));
}

INTERPOSE void nng_stream_send(nng_stream *stream, nng_aio *aio)
{
	stream_guard(next_function(&next_send, "nng_stream_send"), stream, aio, __builtin_return_address(0));
}

int transport_stream_init(void)
{
	if (!next_function(&next_recv, "nng_stream_recv") || !next_function(&next_send, "nng_stream_send"))
		return -ENOSYS;
	return 0;
}
