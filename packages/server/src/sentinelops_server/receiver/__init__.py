"""The doors: OTLP over HTTP and gRPC. Thin: authenticate, bound, hand on, translate the outcome."""
