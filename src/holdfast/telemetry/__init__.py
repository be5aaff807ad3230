"""Telemetry: the names of events, the shape of the log, the metrics, and rates over a window. No decisions."""
