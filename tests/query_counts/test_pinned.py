"""What the comparison with the pinned numbers finds, and what renewing keeps."""

import pytest

from tests.query_counts.pinned import find_differences, print_counts, read_pinned

PINNED = """
[campus]
"GET a/" = [3, 3, 3]
"POST a/" = [4, 4, 9]  # one for each part of it, at most 5
"""


@pytest.mark.parametrize(
    ("counted", "found"),
    [
        ({"GET a/": [3, 3, 3], "POST a/": [4, 4, 9]}, []),
        ({"GET a/": [3, 3, 3]}, ["campus: POST a/ is pinned, and there is no such route"]),
        (
            {"GET a/": [3, 3, 3], "POST a/": [4, 4, 9], "GET b/": [1, 1, 1]},
            ["campus: GET b/ is not pinned; it sends [1, 1, 1]"],
        ),
        (
            {"GET a/": [3, 3, 4], "POST a/": [4, 4, 8]},
            [
                "campus: GET a/ is pinned at [3, 3, 3], and sends [3, 3, 4]",
                "campus: POST a/ is pinned at [4, 4, 9], and sends [4, 4, 8]",
            ],
        ),
    ],
)
def test_differences(counted: dict[str, list[int]], found: list[str]) -> None:
    assert find_differences(pinned=read_pinned(PINNED), counted={"campus": counted}, before=PINNED) == found


def test_what_grows_needs_a_comment() -> None:
    counted = read_pinned(PINNED)

    assert find_differences(pinned=counted, counted=counted, before=PINNED) == []
    assert find_differences(pinned=counted, counted=counted, before="") == [
        "campus: POST a/ sends [4, 4, 9]: not the same with more rows, and no comment says why"
    ]


def test_renewing_keeps_comments_and_drops_what_has_gone() -> None:
    counts = {"campus": {"POST a/": [4, 4, 8], "GET b/": [1, 1, 1]}, "public": {"GET c/": [2, 2, 2]}}

    text = print_counts(counts, before=PINNED)

    assert read_pinned(text) == counts
    assert '"POST a/" = [4, 4, 8]  # one for each part of it, at most 5\n' in text
    assert print_counts(counts, before=text) == text
