"""The benchmarks run and pair what they compare. No time is asserted: that is for `make bench`."""

import pytest
import torch

import lossbook as lb
from benchmarks import __main__ as command_line
from benchmarks import classes, losses, structures, timing


def test_every_other_round_asks_the_clocks_backwards() -> None:
    asked: list[str] = []

    def clock(name: str, value: float):
        def measure() -> float:
            asked.append(name)
            return value

        return measure

    times = timing.interleave({"a": clock("a", 1.0), "b": clock("b", 2.0)}, rounds=3, warmup=1)
    assert asked == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert times == {"a": [1.0] * 3, "b": [2.0] * 3}


def test_the_ratio_is_the_median_over_the_pairs() -> None:
    # Each pair has its own scale, as on a machine that is busy at times: the medians of the sides would give 1.
    assert timing.ratio([1.0, 20.0, 300.0], [2.0, 40.0, 600.0]) == "0.5 (0.5 to 0.5)"
    assert timing.ratio([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) == "2 (1 to 3)"


@pytest.mark.parametrize(("time", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-7, "0.42 µs")])
def test_a_duration_is_written_in_a_unit_that_fits(time: float, text: str) -> None:
    assert timing.duration([time]) == text


def test_the_table_has_every_loss_with_its_rivals() -> None:
    lines = losses.run(sizes=((10, 1, 2),)).splitlines()
    rows = [line.split()[:2] for line in lines[lines.index("") + 3 :]]  # below the head and the control
    assert rows == [[loss.name, name] for loss in losses.measured() for name, _ in losses.rivals(loss)]
    for row in (["mse", "torch"], ["mse", "Keras"], ["log_cosh", "Keras"], ["cauchy", "formula"]):
        assert row in rows


@pytest.mark.parametrize("loss", losses.measured(), ids=lambda loss: loss.name)
def test_rivals_compute_the_same(loss: lb.Loss) -> None:
    tensors = losses.sample(loss, 1000, torch.float64)
    for name, mean in losses.rivals(loss):
        lb.agree(f"{loss.name} and {name}", mean(*tensors), loss(*tensors), to=1e-6)


def test_pairs_of_class_losses_compute_the_same() -> None:
    for loss, rival, ours, theirs, tensors in classes.pairs(rows=20, classes=7, anchors=50):
        if (loss, rival) != ("focal", "torch's cross_entropy"):  # a bound on its time, not the same loss
            # Keras clips its probabilities at 1e-7.
            lb.agree(f"{loss} and {rival}", ours(*tensors), theirs(*tensors), to=1e-4)
    assert "focal" in classes.run(rows=20, classes=7, anchors=50, rounds=2)


def test_pairs_of_structured_losses_compute_the_same() -> None:
    for loss, rival, ours, theirs, tensors in structures.pairs(share=0.02):
        if rival not in ("the Gram matrix", "iou"):  # bounds on the time, not the same loss
            lb.agree(f"{loss} and {rival}", ours(*tensors), theirs(*tensors), to=1e-5)
    assert "batch_hard_triplet" in structures.run(share=0.02, rounds=2)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(SystemExit, match="part: got 'loses', expected one of losses"):
        command_line.main(["loses"])
