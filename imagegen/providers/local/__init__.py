"""The machine's own GPU: SDXL, SD 3.5 and FLUX from safetensors on disk. The only place that knows torch."""
