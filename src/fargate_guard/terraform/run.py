"""One run of Terraform, from the wait for a previous one to its last event."""

from __future__ import annotations

import shutil
import signal
import tempfile
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING

from fargate_guard.terraform import interruption
from fargate_guard.terraform.child_environment import child_environment
from fargate_guard.terraform.diagnostics import diagnostics_from_text
from fargate_guard.terraform.engine import EngineUnusableError
from fargate_guard.terraform.errors import FailedRun
from fargate_guard.terraform.events import (
    CommandFinished,
    CommandStarted,
    DiagnosticReported,
    Notice,
)
from fargate_guard.terraform.failures import ERRORED_STATE, disk_full, explain, state_not_saved
from fargate_guard.terraform.plan import completed_changes
from fargate_guard.terraform.process import Ended, LogTail, StopRequests, TerraformProcess
from fargate_guard.terraform.run_log import ActiveRun, PreviousRunActiveError
from fargate_guard.terraform.watch import KEPT_LINES, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from fargate_guard.terraform.engine import Engine
    from fargate_guard.terraform.errors import TerraformError
    from fargate_guard.terraform.events import Event
    from fargate_guard.terraform.run_log import RunFiles, RunLog

NOT_RUN = Ended(returncode=0, seconds=0, stopped_by=None, interrupts=0)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended."""

    command: str
    ended: Ended
    events: tuple[Event, ...] = ()
    """Without progress and log text, of which there may be very much."""
    last_lines: tuple[str, ...] = ()
    """The end of the log text, oldest first."""
    files: RunFiles | None = None


class Runner:
    """Starts Terraform for one deployment and hands its events to the observer."""

    def __init__(
        self,
        folder: Path,
        *,
        engine: Engine,
        environ: Mapping[str, str],
        withhold: Collection[str],
        run_log: RunLog,
        observer: Callable[[Event], None] | None,
        previous_run_timeout: float,
        minimum_free_bytes: int,
    ) -> None:
        self.requests = StopRequests()
        self._folder = folder
        self._engine = engine
        self._environ = environ
        self._withhold = frozenset(withhold)
        self._run_log = run_log
        self._observer = observer
        self._previous_run_timeout = previous_run_timeout
        self._minimum_free_bytes = minimum_free_bytes
        self._noticed: set[str] = set()

    def run(self, command: str, build_argv: Callable[[], list[str]]) -> Run:
        """Run a command that works on the deployment, alone, with its output kept in the run log.

        :param build_argv: makes the argument vector, once no other run is active.
        :raises Interrupted: a request to stop came, and Terraform has ended.
        :raises PreviousRunActiveError: an earlier run did not end in time.
        """
        environ, notes = child_environment(self._environ, withhold=self._withhold)
        self._notice(*self._engine.notes, *notes)
        with ExitStack() as stack:
            stack.enter_context(self.requests.from_signals())
            lock = stack.enter_context(self._alone(command))
            if command in {"plan", "apply"}:
                self._refuse(command)
            files = self._run_log.files_for(command)
            out = stack.enter_context(files.stdout.open("ab"))
            err = stack.enter_context(files.stderr.open("ab"))
            process = stack.enter_context(self._start(build_argv(), environ, out, err, inherit=(lock,)))
            started = datetime.now().astimezone().isoformat(timespec="seconds")
            self._run_log.record(lock, ActiveRun(process.pid, command, started, str(files.stdout)))
            run = self._follow(command, process, files)
        self._raise_if_interrupted(run)
        return run

    def read(self, command: str, argv: list[str]) -> tuple[Run, str]:
        """Run a command that only tells something; its output may hold secrets and is kept nowhere.

        :raises Interrupted: a request to stop came.
        """
        environ, notes = child_environment(self._environ, withhold=self._withhold, internal=True)
        self._notice(*notes)
        with self.requests.from_signals(), tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with self._start(argv, environ, out, err) as process:
                ended = process.follow(on_tick=lambda _last: None, on_interrupt=lambda _count: None)
            out.seek(0)
            err.seek(0)
            text = out.read().decode(errors="replace")
            messages = err.read().decode(errors="replace").splitlines()
        run = Run(command, ended, last_lines=tuple(messages[-KEPT_LINES:]))
        self._raise_if_interrupted(run)
        return run, text

    def failure(self, run: Run) -> TerraformError:
        """The error that says why a run failed."""
        return explain(self._failed_run(run))

    def _refuse(self, command: str) -> None:
        """Stop before anything is done, where it is already certain that the state could not be saved."""
        run = self._failed_run(Run(command, NOT_RUN))
        if (self._folder / ERRORED_STATE).exists():
            raise state_not_saved(run)
        if not self._folder.is_dir():
            return
        free = shutil.disk_usage(self._folder).free
        if free < self._minimum_free_bytes:
            raise disk_full(run, f"only {free // 1024} KiB are free; nothing was started, so nothing can be lost")

    def _failed_run(self, run: Run) -> FailedRun:
        diagnostics = tuple(event.diagnostic for event in run.events if isinstance(event, DiagnosticReported))
        if not any(diagnostic.is_error for diagnostic in diagnostics):
            diagnostics += diagnostics_from_text("\n".join(run.last_lines))
        return FailedRun(
            engine=self._engine,
            working_dir=self._folder,
            command=run.command,
            returncode=run.ended.returncode,
            diagnostics=diagnostics,
            last_lines=run.last_lines,
            log=run.files.stdout if run.files is not None else None,
            completed=tuple(change.address for change in completed_changes(run.events)),
        )

    def _start(
        self,
        argv: list[str],
        environ: Mapping[str, str],
        out: IO[bytes],
        err: IO[bytes],
        inherit: tuple[int, ...] = (),
    ) -> TerraformProcess:
        try:
            return TerraformProcess(
                argv,
                working_dir=self._folder,
                environ=environ,
                stdout=out,
                stderr=err,
                requests=self.requests,
                inherit=inherit,
            )
        except OSError as error:
            raise EngineUnusableError(
                "Terraform could not be started.",
                where=argv[0] if self._folder.is_dir() else str(self._folder),
                why=str(error),
                fix="run fguard doctor",
            ) from error

    def _follow(self, command: str, process: TerraformProcess, files: RunFiles) -> Run:
        watch = Watch(command, self._notify, on_failure=lambda: self.requests.add(signal.SIGINT))
        with closing(LogTail(files.stdout)) as out, closing(LogTail(files.stderr)) as err:

            def on_tick(last: bool) -> None:
                watch.see(out.lines(last=last), err.lines(last=last))

            def on_interrupt(count: int) -> None:
                watch.tell(Notice(message=interruption.TEXTS[count], level="warning"))

            started = f"terraform {command} started"
            watch.tell(CommandStarted(message=started, command=command, pid=process.pid, log=str(files.stdout)))
            ended = process.follow(
                on_tick=on_tick, on_interrupt=on_interrupt, is_good_moment=watch.is_good_moment_to_stop
            )
        if watch.failure is not None:
            self.requests.clear()
            raise watch.failure
        self._notify(CommandFinished(command=command, exit_code=ended.returncode, seconds=ended.seconds))
        return Run(command, ended, tuple(watch.events), tuple(watch.texts), files)

    @contextmanager
    def _alone(self, command: str) -> Iterator[int]:
        """Wait for the run that an earlier fguard left, unless a request to stop comes."""
        self._run_log.create()
        told: list[ActiveRun | None] = []

        def on_wait(holder: ActiveRun | None) -> bool:
            if holder not in told:
                told.append(holder)
                self._notify(Notice(message=_waiting_for(holder)))
            return not self.requests.pending

        with ExitStack() as stack:
            try:
                lock = stack.enter_context(
                    self._run_log.exclusive(wait_seconds=self._previous_run_timeout, on_wait=on_wait)
                )
            except PreviousRunActiveError:
                self._raise_if_pending(command)
                raise
            self._raise_if_pending(command)
            yield lock

    def _raise_if_pending(self, command: str) -> None:
        if (request := self.requests.take()) is not None:
            self.requests.clear()
            raise interruption.before_start(command, request[0])

    def _raise_if_interrupted(self, run: Run) -> None:
        late = self.requests.take()
        number = run.ended.stopped_by or (late[0] if late is not None else None)
        self.requests.clear()
        if number is not None:
            raise interruption.after_end(run.command, run.ended, number, run.events)

    def _notify(self, event: Event) -> None:
        if self._observer is not None:
            self._observer(event)

    def _notice(self, *texts: str) -> None:
        for text in texts:
            if text not in self._noticed:
                self._noticed.add(text)
                self._notify(Notice(message=text, level="warning"))


def _waiting_for(holder: ActiveRun | None) -> str:
    if holder is None:
        return "Another fguard is about to run Terraform on this deployment; waiting for it."
    return (
        f"A previous run (pid {holder.pid}, terraform {holder.command}, started {holder.started}) "
        "is still finishing; waiting for it."
    )
