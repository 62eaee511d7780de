"""What a device says that has no memory left. It says so in more than one way."""

from __future__ import annotations

#: Words of errors that are no torch.OutOfMemoryError: CUDA outside torch's own allocator, cuBLAS and cuDNN when they
#: want room to work in, Apple's GPUs, and the CPU.
_WORDS = (
    "out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "defaultcpuallocator",
)


def ran_out(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, says that memory ran out. Any other error of a device is fatal."""
    import torch

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(seen, RuntimeError) and any(word in str(seen).lower() for word in _WORDS):
            return True
        seen = seen.__cause__
    return False
