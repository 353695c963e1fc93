"""The attention scene: words and regions as directions, against DAMSM's own attention and score; its page."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from explorers import data_of, drag, finger, middle, outside, samples, state, violations, wait_until_saved

import lossbook as lb
from lossbook.explorer import explore, island
from lossbook.explorer.attention import CASES, START, attend, directions
from lossbook.explorer.payload import SCENES, make_payload

PLACES = [
    START, *CASES.values(), {"words": (0.0, 0.0, 0.0), "regions": (180.0,) * 4},
    {"words": (17.5, 250.0, 251.0), "regions": (359.5, 0.0, 90.0, 181.0)},
]  # fmt: skip
GAMMAS = [(4.0, 5.0), (0.0, 0.5), (20.0, 20.0), (1.0, 10.0)]


def in_v8(js, place, gamma1=4.0, gamma2=5.0):
    given = json.dumps([place["words"], place["regions"], {"gamma1": gamma1, "gamma2": gamma2}])
    return json.loads(js.eval(f"JSON.stringify(LossBook.attend(...{given}))"))


def naive(place, gamma1, gamma2):
    """Equations 7 to 10 of the paper, one number at a time."""
    words, regions = directions(place["words"]).T, directions(place["regions"]).T
    attention, cosines = [], []
    for i, word in enumerate(words):
        shares = [math.exp(word @ v) / sum(math.exp(other @ v) for other in words) for v in regions]
        weights = [math.exp(gamma1 * share) for share in shares]
        attention.append([weight / sum(weights) for weight in weights])
        context = sum(weight * v for weight, v in zip(attention[i], regions, strict=True))
        cosines.append(context @ word / np.linalg.norm(context))
    return attention, cosines, math.log(sum(math.exp(gamma2 * one) for one in cosines)) / gamma2


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("gammas", GAMMAS)
def test_attention_and_score_are_those_of_the_loss(js, gammas):
    for place in PLACES:
        found = in_v8(js, place, *gammas)
        attention, score = attend(**place, gamma1=gammas[0], gamma2=gammas[1])
        np.testing.assert_allclose(found["attention"], attention, rtol=1e-12, atol=1e-15)
        assert found["score"] == pytest.approx(score, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("gammas", GAMMAS)
def test_attention_and_score_are_the_papers(js, gammas):
    for place in PLACES:
        found = in_v8(js, place, *gammas)
        attention, cosines, score = naive(place, *gammas)
        np.testing.assert_allclose(found["attention"], attention, rtol=1e-12)
        np.testing.assert_allclose(found["cosines"], cosines, rtol=1e-12, atol=1e-12)
        assert found["score"] == pytest.approx(score, rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(np.sum(found["attention"], axis=1), 1, rtol=1e-12)


def test_the_weights_are_the_slopes_of_the_score(js):
    for place in PLACES:
        found = in_v8(js, place, gamma2=3.0)
        cosines = torch.tensor(found["cosines"], dtype=torch.float64, requires_grad=True)
        (slopes,) = torch.autograd.grad(torch.logsumexp(3 * cosines, 0) / 3, cosines)
        assert found["weights"] == pytest.approx(slopes.tolist(), rel=1e-12)


def test_regions_that_cancel_out_leave_no_direction(js):
    place = {"words": (0.0, 0.0, 0.0), "regions": (90.0, 270.0, 90.0, 270.0)}
    found = in_v8(js, place)
    attention, score = attend(**place, gamma1=4.0, gamma2=5.0)
    assert np.abs(found["contexts"]).max() < 1e-12
    assert found["score"] == pytest.approx(score, abs=1e-12)


def test_the_cases_are_what_they_are_called(js):
    found = {name: in_v8(js, place) for name, place in CASES.items()}
    each = np.array(found["A region for each word"]["attention"])
    assert each.argmax(axis=1).tolist() == [0, 1, 2] and min(found["A region for each word"]["cosines"]) > 0.9
    assert found["Nothing for one word"]["cosines"][2] < 0 < min(found["Nothing for one word"]["cosines"][:2])
    np.testing.assert_allclose(found["All regions alike"]["attention"], 0.25)


def test_a_larger_gamma_is_sharper(js):
    attention = [np.max(in_v8(js, START, gamma1=gamma)["attention"], axis=1) for gamma in (0.0, 4.0, 20.0)]
    assert (
        attention[0].tolist() == [0.25] * 3
        and (attention[0] < attention[1]).all()
        and (attention[1] < attention[2]).all()
    )
    best = [max(in_v8(js, START, gamma2=gamma)["weights"]) for gamma in (0.5, 5.0, 20.0)]
    assert best[0] < 0.4 < best[1] < best[2]


# ---------------------------------------------------------------- arguments, traits, figure


wrongly: Any = explore


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"words": [10, 20]}, ValueError, r"words: got an array of shape \(2,\), expected 3 numbers"),
        ({"regions": [10, 20, 30, 400]}, ValueError, "regions: got .* expected numbers from 0 to 360"),
        ({"gamma2": 0.0}, ValueError, "gamma2: got 0.0"),
        ({"gamma3": 5.0}, TypeError, "gamma3: neither a parameter of these losses, which have gamma1, gamma2"),
    ],
)
def test_a_wrong_argument_is_named(options, error, message):
    with pytest.raises(error, match=message):
        wrongly(lb.damsm_word, **options)


def test_it_is_the_scene_of_the_word_loss_alone():
    assert [loss.name for loss in lb.losses() if SCENES["attention"].accepts(loss)] == ["damsm_word"]
    with pytest.raises(ValueError, match="loss: clip is a formula in .* the scene 'attention' draws DAMSM's losses"):
        make_payload(lb.clip, scene="attention")
    # The formula of a small case does not know gamma1, and the picture not gamma3.
    assert [one["name"] for one in make_payload(lb.damsm_word)["parameters"]] == ["gamma1", "gamma2"]


def test_the_traits_are_the_state():
    widget = explore(lb.damsm_word, words=[10, 20, 30], gamma1=2.0)
    assert (widget.words, widget.gamma1, widget.regions) == ([10.0, 20.0, 30.0], 2.0, list(START["regions"]))
    widget.regions = [0, 90, 180, 270]
    assert data_of(widget.html)["state"]["regions"]["start"] == [0.0, 90.0, 180.0, 270.0]
    with pytest.raises(traitlets.TraitError, match="words"):
        widget.words = [10, 20, 999]


def test_the_figure_has_the_numbers_of_the_loss():
    text = island(lb.damsm_word, regions=[10, 100, 190, 280], gamma1=7.0)
    assert 'aria-label="Three words and four image regions as directions' in text and len(text) < 40_000
    attention, score = attend(START["words"], [10, 100, 190, 280], 7.0, lb.damsm_word.defaults["gamma2"])
    assert f"{attention[1, 2]:.2f}<" in text and f"score of image and caption: {score:.2f}<" in text


# ---------------------------------------------------------------- in a browser


def islands():
    """What the page holds; see the fixture `site`."""
    return [island(lb.damsm_word, id="damsm")]


def handle(page, name):
    return page.get_by_role("slider", name=f"direction of {name}")


def dot(page, name):
    return handle(page, name).locator(".lb-dot")


@pytest.mark.parametrize("way", [0, 1], ids=["file", "http"])
def test_the_page_has_torchs_numbers(visit, way):
    page = visit(way=way)
    now, found = state(page, "damsm"), samples(page, "damsm", "damsm_word")
    attention, score = attend(now["words"], now["regions"], now["gamma1"], now["gamma2"])
    np.testing.assert_allclose(found["attention"], attention, atol=1e-12)
    assert found["score"] == pytest.approx(score, abs=1e-12)
    assert page.locator("#damsm caption").text_content() == f"The score of image and caption: {score:.2f}"
    numbers = page.locator("#damsm .lb-slot text").all_text_contents()
    assert numbers == [f"{one:.2f}" for one in attention.ravel()]


def test_the_pointer_turns_a_word_and_a_region(visit):
    page = visit()
    before = page.locator("#damsm caption").text_content()
    drag(page, dot(page, "word a"), -60, 20)
    words = state(page, "damsm")["words"]
    assert 90 < words[0] < 130 and words[1:] == list(START["words"][1:])
    assert page.locator("#damsm caption").text_content() != before
    drag(page, dot(page, "region 4"), 0, -60)
    regions = state(page, "damsm")["regions"]
    assert regions[:3] == list(START["regions"][:3]) and 0 <= regions[3] < 60
    # A press without a way changes nothing.
    page.mouse.click(*middle(dot(page, "region 4")))
    assert state(page, "damsm")["regions"] == regions


def test_the_keyboard_turns_them(visit):
    page = visit()
    word = handle(page, "word a")
    word.focus()
    for key, expected in [("ArrowRight", 83), ("ArrowDown", 85), ("PageUp", 65), ("Home", 85)]:
        page.keyboard.press(key)
        assert state(page, "damsm")["words"][0] == expected, key
    assert word.get_attribute("aria-valuenow") == "85"
    assert word.get_attribute("aria-valuetext") == "85.0 degrees, looks most at region 1, cosine 1.00"
    handle(page, "region 2").press("ArrowLeft")
    assert state(page, "damsm")["regions"] == [60, 122, 200, 350]
    assert handle(page, "region 2").get_attribute("aria-valuetext") == "122.0 degrees"


def test_the_sliders_sharpen(visit):
    page = visit()
    page.locator("#damsm input[type=range]").nth(0).fill("0")
    assert page.locator("#damsm .lb-slot text").all_text_contents() == ["0.25"] * 12
    page.locator("#damsm input[type=range]").nth(1).fill("20")
    weights = [float(one) for one in page.locator("#damsm .lb-classes td:last-child").all_text_contents()]
    assert sum(weights) == pytest.approx(1, abs=0.02)
    assert weights == pytest.approx(samples(page, "damsm", "damsm_word")["weights"], abs=0.0051)


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_set_up(visit, name):
    page = visit()
    page.get_by_role("button", name=name).click()
    now = state(page, "damsm")
    assert {"words": tuple(now["words"]), "regions": tuple(now["regions"])} == CASES[name]
    page.locator("button[data-action=reset]").click()
    assert state(page, "damsm")["words"] == list(START["words"])


def test_the_address_keeps_the_state(visit):
    page = visit(way=1)
    handle(page, "word b").press("ArrowLeft")
    wait_until_saved(page, "damsm")
    assert page.url.endswith("?damsm.words=85_217_305#damsm")
    again = visit(page.url[page.url.index("/page.html") :], way=1)
    assert state(again, "damsm") == state(page, "damsm")
    odd = visit("/page.html?damsm.words=1_2&damsm.regions=1_2_3_400")
    assert state(odd, "damsm") == odd.evaluate("document.getElementById('damsm').lossbook.defaults")


def test_the_live_text_speaks_after_a_pause(visit):
    page = visit()
    assert page.locator("#damsm .lb-live").text_content() == ""
    handle(page, "word c").press("ArrowLeft")
    page.wait_for_function("document.querySelector('#damsm .lb-live').textContent !== ''")
    said = page.locator("#damsm .lb-live").text_content()
    assert said.startswith("The score is ") and "Word c looks most at region 4, cosine " in said


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_overflows(visit, width):
    page = visit(width=width, has_touch=width < 500)
    assert outside(page) == []
    hit = page.locator("#damsm .lb-hit").first.bounding_box()
    assert min(hit["width"], hit["height"]) >= 44


def test_a_finger_turns_a_word(visit):
    page = visit(width=390, has_touch=True)
    finger(page, dot(page, "word a"), -40, 10)
    assert 90 < state(page, "damsm")["words"][0] < 120


@pytest.mark.parametrize(
    ("address", "expected"), [("/page.html", "rgb(0, 114, 178)"), ("/dark.html", "rgb(86, 180, 233)")]
)
def test_colors_follow_the_theme(visit, address, expected):
    page = visit(address)
    assert page.evaluate("getComputedStyle(document.querySelector('#damsm .lb-push.lb-loss')).stroke") == expected


def test_without_javascript_the_figure_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_role("img", name="Three words and four image regions").is_visible()


@pytest.mark.parametrize("address", ["/page.html", "/dark.html"])
def test_axe_finds_nothing(visit, address):
    assert violations(visit, address) == []
