// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_ktap.c - the KTAP writer and the failure path, seen from outside: each scenario runs
 * in a child whose output and exit status are compared with what they must be.
 */
#include "unit.h"

#include <errno.h>
#include <holdfast/fail.h>
#include <holdfast/ktap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[4096];

/* Run a scenario in a child; its exit status, and its stdout in output[]. */
static int run(int (*scenario)(void))
{
	size_t len = 0;
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		exit(scenario());
	}
	close(pipes[1]);
	while ((n = read(pipes[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int scenario_pass(void)
{
	hf_ktap_plan(2);
	hf_ktap_begin("one %d", 1);
	hf_expect(true, "fine");
	hf_expect_eq(3, 3, "fine");
	hf_ktap_end();
	hf_ktap_begin("two # \n");
	hf_ktap_skip("no reason");
	hf_ktap_end();
	return hf_ktap_exit();
}

static void passes(void **state)
{
	(void)state;
	assert_int_equal(run(scenario_pass), HF_EXIT_OK);
	assert_string_equal(output, "KTAP version 1\n1..2\nok 1 one 1\n"
				    "ok 2 two _ _ # SKIP no reason\n"
				    "# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:1 error:0\n");
}

static int scenario_fail(void)
{
	hf_ktap_begin("a");
	if (!hf_expect_eq(1, 2, "number %d", 7))
		hf_ktap_diag("two\nlines");
	hf_ktap_skip("too late");
	hf_ktap_begin("b"); /* ends a */
	return hf_ktap_exit();
}

static void fails(void **state)
{
	(void)state;
	assert_int_equal(run(scenario_fail), HF_EXIT_FAIL);
	assert_non_null(strstr(output, "number 7: expected 1 == 2\n"));
	assert_non_null(strstr(output, "#   got 1 (0x1), want 2 (0x2)\n# two\n# lines\n"));
	assert_non_null(strstr(output, "\nnot ok 1 a\nok 2 b\n1..2\n"));
}

static int scenario_short(void)
{
	hf_ktap_plan(2);
	hf_ktap_begin("only");
	return hf_ktap_exit();
}

static int scenario_all_skipped(void)
{
	hf_ktap_plan(1);
	hf_ktap_begin("x");
	hf_ktap_skip("because");
	return hf_ktap_exit();
}

static int scenario_skip_all(void)
{
	hf_ktap_skip_all("no %s", "device");
}

static void exit_codes(void **state)
{
	(void)state;
	assert_int_equal(run(scenario_short), HF_EXIT_FAIL);
	assert_int_equal(run(scenario_all_skipped), HF_EXIT_SKIP);
	assert_int_equal(run(scenario_skip_all), HF_EXIT_SKIP);
	assert_string_equal(output, "KTAP version 1\n1..0 # SKIP no device\n");
}

static int scenario_bail(void)
{
	hf_ktap_plan(3);
	hf_ktap_begin("deadly");
	hf_must(-ENOENT);
	return 0;
}

static void bails_out(void **state)
{
	(void)state;
	assert_int_equal(run(scenario_bail), HF_EXIT_FAIL);
	assert_non_null(strstr(output, ": -ENOENT: No such file or directory\nnot ok 1 deadly\n"
				       "Bail out! -ENOENT: No such file or directory\n"));
}

static int scenario_child(void)
{
	int status;
	pid_t pid;

	hf_ktap_plan(1);
	hf_ktap_begin("forks");
	pid = fork();
	if (!pid) {
		hf_expect(false, "child says no");
		hf_ktap_end();
		_exit(hf_ktap_child_exit());
	}
	waitpid(pid, &status, 0);
	hf_expect_eq(WEXITSTATUS(status), 1, "child's status");
	pid = fork();
	if (!pid)
		hf_fail(EPERM, "child dies");
	waitpid(pid, &status, 0);
	hf_expect_eq(WEXITSTATUS(status), 1, "child's status");
	return hf_ktap_exit();
}

static void children_print_no_results(void **state)
{
	(void)state;
	assert_int_equal(run(scenario_child), HF_EXIT_OK);
	assert_non_null(strstr(output, "child says no"));
	assert_non_null(strstr(output, "child dies: Operation not permitted\n"));
	assert_non_null(strstr(output, "\nok 1 forks\n"));
	assert_null(strstr(output, "not ok"));
	assert_null(strstr(output, "Bail"));
}

static void my_handler(const char *file, int line, const char *message, void *data)
{
	printf("%s %d %s %s\n", file, line > 0 ? 1 : 0, message, (const char *)data);
	fflush(stdout);
	_exit(7);
}

static void careless_handler(const char *file, int line, const char *message, void *data)
{
	(void)file;
	(void)line;
	(void)message;
	(void)data;
}

static int scenario_handler(void)
{
	static char data[] = "data";

	hf_fail_set_handler(my_handler, data);
	hf_require(1 == 1, "never");
	hf_require(1 == 2, "x=%d", 5);
	return 0;
}

static int scenario_careless(void)
{
	hf_fail_set_handler(careless_handler, NULL);
	hf_fail(0, "over");
}

static void handlers(void **state)
{
	(void)state;
	assert_int_equal(run(scenario_handler), 7);
	assert_non_null(strstr(output, "test_ktap.c 1 x=5 data\n"));
	assert_int_equal(run(scenario_careless), HF_EXIT_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes),    cmocka_unit_test(fails),
		cmocka_unit_test(exit_codes), cmocka_unit_test(bails_out),
		cmocka_unit_test(children_print_no_results), cmocka_unit_test(handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
