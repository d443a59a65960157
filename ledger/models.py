"""Where Django looks for this app's models; they are written in the rooms."""

from ledger.accounts.models import *  # noqa: F403  # Re-exported for Django.
from ledger.cameos.models import *  # noqa: F403  # Re-exported for Django.
from ledger.consent.models import *  # noqa: F403  # Re-exported for Django.
from ledger.http.models import *  # noqa: F403  # Re-exported for Django.
from ledger.log.models import *  # noqa: F403  # Re-exported for Django.
from ledger.notifications.models import *  # noqa: F403  # Re-exported for Django.
from ledger.outbox.models import *  # noqa: F403  # Re-exported for Django.
from ledger.vault.models import *  # noqa: F403  # Re-exported for Django.
