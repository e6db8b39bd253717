"""How what one check finds is said."""

from kreproduce.doctor.check import Check


def test_a_line_has_the_state_what_was_found_and_what_to_do():
    check = Check("locks", "fault", "there are none", "use another disk", {"locked": False})
    assert check.line(8) == "locks     fault: there are none; use another disk"
    assert check.as_json() == {
        "name": "locks",
        "state": "fault",
        "found": "there are none",
        "remedy": "use another disk",
        "values": {"locked": False},
    }


def test_nothing_to_do_is_not_said():
    assert Check("GPU", "not applicable", "none").line(3) == "GPU  not applicable: none"


def test_a_line_is_one_line_whatever_was_found():
    found = "no\nfile\x1b[2J" + 5000 * "x"
    line = Check("a", "fault", found, "do so").line(1)
    assert line.isprintable()
    assert len(line) < 1600
    assert line.endswith("; do so")
