"""Tables of campaigns: the log of each, and the request ids that brought its entries."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from epitaxy.database.tables import metadata

campaigns = Table(
    "campaign_names",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Number of the last entry of the log: who writes the next one must know this one.
    Column("sequence", Integer, nullable=False),
    # What a fold of the log says, kept so that lists and scrapes need not fold.
    Column("state", String(16), nullable=False),
    Column("is_waiting", Boolean, nullable=False),
    Column("summary", Text, nullable=False),
    UniqueConstraint("tenant", "name"),
    Index("campaign_names_in_order", "tenant", "created_us", "id"),
    Index("campaign_names_waiting", "is_waiting"),
)
campaign_events = Table(
    "campaign_events",
    metadata,
    Column("campaign_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("document", Text, nullable=False),
)
# The entry that a request brought, which holds the answer: a repeated request gets it again.
campaign_requests = Table(
    "campaign_requests",
    metadata,
    Column("tenant", String(63), primary_key=True),
    # Empty for creations.
    Column("campaign_id", String(40), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("created_id", String(40), nullable=False),
    Column("sequence", Integer, nullable=False),
)
