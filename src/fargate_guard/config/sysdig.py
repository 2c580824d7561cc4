"""Sysdig's regions and their collectors.

https://docs.sysdig.com/en/docs/administration/saas-regions-and-ip-ranges/
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

SysdigRegion = Literal["us1", "us2", "us3", "us4", "eu1", "eu2", "au1", "in1", "jp1", "me2"]


class Collector(BaseModel):
    """The endpoint that agents send to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 6443


COLLECTORS: dict[str, Collector] = {
    region: Collector(host=host)
    for region, host in {
        "us1": "collector.sysdigcloud.com",
        "us2": "ingest-us2.app.sysdig.com",
        "us3": "ingest.us3.sysdig.com",
        "us4": "ingest.us4.sysdig.com",
        "eu1": "ingest-eu1.app.sysdig.com",
        "eu2": "ingest.eu2.sysdig.com",
        "au1": "ingest.au1.sysdig.com",
        "in1": "ingest.in1.sysdig.com",
        "jp1": "ingest.jp1.sysdig.com",
        "me2": "ingest.me2.sysdig.com",
    }.items()
}
