"""Each model through Debian's onnx: check_model.py HEIGHT WIDTH MODEL..."""
import sys

import onnx

height, width = int(sys.argv[1]), int(sys.argv[2])


def sides(value):
    return [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]


for path in sys.argv[3:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # What the graph computes, without being told what comes out.
    promised = sides(model.graph.output[0])
    model.graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    code = ["N", 128, height, width]
    assert [one.name for one in model.graph.input] == ["image_code"], "one input"
    assert sides(model.graph.input[0]) == code and promised == code, "the code grid"
    assert sides(inferred.graph.output[0]) == code, sides(inferred.graph.output[0])
    values = {one.name: sides(one) for one in inferred.graph.value_info}
    assert all(len(values.get(name, code)) == 4 for node in model.graph.node for name in node.output), "every value has four axes"
    twice = values["up1.resized"]
    assert twice == ["N", 128, 2 * height, 2 * width], twice
    print(path, len(model.graph.node), "nodes")
