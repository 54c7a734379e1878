"""What `scripts/train_demo_detector.py` is made of: drawn views, two small networks, their losses, ONNX and figures."""
