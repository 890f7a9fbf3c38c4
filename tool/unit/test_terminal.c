// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_terminal.c - the live table on a terminal of its own: what it shows, keys, a new size,
 * and that the terminal is as it was however the program ends.
 */
#include "command.h"
#include "state.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

/** A program behind a terminal, and what it has written so far */
struct terminal {
	int fd;
	pid_t pid;
	struct termios before;
	char seen[65536];
	size_t len;
};

static void start(struct terminal *t, const char *root, const char *term)
{
	const struct winsize size = { .ws_row = 20, .ws_col = 140 };

	memset(t, 0, sizeof(*t));
	fflush(NULL);
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	assert_true(t->pid >= 0);
	if (!t->pid) {
		char *words[] = { (char *)"holdfast", (char *)"top", (char *)"--root", (char *)root,
				  (char *)"-i", (char *)"0.2", NULL };

		/* Also when a test fails and leaves it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("TERM", term, 1);
		/* The parent looks at the terminal first. */
		raise(SIGSTOP);
		_exit(ht_main(6, words));
	}
	assert_int_equal(waitpid(t->pid, NULL, WUNTRACED), t->pid);
	assert_int_equal(tcgetattr(t->fd, &t->before), 0);
	assert_int_equal(kill(t->pid, SIGCONT), 0);
}

/* Read once; false when it is closed or silent for too long. */
static bool more(struct terminal *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	ssize_t got;

	if (poll(&p, 1, PATIENCE_MS) <= 0)
		return false;
	/* What was found before is not needed again. */
	if (t->len > sizeof(t->seen) / 2)
		t->len = 0;
	got = read(t->fd, t->seen + t->len, sizeof(t->seen) - t->len - 1);
	if (got <= 0)
		return false;
	t->len += (size_t)got;
	t->seen[t->len] = '\0';
	return true;
}

/* Wait for a text; what was before it is forgotten. */
static void expect(struct terminal *t, const char *text)
{
	const char *found;

	while (!(found = strstr(t->seen, text)))
		if (!more(t))
			fail_msg("\"%s\" did not come; there was: %s", text, t->seen);
	t->len -= (size_t)(found - t->seen) + strlen(text);
	memmove(t->seen, found + strlen(text), t->len + 1);
}

static void press(const struct terminal *t, const char *keys)
{
	assert_int_equal(write(t->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* It ends, with the terminal as before; its status. */
static int end(struct terminal *t, bool shown)
{
	struct termios after;
	int status = -1;

	/* The main screen comes back. */
	if (shown)
		expect(t, "\033[?1049l");
	while (waitpid(t->pid, &status, WNOHANG) == 0)
		usleep(10000);
	assert_int_equal(tcgetattr(t->fd, &after), 0);
	assert_int_equal(after.c_lflag, t->before.c_lflag);
	assert_int_equal(after.c_iflag, t->before.c_iflag);
	assert_int_equal(after.c_oflag, t->before.c_oflag);
	return status;
}

static void test_keys(void **state)
{
	const struct winsize narrow = { .ws_row = 8, .ws_col = 50 };
	char *root = state_make();
	struct terminal t;
	struct termios now;
	int status;

	(void)state;
	state_put_container(root);
	start(&t, root, "xterm");
	expect(&t, "1 container, 4 mappings: 1.5 GiB mapped");
	expect(&t, "sorted by bytes, every 0.2 s");
	expect(&t, "COMMAND");
	expect(&t, "712 testpmd");
	expect(&t, "q quit");
	assert_int_equal(tcgetattr(t.fd, &now), 0);
	assert_int_not_equal(now.c_lflag, t.before.c_lflag);
	press(&t, ">");
	/* From bytes to pins; ncurses keeps the letter that stays. */
	expect(&t, "pin");
	press(&t, "r");
	expect(&t, "reversed");
	/* New containers come by themselves. */
	state_put(root, 4, "mappings", HEADER_TEXT);
	state_put(root, 4, "incoherent", "");
	state_put(root, 4, "info", "id: 4\ntype: v1\npid: 1\nage_ms: 1\ngroups: 1\nemulated: 0\n"
		  "domains: 1\npage_sizes: 0\nmappings: 0\navailable: 1\nbytes: 0\n"
		  "charged_pages: 0\npins: 0\nruns: 0\nbytes_4k: 0\nbytes_2m: 0\nbytes_1g: 0\n"
		  "maps: 0\nunmaps: 0\nmap_failures: 0\nslowest_map_us: 0\nslowest_map_iova: 0\n"
		  "slowest_map_size: 0\ntracking_dirty: 0\n");
	expect(&t, "s, 4 mappings");
	assert_int_equal(ioctl(t.fd, TIOCSWINSZ, &narrow), 0);
	/* Everything is drawn again, cut at the edge. */
	expect(&t, "2 containers");
	expect(&t, "q quit");
	press(&t, "q");
	status = end(&t, true);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HT_OK);
	close(t.fd);
	state_free(root);
}

static void test_interrupt(void **state)
{
	char *root = state_make();
	struct terminal t;
	int status;

	(void)state;
	state_put_container(root);
	start(&t, root, "xterm");
	expect(&t, "q quit");
	press(&t, "\x03");
	status = end(&t, true);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HT_OK);
	close(t.fd);

	start(&t, root, "xterm");
	expect(&t, "q quit");
	assert_int_equal(kill(t.pid, SIGTERM), 0);
	status = end(&t, true);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	close(t.fd);
	state_free(root);
}

/* The window is closed. */
static void test_hangup(void **state)
{
	char *root = state_make();
	struct terminal t;
	int status = 0;

	(void)state;
	state_put_container(root);
	start(&t, root, "xterm");
	expect(&t, "q quit");
	close(t.fd);
	for (int i = 0; i < PATIENCE_MS / 10 && waitpid(t.pid, &status, WNOHANG) == 0; i++)
		usleep(10000);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGHUP);
	state_free(root);
}

/* The module goes away under it: the message stays on the screen that comes back. */
static void test_problem(void **state)
{
	char *root = state_make();
	struct terminal t;
	int status;

	(void)state;
	state_put_container(root);
	start(&t, root, "xterm");
	expect(&t, "q quit");
	state_put(root, 3, "mappings", "nonsense");
	expect(&t, "\033[?1049l");
	expect(&t, "holdfast: /tmp/holdfast-unit-");
	status = end(&t, false);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HT_MALFORMED);
	close(t.fd);

	start(&t, root, "no-such-terminal");
	expect(&t, "TERM=no-such-terminal: use --once");
	status = end(&t, false);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HT_FAILED);
	close(t.fd);
	state_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_hangup),
		cmocka_unit_test(test_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
