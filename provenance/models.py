"""Where Django looks for this app's models; they are written in the rooms."""

from provenance.lookup.models import *  # noqa: F403  # Re-exported for Django.
from provenance.marks.models import *  # noqa: F403  # Re-exported for Django.
from provenance.renders.models import *  # noqa: F403  # Re-exported for Django.
from provenance.reports.models import *  # noqa: F403  # Re-exported for Django.
from provenance.seals.models import *  # noqa: F403  # Re-exported for Django.
