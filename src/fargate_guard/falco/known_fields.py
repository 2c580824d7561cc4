"""The fields of Falco's system call events, as ``falco --list=syscall`` names them.

https://falco.org/docs/reference/rules/supported-fields/ (Falco 0.41, with those that Sysdig's agents still read).
"""

from __future__ import annotations

import difflib
from functools import cache

_BY_CLASS = {
    "evt": """
        num time time.s time.iso8601 datetime datetime.s rawtime rawtime.s rawtime.ns reltime reltime.s
        reltime.ns pluginname plugininfo source asynctype hostname is_async latency latency.s latency.ns
        latency.human latency.quantized deltatime deltatime.s deltatime.ns dir type category cpu args arg[]
        info buffer buflen res rawres failed is_io is_io_read is_io_write io_dir is_wait wait_latency
        is_syslog count count.error count.error.file count.error.net count.error.memory count.error.other
        count.exit count.procinfo count.threadinfo around[] abspath is_open_read is_open_write is_open_exec
        is_open_create buflen.in buflen.out buflen.file buflen.file.in buflen.file.out buflen.net
        buflen.net.in buflen.net.out""",
    "syscall": "type",
    "proc": """
        pid exe name args args[] env env[] cmdline exeline cwd nthreads nchilds ppid pname pcmdline apid[]
        aname[] aexe[] aexepath[] acmdline[] aargs[] aenv[] loginshellid duration ppid.duration pid.ts
        ppid.ts fdopencount fdlimit fdusage vmsize vmrss vmswap vpid pvpid sid sname sid.exe sid.exepath tty
        exepath pexe pexepath vpgid vpgid.name vpgid.exe vpgid.exepath pgid pgid.name pgid.exe pgid.exepath
        is_container_healthcheck is_container_liveness_probe is_container_readiness_probe is_exe_writable
        is_exe_upper_layer is_exe_lower_layer is_exe_from_memfd is_sid_leader is_vpgid_leader is_pgid_leader
        cmdnargs cmdlenargs exe_ino exe_ino.ctime exe_ino.mtime exe_ino.ctime_duration_proc_start
        exe_ino.ctime_duration_pidns_start pidns_init_start_ts stdin.type stdout.type stderr.type stdin.name
        stdout.name stderr.name""",
    "thread": """
        pfmajor pfminor tid ismain exectime totexectime cgroups cgroup[] vtid cpu cpu.user cpu.system vmsize
        vmrss cap_permitted cap_inheritable cap_effective nametid vmsize.b vmrss.b""",
    "user": "uid name homedir shell loginuid loginname",
    "group": "gid name",
    "container": """
        id full_id name image image.id type privileged mounts mount[] mount.source[] mount.dest[]
        mount.mode[] mount.rdwr[] mount.propagation[] image.repository image.tag image.digest healthcheck
        liveness_probe readiness_probe start_ts duration ip cni.json host_pid host_network host_ipc label[]
        labels info""",
    "fd": """
        num type typechar name directory filename ip cip sip lip rip port cport sport lport rport l4proto
        sockfamily is_server uid containername containerdirectory proto cproto sproto lproto rproto net cnet
        snet lnet rnet connected name_changed cip.name sip.name lip.name rip.name dev dev.major dev.minor
        ino nameraw types[] is_upper_layer is_lower_layer""",
    "fs": "path.name path.nameraw path.source path.sourceraw path.target path.targetraw",
    "fdlist": "nums names cips sips cports sports",
    "syslog": "facility.str facility severity.str severity message",
    "k8s": """
        pod.name pod.id pod.uid pod.sandbox_id pod.full_sandbox_id pod.label[] pod.labels pod.ip
        pod.cni.json ns.name ns.id ns.label[] ns.labels rc.name rc.id rc.label[] rc.labels svc.name svc.id
        svc.label[] svc.labels rs.name rs.id rs.label[] rs.labels deployment.name deployment.id
        deployment.label[] deployment.labels""",
}
_OPEN = ("evt.arg.", "evt.rawarg.", "evt.type.is.", "evt.abspath.", "thread.cgroup.", "proc.env.", "k8s.", "aws.")
"""Beginnings of fields whose last part is a name of the user's, or that enrichment adds."""
NOT_ON_FARGATE = ("k8s.", "ka.", "mesos.", "marathon.")
"""Beginnings of fields that no task of ECS has."""


@cache
def _known() -> dict[str, bool]:
    """Return each field, and whether it takes an argument in brackets."""
    found: dict[str, bool] = {}
    for group, names in _BY_CLASS.items():
        for name in names.split():
            field = f"{group}.{name.removesuffix('[]')}"
            found[field] = found.get(field, False) or name.endswith("[]")
    return found


def is_known(name: str) -> bool:
    """Tell whether Falco has a field of system calls with this name."""
    return name in _known() or name.startswith(_OPEN)


def takes_argument(name: str) -> bool:
    """Tell whether a known field may have an argument in brackets."""
    return _known().get(name, True)


@cache
def nearest(name: str) -> str | None:
    """Return the known field that is spelt most alike."""
    near = difflib.get_close_matches(name[:60], list(_known()), n=1, cutoff=0.75)
    return near[0] if near else None
