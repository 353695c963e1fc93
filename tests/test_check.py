"""The checks can fail: every planted mistake is refused, and by the verdict that should refuse it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from planting import planted, refused_by
from torch import Tensor

import lossbook as lb
from lossbook.check.places import call_settings, evaluate
from lossbook.check.report import Settings
from lossbook.check.structure import STRUCTURED, surfaces
from lossbook.loss import Loss, Traits, reduce
from lossbook.traits import Structured

RESIDUAL = lb.losses("regression") + lb.losses("robust")


def elementwise(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda input, target, reduction="mean", **parameters: reduce(function(input - target), reduction)


def huber_code(wrong: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    return lambda input, target, delta=1.0, reduction="mean": reduce(wrong(input - target, delta), reduction)


MISTAKES: dict[str, tuple[Loss, str]] = {
    "mse with a factor of one half": (planted(lb.mse, elementwise(lambda r: r**2 / 2)), "value"),
    "mse whose mean forgets 1/N": (
        planted(lb.mse, lambda i, t, reduction="mean": F.mse_loss(i, t, reduction="sum")),
        "value",
    ),
    "mse whose mean is taken first": (
        planted(
            lb.mse, lambda i, t, reduction="mean": (i - t).square() if reduction == "none" else (i - t).mean() ** 2
        ),
        "every reduction",
    ),
    "mse that ignores the target": (
        planted(lb.mse, lambda i, t, reduction="mean": reduce(i**2, reduction)),
        "its formula",
    ),
    "mse that adds the target": (
        planted(lb.mse, lambda i, t, reduction="mean": reduce((i + t) ** 2, reduction)),
        "its formula",
    ),
    "mse detached from the graph": (planted(lb.mse, elementwise(lambda r: r.detach() ** 2 + 0 * r)), "autograd"),
    "mae without the absolute value": (planted(lb.mae, elementwise(lambda r: r)), "value"),
    "mae as a sum (note N10)": (
        planted(lb.mae, lambda i, t, reduction="mean": F.l1_loss(i, t, reduction="sum")),
        "every reduction",
    ),
    "mae with a formula that is sqrt(r² + 1)": (planted(lb.mae, formula="sqrt(r**2 + 1)"), "its formula"),
    "mae as sqrt(r²): no gradient at zero": (planted(lb.mae, elementwise(lambda r: (r * r).sqrt())), "NaN"),
    "smooth_l1 confused with huber": (
        planted(
            lb.smooth_l1,
            lambda i, t, beta=1.0, reduction="mean": reduce(
                F.huber_loss(i, t, delta=max(beta, 1e-9), reduction="none"), reduction
            ),
        ),
        "value",
    ),
    "smooth_l1 with beta/2 forgotten": (
        planted(lb.smooth_l1, formula="Piecewise((r**2/(2*beta), Abs(r) < beta), (Abs(r), True))"),
        "smooth_l1_loss",
    ),
    "huber with delta² instead of delta²/2": (
        planted(lb.huber, huber_code(lambda r, d: torch.where(r.abs() <= d, r**2 / 2, d * (r.abs() - d)))),
        "value",
    ),
    "huber without the one half near zero": (
        planted(lb.huber, huber_code(lambda r, d: torch.where(r.abs() <= d, r**2, d * (r.abs() - d / 2)))),
        "value",
    ),
    "huber with slope 1 far away": (
        planted(lb.huber, huber_code(lambda r, d: torch.where(r.abs() <= d, r**2 / 2, r.abs() - d + d**2 / 2))),
        "value",
    ),
    "huber in formula and code, both with the same wrong constant": (
        planted(
            lb.huber,
            huber_code(lambda r, d: torch.where(r.abs() <= d, r**2 / 2, d * (r.abs() - d / 3))),
            formula="Piecewise((r**2/2, Abs(r) <= delta), (delta*(Abs(r) - delta/3), True))",
        ),
        "huber_loss",
    ),
    "log_cosh as it is written: overflows": (
        planted(lb.log_cosh, elementwise(lambda r: torch.log(torch.cosh(r)))),
        "50 digits",
    ),
    "log_cosh by softplus: cancels near zero": (
        planted(lb.log_cosh, elementwise(lambda r: r + F.softplus(-2 * r) - 0.6931471805599453)),
        "50 digits",
    ),
    "log_cosh with its gradient's sign wrong": (
        planted(lb.log_cosh, elementwise(lambda r: 2 * r.detach().cosh().log() - r.cosh().log())),
        "autograd",
    ),
    "charbonnier that cancels": (
        planted(
            lb.charbonnier,
            lambda i, t, c=1.0, reduction="mean": reduce(torch.sqrt(1 + ((i - t) / c) ** 2) - 1, reduction),
        ),
        "50 digits",
    ),
    "charbonnier with c outside the square": (planted(lb.charbonnier, formula="sqrt(1 + r**2/c) - 1"), "its formula"),
    "cauchy without the one half": (planted(lb.cauchy, formula="log(1 + (r/c)**2)"), "its formula"),
    "geman_mcclure with the original's scale": (
        planted(lb.geman_mcclure, formula="(r/c)**2/((r/c)**2 + 1)"),
        "its formula",
    ),
    "welsch with an uncentered bell": (
        planted(
            lb.welsch, lambda i, t, c=1.0, reduction="mean": reduce(-torch.exp(-(((i - t) / c) ** 2) / 2), reduction)
        ),
        "value",
    ),
    "tukey that goes on after c": (
        planted(
            lb.tukey_biweight,
            lambda i, t, c=4.685, reduction="mean": reduce(c * c / 6 * (1 - (1 - ((i - t) / c) ** 2) ** 3), reduction),
        ),
        "value",
    ),
    "general_robust as the paper prints it: cancels": (
        planted(
            lb.general_robust,
            lambda i, t, alpha=1.0, c=1.0, reduction="mean": reduce(
                lb.general_robust.function(i, t, alpha=alpha, c=c, reduction="none")
                if alpha in (0, 2, -float("inf"))
                else (2 - alpha) / alpha * ((((i - t) / c) ** 2 / (2 - alpha) + 1) ** (alpha / 2) - 1),
                reduction,
            ),
        ),
        "50 digits",
    ),
    "a limit that does not hold": (
        planted(lb.huber, limits=(replace(lb.huber.record.limits[0], text="r**2"),)),
        "half of the squared error",
    ),
}

# What a check sees only if it calls the loss in every way that a reader does.
CORNERS: dict[str, tuple[Loss, str]] = {
    "a mean over the first dimension only": (
        planted(
            lb.cauchy,
            lambda i, t, c=1.0, reduction="mean": (
                each(lb.cauchy, i, t, c).mean(0).sum()
                if reduction == "mean" and i.dim()
                else lb.cauchy.function(i, t, c=c, reduction=reduction)
            ),
        ),
        "every way",
    ),
    "a result of shape (1,)": (
        planted(
            lb.welsch,
            lambda i, t, c=1.0, reduction="mean": (
                lb.welsch.function(i, t, c=c, reduction=reduction).reshape(1)
                if reduction != "none"
                else each(lb.welsch, i, t, c)
            ),
        ),
        "every way",
    ),
    "no gradient by the target": (
        planted(lb.mse, lambda i, t, reduction="mean": F.mse_loss(i, t.detach(), reduction=reduction)),
        "every way",
    ),
    "twice the value in float32": (
        planted(
            lb.mae,
            lambda i, t, reduction="mean": (
                F.l1_loss(i, t, reduction=reduction) * (2 if i.dtype == torch.float32 else 1)
            ),
        ),
        "every way",
    ),
    "another value under autograd": (
        planted(
            lb.mae, lambda i, t, reduction="mean": F.l1_loss(i, t, reduction=reduction) * (2 if i.requires_grad else 1)
        ),
        "every way",
    ),
    "an own default": (
        planted(
            lb.huber, lambda i, t, delta=1.1, reduction="mean": F.huber_loss(i, t, delta=delta, reduction=reduction)
        ),
        "every way",
    ),
    "wrong between two special values": (
        planted(
            lb.general_robust,
            lambda i, t, alpha=1.0, c=1.0, reduction="mean": (
                lb.general_robust.function(i, t, alpha=alpha, c=c, reduction=reduction) * (2 if 1 < alpha < 1.99 else 1)
            ),
        ),
        "value",
    ),
    "zero where float16 overflows": (
        planted(
            lb.mse,
            lambda i, t, reduction="mean": reduce(torch.where((i - t).abs() > 255.99, 0.0, (i - t) ** 2), reduction),
        ),
        "float16",
    ),
    "log_cosh without a second derivative at a perfect prediction": (
        planted(
            lb.log_cosh,
            elementwise(
                lambda r: torch.where(
                    r.abs() < 1,
                    torch.log1p(2 * torch.sinh(r.abs().clamp(max=1) / 2) ** 2),
                    r.abs() + torch.log1p(torch.exp(-2 * r.abs())) - 0.6931471805599453,
                )
            ),
        ),
        "second derivative",
    ),
    "code and formula both twice log cosh of r/2": (
        planted(
            lb.log_cosh,
            lambda i, t, reduction="mean": 2 * lb.log_cosh.function(i / 2, t / 2, reduction=reduction),
            formula="2*log(cosh(r/2))",
        ),
        "log of the mean",
    ),
}


def each(loss: Loss, input: Tensor, target: Tensor, c: float) -> Tensor:
    return loss.function(input, target, c=c, reduction="none")


def wrong_call(loss: Loss, change: Callable[..., tuple[tuple[Any, ...], Settings]]) -> Loss:
    """The same mistake in the loss and in its gradient: the formula of a small case agrees, and so does autograd."""

    def spoiled(code: Callable[..., Any]) -> Callable[..., Any]:
        def call(*tensors: Any, **given: Any) -> Any:
            tensors, given = change(tensors, given)
            return code(*tensors, **given)

        return call

    assert loss._closed_form is not None
    return planted(loss, spoiled(loss.function), closed_form=spoiled(loss._closed_form))


def without(name: str) -> Callable[..., tuple[tuple[Any, ...], Settings]]:
    return lambda tensors, given: (tensors, {k: v for k, v in given.items() if k != name})


CALLS: dict[str, tuple[Loss, str]] = {
    "dice without its squares": (wrong_call(lb.dice, without("squared")), "every argument"),
    "lovasz_softmax of present classes only": (wrong_call(lb.lovasz_softmax, without("classes")), "every argument"),
    "batch_hard that has one mean": (wrong_call(lb.batch_hard_triplet, without("nonzero")), "every argument"),
    "damsm without classes": (
        wrong_call(lb.damsm_sentence, lambda x, given: ((*x[:2], None), given)),
        "every argument",
    ),
    "contrastive that reads a bool the other way": (
        wrong_call(lb.contrastive, lambda x, g: ((*x[:2], ~x[2] if x[2].dtype == torch.bool else x[2]), g)),
        "labels that are no floats",
    ),
    "info_nce with partners reversed": (
        wrong_call(
            lb.info_nce, lambda x, given: ((x[0], torch.cat([x[1][: len(x[0])].flip(0), x[1][len(x[0]) :]])), given)
        ),
        "in another order",
    ),
}


CLAIMS: dict[str, tuple[Loss, dict[str, Any], str]] = {
    "cauchy is not convex": (lb.cauchy, {"convex": True}, "convex"),
    "huber is convex": (lb.huber, {"convex": False}, "convex"),
    "general_robust is not always convex": (lb.general_robust, {"convex": "alpha >= 0"}, "convex"),
    "general_robust is not convex below one": (lb.general_robust, {"convex": "alpha >= Rational(1, 2)"}, "convex"),
    "general_robust's slope does return at one half": (
        lb.general_robust,
        {"redescending": "alpha < Rational(1, 2)"},
        "returns to zero",
    ),
    "huber's slope is not bounded by one": (lb.huber, {"lipschitz": "1"}, "steepest"),
    "mse's slope is not bounded": (lb.mse, {"lipschitz": "2"}, "steepest"),
    "mae's slope is bounded": (lb.mae, {"lipschitz": "oo"}, "steepest"),
    "tukey's slope has a smaller bound": (lb.tukey_biweight, {"lipschitz": "c"}, "steepest"),
    "welsch's bound is one": (lb.welsch, {"supremum": "2"}, "largest loss"),
    "welsch is bounded": (lb.welsch, {"supremum": "oo"}, "largest loss"),
    "cauchy is not bounded": (lb.cauchy, {"supremum": "40"}, "largest loss"),
    "huber's slope does not redescend": (lb.huber, {"redescending": True}, "returns to zero"),
    "cauchy's slope does": (lb.cauchy, {"redescending": False}, "returns to zero"),
    "mae has a kink": (lb.mae, {"kinks": ()}, "slope jumps"),
    "huber has no kink": (lb.huber, {"kinks": ("delta",)}, "slope jumps"),
    "huber's curvature jumps": (lb.huber, {"curvature_jumps": ()}, "curvature jumps"),
    "huber's curvature jumps on both sides": (lb.huber, {"curvature_jumps": ("delta",)}, "curvature jumps"),
    "log_cosh's curvature does not jump": (lb.log_cosh, {"curvature_jumps": ("1",)}, "curvature jumps"),
    "mse is of degree two": (lb.mse, {"degree": 1}, "homogeneous"),
    "mae is homogeneous": (lb.mae, {"degree": None}, "homogeneous"),
    "huber is not homogeneous": (lb.huber, {"degree": 1}, "homogeneous"),
    "mse is even": (lb.mse, {"even": False}, "even"),
    "hinge is calibrated": (lb.hinge, {"calibrated": False}, "calibrated"),
    "perceptron is not calibrated": (lb.perceptron, {"calibrated": True}, "calibrated"),
    "hinge is zero from one on": (lb.hinge, {"zero_from": "0"}, "zero from"),
    "logistic is never zero": (lb.logistic, {"zero_from": "1"}, "zero from"),
    "hinge is convex": (lb.hinge, {"convex": False}, "convex"),
    "zero_one is not convex": (lb.zero_one, {"convex": True}, "convex"),
    "zero_one jumps": (lb.zero_one, {"jumps": ()}, "loss jumps"),
    "squared_hinge has no kink": (lb.squared_hinge, {"kinks": ("1",)}, "slope jumps"),
    "exponential is steep": (lb.exponential, {"lipschitz": "10"}, "steepest"),
    "logistic is not steep": (lb.logistic, {"lipschitz": "oo"}, "steepest"),
    "BCE is proper": (lb.binary_cross_entropy, {"proper": False}, "proper"),
    "BCE with logits is proper": (lb.binary_cross_entropy_with_logits, {"proper": False}, "proper"),
    "binary focal is not proper": (lb.binary_focal_with_logits, {"proper": True}, "proper"),
    "BCE with logits is convex": (lb.binary_cross_entropy_with_logits, {"convex": False}, "convex"),
    "cross-entropy is convex": (lb.cross_entropy, {"convex": False}, "convex"),
    "cross-entropy is free of shifts": (lb.cross_entropy, {"shift_invariant": False}, "shift"),
    "nll is not free of shifts": (lb.nll, {"shift_invariant": True}, "shift"),
    "cross-entropy's gradient is at most sqrt(2) long": (lb.cross_entropy, {"lipschitz": "1"}, "steepest"),
    "focal is not proper": (lb.focal, {"proper": True}, "proper"),
    "focal is calibrated": (lb.focal, {"calibrated": False}, "calibrated"),
    "generalized CE is bounded": (lb.generalized_cross_entropy, {"supremum": "oo"}, "largest"),
    "KL is not symmetric": (lb.kl_divergence, {"symmetric": True}, "symmetric"),
    "JS is symmetric": (lb.js_divergence, {"symmetric": False}, "symmetric"),
    "JS is at most log 2": (lb.js_divergence, {"supremum": "oo"}, "largest"),
    "KL is zero only for equal distributions": (lb.kl_divergence, {"zero_when_equal": False}, "both are equal"),
    "ArcFace is free of the feature's length": (lb.arcface, {"feature_scale": False}, "feature's length"),
    "SphereFace is not": (lb.sphereface, {"feature_scale": True}, "feature's length"),
    "L-softmax sees the weights' length": (lb.large_margin_softmax, {"weight_scale": True}, "weights' length"),
    "CosFace turns along": (lb.cosface, {"rotation": False}, "rotation"),
    "DR is no sum over candidates": (lb.distributional_ranking, {"per_candidate": True}, "sum over"),
    "DR is free of order": (lb.distributional_ranking, {"order_free": False}, "order"),
}


@pytest.mark.parametrize("loss", lb.losses(), ids=repr)
def test_every_loss_passes(loss: Loss) -> None:
    assert lb.check(loss).failures == ()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_planted_mistake_is_refused(mistake: str) -> None:
    loss, verdict = MISTAKES[mistake]
    assert verdict in refused_by(loss)


@pytest.mark.parametrize("mistake", CORNERS)
def test_every_mistake_in_a_corner_is_refused(mistake: str) -> None:
    loss, verdict = CORNERS[mistake]
    assert verdict in refused_by(loss)


@pytest.mark.parametrize("mistake", CALLS)
def test_every_mistake_that_loss_and_gradient_share_is_refused(mistake: str) -> None:
    loss, verdict = CALLS[mistake]
    assert verdict in refused_by(loss)


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_false_claim_is_refused(claim: str) -> None:
    loss, change, verdict = CLAIMS[claim]
    traits = replace(loss.traits, **change)
    assert verdict in refused_by(planted(loss, traits=traits))


def denials() -> list[tuple[Loss, str, Any]]:
    """Every claim of the losses on masks, boxes and embeddings, turned into its opposite."""
    found: list[tuple[Loss, str, Any]] = []
    for loss in lb.losses():
        for name, said in vars(loss.traits).items() if isinstance(loss.traits, Structured) else ():
            if isinstance(said, bool):
                found.append((loss, name, not said))
            elif name == "supremum" and said is not None:
                found.append((loss, name, "1000000" if said == "oo" else "oo"))
            elif name == "kinks":
                found += [(loss, name, tuple(x for x in said if x != one)) for one in said]
                found += [(loss, name, (*said, "c"))] if loss.name == "cosine_embedding" else []  # true at margin 0
                found.append((loss, name, (*said, f"{loss.formula.variables[0]} - Rational(1, 3)")))
    return found


@pytest.mark.parametrize(("loss", "name", "denied"), denials(), ids=str)
def test_every_claim_on_structure_is_refused_when_denied(loss: Loss, name: str, denied: Any) -> None:
    wrong = planted(loss, traits=replace(loss.traits, **{name: denied}))
    torch.manual_seed(0)
    if name == "kinks":
        assert surfaces(wrong).disagreement
    else:
        test = STRUCTURED[name]
        assert not all(test(wrong, evaluate(wrong, denied, setting), setting) for setting in call_settings(wrong))


@pytest.mark.parametrize("loss", RESIDUAL, ids=repr)
@pytest.mark.parametrize(
    "wrong", [lambda g: -g, lambda g: 2 * g, lambda g: g + 1e-7, lambda g: g.detach() * float("nan")]
)
def test_a_wrong_gradient_is_refused(loss: Loss, wrong: Callable[[Tensor], Tensor]) -> None:
    class Wrong(Loss):
        def by_formula(self, *arguments: Any) -> Tensor:
            return wrong(super().by_formula(*arguments))

    refused = refused_by(Wrong(loss.function, loss.record))
    assert "autograd" in refused and "50 digits" in refused


@pytest.mark.parametrize("loss", [x for x in lb.losses() if x not in RESIDUAL], ids=repr)
def test_a_slightly_wrong_gradient_is_refused(loss: Loss) -> None:
    """A millionth more in the last of the tensors that are learned, whatever the kind of loss."""

    class Wrong(Loss):
        def gradient(self, *tensors: Tensor, **given: Any) -> Any:
            found = super().gradient(*tensors, **given)
            last = found[-1] if isinstance(found, tuple) else found
            last = last + 1e-6 * (1 + last.abs())
            return (*found[:-1], last) if isinstance(found, tuple) else last

    assert "autograd" in refused_by(Wrong(loss.function, loss.record, loss._closed_form))


def test_a_report_reads_the_same_twice_and_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = str(lb.check(lb.huber)), str(lb.check(lb.huber))
    assert first == second
    assert torch.equal(before, torch.random.get_rng_state())
    assert "agrees to 1e-12" in first and "<summary>Huber loss" in lb.check(lb.huber)._repr_html_()


def test_agree(capsys: pytest.CaptureFixture[str]) -> None:
    lb.agree("halves", torch.tensor([0.5, 0.5]), [0.5, 0.5])
    assert capsys.readouterr().out == "halves: agrees to 1e-12\n"
    infinity, nan = float("inf"), float("nan")
    for left, right in [(1.0, 1.1), ([1.0, nan], [1.0, nan]), (infinity, 1.0), (1.0, infinity), (-infinity, infinity)]:
        with pytest.raises(lb.CheckError):
            lb.agree("wrong", left, right)
    with pytest.raises(ValueError, match=r"right: got shape \(3,\)"):
        lb.agree("shapes", torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="expected numbers"):
        lb.agree("nothing", torch.zeros(0), 1.0)
    for to in (0.0, infinity, nan):
        with pytest.raises(ValueError, match="to: got"):
            lb.agree("tolerance", 1.0, 2.0, to=to)


def test_a_flat_minimum_can_be_declared_and_is_tested() -> None:
    """The epsilon-insensitive loss, with a formula that uses Max."""
    code = elementwise(lambda r: torch.relu(r.abs() - 0.5))
    traits = replace(lb.mae.traits, kinks=("-0.5", "0.5"), minimizers=("-0.5", "0.5"), degree=None)
    formula = "Max(Abs(r) - 0.5, 0)"
    assert lb.check(planted(lb.mae, code, formula, traits=traits, builtin=None)).failures == ()
    for ends in (("0", "0"), ("-0.5", "0"), ("-0.6", "0.6")):
        wrong = planted(lb.mae, code, formula, traits=replace(traits, minimizers=ends), builtin=None)
        assert "positive elsewhere" in refused_by(wrong)


def test_a_claim_about_one_side_only_is_refused() -> None:
    code = elementwise(lambda r: torch.where(r < 0, r * r, -torch.expm1(-r * r)))
    traits = Traits(convex=False, lipschitz="oo", supremum="1", redescending=True, even=False)
    refused = refused_by(planted(lb.mse, code, "Piecewise((r**2, r < 0), (1 - exp(-r**2), True))", traits=traits))
    assert "largest loss" in refused and "returns to zero" in refused


def test_a_slip_of_the_pen_in_a_record_is_one_line() -> None:
    for loss in (
        planted(lb.huber, formula="r**2 + epslon"),
        planted(lb.huber, traits=replace(lb.huber.traits, convex="dleta > 0")),
        planted(lb.huber, limits=(replace(lb.huber.record.limits[0], text="r**2 +"),)),
    ):
        with pytest.raises(lb.CheckError, match="cannot read") as caught:
            lb.check(loss)
        assert len(str(caught.value).splitlines()) <= 2
