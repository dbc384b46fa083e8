"""A PostgreSQL for a race: a copy of a kept cluster, in which every commit waits for its disk."""

from pathlib import Path

from tests.live.postgres import Cluster

CONNECTIONS_MAX = 250
"""Room for two server processes with large pools."""

# Whoever seeds a cluster waits for no disk; these are PostgreSQL's own defaults, said after that.
SETTINGS = f"""
max_connections = {CONNECTIONS_MAX}
shared_buffers = 128MB
min_wal_size = 80MB
fsync = on
synchronous_commit = on
full_page_writes = on
"""
SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes")


def copied(kept: Path, owner: str, password: str, log: Path) -> Cluster:
    """A cluster that runs; whoever gets it removes it."""
    cluster = Cluster.copied(kept, owner, password, log)
    with (cluster.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    try:
        cluster.start()
    except BaseException:
        cluster.removed()
        raise
    return cluster


def shown(cluster: Cluster) -> dict[str, str]:
    """What the running server says of its version and of how it keeps what is committed."""
    return {name: cluster.sql(f"show {name}") for name in SHOWN}
