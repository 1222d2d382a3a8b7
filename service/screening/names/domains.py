"""A domain or e-mail address as evidence of whose name it is: whole labels from the right, never a part of one."""

from collections.abc import Mapping

from screening.names.entity import Entity
from screening.names.normalize import Domain
from screening.names.registry import Registry


class Domains:
    """The domains of the registry. One that several entities list is that of the highest among them."""

    def __init__(self, registry: Registry) -> None:
        self._owners: dict[str, Entity] = {}
        for entity in registry.entities.values():
            for domain in entity.domains:
                other = self._owners.get(domain)
                if other is None or entity in registry.ancestors(other):
                    self._owners[domain] = entity

    @property
    def owners(self) -> Mapping[str, Entity]:
        """Return who owns each domain."""
        return self._owners

    def owner(self, domain: Domain) -> tuple[str, Entity] | None:
        """Return the registered domain that a domain is or lies under, and its owner; None if there is none."""
        if domain.path:
            first = "/".join(domain.path.split("/")[:2])
            for labels in (domain.name, domain.name.removeprefix("www.")):
                if labels + first in self._owners:
                    return labels + first, self._owners[labels + first]
        labels = domain.name
        while "." in labels:
            if labels in self._owners:
                return labels, self._owners[labels]
            labels = labels.partition(".")[2]
        return None
