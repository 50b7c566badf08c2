"""Reading x, y, lengths, masks and weights, for all parts of the public API.

``reading`` reads sequences, ``modes`` reads x and y as a pair, ``columns`` compares the names and
indexes of frames, ``scaling`` standardises, and ``batches`` draws batches for training.
"""
