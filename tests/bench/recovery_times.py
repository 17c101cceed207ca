#!/usr/bin/env python3
"""How soon a broken job works again, on this machine, with the stub model:  recovery_times.py --build build/release [--tries 5]

  engine     kill -9 of an engine until its successor is a process
  worker     SIGSTOP of a worker until the coordinator gives its block to another, in leases
  coordinator, mpirun   kill -9 until the job's processes are gone (teardown), and until the next engine works
  stop       TERM to the supervisor until it has ended, with nothing that runs worth waiting for (--grace 0)

Not a test: it prints the median and the longest of the tries. A busy machine lengthens all of them.
"""
import argparse
import glob
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SILENCE_S = 2
LEASE_S = SILENCE_S + 2 + SILENCE_S / 10  # sched/desk.c


def processes(cwd, program, rank=None):
    """Of this run, by program; pid -> environment."""
    found = {}
    for p in glob.glob("/proc/[0-9]*"):
        try:
            if os.readlink(p + "/cwd") != cwd or os.path.basename(os.readlink(p + "/exe")) != program:
                continue
            with open(p + "/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                    continue
            with open(p + "/environ", "rb") as f:
                env = f.read().split(b"\0")
        except OSError:
            continue
        own = next((e[21:].decode() for e in env if e.startswith(b"OMPI_COMM_WORLD_RANK=")), None)
        if rank is None or own == str(rank):
            found[int(p[6:])] = own
    return found


def children(pid):
    """Of its main thread: one file, where processes() takes tens of milliseconds to go through all there are."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return {int(p) for p in f.read().split()}


def wait(what, timeout_s=60, pause_s=0.001):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(pause_s)
    sys.exit("recovery_times.py: waited in vain; is the build whole?")


class Job:
    def __init__(self, build, folder, workers, sleep_from, *options):
        self.cwd = folder
        self.log = open(os.path.join(folder, "log"), "w+")
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
                   SAVBENCH_ENGINE_SILENCE_S=str(SILENCE_S), SAVBENCH_STUB_FAULT=f"sleep:0:{sleep_from}")
        self.process = subprocess.Popen(
            [os.path.join(build, "savbench"), "run", "--split-dir", "data", "--models", "stub", "--prompts", "box", "--image-size", "256",
             "--dtype", "float32,bfloat16", "--repeats", "20", "--warmup-frames", "0", "--out-dir", "out", "--workers", str(workers),
             "--quiet", *options], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)
        wait(lambda: glob.glob(os.path.join(folder, "out/shards/*/[!.]*.h5")))

    def pids(self, program, rank=None):
        return processes(self.cwd, program, rank)

    def says(self, text):
        self.log.flush()
        with open(self.log.name) as f:
            return text in f.read()

    def shards(self):
        return len(glob.glob(os.path.join(self.cwd, "out/shards/*/[!.]*.h5")))

    def end(self):
        self.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        wait(lambda: not self.pids("savbench") and not self.pids("savbench-engine"))
        self.log.close()


def engine(build, folder):
    job = Job(build, folder, 1, 11)
    worker_pid = next(iter(job.pids("savbench", 1)))
    old = wait(lambda: children(worker_pid))
    begun = time.monotonic()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: children(worker_pid) - old, pause_s=0.0002)
    started = time.monotonic() - begun
    before = job.shards()
    wait(lambda: job.shards() > before)
    job.end()
    return [("engine: successor started", 1000 * started, "ms")]


def worker(build, folder):
    job = Job(build, folder, 2, 11)
    stopped = next(p for p, r in job.pids("savbench", 2).items())
    begun = time.monotonic()
    os.kill(stopped, signal.SIGSTOP)
    wait(lambda: job.says("has been silent for"), pause_s=0.01)
    noticed = time.monotonic() - begun
    os.kill(stopped, signal.SIGCONT)
    job.end()
    return [("worker: stopped until noticed", noticed / LEASE_S, f"leases of {LEASE_S:.1f} s")]


def killed(build, folder, what):
    job = Job(build, folder, 2, 11)
    old = set(job.pids("savbench")) | set(job.pids("savbench-engine"))
    old.discard(job.process.pid)
    victim = next(iter(job.pids("savbench", 0) if what == "coordinator" else job.pids("orterun")))
    begun = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait(lambda: not old & (set(job.pids("savbench")) | set(job.pids("savbench-engine"))))
    down = time.monotonic() - begun
    wait(lambda: set(job.pids("savbench-engine")) - old)
    up = time.monotonic() - begun
    before = job.shards()
    wait(lambda: job.shards() > before)
    result = time.monotonic() - begun
    job.end()
    return [(f"{what}: old processes gone", down, "s"), (f"{what}: an engine works again", up, "s"),
            (f"{what}: the next result", result, "s")]


def stop(build, folder):
    job = Job(build, folder, 2, 5, "--grace", "0")
    begun = time.monotonic()
    job.process.send_signal(signal.SIGTERM)
    job.process.wait()
    wait(lambda: not job.pids("savbench") and not job.pids("savbench-engine"))
    took = time.monotonic() - begun
    job.log.close()
    return [("TERM: all ended", took, "s")]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", required=True)
    p.add_argument("--tries", type=int, default=5)
    a = p.parse_args()
    build = os.path.abspath(a.build)
    cases = [engine, worker, lambda b, f: killed(b, f, "coordinator"), lambda b, f: killed(b, f, "mpirun"), stop]
    for case in cases:
        figures = {}
        for _ in range(a.tries):
            with tempfile.TemporaryDirectory() as folder:
                folder = os.path.realpath(folder)
                subprocess.run([os.path.join(build, "make_dataset"), os.path.join(folder, "data")], check=True)
                for name, value, unit in case(build, folder):
                    figures.setdefault((name, unit), []).append(value)
        for (name, unit), values in figures.items():
            print(f"{name}: {statistics.median(values):.2f} {unit}, at most {max(values):.2f} of {len(values)}", flush=True)


if __name__ == "__main__":
    main()
