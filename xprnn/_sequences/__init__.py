"""The reading room: every door reads x, y, lengths, masks and weights here.

``reading`` reads sequences, ``modes`` reads x and y as a pair, ``columns`` compares the names
and indexes of frames, ``scaling`` standardises, and ``batches`` draws batches for a training.
"""
