"""Where records become durable. Knows nothing of gRPC and nothing of law."""
