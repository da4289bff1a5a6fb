"""Trainings that start from weights on the Hub."""

import pytest
from hub_server import serve, use
from zoo_files import fake_weights, read_folder

from ae_zoo import models
from ae_zoo.errors import RecipeError
from ae_zoo.training import find_recipe, load_recipe, train
from ae_zoo.zoo.folder import save


def test_a_training_keeps_the_commit_that_it_started_from(
    tmp_path, monkeypatch, digits
):
    import numpy as np

    np.save(tmp_path / "digits.npy", digits)
    save(models.dense_ae(latent_dim=4, input_shape=(12, 12, 1)), tmp_path / "start")
    out = tmp_path / "out"

    def run(start, **options):
        overrides = {"name": "start.digits", "training.epochs": 1}
        recipe = find_recipe(None, start, str(tmp_path / "digits.npy"), overrides)
        return train(recipe, out, verbose=False, **options)

    with serve() as hub:
        use(hub, tmp_path / "cache", monkeypatch)
        commit = hub.add("org/start", read_folder(tmp_path / "start"))
        folder = run("hf://org/start")
        assert load_recipe(out / "recipe.yaml").start == f"hf://org/start@{commit}"

        later = hub.add("org/start", fake_weights())
        hub.requests.clear()
        for start in ("hf://org/start", f"hf://org/start@{commit}"):
            assert run(start, resume=True) == folder
        assert hub.requests == [], "the kept commit is in the cache"
        with pytest.raises(RecipeError, match="another recipe"):
            run(f"hf://org/start@{later}", resume=True)
