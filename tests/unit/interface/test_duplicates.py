from datetime import UTC, datetime, timedelta, timezone

import pytest

from memos_mcp.interface.duplicates import normalise, piece_key, statement_key, turn_key

SAME = [
    ("Ada likes tea", "ada likes TEA"),
    ("Ada likes tea", "  Ada   likes\ntea "),
    ("Ada likes tea", "Ada likes tea."),
    ("Ada likes tea", "Ada likes tea!!"),
    ("Ada likes tea, and coffee", "Ada likes tea and coffee"),
    ("Ada likes “green” tea", 'Ada likes "green" tea'),
    ("Ada likes (green) tea", "Ada likes green tea"),
    ("a well-known fact", "a well known fact"),
    ("Tea – the best", "Tea: the best"),
    ("Tea—the best", "tea, the best"),
    ("- Ada likes tea", "Ada likes tea"),
    ("Wait… what?", "Wait, what??"),
    ("I don't drink", "I do not drink"),
    ("I don’t drink", "I DON'T drink"),
    ("I can't swim", "I cannot swim"),
    ("I can't swim", "I can not swim"),
    ("She won't come", "She will not come"),
    ("I'm vegan", "I am vegan"),
    ("I’m vegan", "i am vegan."),
    ("It's cold", "It is cold"),
    ("He's been to Rome", "He has been to Rome"),
    ("They're late", "They are late"),
    ("We've moved", "We have moved"),
    ("I'll call", "I will call"),
    ("I'd like tea", "I would like tea"),
    ("You'd better go", "You had better go"),
    ("Let's go", "Let us go"),
    ("What's that?", "What is that?"),
    ("We met on 8 May 2023", "We met on May 8, 2023"),
    ("We met on 8 May 2023", "We met on 2023-05-08"),
    ("We met on 8th of May 2023", "We met on May 8th, 2023."),
    ("We met on 8 May, 2023", "We met on 2023/5/8"),
    ("Born 5 Jan 1990", "Born January 5, 1990"),
    ("Her birthday is Sept. 3", "Her birthday is 3 September"),
    ("I paid $1,000", "I paid $1000"),
    ("I paid $1,000", "I paid 1000 dollars"),
    ("I paid $1,000.00", "I paid 1,000 dollars"),
    ("I paid €20", "I paid 20 euros"),
    ("I paid 20 €", "I paid 20 EUR"),
    ("It holds 1,000 people", "It holds 1000 people"),
    ("I ran 5 km", "I ran 5km"),
    ("I ran 5 km", "I ran 5 kilometers"),
    ("I ran 5 kilometres", "I ran 5-km"),
    ("It weighs 3.5 kg", "It weighs 3.5 kilograms"),
    ("It is 20 % off", "It is 20% off"),
    ("It is 20 percent off", "It is 20% off"),
    ("It takes 15 minutes", "It takes 15 min"),
    ("It takes 2 hours", "It takes 2h"),
    ("At 1:56 pm", "at 1:56PM"),
    ("At 1:56 p.m. today", "At 1:56 pm today"),
    ("Pages 10-15", "Pages 10–15"),
    ("Pages 10 - 15", "Pages 10–15"),
    ("Set to -5", "Set to \u22125"),
    ("It is 20 °C", "It is 20°C"),
    ("It is 20 degrees Celsius", "It is 20 °C"),
    ("Caf\u00e9 Noir", "Cafe\u0301 noir"),
    ("我喜欢茶。", "我喜欢茶"),
    ("¡Hola! Soy Ana", "Hola, soy Ana."),
    ("I love it 👍", "I love it👍"),
    ("I love it ❤\ufe0f", "I love it ❤"),
    ("I moved :)", "I moved :-)"),
]

DIFFERENT = [
    ("I have 5 cats", "I have 6 cats"),
    ("I have 5 cats", "I have 50 cats"),
    ("I have 5 cats", "I have cats"),
    ("Version 2.10", "Version 210"),
    ("Version 2.10", "Version 2.1"),
    ("Version 2.10", "Version 2 10"),
    ("It costs 2.50", "It costs 250"),
    ("It costs $2.50", "It costs $250"),
    ("It costs 2,50", "It costs 250"),
    ("It costs 1,000", "It costs 1.000"),
    ("It costs 1,000", "It costs 10,00"),
    ("It costs $5", "It costs €5"),
    ("It costs £5", "It costs $5"),
    ("It costs £5", "It weighs 5 pounds"),
    ("I lost £5", "I lost 5 pounds"),
    ("It costs 5 dollars", "It costs 5"),
    ("Set to -5", "Set to 5"),
    ("Set to -5", "Set to +5"),
    ("Set to .5", "Set to 5"),
    ("Set to 0.5", "Set to 05"),
    ("The balance is -$5", "The balance is $5"),
    ("Pages 10-15", "Pages 1015"),
    ("Pages 10-15", "Pages 10 15"),
    ("A ratio of 1/2", "A ratio of 12"),
    ("A ratio of 1:2", "A ratio of 12"),
    ("At 13:56", "At 1356"),
    ("At 1:56 am", "At 1:56 pm"),
    ("We met on 8 May 2023", "We met on 9 May 2023"),
    ("We met on 8 May 2023", "We met on 8 June 2023"),
    ("We met on 8 May 2023", "We met on 8 May 2024"),
    ("We met on 8 May 2023", "We met on 8 May"),
    ("We met on 2023-05-08", "We met on 2023-08-05"),
    ("We met on 5/8/2023", "We met on 8/5/2023"),
    ("I ran 5 km", "I ran 5 miles"),
    ("I ran 5 km", "I ran 5 cm"),
    ("I ran 5 km", "I ran 5"),
    ("It is 20 %", "It is 20"),
    ("It is 20 °C", "It is 20 °F"),
    ("I earn 5m", "I ran 5 meters"),
    ("I am 6'", 'I am 6"'),
    ("5'10\"", "510"),
    ("Ada likes tea", "Ada does not like tea"),
    ("I can swim", "I can't swim"),
    ("I can swim", "I cannot swim"),
    ("I do drink", "I don't drink"),
    ("a != b", "a = b"),
    ("Ada likes tea", "Ada likes tea?"),
    ("Really", "Really?"),
    ("Ты пьёшь чай", "Ты пьёшь чай?"),
    ("你喝茶", "你喝茶？"),  # noqa: RUF001 the question mark of Chinese
    ("Πίνεις τσάι.", "Πίνεις τσάι;"),
    ("Ada likes tea", "Ida likes tea"),
    ("Ada met Ben", "Ben met Ada"),
    ("Ann's dog", "Anns dog"),
    ("Ann's dog", "Ann dog"),
    ("I write C", "I write C++"),
    ("I write C", "I write C#"),
    ("I write C++", "I write C#"),
    ("I use .NET", "I use NET"),
    ("Blood group A+", "Blood group A-"),
    ("Blood group A-", "Blood group A"),
    ("i++", "i--"),
    ("I moved :)", "I moved :("),
    ("I moved :)", "I moved"),
    ("I moved 😀", "I moved"),
    ("I moved 😀", "I moved 😢"),
    ("👍🏽", "👍"),
    ("👨\u200d👩\u200d👧", "👨👩👧"),
    ("...", "!!!"),
    ("😀", "😢"),
    ("x²", "x2"),
    ("½ cup", "1 2 cup"),
    ("Maße", "Masse"),
    ("résumé", "resume"),
    ("कि", "का"),
    ("re-sign", "resign"),
    ("its", "it's"),
    ("I'd put it away", "I would put it away"),
    ("and/or", "and or"),
    ("#1", "1"),
    ("@ann", "ann"),
    ("50¢", "50"),
    ("foo_bar", "foo bar"),
    ("2*3", "2 3"),
    ("x > 5", "x < 5"),
    ("\u0665\u066b\u0666", "\u0665\u0666"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_statement_in_another_notation_is_a_duplicate(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert statement_key(one, "Ann") == statement_key(other, "Ann")


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_statements_that_say_something_else_are_never_duplicates(one: str, other: str) -> None:
    assert statement_key(one, "Ann") != statement_key(other, "Ann")


def test_the_same_words_of_two_speakers_are_two_statements() -> None:
    assert statement_key("I like tea", "Ann") != statement_key("I like tea", "Ben")
    assert statement_key("I like tea", "Ann") != statement_key("I like tea", None)
    assert statement_key("I like tea", "Ann") == statement_key("I like tea", "ann")


def test_a_key_has_16_bytes_and_is_the_same_in_every_process() -> None:
    assert statement_key("Ada likes tea", None).hex() == "a3f385dcefe54aa25a69e831cde1cafc"


def test_the_same_words_later_in_a_conversation_are_another_turn() -> None:
    first = turn_key(b"", "Ann", None, "Thanks!", "s1")
    again = turn_key(first, "Ann", None, "Thanks!", "s1")
    assert len({first, again, turn_key(again, "Ann", None, "Thanks!", "s1")}) == 3


def test_the_same_turn_in_two_sessions_is_two_turns() -> None:
    assert turn_key(b"", "Ann", None, "Thanks!", "s1") != turn_key(b"", "Ann", None, "Thanks!", "s2")


def test_one_moment_in_two_zones_is_the_same_moment_of_a_turn() -> None:
    noon = datetime(2023, 5, 8, 12, tzinfo=UTC)
    there = noon.astimezone(timezone(timedelta(hours=2)))
    assert turn_key(b"", "Ann", noon, "Hi", None) == turn_key(b"", "Ann", there, "Hi", None)
    assert turn_key(b"", "Ann", noon, "Hi", None) != turn_key(b"", "Ann", noon + timedelta(seconds=1), "Hi", None)


def test_a_piece_of_a_document_is_known_by_source_and_occurrence() -> None:
    keys = {
        piece_key("a", None, "Same words.", 0),
        piece_key("a", None, "Same words.", 1),
        piece_key("b", None, "Same words.", 0),
    }
    assert len(keys) == 3
    assert piece_key("a", None, "Same words.", 0) == piece_key("a", None, "same words", 0)


def test_statements_turns_and_pieces_never_share_a_key() -> None:
    assert len({statement_key("Hi", ""), turn_key(b"", "", None, "Hi", ""), piece_key("", "", "Hi", 0)}) == 3


def test_speaker_and_text_cannot_be_taken_for_each_other() -> None:
    assert statement_key("b c", "a") != statement_key("c", "a b")
