// SPDX-License-Identifier: GPL-2.0-only
/*
 * op.c - the table of operations, and their bytes.
 *
 * Invariant: desc[] has a line for each code, in the order of enum fz_code; what else knows
 * operations (text, mutator, generator, report) reads it from here.
 */
#include "op.h"

#include <string.h>

static const char *const prots[] = { "read", "write", NULL };
static const char *const hows[] = { "read", "write", "other", NULL };
static const char *const kinds[] = { "anon", "shared", "private", "shifted", NULL };
static const char *const advices[] = { "dontneed",    "free",	      "remove",	      "pageout",
				       "cold",	      "collapse",     "hugepage",     "nohugepage",
				       "mergeable",   "unmergeable",  "dontfork",     "dofork",
				       "wipeonfork",  "keeponfork",   "willneed",     "populate-read",
				       "populate-write", NULL };
static const char *const files[] = { "memory", "huge", NULL };
static const char *const dirties[] = { "start", "stop", "get", "unmap", NULL };
static const char *const killed[] = { "own", "other", "shared", "shared-other", NULL };
static const char *const pressures[] = { "reclaim", "compact", "caches", NULL };

#define WHO { FZ_ARG_WHO, "who", FZ_PROCS, NULL }
#define CHILD { FZ_ARG_CHILD, "child", FZ_PROCS, NULL }
#define PAGE { FZ_ARG_PAGE, "page", FZ_PAGES, NULL }
#define COUNT { FZ_ARG_COUNT, "count", FZ_PAGES, NULL }
#define FEW { FZ_ARG_COUNT, "count", 16, NULL }
#define TO { FZ_ARG_PAGE, "to", FZ_PAGES, NULL }
#define IOVA { FZ_ARG_IOVA, "iova", FZ_IOVAS, NULL }
#define OFFSET { FZ_ARG_OFFSET, "offset", FZ_FILE_PAGES, NULL }
#define FILE_ { FZ_ARG_CHOICE, "file", 2, files }
#define PROT { FZ_ARG_BITS, "prot", 4, prots }
#define CONTAINER { FZ_ARG_CONTAINER, "container", FZ_CONTAINERS, NULL }
#define ADVICE { FZ_ARG_CHOICE, "advice", FZ_ADVICES, advices }
#define NUMBER(name, limit) { FZ_ARG_NUMBER, name, limit, NULL }

static const struct fz_op_desc desc[FZ_CODES] = {
	[FZ_MMAP] = { "mmap", 10, { WHO, PAGE, COUNT, { FZ_ARG_CHOICE, "kind", FZ_KINDS, kinds }, PROT } },
	[FZ_MUNMAP] = { "munmap", 6, { WHO, PAGE, COUNT } },
	[FZ_MREMAP] = { "mremap", 5, { WHO, PAGE, COUNT, TO, { FZ_ARG_COUNT, "new", FZ_PAGES, NULL } } },
	[FZ_MPROTECT] = { "mprotect", 5, { WHO, PAGE, COUNT, PROT } },
	[FZ_MADVISE] = { "madvise", 16, { WHO, PAGE, COUNT, ADVICE } },
	[FZ_PMADVISE] = { "process-madvise", 2, { WHO, { FZ_ARG_WHO, "whose", FZ_PROCS, NULL }, PAGE, COUNT, ADVICE } },
	[FZ_MLOCK] = { "mlock", 3, { WHO, PAGE, COUNT } },
	[FZ_MUNLOCK] = { "munlock", 2, { WHO, PAGE, COUNT } },
	[FZ_WRITE] = { "write", 12, { WHO, PAGE, FEW } },
	[FZ_READ] = { "read", 6, { WHO, PAGE, FEW } },
	[FZ_PUNCH] = { "punch", 3, { FILE_, OFFSET, { FZ_ARG_COUNT, "count", FZ_FILE_PAGES, NULL } } },
	[FZ_TRUNCATE] = { "truncate", 2, { FILE_, OFFSET } },
	[FZ_FILL] = { "fill", 2, { WHO, PAGE, FEW } },
	[FZ_FORK] = { "fork", 5, { CHILD } },
	[FZ_EXIT] = { "exit", 3, { CHILD } },
	[FZ_KILL] = { "kill", 1, { CHILD } },
	[FZ_EXEC] = { "exec", 2, { WHO } },
	[FZ_RLIMIT] = { "rlimit", 3, { WHO, NUMBER("pages", 8192) } },
	[FZ_PRESSURE] = { "pressure", 1, { { FZ_ARG_CHOICE, "what", FZ_PRESSURES, pressures }, COUNT } },
	[FZ_MAP] = { "map", 40, { WHO, IOVA, PAGE, COUNT, { FZ_ARG_BITS, "how", 8, hows } } },
	[FZ_UNMAP] = { "unmap", 20, { WHO, CONTAINER, IOVA, COUNT } },
	[FZ_UNMAP_ALL] = { "unmap-all", 1, { WHO, CONTAINER } },
	[FZ_HOSTILE] = { "hostile", 8, { WHO, CONTAINER, NUMBER("what", 64), IOVA, PAGE } },
	[FZ_VADDR_GONE] = { "vaddr-gone", 3, { WHO, CONTAINER, IOVA, COUNT } },
	[FZ_VADDR_NEW] = { "vaddr-new", 4, { WHO, CONTAINER, IOVA, PAGE, COUNT } },
	[FZ_DIRTY] = { "dirty", 3, { WHO, CONTAINER, { FZ_ARG_CHOICE, "what", FZ_DIRTIES, dirties }, IOVA, COUNT } },
	[FZ_ATTACH] = { "attach", 4, { CONTAINER } },
	[FZ_DETACH] = { "detach", 3, { CONTAINER } },
	[FZ_SWITCH] = { "switch", 1, { NUMBER("on", 2) } },
	[FZ_DEVICE_READ] = { "device-read", 8, { IOVA, FEW } },
	[FZ_DEVICE_WRITE] = { "device-write", 10, { IOVA, FEW } },
	[FZ_BLOCKED] = { "blocked", 4, { IOVA } },
	[FZ_BAR_MMAP] = { "bar-mmap", 2, { NUMBER("place", 16), { FZ_ARG_COUNT, "count", 64, NULL } } },
	[FZ_BAR_MUNMAP] = { "bar-munmap", 1, { NUMBER("place", 16), { FZ_ARG_COUNT, "count", 64, NULL } } },
	[FZ_BAR_MAP] = { "bar-map", 3, { WHO, IOVA, NUMBER("place", 16), { FZ_ARG_COUNT, "count", 192, NULL }, PROT } },
	[FZ_AUDIT] = { "audit", 3, { CONTAINER, NUMBER("on", 2) } },
	[FZ_ASK] = { "ask", 6, { CONTAINER, IOVA, COUNT } },
	[FZ_REFRESH] = { "refresh", 5, { WHO, CONTAINER, IOVA, COUNT } },
	[FZ_FAIL] = { "fail", 2, { NUMBER("point", 256), NUMBER("after", 16) } },
	[FZ_TOGETHER] = { "together", 2, { NUMBER("lead", 512) } },
	[FZ_SIGNALS] = { "signals", 1, { NUMBER("period", 512) } },
	[FZ_KILLED] = { "killed", 2, { IOVA, PAGE, COUNT, NUMBER("delay", 1024), { FZ_ARG_CHOICE, "how", 4, killed } } },
	[FZ_SHARE] = { "share", 5, { CHILD, NUMBER("files", 2) } },
	[FZ_SWAP] = { "swap", 1, { WHO, PAGE, COUNT } },
	[FZ_STARVED] = { "starved", 1, { IOVA, PAGE, COUNT, NUMBER("room", 4096), NUMBER("spared", 2) } },
	[FZ_PAGED] = { "paged", 2, { IOVA, PAGE, { FZ_ARG_COUNT, "count", 64, NULL }, NUMBER("lead", 512), { FZ_ARG_BITS, "how", 8, hows } } },
	/* It takes a second: drawn by an idiom alone. */
	[FZ_OTHER_DEVICE] = { "other-device", 0, { CONTAINER } },
};

const struct fz_op_desc *fz_op_desc(unsigned int code)
{
	return code < FZ_CODES ? &desc[code] : NULL;
}

unsigned int fz_op_code(const char *name)
{
	unsigned int code = 0;

	while (code < FZ_CODES && strcmp(desc[code].name, name))
		code++;
	return code;
}

/* Into the argument's limits. */
static unsigned int reduce(const struct fz_arg_desc *a, unsigned int value)
{
	switch (a->type) {
	case FZ_ARG_NONE:
		return 0;
	case FZ_ARG_COUNT:
		return value % a->limit ? value % a->limit : a->limit;
	case FZ_ARG_CHILD:
		return 1 + (value + a->limit - 2) % (a->limit - 1);
	default:
		return value % a->limit;
	}
}

unsigned int fz_op_arg(const struct fz_op *op, unsigned int i)
{
	return reduce(&desc[op->code % FZ_CODES].arg[i], op->arg[i]);
}

unsigned int fz_decode(const uint8_t *in, size_t len, struct fz_sequence *s)
{
	memset(s, 0, sizeof(*s));
	if (len < FZ_HEADER)
		return 0;
	s->setup = in[3] & FZ_SETUP_ALL;
	for (in += FZ_HEADER, len -= FZ_HEADER; len >= FZ_RECORD && s->n < FZ_OPS_MAX;
	     in += FZ_RECORD, len -= FZ_RECORD) {
		struct fz_op *op = &s->op[s->n++];

		op->code = in[0] % FZ_CODES;
		for (unsigned int i = 0; i < FZ_ARGS; i++) {
			op->arg[i] = (uint16_t)(in[2 + 2 * i] | in[3 + 2 * i] << 8);
			op->arg[i] = (uint16_t)fz_op_arg(op, i);
		}
	}
	return s->n;
}

size_t fz_encode(const struct fz_sequence *s, uint8_t *out, size_t room)
{
	const unsigned int n = s->n < FZ_OPS_MAX ? s->n : FZ_OPS_MAX;
	const size_t len = FZ_HEADER + (size_t)n * FZ_RECORD;

	if (room < len)
		return 0;
	out[0] = 'H';
	out[1] = 'F';
	out[2] = FZ_VERSION;
	out[3] = s->setup & FZ_SETUP_ALL;
	out += FZ_HEADER;
	for (unsigned int k = 0; k < n; k++, out += FZ_RECORD) {
		out[0] = s->op[k].code % FZ_CODES;
		out[1] = 0;
		for (unsigned int i = 0; i < FZ_ARGS; i++) {
			const unsigned int value = fz_op_arg(&s->op[k], i);

			out[2 + 2 * i] = (uint8_t)value;
			out[3 + 2 * i] = (uint8_t)(value >> 8);
		}
	}
	return len;
}

const char *fz_check(const uint8_t *in, size_t len)
{
	if (len < FZ_HEADER || in[0] != 'H' || in[1] != 'F')
		return "does not begin with 'HF': not an input of this fuzzer";
	if (in[2] != FZ_VERSION)
		return "written in another version of the format";
	if (in[3] & ~FZ_SETUP_ALL)
		return "has setup bits that are not known";
	if ((len - FZ_HEADER) % FZ_RECORD)
		return "ends in the middle of an operation";
	if ((len - FZ_HEADER) / FZ_RECORD > FZ_OPS_MAX)
		return "has more operations than are played";
	for (size_t at = FZ_HEADER; at < len; at += FZ_RECORD)
		if (in[at] >= FZ_CODES)
			return "has an operation that is not known";
	return NULL;
}
