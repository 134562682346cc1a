"""The root that replaces a compromised one: what could be in its way is looked at before anything is cut off, or avoided."""

from __future__ import annotations

from itertools import count

from dpsops.azure.root_vault import RootVault
from dpsops.errors import Refused
from dpsops.model.generations import View
from dpsops.model.proof import require_space
from dpsops.model.root import CsrRequested, root_name
from dpsops.model.run import Run


def free_number(run: Run, roots: RootVault, view: View, first: int) -> int:
    """The first number from `first` on whose root can be created, or is being created. At most four requests for each number.

    After a breach nothing may stop that. So a request that waits for another CA, a root that is deleted, and a name that somebody
    else uses are skipped.
    """
    used = {name for certificates in view.ca_certificates.values() for name in certificates}
    for number in count(first):
        name = root_name(number)
        if name in used and number not in view.roots:
            continue
        try:
            if not isinstance(roots.state(name, run.now()), CsrRequested):
                return number
        except Refused:
            continue
    raise AssertionError("the numbers do not end")


def require_way_back(view: View, number: int) -> None:
    """Raises `Refused` if a trust store has no space for another root, even without the compromised one."""
    root = view.roots[number]
    for owner, certificates in view.ca_certificates.items():
        require_space(owner, {name for name, found in certificates.items() if found.thumbprint != root.thumbprint}, "")
