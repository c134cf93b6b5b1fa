"""Where a report comes from: written into it once the model has its version."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape

# The page holds it once, escaped text of users never does.
PLACE = "<!-- origin -->"


@dataclass(frozen=True, slots=True)
class ReportOrigin:
    """What a report is of.

    Attributes:
        model: Name of the model.
        version: Its version.
        job: Id of the job.
        created: When the report was made.
    """

    model: str
    version: str
    job: str
    created: datetime

    def stamp_page(self, page: bytes) -> bytes:
        """The page with a line of its origin below the title."""
        date = self.created.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        line = f"Model <b>{escape(self.model)}:{escape(self.version)}</b>, job {escape(self.job)}, {date}"
        return page.replace(PLACE.encode(), f'<p class="soft">{line}</p>'.encode(), 1)

    def stamp_json(self, text: bytes) -> bytes:
        """The JSON file with an object ``origin``."""
        origin = asdict(self) | {"created": self.created.astimezone(UTC).isoformat()}
        return (json.dumps({"origin": origin} | json.loads(text), indent=1, allow_nan=False) + "\n").encode()
