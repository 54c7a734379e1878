import json

import pytest

from edge_runtime.engines.tensorrt.inspector import dropped, layers, onnx_nodes

from .makers import small_network

# TensorRT 8.6 and 10: one string for type and layout, free shapes unknown, control characters in Metadata.
OLD = {
    "Layers": [
        {
            "Name": "Reformatting CopyNode for Input Tensor 0 to left + left_relu",
            "LayerType": "Reformat",
            "Inputs": [{"Name": "x", "Dimensions": [1, 3, 32, 32], "Format/Datatype": "Row major linear FP32"}],
            "Outputs": [{"Name": "x2", "Dimensions": [1, 3, 32, 32], "Format/Datatype": "Channel major FP16 format"}],
            "TacticValue": "0x00000000000003ea",
        },
        {
            "Name": "left + left_relu",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "x2", "Dimensions": [1, 3, 32, 32], "Format/Datatype": "Half NHWC8"}],
            "Outputs": [{"Name": "rl", "Dimensions": [1, 8, 32, 32], "Format/Datatype": "Thirty-two wide Int8 format"}],
            "TacticName": "sm80_xmma_fprop",
            "TacticValue": "0x11bde0e1d9f2f35d",
        },
        {"Name": "left || right", "LayerType": "CaskConvolution", "Inputs": [], "Outputs": []},
        {"Name": "PWN(PWN(right_sigmoid), gate)", "LayerType": "PointWiseV2"},
        {
            "Name": "wr + pool",
            "LayerType": "DLAPooling",
            "Inputs": [{"Name": "m", "Dimensions": [-1, 8, 32, 32], "Format/Datatype": "N/A due to dynamic shapes"}],
            "Metadata": "[ONNX Layer: gate]\u001e[ONNX Layer: pool]",
        },
        {"Name": "{ForeignNode[left...pool]}", "LayerType": "Myelin"},
    ],
    "Bindings": ["x", "y"],
}
NODES = onnx_nodes(small_network())


def old_rows(nodes=NODES):
    return layers(json.dumps(OLD).replace("\\u001e", "\x1e"), nodes)


def test_the_json_of_8_6_and_10_gives_nodes_fusions_tactics_and_precisions():
    copy, conv, both, gate, pool, region = old_rows()
    assert (copy.fusion, copy.nodes, copy.precision_in, copy.precision_out) == ("reformat", (), "fp32", "fp16")
    assert (conv.fusion, conv.nodes, conv.operators) == ("vertical", ("left", "left_relu"), ("Conv", "Relu"))
    assert (conv.tactic, conv.precision_in, conv.precision_out) == ("sm80_xmma_fprop", "fp16", "int8")
    assert conv.outputs[0].shape == (1, 8, 32, 32)
    assert (both.fusion, both.nodes) == ("horizontal", ("left", "right"))
    assert (gate.fusion, gate.nodes) == ("pointwise", ("right_sigmoid", "gate"))
    assert (pool.device, pool.nodes, pool.precision_in) == ("dla", ("gate", "pool"), None)
    assert (region.fusion, copy.tactic) == ("region", "0x00000000000003ea")


def test_without_the_model_names_still_tell_most():
    _, conv, both, gate, *_ = old_rows(nodes=None)
    assert (conv.fusion, conv.nodes, conv.operators) == ("vertical", ("left", "left_relu"), ("?", "?"))
    assert (both.fusion, gate.fusion) == ("horizontal", "pointwise")


def test_names_alone_are_enough_for_a_row():
    (row,) = layers('{"Layers": ["left + left_relu"]}', NODES)
    assert (row.nodes, row.kind, row.tactic, row.precision_in) == (("left", "left_relu"), "", None, None)


def test_the_json_of_11_has_a_datatype_of_its_own():
    entry = {
        "Name": "__myl_Corr_myl0_1",
        "LayerType": "runtime_fusion",
        "Inputs": [{"Name": "a", "Dimensions": [1, 3], "Datatype": "BFloat16", "Format": "(Linear) Row major"}],
        "Outputs": [{"Name": "b", "Dimensions": [1, 3], "Datatype": "FP8"}, {"Name": "c", "Datatype": "Float"}],
        "Metadata": "[ONNX Layer: left][ONNX Layer: right]",
    }
    (row,) = layers(json.dumps({"Layers": [entry], "I/O Tensors": []}), NODES)
    assert (row.precision_in, row.precision_out, row.fusion) == ("bf16", "fp32+fp8", "horizontal")


LOG = """Layers:
Name: w^3_myl0_0, LayerType: wait, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 4, EventId: 35, Metadata: 
Name: __myl_Corr_myl0_4, LayerType: runtime_fusion, Inputs: [ { Name: a, Dimensions: [1,3,32,32], Strides: [9,1], Datatype: Half, Format: (NHWC) Channel major format }, { Name: b, Dimensions: [], Strides: [], Datatype: Half, Format: (Linear) }], Constants: [ { Name: k, Dimensions: [8,3,3,3], Datatype: Half, Format: (NHWC) x }], Outputs: [ { Name: rl, Dimensions: [1,8,32,32], Strides: [1], Datatype: Float, Format: (NHWC) Channel major format }], TacticName: , StreamId: 0, Metadata: [ONNX Layer: left_relu][ONNX Layer: left]
Name: pool_myl0_1, LayerType: maxpool, Inputs: [], Constants: [], Outputs: [], TacticName: __myelin_CASK_STUB, StreamId: 0, Metadata: [ONNX Layer: pool]

I/O Tensors:
 Name: x, IOMode: Input, DataType: Float, Dimensions: [1,3,32,32]
"""  # noqa: E501, W291


def test_the_layer_list_that_rtx_logs_reads_like_the_json():
    wait, conv, pool = layers(LOG, NODES)
    assert wait.fusion == "sync"
    assert (conv.fusion, conv.nodes, conv.tactic) == ("vertical", ("left", "left_relu"), None)
    assert [tensor.shape for tensor in conv.inputs] == [(1, 3, 32, 32), ()]
    assert (conv.precision_in, conv.precision_out) == ("fp16", "fp32")
    assert (pool.fusion, pool.tactic) == ("none", None)


def test_nodes_in_no_layer_are_listed():
    assert dropped(layers(LOG, NODES), NODES) == ("right", "right_sigmoid", "gate")


@pytest.mark.parametrize("text", ["", "nothing", "[]", '{"Bindings": []}'])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="not the layer information"):
        layers(text)


def test_a_nameless_node_is_found_under_the_name_the_parser_gives_it():
    nameless = small_network()
    nameless.graph.node[0].name = ""
    rows = layers('{"Layers": ["node_of_cl + left_relu"]}', onnx_nodes(nameless))
    assert [(row.nodes, row.operators) for row in rows] == [(("node_of_cl", "left_relu"), ("Conv", "Relu"))]


def logged(*lines):
    fields = "Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 0, Metadata: "
    return "Layers:\n" + "".join(
        f"Name: {name}, LayerType: {kind}, {fields}{''.join(f'[ONNX Layer: {node}]' for node in nodes)}\n"
        for name, kind, nodes in lines
    )


def test_a_kernel_that_only_prepares_for_a_convolution_does_not_count_as_it():
    text = logged(
        ("__myl_CastConc_myl0_0", "kgen", ["graph_input_cast0", "left", "left_relu"]),
        ("__myl_Corr_myl0_1", "correlation", ["left", "left_relu"]),
    )
    prepare, conv = layers(text, NODES)
    assert (prepare.nodes, prepare.fusion) == (("graph_input_cast0",), "none")
    assert (conv.nodes, conv.fusion) == (("left", "left_relu"), "vertical")


def test_an_activation_that_is_named_nowhere_goes_to_the_layer_that_makes_its_input():
    rows = layers(logged(("__myl_FcSigm_myl0_0", "runtime_fusion", ["right"])), NODES)
    assert [(row.nodes, row.unnamed, row.fusion) for row in rows] == [
        (("right", "right_sigmoid"), ("right_sigmoid",), "vertical")
    ]
    assert dropped(rows, NODES) == ("left", "left_relu", "gate", "pool")


def test_the_cast_at_the_end_of_a_network_stands_last():
    (row,) = layers(logged(("__myl_MaxCast_myl0_0", "kgen", ["graph_output_cast0", "pool"])), NODES)
    assert row.nodes == ("pool", "graph_output_cast0")
