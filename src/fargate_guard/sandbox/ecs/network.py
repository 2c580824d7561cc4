"""Network interfaces of tasks: real ones in moto's EC2, in the right subnet and security groups.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import InvalidNetworkInterfaceIdError
from moto.ec2.models import ec2_backends

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.model import Task

FIRST_HOST = 4
"""The first four addresses of a subnet are AWS's
(https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)."""


def free_address(ec2: Any, subnet: Any) -> str:
    """Return the first address of a subnet that no network interface has."""
    taken = {interface.private_ip_address for interface in ec2.enis.values() if interface.subnet.id == subnet.id}
    network = ipaddress.IPv4Network(subnet.cidr_block)
    last = network.num_addresses - 2
    for number in range(FIRST_HOST, last + 1):
        address = str(network[number])
        if address not in taken:
            return address
    return str(network[last])


class TaskNetwork:
    """Creates and deletes the network interfaces of tasks in one region."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region

    @property
    def _ec2(self) -> Any:
        return ec2_backends[self._account_id][self._region]

    def choose_subnet(self, task: Task) -> str | None:
        """Spread tasks over the subnets that have addresses left; None when none has."""
        subnets = (task.network or {}).get("subnets") or []
        free = {subnet: self._free_addresses(subnet) for subnet in subnets}
        best = max(free, key=lambda subnet: (free[subnet], -subnets.index(subnet)), default=None)
        return best if best is not None and free[best] > 0 else None

    def _free_addresses(self, subnet_id: str) -> int:
        return int(self._ec2.get_subnet(subnet_id).available_ip_address_count)

    def attach(self, task: Task) -> None:
        """Create the task's network interface and note its addresses in the task."""
        if task.network is None:
            return
        task.subnet_id = self.choose_subnet(task) or task.network["subnets"][0]
        subnet = self._ec2.get_subnet(task.subnet_id)
        interface = self._ec2.create_network_interface(
            subnet=subnet,
            private_ip_address=free_address(self._ec2, subnet),
            group_ids=list(task.network.get("securityGroups") or []) or None,
            description=f"arn:aws:ecs:{self._region}:{self._account_id}:attachment/{task.attachment_id}",
            tags={},
        )
        interface.status = "in-use"
        interface.requester_managed = True
        if task.network.get("assignPublicIp") == "ENABLED":
            interface.public_ip_auto_assign = True
            interface.check_auto_public_ip()
        task.network_interface = {
            "subnetId": task.subnet_id,
            "networkInterfaceId": interface.id,
            "macAddress": interface.mac_address,
            "privateDnsName": getattr(interface, "private_dns_name", None),
            "privateIPv4Address": interface.private_ip_address,
        }

    def detach(self, task: Task) -> None:
        """Delete the interface; someone may have done so before."""
        if task.network_interface is None:
            return
        try:
            self._ec2.delete_network_interface(task.network_interface["networkInterfaceId"])
        except InvalidNetworkInterfaceIdError:
            return

    def availability_zone(self, task: Task) -> str | None:
        """Zone of the task's subnet."""
        if task.subnet_id is None:
            return None
        for subnets in self._ec2.subnets.values():
            if task.subnet_id in subnets:
                return str(subnets[task.subnet_id].availability_zone)
        return None
