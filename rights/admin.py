"""Where Django looks for this app's admin: importing a room's pages registers them."""

import rights.estates.admin  # Registers.
import rights.licences.admin  # Registers.
import rights.optouts.admin  # Registers.
import rights.settlement.admin  # Registers.
import rights.takedowns.admin  # noqa: F401  # Registers.
