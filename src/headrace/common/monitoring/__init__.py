"""What an operator watches: figures for Prometheus, and traces where OpenTelemetry is set up."""
