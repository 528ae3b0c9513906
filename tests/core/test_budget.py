"""The memory of one listener: never above its limit, and what is given back is there again."""

from udpmsg.core.budget import Budget


def test_what_does_not_fit_is_not_charged() -> None:
    budget = Budget(100)
    assert budget.charge(60)
    assert not budget.charge(41)
    assert (budget.used, budget.left) == (60, 40)
    assert budget.charge(40)
    assert budget.left == 0


def test_what_is_given_back_can_be_charged_again() -> None:
    budget = Budget(100)
    assert budget.charge(100)
    budget.give_back(100)
    assert budget.charge(100)


def test_what_is_set_aside_is_not_common() -> None:
    budget = Budget(100)
    assert budget.set_aside(30)
    assert (budget.used, budget.common, budget.limit) == (30, 70, 100)
    assert not budget.set_aside(71)
    assert budget.common == 70
