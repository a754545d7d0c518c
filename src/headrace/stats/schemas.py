"""The parameters and answers of the API of statistics, in the wire's spelling."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

from headrace.common.rest import WireSchema
from headrace.stats.asked import GroupBy
from headrace.stats.figures import Measure, Method
from headrace.stats.spans import Bucket

Format = Literal["json", "csv"]
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL has no text with such a character, not even to look for."""
Name = Annotated[str | None, Field(max_length=200, pattern=NO_NUL)]
MAX_STREAMS = 200


class Filters(Schema):
    """Which streams. They are those that started in the range."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[
        datetime | None, Field(alias="from", description="A day before `to`, when left out. Whole minutes.")
    ] = None
    to: Annotated[datetime | None, Field(description="Now, when left out.")] = None
    zone: Annotated[str | None, Field(max_length=64, description="Such as Europe/Berlin; UTC when left out.")] = None
    provider: Name = None
    model: Name = None
    outcome: Name = None
    caller: Annotated[Name, Field(description="A person's or program's key; for owners.")] = None


class TotalsQuery(Filters):
    by: Annotated[GroupBy | None, Field(description="`person`, `token` and `caller` are for owners.")] = None
    format: Format = "json"


class SeriesQuery(TotalsQuery):
    bucket: Annotated[Bucket | None, Field(description="What suits the range, when left out.")] = None


class PercentilesQuery(SeriesQuery):
    measure: Annotated[
        Measure,
        Field(description="Time to the first event, tokens a second, duration, or the longest silence (ms)."),
    ] = "ttft"
    bucket: Annotated[Bucket | None, Field(description="The range as a whole, when left out.")] = None


class StreamsQuery(Filters):
    sort: Annotated[Literal["started", "ttft", "duration"], Field(description="The latest, or the slowest, first.")] = (
        "started"
    )
    failed: Annotated[bool, Field(description="Only those that failed.")] = False
    limit: Annotated[int, Field(ge=1, le=MAX_STREAMS)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    format: Format = "json"


class Answer(WireSchema):
    """What every answer says of itself. `from` and `to` are what was really counted, in whole minutes."""

    model_config = WireSchema.model_config | ConfigDict(extra="allow")

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    zone: str
    complete: Annotated[bool, Field(description="False: some of it is kept no longer.")]


class Group(WireSchema):
    """Which group a row is about: only the names that `by` asks for are there."""

    provider: str | None = None
    model: str | None = None
    outcome: str | None = None
    caller: str | None = None
    name: Annotated[str | None, Field(description="The caller's name, where it is known.")] = None


class Sums(Group):
    """Tokens whose numbers no provider reported are in `estimatedTokens` too. `cost` is US dollars, of the `priced`
    streams whose price is known."""

    streams: int
    failed: int
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    estimated_tokens: int
    cost: float
    priced: int
    events: int
    raw_bytes: int
    sent_bytes: int
    attempts: int
    fallbacks: int
    resumes: int
    readers: int


class Point(Sums):
    at: datetime


class Spread(Group):
    """Milliseconds, or tokens a second. `count` streams had a value."""

    at: datetime | None = None
    count: int
    mean: float
    least: float
    most: float
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    p95: float
    p99: float


class Totals(Answer):
    groups: list[Sums]


class Series(Answer):
    bucket: Bucket
    points: list[Point]


class Percentiles(Answer):
    measure: Measure
    bucket: Bucket | None
    method: Annotated[Method, Field(description="`sketched`: right to `error`, a share of the value.")]
    error: float
    points: list[Spread]


class StreamRow(WireSchema):
    """One stream. Times are milliseconds since it was asked; `caller` is told to owners."""

    stream_id: str
    started: datetime
    provider: str
    model: str
    caller: str | None = None
    name: str | None = None
    outcome: str
    failed: bool
    status: int | None
    duration_ms: float
    ttft_ms: float | None
    first_reasoning_ms: float | None
    first_content_ms: float | None
    gap_mean_ms: float | None
    gap_p50_ms: float | None
    gap_p95_ms: float | None
    gap_p99_ms: float | None
    longest_silence_ms: float | None
    tokens_per_second: float | None
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    usage_source: str
    cost: float | None
    events: int
    raw_bytes: int
    sent_bytes: int
    attempts: int
    fallbacks: int
    resumes: int
    readers: int


class StreamRows(Answer):
    streams: list[StreamRow]


class MomentAnswer(WireSchema):
    """`seconds` is how long a silence was; `detail` an error code, or the outcome."""

    at_ms: float
    kind: Literal["asked", "reasoning", "content", "retry", "fallback", "resumed", "silence", "ended"]
    detail: str = ""
    seconds: float | None = None


class Timeline(StreamRow):
    provider_reason: str
    moments: list[MomentAnswer]
