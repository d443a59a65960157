"""Where Django looks for this app's admin; they are written in the rooms."""

from provenance.lookup.admin import *  # noqa: F403  # Re-exported for Django.
from provenance.marks.admin import *  # noqa: F403  # Re-exported for Django.
from provenance.renders.admin import *  # noqa: F403  # Re-exported for Django.
from provenance.reports.admin import *  # noqa: F403  # Re-exported for Django.
from provenance.seals.admin import *  # noqa: F403  # Re-exported for Django.
