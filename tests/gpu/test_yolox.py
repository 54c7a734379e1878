"""A real detector from a 1080p frame to its raw head, against the CPU path and ONNX Runtime."""

import cv2
import numpy as np
import onnxruntime

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Frame, Region
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.vision.preprocess import Preprocessor
from tests.gpu.networks import Network, build, load_model
from tests.material import YOLOX, material

FORM = InputBlock(size=(416, 416), resize="letterbox_top_left", color="bgr", scale=1.0)


def test_yolox_agrees_with_onnx_runtime_on_real_frames(gpu, trt):
    model = load_model(material(YOLOX))
    plan, _runtime = build(trt, model, fp16=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    cpu, row = Preprocessor(FORM), np.empty((1, 3, 416, 416), np.float32)
    pictures = [cv2.imread(str(path)) for path in sorted(material("images").glob("*.jpg"))]
    with (
        gpu.stream("copies") as copies,
        FrameUpload(gpu, stream=copies, depth=3) as upload,
        Network(gpu, plan, FORM, upload) as road,
    ):
        for frame_id, picture in enumerate(pictures):
            frame = Frame(frame_id, "front", 0, cv2.resize(picture, (1920, 1080)))
            road.launch(0, frame, road.places([(0, 0, 1920, 1080)]))
            got = road.engine.collect(0)["output"].astype(np.float64)
            cpu.write(frame.image, Region.whole(frame), row[0])
            wanted = session.run(None, {"images": row})[0].astype(np.float64)
            cosine = (got * wanted).sum() / np.linalg.norm(got) / np.linalg.norm(wanted)
            assert cosine > 0.999
            scores = got[..., 4:5] * got[..., 5:], wanted[..., 4:5] * wanted[..., 5:]
            assert np.abs(scores[0] - scores[1]).max() < 0.05
