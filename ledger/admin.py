"""Where Django looks for this app's admin: importing a room's pages registers them."""

import ledger.accounts.admin  # Registers.
import ledger.cameos.admin  # Registers.
import ledger.consent.admin  # Registers.
import ledger.http.admin  # Registers.
import ledger.log.admin  # Registers.
import ledger.notifications.admin  # Registers.
import ledger.outbox.admin  # Registers.
import ledger.vault.admin  # noqa: F401  # Registers.
