// SPDX-License-Identifier: GPL-2.0-only
/*
 * options.c - the command line: holdfast COMMAND [OPTION]... [ID].
 *
 * --root and --json may stand before the command as well as behind it. Each command has an argp
 * parser of its own, whose child parses those two.
 */
#include "command.h"
#include "picture.h"
#include "text.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "holdfast 1";

enum { OPT_ROOT = 256, OPT_JSON, OPT_ONCE, OPT_SVG, OPT_ROWS };

/** struct command - one of them; @wants_id: 0 none, 1 may, 2 must name a container */
struct command {
	const char *name;
	ht_command run;
	int wants_id;
	const struct argp argp;
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct ht_options *o = state->input;

	switch (key) {
	case OPT_ROOT:
		o->root = arg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option common_options[] = {
	{ "root", OPT_ROOT, "DIR", 0, "read DIR instead of " HT_ROOT ": a copy of it", 0 },
	{ "json", OPT_JSON, NULL, 0, "answer in JSON (docs/observability.md)", 0 },
	{ 0 }
};

static const struct argp common = { .options = common_options, .parser = parse_common };
static const struct argp_child children[] = { { &common, 0, NULL, 0 }, { 0 } };

static int column_of(const char *key, struct argp_state *state)
{
	const int column = ht_table_find(key);

	if (column < 0)
		argp_error(state, "--sort: there is no column '%s', see --help", key);
	return column;
}

static unsigned int interval_of(const char *arg, struct argp_state *state)
{
	char *end;
	const double seconds = strtod(arg, &end);

	/* Written so that what is no number is refused too. */
	if (end == arg || *end || !(seconds >= 0.1 && seconds <= 3600))
		argp_error(state, "--interval takes 0.1 to 3600 seconds, not '%s'", arg);
	return (unsigned int)(seconds * 1000);
}

static unsigned int rows_of(const char *arg, struct argp_state *state)
{
	uint64_t rows;

	if (!ht_number((struct ht_span){ arg, strlen(arg) }, HT_DECIMAL, &rows) ||
	    rows < HT_ROWS_MIN || rows > HT_ROWS_MAX)
		argp_error(state, "--rows takes %d to %d, not '%s'", HT_ROWS_MIN, HT_ROWS_MAX, arg);
	return (unsigned int)rows;
}

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
	struct ht_options *o = state->input;

	switch (key) {
	case OPT_ONCE:
		o->once = true;
		return 0;
	case 's':
		o->order.column = column_of(arg, state);
		return 0;
	case 'r':
		o->order.reverse = true;
		return 0;
	case 'i':
		o->interval_ms = interval_of(arg, state);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* All other commands: a container, and for "map" what the picture is to be. */
static error_t parse_id(int key, char *arg, struct argp_state *state)
{
	struct ht_options *o = state->input;

	switch (key) {
	case OPT_SVG:
		o->svg = arg;
		return 0;
	case OPT_ROWS:
		o->rows = rows_of(arg, state);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case ARGP_KEY_ARG:
		if (o->has_id)
			argp_error(state, "one container only, not also '%s'", arg);
		if (!ht_number((struct ht_span){ arg, strlen(arg) }, HT_DECIMAL, &o->id))
			argp_error(state, "'%s' is no container: they have numbers, see holdfast top",
				   arg);
		o->has_id = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option top_options[] = {
	{ "once", OPT_ONCE, NULL, 0,
	  "print one table; also what happens without a terminal. Rates are over the lives of the "
	  "containers then", 0 },
	{ "interval", 'i', "SECONDS", 0, "from one refresh to the next (default 2)", 0 },
	{ "sort", 's', "COLUMN", 0,
	  "id, pid, command, mappings, bytes (default), pins, charged, 4k, 2m, 1g, maps, unmaps, "
	  "failures, incoherent, slowest, age", 0 },
	{ "reverse", 'r', NULL, 0, "the other way round", 0 },
	{ 0 }
};

static const struct argp_option map_options[] = {
	{ "svg", OPT_SVG, "FILE", 0, "write the picture there as well, as an image", 0 },
	{ "rows", OPT_ROWS, "N", 0, "as many rows of 64 cells at most (default 24)", 0 },
	{ 0 }
};

static const struct command commands[] = {
	{ "top", ht_command_top, 0,
	  { top_options, parse_top, "", "Live table of all containers.", children, NULL, NULL } },
	{ "show", ht_command_show, 1,
	  { NULL, parse_id, "[ID]",
	    "A container in detail, and its mappings by process. Without ID: all of them.",
	    children, NULL, NULL } },
	{ "map", ht_command_map, 2,
	  { map_options, parse_id, "ID", "Picture of a container's IOVA space.", children, NULL,
	    NULL } },
	{ "incoherent", ht_command_incoherent, 1,
	  { NULL, parse_id, "[ID]",
	    "Ranges that device and CPU no longer share. Exit status 3 when there are any, 0 when "
	    "there are none. Nothing is known of containers whose audit is off.", children, NULL,
	    NULL } },
	{ "stat", ht_command_stat, 0,
	  { NULL, parse_id, "", "Totals of all containers.", children, NULL, NULL } },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(*commands))

static const char doc[] =
	"What the holdfast VFIO IOMMU driver holds: for whom, since when, at what cost."
	"\v"
	"Commands:\n"
	"  top              live table of all containers\n"
	"  show [ID]        a container in detail, its mappings by process\n"
	"  map ID           picture of its IOVA space\n"
	"  incoherent [ID]  ranges that device and CPU no longer share\n"
	"  stat             totals of all containers\n"
	"'holdfast COMMAND --help' lists the options of each.\n"
	"\n"
	"Exit status:\n"
	"  0  done (incoherent: there are no such ranges)\n"
	"  1  no memory, or a file that cannot be read or written\n"
	"  2  wrong options or arguments\n"
	"  3  incoherent: there are such ranges\n"
	"  4  not allowed to read the state: be root\n"
	"  5  the module is not loaded, or --root is no copy of its state\n"
	"  6  debugfs is not mounted, or the module does not show itself there\n"
	"  7  there is no such container, or no more\n"
	"  8  the module's state has another format version\n"
	"  9  the state is not what that format says\n";

/** struct whole - what the first parser leaves: the command, and its words */
struct whole {
	struct ht_options options;
	const struct command *command;
	int first;
};

static error_t parse_whole(int key, char *arg, struct argp_state *state)
{
	struct whole *w = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &w->options;
		return 0;
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < NR_COMMANDS; i++)
			if (!strcmp(arg, commands[i].name))
				w->command = &commands[i];
		if (!w->command)
			argp_error(state, "there is no command '%s'", arg);
		/* The rest is the command's. */
		w->first = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no command");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Parse the words of the command; its name in messages is "holdfast top". */
static void parse_command(struct whole *w, int argc, char **argv)
{
	static char name[32];
	const int count = argc - w->first;
	char **words = argv + w->first;

	snprintf(name, sizeof(name), "holdfast %s", w->command->name);
	words[0] = name;
	argp_parse(&w->command->argp, count, words, 0, NULL, &w->options);
	if ((w->command->wants_id == 2 && !w->options.has_id) ||
	    (w->command->wants_id == 0 && w->options.has_id)) {
		fprintf(stderr, "%s: %s\n", name, w->options.has_id ? "it takes no container" :
			"which container? holdfast top --once lists them");
		exit(HT_USAGE);
	}
}

int ht_main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_whole, .args_doc = "COMMAND [OPTION...]", .doc = doc,
		.children = children,
	};
	struct whole w = { .options = { .root = HT_ROOT, .interval_ms = 2000,
					.rows = HT_ROWS_DEFAULT } };
	struct ht_source s;
	enum ht_code code;

	argp_err_exit_status = HT_USAGE;
	w.options.order.column = ht_table_find("bytes");
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &w);
	parse_command(&w, argc, argv);

	code = ht_source_open(&s, w.options.root);
	if (!code)
		code = w.command->run(&s, &w.options, stdout);
	ht_source_close(&s);
	if (fflush(stdout) && !s.problem.code)
		code = ht_problem(&s.problem, HT_FAILED, "cannot write: %s", strerror(errno));
	if (s.problem.code && code != HT_OK && code != HT_INCOHERENT)
		fprintf(stderr, "holdfast: %s\n", s.problem.text);
	return code;
}
