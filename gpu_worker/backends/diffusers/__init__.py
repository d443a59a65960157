"""Video models that the `diffusers` library runs, from safetensors in a local folder and nowhere else.

Neither torch nor diffusers is imported before a render begins, and CUDA is touched only in the job's
own process. A family whose folder or library is missing is not offered, and says why (`Absence`).
"""
