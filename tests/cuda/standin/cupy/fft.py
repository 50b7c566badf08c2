"""Fourier transforms: array-api-compat wants the module, and the project calls none."""

__all__: list[str] = []
