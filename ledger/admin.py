"""Where Django looks for this app's admin; they are written in the rooms."""

from ledger.accounts.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.cameos.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.consent.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.http.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.log.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.notifications.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.outbox.admin import *  # noqa: F403  # Re-exported for Django.
from ledger.vault.admin import *  # noqa: F403  # Re-exported for Django.
