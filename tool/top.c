// SPDX-License-Identifier: GPL-2.0-only
/*
 * top.c - ncurses around the table.
 *
 * Signals are blocked but while the program waits for a key, so none is missed between a look
 * at the flag and the wait. A signal that ends the program only sets the flag; the one way out
 * is through endwin(). What ncurses does with a new window size and with Ctrl-Z is left to it.
 */
#include "top.h"

#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended_by;

static void on_signal(int signal)
{
	ended_by = signal;
}

/**
 * struct screen - what is shown
 * @s: where it comes from
 * @snap: the containers
 * @order: how they are sorted
 * @interval_ms: between refreshes
 * @scroll: containers above the first that is shown
 */
struct screen {
	struct ht_source *s;
	struct ht_snapshot snap;
	struct ht_order order;
	unsigned int interval_ms;
	size_t scroll;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A new snapshot; the old one serves for the rates. */
static enum ht_code look(struct screen *screen)
{
	struct ht_snapshot next;
	const enum ht_code code = ht_source_all(screen->s, 0, &next);

	if (code) {
		ht_snapshot_free(&next);
		return code;
	}
	ht_rates(&next, screen->snap.taken_ms ? &screen->snap : NULL);
	ht_table_sort(&next, screen->order);
	ht_snapshot_free(&screen->snap);
	screen->snap = next;
	return HT_OK;
}

static void put_line(int y, attr_t attributes, const char *text)
{
	int width = getmaxx(stdscr);

	move(y, 0);
	attrset(attributes);
	addnstr(text, width);
	/* To the edge, so that a reversed line is reversed all along. */
	for (int x = (int)strlen(text); x < width; x++)
		addch(' ');
	attrset(A_NORMAL);
}

static void draw(struct screen *screen)
{
	const int height = getmaxy(stdscr);
	const size_t room = height > 4 ? (size_t)height - 4 : 0;
	char line[HT_ROW];

	if (screen->scroll + room > screen->snap.nr)
		screen->scroll = screen->snap.nr > room ? screen->snap.nr - room : 0;
	erase();
	ht_table_summary(line, &screen->snap);
	put_line(0, A_NORMAL, line);
	snprintf(line, sizeof(line), "sorted by %s%s, every %g s",
		 ht_table_key(screen->order.column), screen->order.reverse ? ", reversed" : "",
		 (double)screen->interval_ms / 1000);
	put_line(1, A_DIM, line);
	ht_table_header(line);
	put_line(2, A_REVERSE, line);
	for (size_t i = 0; i < room && screen->scroll + i < screen->snap.nr; i++) {
		const struct ht_container *c = &screen->snap.containers[screen->scroll + i];

		ht_table_row(line, c);
		put_line(3 + (int)i, c->info.incoherent_bytes ? A_BOLD : A_NORMAL, line);
	}
	put_line(height - 1, A_DIM,
		 "q quit  < > sort column  r reverse  up down scroll  space refresh");
	refresh();
}

/* True when it was the last one; @refresh_now is set when the table is to be read again. */
static bool on_key(struct screen *screen, int key, bool *refresh_now)
{
	const int columns = ht_table_columns();
	const size_t page = getmaxy(stdscr) > 5 ? (size_t)getmaxy(stdscr) - 5 : 1;

	switch (key) {
	case 'q':
	case 'Q':
		return true;
	case '<':
	case KEY_LEFT:
		screen->order.column = (screen->order.column + columns - 1) % columns;
		break;
	case '>':
	case KEY_RIGHT:
		screen->order.column = (screen->order.column + 1) % columns;
		break;
	case 'r':
		screen->order.reverse = !screen->order.reverse;
		break;
	case KEY_UP:
		screen->scroll -= screen->scroll > 0;
		break;
	case KEY_DOWN:
		screen->scroll++;
		break;
	case KEY_PPAGE:
		screen->scroll -= screen->scroll < page ? screen->scroll : page;
		break;
	case KEY_NPAGE:
		screen->scroll += page;
		break;
	case ' ':
		*refresh_now = true;
		break;
	default:
		/* KEY_RESIZE too: it only wants to be drawn. */
		break;
	}
	ht_table_sort(&screen->snap, screen->order);
	return false;
}

/* Wait for a key, a signal or the time; @open: the signals let through meanwhile. */
static void wait_for_key(uint64_t until, const sigset_t *open)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	const uint64_t now = now_ms();
	const uint64_t left = until > now ? until - now : 0;
	const struct timespec time = { .tv_sec = (time_t)(left / 1000),
				       .tv_nsec = (long)(left % 1000) * 1000000 };

	/*
	 * A terminal that is gone is always readable, and as long as something is readable no
	 * signal comes through.
	 */
	if (ppoll(&input, 1, &time, open) > 0 && (input.revents & ~POLLIN))
		ended_by = SIGHUP;
}

static enum ht_code run(struct screen *screen, const sigset_t *open)
{
	uint64_t next = 0;

	while (!ended_by) {
		bool refresh_now = false;
		int key;

		if (now_ms() >= next) {
			const enum ht_code code = look(screen);

			if (code)
				return code;
			next = now_ms() + screen->interval_ms;
		}
		draw(screen);
		wait_for_key(next, open);
		while ((key = getch()) != ERR)
			if (on_key(screen, key, &refresh_now))
				return HT_OK;
		if (refresh_now)
			next = 0;
	}
	return HT_OK;
}

static const int ending[] = { SIGINT, SIGTERM, SIGHUP };

#define NR_ENDING (sizeof(ending) / sizeof(*ending))

/* Block what ends the program or changes the window; @open: the mask without. */
static void take_signals(sigset_t *open)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGWINCH);
	for (size_t i = 0; i < NR_ENDING; i++) {
		sigaction(ending[i], &action, NULL);
		sigaddset(&blocked, ending[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, open);
	for (size_t i = 0; i < NR_ENDING; i++)
		sigdelset(open, ending[i]);
	sigdelset(open, SIGWINCH);
}

/* What comes from now on ends the program by itself. */
static void leave_signals(const sigset_t *open)
{
	for (size_t i = 0; i < NR_ENDING; i++)
		signal(ending[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, open, NULL);
}

int ht_top(struct ht_source *s, struct ht_order order, unsigned int interval_ms,
	   enum ht_code *code)
{
	struct screen screen = { .s = s, .order = order, .interval_ms = interval_ms };
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	const char *name = getenv("TERM");
	sigset_t open;

	if (!terminal) {
		*code = ht_problem(&s->problem, HT_FAILED,
				   "nothing is known about the terminal TERM=%s: use --once",
				   name ? name : "");
		return 0;
	}
	/* After newterm(), which has handlers of its own for some. */
	take_signals(&open);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	*code = run(&screen, &open);
	endwin();
	delscreen(terminal);
	leave_signals(&open);
	ht_snapshot_free(&screen.snap);
	return ended_by;
}
