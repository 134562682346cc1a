"""The functions of the template language that need nothing but their arguments.

Source: "Template functions" of the Resource Manager documentation, one page for each group.
"""

from __future__ import annotations

from dpsops.emulator.arm.template.cidr_functions import CIDR_FUNCTIONS
from dpsops.emulator.arm.template.collection_functions import COLLECTION_FUNCTIONS
from dpsops.emulator.arm.template.date_functions import DATE_FUNCTIONS
from dpsops.emulator.arm.template.scalar_functions import SCALAR_FUNCTIONS
from dpsops.emulator.arm.template.string_functions import STRING_FUNCTIONS

_TABLE = (*STRING_FUNCTIONS, *COLLECTION_FUNCTIONS, *SCALAR_FUNCTIONS, *DATE_FUNCTIONS, *CIDR_FUNCTIONS)

FUNCTIONS = {function.name.lower(): function for function in _TABLE}
"""By lower-case name: function names have no case."""
