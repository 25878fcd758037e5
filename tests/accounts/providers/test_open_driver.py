import pytest

from accounts.providers import PROVIDERS, UnknownProviderError, open_driver
from accounts.providers.http import HttpDoor
from accounts.providers.salto_ks import SaltoKS
from tests.accounts.providers.keeper import MemoryTokens
from tests.accounts.providers.salto_ks.rigs import connection_to


def test_a_driver_is_opened_by_name_without_a_call():
    connection = connection_to("http://127.0.0.1:1")

    driver = open_driver("salto_ks", connection, tokens=MemoryTokens(), door=HttpDoor(()))

    assert type(driver) is SaltoKS
    assert PROVIDERS["salto_ks"].label == driver.label == "Salto KS"


def test_an_unknown_provider_has_a_name():
    with pytest.raises(UnknownProviderError):
        open_driver("acme", connection_to("x"), tokens=MemoryTokens(), door=HttpDoor(()))
