"""OANDA v20: our values ⇄ its requests, answers, streams and quirks.

Requests are built and answers read here, without a socket: transports are handed in (`ports/transport.py`,
`ports/lines.py`). Start at `exchange.py`. Source of the formats: OANDA's OpenAPI file (v20.yaml) and recorded answers.
"""
