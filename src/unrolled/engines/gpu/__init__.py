"""The engine for GPUs: cuDNN where it has a kernel, Triton for what cuDNN hides or has not."""
