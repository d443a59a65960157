"""Where Django looks for this app's admin; they are written in the rooms."""

from rights.estates.admin import *  # noqa: F403  # Re-exported for Django.
from rights.licences.admin import *  # noqa: F403  # Re-exported for Django.
from rights.optouts.admin import *  # noqa: F403  # Re-exported for Django.
from rights.settlement.admin import *  # noqa: F403  # Re-exported for Django.
from rights.takedowns.admin import *  # noqa: F403  # Re-exported for Django.
