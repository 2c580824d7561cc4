"""What the sandbox says about itself before anything else."""

NOTICE = (
    "This is the fguard sandbox, an emulation of AWS on this machine. No container and no agent runs in it: "
    "tasks, health checks and log lines are simulated, and there are no detections."
)
