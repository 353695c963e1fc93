"""Losses of matching: InfoNCE, NT-Xent, CLIP's loss, supervised contrastive, and DAMSM of words and image regions.

All compare every item of a batch with every other, and take cross-entropy of these similarities: what belongs together
shall be more alike than anything else. The first four need only the (N, M) matrix of cosines. DAMSM lets each word of
a caption look at the regions of an image first, for all pairs of a batch at once and without a loop.
"""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lossbook.inputs import extremes, floating, integers
from lossbook.loss import EmbeddingTraits, Inputs, Limit, Parameter, Reduction, loss

__all__ = ["damsm_attention", "damsm_scores"]

SHORT = 1e-12  # vectors that are not longer have no direction


# --- what the losses take -------------------------------------------------------------------------------------


class Batch(Inputs):
    """Batches of embeddings that are compared with each other; the formula is that of one small batch."""

    scene = "similarity"
    one_by_one = True

    @property
    def by(self) -> tuple[str, ...]:  # type: ignore[override]
        """All tensors are learned."""
        return self.names


def _rows(name: str, rows: Any) -> None:
    if rows.dim() != 2 or not rows.numel():
        raise ValueError(f"{name}: got shape {tuple(rows.shape)}, expected (N, D): at least one embedding, a row each")


def _of_one_length(first: str, a: Tensor, second: str, b: Tensor) -> None:
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{second}: got {b.shape[1]} components, expected {a.shape[1]}, as many as an embedding of {first} has"
        )


def _as_many(first: str, a: Tensor, second: str, b: Tensor) -> None:
    if len(a) != len(b):
        raise ValueError(f"{second}: got {len(b)} rows, expected {len(a)}: row i belongs to row i of {first}")


def _random(*shape: int) -> Tensor:
    return 2 * torch.randn(*shape, dtype=torch.float64)


def _alike(*shape: int) -> Tensor:
    """Vectors of nearly one direction: each counts in the softmax of each, however sharp that is."""
    return 1 + 0.3 * torch.randn(*shape, dtype=torch.float64)


def _beside_two_axes(first: Tensor, second: Tensor) -> Tensor:
    """Unit vectors in space with these cosines to the first two axes."""
    return torch.stack([first, second, (1 - first**2 - second**2).sqrt()], dim=-1)


def _in_the_circle(*values: Tensor) -> tuple[Tensor, ...]:
    """The cosines of one vector to two axes at right angles: their squares add up to 1 at most."""
    half = len(values) // 2
    pairs = [
        torch.stack(pair) / torch.stack(pair).norm(dim=0).div(0.97).clamp(min=1)
        for pair in zip(values[:half], values[half:], strict=True)
    ]
    return (*(pair[0] for pair in pairs), *(pair[1] for pair in pairs))


class Queries(Batch):
    """Queries (N, D) and keys (M, D), M at least N: key i belongs to query i, the others to nobody."""

    names = ("query", "key")
    domain = MappingProxyType(dict.fromkeys(("s1", "s2", "s3"), (-1.0, 1.0)))
    where = "one query and three keys, the first of them its own, with the cosines s1, s2, s3"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        query, key = tensors
        floating(query=query, key=key)
        _rows("query", query)
        _rows("key", key)
        _of_one_length("query", query, "key", key)
        if len(key) < len(query):
            raise ValueError(f"key: got {len(key)} rows, expected at least {len(query)}: key i belongs to query i")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """A query along the first axis, and keys of length 1 at these cosines to it."""
        s = torch.stack([value.reshape(()) for value in values])
        return torch.stack([torch.ones_like(s[0]), 0 * s[0]])[None], torch.stack([s, (1 - s**2).sqrt()], dim=1)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """As many keys as queries, and more; one of each; few dimensions and many."""
        for queries, keys, size in ((1, 1, 3), (4, 4, 2), (5, 9, 7), (1, 4, 3)):
            yield _random(queries, size), _random(keys, size)
        yield _alike(3, 4), _alike(5, 4)


class Views(Batch):
    """Two views of the same N things, (N, D) each: row i of one belongs to row i of the other."""

    names = ("input1", "input2")
    domain = MappingProxyType(dict.fromkeys(("s12", "s13", "s14", "s23", "s24", "s34"), (-1.0, 1.0)))
    where = "two views of two things: views 1 and 2 are one pair, 3 and 4 the other, and s13 is a cosine of two views"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        first, second = tensors
        floating(input1=first, input2=second)
        _rows("input1", first)
        _rows("input2", second)
        _of_one_length("input1", first, "input2", second)
        _as_many("input1", first, "input2", second)

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Not all cosines of four vectors are possible together."""
        return _possible(*values)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Four vectors of length 1 with these cosines."""
        rows = _with_cosines(*values)
        return rows[::2], rows[1::2]

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """One pair and several; few dimensions and many."""
        for pairs, size in ((1, 3), (3, 2), (5, 7)):
            yield _random(pairs, size), _random(pairs, size)
        yield _alike(3, 4), _alike(3, 4)


def _matrix(values: Tensor) -> Tensor:
    """The symmetric matrix of four vectors' cosines, from the six above its diagonal."""
    upper = torch.zeros(4, 4, dtype=values.dtype).index_put(tuple(torch.triu_indices(4, 4, 1)), values)
    return upper + upper.T + torch.eye(4, dtype=values.dtype)


def _with_cosines(*values: Tensor) -> Tensor:
    """Four vectors of length 1 with these cosines: the rows of Cholesky's triangle."""
    cosines = torch.stack([value.reshape(()) for value in values])
    return torch.linalg.cholesky(_matrix(cosines.double())).to(cosines.dtype)


def _possible(*values: Tensor) -> tuple[Tensor, ...]:
    """Cosines that are drawn toward zero until there are four vectors that have them."""
    rows = torch.stack(values, dim=1)
    least = torch.stack([torch.linalg.eigvalsh(_matrix(row.double()))[0] for row in rows])
    return tuple((rows * (0.95 / (1 - least)).clamp(max=1).to(rows.dtype)[:, None]).unbind(1))


class ImagesAndTexts(Batch):
    """Images and texts, (N, D) each: row i of one belongs to row i of the other."""

    domain = MappingProxyType(dict.fromkeys(("s11", "s12", "s21", "s22"), (-1.0, 1.0)))
    names: tuple[str, ...] = ("image", "text")
    where = "two images and two texts; s12 is the cosine of image 1 and text 2"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        first, second = self.names[:2]
        a, b = tensors[:2]
        floating(**{first: a, second: b})
        _rows(first, a)
        _rows(second, b)
        _of_one_length(first, a, second, b)
        _as_many(first, a, second, b)

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The images are at right angles."""
        return _in_the_circle(*values)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Two images along two axes, and texts of length 1 at these cosines to them."""
        s = torch.stack([value.reshape(()) for value in values]).reshape(2, 2)
        return torch.eye(2, 3, dtype=s.dtype), _beside_two_axes(s[0], s[1])

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """One pair and several; few dimensions and many."""
        for pairs, size in ((1, 3), (4, 2), (5, 7)):
            yield _random(pairs, size), _random(pairs, size)
        yield _alike(3, 4), _alike(3, 4)


class Labeled(Inputs):
    """Embeddings (N, D) and a class label for each (N,)."""

    names = ("embeddings", "labels")
    by = ("embeddings",)
    one_by_one = True
    scene = "similarity"
    domain = Views.domain
    where = "four embeddings, of which 1, 2, 3 are of one class; s12 is the cosine of the first two"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        embeddings, labels = tensors
        floating(embeddings=embeddings)
        _rows("embeddings", embeddings)
        integers("labels", labels, embeddings, "class labels")

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Not all cosines of four vectors are possible together."""
        return _possible(*values)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Four vectors of length 1 with these cosines."""
        return _with_cosines(*values), torch.tensor([0, 0, 0, 1])

    def counted(self, *tensors: Tensor) -> int:
        """The mean is over those embeddings that have another one of their class."""
        _, count = tensors[1].unique(return_counts=True)
        return max(1, int(count[count > 1].sum()))

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Several classes, one of them with a single member; one class only; each its own; a single embedding."""
        for labels, size in (([0, 1, 0, 2, 1, 0, 0], 3), ([7, 7, 7], 2), ([0, 1, 2], 4), ([5], 2)):
            yield _random(len(labels), size), torch.tensor(labels)
        yield _alike(4, 3), torch.tensor([1, 0, 1, 0])


class Sentences(ImagesAndTexts):
    """Images and sentences, (B, D) each, and a class for each pair (B,), or None: all are different."""

    names = ("images", "sentences", "classes")
    by = ("images", "sentences")
    optional = ("classes",)
    where = "two images and two sentences of different classes; s12 is the cosine of image 1 and sentence 2"

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        super().validate(*tensors)
        if tensors[2] is not None:
            integers("classes", tensors[2], tensors[0], "class numbers")

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Two images along two axes, and sentences of length 1 at these cosines to them."""
        return *super().at(*values), torch.arange(2)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """All classes different, some alike, one class only, a batch of one."""
        for classes, size in (([0, 1, 2], 3), ([4, 1, 4, 1, 2], 6), ([3, 3, 3], 2), ([0], 2)):
            yield _random(len(classes), size), _random(len(classes), size), torch.tensor(classes)
        yield _alike(3, 4), _alike(3, 4), torch.arange(3)


class Captions(Inputs):
    """Image regions (B, D, R), words (B, D, T), the captions' lengths (B,) and classes (B,), or None."""

    names: tuple[str, ...] = ("regions", "words", "lengths", "classes")
    by: tuple[str, ...] = ("regions", "words")
    optional = ("classes",)
    features = 1
    one_by_one = True
    scene = "attention"
    domain: Mapping[str, tuple[float, float]] = MappingProxyType(
        dict.fromkeys(("r11", "r12", "r13", "r21", "r22", "r23"), (-1.0, 1.0))
    )
    where = (
        "two images of one region each; caption 1 has words 1 and 2, caption 2 has word 3; "
        "r13 is the cosine of image 1 and word 3"
    )

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        regions, words, lengths, classes = tensors
        _regions_and_words(regions, words, lengths)
        _as_many("regions", regions, "words", words)
        if classes is not None:
            integers("classes", classes, words, "class numbers")

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The regions are at right angles."""
        return _in_the_circle(*values)

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Two regions along two axes, and words of length 1 at these cosines to them."""
        r = torch.stack([value.reshape(()) for value in values]).reshape(2, -1)
        regions = torch.eye(2, 3, dtype=r.dtype)[:, :, None]
        rows = _beside_two_axes(r[0], r[1])
        words = torch.stack([rows[:2].T, torch.stack([rows[2], 0 * rows[2]], dim=1)])
        return regions, words, torch.tensor([2, 1]), torch.arange(2)

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Captions of several lengths, of one word only, classes alike, one region, a batch of one."""
        for lengths, classes, shape in _CAPTIONS:
            size, regions, words = shape
            draw = _alike if classes == [0, 1, 2] else _random
            regions_and_words = draw(len(lengths), size, regions), draw(len(lengths), size, words)
            yield *regions_and_words, torch.tensor(lengths), torch.tensor(classes)


_CAPTIONS = (
    ([3, 1, 4], [0, 1, 2], (3, 5, 4)),
    ([2, 3, 1, 3], [0, 4, 4, 1], (4, 3, 3)),
    ([1, 1, 1], [0, 1, 2], (3, 2, 1)),
    ([2, 2], [5, 5], (2, 3, 2)),
    ([2], [0], (3, 1, 3)),
)


def _regions_and_words(regions: Any, words: Any, lengths: Any) -> None:
    floating(regions=regions, words=words)
    for name, tensor, last in (("regions", regions, "R"), ("words", words, "T")):
        if tensor.dim() != 3 or not tensor.numel():
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected (B, D, {last}), none of them 0")
    _of_one_length("regions", regions, "words", words)
    integers("lengths", lengths, words, "the captions' numbers of words")
    found = extremes(lengths)
    if found and (found[0] < 1 or found[1] > words.shape[2]):
        wrong = found[0] if found[0] < 1 else found[1]
        raise ValueError(f"lengths: got {wrong}, expected 1 to {words.shape[2]} words")


class Both(Captions):
    """Regions, words, lengths; images (B, E), sentences (B, E); classes, or None."""

    names = ("regions", "words", "lengths", "images", "sentences", "classes")
    by = ("regions", "words", "images", "sentences")
    scene = "curve"
    domain = MappingProxyType(dict.fromkeys(("r11", "r12", "r21", "r22", "s11", "s12", "s21", "s22"), (-1.0, 1.0)))
    where = (
        "two images of one region each and two captions of one word each; r12 is the cosine of region 1 and word 2, "
        "s12 that of image 1 and sentence 2"
    )

    def validate(self, *tensors: Any, **arguments: Any) -> None:
        """Raise if the tensors do not fit together."""
        regions, words, lengths, images, sentences, classes = tensors
        super().validate(regions, words, lengths, classes)
        SENTENCES.validate(images, sentences, classes)
        _as_many("regions", regions, "images", images)
        floating(regions=regions, images=images)

    def allowed(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The regions are at right angles, and so are the images."""
        return *_in_the_circle(*values[:4]), *_in_the_circle(*values[4:])

    def at(self, *values: Tensor, **setting: float) -> tuple[Tensor, ...]:
        """Regions and images along two axes, words and sentences of length 1 at these cosines to them."""
        regions, words, _ = SENTENCES.at(*values[:4])
        images, sentences, classes = SENTENCES.at(*values[4:])
        return regions[:, :, None], words[:, :, None], torch.ones_like(classes), images, sentences, classes

    def samples(self) -> Iterator[tuple[Tensor, ...]]:
        """Those of the words, with images and sentences of another size."""
        for *words, classes in super().samples():
            yield *words, _alike(len(classes), 5), _alike(len(classes), 5), classes


QUERIES, VIEWS, PAIRS, LABELED = Queries(), Views(), ImagesAndTexts(), Labeled()
SENTENCES, CAPTIONS, BOTH = Sentences(), Captions(), Both()


def _temperature(default: float) -> Parameter:
    return Parameter(
        "temperature", r"\tau", "τ", "what the cosines are divided by: a small one looks at the hardest negatives only",
        default=default, low=0.0, high=math.inf, slider=(0.02, 1.0, 0.01),
    )  # fmt: skip


GAMMA1 = Parameter(
    "gamma1", r"\gamma_1", "γ₁", "how sharply a word looks at the regions that fit it",
    default=4.0, low=0.0, high=math.inf, slider=(0.0, 20.0, 0.5), open_low=False,
)  # fmt: skip
GAMMA2 = Parameter(
    "gamma2", r"\gamma_2", "γ₂", "how much the best words of a caption decide its score",
    default=5.0, low=0.0, high=math.inf, slider=(0.5, 20.0, 0.5),
)  # fmt: skip
GAMMA3 = Parameter(
    "gamma3", r"\gamma_3", "γ₃", "how sharply the best pair of a batch is preferred: one over a temperature",
    default=10.0, low=0.0, high=math.inf, slider=(1.0, 50.0, 1.0),
)  # fmt: skip


# --- one similarity for each pair -----------------------------------------------------------------------------


@loss(
    title="InfoNCE loss",
    short="InfoNCE",
    chinese="信息噪声对比估计损失（InfoNCE）",
    formula="-logsoftmax(s1/temperature, s2/temperature, s3/temperature)",
    variables=("s1", "s2", "s3"),
    takes=QUERIES,
    parameters=(_temperature(0.07),),
    traits=EmbeddingTraits(translation=False, rotation=True, length=True, batch=True, supremum=None),
    aliases={"also": ("InfoNCE", "CPC loss", "MoCo loss")},
    references=("oord2018", "he2020"),
    use="Each query has one key that belongs to it, and many that do not: from the batch, or from a queue.",
    avoid="Keys of the batch may belong to a query as well: it would be pushed away from them.",
)
def info_nce(query: Tensor, key: Tensor, *, temperature: float = 0.07, reduction: Reduction = "mean") -> Tensor:
    """Cross-entropy over the keys: each query shall be more like its own key than like all others.

    ``-log(exp(s_ii / temperature) / sum_j exp(s_ij / temperature))`` for query i, with the cosine s_ij of query i and
    key j.

    Parameters
    ----------
    query
        Embeddings: floating point, ``(N, D)``. Only their directions count.
    key
        Embeddings, ``(M, D)`` with M at least N. Key i belongs to query i; the keys from N on are negatives only, such
        as a queue of earlier ones.
    temperature
        A positive number that the cosines are divided by.
    reduction
        ``"mean"`` over queries, ``"sum"``, or ``"none"`` for one loss per query.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; a `temperature` that is not positive; an
        unknown reduction.

    Notes
    -----
    van den Oord et al. score a query and a key by any positive function; cosines over a temperature are what most
    who came after them take. With one key for each query and nothing else, the loss is zero.

    A vector not longer than 1e-12 has no direction. It is taken as it is: its cosines are zero, and its gradient is
    as at length 1. (`torch.nn.functional.normalize` has a gradient of 1e12 there.) In float32 lengths from about 1e19
    on overflow; there all cosines are zero.

    The gradient is a pair: by `query` and by `key`, each at right angles to its vector.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> query = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> key = torch.tensor([[0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    >>> lb.info_nce(query, key, temperature=0.5, reduction="none")
    tensor([0.2064, 0.4604])

    References
    ----------
    van den Oord, Li and Vinyals (2018), *Representation Learning with Contrastive Predictive Coding*; He, Fan, Wu, Xie
    and Girshick (2020), *Momentum Contrast for Unsupervised Visual Representation Learning*.

    See Also
    --------
    clip : both directions.
    nt_xent : negatives from both views.
    """
    logits = F.linear(_unit(query) / temperature, _unit(key))
    return F.cross_entropy(logits, _own(query), reduction=reduction)


@info_nce.closed_form
def _info_nce_gradient(
    query: Tensor, key: Tensor, *, temperature: float = 0.07, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    q, k = _unit(query), _unit(key)
    pull = _pull(q @ k.T / temperature, _own(query), reduction) / temperature
    return _turn(pull @ k, query), _turn(pull.T @ q, key)


@loss(
    title="NT-Xent loss",
    chinese="归一化温度交叉熵损失（NT-Xent）",
    formula=(
        "logsumexp(s12/temperature, s13/temperature, s14/temperature)"
        " + logsumexp(s12/temperature, s23/temperature, s24/temperature)"
        " + logsumexp(s13/temperature, s23/temperature, s34/temperature)"
        " + logsumexp(s14/temperature, s24/temperature, s34/temperature) - 2*(s12 + s34)/temperature"
    ),
    variables=("s12", "s13", "s14", "s23", "s24", "s34"),
    takes=VIEWS,
    parameters=(_temperature(0.07),),
    traits=EmbeddingTraits(translation=False, rotation=True, length=True, batch=True, supremum=None),
    aliases={"PyTorch Metric Learning": ("NTXentLoss",), "also": ("NT-Xent", "SimCLR loss")},
    references=("chen2020", "sohn2016"),
    use="There are no labels, but two views of each thing, such as two crops of one picture.",
    avoid="The batch is small, or many of its things are alike: the others are all taken for negatives.",
)
def nt_xent(input1: Tensor, input2: Tensor, *, temperature: float = 0.07, reduction: Reduction = "mean") -> Tensor:
    """Each of 2N views shall be more like its partner than like the 2N - 2 views of other things.

    ``-log(exp(s_ij / temperature) / sum_k exp(s_ik / temperature))`` for view i with its partner j; the sum is over
    all views k but i itself, and s is the cosine.

    Parameters
    ----------
    input1
        Embeddings of the first views: floating point, ``(N, D)``. Only their directions count.
    input2
        Embeddings of the second views, ``(N, D)``: row i is of the same thing as row i of `input1`.
    temperature
        A positive number that the cosines are divided by.
    reduction
        ``"mean"`` over the 2N views, ``"sum"``, or ``"none"``: ``(2N,)``, those of `input1` first.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; a `temperature` that is not positive; an
        unknown reduction.

    Notes
    -----
    With one pair there are no negatives, and the loss is zero. Vectors without length are treated as by `info_nce`.

    PyTorch Metric Learning adds a tiny number inside of the logarithm, so that a hopeless pair costs at most 88 there
    (in float32); here its cost is exact.

    The gradient is a pair: by `input1` and by `input2`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> one, two = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.8, 0.6], [0.0, 3.0]])
    >>> lb.nt_xent(one, two, temperature=0.5, reduction="none")
    tensor([0.3392, 0.4604, 0.8504, 0.4604])

    References
    ----------
    Chen, Kornblith, Norouzi and Hinton (2020), *A Simple Framework for Contrastive Learning of Visual
    Representations*; Sohn (2016), whose N-pair loss came first.

    See Also
    --------
    supervised_contrastive : any number of positives, found by their labels.
    info_nce : negatives from the other side only.
    """
    logits, partner = _views(input1, input2, temperature)
    return F.cross_entropy(logits, partner, reduction=reduction)


@nt_xent.closed_form
def _nt_xent_gradient(
    input1: Tensor, input2: Tensor, *, temperature: float = 0.07, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    both = torch.cat([input1, input2])
    logits, partner = _views(input1, input2, temperature)
    pull = _pull(logits, partner, reduction) / temperature
    # A cosine is pulled at from both of its ends.
    first, second = _turn((pull + pull.T) @ _unit(both), both).split(len(input1))
    return first, second


def _views(input1: Tensor, input2: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The logits of all views among each other, and the number of each one's partner."""
    z = _unit(torch.cat([input1, input2]))
    return _without_itself(F.linear(z / temperature, z)), _own(z).roll(len(input1))


@loss(
    title="CLIP's loss",
    short="CLIP",
    chinese="图文对比损失（CLIP，对称交叉熵）",
    formula=(
        "(softplus((s12 - s11)/temperature) + softplus((s21 - s22)/temperature)"
        " + softplus((s21 - s11)/temperature) + softplus((s12 - s22)/temperature))/2"
    ),
    variables=("s11", "s12", "s21", "s22"),
    takes=PAIRS,
    parameters=(_temperature(0.07),),
    traits=EmbeddingTraits(translation=False, rotation=True, length=True, batch=True, supremum=None),
    aliases={"open_clip": ("ClipLoss",), "also": ("CLIP loss", "symmetric InfoNCE", "image-text contrastive loss")},
    references=("radford2021", "zhang2022"),
    use="Two kinds of things come in pairs, such as pictures and their captions, and each shall find the other.",
    avoid="Many captions of a batch fit many of its pictures: only the diagonal counts as right.",
)
def clip(image: Tensor, text: Tensor, *, temperature: float = 0.07, reduction: Reduction = "mean") -> Tensor:
    """Half the cross-entropy of finding the text of each image, and half that of finding the image of each text.

    With the cosines ``s`` of all images and texts, the loss of pair i is half of
    ``-log softmax_j(s_ij / temperature)_i - log softmax_j(s_ji / temperature)_i``.

    Parameters
    ----------
    image
        Embeddings of the images: floating point, ``(N, D)``. Only their directions count.
    text
        Embeddings of the texts, ``(N, D)``: row i belongs to row i of `image`.
    temperature
        A positive number that the cosines are divided by: one over CLIP's `logit_scale`.
    reduction
        ``"mean"`` over pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point; shapes or devices that do not fit; a `temperature` that is not positive; an
        unknown reduction.

    Notes
    -----
    CLIP learns the logarithm of the scale along with the networks. It starts at ``log(1 / 0.07)``, and the scale is
    kept below 100. Here `temperature` is a number. To learn it, multiply the cosines by ``log_scale.exp()`` and take
    `torch.nn.functional.cross_entropy` of them and of their transpose: that is all there is.

    Vectors without length are treated as by `info_nce`. The gradient is a pair: by `image` and by `text`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> image = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> text = torch.tensor([[0.8, 0.6], [0.0, 2.0]])
    >>> lb.clip(image, text, temperature=0.5)
    tensor(0.2987)

    References
    ----------
    Radford et al. (2021), *Learning Transferable Visual Models From Natural Language Supervision*; the same loss with
    a weight for each direction is in Zhang, Jiang, Miura, Manning and Langlotz (2022), *Contrastive Learning of Medical
    Visual Representations from Paired Images and Text*, first published in 2020.

    See Also
    --------
    info_nce : one direction.
    damsm_sentence : the sum of both directions in place of their mean, and pairs of one class left out.
    """
    logits = F.linear(_unit(image) / temperature, _unit(text))
    return _both_ways(logits, reduction) / 2


@clip.closed_form
def _clip_gradient(
    image: Tensor, text: Tensor, *, temperature: float = 0.07, reduction: Reduction = "mean"
) -> tuple[Tensor, Tensor]:
    u, v = _unit(image), _unit(text)
    pull = _pull_both_ways(u @ v.T / temperature, reduction) / (2 * temperature)
    return _turn(pull @ v, image), _turn(pull.T @ u, text)


@loss(
    title="Supervised contrastive loss",
    short="SupCon",
    chinese="监督对比损失（SupCon）",
    formula=(
        "logsumexp(s12/temperature, s13/temperature, s14/temperature)"
        " + logsumexp(s12/temperature, s23/temperature, s24/temperature)"
        " + logsumexp(s13/temperature, s23/temperature, s34/temperature) - (s12 + s13 + s23)/temperature"
    ),
    variables=("s12", "s13", "s14", "s23", "s24", "s34"),
    takes=LABELED,
    parameters=(_temperature(0.1),),
    traits=EmbeddingTraits(translation=False, rotation=True, length=True, batch=True, supremum=None),
    aliases={"PyTorch Metric Learning": ("SupConLoss",), "also": ("SupCon", "supervised contrastive learning")},
    references=("khosla2020",),
    use="There are labels, and embeddings of one class shall be together, apart from all other classes.",
    avoid="Batches are so small that most embeddings have no other one of their class: these teach nothing.",
)
def supervised_contrastive(
    embeddings: Tensor, labels: Tensor, *, temperature: float = 0.1, reduction: Reduction = "mean"
) -> Tensor:
    """Each embedding shall be more like those of its class than like all others of the batch.

    ``-1/|P(i)| sum over p in P(i) of log(exp(s_ip / temperature) / sum_a exp(s_ia / temperature))`` for embedding i,
    where P(i) are the others of its class, and a runs over all others. The sum over positives is outside of the
    logarithm: this is the form that the paper names L_out and recommends.

    Parameters
    ----------
    embeddings
        Floating point, ``(N, D)``. Only their directions count. Two views of one picture are two rows.
    labels
        Any integers, ``(N,)``: equal ones are of one class.
    temperature
        A positive number that the cosines are divided by.
    reduction
        ``"mean"`` over those embeddings that have another one of their class, ``"sum"``, or ``"none"`` for one loss per
        embedding. One that is alone in its class has the loss zero.

    Raises
    ------
    TypeError, ValueError
        Not tensors; embeddings that are not floating point, labels that are not integers; shapes or devices that do not
        fit; a `temperature` that is not positive; an unknown reduction.

    Notes
    -----
    If all labels differ, there is nothing to pull together: the loss is zero, and so is its gradient. If all are equal,
    the formula still compares positives with each other: the loss is at least ``log(N - 1)``. (PyTorch Metric Learning
    returns zero there.)

    Its best value is not zero: with n embeddings of one class, log(n - 1) is what remains of their terms even if all
    are at one point.

    Vectors without length are treated as by `info_nce`. The gradient is by `embeddings`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> x = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    >>> lb.supervised_contrastive(x, torch.tensor([3, 3, 3, 5]), temperature=0.5, reduction="none")
    tensor([1.0064, 0.7371, 1.0715, 0.0000])

    References
    ----------
    Khosla et al. (2020), *Supervised Contrastive Learning*, equation 2.

    See Also
    --------
    nt_xent : the case of two embeddings for each label.
    """
    logits, positive = _among_classes(embeddings, labels, temperature)
    count = positive.sum(1)
    # Zeros in place of logarithms that do not count: 0 times a huge number is no way to leave it out.
    taken = (-logits.log_softmax(1)).masked_fill(~positive, 0)
    each = taken.sum(1) / count.clamp(min=1)
    return each.sum() / _some(count) if reduction == "mean" else _reduced(each, reduction)


@supervised_contrastive.closed_form
def _supervised_contrastive_gradient(
    embeddings: Tensor, labels: Tensor, *, temperature: float = 0.1, reduction: Reduction = "mean"
) -> Tensor:
    logits, positive = _among_classes(embeddings, labels, temperature)
    count = positive.sum(1, keepdim=True)
    share = positive.to(logits.dtype) / count.clamp(min=1)  # of integers alone, in float32
    pull = torch.where(count > 0, logits.softmax(1) - share, 0) / temperature
    if reduction == "mean":
        pull = pull / _some(count)
    return _turn((pull + pull.T) @ _unit(embeddings), embeddings)


def _among_classes(embeddings: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The logits of all embeddings among each other, and which pairs are two of one class."""
    z = _unit(embeddings)
    logits = _without_itself(F.linear(z / temperature, z))
    same = labels[:, None] == labels
    return logits, same & ~torch.eye(len(z), dtype=torch.bool, device=z.device)


def _some(count: Tensor) -> Tensor:
    """How many have a positive; 1 if none has, so that nothing is divided by zero."""
    return (count > 0).sum().clamp(min=1)


# --- DAMSM ------------------------------------------------------------------------------------------------------


@loss(
    title="DAMSM sentence loss",
    short="DAMSM, sentences",
    chinese="DAMSM 句子级匹配损失",
    formula=(
        "softplus(gamma3*(s12 - s11)) + softplus(gamma3*(s21 - s22))"
        " + softplus(gamma3*(s21 - s11)) + softplus(gamma3*(s12 - s22))"
    ),
    variables=("s11", "s12", "s21", "s22"),
    takes=SENTENCES,
    parameters=(GAMMA3,),
    traits=EmbeddingTraits(translation=False, rotation=True, length=True, batch=True, supremum=None),
    aliases={"AttnGAN": ("sent_loss",), "also": ("DAMSM sentence",)},
    references=("xu2018",),
    use="Whole images and whole sentences shall find each other, and some of a batch are of one class.",
    avoid="Single words matter: a sentence has one vector only. Add damsm_word.",
)
def damsm_sentence(
    images: Tensor,
    sentences: Tensor,
    classes: Tensor | None = None,
    *,
    gamma3: float = 10.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross-entropy of finding each image's sentence, plus that of finding each sentence's image.

    ``-log P(sentence i | image i) - log P(image i | sentence i)`` for pair i, where both probabilities are softmax of
    ``gamma3`` times the cosines. Other pairs of the same class are left out of these softmaxes.

    Parameters
    ----------
    images
        One embedding of each whole image: floating point, ``(B, D)``. Only their directions count.
    sentences
        One embedding of each whole sentence, ``(B, D)``: row i belongs to row i of `images`.
    classes
        Integers, ``(B,)``: pairs with equal ones are no negatives of each other. None: all are different.
    gamma3
        A positive number: one over a temperature.
    reduction
        ``"mean"`` over pairs (the published code), ``"sum"`` (the paper), or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point, or not integers; shapes or devices that do not fit; a `gamma3` that is not
        positive; an unknown reduction.

    Notes
    -----
    If all pairs are of one class there are no negatives: the loss is zero, and so is its gradient. Vectors without
    length are treated as by `info_nce`. The published code divides by the lengths or 1e-8, whichever is more.

    The gradient is a pair: by `images` and by `sentences`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> sentences = torch.tensor([[0.8, 0.6], [0.0, 2.0]])
    >>> lb.damsm_sentence(images, sentences, gamma3=2.0)
    tensor(0.5975)
    >>> lb.damsm_sentence(images, sentences, torch.tensor([7, 7]))
    tensor(0.)

    References
    ----------
    Xu, Zhang, Huang, Zhang, Gan, Huang and He (2018), *AttnGAN: Fine-Grained Text to Image Generation with Attentional
    Generative Adversarial Networks*, section 3.2; their code is `code/miscc/losses.py` of taoxugit/AttnGAN.

    See Also
    --------
    damsm_word : the same with the scores of words and regions.
    clip : half of it, with a temperature of 1/gamma3 and no classes.
    """
    return _both_ways(_sentence_logits(images, sentences, classes, gamma3), reduction)


@damsm_sentence.closed_form
def _damsm_sentence_gradient(
    images: Tensor,
    sentences: Tensor,
    classes: Tensor | None = None,
    *,
    gamma3: float = 10.0,
    reduction: Reduction = "mean",
) -> tuple[Tensor, Tensor]:
    logits = _sentence_logits(images, sentences, classes, gamma3)
    pull = gamma3 * _pull_both_ways(logits, reduction)
    return _turn(pull @ _unit(sentences), images), _turn(pull.T @ _unit(images), sentences)


def _sentence_logits(images: Tensor, sentences: Tensor, classes: Tensor | None, gamma3: float) -> Tensor:
    return _without_their_class(F.linear(_unit(images) * gamma3, _unit(sentences)), classes)


_BEST_WORD = (
    "softplus(gamma3*(r13 - Max(r11, r12))) + softplus(gamma3*(Max(r21, r22) - r23))"
    " + softplus(gamma3*(Max(r21, r22) - Max(r11, r12))) + softplus(gamma3*(r13 - r23))"
)


@loss(
    title="DAMSM word loss",
    short="DAMSM, words",
    chinese="DAMSM 单词级匹配损失",
    formula=(
        "softplus(gamma3*(r13 - logsumexp(gamma2*r11, gamma2*r12)/gamma2))"
        " + softplus(gamma3*(logsumexp(gamma2*r21, gamma2*r22)/gamma2 - r23))"
        " + softplus(gamma3*(logsumexp(gamma2*r21, gamma2*r22)/gamma2 - logsumexp(gamma2*r11, gamma2*r12)/gamma2))"
        " + softplus(gamma3*(r13 - r23))"
    ),
    variables=("r11", "r12", "r13", "r21", "r22", "r23"),
    takes=CAPTIONS,
    parameters=(GAMMA1, GAMMA2, GAMMA3),
    traits=EmbeddingTraits(translation=False, rotation=True, length=False, batch=True, supremum=None),
    aliases={"AttnGAN": ("words_loss",), "also": ("DAMSM word",)},
    references=("xu2018",),
    limits=(Limit("a large gamma2 takes the best word alone", _BEST_WORD, {"gamma2": 1e9}, tolerance=1e-6),),
    use="Words shall find their place in an image, and all that is known is which caption belongs to which image.",
    avoid="All captions have one word: then no word looks anywhere in particular. Take clip of averaged regions.",
)
def damsm_word(
    regions: Tensor,
    words: Tensor,
    lengths: Tensor,
    classes: Tensor | None = None,
    *,
    gamma1: float = 4.0,
    gamma2: float = 5.0,
    gamma3: float = 10.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Each caption shall find its image by its words, which look at the image's regions, and each image its caption.

    For one image and one caption: (1) the inner products of all words and regions, for each region softmax over the
    words; (2) for each word softmax of `gamma1` times that over the regions, its attention; (3) the regions' mean,
    weighted by the attention, is the word's context, and the cosine of word and context its relevance; (4) the score is
    ``log(sum over the words of exp(gamma2 * relevance)) / gamma2``. The loss of pair i is
    ``-log P(caption i | image i) - log P(image i | caption i)``, softmax of `gamma3` times the scores of the batch.

    Parameters
    ----------
    regions
        R vectors for each image: floating point, ``(B, D, R)``; a feature map of a network is ``flatten(2)`` of it.
    words
        T vectors for each caption, ``(B, D, T)``. Caption i belongs to image i.
    lengths
        How many of the T vectors are words, ``(B,)``: integers from 1 to T. What comes after is padding and is ignored,
        whatever it is. On the CPU lengths are checked; on a GPU and under `torch.compile` and `torch.func.vmap` they
        are the caller's promise.
    classes
        Integers, ``(B,)``: pairs with equal ones are no negatives of each other. None: all are different.
    gamma1
        At least 0. At 0 every word looks at all regions alike.
    gamma2
        Positive. The larger, the more the best word alone decides.
    gamma3
        Positive: one over a temperature.
    reduction
        ``"mean"`` over pairs (the published code), ``"sum"`` (the paper), or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        Not tensors; not floating point, or not integers; shapes or devices that do not fit; lengths, gammas or a
        reduction that are not allowed.

    Notes
    -----
    All B x B pairs are computed at once; the largest tensors have B * B * T * R and B * B * T * D numbers. The score
    subtracts its largest term before it exponentiates. The published code does not: it overflows from a `gamma2` of
    about 88 on in float32, of 11 on in float16. It also goes through the captions in a loop, leaves out the division by
    `gamma2` (so that its `gamma3` of 10 is a 50 here), and its gamma1 of 4 is a 5 in the paper.

    A caption of one word has a softmax over one word: 1 for every region. So it looks at all regions alike, whatever
    `gamma1` is. A score is a sum over words, not a mean: of equally relevant words, T raise it by log(T) / gamma2.

    A word or context not longer than 1e-12 has no direction. Its relevance is zero, and its gradient as at length 1.
    If all pairs are of one class there are no negatives: the loss is zero, and so is its gradient. The gradient by
    padding is zero.

    The formula is that of a small case, with one region: every attention is 1, and `gamma1` does not appear. The
    gradient is a pair: by `regions` and by `words`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> regions = torch.eye(3)[None].repeat(2, 1, 1)
    >>> regions[1] *= torch.tensor([1.0, -1.0, 1.0])
    >>> words = torch.tensor([[[3.0, 0.0], [0.0, 3.0], [0.0, 0.0]], [[0.0, 0.0], [-3.0, 0.0], [0.0, 0.0]]])
    >>> lb.damsm_word(regions, words, torch.tensor([2, 1]), reduction="none")
    tensor([0.0149, 1.5233])

    References
    ----------
    Xu, Zhang, Huang, Zhang, Gan, Huang and He (2018), *AttnGAN: Fine-Grained Text to Image Generation with Attentional
    Generative Adversarial Networks*, equations 7 to 13; their code is `code/miscc/losses.py` of taoxugit/AttnGAN.

    See Also
    --------
    damsm_attention, damsm_scores : the parts, for any images and captions.
    damsm : with the sentence loss added.
    """
    scores = _scores(regions, words, lengths, gamma1, gamma2)
    return _both_ways(_without_their_class(gamma3 * scores, classes), reduction)


@damsm_word.closed_form
def _damsm_word_gradient(
    regions: Tensor,
    words: Tensor,
    lengths: Tensor,
    classes: Tensor | None = None,
    *,
    gamma1: float = 4.0,
    gamma2: float = 5.0,
    gamma3: float = 10.0,
    reduction: Reduction = "mean",
) -> tuple[Tensor, Tensor]:
    own, e, s, shares, attention = _attend(regions, words, lengths, gamma1)
    c = _contexts(attention, regions)
    u, f = _unit(c), _unit(e)
    relevance = (u * f).sum(-1)
    exponents = (gamma2 * relevance).masked_fill(~own, -math.inf)
    # From the loss back to the scores, and to each word's relevance.
    logits = _without_their_class(gamma3 / gamma2 * exponents.logsumexp(-1), classes)
    by_score = gamma3 * _pull_both_ways(logits, reduction)
    by_relevance = (by_score[..., None] * exponents.softmax(-1))[..., None]
    # A cosine: toward the other vector, across its own.
    by_context = by_relevance * (f - relevance[..., None] * u) / _divisor(c)
    by_word = (by_relevance * (u - relevance[..., None] * f)).sum(0) / _divisor(e)
    # Two softmaxes: over the regions, then over the words.
    by_attention = torch.einsum("nmtd,ndr->nmtr", by_context, regions)
    by_shares = gamma1 * _softmax_back(attention, by_attention, 3)
    by_s = _softmax_back(shares, by_shares, 2)
    # Regions are in the inner products and in the contexts, words in the inner products and in the cosines.
    by_regions = torch.einsum("nmtr,mtd->ndr", by_s, e) + torch.einsum("nmtr,nmtd->ndr", attention, by_context)
    by_words = torch.einsum("nmtr,ndr->mtd", by_s, regions) + by_word
    return by_regions, by_words.transpose(1, 2)


def _softmax_back(shares: Tensor, by_shares: Tensor, dim: int) -> Tensor:
    """The gradient by logits from that by their softmax."""
    return shares * (by_shares - (shares * by_shares).sum(dim, keepdim=True))


@loss(
    title="DAMSM loss",
    chinese="深度注意力多模态相似度模型损失（DAMSM）",
    formula=(
        "softplus(gamma3*(r12 - r11)) + softplus(gamma3*(r21 - r22))"
        " + softplus(gamma3*(r21 - r11)) + softplus(gamma3*(r12 - r22))"
        " + softplus(gamma3*(s12 - s11)) + softplus(gamma3*(s21 - s22))"
        " + softplus(gamma3*(s21 - s11)) + softplus(gamma3*(s12 - s22))"
    ),
    variables=("r11", "r12", "r21", "r22", "s11", "s12", "s21", "s22"),
    takes=BOTH,
    parameters=(GAMMA1, GAMMA2, GAMMA3),
    traits=EmbeddingTraits(translation=False, rotation=True, length=False, batch=True, supremum=None),
    aliases={"also": ("DAMSMLoss", "deep attentional multimodal similarity model")},
    references=("xu2018",),
    use="A generated image shall fit its caption as a whole and word by word: it is added to a generator's loss.",
    avoid="You have no regions, or no words: take damsm_sentence or clip.",
)
def damsm(
    regions: Tensor,
    words: Tensor,
    lengths: Tensor,
    images: Tensor,
    sentences: Tensor,
    classes: Tensor | None = None,
    *,
    gamma1: float = 4.0,
    gamma2: float = 5.0,
    gamma3: float = 10.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """`damsm_word` plus `damsm_sentence`: words and regions, sentences and images, all in both directions.

    Parameters
    ----------
    regions, words, lengths
        As for `damsm_word`: ``(B, D, R)``, ``(B, D, T)`` and ``(B,)``.
    images, sentences
        As for `damsm_sentence`: ``(B, E)`` each; E may differ from D.
    classes
        Integers, ``(B,)``: pairs with equal ones are no negatives of each other. None: all are different.
    gamma1
        At least 0: how sharply a word looks at the regions that fit it.
    gamma2
        Positive: how much the best words of a caption decide its score.
    gamma3
        Positive: one over a temperature, for words and for sentences.
    reduction
        ``"mean"`` over pairs (the published code), ``"sum"`` (the paper), or ``"none"`` for one loss per pair.

    Raises
    ------
    TypeError, ValueError
        As `damsm_word` and `damsm_sentence`.

    Notes
    -----
    The formula is that of a small case with one region and one word, where the score is a cosine and the first two
    gammas do not appear. The gradient is by `regions`, `words`, `images` and `sentences`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> regions, words = torch.eye(2)[:, :, None], torch.tensor([[[3.0], [0.0]], [[1.0], [1.0]]])
    >>> images, sentences = torch.eye(2), torch.tensor([[0.8, 0.6], [0.0, 2.0]])
    >>> lb.damsm(regions, words, torch.tensor([1, 1]), images, sentences)
    tensor(0.4458)

    References
    ----------
    Xu, Zhang, Huang, Zhang, Gan, Huang and He (2018), *AttnGAN: Fine-Grained Text to Image Generation with Attentional
    Generative Adversarial Networks*, section 3.2.

    See Also
    --------
    damsm_word, damsm_sentence : its two parts.
    """
    return damsm_word.function(
        regions, words, lengths, classes, gamma1=gamma1, gamma2=gamma2, gamma3=gamma3, reduction=reduction
    ) + damsm_sentence.function(images, sentences, classes, gamma3=gamma3, reduction=reduction)


@damsm.closed_form
def _damsm_gradient(
    regions: Tensor,
    words: Tensor,
    lengths: Tensor,
    images: Tensor,
    sentences: Tensor,
    classes: Tensor | None = None,
    *,
    gamma1: float = 4.0,
    gamma2: float = 5.0,
    gamma3: float = 10.0,
    reduction: Reduction = "mean",
) -> tuple[Tensor, ...]:
    by_words = _damsm_word_gradient(
        regions, words, lengths, classes, gamma1=gamma1, gamma2=gamma2, gamma3=gamma3, reduction=reduction
    )
    by_sentences = _damsm_sentence_gradient(images, sentences, classes, gamma3=gamma3, reduction=reduction)
    return *by_words, *by_sentences


def damsm_attention(regions: Tensor, words: Tensor, lengths: Tensor, *, gamma1: float = 4.0) -> Tensor:
    """Where each word of each caption looks in each image.

    Parameters
    ----------
    regions
        R vectors for each image: floating point, ``(N, D, R)``.
    words
        T vectors for each caption, ``(M, D, T)``. There may be more captions than images, or fewer.
    lengths
        How many of the T vectors are words, ``(M,)``: integers from 1 to T.
    gamma1
        At least 0: how sharply a word looks at the regions that fit it.

    Returns
    -------
    Tensor
        ``(N, M, T, R)``: the share of region r in what word t of caption m sees of image n. The shares of a word add up
        to 1, those of padding are 0.

    Raises
    ------
    TypeError, ValueError
        As `damsm_word`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> regions = torch.eye(2)[None]
    >>> words = torch.tensor([[[3.0, 0.0, 9.0], [0.0, 3.0, 9.0]]])
    >>> lb.damsm_attention(regions, words, torch.tensor([2]))
    tensor([[[[0.9739, 0.0261],
              [0.0261, 0.9739],
              [0.0000, 0.0000]]]])
    """
    _regions_and_words(regions, words, lengths)
    gamma1 = GAMMA1.validate(gamma1)
    dtype = torch.promote_types(regions.dtype, words.dtype)
    wide = torch.promote_types(dtype, torch.float32)
    own, *_, attention = _attend(regions.to(wide), words.to(wide), lengths.long(), gamma1)
    return attention.masked_fill(~own[..., None], 0).to(dtype)


def damsm_scores(
    regions: Tensor, words: Tensor, lengths: Tensor, *, gamma1: float = 4.0, gamma2: float = 5.0
) -> Tensor:
    """How well each caption fits each image: what `damsm_word` takes softmax of.

    Parameters
    ----------
    regions
        R vectors for each image: floating point, ``(N, D, R)``.
    words
        T vectors for each caption, ``(M, D, T)``. There may be more captions than images, or fewer.
    lengths
        How many of the T vectors are words, ``(M,)``: integers from 1 to T.
    gamma1
        At least 0: how sharply a word looks at the regions that fit it.
    gamma2
        Positive: how much the best words of a caption decide its score.

    Returns
    -------
    Tensor
        ``(N, M)``: the score of image n and caption m, from -1 to 1 + log(T) / gamma2.

    Raises
    ------
    TypeError, ValueError
        As `damsm_word`.

    Examples
    --------
    >>> import torch, lossbook as lb
    >>> regions = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, 1.0]]])
    >>> words = torch.tensor([[[3.0, 0.0], [0.0, 3.0]]])
    >>> lb.damsm_scores(regions, words, torch.tensor([2]))
    tensor([[1.1383],
            [0.7073]])
    """
    _regions_and_words(regions, words, lengths)
    gamma1, gamma2 = GAMMA1.validate(gamma1), GAMMA2.validate(gamma2)
    dtype = torch.promote_types(regions.dtype, words.dtype)
    wide = torch.promote_types(dtype, torch.float32)
    return _scores(regions.to(wide), words.to(wide), lengths.long(), gamma1, gamma2).to(dtype)


def _attend(
    regions: Tensor, words: Tensor, lengths: Tensor, gamma1: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Which words are no padding; the words as rows; inner products with all regions; both softmaxes of them."""
    own = torch.arange(words.shape[2], device=words.device) < lengths[:, None]
    # Padding may be anything, NaN too: it is zero before it meets a number.
    rows = words.transpose(1, 2).masked_fill(~own[..., None], 0)
    s = torch.einsum("mtd,ndr->nmtr", rows, regions)
    shares = s.masked_fill(~own[..., None], -math.inf).softmax(2)
    return own, rows, s, shares, (gamma1 * shares).softmax(3)


def _contexts(attention: Tensor, regions: Tensor) -> Tensor:
    """What each word of each caption sees of each image: (N, M, T, D), the largest tensor beside the attention."""
    return torch.einsum("nmtr,ndr->nmtd", attention, regions)


def _scores(regions: Tensor, words: Tensor, lengths: Tensor, gamma1: float, gamma2: float) -> Tensor:
    own, rows, s, _, attention = _attend(regions, words, lengths, gamma1)
    # A context's inner product with its word is the same mean of the regions' inner products.
    product = (attention * s).sum(-1)
    relevance = product / _divisor(_contexts(attention, regions)).squeeze(-1) / _divisor(rows).squeeze(-1)
    return (gamma2 * relevance).masked_fill(~own, -math.inf).logsumexp(-1) / gamma2


# --- what they share --------------------------------------------------------------------------------------------


def _divisor(vectors: Tensor) -> Tensor:
    """The length of each row, to divide by: 1 for a vector without length."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return torch.where(length > SHORT, length, 1)


def _unit(vectors: Tensor) -> Tensor:
    """The rows, normalized; one without length stays as it is. (F.normalize has a gradient of 1e12 there.)"""
    return vectors / _divisor(vectors)


def _turn(by_direction: Tensor, vectors: Tensor) -> Tensor:
    """The gradient by vectors from that by their directions u: (I - u u^T) / length."""
    u = _unit(vectors)
    return (by_direction - (by_direction * u).sum(-1, keepdim=True) * u) / _divisor(vectors)


def _own(rows: Tensor) -> Tensor:
    """The number of each row: where its partner is."""
    return torch.arange(len(rows), device=rows.device)


def _reduced(each: Tensor, reduction: Reduction) -> Tensor:
    return each if reduction == "none" else each.sum()


def _without_itself(logits: Tensor) -> Tensor:
    """What has itself for a neighbor looks at the others. The least number, not -inf: one row alone has no others."""
    itself = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    return logits.masked_fill(itself, torch.finfo(logits.dtype).min)


def _without_their_class(logits: Tensor, classes: Tensor | None) -> Tensor:
    """Other pairs of the same class are no negatives; the pair itself stays, so that no row is empty."""
    if classes is None:
        return logits
    itself = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    return logits.masked_fill((classes[:, None] == classes) & ~itself, -math.inf)


def _both_ways(logits: Tensor, reduction: Reduction) -> Tensor:
    """Cross-entropy of the rows plus that of the columns, the diagonal true."""
    own = _own(logits)
    return F.cross_entropy(logits, own, reduction=reduction) + F.cross_entropy(logits.T, own, reduction=reduction)


def _pull(logits: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
    """The gradient of cross-entropy by the logits: softmax minus one at the true place."""
    pull = logits.softmax(1) - F.one_hot(target, logits.shape[1])
    return pull / len(logits) if reduction == "mean" else pull


def _pull_both_ways(logits: Tensor, reduction: Reduction) -> Tensor:
    own = _own(logits)
    return _pull(logits, own, reduction) + _pull(logits.T, own, reduction).T
