#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""at_commit.py SIGNAL DATABASE COMMAND...: a command that is sent a signal while it stores

The database is there already and is being read, so that whoever writes into it waits with what it has
written: that moment comes at any speed of the machine, and lasts until the signal has been sent. Prints
what the command says; 0 when the signal is what ended it.
"""
import os, signal, sqlite3, subprocess, sys, time

number, database, command = getattr(signal, "SIG" + sys.argv[1]), sys.argv[2], sys.argv[3:]


def default():  # a shell's background processes ignore some of them
    for s in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(s, signal.SIG_DFL)


def reader():
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0, isolation_level=None)
    db.execute("begin")
    db.execute("select count(*) from run").fetchone()
    return db


def wait_for_commit():
    """A process that ends when the next reader would have to wait, or its parent is gone; of its own, as the readers of
    one process share their lock."""
    parent, child = os.getpid(), os.fork()
    if child:
        return child
    while os.getppid() == parent:
        try:
            reader().close()
        except sqlite3.OperationalError:
            break
        time.sleep(0.02)
    os._exit(0)


watcher = wait_for_commit()
first = reader()
process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=default)
while process.poll() is None and os.waitpid(watcher, os.WNOHANG) == (0, 0):
    time.sleep(0.02)
process.send_signal(number)  # of a process that has ended already it is no matter: its status tells
first.close()
said = process.communicate()[1]
sys.stdout.write(said)
sys.exit(0 if process.returncode == -number else f"status {process.returncode}: {said}")
