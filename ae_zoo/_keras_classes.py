"""Lets Keras load files with our classes after `import ae_zoo` alone.

Keras finds a class by the name under which its module registered it. Here each name
gets a stand-in that imports the module when Keras asks for it: `import ae_zoo` stays
quick, before and after `import keras`.
"""

import importlib
import importlib.abc
import importlib.util
import sys

CLASSES = {
    "Autoencoder": "autoencoder",
    "WarmUp": "training.optimizer",
    **dict.fromkeys(("SquaredError", "AbsoluteError", "BinaryCrossentropy"), "losses"),
    "CategoricalCrossentropy": "losses",
    "ContractiveBottleneck": "bottlenecks.contractive",
    "FSQBottleneck": "bottlenecks.fsq",
    "GaussianBottleneck": "bottlenecks.gaussian",
    "PlainBottleneck": "bottlenecks.plain",
    "SkipBottleneck": "bottlenecks.skip",
    "SparseBottleneck": "bottlenecks.sparse",
    "FactorizedBottleneck": "tasks.codec.factorized",
    "HyperpriorBottleneck": "tasks.codec.hyperprior",
    "Prediction": "tasks.codec.prediction",
    **dict.fromkeys(("Gain", "ScaledGradient", "QualityOf"), "tasks.codec.quality"),
    "GaussianCorruption": "corruptions.noise",
    "MaskingCorruption": "corruptions.noise",
    "SaltAndPepperCorruption": "corruptions.noise",
    "ShiftCorruption": "corruptions.shift",
    "FeedbackCell": "layers.feedback",
    "FeedbackDecoder": "layers.feedback",
    "LogMel": "layers.log_mel",
    "MatmulConv2D": "layers.matmul_conv",
    "MatmulConv2DTranspose": "layers.matmul_conv",
    "OutputActivation": "layers.output_activation",
    "PullPush": "layers.fill",
    "Smooth": "layers.fill",
    "SkipAdd": "layers.skip_add",
    "SkipFilter": "layers.skip_filter",
    "TiedDense": "layers.tied_dense",
}
"""Registered classes, and the modules of ae_zoo that define them."""


class _StandIn:
    """In the place of a class that Keras has not met."""

    def __init__(self, name: str, module: str):
        self.name, self.module = name, f"ae_zoo.{module}"

    def from_config(self, config: dict):
        cls = getattr(importlib.import_module(self.module), self.name)
        return cls.from_config(config)


def announce() -> None:
    """Tells Keras the names of all classes, now or as soon as it is imported."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    known = sys.modules["keras"].saving.get_custom_objects()
    for name, module in CLASSES.items():
        known.setdefault(f"ae_zoo>{name}", _StandIn(name, module))


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Registers the names at the end of the import of Keras."""

    def find_spec(self, fullname, path, target=None):
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("keras")
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register
        return spec
