"""Where Django looks for this app's admin: importing a room's pages registers them."""

import provenance.lookup.admin  # Registers.
import provenance.marks.admin  # Registers.
import provenance.renders.admin  # Registers.
import provenance.reports.admin  # Registers.
import provenance.seals.admin  # noqa: F401  # Registers.
