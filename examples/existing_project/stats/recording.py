from stats.models import Answer


def after_stream(result):
    Answer.objects.create(
        project_id=result.project or None,
        stream_id=result.stream_id,
        outcome=result.outcome,
        content=result.content,
        output_tokens=result.usage.output_tokens if result.usage else 0,
    )
