"""Writes models to ONNX files."""
