"""Where Django looks for this app's models; they are written in the rooms."""

from rights.estates.models import *  # noqa: F403  # Re-exported for Django.
from rights.licences.models import *  # noqa: F403  # Re-exported for Django.
from rights.optouts.models import *  # noqa: F403  # Re-exported for Django.
from rights.settlement.models import *  # noqa: F403  # Re-exported for Django.
from rights.takedowns.models import *  # noqa: F403  # Re-exported for Django.
