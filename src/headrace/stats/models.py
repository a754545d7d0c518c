"""What is kept of streams: a row each, and sums and distributions by hour and day. Never a key, never text.

Moments are whole numbers of the epoch (milliseconds of a stream, minutes of a roll-up), so that both databases can
group by division and no zone is in the tables.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from headrace.common.fields import SealedField


class Counted(models.Model):
    """What is added up, of one stream or of many."""

    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    estimated_tokens = models.BigIntegerField(default=0)
    """Of the input and output tokens, those that no provider reported."""
    events = models.BigIntegerField(default=0)
    raw_bytes = models.BigIntegerField(default=0)
    sent_bytes = models.BigIntegerField(default=0)
    attempts = models.BigIntegerField(default=0)
    fallbacks = models.BigIntegerField(default=0)
    resumes = models.BigIntegerField(default=0)
    readers = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class Stream(Counted):
    """One stream that has ended. `folded`: it is in the roll-ups."""

    stream_id = models.CharField(max_length=64, unique=True)
    project = models.CharField(max_length=200)
    caller = models.CharField(max_length=200, blank=True, default="")
    provider = models.CharField(max_length=64)
    model = models.CharField(max_length=200)
    outcome = models.CharField(max_length=40)
    failed = models.BooleanField(default=False)
    started = models.BigIntegerField()
    """Milliseconds since 1970."""
    duration_ms = models.FloatField()
    ttft_ms = models.FloatField(null=True)
    first_reasoning_ms = models.FloatField(null=True)
    first_content_ms = models.FloatField(null=True)
    gap_mean_ms = models.FloatField(null=True)
    gap_p50_ms = models.FloatField(null=True)
    gap_p95_ms = models.FloatField(null=True)
    gap_p99_ms = models.FloatField(null=True)
    longest_silence_ms = models.FloatField(null=True)
    tokens_per_second = models.FloatField(null=True)
    usage_source = models.CharField(max_length=16, blank=True, default="")
    cost = models.FloatField(null=True)
    """US dollars."""
    status = models.IntegerField(null=True)
    provider_reason = models.CharField(max_length=200, blank=True, default="")
    moments = models.JSONField(default=list)
    folded = models.BooleanField(default=False)

    class Meta:
        ordering = ("-started", "-pk")
        indexes: ClassVar = [
            models.Index(fields=["project", "started"], name="hr_stats_started"),
            models.Index(fields=["project", "caller", "started"], name="hr_stats_caller"),
            models.Index(fields=["project", "ttft_ms", "started"], name="hr_stats_ttft"),
            models.Index(fields=["project", "duration_ms", "started"], name="hr_stats_duration"),
            models.Index(fields=["project", "started"], condition=Q(failed=True), name="hr_stats_failed"),
            models.Index(fields=["project", "started"], condition=Q(folded=False), name="hr_stats_unfolded"),
        ]

    def __str__(self) -> str:
        return self.stream_id


class RollUp(Counted):
    """The streams that started in one hour, three hours or a day of UTC, of one kind.

    By `model` it is a provider's model and an outcome; by `caller` a caller and an outcome. Distributions are sketches
    (`headrace.stream.sketch`).
    """

    project = models.CharField(max_length=200)
    facet = models.CharField(max_length=8)
    minutes = models.IntegerField()
    """One of `spans.GRAINS`."""
    start = models.IntegerField()
    """Minutes since 1970."""
    provider = models.CharField(max_length=64, blank=True, default="")
    model = models.CharField(max_length=200, blank=True, default="")
    caller = models.CharField(max_length=200, blank=True, default="")
    outcome = models.CharField(max_length=40)
    streams = models.BigIntegerField(default=0)
    cost = models.FloatField(default=0.0)
    priced = models.BigIntegerField(default=0)
    """Streams whose cost is known."""
    ttft_ms = models.BinaryField(null=True)
    duration_ms = models.BinaryField(null=True)
    tokens_per_second = models.BinaryField(null=True)
    longest_silence_ms = models.BinaryField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "facet", "minutes", "start", "provider", "model", "caller", "outcome"],
                name="hr_stats_rollup_once",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["minutes", "start"], name="hr_stats_rollup_age")]

    def __str__(self) -> str:
        return f"{self.project} {self.facet} {self.minutes} {self.start}"


class Folding(models.Model):
    """One row with one number, raised with each folding: whoever reads rows and roll-ups sees that both belong
    together."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class Budget(models.Model):
    """What one project may spend in a day or a month of a zone: tokens, or US dollars."""

    project = models.CharField(max_length=200)
    measure = models.CharField(max_length=8)
    period = models.CharField(max_length=8)
    limit = models.FloatField()
    zone = models.CharField(max_length=64, default="UTC")
    webhook_url = models.CharField(max_length=2000, blank=True, default="")
    webhook_secret = SealedField(blank=True, default="")
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("period", "measure")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "measure", "period"], name="hr_stats_budget_once")
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.limit:g} {self.measure} a {self.period}"


class Notice(models.Model):
    """That a budget came near its limit, or reached it: once in each period, kept until it has been delivered."""

    notice_id = models.CharField(max_length=32, unique=True)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=32)
    start = models.IntegerField()
    """Minutes since 1970: when the period began."""
    body = models.TextField()
    due = models.FloatField()
    """Seconds since 1970: when it is sent next."""
    attempts = models.IntegerField(default=0)
    settled = models.BooleanField(default=False)
    """It has been delivered, or is given up."""
    problem = models.CharField(max_length=200, blank=True, default="")
    made = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["budget", "kind", "start"], name="hr_stats_notice_once")
        ]
        indexes: ClassVar = [models.Index(fields=["due"], condition=Q(settled=False), name="hr_stats_notice_due")]

    def __str__(self) -> str:
        return self.notice_id
