"""The exercises and their answers are two pages with one set of checks.

That the checks of one page fail, and those of the other pass, is what the pages show;
test_docs.py runs both.
"""

import doctest
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def read_checks(page):
    """Return the check of each exercise, pairs of a statement and what it prints."""
    text = (DOCS / page).read_text(encoding="utf-8")
    parser, checks = doctest.DocTestParser(), {}
    for section in text.split("\n## "):
        title, _, body = section.partition("\n")
        if title[0].isdigit():
            first = re.search(r"^```python\n(>>> .*?)^```$", body, re.MULTILINE | re.DOTALL)
            checks[title] = [(each.source, each.want) for each in parser.get_examples(first[1])]
    return checks


def test_every_exercise_has_an_answer_with_the_same_check():
    sheet, answers = read_checks("exercises.md"), read_checks("exercises_answers.md")
    assert len(sheet) == 10
    for title, check in sheet.items():
        assert [source for source, _ in check] == [source for source, _ in answers[title]]
    assert sheet.keys() == answers.keys()


def test_a_gap_fails_its_check_and_an_answer_passes_it():
    full = {"()\n", "0.5\n"}
    for page, passes in (("exercises.md", False), ("exercises_answers.md", True)):
        for title, check in read_checks(page).items():
            said = [want for _, want in check if want]
            marks = [want in full or set(want.split("\n")) == {"right", ""} for want in said]
            assert marks == [passes] * len(marks), title
            assert marks, title
