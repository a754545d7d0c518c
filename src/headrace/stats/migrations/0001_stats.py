"""The tables of statistics: a row a stream, roll-ups by hour and day, and the number that foldings raise."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Folding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="RollUp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                ("cached_tokens", models.BigIntegerField(default=0)),
                ("estimated_tokens", models.BigIntegerField(default=0)),
                ("events", models.BigIntegerField(default=0)),
                ("raw_bytes", models.BigIntegerField(default=0)),
                ("sent_bytes", models.BigIntegerField(default=0)),
                ("attempts", models.BigIntegerField(default=0)),
                ("fallbacks", models.BigIntegerField(default=0)),
                ("resumes", models.BigIntegerField(default=0)),
                ("readers", models.BigIntegerField(default=0)),
                ("project", models.CharField(max_length=200)),
                ("facet", models.CharField(max_length=8)),
                ("minutes", models.IntegerField()),
                ("start", models.IntegerField()),
                ("provider", models.CharField(blank=True, default="", max_length=64)),
                ("model", models.CharField(blank=True, default="", max_length=200)),
                ("caller", models.CharField(blank=True, default="", max_length=200)),
                ("outcome", models.CharField(max_length=40)),
                ("streams", models.BigIntegerField(default=0)),
                ("cost", models.FloatField(default=0.0)),
                ("priced", models.BigIntegerField(default=0)),
                ("ttft_ms", models.BinaryField(null=True)),
                ("duration_ms", models.BinaryField(null=True)),
                ("tokens_per_second", models.BinaryField(null=True)),
                ("longest_silence_ms", models.BinaryField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["minutes", "start"], name="hr_stats_rollup_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "facet", "minutes", "start", "provider", "model", "caller", "outcome"),
                        name="hr_stats_rollup_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Stream",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                ("cached_tokens", models.BigIntegerField(default=0)),
                ("estimated_tokens", models.BigIntegerField(default=0)),
                ("events", models.BigIntegerField(default=0)),
                ("raw_bytes", models.BigIntegerField(default=0)),
                ("sent_bytes", models.BigIntegerField(default=0)),
                ("attempts", models.BigIntegerField(default=0)),
                ("fallbacks", models.BigIntegerField(default=0)),
                ("resumes", models.BigIntegerField(default=0)),
                ("readers", models.BigIntegerField(default=0)),
                ("stream_id", models.CharField(max_length=64, unique=True)),
                ("project", models.CharField(max_length=200)),
                ("caller", models.CharField(blank=True, default="", max_length=200)),
                ("provider", models.CharField(max_length=64)),
                ("model", models.CharField(max_length=200)),
                ("outcome", models.CharField(max_length=40)),
                ("failed", models.BooleanField(default=False)),
                ("started", models.BigIntegerField()),
                ("duration_ms", models.FloatField()),
                ("ttft_ms", models.FloatField(null=True)),
                ("first_reasoning_ms", models.FloatField(null=True)),
                ("first_content_ms", models.FloatField(null=True)),
                ("gap_mean_ms", models.FloatField(null=True)),
                ("gap_p50_ms", models.FloatField(null=True)),
                ("gap_p95_ms", models.FloatField(null=True)),
                ("gap_p99_ms", models.FloatField(null=True)),
                ("longest_silence_ms", models.FloatField(null=True)),
                ("tokens_per_second", models.FloatField(null=True)),
                ("usage_source", models.CharField(blank=True, default="", max_length=16)),
                ("cost", models.FloatField(null=True)),
                ("status", models.IntegerField(null=True)),
                ("provider_reason", models.CharField(blank=True, default="", max_length=200)),
                ("moments", models.JSONField(default=list)),
                ("folded", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ("-started", "-pk"),
                "indexes": [
                    models.Index(fields=["project", "started"], name="hr_stats_started"),
                    models.Index(fields=["project", "caller", "started"], name="hr_stats_caller"),
                    models.Index(fields=["project", "ttft_ms", "started"], name="hr_stats_ttft"),
                    models.Index(fields=["project", "duration_ms", "started"], name="hr_stats_duration"),
                    models.Index(
                        condition=models.Q(("failed", True)), fields=["project", "started"], name="hr_stats_failed"
                    ),
                    models.Index(condition=models.Q(("folded", False)), fields=["id"], name="hr_stats_unfolded"),
                ],
            },
        ),
    ]
