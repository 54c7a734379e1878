"""A recording double of TensorRT's Python module that has only the names the table of `compat` lists for a version.

Code that touches any other name fails here, as it would on a board with that version.
"""

import copy
import enum
import functools
import json

from edge_runtime.engines.tensorrt import provider
from edge_runtime.engines.tensorrt.compat import touched


class Thing:
    """An object of the API: `answers` are its values, or functions that give them; everything is recorded."""

    def __init__(self, module, owner, **answers):
        vars(self).update(module=module, owner=owner, answers=answers)

    def _check(self, name):
        if (self.owner, name) not in self.module.names:
            raise AttributeError(f"{self.owner}.{name} is not in the table for {self.module.traits}")

    def __getattr__(self, name):
        self._check(name)
        answer = self.answers.get(name)
        if answer is not None and not callable(answer):
            return answer

        def call(*arguments):
            self.module.calls.append((f"{self.owner}.{name}", arguments))
            return answer(*arguments) if answer else None

        return call

    def __setattr__(self, name, value):
        self._check(name)
        self.module.calls.append((f"{self.owner}.{name}=", (value,)))
        self.answers[name] = value

    def __int__(self):
        return self.answers["value"]


class Buffer(bytes):
    nbytes = property(len)


class ParserError:
    """One thing the double's parser says; before 10.0 it only knew the node's index."""

    def __init__(self, index, reason, code="UNSUPPORTED_NODE", node="", operator=""):
        self.answers = {"node": index, "desc": reason, "node_name": node, "node_operator": operator}
        self.answers["local_function_stack"] = []
        self.answers["code"] = enum.Enum("ErrorCode", [code])[code]


class Module:
    """`tensorrt` as far as it is used. What it shall do is set before a build: shapes, layers, errors, the outcome."""

    def __init__(self, traits):
        self.traits = traits
        self.names = touched(traits)
        self.__version__ = ".".join(map(str, traits.version))
        self.calls = []
        self.inputs = {"x": (1, 3, 32, 32)}
        self.layers = ("conv", "relu")
        self.not_on_dla = ()
        self.dla_cores = 2
        self.refusals = ()
        self.subgraphs = ()
        self.plan = Buffer(b"plan")
        self.log_lines = ()
        self.phases = ()
        self.gpu = True
        self.inspection = json.dumps({"Layers": ["conv + relu"], "Bindings": []})
        self.timing = b"measured"
        self.timing_fits = True
        self.parsed = b""
        self.finished_phases = []
        for owner in {owner for owner, _ in self.names if owner and owner[0] != "I"}:
            members = sorted(member for name, member in self.names if name == owner)
            if all(member.isupper() or any(letter.isdigit() for letter in member) for member in members):
                setattr(self, owner, enum.IntEnum(owner, members, start=0))

    class ILogger:
        def __init__(self):
            pass

    class IProfiler:
        def __init__(self):
            pass

    class IProgressMonitor:
        def __init__(self):
            pass

    def init_libnvinfer_plugins(self, logger, namespace):
        return True

    def Builder(self, logger):
        assert self.gpu, "TensorRT 8.6 ends the process here"
        vars(self)["logger"] = logger
        return Thing(
            self,
            "Builder",
            num_DLA_cores=self.dla_cores,
            create_network=self._network,
            create_builder_config=self._config,
            create_optimization_profile=lambda: Thing(self, "IOptimizationProfile"),
            build_serialized_network=self._build,
        )

    def _network(self, bits):
        tensors = [Thing(self, "ITensor", name=name, shape=shape) for name, shape in self.inputs.items()]
        layers = [Thing(self, "ILayer", name=name, num_outputs=1) for name in self.layers]
        return Thing(
            self,
            "INetworkDefinition",
            num_inputs=len(tensors),
            num_outputs=1,
            num_layers=len(layers),
            get_input=lambda index: tensors[index],
            get_layer=lambda index: layers[index],
        )

    def _config(self):
        def cache(known):
            return Thing(self, "ITimingCache", serialize=lambda: Buffer(self.timing))

        return Thing(
            self,
            "IBuilderConfig",
            can_run_on_DLA=lambda layer: layer.name not in self.not_on_dla,
            create_timing_cache=cache,
            set_timing_cache=lambda made, ignore: self.timing_fits,
            get_timing_cache=lambda: cache(b""),
        )

    def OnnxParser(self, network, logger):
        def parse(onnx, path=None):
            self.parsed = onnx
            return not self.refusals

        errors = [Thing(self, "ParserError", **_constant(error.answers)) for error in self.refusals]
        return Thing(
            self,
            "OnnxParser",
            parse=parse,
            num_errors=len(errors),
            get_error=lambda index: errors[index],
            supports_model=lambda onnx: (not self.refusals, list(self.subgraphs)),
        )

    def _build(self, network, config):
        for severity, line in self.log_lines:
            self.logger.log(severity, line)
        monitor = config.answers.get("progress_monitor")
        for name, parent, steps in self.phases:
            monitor.phase_start(name, parent, steps)
            if not all(monitor.step_complete(name, step) for step in range(steps)):
                return None
            monitor.phase_finish(name)
            self.finished_phases.append(name)
        return self.plan

    def Runtime(self, logger):
        inspector = Thing(self, "EngineInspector", get_engine_information=lambda form: self.inspection)
        engine = Thing(self, "ICudaEngine", create_engine_inspector=lambda: inspector)
        return Thing(self, "Runtime", deserialize_cuda_engine=lambda plan: engine)

    def called(self, name):
        """The arguments of every call of `name`, in order."""
        return [arguments for called, arguments in self.calls if called == name]

    def flags(self):
        return {flag.name for (flag,) in self.called("IBuilderConfig.set_flag")}


def _constant(answers):
    return {name: functools.partial(copy.copy, value) for name, value in answers.items()}


def double(traits, **settings):
    """A `provider.TensorRT` on a double."""
    module = Module(traits)
    vars(module).update(settings)
    return provider.TensorRT(module, traits, gpu_here=lambda: module.gpu)
