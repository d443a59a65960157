"""Videos made by a server of asynchronous `/v1/videos` jobs: SGLang-Diffusion, vLLM-Omni."""
