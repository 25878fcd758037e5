"""The promises of every driver, kept in front of recorded answers."""

import pytest

from tests.accounts.providers.contract import DriverContract
from tests.accounts.providers.salto_ks.rigs import RecordedRig


class TestConnect(DriverContract):
    @pytest.fixture
    def rig(self):
        rig = RecordedRig("connect")
        yield rig
        rig.close()


class TestLegacy(DriverContract):
    @pytest.fixture
    def rig(self):
        rig = RecordedRig("legacy")
        yield rig
        rig.close()
