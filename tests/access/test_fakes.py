import inspect

import pytest

from accounts.providers.systems import AccessSystems, MobileKeys
from tests.access.fakes import FakeSystems

NAMES, OF_MOBILE_KEYS = (
    [name for name in vars(kind) if not name.startswith("_")]
    for kind in (AccessSystems, MobileKeys)
)


@pytest.mark.parametrize("name", [*NAMES, *OF_MOBILE_KEYS])
def test_the_fake_is_called_like_the_real_thing(name: str) -> None:
    contract = AccessSystems if name in NAMES else MobileKeys
    fake, real = (
        inspect.signature(getattr(kind, name), eval_str=True) for kind in (FakeSystems, contract)
    )

    assert fake == real


def test_the_fake_has_what_the_contract_names() -> None:
    assert (len(NAMES), len(OF_MOBILE_KEYS)) == (23, 6)
    assert isinstance(FakeSystems(), AccessSystems)
    assert isinstance(FakeSystems(), MobileKeys)
