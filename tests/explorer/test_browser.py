"""The explorer in a real browser: its keys, clicks and sliders, in headless Chromium.

It wants playwright and a Chromium on the machine (or playwright's own):
``nox -s tests-browser``. The environment variable SCREENSHOTS names a folder for pictures of it,
and with REFRESH=1 the picture of docs/explorer.md is taken anew.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from xprnn._explorer import make_page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytest.importorskip("playwright", reason="playwright is not installed")
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)

from playwright.sync_api import sync_playwright  # noqa: E402

PICTURE = Path(__file__).parents[2] / "docs" / "figures" / "explorer.png"
SIMILAR = 20
"""As a root mean square of 255."""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "lesson.html"
    path.write_text(make_page(), encoding="utf-8")
    return path


@pytest.fixture(params=[(1400, "light"), (1400, "dark"), (400, "light"), (400, "dark")], ids=str)
def page(request, browser, lesson):
    """The explorer at a width and in a theme, without a network; it may report no problem."""
    width, theme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 1000}, color_scheme=theme, offline=True,
        has_touch=width < 500,
    )  # fmt: skip
    context.set_default_timeout(5000)
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: r.url.startswith(("file:", "data:")) or problems.append(r.url))
    page.goto(lesson.as_uri())
    yield page
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", request.node.name).strip("-")
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert not problems
    assert wide <= width


def numbers(page):
    """Return the numbers that the page carries."""
    return json.loads(page.locator("#numbers").text_content())


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def read(text):
    return float(text.replace("−", "-"))


def test_steps_go_forward_and_back(page):
    data = numbers(page)["cells"]["elman"]["lessons"]["6"]
    assert "h(0) = 0" in page.inner_text("#where")
    press(page, "ArrowRight", "ArrowRight")
    assert page.inner_text("#where").startswith("Forward, step 2 of 6")
    shown = [
        read(row.split("\t")[-1])
        for row in page.locator("#numbers-of-step tbody").first.inner_text().splitlines()
    ]
    assert shown == pytest.approx(data["forward"][1]["state"][0], abs=1e-4)
    page.click("#next") if page.viewport_size["width"] > 500 else page.tap("#next")
    assert page.input_value("#position") == "3"
    press(page, "End")
    assert "the gradient is complete" in page.inner_text("#where")
    press(page, "ArrowLeft")
    assert page.inner_text("#where").startswith("Back, step 2")
    column = page.locator("#numbers-of-step tbody").first.inner_text().splitlines()
    assert [read(row.split("\t")[-1]) for row in column] == pytest.approx(
        data["runs"][""]["back"][1]["dstate"][0], abs=1e-4
    )
    page.locator("#drawing .column").nth(4).click()
    assert page.inner_text("#where").startswith("Back, step 5")
    page.fill("#position", "1")
    assert page.inner_text("#where").startswith("Forward, step 1")
    press(page, "Home")
    assert page.is_disabled("#start")


def test_each_mistake_turns_the_check_red(page):
    press(page, "End")
    assert "The gradient is right" in page.inner_text("#check")
    right = page.locator(".grid button").evaluate_all("all => all.map(b => b.ariaLabel)")
    for number in "1234":
        press(page, number)
        assert page.is_checked(f"#mistake-{number}")
        assert "The gradient is wrong" in page.inner_text("#check")
        assert "wrong" in page.inner_text("#verdict")
        bars = page.locator(".grid button").evaluate_all("all => all.map(b => b.ariaLabel)")
        moved = [a != b for a, b in zip(right, bars, strict=True)]
        said = page.locator(".grid button").evaluate_all("all => all.map(b => b.dataset.ok)")
        assert [ok == "false" for ok in said] == moved
        page.uncheck(f"#mistake-{number}")
        assert "The gradient is right" in page.inner_text("#check")


def test_cells_lengths_and_what_they_change(page):
    page.get_by_text("LSTM", exact=True).first.click()
    assert page.locator("#bars .grid button").count() == 64
    assert page.is_disabled("#mistake-3")
    assert "(3, 12)" in page.inner_text("#switches")
    press(page, "3")
    assert "right" in page.inner_text("#verdict")
    press(page, "t")
    assert page.locator("#drawing .column").count() == 12
    page.locator("#scale label").first.click()
    reach = numbers(page)["cells"]["lstm"]["reach"]["0.5"]["12"][0]
    found = re.search(r"LSTM: (\S+) at step 1", page.inner_text("#reach-chart"))[1]
    assert float(found) == pytest.approx(reach, rel=0.1)
    press(page, "c")
    assert page.locator("#bars .grid button").count() == 52
    press(page, "End", "]", "]")
    assert page.locator(".grid button[aria-pressed=true]").get_attribute("title") == "dW[0, 2]"
    assert "Terms of dW[0, 2]" in page.inner_text("#terms")
    assert page.locator("#terms rect").count() == 12


def test_training_with_a_mistake_is_shown_beside_the_right_one(page):
    trained = numbers(page)["cells"]["elman"]["trained"]
    press(page, "2")
    page.fill("#epoch", "3")
    assert page.inner_text("#epoch-number") == "3"
    words = page.inner_text("#fit-chart p")
    for key, name in {"": "right gradient", "2": "with the mistakes"}.items():
        found = re.search(rf"{name}: loss ([\d.]+)", words)[1]
        assert float(found) == pytest.approx(trained[key]["loss"][3], abs=1e-4)
    assert page.locator("#fit-chart path.chart").count() == 2


def test_play_goes_on_by_itself_and_pauses(page):
    page.clock.install()
    press(page, " ")
    page.clock.run_for(2000)
    assert int(page.input_value("#position")) >= 2
    page.get_by_text("Pause").click()
    stands = page.input_value("#position")
    page.clock.run_for(5000)
    assert page.input_value("#position") == stands


def test_the_theme_can_be_turned(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != before
    page.click("#theme")
    assert page.evaluate(colour) == before


def test_the_picture_of_the_page_is_fresh(browser, lesson, tmp_path):
    """Another machine has other fonts; another layout or other numbers differ by more."""
    from matplotlib.testing.compare import compare_images

    page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
    page.goto(lesson.as_uri())
    press(page, *["ArrowRight"] * 9)
    page.screenshot(path=tmp_path / "explorer.png")
    page.close()
    if os.environ.get("REFRESH"):
        shutil.copy(tmp_path / "explorer.png", PICTURE)
    assert compare_images(str(PICTURE), str(tmp_path / "explorer.png"), tol=SIMILAR) is None
