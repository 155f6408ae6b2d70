import pytest

from memos_mcp.interface.notation import noted


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Lunch is at half past twelve.", "Lunch is at 12:30."),
        ("at quarter to eight in the evening", "at 19:45"),
        ("at 12.30", "at 12:30"),
        ("10 pm", "22:00"),
        ("at 9 o'clock", "at 9:00"),
        ("06:15", "6:15"),
        ("two hundred and five goats", "205 goats"),
        ("twenty-five", "25"),
        ("48k", "48000"),
        ("£1,200", "1,200 pounds"),
        ("on the 3rd of May", "on 3rd of May"),
        ("Dr. Vance's at the café", "Dr Vance is at the cafe"),
    ],
)
def test_numbers_times_and_amounts_are_written_in_one_way(written: str, read: str) -> None:
    assert noted(written) == read


@pytest.mark.parametrize("text", ["12.30 euros", "no one", "Bus 14 to Graz", "version 1.10", "one of them", ""])
def test_what_is_no_time_or_number_stays_as_it_is(text: str) -> None:
    assert noted(text) == text
