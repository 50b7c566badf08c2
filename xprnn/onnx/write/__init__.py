"""Write models to ONNX files."""
