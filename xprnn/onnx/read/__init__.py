"""Read models from the ONNX files of any program."""
