"""JSON of unknown origin."""

import pytest

from kreproduce.system.strict import from_json


def test_what_is_json_is_read():
    values = {"a": [1, 2.5, -1e3, None, True, {"a": "b"}], "b": 2**70}
    text = '{"a": [1, 2.5, -1e3, null, true, {"a": "b"}], "b": 1180591620717411303424}'
    assert from_json(text) == from_json(text.encode()) == values


@pytest.mark.parametrize(
    ("text", "why"),
    {
        '{"a": 1, "b": 2, "a": 3}': "the key 'a' stands twice",
        '[{"x": {"a": 1, "a": 1}}]': "the key 'a' stands twice",
        '{"a": NaN}': "NaN is not a finite number",
        "[-Infinity]": "-Infinity is not a finite number",
        "[1e999]": "1e999 is not a finite number",
        "9" * 5000: "Exceeds the limit",
        "[" * 100_000: "nested too deeply",
        '{"a":' * 100_000: "nested too deeply",
        "{": "Expecting",
        "": "Expecting value",
    }.items(),
    ids=range(10),
)
def test_what_is_refused(text, why):
    for content in (text, text.encode()):
        with pytest.raises(ValueError, match=why):
            from_json(content)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(ValueError, match="codec can't decode"):
        from_json(b"\xff\xfe\xff")
