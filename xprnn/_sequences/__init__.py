"""The reading room: what every door reads x, y, lengths and masks with.

``reading`` reads sequences, ``modes`` reads x and y as a pair, ``scaling`` standardises them,
and ``batches`` lays them out for a training.
"""
