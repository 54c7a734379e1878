"""TensorRT: engines built from ONNX, kept in a cache and looked into. Nothing here is imported before it is wanted."""
