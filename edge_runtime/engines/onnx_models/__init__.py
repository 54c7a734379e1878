"""ONNX models made, changed and quantized; every change is run against what it started from."""
