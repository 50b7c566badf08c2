"""Reads models from ONNX files, whichever program wrote them."""
