import subprocess
import sys
from collections.abc import Callable

import pytest
from screening import crew
from screening.crew import Crew, Report


@pytest.fixture
def member() -> Callable[[int], Crew]:
    """Return what makes a worker of a crew of three."""
    file = crew.make(3)
    return lambda worker: Crew(file, 3, worker)


def test_each_worker_sees_what_the_others_said(member: Callable[[int], Crew]) -> None:
    """The last word of each, and who has said nothing yet."""
    first, second = member(0), member(1)
    first.tell({"serial": 1})
    first.tell({"serial": 2})
    assert [(report.worker, report.said) for report in second.reports()] == [(0, {"serial": 2}), (1, {}), (2, {})]
    assert second.reports()[0].age < 1


def test_others_are_well_only_if_each_was_heard_of_and_none_fails(member: Callable[[int], Crew]) -> None:
    """What a worker says of itself does not count for it."""
    crews = [member(worker) for worker in range(3)]
    crews[0].tell({"failing": ["log"]})
    crews[1].tell({"failing": []})
    assert not crews[0].others_are_well()
    crews[2].tell({"failing": []})
    assert [each.others_are_well() for each in crews] == [True, False, False]
    assert not Report(0, crew.STALE_SECONDS, {"failing": []}).well


def test_what_does_not_fit_on_a_page_is_cut_to_what_fails(member: Callable[[int], Crew]) -> None:
    """And does not run into the page of the next."""
    first, second = member(0), member(1)
    second.tell({"serial": 7})
    first.tell({"failing": ["bundle"], "problems": {"law": "x" * crew.PAGE_BYTES}})
    assert [report.said for report in second.reports()][:2] == [{"failing": ["bundle"]}, {"serial": 7}]


def test_the_file_is_shared_with_a_process_that_inherits_it() -> None:
    """As workers do."""
    file = crew.make(2)
    program = f"from screening.crew import Crew; Crew({file}, 2, 1).tell({{'serial': 5}})"
    subprocess.run([sys.executable, "-c", program], pass_fds=[file], check=True)
    assert Crew(file, 2, 0).reports()[1].said == {"serial": 5}


def test_one_process_at_a_time_is_let_in_and_the_death_of_one_lets_the_next_in() -> None:
    """A worker that is killed while it counts does not stop the others."""
    file = crew.make(1)
    program = f"from screening.crew import Crew\nwith Crew({file}, 1, 0).purse_lock:\n    print('in', flush=True)\n    input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], pass_fds=[file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"in\n"
        probe = (
            f"import fcntl\ntry:\n    fcntl.lockf({file}, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)\n"
            "except OSError:\n    print('held')"
        )
        tried = subprocess.run([sys.executable, "-c", probe], pass_fds=[file], capture_output=True, check=True)
        assert tried.stdout == b"held\n"
        holder.kill()
        holder.wait()
        with Crew(file, 1, 0).purse_lock:
            pass
