"""What travels between a client and a model over HTTP, whichever client it was: the formats, and how answers are seen.

exchange: from the request to the end of its answer. watch, streams, repeats: an answer that the host reads itself.
answer: what arrived, as attributes. provider: who answers. openai*: the formats of the OpenAI API. stainless: hooks of
the clients that are built alike.
"""
