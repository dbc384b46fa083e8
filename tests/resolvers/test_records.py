"""Records that are quick to make are frozen dataclasses in all else."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature

import pytest

from resolvers.domain.records import quick


@quick
@dataclass(frozen=True, slots=True)
class Parcel:
    """A record with every sort of field."""

    code: str
    units: int = 1
    marks: list[str] = field(default_factory=list)
    label: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", f"{self.code} x {self.units}")


def test_a_quick_record_is_made_compared_and_shown_like_any_other():
    made = Parcel("A", units=2)

    assert repr(made) == "Parcel(code='A', units=2, marks=[], label='A x 2')"
    assert made == Parcel("A", 2, []) and made != Parcel("A")
    assert Parcel("A").marks is not Parcel("A").marks
    assert replace(made, units=3).label == "A x 3"
    assert isinstance(made, Parcel)


def test_a_quick_record_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Parcel("A").units = 2  # type: ignore[misc]


def test_a_quick_record_refuses_fields_that_it_lacks():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'code'"):
        Parcel()  # type: ignore[call-arg]


def test_a_quick_record_can_be_copied_and_sent():
    made = Parcel("A", 2, ["fragile"])

    for same in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert (same, same.label) == (made, "A x 2")


def test_a_quick_record_says_how_it_is_made():
    assert list(signature(Parcel).parameters) == ["code", "units", "marks"]
