"""The list of planted faults follows the sources. Whether the tests catch each is for `scripts/nightly planted`: that is long."""

from tests.planted_faults import FAULTS, check_place


def test_every_fault_has_its_place() -> None:
    for fault in FAULTS:
        check_place(fault)


def test_no_two_faults_have_one_name() -> None:
    names = [fault.name for fault in FAULTS]
    assert sorted({*names}) == sorted(names)
