"""From the worker's file to the released one, with real videos and no stand-in of our own code."""

from __future__ import annotations

import pytest

from ledger.notifications.models import Notification
from provenance.renders import files, finishing
from provenance.renders.models import Render
from provenance.seals import verification
from provenance.seals.models import Seal
from tests.factories import renders as make

pytestmark = pytest.mark.django_db(transaction=True)


class TestFinish:
    def test_releases_a_good_file_sealed_and_marked(self) -> None:
        ada, ben = make.person(), make.person()
        render = make.sealing(ben, make.cameo(ada))

        finishing.finish(render_id=render.pk)

        render = Render.objects.select_related("use").get(pk=render.pk)
        assert (render.state, render.use.state) == ("released", "released")
        path = files.path_of(render.sealed_path)
        assert files.digest(path) == bytes(render.sealed_sha256)
        assert verification.verify(path).state == verification.SealState.TRUSTED
        assert Seal.objects.get(use_id=render.pk).invisible_mark
        assert render.output_path == ""
        assert [one.name for one in path.parent.iterdir()] == [path.name]
        told = Notification.objects.filter(kind="render.released", about_id=render.pk)
        assert {one.account_id for one in told} == {ada.id, ben.id}
