"""The promises of every driver, kept in front of recorded answers."""

import pytest

from tests.accounts.providers.contract import DriverContract
from tests.accounts.providers.seam.rigs import RecordedRig


class TestSeam(DriverContract):
    @pytest.fixture
    def rig(self):
        rig = RecordedRig()
        yield rig
        rig.close()

    def test_an_empty_account_is_no_error(self, rig):
        """A key opens a workspace, which is there with nothing in it too."""
        driver = rig.empty_driver()

        assert [site.remote_id for site in driver.list_sites()] == [rig.site_id]
        assert driver.list_locks(rig.site_id) == []
