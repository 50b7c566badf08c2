"""The recurrence as one kernel on a CUDA GPU."""
