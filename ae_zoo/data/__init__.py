"""Data: TensorFlow Datasets in, float32 batches out."""

from ae_zoo.data.datasets import load_arrays, training_dataset

__all__ = ["load_arrays", "training_dataset"]
