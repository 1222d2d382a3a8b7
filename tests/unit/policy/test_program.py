from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screening.facts import stating, vocabulary
from screening.policy.condition import Atom, parse_atom
from screening.policy.program import Program, compile_atoms

from tests.property.strategies import messages

SUBJECTS = ("employment", "information_request")


def every_atom(subject: str) -> list[Atom]:
    """Return one atom of each form for every fact."""
    texts = []
    for path, fact in vocabulary(subject).items():
        names = list(fact.values.name.values()) if fact.values else []
        if names and fact.repeated:
            texts += [f"{name} in {path}" for name in names]
        elif names:
            texts += [f"{path} == {name}" for name in names] + [f"{path} in [{', '.join(names[:3])}]"]
        elif fact.type == "bool":
            texts.append(path)
        if fact.type != "message" and path.startswith("facts."):
            texts.append(f"has({path})")
    return [parse_atom(text, vocabulary(subject)) for text in texts]


PROGRAMS = {subject: Program(subject, every_atom(subject)) for subject in SUBJECTS}
WHOLE = {subject: compile_atoms(subject, every_atom(subject)) for subject in SUBJECTS}


@pytest.mark.parametrize("subject", SUBJECTS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_atoms_one_fact_at_a_time_are_what_they_are_all_at_once(subject: str, data: st.DataObject) -> None:
    """What is remembered of a fact's value is what the engine says of it in any question."""
    question: dict[str, Any] = {
        name: data.draw(messages(message.DESCRIPTOR)) for name, message in stating(subject, {}).items()
    }
    assert PROGRAMS[subject].run(question) == tuple(WHOLE[subject].eval(data=question).plain_value())
