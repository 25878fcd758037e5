import inspect

import pytest

from accounts.providers.systems import AccessSystems
from tests.access.fakes import FakeSystems

NAMES = [name for name in vars(AccessSystems) if not name.startswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_the_fake_is_called_like_the_real_thing(name: str) -> None:
    fake, real = (
        inspect.signature(getattr(kind, name), eval_str=True)
        for kind in (FakeSystems, AccessSystems)
    )

    assert fake == real


def test_the_fake_has_what_the_contract_names() -> None:
    assert len(NAMES) == 23
    assert isinstance(FakeSystems(), AccessSystems)
