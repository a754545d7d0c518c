"""A project's statistics over HTTP: totals, series, percentiles, its streams and what happened to one.

Who may read the project may read them; what single people did is for its owners.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from headrace.common.identity import allows
from headrace.common.rest import ErrorAnswer
from headrace.errors import RequestError
from headrace.projects.finding import asked_project_key
from headrace.stats import figures, streams
from headrace.stats.asked import Asked, asked, rows_since
from headrace.stats.figures import METHOD_ERROR, NAMES, SHARES, Table
from headrace.stats.models import Stream
from headrace.stats.naming import check_owner, is_owner, names_of
from headrace.stats.schemas import (
    Filters,
    Percentiles,
    PercentilesQuery,
    Series,
    SeriesQuery,
    StreamRow,
    StreamRows,
    StreamsQuery,
    Timeline,
    Totals,
    TotalsQuery,
)
from headrace.stats.spans import moment, suited
from headrace.stats.tables import csv_response

router = Router(tags=["statistics"], by_alias=True, exclude_unset=True)
FAILED: dict[Any, Any] = {frozenset({400, 401, 403, 404, 429}): ErrorAnswer}
Shown = dict[str, Any] | HttpResponse
STATS = "/projects/{project_id}/stats/"


@router.get(
    STATS + "totals/",
    response={200: Totals, **FAILED},
    summary="Streams, tokens, cost and bytes, by whatever",
    operation_id="statsTotals",
)
@allows("read")
def read_totals(request: HttpRequest, project_id: str, query: Query[TotalsQuery]) -> Shown:
    wanted = _asked(request, project_id, query)
    table = figures.totals(wanted)
    return _answer(wanted, table, query.format, "totals", "groups", [*_keys(wanted), *NAMES.values()])


@router.get(
    STATS + "series/",
    response={200: Series, **FAILED},
    summary="The same over time",
    operation_id="statsSeries",
)
@allows("read")
def read_series(request: HttpRequest, project_id: str, query: Query[SeriesQuery]) -> Shown:
    wanted = _asked(request, project_id, query)
    bucket = query.bucket or suited(wanted.start, wanted.end)
    table = figures.series(wanted, bucket)
    columns = ["at", *_keys(wanted), *NAMES.values()]
    return _answer(wanted, table, query.format, "series", "points", columns, bucket=bucket)


@router.get(
    STATS + "percentiles/",
    response={200: Percentiles, **FAILED},
    summary="Percentiles of a measure, over time and by whatever",
    operation_id="statsPercentiles",
)
@allows("read")
def read_percentiles(request: HttpRequest, project_id: str, query: Query[PercentilesQuery]) -> Shown:
    wanted = _asked(request, project_id, query)
    table = figures.percentiles(wanted, query.measure, query.bucket)
    assert table.method is not None
    at = ["at"] if query.bucket else []
    columns = [*at, *_keys(wanted), "count", "mean", "least", "most", *(f"p{share}" for share in SHARES)]
    more = {"measure": query.measure, "bucket": query.bucket, "method": table.method}
    error = METHOD_ERROR[table.method]
    return _answer(wanted, table, query.format, query.measure, "points", columns, **more, error=error)


@router.get(
    STATS + "streams/",
    response={200: StreamRows, **FAILED},
    summary="The latest, the slowest or the failed streams",
    operation_id="statsStreams",
)
@allows("read")
def list_streams(request: HttpRequest, project_id: str, query: Query[StreamsQuery]) -> Shown:
    wanted = _asked(request, project_id, query)
    found = streams.found(wanted, query.sort, failed=query.failed, limit=query.limit, offset=query.offset)
    rows = _stream_rows(request, wanted.project, found)
    table = Table(rows, wanted.start, wanted.end, complete=wanted.start >= rows_since())
    columns = [each.alias or name for name, each in StreamRow.model_fields.items()]
    return _answer(wanted, table, query.format, "streams", "streams", columns)


@router.get(
    STATS + "streams/{stream_id}/",
    response={200: Timeline, **FAILED},
    summary="One stream's figures and its timeline",
    operation_id="statsStream",
)
@allows("read")
def read_stream(request: HttpRequest, project_id: str, stream_id: str) -> dict[str, Any]:
    project = asked_project_key(request, project_id)
    found = Stream.objects.filter(project=project, stream_id=stream_id).first()
    if found is None:
        message = "no statistics are kept of such a stream here: it never was, still runs, or is too long ago"
        raise RequestError(message, field="streamId", code="stream_not_found", status=404)
    (row,) = _stream_rows(request, project, [found])
    return row | {
        "providerReason": found.provider_reason,
        "moments": [{"atMs": 0.0, "kind": "asked"}, *found.moments],
    }


def _asked(request: HttpRequest, project_id: str, query: Filters) -> Asked:
    project = asked_project_key(request, project_id)
    wanted = asked(project, query.dict())
    if wanted.names_callers:
        check_owner(request, project)
    return wanted


def _keys(wanted: Asked) -> list[str]:
    return [*wanted.dims, "name"] if "caller" in wanted.dims else [*wanted.dims]


def _answer(  # noqa: PLR0917
    wanted: Asked, table: Table, form: str, name: str, field: str, columns: Sequence[str], **more: Any
) -> Shown:
    rows = _named(table.rows) if "caller" in wanted.dims else table.rows
    if form == "csv":
        return csv_response(f"{wanted.project}-{name}", rows, columns)
    start, end = moment(table.start, wanted.zone), moment(table.end, wanted.zone)
    about = {"from": start, "to": end, "zone": wanted.zone.key, "complete": table.complete}
    return about | more | {field: rows}


def _named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = names_of(row["caller"] for row in rows)
    return [row | {"name": names.get(row["caller"], "")} for row in rows]


def _stream_rows(request: HttpRequest, project: str, found: Iterable[Stream]) -> list[dict[str, Any]]:
    """Rows as they are shown; who asked is told to owners."""
    found = list(found)
    names = names_of(each.caller for each in found) if is_owner(request, project) else None
    return [_stream_row(each, names) for each in found]


def _stream_row(found: Stream, names: dict[str, str] | None) -> dict[str, Any]:
    told = {} if names is None else {"caller": found.caller, "name": names.get(found.caller, "")}
    same = {
        each.alias or name: getattr(found, name)
        for name, each in StreamRow.model_fields.items()
        if name not in ("started", "caller", "name")
    }
    return same | told | {"started": datetime.fromtimestamp(found.started / 1000, UTC)}
