"""One import at a time: the lock under which every HTTP library and every provider's SDK is imported."""

from __future__ import annotations

from threading import RLock

#: Held around each import, within a function, of httpx, httpx2, openai, google.* and replicate. Several providers make
#: their first call at the same moment, each in a thread of its own, and an import that is under way can be seen half
#: done: Python hands out such a module where two threads would wait for each other, and the OpenAI SDK takes what
#: `sys.modules` holds under "httpx". Once everything is imported the lock is never waited for. Import nothing of the
#: package under it that takes another lock when it is imported.
IMPORTING = RLock()
