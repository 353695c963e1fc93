"""Losses of masks, boxes, embeddings, texts and episodes: beside MONAI, PyTorch Metric Learning, loops and bounds.

Forward, mean and backward, float32, as everywhere in these benchmarks.
"""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

import lossbook as lb
from benchmarks.classes import measure
from benchmarks.losses import Mean, clock
from benchmarks.timing import duration, interleave, ratio, table

BATCH, DIMENSIONS = 256, 128
IMAGES, SIDE = 8, 256
BOXES, LOOPED = 10_000, 200
CAPTIONS, REGIONS, WORDS = 24, 49, 12
FRAMES, TEXTS, CLASSES, LETTERS = 200, 16, 40, 30
EPISODES, STEPS = 64, 200

Pair = tuple[str, str, Mean, Mean, tuple[Tensor, ...]]


def run(share: float = 1.0, calls: int = 3, rounds: int = 21) -> str:
    """The tables: pairs, and how the time of Lovász grows."""
    lines = [[*names, *measure(ours, theirs, tensors, calls, rounds)] for *names, ours, theirs, tensors in pairs(share)]
    return "\n".join(
        [
            f"Embeddings {BATCH} x {DIMENSIONS}, masks {IMAGES} x {SIDE} x {SIDE}, {BOXES} boxes; a loop has {LOOPED}.",
            "Wanted: batch_hard_triplet at most 2 times the Gram matrix; below 1 beside MONAI, PyTorch Metric Learning",
            "and loops. Against iou: what ciou adds. A Lovász loss is mostly one sort, which both sides call.",
            f"torch {torch.__version__}, {torch.get_num_threads()} threads.",
            "",
            table(["loss", "against", "ours/theirs", "ours"], lines),
            "",
            "Lovász hinge, each size against the one before: P log P gives 4.3 to 4.7 for four times the pixels.",
            "",
            table(["pixels", "against", "ratio", "time"], growth(share, calls, rounds)),
        ]
    )


def of(share: float, count: int, least: int = 4) -> int:
    """A part of a count, for the tests."""
    return max(least, round(share * count))


def pairs(share: float = 1.0) -> list[Pair]:
    """What is compared: names, both functions (the mean of the loss), and the tensors."""
    torch.manual_seed(0)
    return [*_masks(share), *_boxes(share), *_embeddings(share), *_captions(share), *_texts(share), *_episodes(share)]


def _masks(share: float) -> list[Pair]:
    from kornia import losses as kornia
    from monai import losses as monai

    side = of(share, SIDE, 8)
    p = torch.rand(IMAGES, 1, side, side)
    mask = (torch.rand_like(p) < 0.1).float()
    volume = torch.rand(2, 1, *[of(share, 96, 8)] * 3)
    flat = 3 * torch.randn(of(share, 4), 21, side, side)
    classes = torch.randint(21, (len(flat), side, side))
    plain = monai.DiceLoss(smooth_nr=1.0, smooth_dr=1.0)
    tversky = monai.TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=1.0, smooth_dr=1.0)

    def lovasz_of_all(x: Tensor, y: Tensor) -> Tensor:
        return lb.lovasz_softmax(x, y, classes="all")

    # MONAI's smooth is added to the doubled overlap, as ours; Kornia's Lovász takes scores and indices.
    return [
        ("dice", "MONAI", lb.dice, plain, (p, mask)),
        ("dice, in space", "MONAI", lb.dice, plain, (volume, (volume < 0.1).float())),
        ("tversky", "MONAI", lambda x, y: lb.tversky(x, y, alpha=0.3, beta=0.7), tversky, (p, mask)),
        ("lovasz_softmax, 21 classes", "Kornia", lovasz_of_all, kornia.lovasz_softmax_loss, (flat, classes)),
    ]


def _boxes(share: float) -> list[Pair]:
    def boxes(count: int) -> Tensor:
        corner, size = 10 * torch.rand(count, 2), 0.1 + 5 * torch.rand(count, 2)
        return torch.cat([corner, corner + size], dim=1)

    def looped(one: Callable[..., Tensor]) -> Mean:
        return lambda x, y: torch.stack([one(a, b) for a, b in zip(x, y, strict=True)]).mean()

    few, many = of(share, LOOPED), of(share, BOXES)
    rows: list[Pair] = [
        (f"{loss.name}, {few} boxes", "one box at a time", loss, looped(loss.function), (boxes(few), boxes(few)))
        for loss in (lb.iou, lb.giou, lb.diou, lb.ciou)
    ]
    ciou, iou = lb.ciou, lb.iou
    return [*rows, (f"ciou, {many} boxes", "iou", ciou, iou, (boxes(many), boxes(many)))]


def _embeddings(share: float) -> list[Pair]:
    from pytorch_metric_learning import distances, losses, miners, reducers

    count = of(share, BATCH, 16)
    x, labels = torch.randn(count, DIMENSIONS), torch.arange(count) // 4
    pull = torch.randn(count, count)
    plain = distances.LpDistance(normalize_embeddings=False)
    every = losses.TripletMarginLoss(margin=1.0, distance=plain, reducer=reducers.MeanReducer())
    hardest = miners.BatchHardMiner(distance=plain)
    supervised = losses.SupConLoss(temperature=0.1)

    def gram(x: Tensor, labels: Tensor) -> Tensor:
        return (x @ x.T * pull).sum()

    def batch_hard(x: Tensor, labels: Tensor) -> Tensor:
        found: Tensor = every(x, labels, hardest(x, labels))
        return found

    def supcon(x: Tensor, labels: Tensor) -> Tensor:
        return lb.supervised_contrastive(x, labels, temperature=0.1)

    return [
        ("batch_hard_triplet", "the Gram matrix", lb.batch_hard_triplet, gram, (x, labels)),
        ("batch_hard_triplet", "PyTorch Metric Learning", lb.batch_hard_triplet, batch_hard, (x, labels)),
        ("batch_all_triplet", "PyTorch Metric Learning", lb.batch_all_triplet, every, (x, labels)),
        ("supervised_contrastive", "PyTorch Metric Learning", supcon, supervised, (x, labels)),
    ]


def _captions(share: float) -> list[Pair]:
    count = of(share, CAPTIONS)
    regions, words = torch.randn(count, DIMENSIONS, REGIONS), torch.randn(count, DIMENSIONS, WORDS)
    lengths = torch.randint(1, WORDS + 1, (count,))
    tensors = regions, words, lengths, torch.arange(count)
    return [("damsm_word", "a loop over captions", lb.damsm_word, caption_by_caption, tensors)]


def _texts(share: float) -> list[Pair]:
    frames, letters = of(share, FRAMES), of(share, LETTERS, 1)
    lengths = torch.full((TEXTS,), frames), torch.full((TEXTS,), letters)
    tensors = torch.randn(frames, TEXTS, CLASSES), torch.randint(1, CLASSES, (TEXTS, letters)), *lengths

    def after_log_softmax(loss: Mean) -> Mean:
        return lambda logits, *others: loss(logits.log_softmax(2), *others)

    return [("ctc, with log-softmax", "torch", after_log_softmax(lb.ctc), after_log_softmax(F.ctc_loss), tensors)]


def _episodes(share: float) -> list[Pair]:
    steps = of(share, STEPS)
    tensors = torch.randn(EPISODES, steps + 1), torch.randn(EPISODES, steps), 0.99 * torch.ones(EPISODES, steps)

    def squared(errors: Callable[..., Tensor]) -> Mean:
        return lambda *tensors: errors(*tensors).square().mean()

    return [("td_lambda_error", "a loop over steps", squared(lb.td_lambda_error), squared(step_by_step), tensors)]


def step_by_step(values: Tensor, rewards: Tensor, discounts: Tensor) -> Tensor:
    """The TD(lambda) errors, from the end of the episodes to their beginning."""
    following = values.detach()[:, 1:]
    ahead, found = following[:, -1], []
    for t in reversed(range(rewards.shape[1])):
        ahead = rewards[:, t] + discounts[:, t] * (0.1 * following[:, t] + 0.9 * ahead)
        found.append(ahead)
    return torch.stack(found[::-1], dim=1) - values[:, :-1]


def caption_by_caption(regions: Tensor, words: Tensor, lengths: Tensor, classes: Tensor) -> Tensor:
    """The word loss with one caption at a time against all images, as published code goes about it."""
    columns = []
    for caption, length in zip(words, lengths.tolist(), strict=True):
        own = caption[:, :length]
        likeness = torch.einsum("dt,bdr->btr", own, regions).softmax(1)
        attention = (4.0 * likeness).softmax(2)
        context = torch.einsum("btr,bdr->btd", attention, regions)
        relevance = F.cosine_similarity(context, own.T[None], dim=2)
        columns.append(torch.logsumexp(5.0 * relevance, dim=1) / 5.0)
    scores = 10.0 * torch.stack(columns, dim=1)
    truth = torch.arange(len(scores))
    return F.cross_entropy(scores, truth) + F.cross_entropy(scores.T, truth)


def growth(share: float, calls: int, rounds: int) -> list[list[str]]:
    """Lovász hinge at four times as many pixels, again and again."""
    torch.manual_seed(0)
    counts = [of(share, pixels) for pixels in (2**14, 2**16, 2**18, 2**20)]
    masks = {n: (torch.randn(1, n), (torch.rand(1, n) < 0.1).float()) for n in counts}
    times = interleave({str(n): clock(lb.lovasz_hinge, masks[n], calls) for n in counts}, rounds)
    return [
        [str(b), str(a), ratio(times[str(b)], times[str(a)]), duration(times[str(b)])]
        for a, b in itertools.pairwise(counts)
    ]
