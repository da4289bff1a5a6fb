"""Placements: strategies, and how clusters describe the workers."""

import pytest

from ae_zoo.errors import RecipeError


def test_unknown_strategy_is_refused():
    from ae_zoo.training.placement import get_placement

    with pytest.raises(RecipeError, match="mirrored"):
        get_placement("both")


def test_slurm_describes_the_workers(monkeypatch):
    from ae_zoo.training.placement import find_workers

    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("SLURM_STEP_NODELIST", "n[1-2]")
    monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", "2(x2)")
    resolver = find_workers()
    workers = resolver.cluster_spec().as_dict()["worker"]
    assert workers == ["n1:8470", "n1:8471", "n2:8470", "n2:8471"]
    assert (resolver.task_type, resolver.task_id) == ("worker", 3)


def test_an_indexed_job_describes_the_workers(monkeypatch):
    from ae_zoo.training import placement

    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "10")
    monkeypatch.setenv("AE_ZOO_WORKERS", "12")
    monkeypatch.setattr(placement.socket, "gethostname", lambda: "digits-10")
    resolver = placement.find_workers()
    workers = resolver.cluster_spec().as_dict()["worker"]
    assert len(workers) == 12 and workers[10] == "digits-10.digits:8470"
    assert resolver.task_id == 10


@pytest.mark.parametrize(
    ("config", "tasks"),
    [
        ('{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}}', 2),
        ('{"cluster": {"worker": ["b:1", "c:1", "d:1"], "ps": ["e:1"]}}', 3),
        ("{}", 0),
    ],
)
def test_everyone_who_trains_counts_as_a_worker(monkeypatch, config, tasks):
    from ae_zoo.training import placement

    monkeypatch.setenv("TF_CONFIG", config)
    assert len(placement._tf_config_tasks()) == tasks
    assert placement._workers_described() == (tasks > 1)


def test_a_broken_tf_config_is_named(monkeypatch):
    from ae_zoo.training.placement import get_placement

    monkeypatch.setenv("TF_CONFIG", "{broken")
    with pytest.raises(RecipeError, match="TF_CONFIG cannot be read"):
        get_placement("auto")


def test_workers_that_nothing_describes_are_refused(monkeypatch):
    from ae_zoo.training.placement import find_workers

    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(RecipeError, match="TF_CONFIG"):
        find_workers()
