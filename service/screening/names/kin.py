"""How entities belong together: who is part of whom, and whose name beside another's is no contradiction."""

from city.screening.v1 import reading_pb2

from screening.names.entity import Entity
from screening.names.registry import Registry

_STRICTNESS = {
    reading_pb2.ENFORCEMENT_GRADE_NONE: 0,
    reading_pb2.ENFORCEMENT_GRADE_SUPPORT: 1,
    reading_pb2.ENFORCEMENT_GRADE_MIXED: 2,
    reading_pb2.ENFORCEMENT_GRADE_PRIMARY: 3,
}


class Kin:
    """The relations of the registry, followed to the top."""

    def __init__(self, registry: Registry) -> None:
        self._top = {entity.id: [entity, *registry.ancestors(entity)][-1].id for entity in registry.entities.values()}
        self._above: dict[str, frozenset[str]] = {}
        for entity in registry.entities.values():
            found: set[str] = set()
            open_ids = [relation.to for relation in entity.relations]
            while open_ids:
                if (other := open_ids.pop()) not in found:
                    found.add(other)
                    open_ids += [relation.to for relation in registry.entities[other].relations]
            self._above[entity.id] = frozenset(found)

    def within(self, entity: Entity, other: Entity) -> bool:
        """Say whether an entity is part of another, works for it or is its partner, at any remove."""
        return other.id in self._above[entity.id]

    def related(self, entity: Entity, other: Entity) -> bool:
        """Say whether one of two entities is within the other, or both are parts of one body."""
        within = self.within(entity, other) or self.within(other, entity)
        return within or self._top[entity.id] == self._top[other.id]

    def outweighs(self, near: Entity, match: Entity) -> bool:
        """Say whether an entity that is only near, and no relative, is one for which law is stricter."""
        return not self.related(near, match) and _STRICTNESS[near.grade] > _STRICTNESS[match.grade]
