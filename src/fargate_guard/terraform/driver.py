"""The one way in which fguard runs Terraform.

:class:`Driver` is a ``python_terraform.Terraform``. Kept from python-terraform 0.10.1: how arguments are built
(``generate_cmd_string``: underscores to dashes, flags, repeated options, variables through a temporary
``*.tfvars.json``) and its class of variable files. Replaced, because of what it does with today's Terraform:

* its process handling: output was invisible until the end, pipes could fill up, and a signal to the Python process
  left Terraform orphaned, then dead by SIGPIPE, with the lock held and running resources missing from the state
  (:mod:`fargate_guard.terraform.process`, :mod:`fargate_guard.terraform.run_log`);
* its commands: ``destroy`` passed the removed ``-force``, ``apply`` and ``plan`` positional folders, ``plan``
  raised on changes, ``init`` always ``-reconfigure``, which abandons state; defaults such as ``-parallelism`` went
  to every command; ``output('x')`` raised on plain values;
* ``__getattr__``, which made a command out of every mistyped attribute;
* the reading of state files after each success, and the log lines with variables in them;
* variable files that stayed in the temporary folder after exceptions and signals.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from python_terraform import IsFlagged, Terraform

from fargate_guard.terraform import interruption
from fargate_guard.terraform.diagnostics import diagnostic_from_json
from fargate_guard.terraform.errors import StateLockedError
from fargate_guard.terraform.plan import CHANGING, outcome_from, plan_from, resources_from, with_attributes
from fargate_guard.terraform.run import Runner
from fargate_guard.terraform.run_log import RunLog
from fargate_guard.terraform.variable_files import PrivateVariableFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from fargate_guard.terraform.diagnostics import Diagnostic
    from fargate_guard.terraform.engine import Engine
    from fargate_guard.terraform.errors import TerraformError
    from fargate_guard.terraform.events import Event
    from fargate_guard.terraform.plan import ApplyOutcome, Plan, StateResource
    from fargate_guard.terraform.run import Run

LOCK_TIMEOUT = 120.0
"""Seconds that Terraform waits for a state lock somebody else holds."""

PREVIOUS_RUN_TIMEOUT = 3600.0
"""Seconds to wait for a run that an earlier, killed fguard left finishing on this machine."""

MINIMUM_FREE_BYTES = 8 * 1024 * 1024
"""A state and a plan need a few hundred kilobytes. A disk that fills up during an apply can cost the state."""

CHANGES_PENDING = 2
"""``plan -detailed-exitcode``: success, and something would change."""


PROCESS_OPTIONS = {"capture_output", "raise_on_error", "synchronous"}
"""python-terraform's own keywords of ``cmd``; they have no meaning here and never reach the command line."""


class Driver(Terraform):  # type: ignore[misc]  # python-terraform has no types
    """Runs Terraform on one deployment's folder and reports every event as it happens."""

    def __init__(
        self,
        working_dir: Path,
        *,
        engine: Engine,
        environ: Mapping[str, str],
        run_log_dir: Path,
        observer: Callable[[Event], None] | None = None,
        lock_timeout: float = LOCK_TIMEOUT,
        previous_run_timeout: float = PREVIOUS_RUN_TIMEOUT,
        withhold: Collection[str] = (),
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
    ) -> None:
        """Prepare; nothing runs yet.

        :param working_dir: the root module.
        :param environ: the environment to pass on; see :mod:`fargate_guard.terraform.child_environment`.
        :param run_log_dir: folder for the runs' output and the run lock; created 0700.
        :param observer: called for every event, in the thread that called the driver. If it raises, Terraform is
            interrupted and waited for before the exception goes on.
        :param lock_timeout: seconds to wait for the state's lock.
        :param previous_run_timeout: seconds to wait for a run left over by a killed fguard.
        :param withhold: names of environment variables that Terraform must not see (secrets).
        :param minimum_free_bytes: with less space than this nothing is planned or applied.
        """
        super().__init__(working_dir=str(working_dir), terraform_bin_path=engine.command[0])
        self.engine = engine
        self.run_log = RunLog(Path(run_log_dir).absolute())
        self.temp_var_files = PrivateVariableFiles(self.run_log.folder)
        self._lock_timeout = f"{lock_timeout:g}s"
        self._runner = Runner(
            Path(working_dir).absolute(),
            engine=engine,
            environ=environ,
            withhold=withhold,
            run_log=self.run_log,
            observer=observer,
            previous_run_timeout=previous_run_timeout,
            minimum_free_bytes=minimum_free_bytes,
        )

    def __getattr__(self, item: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {item!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.temp_var_files.clean_up()

    # -- commands ----------------------------------------------------------------------------------------------

    def version(self) -> str:
        """The engine's version, e.g. ``1.11.4``."""
        return self.engine.version

    def init(
        self,
        *,
        backend_config: Sequence[Path] = (),
        migrate_state: bool = False,
        reconfigure: bool = False,
        upgrade: bool = False,
        plugin_dir: Path | None = None,
    ) -> None:
        """Run ``init``: modules, providers, backend.

        State is never left behind unasked: when the backend's configuration changed, this fails with
        :class:`~fargate_guard.terraform.errors.BackendChangedError` until a switch says what to do.

        :param backend_config: files with backend settings.
        :param migrate_state: copy the state to the newly configured backend, overwriting what is there.
        :param reconfigure: use the new backend as it is and forget the old one.
        :param upgrade: newest allowed providers instead of the locked ones.
        :param plugin_dir: take providers from this mirror folder only; see ``providers.py``.
        """
        # -migrate-state and -json exclude each other.
        speaks_json = self.engine.init_speaks_json and not migrate_state
        self._run(
            "init",
            json=IsFlagged if speaks_json else None,
            no_color=None if speaks_json else IsFlagged,
            input=False,
            lock_timeout=self._lock_timeout,
            backend_config=[str(Path(file).absolute()) for file in backend_config],
            migrate_state=IsFlagged if migrate_state else None,
            force_copy=IsFlagged if migrate_state else None,
            reconfigure=IsFlagged if reconfigure else None,
            upgrade=upgrade or None,
            plugin_dir=str(plugin_dir) if plugin_dir is not None else None,
        )

    def plan(
        self,
        out: Path,
        *,
        destroy: bool = False,
        var_files: Sequence[Path] = (),
        variables: Mapping[str, Any] | None = None,
        refresh: bool = True,
        targets: Sequence[str] = (),
    ) -> Plan:
        """Make a plan and save it.

        :param out: the plan file, written 0600; an older one is replaced, none is left after a failure.
        :param destroy: plan the removal of everything.
        :param variables: values that travel in a temporary file, which is gone when this returns.
        :param targets: addresses to restrict the plan to.
        """
        path = Path(out).absolute()
        path.unlink(missing_ok=True)
        with ExitStack() as undo:
            undo.callback(path.unlink, missing_ok=True)
            run = self._run(
                "plan",
                ok=(0, CHANGES_PENDING),
                json=IsFlagged,
                input=False,
                detailed_exitcode=IsFlagged,
                lock_timeout=self._lock_timeout,
                out=str(path),
                destroy=IsFlagged if destroy else None,
                refresh=None if refresh else False,
                target=list(targets),
                var_file=[str(Path(file).absolute()) for file in var_files],
                var=dict(variables) if variables else None,
            )
            if not path.is_file():  # A Go program that panics exits with 2, the code for pending changes.
                raise self._runner.failure(run)
            undo.pop_all()
        has_changes = run.ended.returncode == CHANGES_PENDING
        plan = plan_from(run.events, path=path, has_changes=has_changes, destroy=destroy)
        if any(change.action in CHANGING for change in plan.changes):
            return with_attributes(plan, self.show_plan(path))
        return plan

    def apply(self, plan_file: Path) -> ApplyOutcome:
        """Apply exactly this saved plan.

        :raises fargate_guard.terraform.errors.StalePlanError: the state changed after the plan was made.
        """
        run = self._run(
            "apply",
            str(Path(plan_file).absolute()),
            json=IsFlagged,
            input=False,
            lock_timeout=self._lock_timeout,
        )
        return outcome_from(run.events, seconds=run.ended.seconds)

    def destroy(
        self, *, var_files: Sequence[Path] = (), variables: Mapping[str, Any] | None = None
    ) -> ApplyOutcome:
        """Plan the removal of everything and apply that plan."""
        path = self.run_log.folder / "destroy.tfplan"
        try:
            plan = self.plan(path, destroy=True, var_files=var_files, variables=variables)
            return self.apply(plan.path)
        finally:
            path.unlink(missing_ok=True)

    def validate(self) -> tuple[Diagnostic, ...]:
        """Check the configuration; returns its warnings and errors."""
        report = json.loads(self._read("validate", ok=(0, 1), json=IsFlagged))
        return tuple(diagnostic_from_json(body) for body in report.get("diagnostics", ()))

    def unformatted_files(self) -> tuple[str, ...]:
        """The files that ``fmt`` would change."""
        listing = self._read("fmt", ok=(0, 3), check=IsFlagged, recursive=IsFlagged)
        return tuple(line for line in listing.splitlines() if line)

    def show_plan(self, path: Path) -> dict[str, Any]:
        """A saved plan in Terraform's JSON plan format; holds sensitive values.

        https://developer.hashicorp.com/terraform/internals/json-format
        """
        document: dict[str, Any] = json.loads(self._read("show", str(Path(path).absolute()), json=IsFlagged))
        return document

    def show_state(self) -> dict[str, Any]:
        """The state in Terraform's JSON format; holds sensitive values."""
        document: dict[str, Any] = json.loads(self._read("show", json=IsFlagged))
        return document

    def state_resources(self) -> tuple[StateResource, ...]:
        """Every resource instance in the state; empty when nothing is deployed."""
        return resources_from(self.show_state())

    def outputs(self) -> dict[str, Any]:
        """The root outputs' values, sensitive ones included."""
        return {name: output["value"] for name, output in json.loads(self._read("output", json=IsFlagged)).items()}

    def output(self, name: str) -> Any:
        """One root output's value.

        :raises KeyError: there is no such output.
        """
        return self.outputs()[name]

    def force_unlock(self, lock_id: str) -> None:
        """Remove a lock whose owner is certainly dead."""
        self._run("force-unlock", lock_id, force=IsFlagged)

    def interrupt(self) -> None:
        """Ask the running command to stop, from another thread; a second call is a second interrupt."""
        self._runner.requests.add(interruption.FROM_CODE)

    # -- what python-terraform calls ---------------------------------------------------------------------------

    def generate_cmd_string(self, cmd: str, *args: str, **kwargs: Any) -> list[str]:
        """The argument vector, built by python-terraform, starting with the engine's command."""
        built: list[str] = super().generate_cmd_string(cmd, *args, **kwargs)
        return [*self.engine.command, *built[1:]]

    def cmd(self, cmd: str, *args: str, **kwargs: Any) -> tuple[int, str, str]:
        """Run any command in python-terraform's way: returns exit code, standard output and standard error."""
        options = {key: value for key, value in kwargs.items() if key not in PROCESS_OPTIONS}
        run = self._execute(cmd, *args, **options)
        if run.files is None:  # pragma: no cover - only reading commands keep no files
            return run.ended.returncode, "", ""
        return run.ended.returncode, run.files.stdout.read_text(), run.files.stderr.read_text()

    def read_state_file(self, file_path: str | None = None) -> None:
        """Do nothing: backend files hold credentials, and the state is asked from Terraform."""

    # -- running -----------------------------------------------------------------------------------------------

    def _run(self, command: str, *args: str, ok: Collection[int] = (0,), **options: Any) -> Run:
        run = self._execute(command, *args, **options)
        if run.ended.returncode not in ok and _lock_went_meanwhile(self._runner.failure(run)):
            run = self._execute(command, *args, **options)
        if run.ended.returncode not in ok:
            raise self._runner.failure(run)
        return run

    def _execute(self, command: str, *args: str, **options: Any) -> Run:
        def build_argv() -> list[str]:
            self.temp_var_files.sweep()
            return self.generate_cmd_string(command, *args, **options)

        try:
            return self._runner.run(command, build_argv)
        finally:
            self.temp_var_files.clean_up()

    def _read(self, command: str, *args: str, ok: Collection[int] = (0,), **options: Any) -> str:
        argv = self.generate_cmd_string(command, *args, **options)
        run, text = self._runner.read(command, argv)
        if run.ended.returncode not in ok:
            raise self._runner.failure(run)
        return text


def _lock_went_meanwhile(error: TerraformError) -> bool:
    """Whether Terraform could not read whose lock it is, as when it is released between S3's two answers.

    It then gives up at once, whatever its ``-lock-timeout``; nothing has been done yet.
    """
    return isinstance(error, StateLockedError) and error.lock is None
