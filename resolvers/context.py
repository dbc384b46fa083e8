"""What a request carries into every flow: the ports, who calls, and the loaders of this request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from resolvers.access import Principal
from resolvers.backend_ports import Backend
from resolvers.directory import Directory
from resolvers.domain.records import quick
from resolvers.engine import StockEngine
from resolvers.intake import Intake
from resolvers.live import LiveDesk
from resolvers.loaders import Loaders
from resolvers.login_port import CLOSED, Logins
from resolvers.ports import Clock, IdMaker, Store
from resolvers.recording import Recorder, Sent
from resolvers.terms import Terms
from resolvers.watch import Watch


@quick
@dataclass(frozen=True, slots=True)
class Context:
    """Everything a flow may use. Frozen: a flow changes stores, never its context."""

    principal: Principal
    store: Store
    engine: StockEngine
    directory: Directory
    loaders: Loaders
    terms: Terms
    backends: Mapping[str, Backend]
    watch: Watch
    clock: Clock
    new_id: IdMaker
    recorder: Recorder
    intake: Intake
    logins: Logins = CLOSED
    sent: Sent | None = None
    """The mutation that this goes on for; None for what no caller has sent."""
    live: LiveDesk | None = None
    """Where backends are asked while somebody waits; None if nobody may."""

    def renewed(self) -> "Context":
        """The same with nothing read yet: for what goes on after others have changed the store."""
        return replace(self, loaders=Loaders(self.store, self.clock, self.backends))

    @property
    def now(self) -> datetime:
        """The time by the house's clock."""
        return self.clock()
