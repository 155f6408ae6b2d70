import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import snowballstemmer
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.infrastructure import tokens
from memos_mcp.infrastructure.tokens import date_terms, question_terms, terms

_ENDINGS = (
    "s sses ies ss eed ed ing at bl iz y ational tional enci anci izer abli alli entli eli ousli ization ation ator "
    "alism iveness fulness ousness aliti iviti biliti icate ative alize iciti ical ful ness al ance ence er ic "
    "able ible ant ement ment ent ion ou ism ate iti ous ive ize e ll bb sion tion x k t"
).split()


@given(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.sampled_from(_ENDINGS))
def test_every_english_word_gets_the_stem_of_the_porter_library(root: str, ending: str) -> None:
    word = root + ending
    assert terms(f"{word}zz")  # never empty for a word
    expected = [snowballstemmer.stemmer("porter").stemWord(word)] if len(word) > 2 else [word]
    assert terms(word) in (expected, [])


def test_forms_of_a_word_share_a_term() -> None:
    assert set(terms("connect connected connecting connections")) == {"connect"}


def test_words_of_grammar_are_no_terms() -> None:
    assert terms("it was the tea that she had") == ["tea"]


def test_letters_are_folded() -> None:
    assert terms("Café ÉLAN straße ﬁne") == terms("cafe elan strasse fine")


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("The locker K-2047 is by the door", "k-2047"),
        ("Встретились в кафе на вокзале", "КАФЕ"),
        ("Συναντηθήκαμε στο λιμάνι", "λιμανι"),
        ("نلتقي في المَدْرَسة غدا", "المدرسة"),
        ("हम स्टेशन पर मिले", "स्टेशन"),
        ("明日は東京タワーに行く", "東京"),
        ("เราพบกันที่ตลาด", "ตลาด"),
        ("서울에서 만났다", "서울"),
        ("我喜欢喝绿茶", "茶"),
    ],
)
def test_a_token_of_any_script_is_found_in_its_text(text: str, token: str) -> None:
    assert set(question_terms(token)) <= set(terms(text))


def test_a_date_in_digits_is_the_date_in_words() -> None:
    assert terms("on 2026-03-02") == terms("on 2026 March 2") == date_terms(datetime(2026, 3, 2, tzinfo=UTC))


def test_words_that_only_ask_are_dropped() -> None:
    assert question_terms("What can you tell me about tea?") == ["about", "tea"]


def test_a_question_of_nothing_but_asking_words_keeps_them() -> None:
    assert question_terms("who? why?") == terms("who why")


def test_may_within_a_sentence_is_the_month() -> None:
    assert terms("May")[0] in question_terms("What happened in May?")
    assert terms("may")[0] not in question_terms("What may happen?")


@given(st.text(max_size=200))
def test_any_text_has_terms_without_error_and_query_syntax_has_no_meaning(text: str) -> None:
    for term in terms(text):
        assert term
        assert not set(term) & set("\"'*():^-\x00 ")


def test_words_are_stemmed_in_several_threads_as_in_one() -> None:
    stem = tokens._stem.__wrapped__  # pyright: ignore[reportPrivateUsage] - without what it keeps
    words = [
        f"{root}{end}" for root in ("nation", "condition", "plaster", "hope") for end in ("", "ally", "ing", "fully")
    ]

    def stemmed(_turn: int) -> list[str]:
        return [stem(word) for word in words]

    alone = stemmed(0)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(stemmed, range(400)))
    finally:
        sys.setswitchinterval(usual)
    assert [each for each in found if each != alone] == []
