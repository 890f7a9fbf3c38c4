// SPDX-License-Identifier: GPL-2.0-only
/*
 * user.c - asking the kernel what a user has locked.
 *
 * Invariant: limits and privileges are a forked process's, which ends with the answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <holdfast/user.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pages the kernel charges for a message that is no page long. */
#define MESSAGE_PAGES 2
#define MESSAGE_LEN 64
/* Pages nobody has. */
#define TOO_MANY (1ULL << 30)

/* May this process lock so much for a message? 1, 0, or -errno: something else is wrong. */
static int may_send(uint64_t limit, int patience_ms)
{
	static const char message[MESSAGE_LEN];
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct rlimit most = { .rlim_cur = limit, .rlim_max = RLIM_INFINITY };
	const int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd done = { .fd = fd };
	int ret = -ENODATA;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) &&
	    !setrlimit(RLIMIT_MEMLOCK, &most)) {
		if (sendto(fd, message, MESSAGE_LEN, MSG_ZEROCOPY, (const void *)&to,
			   sizeof(to)) == MESSAGE_LEN)
			/* The error queue says when it is charged no more. */
			ret = poll(&done, 1, patience_ms) == 1 ? 1 : -ETIMEDOUT;
		else if (errno == ENOBUFS)
			ret = 0;
	}
	close(fd);
	return ret;
}

/* What is locked, as this process's user without privilege sees it. */
static int bisect(int patience_ms, uint64_t *bytes)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t low = 0, high = MESSAGE_PAGES; /* pages: too few, enough */
	int may;

	while ((may = may_send(high * page, patience_ms)) == 0) {
		low = high;
		high *= 2;
		if (high > TOO_MANY)
			return -EOVERFLOW;
	}
	while (may >= 0 && high - low > 1) {
		const uint64_t middle = low + (high - low) / 2;

		may = may_send(middle * page, patience_ms);
		if (may > 0)
			high = middle;
		else
			low = middle;
	}
	if (may < 0)
		return may;
	/* Less than the message takes is enough: only a count below zero would allow that. */
	if (high < MESSAGE_PAGES)
		return -EOVERFLOW;
	*bytes = (high - MESSAGE_PAGES) * page;
	return 0;
}

static bool become(uid_t uid)
{
	const struct rlimit most = { RLIM_INFINITY, RLIM_INFINITY };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return !setrlimit(RLIMIT_MEMLOCK, &most) && !setresuid(uid, uid, uid) &&
	       !syscall(SYS_capset, &header, none);
}

int hf_user_locked(uid_t uid, int patience_ms, uint64_t *bytes)
{
	struct answer {
		int ret;
		uint64_t bytes;
	} *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int ret;

	if (a == MAP_FAILED)
		return -errno;
	a->ret = -ENODATA;
	pid = fork();
	if (!pid) {
		a->ret = become(uid) ? bisect(patience_ms, &a->bytes) : -EPERM;
		_exit(0);
	}
	ret = pid < 0 || waitpid(pid, NULL, 0) != pid ? -errno : a->ret;
	if (!ret)
		*bytes = a->bytes;
	munmap(a, sizeof(*a));
	return ret;
}
