"""What hosted providers share: everything but the dialect.

    server.py    address, key, timeouts; keys taken out of texts
    rest.py      one HTTP call that is sent once, its answer spooled as it comes
    rules.py     what is refused while planning, by the offer and the dialect's Rules
    errors.py    an HTTP status -> an outcome
    pictures.py  bytes, base64 and data URLs -> a picture or nothing
    hosted.py    a Provider that answers at once (`Direct`)
    remote.py    a Provider whose jobs are submitted, polled and fetched (`Remote`)

A provider is a dialect handed to `Direct` or `Remote`: it says how a request looks on the wire and what an answer
means; in which order money, ledger and wire come is decided here, once.
"""
