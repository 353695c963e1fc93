"""Temporal-difference errors: a prediction of what is still to come, against what the next step says of it.

These functions return errors, with their sign, as RLax does: how much better things went than was predicted. To train,
hand the error and a tensor of zeros to `mse` or `huber`. The target is held fixed: the gradient moves the prediction
toward the target and not the target toward the prediction. That is the semi-gradient; ``full_gradient=True``
differentiates both.

Time is an axis: T steps lie between T + 1 states. The discount of a step is 0 if the episode ended there, because
nothing is to come then.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from lossbook.inputs import INTEGERS, READ, describe, extremes, floating, switch, within
from lossbook.loss import ErrorTraits, Inputs, Limit, Parameter, Reduction, loss, reduce

F64 = torch.float64


def _reward(name: str, latex: str, meaning: str) -> Parameter:
    return Parameter(
        name, latex, name, meaning, default=1.0, low=-math.inf, high=math.inf, slider=(-2.0, 2.0, 0.1)
    )  # fmt: skip


DISCOUNT = Parameter(
    "gamma", r"\gamma", "γ", "discount: what the next value counts", default=0.9, low=0.0, high=1.0,
    slider=(0.0, 1.0, 0.05), open_low=False,
)  # fmt: skip
REWARD = _reward("r", "r", "reward of the step")
CHANCE = Parameter(
    "pi", r"\pi", "π", "chance that the policy takes the first action", default=0.7, low=0.0, high=1.0,
    slider=(0.0, 1.0, 0.05), open_low=False,
)  # fmt: skip
LAMBDA = Parameter(
    "lambda_", r"\lambda", "λ", "0: trust the next value; 1: wait for the end", default=0.9, low=0.0, high=1.0,
    slider=(0.0, 1.0, 0.05), open_low=False, special=(0.0, 1.0),
)  # fmt: skip
FULL_GRADIENT = switch("full_gradient", "differentiate the target too")


# --- what they take -----------------------------------------------------------------------------------------


class Steps(Inputs):
    """Steps of episodes: what all kinds have in common."""

    tables: tuple[str, ...] = ()  # the tensors of estimates
    time = -1  # their axis of states

    def episodes(self) -> tuple[tuple[Tensor, ...], Tensor]:
        """All episodes of two steps through a small Markov chain, with the true values as estimates.

        Beside the tensors, a matrix: for each start the chance of each episode.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class StateValues(Steps):
    """Values of T + 1 states, (..., T + 1), and the rewards and discounts of the T steps between them."""

    steps: int = 1  # of the formula's small case

    names = ("values", "rewards", "discounts")
    by = ("values",)
    tables = ("values",)
    scene = "walk"

    @property
    def one_by_one(self) -> bool:  # type: ignore[override]
        """Two steps have two errors: the formula is their sum."""
        return self.steps > 1

    @property
    def labels(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        """The rewards and the discount."""
        if self.steps == 1:
            return (REWARD, DISCOUNT)
        first, second = _reward("r1", "r_1", "first reward"), _reward("r2", "r_2", "second reward")
        return (first, second, DISCOUNT)

    @property
    def symbols(self) -> MappingProxyType[str, str]:  # type: ignore[override]
        """The next value is v'."""
        return MappingProxyType({"w": "v'"} if self.steps == 1 else {})

    @property
    def short(self) -> MappingProxyType[str, str]:  # type: ignore[override]
        """The return from the second state on."""
        return MappingProxyType({} if self.steps == 1 else {"G_1": "r2 + gamma*v2"})

    @property
    def where(self) -> str:  # type: ignore[override]
        """The letters of the formula, in words."""
        if self.steps == 1:
            return "one step from a state of value v to one of value v'; sg marks what is held fixed"
        return (
            "an episode of two steps, the sum of its two errors. G₁ is the return r₂ + γ v₂ from the second state on; "
            "sg marks what is held fixed"
        )

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        values, rewards, discounts = tensors
        floating(values=values, rewards=rewards, discounts=discounts)
        _states("values", values, 1)
        _steps(rewards, discounts, (*values.shape[:-1], values.shape[-1] - 1))

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Episodes of one step, a row for each number; or one episode of two steps."""
        states = torch.stack(values, -1)
        rewards, discounts = _constants(states[..., 1:], [label.name for label in self.labels], setting)
        return states, rewards, discounts

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random episodes: one step, several, batches; some steps end the episode, some do not discount."""
        for shape in ((2,), (7,), (1, 2), (3, 5), (2, 3, 4)):
            steps = (*shape[:-1], shape[-1] - 1)
            yield 2 * torch.randn(shape, dtype=F64), torch.randn(steps, dtype=F64), _discounts(steps)

    def episodes(self) -> tuple[tuple[Tensor, ...], Tensor]:
        """See `Steps`: each state's true value."""
        states, actions, rewards, discounts, chances = _paths(POLICY)
        starts = (states[:, 0] == torch.arange(2)[:, None]) * (chances * POLICY[states[:, 0], actions[:, 0]])
        return (_true_values()[states], rewards, discounts), starts


@dataclass(frozen=True)
class ActionValues(Steps):
    """Values of A actions in T + 1 states, (..., T + 1, A), the actions taken, rewards and discounts of T steps."""

    target: str = "best"  # of the next state: "best" action, the one "taken", the "policy", or the "other" table's

    by = ("q",)
    time = -2

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """A second table, or a policy, beside what all have."""
        usual = ("actions", "rewards", "discounts")
        return {
            "policy": ("q", *usual, "policy"),
            "other": ("q", "q_evaluator", *usual),
        }.get(self.target, ("q", *usual))

    @property
    def tables(self) -> tuple[str, ...]:  # type: ignore[override]
        """The tensors of estimates."""
        return ("q", "q_evaluator") if self.target == "other" else ("q",)

    @property
    def labels(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        """Reward, discount, and the policy."""
        return (REWARD, DISCOUNT, CHANCE) if self.target == "policy" else (REWARD, DISCOUNT)

    @property
    def symbols(self) -> MappingProxyType[str, str]:  # type: ignore[override]
        """A prime says: of the next state; e: of the table that evaluates."""
        return MappingProxyType(
            {"w": "q'"} if self.target == "taken" else {"a": "q'_1", "b": "q'_2", "c": "e'_1", "d": "e'_2"}
        )

    @property
    def where(self) -> str:  # type: ignore[override]
        """The letters of the formula, in words."""
        then = {
            "best": "q'₁ and q'₂ are the values of the next state's two actions",
            "taken": "q' is the value of the action taken next",
            "policy": "q'₁ and q'₂ are the values of the next state's two actions, the first taken with chance π",
            "other": "q'₁ and q'₂ are the values of the next state's two actions, e'₁ and e'₂ those of the other table",
        }[self.target]
        return f"one step; q is the value of the action taken. {then}; sg marks what is held fixed"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        given = dict(zip(self.names, tensors, strict=True))
        q, actions = given["q"], given.pop("actions")
        floating(**given)
        _states("q", q, 2)
        for name in ("q_evaluator", "policy"):
            if name in given and given[name].shape != q.shape:
                raise ValueError(f"{name}: got shape {tuple(given[name].shape)}, expected {tuple(q.shape)}, that of q")
        steps = (*q.shape[:-2], q.shape[-2] - 1)
        _steps(given["rewards"], given["discounts"], steps)
        _actions(actions, q, (*q.shape[:-1],) if self.target == "taken" else steps)
        if "policy" in given:
            _distribution(given["policy"])

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Episodes of one step. The first of two actions is taken; the value of the other does not count."""
        first, *following = values
        none = torch.zeros_like(first)
        rows = [torch.stack([first, none], -1)]
        if self.target == "taken":
            rows.append(torch.stack([none, following[0]], -1))
        else:
            rows.append(torch.stack(following[:2], -1))
        q = torch.stack(rows, -2)
        rewards, discounts = _constants(first[..., None], ["r", "gamma"], setting)
        actions = torch.zeros(rewards.shape, dtype=torch.int64)
        if self.target == "taken":
            return q, torch.stack([actions, actions + 1], -1).flatten(-2), rewards, discounts
        if self.target == "policy":
            chance = torch.tensor([setting["pi"], 1 - setting["pi"]], dtype=rewards.dtype)
            return q, actions, rewards, discounts, chance.expand(q.shape)
        if self.target == "other":
            other = torch.stack([torch.zeros_like(rows[0]), torch.stack(following[2:], -1)], -2)
            return q, other, actions, rewards, discounts
        return q, actions, rewards, discounts

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Random episodes: one step, several, batches; two actions, and three."""
        for shape in ((2, 2), (6, 3), (1, 2, 3), (3, 5, 2), (2, 3, 4, 3)):
            states, steps = shape[:-1], (*shape[:-2], shape[-2] - 1)
            found = {
                "q": 2 * torch.randn(shape, dtype=F64),
                "q_evaluator": 2 * torch.randn(shape, dtype=F64),
                "actions": torch.randint(shape[-1], states if self.target == "taken" else steps),
                "rewards": torch.randn(steps, dtype=F64),
                "discounts": _discounts(steps),
                "policy": torch.randn(shape, dtype=F64).softmax(-1),
            }
            yield tuple(found[name] for name in self.names)

    def episodes(self) -> tuple[tuple[Tensor, ...], Tensor]:
        """See `Steps`: the values under the policy, or of the best actions; any actions where these do not count."""
        states, actions, rewards, discounts, chances = _paths(
            POLICY if self.target == "taken" else torch.full_like(POLICY, 0.5)
        )
        truth = _true_action_values(best=self.target in ("best", "other"))[states]
        found = {
            "q": truth,
            "q_evaluator": truth,
            "actions": actions if self.target == "taken" else actions[:, :-1],
            "rewards": rewards,
            "discounts": discounts,
            "policy": POLICY[states],
        }
        start = 2 * states[:, 0] + actions[:, 0]
        return tuple(found[name] for name in self.names), (start == torch.arange(4)[:, None]) * chances


def _states(name: str, tensor: Tensor, dims: int) -> None:
    expected = "(..., T + 1)" if dims == 1 else "(..., T + 1, A)"
    if tensor.dim() < dims or tensor.shape[-dims] < 2 or tensor.shape[-1] < 1:
        raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {expected}: at least two states")


def _steps(rewards: Tensor, discounts: Tensor, shape: tuple[int, ...]) -> None:
    for name, tensor in (("rewards", rewards), ("discounts", discounts)):
        if tensor.shape != shape:
            raise ValueError(
                f"{name}: got shape {tuple(tensor.shape)}, expected {shape}: one for each step between two states"
            )
    within("discounts", discounts, 0.0, 1.0, "discounts")


def _actions(actions: Any, q: Tensor, shape: tuple[int, ...]) -> None:
    if not isinstance(actions, Tensor):
        raise TypeError(f"actions: got {describe(actions)}, expected a torch.Tensor of action indices")
    if actions.dtype not in INTEGERS:
        raise ValueError(f"actions: got dtype {actions.dtype}, expected action indices of dtype int64")
    if actions.shape != shape:
        raise ValueError(
            f"actions: got shape {tuple(actions.shape)}, expected {shape}: one action for each "
            f"{'state' if shape == q.shape[:-1] else 'step'}"
        )
    if actions.device != q.device:
        raise ValueError(f"actions: got device {actions.device}, expected {q.device}, the device of q")
    found = extremes(actions)
    if found and (found[0] < 0 or found[1] >= q.shape[-1]):
        wrong = found[0] if found[0] < 0 else found[1]
        raise ValueError(f"actions: got the action {int(wrong)}, expected 0 to {q.shape[-1] - 1}")


def _distribution(policy: Tensor) -> None:
    within("policy", policy, 0.0, 1.0, "probabilities")
    states = policy.flatten(0, -2)
    sums = states[: max(1, READ // states.shape[-1])].sum(-1)  # whole states, however many actions there are
    found = extremes(sums)
    if found and (found[0] < 0.99 or found[1] > 1.01):  # NaN passes
        wrong = found[0] if found[0] < 0.99 else found[1]
        raise ValueError(f"policy: got probabilities that add up to {wrong:.6g}, expected 1 in each state")


def _constants(like: Tensor, names: list[str], setting: dict[str, float]) -> tuple[Tensor, Tensor]:
    """Rewards and discounts of these settings; the last name is that of the discount."""
    dtype = torch.promote_types(like.dtype, torch.float32)  # those of halves are not rounded to halves
    rewards = torch.tensor([setting[name] for name in names if name.startswith("r")], dtype=dtype)
    return rewards.expand(like.shape), torch.full(like.shape, setting["gamma"], dtype=dtype)


def _discounts(shape: tuple[int, ...]) -> Tensor:
    """Random, and among them steps that end an episode and steps that do not discount."""
    some = torch.rand(shape, dtype=F64)
    flat = some.view(-1)
    flat[2::5], flat[4::5] = 0.0, 1.0
    return some


# --- a small Markov chain -----------------------------------------------------------------------------------

# Two states, two actions, and the end: the chance of each next state and the reward on the way there.
MOVES = torch.tensor(
    [[[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]], [[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]],
    dtype=F64,
)
PAYS = torch.tensor(
    [[[1.0, -2.0, 3.0], [0.0, 0.0, 1.5]], [[2.0, -1.0, 0.5], [0.0, 1.0, -1.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]],
    dtype=F64,
)
POLICY = torch.tensor([[0.3, 0.7], [0.6, 0.4], [0.5, 0.5]], dtype=F64)
KEEPS = torch.tensor([0.9, 0.9, 0.0], dtype=F64)  # the discount of a step into each state


def _paths(behavior: Tensor) -> tuple[Tensor, ...]:
    """States and actions of every episode of two steps, its rewards and discounts, and its chance after the start."""
    a, b = torch.arange(2), torch.arange(3)
    s0, a0, s1, a1, s2, a2 = torch.cartesian_prod(a, a, b, a, b, a).unbind(1)
    chances = MOVES[s0, a0, s1] * behavior[s1, a1] * MOVES[s1, a1, s2] * behavior[s2, a2]
    rewards = torch.stack([PAYS[s0, a0, s1], PAYS[s1, a1, s2]], 1)
    states, actions = torch.stack([s0, s1, s2], 1), torch.stack([a0, a1, a2], 1)
    return states, actions, rewards, KEEPS[states[:, 1:]], chances


def _true_action_values(best: bool) -> Tensor:
    """What each action is worth if then the best ones are taken, or those of the policy."""
    q = torch.zeros_like(POLICY)
    for _ in range(400):  # each time the error is at most 0.9 times as large
        following = q.amax(1) if best else (POLICY * q).sum(1)
        q = (MOVES * (PAYS + KEEPS * following)).sum(2)
    return q


def _true_values() -> Tensor:
    return (POLICY * _true_action_values(best=False)).sum(1)


# --- the errors ---------------------------------------------------------------------------------------------


@loss(
    title="TD error",
    chinese="时序差分误差（时间差分，TD(0)）",
    formula="r + gamma*held(w) - v",
    variables=("v", "w"),
    takes=StateValues(),
    options=(FULL_GRADIENT,),
    traits=ErrorTraits(
        reaches_next=False, linear=True, zero_at_truth=True, overestimates=False, later_rewards=False, next_action=None
    ),
    aliases={"RLax": ("td_learning",), "also": ("TD(0)", "temporal difference error", "temporal difference")},
    references=("sutton1988", "sutton2018"),
    use="You predict a sum of future rewards and want to learn at every step. Hand it to mse or huber, against zeros.",
    avoid="Rewards come late: the news of one goes back by a single step each time. Take td_lambda_error.",
)
def td_error(
    values: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    """How much better one step went than was predicted: reward plus discounted next value, minus the value.

    ``rewards + discounts * values[..., 1:] - values[..., :-1]``, where the first two terms, the target, are detached.
    It is an error with its sign, not a loss: its square (`mse` against zeros) or its Huber loss is one.

    Parameters
    ----------
    values
        The predicted values of T + 1 states in a row: floating point, ``(..., T + 1)``, with any batch dimensions.
    rewards
        The reward of each of the T steps between them: ``(..., T)``.
    discounts
        How much the value after each step counts, ``(..., T)``, from 0 to 1: 0 where the episode ended with the step,
        otherwise the discount. On the CPU the range is checked (of the first 65,536); elsewhere it is the caller's
        promise.
    full_gradient
        Differentiate the target as well (the residual gradient). The value is the same.
    reduction
        ``"none"`` for one error per step, ``(..., T)``; ``"mean"`` or ``"sum"`` of the errors, in which those of
        opposite sign cancel.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; fewer than two states; a discount outside of
        [0, 1]; an unknown reduction.

    Notes
    -----
    The gradient of the squared error, halved, is minus the error, at the value of the first state alone. With
    ``full_gradient=True`` it is also the discount times the error, at that of the next state. That one is the gradient
    of a function, but the function is least elsewhere: see the chapter.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> values, rewards = torch.tensor([0.5, 0.25, 0.75]), torch.tensor([0.0, 1.0])
    >>> discounts = torch.tensor([1.0, 0.0])  # the second step ends the episode
    >>> error = lb.td_error(values, rewards, discounts)
    >>> error
    tensor([-0.2500,  0.7500])
    >>> lb.mse(error, torch.zeros_like(error))
    tensor(0.3125)

    References
    ----------
    Sutton (1988), *Learning to Predict by the Methods of Temporal Differences*.

    See Also
    --------
    td_lambda_error : looks further ahead than one step.
    sarsa_error, q_learning_error : of the values of actions.
    """
    target = rewards + discounts * values[..., 1:]
    return reduce(_held(target, full_gradient) - values[..., :-1], reduction)


@td_error.closed_form
def _td_gradient(
    values: Tensor, rewards: Tensor, discounts: Tensor, *, full_gradient: bool = False, reduction: Reduction = "none"
) -> Tensor:
    by_next = discounts if full_gradient else torch.zeros_like(discounts)
    return _each(_by_steps(-torch.ones_like(rewards), by_next), rewards, reduction)


@loss(
    title="TD(λ) error",
    chinese="TD(λ) 误差（λ-回报的时序差分误差）",
    formula="r1 + gamma*held((1 - lambda_)*v1 + lambda_*(r2 + gamma*v2)) - v0 + held(r2 + gamma*v2) - v1",
    variables=("v0", "v1", "v2"),
    takes=StateValues(steps=2),
    parameters=(LAMBDA,),
    options=(FULL_GRADIENT,),
    traits=ErrorTraits(
        reaches_next=False, linear=True, zero_at_truth=True, overestimates=False, later_rewards="lambda_ > 0",
        next_action=None,
    ),
    aliases={"RLax": ("td_lambda",), "also": ("TD(lambda)", "lambda-return error")},
    references=("sutton1988", "sutton2018"),
    use="Rewards come late: a λ between 0 and 1 carries them back over many steps at once.",
    avoid="The steps were taken by another policy than the one you judge: λ above 0 trusts them.",
    limits=(
        Limit("at lambda = 0 it is td_error", "r1 + gamma*v1 - v0 + r2 + gamma*v2 - v1", {"lambda_": 0.0}),
        Limit(
            "at lambda = 1 it is the return minus the value",
            "r1 + gamma*(r2 + gamma*v2) - v0 + r2 + gamma*v2 - v1",
            {"lambda_": 1.0},
        ),
    ),
)  # fmt: skip
def td_lambda_error(
    values: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    lambda_: float = 0.9,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    """The lambda-return minus the value: between one step of trust and the whole rest of the episode.

    ``G[t] - values[t]`` with ``G[t] = rewards[t] + discounts[t] * ((1 - lambda_) * values[t+1] + lambda_ * G[t+1])``;
    the return from the last state is its value. The lambda-return G is detached.

    Parameters
    ----------
    values
        The predicted values of T + 1 states in a row: floating point, ``(..., T + 1)``, with any batch dimensions.
    rewards
        The reward of each of the T steps between them: ``(..., T)``.
    discounts
        How much the future after each step counts, ``(..., T)``, from 0 to 1: 0 where the episode ended with the step,
        otherwise the discount. One row may hold several episodes. On the CPU the range is checked (of the first
        65,536); elsewhere it is the caller's promise.
    lambda_
        From 0, which is `td_error`, to 1: the sum of the discounted rewards up to the end of the row (Monte Carlo),
        plus the last value if the episode goes on.
    full_gradient
        Differentiate the target as well. The value is the same.
    reduction
        ``"none"`` for one error per step, ``(..., T)``; ``"mean"`` or ``"sum"`` of the errors.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; fewer than two states; a discount or a
        lambda outside of [0, 1]; an unknown reduction.

    Notes
    -----
    G is a recursion from the end. It is not run step by step: ``G[t] = b[t] + a[t] * G[t+1]`` is put into itself, which
    doubles the number of steps that it spans. So there are log2(T) tensor operations over the whole batch, where a loop
    would have T, and nothing of size T by T. No product is divided by, so a discount of 0 is exact.

    The error is also the sum of the coming TD errors, each multiplied by lambda and by the discounts up to it.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> values, rewards = torch.tensor([0.5, 0.5, 0.5, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    >>> discounts = torch.tensor([1.0, 1.0, 0.0])
    >>> [lb.td_lambda_error(values, rewards, discounts, lambda_=x).tolist() for x in (0.0, 0.5, 1.0)]
    [[0.0, 0.0, 0.5], [0.125, 0.25, 0.5], [0.5, 0.5, 0.5]]

    References
    ----------
    Sutton (1988), *Learning to Predict by the Methods of Temporal Differences*.

    See Also
    --------
    td_error : lambda = 0.
    """
    returns = _lambda_returns(values, rewards, discounts, lambda_)
    return reduce(_held(returns, full_gradient) - values[..., :-1], reduction)


@td_lambda_error.closed_form
def _td_lambda_gradient(
    values: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    lambda_: float = 0.9,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    by_next = torch.zeros_like(discounts)
    if full_gradient:
        # How much all targets so far hold of the target of this step: an eligibility trace.
        trace = torch.ones_like(discounts[..., 0])
        for t in range(discounts.shape[-1]):
            by_next[..., t] = discounts[..., t] * trace
            trace = 1 + lambda_ * by_next[..., t]
        by_next[..., :-1] *= 1 - lambda_
    return _each(_by_steps(-torch.ones_like(rewards), by_next), rewards, reduction)


@loss(
    title="Q-learning error",
    chinese="Q 学习误差",
    formula="r + gamma*held(Max(a, b)) - q",
    variables=("q", "a", "b"),
    takes=ActionValues("best"),
    options=(FULL_GRADIENT,),
    traits=ErrorTraits(
        reaches_next=False, linear=False, zero_at_truth=True, overestimates=True, later_rewards=False, next_action=False
    ),
    aliases={"RLax": ("q_learning",), "also": ("Q-learning", "DQN error")},
    references=("watkins1992", "sutton2018"),
    use="You want the best policy, from steps that any policy took.",
    avoid="Values are noisy and actions are many: the largest of many guesses is too large. Take double Q.",
)
def q_learning_error(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    """The TD error of an action if the best action follows: reward plus discounted best next value, minus its value.

    ``rewards + discounts * q[..., 1:, :].amax(-1) - q[..., :-1, :]``, the last at the action taken. The target is
    detached.

    Parameters
    ----------
    q
        The predicted values of A actions in each of T + 1 states in a row: floating point, ``(..., T + 1, A)``.
    actions
        The action taken at each of the T steps: integers from 0 to A - 1, ``(..., T)``. On the CPU they are checked;
        elsewhere they are the caller's promise.
    rewards
        The reward of each step: ``(..., T)``.
    discounts
        How much the value after each step counts, ``(..., T)``, from 0 to 1: 0 where the episode ended with the step.
    full_gradient
        Differentiate the target as well. The value is the same. Of several best actions each has an equal part.
    reduction
        ``"none"`` for one error per step, ``(..., T)``; ``"mean"`` or ``"sum"`` of the errors.

    Raises
    ------
    TypeError, ValueError
        Not tensors; wrong dtypes; shapes or devices that do not fit; an action or a discount out of range; an unknown
        reduction.

    Notes
    -----
    With a target network, as DQN has, the values of the next states are those of another, older table: make the rows of
    one transition with ``torch.stack([q_now, q_old_next], -2)``.

    If the values are right but for noise, the error is positive on the average: the largest of several noisy values is
    too large. See `double_q_learning_error`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> q = torch.tensor([[0.0, 1.0], [2.0, 5.0]])  # two states, two actions
    >>> step = torch.tensor([1]), torch.tensor([1.0]), torch.tensor([0.5])  # action, reward, discount
    >>> lb.q_learning_error(q, *step)
    tensor([2.5000])
    >>> lb.q_learning_error.gradient(q, *step)  # the action taken; not those of the target
    tensor([[ 0., -1.],
            [ 0.,  0.]])

    References
    ----------
    Watkins and Dayan (1992), *Q-learning*.

    See Also
    --------
    sarsa_error : the action that was taken next, in place of the best one.
    double_q_learning_error : one table chooses the best action, another says what it is worth.
    """
    return reduce(_action_error(q, actions, rewards, discounts, q[..., 1:, :].amax(-1), full_gradient), reduction)


@q_learning_error.closed_form
def _q_learning_gradient(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    following = q[..., 1:, :]
    best = (following == following.amax(-1, keepdim=True)).to(q)
    return _action_gradient(q, actions, rewards, discounts, best / best.sum(-1, keepdim=True), full_gradient, reduction)


@loss(
    title="SARSA error",
    chinese="SARSA 误差",
    formula="r + gamma*held(w) - q",
    variables=("q", "w"),
    takes=ActionValues("taken"),
    options=(FULL_GRADIENT,),
    traits=ErrorTraits(
        reaches_next=False, linear=True, zero_at_truth=True, overestimates=False, later_rewards=False, next_action=True
    ),
    aliases={"RLax": ("sarsa",), "also": ("SARSA",)},
    references=("rummery1994", "sutton2018"),
    use="You want the values of the policy that acts, with its exploring steps and their risks.",
    avoid="You know the policy's probabilities: the expected error has the same mean and less noise.",
)
def sarsa_error(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    """The TD error of an action, with the action that was taken next: state, action, reward, state, action.

    ``rewards + discounts * q[t+1, actions[t+1]] - q[t, actions[t]]``. The target is detached.

    Parameters
    ----------
    q
        The predicted values of A actions in each of T + 1 states in a row: floating point, ``(..., T + 1, A)``.
    actions
        The action taken in each of the T + 1 states: integers from 0 to A - 1, ``(..., T + 1)``, one more than the
        steps. After the end of an episode any will do: its discount is 0. On the CPU they are checked; elsewhere they
        are the caller's promise.
    rewards
        The reward of each of the T steps: ``(..., T)``.
    discounts
        How much the value after each step counts, ``(..., T)``, from 0 to 1: 0 where the episode ended with the step.
    full_gradient
        Differentiate the target as well. The value is the same.
    reduction
        ``"none"`` for one error per step, ``(..., T)``; ``"mean"`` or ``"sum"`` of the errors.

    Raises
    ------
    TypeError, ValueError
        Not tensors; wrong dtypes; shapes or devices that do not fit; an action or a discount out of range; an unknown
        reduction.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> q = torch.tensor([[0.0, 1.0], [2.0, 5.0]])  # two states, two actions
    >>> actions = torch.tensor([1, 0])
    >>> lb.sarsa_error(q, actions, torch.tensor([1.0]), torch.tensor([0.5]))
    tensor([1.])

    References
    ----------
    Rummery and Niranjan (1994), *On-Line Q-Learning Using Connectionist Systems*; the name is Sutton's.

    See Also
    --------
    expected_sarsa_error : the mean over the next action, in place of the one taken.
    q_learning_error : the best one.
    """
    taken = _at(q[..., 1:, :], actions[..., 1:])
    return reduce(_action_error(q, actions[..., :-1], rewards, discounts, taken, full_gradient), reduction)


@sarsa_error.closed_form
def _sarsa_gradient(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    taken = torch.zeros_like(q[..., 1:, :]).scatter(-1, actions[..., 1:, None].long(), 1.0)
    return _action_gradient(q, actions[..., :-1], rewards, discounts, taken, full_gradient, reduction)


@loss(
    title="Expected SARSA error",
    chinese="期望 SARSA 误差",
    formula="r + gamma*held(pi*a + (1 - pi)*b) - q",
    variables=("q", "a", "b"),
    takes=ActionValues("policy"),
    options=(FULL_GRADIENT,),
    traits=ErrorTraits(
        reaches_next=False, linear=True, zero_at_truth=True, overestimates=False, later_rewards=False, next_action=False
    ),
    aliases={"RLax": ("expected_sarsa",), "also": ("Expected SARSA",)},
    references=("vanseijen2009", "sutton2018"),
    use="You know the probabilities of the policy that you judge; the steps may come from another one.",
    avoid="Actions are too many to sum over.",
    limits=(Limit("a policy that always takes the first action", "r + gamma*a - q", {"pi": 1.0}),),
)
def expected_sarsa_error(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    policy: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    """The TD error of an action, with the mean value of the next state under a policy.

    ``rewards + discounts * (policy * q)[..., 1:, :].sum(-1) - q[..., :-1, :]``, the last at the action taken. The
    target is detached.

    Parameters
    ----------
    q
        The predicted values of A actions in each of T + 1 states in a row: floating point, ``(..., T + 1, A)``.
    actions
        The action taken at each of the T steps: integers from 0 to A - 1, ``(..., T)``. On the CPU they are checked;
        elsewhere they are the caller's promise.
    rewards
        The reward of each step: ``(..., T)``.
    discounts
        How much the value after each step counts, ``(..., T)``, from 0 to 1: 0 where the episode ended with the step.
    policy
        The probability of each action in each state, in the shape of q. That of the first state is not used. On the CPU
        it is checked that they add up to 1 (within 0.01, in the first states).
    full_gradient
        Differentiate the target as well. The value is the same. The policy is differentiated too, if it depends on
        what you learn.
    reduction
        ``"none"`` for one error per step, ``(..., T)``; ``"mean"`` or ``"sum"`` of the errors.

    Raises
    ------
    TypeError, ValueError
        Not tensors; wrong dtypes; shapes or devices that do not fit; an action, a discount or a probability out of
        range; an unknown reduction.

    Notes
    -----
    It is the mean of the SARSA error over the next action. With a policy that always takes the best action it is the
    Q-learning error.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> q, policy = torch.tensor([[0.0, 1.0], [2.0, 5.0]]), torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    >>> lb.expected_sarsa_error(q, torch.tensor([1]), torch.tensor([1.0]), torch.tensor([0.5]), policy)
    tensor([1.1500])

    References
    ----------
    van Seijen, van Hasselt, Whiteson and Wiering (2009), *A Theoretical and Empirical Analysis of Expected Sarsa*.

    See Also
    --------
    sarsa_error : with the one action that was taken.
    """
    mean = (policy * q)[..., 1:, :].sum(-1)
    return reduce(_action_error(q, actions, rewards, discounts, mean, full_gradient), reduction)


@expected_sarsa_error.closed_form
def _expected_sarsa_gradient(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    policy: Tensor,
    *,
    full_gradient: bool = False,
    reduction: Reduction = "none",
) -> Tensor:
    return _action_gradient(q, actions, rewards, discounts, policy[..., 1:, :], full_gradient, reduction)


@loss(
    title="Double Q-learning error",
    chinese="双 Q 学习误差",
    formula="r + gamma*held(Piecewise((c, a >= b), (d, True))) - q",
    variables=("q", "a", "b", "c", "d"),
    takes=ActionValues("other"),
    traits=ErrorTraits(
        reaches_next=False, linear=False, zero_at_truth=True, overestimates=False, later_rewards=False,
        next_action=False,
    ),
    aliases={"RLax": ("double_q_learning",), "also": ("double Q-learning", "Double DQN error")},
    references=("vanhasselt2010", "vanhasselt2016", "sutton2018"),
    use="The values of Q-learning grow too large, and you have two tables, or an older copy of the network.",
    avoid="Both tables make the same mistakes: then the second one corrects nothing.",
)  # fmt: skip
def double_q_learning_error(
    q: Tensor,
    q_evaluator: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    reduction: Reduction = "none",
) -> Tensor:
    """The Q-learning error with two tables: one chooses the best next action, the other says what it is worth.

    ``rewards + discounts * q_evaluator[t+1, best] - q[t, actions[t]]`` with ``best = q[t+1].argmax()``. The table that
    is learned chooses, as in the paper. The target is detached.

    Parameters
    ----------
    q
        The values that are learned: of A actions in each of T + 1 states in a row, floating point, ``(..., T + 1, A)``.
    q_evaluator
        The values of the other table, in the same shape; those of the first state are not used. For Double DQN it is
        the target network.
    actions
        The action taken at each of the T steps: integers from 0 to A - 1, ``(..., T)``. On the CPU they are checked;
        elsewhere they are the caller's promise.
    rewards
        The reward of each step: ``(..., T)``.
    discounts
        How much the value after each step counts, ``(..., T)``, from 0 to 1: 0 where the episode ended with the step.
    reduction
        ``"none"`` for one error per step, ``(..., T)``; ``"mean"`` or ``"sum"`` of the errors.

    Raises
    ------
    TypeError, ValueError
        Not tensors; wrong dtypes; shapes or devices that do not fit; an action or a discount out of range; an unknown
        reduction.

    Notes
    -----
    There is no ``full_gradient``: an argmax has no gradient, and the other table is not learned in this step. Of
    several best actions the one that `torch.argmax` finds is taken.

    If both tables are right but for noises of their own, the error is not positive on the average; it may be negative.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> q, other = torch.tensor([[0.0, 1.0], [2.0, 5.0]]), torch.tensor([[0.0, 0.0], [4.0, 3.0]])
    >>> lb.double_q_learning_error(q, other, torch.tensor([1]), torch.tensor([1.0]), torch.tensor([0.5]))
    tensor([1.5000])

    References
    ----------
    van Hasselt (2010), *Double Q-learning*; van Hasselt, Guez and Silver (2016), *Deep Reinforcement Learning with
    Double Q-learning*.

    See Also
    --------
    q_learning_error : one table does both.
    """
    following = q[..., 1:, :]
    chosen = _at(q_evaluator[..., 1:, :], following.argmax(-1))
    # If one of the values is NaN, argmax finds that place, and the other table may have a number there.
    chosen = torch.where(following.isnan().any(-1), math.nan, chosen)
    return reduce(_action_error(q, actions, rewards, discounts, chosen, False), reduction)


@double_q_learning_error.closed_form
def _double_q_learning_gradient(
    q: Tensor,
    q_evaluator: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    *,
    reduction: Reduction = "none",
) -> Tensor:
    return _action_gradient(q, actions, rewards, discounts, torch.zeros_like(q[..., 1:, :]), False, reduction)


# --- parts --------------------------------------------------------------------------------------------------


def _held(target: Tensor, full_gradient: bool) -> Tensor:
    return target if full_gradient else target.detach()


def _at(q: Tensor, actions: Tensor) -> Tensor:
    """The values of these actions."""
    return q.gather(-1, actions.long().unsqueeze(-1)).squeeze(-1)


def _action_error(
    q: Tensor, actions: Tensor, rewards: Tensor, discounts: Tensor, following: Tensor, full_gradient: bool
) -> Tensor:
    """The TD errors of the actions taken, where the next states have these values."""
    return _held(rewards + discounts * following, full_gradient) - _at(q[..., :-1, :], actions)


def _lambda_returns(values: Tensor, rewards: Tensor, discounts: Tensor, lambda_: float) -> Tensor:
    """The solution of G[t] = b[t] + a[t] G[t+1] for all t, in log2(T) rounds, each of which spans twice the steps."""
    following = values[..., 1:]
    a = lambda_ * discounts
    b = rewards + (1 - lambda_) * discounts * following
    b = torch.cat([b[..., :-1], b[..., -1:] + a[..., -1:] * following[..., -1:]], -1)  # the last return is its value
    steps, span = b.shape[-1], 1
    while span < steps:
        b = torch.cat([b[..., :-span] + a[..., :-span] * b[..., span:], b[..., -span:]], -1)
        a = torch.cat([a[..., :-span] * a[..., span:], a[..., -span:]], -1)
        span *= 2
    return b


# --- their slopes, as the chapter derives them --------------------------------------------------------------


def _by_steps(by_first: Tensor, by_next: Tensor, time: int = -1) -> Tensor:
    """The gradient by T + 1 states, from the parts of the T steps at their first and at their next state."""
    nothing = torch.zeros_like(by_first.narrow(time, 0, 1))
    return torch.cat([by_first, nothing], time) + torch.cat([nothing, by_next], time)


def _action_gradient(
    q: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    shares: Tensor,
    full_gradient: bool,
    reduction: Reduction,
) -> Tensor:
    """-1 at each action taken; with the full gradient, the discount times the share of each next action."""
    by_first = torch.zeros_like(q[..., :-1, :]).scatter(-1, actions.long().unsqueeze(-1), -1.0)
    by_next = discounts.unsqueeze(-1) * shares if full_gradient else torch.zeros_like(by_first)
    return _each(_by_steps(by_first, by_next, -2), rewards, reduction)


def _each(slopes: Tensor, rewards: Tensor, reduction: Reduction) -> Tensor:
    """What the reduction makes of the slopes of the sum."""
    return slopes / rewards.numel() if reduction == "mean" else slopes
