"""Callbacks: telling a row's `callback_url` what became of its pictures, by signed webhooks.

`address` checks a callback_url while planning, `body` writes what is told, `signature` signs it, `schedule` says when
it is tried again, `post` sends it once, `delivery` takes what is due from the outbox, `worker` does so beside a run.
Messages are written into `imagegen.ledger.outbox` by `imagegen.postbox`.
"""
